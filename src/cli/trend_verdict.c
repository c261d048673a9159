/* trend_verdict: see trend_verdict.h. */
#include "cli/trend_verdict.h"

#include "base/humanize.h"
#include "cli/change.h"
#include "cli/history_period.h"

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

/* "slower with version 2: from 2.60 us to 1.20 ms (+46,000 %), from iteration 13 on", or for a code
 * "slower since iteration 13 (2026-11-22 20:06:39), when its code changed: from 2.60 us to 1.20 ms (+46,000 %)" */
static void append_step(struct tg_strbuf *out, const struct tg_step *step, const struct tg_store_service *service) {
    bool is_code = step->kind == TG_STEP_CODE;
    tg_strbuf_append(out, step->after_ns > step->before_ns ? "slower" : "faster");
    if (is_code) {
        tg_strbuf_printf(out, " since iteration %" PRId64 " (", step->iteration);
        tg_history_append_time(out, service, step->iteration);
        tg_strbuf_append(out, "), when its code changed");
    } else {
        tg_strbuf_printf(out, " with version %s", step->version->version[0] ? step->version->version : "(not told)");
    }
    tg_strbuf_printf(out, ": from %s", tg_change_level(step->before_ns).text);
    tg_strbuf_printf(out, " to %s", tg_change_level(step->after_ns).text);
    tg_strbuf_printf(out, " (%s)", tg_change_percent(step->relative_change).text);
    if (!is_code) {
        tg_strbuf_printf(out, ", from iteration %" PRId64 " on", step->iteration);
    }
}

void tg_trend_append_verdict(struct tg_strbuf *out, const struct tg_rank_trend *row,
                             const struct tg_store_service *service, const struct tg_rank_evidence *evidence) {
    double base_ns = (double)service->base_interval_ns;
    const struct tg_trend *trend = &row->trend;
    if (append_shortage(out, row, evidence)) {
        return;
    }
    if (row->is_step) {
        append_step(out, &row->step, service);
        return;
    }
    if (!row->evident) {
        tg_strbuf_printf(out, "no trend that stands out from noise (%s on average over ",
                         tg_change_level(trend->average_ns).text);
    } else {
        double span_ns = ((double)trend->last_iteration - (double)trend->first_iteration) * base_ns;
        const struct tg_trend_unit *unit = tg_trend_unit_of(span_ns);
        double slope_ns = trend->slope_ns * unit->ns / base_ns;
        tg_strbuf_printf(out, "gets %s: from %s", slope_ns > 0 ? "slower" : "faster",
                         tg_change_level(trend->before_ns).text);
        tg_strbuf_printf(out, " to %s (%s), ", tg_change_level(trend->after_ns).text,
                         tg_change_percent(trend->measured_change).text);
        tg_strbuf_printf(out, "%s per %s (averages of the first and last quarter of ",
                         tg_change_duration(slope_ns).text, unit->name);
    }
    append_count(out, (uint64_t)trend->iteration_count, "iteration");
    tg_strbuf_append_char(out, ')');
}
