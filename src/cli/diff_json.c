/* diff_json: the comparison for programs, specified in docs/formats/history-json.md. See diff_view.h. */
#include "cli/diff_view.h"
#include "cli/history_head.h"
#include "cli/json_member.h"

static void member_text_or_empty(struct tg_json *json, const char *key, const char *text) {
    tg_json_key(json, key);
    if (text) {
        tg_json_string(json, text);
    } else {
        tg_json_null(json);
    }
}

static void write_side(struct tg_json *json, const char *key, const struct tg_diff_side *side, double self_ns) {
    tg_json_key(json, key);
    tg_json_begin_object(json);
    tg_json_member_text(json, "selection", side->word);
    member_text_or_empty(json, "version", side->selection.version);
    member_text_or_empty(json, "run", side->selection.run);
    tg_json_member_int(json, "first_iteration", side->first_iteration);
    tg_json_member_int(json, "last_iteration", side->last_iteration);
    tg_json_member_int(json, "iteration_count", side->iteration_count);
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
    tg_json_key(json, "name");
    tg_json_string(json, row->name);
    tg_json_member_text(json, "file", function->file);
    tg_json_member_if(json, "line", function->line > 0, function->line);
    tg_json_member_bool(json, "takes_part", takes_part);
    write_figures(json, "a", &row->before);
    write_figures(json, "b", &row->after);
    tg_json_key(json, "average_ratio");
    if (row->average_ratio > 0) {
        tg_json_double(json, row->average_ratio);
    } else {
        tg_json_null(json);
    }
    tg_json_member_double(json, "change_ns", row->change_ns);
    tg_json_member_double(json, "change_by_calls_ns", row->change_by_calls_ns);
    tg_json_member_double(json, "change_by_average_ns", row->change_by_average_ns);
    tg_json_end_object(json);
}

static void write_limit(struct tg_json *json, const struct tg_diff_view *view) {
    tg_json_key(json, "fail_over");
    if (!view->has_limit) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_double(json, "limit", view->limit_ratio);
    tg_json_member_bool(json, "failed", view->failed);
    tg_json_member_text(json, "function", view->failed ? view->diff.worst->name : NULL);
    tg_json_end_object(json);
}

void tg_diff_print_json(struct tg_history_question *question, const struct tg_diff_view *view) {
    struct tg_json json;
    const struct tg_diff *diff = &view->diff;
    size_t count = tg_diff_row_count(diff);
    size_t shown = view->limit && view->limit < count ? view->limit : count;
    tg_history_begin_json(question, &json, "tachograph-diff");
    tg_json_member_text(&json, "unit", diff->whole ? "run" : "iteration");
    write_side(&json, "a", &diff->a, diff->compare.before_ns);
    write_side(&json, "b", &diff->b, diff->compare.after_ns);
    write_limit(&json, view);
    tg_json_member_uint(&json, "function_count", count);
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < shown; i++) {
        write_row(&json, tg_diff_row(diff, i), i < diff->compare.row_count);
    }
    tg_json_end_array(&json);
    tg_history_end_json(question, &json);
}
