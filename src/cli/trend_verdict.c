/* trend_verdict: see trend_verdict.h. */
#include "cli/trend_verdict.h"

#include "base/humanize.h"
#include "cli/change.h"
#include "cli/json_member.h"

#include <inttypes.h>
#include <stdbool.h>

#define NS_PER_S   1e9
#define POINTS_MIN 3 /* two always lie on a line */

const struct tg_trend_unit *tg_trend_unit_of(double span_ns) {
    static const struct tg_trend_unit units[] = {
        {"hour", "per hour", 3600 * NS_PER_S},
        {"minute", "per minute", 60 * NS_PER_S},
        {"second", "per second", NS_PER_S},
    };
    size_t i = 0;
    while (i + 1 < sizeof units / sizeof units[0] && span_ns < units[i].ns) {
        i++;
    }
    return &units[i];
}

static void append_count(struct tg_strbuf *out, uint64_t count, const char *what) {
    tg_strbuf_printf(out, "%s %s%s", tg_humanize_count(count).text, what, count == 1 ? "" : "s");
}

/* Too little to say anything; true when it is, and said. */
static bool append_shortage(struct tg_strbuf *out, const struct tg_rank_trend *row,
                            const struct tg_rank_evidence *evidence) {
    if (row->trend.iteration_count < POINTS_MIN) {
        tg_strbuf_append(out, "too early to say: called in ");
        append_count(out, (uint64_t)row->trend.iteration_count, "iteration");
        tg_strbuf_printf(out, ", and a trend takes %d", POINTS_MIN);
        return true;
    }
    if (row->function->call_count < evidence->minimum_call_count) {
        tg_strbuf_append(out, "too early to say: ");
        append_count(out, row->function->call_count, "call");
        tg_strbuf_printf(out, " in all, and a trend takes %s", tg_humanize_count(evidence->minimum_call_count).text);
        return true;
    }
    return false;
}

/* "gets slower with version 2: from 2.60 us to 1.20 ms (+46,000 %), at iteration 13" */
static void append_step(struct tg_strbuf *out, const struct tg_step *step) {
    tg_strbuf_printf(out, "%s with version %s: from %s", step->after_ns > step->before_ns ? "slower" : "faster",
                     step->version->version[0] ? step->version->version : "(not told)",
                     tg_change_end(step->before_ns).text);
    tg_strbuf_printf(out, " to %s", tg_change_end(step->after_ns).text);
    tg_strbuf_printf(out, " (%s), from iteration %" PRId64 " on", tg_change_percent(step->relative_change).text,
                     step->iteration);
}

void tg_trend_append_verdict(struct tg_strbuf *out, const struct tg_rank_trend *row, int64_t base_interval_ns,
                             const struct tg_rank_evidence *evidence) {
    const struct tg_trend *trend = &row->trend;
    if (append_shortage(out, row, evidence)) {
        return;
    }
    if (row->is_step) {
        append_step(out, &row->step);
        return;
    }
    if (!row->evident) {
        tg_strbuf_printf(out, "no trend that stands out from noise (%s on average over ",
                         tg_change_level(trend->average_ns).text);
    } else {
        double span_ns = ((double)trend->last_iteration - (double)trend->first_iteration) * (double)base_interval_ns;
        const struct tg_trend_unit *unit = tg_trend_unit_of(span_ns);
        double slope_ns = trend->slope_ns * unit->ns / (double)base_interval_ns;
        tg_strbuf_printf(out, "gets %s: %s per %s (from %s", slope_ns > 0 ? "slower" : "faster",
                         tg_change_duration(slope_ns).text, unit->name, tg_change_end(trend->start_ns).text);
        tg_strbuf_printf(out, " to %s over ", tg_change_end(trend->end_ns).text);
    }
    append_count(out, (uint64_t)trend->iteration_count, "iteration");
    tg_strbuf_append_char(out, ')');
}

static const char *direction_of(const struct tg_rank_trend *row) {
    if (row->is_step) {
        return row->step.after_ns > row->step.before_ns ? "slower" : "faster";
    }
    if (!row->evident) {
        return "none";
    }
    return row->trend.slope_ns > 0 ? "slower" : "faster";
}

static void write_step(struct tg_json *json, const struct tg_rank_trend *row) {
    const struct tg_step *step = &row->step;
    tg_json_key(json, "step");
    if (!row->is_step) {
        tg_json_null(json);
        return;
    }
    tg_json_begin_object(json);
    tg_json_member_text(json, "version", step->version->version);
    tg_json_member_int(json, "iteration", step->iteration);
    tg_json_member_double(json, "before_ns", step->before_ns);
    tg_json_member_double(json, "after_ns", step->after_ns);
    tg_json_member_double(json, "relative_change", step->relative_change);
    tg_json_member_double(json, "probability", step->probability);
    tg_json_end_object(json);
}

static void member_if(struct tg_json *json, const char *key, bool known, double value) {
    tg_json_key(json, key);
    if (known) {
        tg_json_double(json, value);
    } else {
        tg_json_null(json);
    }
}

void tg_trend_write_json(struct tg_json *json, const struct tg_rank_trend *row, int64_t base_interval_ns) {
    const struct tg_trend *trend = &row->trend;
    bool has_errors = trend->iteration_count >= POINTS_MIN;
    tg_json_key(json, "trend");
    tg_json_begin_object(json);
    tg_json_member_text(json, "direction", direction_of(row));
    tg_json_member_int(json, "iteration_count", trend->iteration_count);
    member_if(json, "first_iteration", trend->iteration_count > 0, (double)trend->first_iteration);
    member_if(json, "last_iteration", trend->iteration_count > 0, (double)trend->last_iteration);
    tg_json_member_double(json, "average_ns", trend->average_ns);
    tg_json_member_double(json, "slope_ns", trend->slope_ns);
    tg_json_member_double(json, "slope_per_hour_ns", tg_trend_slope_per_hour_ns(trend, base_interval_ns));
    member_if(json, "slope_error_ns", has_errors, trend->slope_error_ns);
    tg_json_member_double(json, "intercept_ns", trend->intercept_ns);
    member_if(json, "intercept_error_ns", has_errors, trend->intercept_error_ns);
    tg_json_member_double(json, "r_squared", trend->r_squared);
    tg_json_member_double(json, "start_ns", trend->start_ns);
    tg_json_member_double(json, "end_ns", trend->end_ns);
    tg_json_member_double(json, "relative_change", trend->relative_change);
    member_if(json, "theil_sen_slope_ns", trend->has_theil_sen, trend->theil_sen_slope_ns);
    member_if(json, "theil_sen_intercept_ns", trend->has_theil_sen, trend->theil_sen_intercept_ns);
    tg_json_member_double(json, "probability", row->probability);
    write_step(json, row);
    tg_json_end_object(json);
}
