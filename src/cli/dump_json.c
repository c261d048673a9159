/* dump_json: a dump for programs; docs/formats/dump-json.md. See dump.h. */
#include "base/json.h"
#include "base/json_member.h"
#include "cli/dump.h"
#include "failure/redact.h"
#include "measure/clock.h"

#define JSON_VERSION 1

static void put_value(const struct tg_dump_local *local, struct tg_json *json) {
    static const char *const kinds[] = {[TG_VALUE_UNREADABLE] = "unreadable",
                                        [TG_VALUE_NUMBER] = "literal",
                                        [TG_VALUE_STR] = "str",
                                        [TG_VALUE_BYTES] = "bytes",
                                        [TG_VALUE_OTHER] = "type"};
    const struct tg_python_value *value = &local->value;
    tg_json_begin_object(json);
    tg_json_member_text(json, "name", local->name);
    tg_json_member_text(json, "kind", local->is_redacted ? "redacted" : kinds[value->kind]);
    tg_json_key(json, "value");
    if (local->is_redacted) {
        tg_json_string(json, TG_REDACTED);
    } else {
        tg_json_string_bytes(json, value->text, value->size);
    }
    if (value->kind == TG_VALUE_STR || value->kind == TG_VALUE_BYTES) {
        tg_json_member_uint(json, "length", value->length);
    }
    tg_json_end_object(json);
}

static void put_frame(const struct tg_dump *dump, struct tg_frame frame, struct tg_json *json) {
    struct tg_symbol symbol = tg_symbols_get(&dump->symbols, frame.symbol);
    tg_json_member_text(json, "function", symbol.name);
    tg_json_key(json, "file");
    tg_json_string(json, symbol.file);
    tg_json_member_uint(json, "line", frame.line);
    tg_json_member_uint(json, "first_line", symbol.first_line);
}

static void put_locals(const struct tg_dump_details *details, size_t frame, struct tg_json *json) {
    tg_json_key(json, "locals");
    tg_json_begin_array(json);
    for (size_t i = 0; i < details->local_count; i++) {
        if (details->locals[i].frame == frame) {
            put_value(&details->locals[i], json);
        }
    }
    tg_json_end_array(json);
}

static void put_thread(const struct tg_dump *dump, const struct tg_dump_thread *seen, struct tg_json *json) {
    const char state[] = {seen->state, '\0'};
    tg_json_begin_object(json);
    tg_json_member_int(json, "thread", seen->thread.tid);
    tg_json_member_string(json, "name", seen->thread.name);
    tg_json_member_int(json, "interpreter", seen->thread.interpreter);
    tg_json_member_string(json, "state", state);
    tg_json_member_bool(json, "has_gil", seen->has_gil);
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    for (size_t i = seen->depth; i-- > 0;) {
        tg_json_begin_object(json);
        put_frame(dump, seen->frames[i], json);
        if (dump->with_locals) {
            put_locals(&seen->details, i, json);
        }
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
    tg_json_end_object(json);
}

static void put_task(const struct tg_dump *dump, const struct tg_dump_task *task, struct tg_json *json) {
    tg_json_begin_object(json);
    bool has_thread = task->thread < dump->count;
    tg_json_member_string(json, "name", task->task.name);
    tg_json_member_bool(json, "is_running", task->task.is_running);
    tg_json_member_int_if(json, "thread", has_thread, has_thread ? dump->threads[task->thread].thread.tid : 0);
    tg_json_key(json, "frames");
    tg_json_begin_array(json);
    for (size_t i = task->task.depth; i-- > 0;) {
        tg_json_begin_object(json);
        put_frame(dump, task->task.frames[i], json);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
    tg_json_end_object(json);
}

static void put_head(const struct tg_dump *dump, struct tg_json *json) {
    struct tg_strbuf version = TG_STRBUF_INIT;
    tg_dump_append_version(dump->version, &version);
    tg_json_member_text(json, "schema", "tachograph-dump");
    tg_json_member_uint(json, "schema_version", JSON_VERSION);
    tg_json_member_text(json, "tachograph_version", TG_VERSION);
    tg_json_key(json, "time_unix_ns");
    tg_json_int(json, tg_clock_wall_ns());
    tg_json_key(json, "pid");
    tg_json_int(json, dump->pid);
    tg_json_member_text(json, "python_version", tg_strbuf_text(&version));
    tg_json_member_uint(json, "unread_count", dump->unseen);
    tg_strbuf_release(&version);
}

void tg_dump_append_json(const struct tg_dump *dump, struct tg_strbuf *out) {
    struct tg_json json;
    tg_json_init(&json, out);
    tg_json_begin_object(&json);
    put_head(dump, &json);
    tg_json_key(&json, "threads");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < dump->count; i++) {
        put_thread(dump, &dump->threads[i], &json);
    }
    tg_json_end_array(&json);
    tg_json_key(&json, "tasks");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < dump->task_count; i++) {
        put_task(dump, &dump->tasks[i], &json);
    }
    tg_json_end_array(&json);
    tg_json_end_object(&json);
    tg_strbuf_append_char(out, '\n');
}
