/* exceptions_json: see exceptions_json.h. */
#include "answer/exceptions_json.h"

#include "answer/answer.h"
#include "base/json_check.h"
#include "base/json_member.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What was captured is JSON already; what was not is null. What others have made of it in a recording or in the tables
 * must not make the answer unreadable: it is a text. */
static void write_captured(struct tg_json *json, const char *key, const char *text) {
    size_t length = strlen(text);
    if (tg_json_is_value(text, length)) {
        tg_json_key(json, key);
        tg_json_verbatim(json, text, length);
    } else {
        tg_json_member_text(json, key, text);
    }
}

static void write_sample(struct tg_json *json, const struct tg_store_exception_sample *sample) {
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
    tg_json_member_int(json, "first_iteration", exception->first_iteration);
    tg_json_member_int(json, "last_iteration", exception->last_iteration);
    tg_json_member_int(json, "first_unix_ns", exception->first_wall_ns);
    tg_json_member_int(json, "last_unix_ns", exception->last_wall_ns);
    tg_json_member_uint(json, "sample_count", row->samples.kept_count);
    write_points(json, &row->points);
}

static void write_newest(struct tg_json *json, const struct tg_store_exception_samples *samples) {
    tg_json_key(json, "sample");
    if (samples->count > 0) {
        write_sample(json, &samples->items[0]);
    } else {
        tg_json_null(json);
    }
}

void tg_exceptions_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                               const struct tg_store_selection *selection, const struct tg_exception_list *list) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-exceptions", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_uint(&json, "exception_count", list->matching_count);
    tg_json_member_uint(&json, "lost_sample_count", list->all.lost_count);
    tg_json_member_int(&json, "step", list->step);
    tg_json_key(&json, "exceptions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < list->row_count; i++) {
        tg_json_begin_object(&json);
        write_members(&json, &list->rows[i]);
        write_newest(&json, &list->rows[i].samples);
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}

void tg_exceptions_json_append_one(struct tg_strbuf *out, const struct tg_scope *scope,
                                   const struct tg_store_selection *selection, const struct tg_exception_list *list) {
    const struct tg_exception_row *row = &list->rows[0];
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-exception", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_int(&json, "step", list->step);
    tg_json_key(&json, "exception");
    tg_json_begin_object(&json);
    write_members(&json, row);
    tg_json_end_object(&json);
    tg_json_key(&json, "samples");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < row->samples.count; i++) {
        write_sample(&json, &row->samples.items[i]);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}
