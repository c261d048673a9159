/* heat_json: see heat_json.h. */
#include "answer/heat_json.h"

#include "answer/answer.h"
#include "base/json_member.h"

/* The lower ends of the buckets, and the upper end of the last. */
static void write_bounds(struct tg_json *json, const struct tg_heat *heat) {
    tg_json_key(json, "bounds_ns");
    tg_json_begin_array(json);
    for (unsigned bucket = heat->first_bucket; heat->count > 0 && bucket <= heat->last_bucket; bucket++) {
        tg_json_uint(json, tg_histogram_lower(bucket));
    }
    if (heat->count > 0) {
        tg_json_uint(json, tg_histogram_upper(heat->last_bucket));
    }
    tg_json_end_array(json);
}

static void write_counts(struct tg_json *json, const struct tg_heat *heat) {
    tg_json_key(json, "counts");
    tg_json_begin_array(json);
    for (size_t i = 0; i < heat->count; i++) {
        tg_json_begin_array(json);
        for (unsigned bucket = heat->first_bucket; bucket <= heat->last_bucket; bucket++) {
            tg_json_uint(json, heat->columns[i].histogram.counts[bucket]);
        }
        tg_json_end_array(json);
    }
    tg_json_end_array(json);
}

void tg_heat_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                         const struct tg_store_selection *selection, const char *function, const struct tg_heat *heat) {
    struct tg_json json;
    tg_answer_begin_service(&json, out, "tachograph-latency", scope);
    tg_answer_write_selection(&json, scope, selection);
    tg_json_member_string(&json, "function", function);
    tg_json_member_int(&json, "step", heat->step);
    write_bounds(&json, heat);
    tg_json_key(&json, "iterations");
    tg_json_begin_array(&json);
    for (size_t i = 0; i < heat->count; i++) {
        tg_json_int(&json, heat->columns[i].iteration);
    }
    tg_json_end_array(&json);
    write_counts(&json, heat);
    tg_answer_end(&json);
}
