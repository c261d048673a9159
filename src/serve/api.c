/* api: see api.h. */
#include "serve/api.h"

#include "base/nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct tg_api_parameter tg_api_service_parameters[] = {
    {.name = "service", .kind = TG_API_TEXT},
    {.name = NULL},
};

const struct tg_api_parameter tg_api_selection_parameters[] = {
    {.name = "since", .kind = TG_API_TEXT},
    {.name = "until", .kind = TG_API_TEXT},
    {.name = "version", .kind = TG_API_TEXT},
    {.name = "run", .kind = TG_API_TEXT},
    {.name = NULL},
};

#define TABLES(...) ((const struct tg_api_parameter *const[]){__VA_ARGS__, NULL})
#define NO_TABLES   ((const struct tg_api_parameter *const[]){NULL})
#define SELECTION   tg_api_service_parameters, tg_api_selection_parameters

const struct tg_api_route tg_api_routes[] = {
    {.path = "/api/v1/services", .parameters = NO_TABLES, .needs_store = true, .answer = tg_api_services},
    {.path = "/api/v1/store", .parameters = NO_TABLES, .needs_store = true, .answer = tg_api_store},
    {.path = "/api/v1/versions",
     .parameters = TABLES(tg_api_service_parameters),
     .needs_service = true,
     .answer = tg_api_versions},
    {.path = "/api/v1/events",
     .parameters = TABLES(SELECTION, tg_api_events_parameters),
     .needs_service = true,
     .answer = tg_api_events},
    {.path = "/api/v1/events",
     .parameters = TABLES(tg_api_service_parameters, tg_api_add_event_parameters),
     .needs_service = true,
     .is_change = true,
     .answer = tg_api_add_event},
    {.path = "/api/v1/quality", .parameters = TABLES(SELECTION), .needs_service = true, .answer = tg_api_quality},
    {.path = "/api/v1/functions",
     .parameters = TABLES(SELECTION, tg_api_functions_parameters),
     .needs_service = true,
     .answer = tg_api_functions},
    {.path = "/api/v1/trend",
     .parameters = TABLES(SELECTION, tg_api_trend_parameters),
     .needs_service = true,
     .answer = tg_api_trend},
    {.path = "/api/v1/trends",
     .parameters = TABLES(SELECTION, tg_api_trends_parameters),
     .needs_service = true,
     .answer = tg_api_trends},
    {.path = "/api/v1/diff",
     .parameters = TABLES(tg_api_service_parameters, tg_api_diff_parameters),
     .needs_service = true,
     .answer = tg_api_diff},
    {.path = "/api/v1/series",
     .parameters = TABLES(SELECTION, tg_api_series_parameters),
     .needs_service = true,
     .answer = tg_api_series},
    {.path = "/api/v1/slices",
     .parameters = TABLES(SELECTION, tg_api_slices_parameters),
     .needs_service = true,
     .answer = tg_api_slices},
    {.path = "/api/v1/latency",
     .parameters = TABLES(SELECTION, tg_api_latency_parameters),
     .needs_service = true,
     .answer = tg_api_latency},
    {.path = "/api/v1/call-tree",
     .parameters = TABLES(SELECTION, tg_api_call_tree_parameters),
     .needs_service = true,
     .answer = tg_api_call_tree},
    {.path = "/api/v1/call-tree-diff",
     .parameters = TABLES(tg_api_service_parameters, tg_api_call_tree_diff_parameters),
     .needs_service = true,
     .answer = tg_api_call_tree_diff},
    {.path = "/api/v1/calls",
     .parameters = TABLES(SELECTION, tg_api_calls_parameters),
     .needs_service = true,
     .answer = tg_api_calls},
    {.path = "/api/v1/exceptions",
     .parameters = TABLES(SELECTION, tg_api_exceptions_parameters),
     .needs_service = true,
     .answer = tg_api_exceptions},
    {.path = "/api/v1/exception",
     .parameters = TABLES(SELECTION, tg_api_exception_parameters),
     .needs_service = true,
     .answer = tg_api_exception},
    {.path = "/api/v1/processes", .parameters = TABLES(tg_api_processes_parameters), .answer = tg_api_processes},
    {.path = "/api/v1/pause",
     .parameters = TABLES(tg_api_control_parameters),
     .is_change = true,
     .answer = tg_api_pause},
    {.path = "/api/v1/unpause",
     .parameters = TABLES(tg_api_control_parameters),
     .is_change = true,
     .answer = tg_api_unpause},
    {.path = "/api/v1/rate",
     .parameters = TABLES(tg_api_control_parameters, tg_api_rate_parameters),
     .is_change = true,
     .answer = tg_api_rate},
    {.path = "/metrics",
     .parameters = TABLES(tg_api_service_parameters),
     .needs_service = true,
     .content_type = "text/plain; version=0.0.4; charset=utf-8",
     .answer = tg_api_metrics},
    {.path = "/healthz", .parameters = NO_TABLES, .needs_store = true, .answer = tg_api_health},
    {.path = NULL},
};

