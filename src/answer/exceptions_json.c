/* exceptions_json: see exceptions_json.h. */
#include "answer/exceptions_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What was captured is JSON already; what was not is null. */
static void write_captured(struct tg_json *json, const char *key, const char *text) {
    tg_json_key(json, key);
    if (text[0]) {
        tg_json_verbatim(json, text, strlen(text));
    } else {
        tg_json_null(json);
    }
}

static void write_sample(struct tg_json *json, const struct tg_store_exception_sample *sample) {
    tg_json_key(json, "sample");
    if (sample->id == 0) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_int(json, "id", sample->id);
    tg_json_member_int(json, "iteration", sample->iteration);
    tg_json_member_int(json, "unix_ns", sample->wall_ns);
    tg_json_member_string(json, "host", sample->host);
    tg_json_member_uint(json, "pid", sample->pid);
    tg_json_member_string(json, "version", sample->version);
    tg_json_member_string(json, "thread", sample->thread);
    tg_json_member_uint(json, "thread_id", sample->native_id);
    tg_json_member_string(json, "message", sample->message);
    write_captured(json, "args", sample->args);
    write_captured(json, "kwargs", sample->kwargs);
    tg_json_member_text(json, "rebound", sample->rebound);
    tg_json_member_string(json, "traceback", sample->traceback);
    tg_json_end_object(json);
}

static void write_points(struct tg_json *json, const struct tg_store_exception_points *points) {
    tg_json_key(json, "points");
    tg_json_begin_array(json);
    for (size_t i = 0; i < points->count; i++) {
        tg_json_begin_object(json);
        tg_json_member_int(json, "iteration", points->items[i].iteration);
        tg_json_member_uint(json, "count", points->items[i].count);
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

static void write_members(struct tg_json *json, const struct tg_exception_row *row) {
    const struct tg_store_exception *exception = row->exception;
    char fingerprint[17];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, exception->fingerprint);
    tg_json_member_int(json, "id", exception->id);
    tg_json_member_string(json, "fingerprint", fingerprint);
    tg_json_member_string(json, "function", exception->function);
    tg_json_member_string(json, "type", exception->type);
    tg_json_member_uint(json, "count", exception->count);
    tg_json_member_int(json, "first_unix_ns", exception->first_wall_ns);
    tg_json_member_int(json, "last_unix_ns", exception->last_wall_ns);
    write_points(json, &row->points);
    write_sample(json, &row->sample);
}

void tg_exceptions_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                               const struct tg_store_selection *selection, const struct tg_exception_row *rows,
                               size_t row_count, size_t total, uint64_t lost_count) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-exceptions", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_uint(&json, "exception_count", total);
    tg_json_member_uint(&json, "lost_sample_count", lost_count);
    tg_json_key(&json, "exceptions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < row_count; i++) {
        tg_json_begin_object(&json);
        write_members(&json, &rows[i]);
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}

void tg_exceptions_json_append_one(struct tg_strbuf *out, const struct tg_scope *scope,
                                   const struct tg_store_selection *selection, const struct tg_exception_row *row) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-exception", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_key(&json, "exception");
    tg_json_begin_object(&json);
    write_members(&json, row);
    tg_json_end_object(&json);
    tg_answer_end(&json);
}
