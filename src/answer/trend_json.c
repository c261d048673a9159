/* trend_json: see trend_json.h. */
#include "answer/trend_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

#include <inttypes.h>
#include <stdio.h>

#define POINTS_MIN 3 /* two always lie on a line, without an error */

static const char *direction_of(const struct tg_rank_trend *row) {
    if (row->is_step) {
        return row->step.after_ns > row->step.before_ns ? "slower" : "faster";
    }
    if (!row->evident) {
        return "none";
    }
    return row->trend.slope_ns > 0 ? "slower" : "faster";
}

static void write_measured(struct tg_json *json, const struct tg_trend *trend) {
    tg_json_key(json, "measured");
    if (!trend->is_measured) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_double(json, "before_ns", trend->before_ns);
    tg_json_member_double(json, "after_ns", trend->after_ns);
    tg_json_member_double(json, "relative_change", trend->measured_change);
    tg_json_end_object(json);
}

static void write_step(struct tg_json *json, const struct tg_rank_trend *row, const struct tg_store_service *service) {
    const struct tg_step *step = &row->step;
    tg_json_key(json, "step");
    if (!row->is_step) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_string(json, "kind", tg_step_kind_name(step->kind));
    tg_json_member_text(json, "version", step->version ? step->version->version : "");
    tg_json_member_int(json, "iteration", step->iteration);
    tg_json_member_int(json, "started_unix_ns", tg_scope_time_ns(service, step->iteration));
    tg_json_member_double(json, "before_ns", step->before_ns);
    tg_json_member_double(json, "after_ns", step->after_ns);
    tg_json_member_double(json, "relative_change", step->relative_change);
    tg_json_member_double(json, "probability", step->probability);
    tg_json_end_object(json);
}

static void write_trend(struct tg_json *json, const struct tg_rank_trend *row, const struct tg_store_service *service) {
    const struct tg_trend *trend = &row->trend;
    bool has_errors = trend->iteration_count >= POINTS_MIN;
    tg_json_key(json, "trend");
    tg_json_begin_object(json);
    tg_json_member_text(json, "direction", direction_of(row));
    tg_json_member_int(json, "iteration_count", trend->iteration_count);
    tg_json_member_int_if(json, "first_iteration", trend->iteration_count > 0, trend->first_iteration);
    tg_json_member_int_if(json, "last_iteration", trend->iteration_count > 0, trend->last_iteration);
    tg_json_member_double(json, "average_ns", trend->average_ns);
    tg_json_member_double(json, "slope_ns", trend->slope_ns);
    tg_json_member_double(json, "slope_per_hour_ns", tg_trend_slope_per_hour_ns(trend, service->base_interval_ns));
    tg_json_member_double_if(json, "slope_error_ns", has_errors, trend->slope_error_ns);
    tg_json_member_double(json, "intercept_ns", trend->intercept_ns);
    tg_json_member_double_if(json, "intercept_error_ns", has_errors, trend->intercept_error_ns);
    tg_json_member_double(json, "r_squared", trend->r_squared);
    tg_json_member_double(json, "start_ns", trend->start_ns);
    tg_json_member_double(json, "end_ns", trend->end_ns);
    tg_json_member_double(json, "relative_change", trend->relative_change);
    write_measured(json, trend);
    tg_json_member_double_if(json, "theil_sen_slope_ns", trend->has_theil_sen, trend->theil_sen_slope_ns);
    tg_json_member_double_if(json, "theil_sen_intercept_ns", trend->has_theil_sen, trend->theil_sen_intercept_ns);
    tg_json_member_double(json, "probability", row->probability);
    write_step(json, row, service);
    tg_json_end_object(json);
}

