/* history_period: see history_period.h. */
#include "cli/history_period.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

static bool to_local(const struct tg_store_service *service, int64_t iteration, struct tm *local) {
    time_t seconds = (time_t)(tg_scope_time_ns(service, iteration) / NS_PER_S);
    return localtime_r(&seconds, local) != NULL;
}

static void append_local(struct tg_strbuf *out, const struct tg_store_service *service, int64_t iteration,
                         const struct tm *local, bool with_day) {
    char formatted[64];
    if (strftime(formatted, sizeof formatted, "%Y-%m-%d %H:%M:%S", local)) {
        tg_strbuf_append(out, with_day ? formatted : strchr(formatted, ' ') + 1);
        if (service->base_interval_ns < NS_PER_S) {
            tg_strbuf_printf(out, ".%03d", (int)(tg_scope_time_ns(service, iteration) % NS_PER_S / NS_PER_MS));
        }
    }
}

void tg_history_append_time(struct tg_strbuf *out, const struct tg_store_service *service, int64_t iteration) {
    struct tm local;
    if (to_local(service, iteration, &local)) {
        append_local(out, service, iteration, &local, true);
    }
}

/* Without the day where it is that of the first iteration. */
static void append_end(struct tg_strbuf *out, const struct tg_store_service *service, int64_t first,
                       int64_t iteration) {
    struct tm begin;
    struct tm end;
    if (to_local(service, first, &begin) && to_local(service, iteration, &end)) {
        bool is_same_day = begin.tm_yday == end.tm_yday && begin.tm_year == end.tm_year;
        append_local(out, service, iteration, &end, !is_same_day);
    }
}

void tg_history_append_wall_time(struct tg_strbuf *out, int64_t wall_ns) {
    char formatted[64];
    struct tm local;
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    if (localtime_r(&seconds, &local) && strftime(formatted, sizeof formatted, "%Y-%m-%d %H:%M:%S", &local)) {
        tg_strbuf_append(out, formatted);
    }
}

void tg_history_append_period(struct tg_strbuf *out, const struct tg_store_service *service,
                              const struct tg_period *period) {
    bool is_one = period->first_iteration == period->last_iteration;
    tg_strbuf_printf(out, "iteration%s %" PRId64, is_one ? "" : "s", period->first_iteration);
    if (!is_one) {
        tg_strbuf_printf(out, " to %" PRId64, period->last_iteration);
    }
    tg_strbuf_append(out, ", ");
    tg_history_append_time(out, service, period->first_iteration);
    tg_strbuf_append(out, " to ");
    append_end(out, service, period->first_iteration, period->last_iteration + 1);
}
