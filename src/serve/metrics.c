/*
 * metrics: the history for Prometheus, in its text format 0.0.4. See api.h.
 *
 * A label for each function would be as many series as a program has functions, for ever: those with the most time of
 * their own are told by name, and all others together under an empty one. So a sum over a metric is the service's.
 */
#include "analyze/rank.h"
#include "serve/api.h"

#include <inttypes.h>

#define NAMED    100
#define NS_PER_S 1e9

static void append_label(struct tg_strbuf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\n') {
            tg_strbuf_append(out, "\\n");
        } else {
            tg_strbuf_append(out, *text == '"' || *text == '\\' ? "\\" : "");
            tg_strbuf_append_char(out, *text);
        }
    }
}

static void append_head(struct tg_strbuf *out, const char *name, const char *type, const char *help) {
    tg_strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static double calls_of(const struct tg_store_function *function) {
    return (double)function->call_count;
}
static double errors_of(const struct tg_store_function *function) {
    return (double)function->error_count;
}
static double total_of(const struct tg_store_function *function) {
    return (double)function->total_ns / NS_PER_S;
}
static double self_of(const struct tg_store_function *function) {
    return (double)function->self_ns / NS_PER_S;
}

static const struct {
    const char *name;
    const char *help;
    double (*value)(const struct tg_store_function *function);
} families[] = {
    {"tachograph_function_calls_total", "Calls that ended.", calls_of},
    {"tachograph_function_errors_total", "Calls that ended with an exception.", errors_of},
    {"tachograph_function_seconds_total", "Time of calls, from their beginning to their end.", total_of},
    {"tachograph_function_self_seconds_total", "Time of calls without the timed functions called from there.", self_of},
};

static void append_sample(struct tg_strbuf *out, const char *name, const char *service, const char *function,
                          double value) {
    tg_strbuf_printf(out, "%s{service=\"", name);
    append_label(out, service);
    tg_strbuf_append(out, "\",function=\"");
    append_label(out, function);
    tg_strbuf_printf(out, "\"} %.17g\n", value);
}

static void append_functions(struct tg_strbuf *out, const char *service, const struct tg_ranking *ranking) {
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        double others = 0;
        append_head(out, families[i].name, "counter", families[i].help);
        for (size_t row = 0; row < ranking->count; row++) {
            double value = families[i].value(ranking->items[row].function);
            if (row < NAMED) {
                append_sample(out, families[i].name, service, ranking->items[row].function->name, value);
            } else {
                others += value;
            }
        }
        append_sample(out, families[i].name, service, "", others);
    }
}

static void append_store(struct tg_strbuf *out, const struct tg_store_service *service,
                         const struct tg_store_quality *quality) {
    append_head(out, "tachograph_build_info", "gauge", "The program that answers.");
    tg_strbuf_printf(out, "tachograph_build_info{version=\"%s\"} 1\n", TG_VERSION);
    append_head(out, "tachograph_last_interval_timestamp_seconds", "gauge", "When the latest stored interval ended.");
    tg_strbuf_append(out, "tachograph_last_interval_timestamp_seconds{service=\"");
    append_label(out, service->name);
    tg_strbuf_printf(out, "\"} %.9f\n", (double)service->last_ended_ns / NS_PER_S);
    append_head(out, "tachograph_intervals_total", "counter", "Intervals stored, of all processes.");
    tg_strbuf_append(out, "tachograph_intervals_total{service=\"");
    append_label(out, service->name);
    tg_strbuf_printf(out, "\"} %" PRId64 "\n", quality->interval_count);
    append_head(out, "tachograph_lost_calls_total", "counter",
                "Calls that found no space, and are in no other figure.");
    tg_strbuf_append(out, "tachograph_lost_calls_total{service=\"");
    append_label(out, service->name);
    tg_strbuf_printf(out, "\"} %" PRId64 "\n", quality->overflow_call_count + quality->unrecorded_call_count);
}

enum tg_status tg_api_metrics(struct tg_api_call *call, struct tg_error *err) {
    const struct tg_store_selection everything = tg_scope_everything(&call->scope);
    struct tg_store_functions functions = {.items = NULL};
    struct tg_ranking ranking = {.items = NULL};
    struct tg_store_quality quality;
    enum tg_status status = tg_store_functions(call->scope.store, &everything, NULL, false, &functions, err);
    if (status == TG_OK) {
        status = tg_store_quality(call->scope.store, &everything, &quality, err);
    }
    if (status == TG_OK) {
        status = tg_rank_functions(&ranking, functions.items, functions.count, TG_RANK_SELF, 0, err);
    }
    if (status == TG_OK) {
        append_store(call->out, call->scope.service, &quality);
        append_functions(call->out, call->scope.service->name, &ranking);
    }
    tg_ranking_release(&ranking);
    tg_store_functions_release(&functions);
    return status;
}
