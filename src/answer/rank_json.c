/* rank_json: see rank_json.h. */
#include "answer/rank_json.h"

#include "analyze/trend.h"
#include "answer/answer.h"
#include "base/json_member.h"

static uint64_t percentile(const struct tg_store_function *function, double percent) {
    return tg_histogram_percentile(function->histogram, percent, function->minimum_ns, function->maximum_ns);
}

static void write_function(struct tg_json *json, const struct tg_store_function *function, bool with_percentiles) {
    struct tg_trend trend;
    bool called = function->call_count > 0;
    tg_json_begin_object(json);
    tg_answer_write_function(json, function);
    tg_json_member_int(json, "iteration_count", function->sums.iteration_count);
    tg_json_member_uint(json, "call_count", function->call_count);
    tg_json_member_uint(json, "error_count", function->error_count);
    tg_json_member_uint(json, "total_ns", function->total_ns);
    tg_json_member_uint(json, "cumulative_ns", function->cumulative_ns);
    tg_json_member_uint(json, "self_ns", function->self_ns);
    tg_json_member_uint(json, "active_ns", function->active_ns);
    tg_json_member_double(json, "average_ns", tg_rank_iteration_average_ns(function));
    tg_json_member_double(json, "average_of_calls_ns", tg_rank_call_average_ns(function));
    tg_json_member_if(json, "minimum_ns", called && function->minimum_ns < UINT64_MAX, function->minimum_ns);
    tg_json_member_if(json, "maximum_ns", called, function->maximum_ns);
    tg_trend_of_sums(&trend, &function->sums);
    tg_json_member_double(json, "slope_ns", trend.slope_ns);
    tg_json_member_double(json, "relative_change", trend.relative_change);
    if (with_percentiles) {
        bool known = called && function->histogram;
        tg_json_member_if(json, "p50_ns", known, known ? percentile(function, 50) : 0);
        tg_json_member_if(json, "p99_ns", known, known ? percentile(function, 99) : 0);
    }
    tg_json_end_object(json);
}

void tg_rank_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                         const struct tg_store_selection *selection, const struct tg_ranking *ranking,
                         size_t function_count, const char *by, bool with_percentiles) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-rank", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_text(&json, "by", by);
    tg_json_member_uint(&json, "function_count", function_count);
    tg_json_key(&json, "functions");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < ranking->count; i++) {
        write_function(&json, ranking->items[i].function, with_percentiles);
    }
    tg_json_end_array(&json);
    tg_answer_end(&json);
}
