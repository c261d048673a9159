/* diff_json: see diff_json.h. */
#include "answer/diff_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

static void write_side(struct tg_json *json, const char *key, const struct tg_diff_side *side, double self_ns) {
    tg_json_key(json, key);
    tg_json_begin_object(json);
    tg_json_member_text(json, "selection", side->word);
    tg_json_member_string(json, "version", side->selection.version);
    tg_json_member_text(json, "run", side->selection.run);
    tg_json_member_int(json, "first_iteration", side->first_iteration);
    tg_json_member_int(json, "last_iteration", side->last_iteration);
    tg_json_member_int(json, "iteration_count", side->iteration_count);
    tg_json_member_int(json, "run_count", side->run_count);
    tg_json_member_int(json, "ended_run_count", side->ended_run_count);
    tg_json_member_double(json, "run_ns", side->run_ns);
    tg_json_member_double(json, "self_ns", self_ns);
    tg_json_end_object(json);
}

static void write_figures(struct tg_json *json, const char *key, const struct tg_compare_figures *figures) {
    const struct tg_store_function *function = figures->function;
    tg_json_key(json, key);
    if (!function) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_uint(json, "call_count", function->call_count);
    tg_json_member_uint(json, "error_count", function->error_count);
    tg_json_member_uint(json, "total_ns", function->total_ns);
    tg_json_member_uint(json, "self_ns", function->self_ns);
    tg_json_member_double(json, "average_ns", figures->average_ns);
    tg_json_member_double(json, "calls_per_unit", figures->call_count);
    tg_json_member_double(json, "total_per_unit_ns", figures->total_ns);
    tg_json_member_double(json, "self_per_unit_ns", figures->self_ns);
    tg_json_member_double(json, "share", figures->share);
    tg_json_end_object(json);
}

static void write_row(struct tg_json *json, const struct tg_compare_row *row, bool takes_part) {
    const struct tg_store_function *function = row->after.function ? row->after.function : row->before.function;
    tg_json_begin_object(json);
    tg_answer_write_function(json, function);
    tg_json_member_bool(json, "takes_part", takes_part);
    tg_json_member_bool(json, "code_changed", row->code_changed);
    write_figures(json, "a", &row->before);
    write_figures(json, "b", &row->after);
    tg_json_member_double_if(json, "average_ratio", row->average_ratio > 0, row->average_ratio);
    tg_json_member_double(json, "change_ns", row->change_ns);
    tg_json_member_double(json, "change_by_calls_ns", row->change_by_calls_ns);
    tg_json_member_double(json, "change_by_average_ns", row->change_by_average_ns);
    tg_json_end_object(json);
}

static void write_verdict(struct tg_json *json, const struct tg_diff_verdict *verdict) {
    tg_json_key(json, "fail_over");
    if (!verdict) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_double(json, "limit", verdict->limit_ratio);
    tg_json_member_bool(json, "failed", verdict->failed);
    tg_json_member_text(json, "function", verdict->function);
    tg_json_end_object(json);
}

void tg_diff_json_append(struct tg_strbuf *out, const struct tg_scope *scope, const struct tg_diff *diff, size_t first,
                         size_t limit, const struct tg_diff_verdict *verdict) {
    struct tg_json json;
    size_t count = tg_diff_row_count(diff);
    tg_answer_begin_service(&json, out, "tachograph-diff", scope);
    tg_json_member_text(&json, "unit", tg_diff_unit_names[diff->unit]);
    write_side(&json, "a", &diff->a, diff->compare.before_ns);
    write_side(&json, "b", &diff->b, diff->compare.after_ns);
    write_verdict(&json, verdict);
    tg_json_member_uint(&json, "function_count", count);
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = first; i < count && (limit == 0 || i - first < limit); i++) {
        write_row(&json, tg_diff_row(diff, i), i < diff->compare.row_count);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}
