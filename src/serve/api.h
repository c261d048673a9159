/*
 * api: what the server answers about histories and processes: the routes under /api/v1, each with the parameters it
 * knows. The answers are those of src/answer, which the program's --json gives too.
 *
 * A parameter that a route does not know, or a value that its table does not allow, is refused by its name before
 * anything is asked. Columns, sort keys and directions are words of a table; the rest goes to the store as parameters
 * of its statements.
 *
 * Threads: routes are answered by workers, each with its own connection to the store; what they share is constant or
 * has a lock of its own.
 */
#ifndef TG_API_H
#define TG_API_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "serve/live_source.h"
#include "serve/parameters.h"
#include "serve/reading.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_api_kind {
    TG_API_TEXT,
    TG_API_NUMBER, /* an integer from `least` to `most` */
    TG_API_AMOUNT, /* a finite number that is not negative */
    TG_API_CHOICE,
};

struct tg_api_parameter {
    const char *name;
    enum tg_api_kind kind;
    bool required;
    uint64_t least;
    uint64_t most;
    const char *const *choices; /* ended by NULL */
};

/* A question on its way. */
struct tg_api_call {
    const struct tg_parameters *parameters;
    struct tg_reading *reading;
    struct tg_live_source *live;
    const char *service; /* that is meant where none is named; NULL: the one written to last */
    struct tg_scope scope;
    struct tg_strbuf *out;
    const char *blamed; /* the parameter that a failure is about; NULL: none */
};

struct tg_api_route {
    const char *path;
    const struct tg_api_parameter *const *parameters; /* tables, ended by NULL; each ends without a name */
    bool needs_store;                                 /* the scope has a store, and its services */
    bool needs_service;                               /* and one of them is chosen */
    bool is_change;                                   /* asked by POST, with the parameters in the body */
    const char *content_type;                         /* NULL: JSON */
    enum tg_status (*answer)(struct tg_api_call *call, struct tg_error *err);
};

/* By path, ended by one without. A path may be there twice: to ask, and to change. */
extern const struct tg_api_route tg_api_routes[];

const struct tg_api_route *tg_api_find(const char *path, bool is_change);

/* Checks the parameters against the route's tables. TG_ERROR_INVALID; `*blamed` is the name, borrowed. */
TG_NODISCARD enum tg_status tg_api_check(const struct tg_api_route *route, const struct tg_parameters *parameters,
                                         const char **blamed, struct tg_error *err);

/* Answers. `*store_failed`: it is the history that cannot be asked, whatever the status. */
TG_NODISCARD enum tg_status tg_api_answer(const struct tg_api_route *route, struct tg_api_call *call,
                                          bool *store_failed, struct tg_error *err);

/* What a checked parameter says; where it is not given: NULL, `otherwise`. */
const char *tg_api_text(const struct tg_api_call *call, const char *name);
uint64_t tg_api_number(const struct tg_api_call *call, const char *name, uint64_t otherwise);
double tg_api_amount(const struct tg_api_call *call, const char *name, double otherwise);
int tg_api_choice(const struct tg_api_call *call, const char *name, const char *const *choices, int otherwise);
/* What since, until, version and run select. */
TG_NODISCARD enum tg_status tg_api_select(struct tg_api_call *call, struct tg_store_selection *selection,
                                          struct tg_error *err);

/* Shared tables. */
extern const struct tg_api_parameter tg_api_service_parameters[];
extern const struct tg_api_parameter tg_api_selection_parameters[];

/* The answers, one for each route. */
enum tg_status tg_api_services(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_store(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_versions(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_events(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_add_event(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_quality(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_functions(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_trend(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_trends(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_diff(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_series(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_slices(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_latency(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_call_tree(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_call_tree_diff(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_calls(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_exceptions(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_exception(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_processes(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_pause(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_unpause(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_rate(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_metrics(struct tg_api_call *call, struct tg_error *err);
enum tg_status tg_api_health(struct tg_api_call *call, struct tg_error *err);

/* The tables of those that have their own. */
extern const struct tg_api_parameter tg_api_events_parameters[];
extern const struct tg_api_parameter tg_api_add_event_parameters[];
extern const struct tg_api_parameter tg_api_functions_parameters[];
extern const struct tg_api_parameter tg_api_trend_parameters[];
extern const struct tg_api_parameter tg_api_trends_parameters[];
extern const struct tg_api_parameter tg_api_diff_parameters[];
extern const struct tg_api_parameter tg_api_series_parameters[];
extern const struct tg_api_parameter tg_api_slices_parameters[];
extern const struct tg_api_parameter tg_api_latency_parameters[];
extern const struct tg_api_parameter tg_api_call_tree_parameters[];
extern const struct tg_api_parameter tg_api_call_tree_diff_parameters[];
extern const struct tg_api_parameter tg_api_calls_parameters[];
extern const struct tg_api_parameter tg_api_exceptions_parameters[];
extern const struct tg_api_parameter tg_api_exception_parameters[];
extern const struct tg_api_parameter tg_api_processes_parameters[];
extern const struct tg_api_parameter tg_api_control_parameters[];
extern const struct tg_api_parameter tg_api_rate_parameters[];

#endif