const struct tg_api_route *tg_api_find(const char *path, bool is_change) {
    for (const struct tg_api_route *route = tg_api_routes; route->path; route++) {
        if (route->is_change == is_change && strcmp(route->path, path) == 0) {
            return route;
        }
    }
    return NULL;
}

static const struct tg_api_parameter *find_parameter(const struct tg_api_route *route, const char *name) {
    for (const struct tg_api_parameter *const *table = route->parameters; *table; table++) {
        for (const struct tg_api_parameter *parameter = *table; parameter->name; parameter++) {
            if (strcmp(parameter->name, name) == 0) {
                return parameter;
            }
        }
    }
    return NULL;
}

static enum tg_status refuse_name(const struct tg_api_route *route, const char *name, struct tg_error *err) {
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, name);
    for (const struct tg_api_parameter *const *table = route->parameters; *table; table++) {
        for (const struct tg_api_parameter *parameter = *table; parameter->name; parameter++) {
            tg_nearest_offer(&nearest, parameter->name);
        }
    }
    return nearest.count ? tg_error_set(err, TG_ERROR_INVALID, "%s is no parameter of %s; did you mean %s?", name,
                                        route->path, nearest.names[0])
                         : tg_error_set(err, TG_ERROR_INVALID,
                                        "%s is no parameter of %s: /api/v1/openapi.json has them", name, route->path);
}

static bool read_number(const char *text, uint64_t *number) {
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0;
}

static bool read_amount(const char *text, double *amount) {
    char *end = NULL;
    if (text[strspn(text, "0123456789.eE+-")] != '\0') {
        return false; /* what strtod() would read beside: infinity, hexadecimal digits, spaces */
    }
    *amount = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*amount) && *amount >= 0;
}