static void write_point(struct tg_json *json, const struct tg_store_service *service,
                        const struct tg_store_point *point) {
    double average_ns = point->call_count ? (double)point->total_ns / (double)point->call_count : 0;
    tg_json_begin_object(json);
    tg_json_member_int(json, "iteration", point->iteration);
    tg_json_member_int(json, "started_unix_ns", tg_scope_time_ns(service, point->iteration));
    tg_json_member_uint(json, "call_count", point->call_count);
    tg_json_member_uint(json, "error_count", point->error_count);
    tg_json_member_uint(json, "total_ns", point->total_ns);
    tg_json_member_uint(json, "cumulative_ns", point->cumulative_ns);
    tg_json_member_uint(json, "self_ns", point->self_ns);
    tg_json_member_uint(json, "active_ns", point->active_ns);
    tg_json_member_double(json, "average_ns", average_ns);
    tg_json_member_if(json, "minimum_ns", point->minimum_ns < UINT64_MAX, point->minimum_ns);
    tg_json_member_uint(json, "maximum_ns", point->maximum_ns);
    tg_json_member_uint(json, "p50_ns", point->p50_ns);
    tg_json_member_uint(json, "p90_ns", point->p90_ns);
    tg_json_member_uint(json, "p99_ns", point->p99_ns);
    tg_json_end_object(json);
}

static void write_codes(struct tg_json *json, const struct tg_store_codes *codes) {
    tg_json_key(json, "codes");
    tg_json_begin_array(json);
    for (size_t i = 0; i < codes->count; i++) {
        char hash[17];
        snprintf(hash, sizeof hash, "%016" PRIx64, codes->items[i].code_hash);
        tg_json_begin_object(json);
        tg_json_member_text(json, "hash", hash);
        tg_json_member_int(json, "first_iteration", codes->items[i].first_iteration);
        tg_json_member_if(json, "line", codes->items[i].line > 0, codes->items[i].line);
        if (codes->items[i].python > 0) {
            char python[16];
            snprintf(python, sizeof python, "%u.%u", codes->items[i].python >> 8U, codes->items[i].python & 255U);
            tg_json_member_text(json, "python", python);
        }
        tg_json_end_object(json);
    }
    tg_json_end_array(json);
}

void tg_trend_json_append_one(struct tg_strbuf *out, const struct tg_scope *scope,
                              const struct tg_store_selection *selection, const struct tg_trend_one *one,
                              size_t limit) {
    struct tg_json json;
    const struct tg_store_series *series = &one->series;
    size_t first = limit && limit < series->count ? series->count - limit : 0;
    tg_answer_begin_service(&json, out, "tachograph-trend", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_string(&json, "function", one->function.name);
    tg_json_member_text(&json, "file", one->function.file);
    tg_json_member_if(&json, "line", one->function.line > 0, one->function.line);
    write_trend(&json, &one->row, scope->service);
    write_codes(&json, &one->codes);
    tg_json_key(&json, "points");
    tg_json_begin_array(&json);
    for (size_t i = first; i < series->count; i++) {
        write_point(&json, scope->service, &series->items[i]);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}

static size_t evident_count(const struct tg_trends *trends) {
    size_t count = 0;
    while (count < trends->functions.count && trends->rows[count].evident) {
        count++;
    }
    return count;
}

void tg_trend_json_append_all(struct tg_strbuf *out, const struct tg_scope *scope,
                              const struct tg_store_selection *selection, const struct tg_trends *trends,
                              const struct tg_rank_evidence *evidence, size_t first, size_t limit) {
    struct tg_json json;
    size_t count = trends->functions.count;
    tg_answer_begin_service(&json, out, "tachograph-trend-all", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_double(&json, "minimum_relative_change", evidence->minimum_relative_change);
    tg_json_member_uint(&json, "function_count", count);
    tg_json_member_uint(&json, "evident_count", evident_count(trends));
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = first; i < count && (limit == 0 || i - first < limit); i++) {
        const struct tg_store_function *function = trends->rows[i].function;
        tg_json_begin_object(&json);
        tg_answer_write_function(&json, function);
        tg_json_member_uint(&json, "call_count", function->call_count);
        write_trend(&json, &trends->rows[i], scope->service);
        tg_json_end_object(&json);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}
