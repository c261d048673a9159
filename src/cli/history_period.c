/* history_period: see history_period.h. */
#include "cli/history_period.h"

#include "measure/clock.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NAMED_MAX 5

static const char version_prefix[] = "version:";
static const char iteration_prefix[] = "iteration:";

static bool starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum tg_status refuse_version(const struct tg_history *history, const char *name, struct tg_error *err) {
    struct tg_strbuf known = TG_STRBUF_INIT;
    size_t count = history->versions.count;
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) { /* the newest first */
        tg_strbuf_printf(&known, "%s'%s'", i ? ", " : "", history->versions.items[count - 1 - i].version);
    }
    const char *service = history->service->name;
    if (count == 1 && !history->versions.items[0].version[0]) {
        tg_error_set(err, TG_ERROR_NOT_FOUND,
                     "service '%s' has told no version; 'tachograph run --version 1.4.2 app.py' does", service);
    } else {
        tg_error_set(err, TG_ERROR_NOT_FOUND, "service '%s' has no version '%s'; it has %s%s", service, name,
                     tg_strbuf_text(&known), count > NAMED_MAX ? " and older ones" : "");
    }
    tg_strbuf_release(&known);
    return TG_ERROR_NOT_FOUND;
}

enum tg_status tg_history_find_version(const struct tg_history *history, const char *name,
                                       const struct tg_store_version **version, struct tg_error *err) {
    for (size_t i = 0; i < history->versions.count; i++) {
        if (strcmp(history->versions.items[i].version, name) == 0) {
            *version = &history->versions.items[i];
            return TG_OK;
        }
    }
    return refuse_version(history, name, err);
}

enum tg_status tg_history_moment(const struct tg_history *history, const char *text, bool is_end, int64_t *iteration,
                                 struct tg_error *err) {
    if (!starts_with(text, version_prefix)) {
        return tg_store_iteration_of(history->service, text, tg_clock_wall_ns(), iteration, err);
    }
    const struct tg_store_version *version = NULL;
    enum tg_status status = tg_history_find_version(history, text + strlen(version_prefix), &version, err);
    if (status == TG_OK) {
        *iteration = is_end ? version->last_iteration : version->first_iteration;
    }
    return status;
}

static enum tg_status check_order(const struct tg_history_period *period, struct tg_error *err) {
    return period->first_iteration <= period->last_iteration
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID,
                              "the period ends before it begins: from iteration %" PRId64 " to %" PRId64,
                              period->first_iteration, period->last_iteration);
}

static enum tg_status read_end(const struct tg_history *history, const char *begin, const char *end, int64_t *iteration,
                               struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    bool is_number = *end && end[strspn(end, "0123456789")] == '\0';
    tg_strbuf_append(&text, is_number && starts_with(begin, iteration_prefix) ? iteration_prefix : "");
    tg_strbuf_append(&text, end);
    enum tg_status status = tg_history_moment(history, tg_strbuf_text(&text), true, iteration, err);
    tg_strbuf_release(&text);
    return status;
}

enum tg_status tg_history_range(const struct tg_history *history, const char *text, struct tg_history_period *period,
                                struct tg_error *err) {
    const char *dots = strstr(text, "..");
    struct tg_strbuf begin = TG_STRBUF_INIT;
    enum tg_status status = TG_OK;
    *period = (struct tg_history_period){INT64_MIN, INT64_MAX};
    if (!dots) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is no range: write it as -2h..-1h or iteration:10..20", text);
    }
    tg_strbuf_append_bytes(&begin, text, (size_t)(dots - text));
    if (begin.length) {
        status = tg_history_moment(history, tg_strbuf_text(&begin), false, &period->first_iteration, err);
    }
    if (status == TG_OK && dots[2]) {
        status = read_end(history, tg_strbuf_text(&begin), dots + 2, &period->last_iteration, err);
    }
    tg_strbuf_release(&begin);
    return status == TG_OK ? check_order(period, err) : status;
}

static enum tg_status read_option(const struct tg_history *history, const char *name, const char *text, bool is_end,
                                  int64_t *iteration, struct tg_error *err) {
    if (!text) {
        return TG_OK;
    }
    enum tg_status status = tg_history_moment(history, text, is_end, iteration, err);
    if (status != TG_OK) {
        tg_error_prefix(err, "%s", name);
    }
    return status;
}

enum tg_status tg_history_select(const struct tg_history *history, const struct tg_history_options *options,
                                 struct tg_store_selection *selection, struct tg_error *err) {
    struct tg_history_period period = {INT64_MIN, INT64_MAX};
    const struct tg_store_version *version = NULL;
    enum tg_status status = read_option(history, "--since", options->since, false, &period.first_iteration, err);
    if (status == TG_OK) {
        status = read_option(history, "--until", options->until, true, &period.last_iteration, err);
    }
    if (status == TG_OK) {
        status = check_order(&period, err);
    }
    if (status == TG_OK && options->version) {
        status = tg_history_find_version(history, options->version, &version, err);
    }
    *selection = (struct tg_store_selection){
        .service_id = history->service->id,
        .first_iteration = period.first_iteration,
        .last_iteration = period.last_iteration,
        .version = options->version,
    };
    return status;
}

struct tg_history_period tg_history_bounds(const struct tg_history *history,
                                           const struct tg_store_selection *selection) {
    struct tg_history_period bounds = {INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < history->versions.count; i++) {
        const struct tg_store_version *version = &history->versions.items[i];
        if (!selection->version || strcmp(selection->version, version->version) == 0) {
            bounds.first_iteration =
                version->first_iteration < bounds.first_iteration ? version->first_iteration : bounds.first_iteration;
            bounds.last_iteration =
                version->last_iteration > bounds.last_iteration ? version->last_iteration : bounds.last_iteration;
        }
    }
    return (struct tg_history_period){
        selection->first_iteration > bounds.first_iteration ? selection->first_iteration : bounds.first_iteration,
        selection->last_iteration < bounds.last_iteration ? selection->last_iteration : bounds.last_iteration,
    };
}

int64_t tg_history_time_ns(const struct tg_store_service *service, int64_t iteration) {
    int64_t slot = 0;
    int64_t wall_ns = 0;
    if (__builtin_add_overflow(service->first_slot, iteration, &slot)
        || __builtin_mul_overflow(slot, service->base_interval_ns, &wall_ns)) {
        return 0; /* where no history is */
    }
    return wall_ns;
}

static bool to_local(const struct tg_store_service *service, int64_t iteration, struct tm *local) {
    time_t seconds = (time_t)(tg_history_time_ns(service, iteration) / NS_PER_S);
    return localtime_r(&seconds, local) != NULL;
}

static void append_local(struct tg_strbuf *out, const struct tg_store_service *service, int64_t iteration,
                         const struct tm *local, bool with_day) {
    char formatted[64];
    if (strftime(formatted, sizeof formatted, "%Y-%m-%d %H:%M:%S", local)) {
        tg_strbuf_append(out, with_day ? formatted : strchr(formatted, ' ') + 1);
        if (service->base_interval_ns < NS_PER_S) {
            tg_strbuf_printf(out, ".%03d", (int)(tg_history_time_ns(service, iteration) % NS_PER_S / NS_PER_MS));
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

void tg_history_append_period(struct tg_strbuf *out, const struct tg_store_service *service,
                              const struct tg_history_period *period) {
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