static int read_choice(const char *text, const char *const *choices) {
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

static enum tg_status refuse_choice(const struct tg_api_parameter *parameter, const char *value, struct tg_error *err) {
    struct tg_strbuf words = TG_STRBUF_INIT;
    for (size_t i = 0; parameter->choices[i]; i++) {
        tg_strbuf_printf(&words, "%s%s", i ? ", " : "", parameter->choices[i]);
    }
    enum tg_status status = tg_error_set(err, TG_ERROR_INVALID, "%s cannot be '%s': it is one of %s", parameter->name,
                                         value, tg_strbuf_text(&words));
    tg_strbuf_release(&words);
    return status;
}

static enum tg_status check_value(const struct tg_api_parameter *parameter, const char *value, struct tg_error *err) {
    uint64_t number = 0;
    double amount = 0;
    switch (parameter->kind) {
    case TG_API_NUMBER:
        if (!read_number(value, &number) || number < parameter->least || number > parameter->most) {
            return tg_error_set(err, TG_ERROR_INVALID, "%s cannot be '%s': it is a number from %" PRIu64 " to %" PRIu64,
                                parameter->name, value, parameter->least, parameter->most);
        }
        return TG_OK;
    case TG_API_AMOUNT:
        return read_amount(value, &amount)
                   ? TG_OK
                   : tg_error_set(err, TG_ERROR_INVALID, "%s cannot be '%s': it is a number that is not negative",
                                  parameter->name, value);
    case TG_API_CHOICE:
        return read_choice(value, parameter->choices) >= 0 ? TG_OK : refuse_choice(parameter, value, err);
    case TG_API_TEXT:
    default:
        return TG_OK;
    }
}

static enum tg_status check_required(const struct tg_api_route *route, const struct tg_parameters *parameters,
                                     const char **blamed, struct tg_error *err) {
    for (const struct tg_api_parameter *const *table = route->parameters; *table; table++) {
        for (const struct tg_api_parameter *parameter = *table; parameter->name; parameter++) {
            if (parameter->required && !tg_parameters_find(parameters, parameter->name)) {
                *blamed = parameter->name;
                return tg_error_set(err, TG_ERROR_INVALID, "%s is missing: %s needs it", parameter->name, route->path);
            }
        }
    }
    return TG_OK;
}

enum tg_status tg_api_check(const struct tg_api_route *route, const struct tg_parameters *parameters,
                            const char **blamed, struct tg_error *err) {
    for (size_t i = 0; i < parameters->count; i++) {
        const struct tg_parameter *given = &parameters->items[i];
        const struct tg_api_parameter *parameter = find_parameter(route, given->name);
        *blamed = given->name;
        if (!parameter) {
            return refuse_name(route, given->name, err);
        }
        enum tg_status status = check_value(parameter, given->value, err);
        if (status != TG_OK) {
            return status;
        }
    }
    *blamed = NULL;
    return check_required(route, parameters, blamed, err);
}

const char *tg_api_text(const struct tg_api_call *call, const char *name) {
    return tg_parameters_find(call->parameters, name);
}

uint64_t tg_api_number(const struct tg_api_call *call, const char *name, uint64_t otherwise) {
    const char *text = tg_api_text(call, name);
    uint64_t number = otherwise;
    return text && read_number(text, &number) ? number : otherwise;
}

double tg_api_amount(const struct tg_api_call *call, const char *name, double otherwise) {
    const char *text = tg_api_text(call, name);
    double amount = otherwise;
    return text && read_amount(text, &amount) ? amount : otherwise;
}

int tg_api_choice(const struct tg_api_call *call, const char *name, const char *const *choices, int otherwise) {
    const char *text = tg_api_text(call, name);
    int choice = text ? read_choice(text, choices) : -1;
    return choice >= 0 ? choice : otherwise;
}

enum tg_status tg_api_select(struct tg_api_call *call, struct tg_store_selection *selection, struct tg_error *err) {
    const struct tg_scope_words words = {.since = tg_api_text(call, "since"),
                                         .until = tg_api_text(call, "until"),
                                         .version = tg_api_text(call, "version"),
                                         .run = tg_api_text(call, "run")};
    return tg_scope_select(&call->scope, &words, selection, err);
}

static enum tg_status choose_service(struct tg_api_call *call, struct tg_error *err) {
    const char *named = tg_api_text(call, "service");
    const char *service = named ? named : call->service;
    if (!named && service && !tg_scope_has(&call->scope, service)) {
        service = NULL;
    }
    enum tg_status status = tg_scope_choose(&call->scope, service, err);
    call->blamed = status == TG_ERROR_NOT_FOUND && named ? "service" : NULL;
    return status;
}

static enum tg_status answer_of_store(const struct tg_api_route *route, struct tg_api_call *call, bool *store_failed,
                                      struct tg_error *err) {
    enum tg_status status = tg_reading_begin(call->reading, err);
    if (status == TG_OK) {
        status = tg_scope_init(&call->scope, call->reading->store, call->reading->place, err);
    }
    *store_failed = status != TG_OK;
    if (status == TG_OK && route->needs_service) {
        status = choose_service(call, err);
    }
    if (status == TG_OK) {
        status = route->answer(call, err);
    }
    tg_scope_release(&call->scope);
    tg_reading_end(call->reading, status);
    return status;
}

enum tg_status tg_api_answer(const struct tg_api_route *route, struct tg_api_call *call, bool *store_failed,
                             struct tg_error *err) {
    *store_failed = false;
    return route->needs_store || route->needs_service ? answer_of_store(route, call, store_failed, err)
                                                      : route->answer(call, err);
}
