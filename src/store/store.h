/*
 * store: a history, in whichever engine its URL names. This is all that others see of it: commit batches, ask
 * questions.
 *
 * Iterations. A service's time is cut into slots of its base interval (that of the first batch ever stored): slot =
 * floor(end of the interval / base). Iteration = slot - the service's first slot, so the first batch is in iteration 0;
 * a batch from before, stored late, has a negative one. Batches of one slot add up; a slot without batches is a gap.
 *
 * A store belongs to one thread at a time. Statuses as in sql.h, and TG_ERROR_VERSION for a schema newer than ours.
 * Times are nanoseconds; wall times since 1970 UTC.
 */
#ifndef TG_STORE_H
#define TG_STORE_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "measure/histogram.h"
#include "store/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_store;

struct tg_store_options {
    tg_ns timeout_ns; /* for each call; 0: 5 s, and 15 minutes for an answer when read_only */
    bool create;      /* make file, database and tables where they are missing, and migrate older ones */
    bool read_only;   /* ask questions only */
};

TG_NODISCARD enum tg_status tg_store_open(struct tg_store **store, const char *url,
                                          const struct tg_store_options *options, struct tg_error *err);
void tg_store_close(struct tg_store *store);
/* Refuses a URL that cannot be meant: TG_ERROR_INVALID, TG_ERROR_UNSUPPORTED (no engine of this build has its scheme).
 * That the store can be reached is not asked. */
TG_NODISCARD enum tg_status tg_store_check_url(const char *url, struct tg_error *err);
/* Refuses also a file that cannot be meant: what is there is a directory, the database of another program or no
 * database at all, or the file cannot be made or written to. Makes none. Of a server nothing is asked, and one that is
 * locked or full may be meant. */
TG_NODISCARD enum tg_status tg_store_check_place(const char *url, struct tg_error *err);
/* Whether it is behind a connection, which a server closes when it was idle for long. */
bool tg_store_is_remote(const struct tg_store *store);

struct tg_store_commit {
    size_t stored_count; /* batches */
    size_t known_count;  /* batches that were there already */
};

/* Stores the batches in one transaction: all or none. */
TG_NODISCARD enum tg_status tg_store_commit(struct tg_store *store, const struct tg_batch *batches, size_t count,
                                            struct tg_store_commit *result, struct tg_error *err);

/* Questions. Results are owned by the caller and released with their release function (NULL and twice are fine). */

struct tg_store_service {
    int64_t id;
    char *name;
    int64_t base_interval_ns;
    int64_t first_slot;
    int64_t last_iteration;
    int64_t process_count;
    int64_t last_ended_ns; /* end of the latest interval */
};
struct tg_store_services {
    struct tg_store_service *items; /* the one written to last comes first */
    size_t count;
};
TG_NODISCARD enum tg_status tg_store_services(struct tg_store *store, struct tg_store_services *services,
                                              struct tg_error *err);
void tg_store_services_release(struct tg_store_services *services);

#define TG_RUN_ID_SIZE 33 /* 32 hexadecimal digits */

/* What of a service's history is asked about. Both ends of a range are included. */
struct tg_store_selection {
    int64_t service_id;
    int64_t first_iteration;  /* INT64_MIN: from the start */
    int64_t last_iteration;   /* INT64_MAX: to the end */
    const char *version;      /* NULL: all; "": of processes that told none */
    char run[TG_RUN_ID_SIZE]; /* a run's id (struct tg_store_run), or empty */
};

/* A point in time as people write it: "-1h" (s m h d w), "2026-11-21T10:00[:SS]" (local time) or with "Z" or an offset,
 * "2026-11-21", "iteration:120", "now". Becomes the iteration it lies in. */
TG_NODISCARD enum tg_status tg_store_iteration_of(const struct tg_store_service *service, const char *text,
                                                  tg_ns now_wall_ns, int64_t *iteration, struct tg_error *err);

/* The sums behind averages and straight lines, over the iterations in which a function was called: x is the
 * iteration, y the function's average of that iteration (all processes together) in nanoseconds. Shifted by the first
 * point, so that nothing cancels. */
struct tg_store_sums {
    int64_t iteration_count;
    int64_t first_iteration;
    int64_t last_iteration;
    double origin_x;
    double origin_y;
    double sum_x; /* of x - origin_x, and so on */
    double sum_y;
    double sum_xx;
    double sum_xy;
    double sum_yy;
};

struct tg_store_function {
    int64_t id;
    char *name;
    char *file; /* as seen last; "" when not known */
    uint32_t line;
    uint64_t call_count;
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t cumulative_ns;
    uint64_t self_ns;
    uint64_t active_ns;
    uint64_t minimum_ns;
    uint64_t maximum_ns;
    struct tg_store_sums sums;
    struct tg_histogram *histogram; /* only where asked for; NULL: not */
};
struct tg_store_functions {
    struct tg_store_function *items; /* by name */
    size_t count;
};
/* One row for each function called in the selection. `name` NULL: all, else that one. */
TG_NODISCARD enum tg_status tg_store_functions(struct tg_store *store, const struct tg_store_selection *selection,
                                               const char *name, bool with_histograms,
                                               struct tg_store_functions *functions, struct tg_error *err);
void tg_store_functions_release(struct tg_store_functions *functions);
/* In how many iterations of a selection any function was called. */
TG_NODISCARD enum tg_status tg_store_count_iterations(struct tg_store *store,
                                                      const struct tg_store_selection *selection, int64_t *count,
                                                      struct tg_error *err);

struct tg_store_point {
    int64_t iteration;
    uint64_t call_count;
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t cumulative_ns;
    uint64_t self_ns;
    uint64_t active_ns;
    uint64_t minimum_ns;
    uint64_t maximum_ns;
    uint64_t p50_ns;
    uint64_t p90_ns;
    uint64_t p99_ns;
};
struct tg_store_series {
    struct tg_store_point *items; /* ascending; iterations without calls are left out */
    size_t count;
};
/* The last `limit` iterations (0: all) of one function, all processes together. TG_ERROR_NOT_FOUND: no such function in
 * this service. */
TG_NODISCARD enum tg_status tg_store_series(struct tg_store *store, const struct tg_store_selection *selection,
                                            const char *name, size_t limit, struct tg_store_series *series,
                                            struct tg_error *err);
void tg_store_series_release(struct tg_store_series *series);

typedef enum tg_status tg_store_take_distribution(void *context, int64_t iteration,
                                                  const struct tg_histogram *histogram, struct tg_error *err);
/* Gives the distribution of one function's calls in each iteration, newest first and all processes together, to `take`,
 * until that returns another status than TG_OK: then that is the answer. TG_ERROR_NOT_FOUND: no such function. */
TG_NODISCARD enum tg_status tg_store_distributions(struct tg_store *store, const struct tg_store_selection *selection,
                                                   const char *name, tg_store_take_distribution *take, void *context,
                                                   struct tg_error *err);

/* Gives each point of all functions to `take`, in the order of iterations, and of functions within one, until that
 * returns another status than TG_OK: then that is the answer. Percentiles are 0. */
TG_NODISCARD enum tg_status tg_store_points(struct tg_store *store, const struct tg_store_selection *selection,
                                            enum tg_status (*take)(void *context, int64_t function_id,
                                                                   const struct tg_store_point *point,
                                                                   struct tg_error *err),
                                            void *context, struct tg_error *err);

/* What the figures of a selection do not show. */
struct tg_store_quality {
    int64_t interval_count;
    int64_t overflow_call_count;
    int64_t unrecorded_call_count;
    int64_t refused_function_count;
    int64_t torn_count;
    int64_t damaged_count;
    int64_t collector_cpu_ns;
};
TG_NODISCARD enum tg_status tg_store_quality(struct tg_store *store, const struct tg_store_selection *selection,
                                             struct tg_store_quality *quality, struct tg_error *err);

enum tg_store_event_kind {
    TG_STORE_EVENT_START = 1,
    TG_STORE_EVENT_END = 2,     /* told by the process */
    TG_STORE_EVENT_FOUND = 3,   /* found dead */
    TG_STORE_EVENT_VERSION = 4, /* first process of a version that differs from the one seen last */
    TG_STORE_EVENT_MARKER = 5,  /* told by a person or a deployment; of no process, version or run */
    TG_STORE_EVENT_RELOAD = 6,  /* newer source runs in the process; `detail` says of which module, and what changed */
    TG_STORE_EVENT_REFUSED_RELOAD = 7, /* it does not; `detail` says why */
};
/* "start", "end", "found", "version", "marker", "reload", "refused reload"; "unknown" of a newer tachograph. */
const char *tg_store_event_kind_name(enum tg_store_event_kind kind);
struct tg_store_event {
    int64_t wall_ns;
    int64_t iteration;
    enum tg_store_event_kind kind;
    int64_t process_id; /* 0: none */
    uint64_t pid;
    char *host;
    char *version;
    char *detail;
};
struct tg_store_events {
    struct tg_store_event *items; /* ascending in time */
    size_t count;
};
TG_NODISCARD enum tg_status tg_store_events(struct tg_store *store, const struct tg_store_selection *selection,
                                            struct tg_store_events *events, struct tg_error *err);
void tg_store_events_release(struct tg_store_events *events);

/* The codes that functions have had: the compiler's, told apart by a hash. A change of a function's speed that comes
 * with another one is a change of its source. Each is in force until the function's next one of the same Python: it is
 * what the process ran that began or was reloaded last, while others may have run what they began with. One that is
 * undone is there twice. Only the newest 100 are kept, and codes that live side by side, and so return again and again,
 * are told ten times a day at most. */
struct tg_store_code {
    int64_t function_id;
    uint64_t code_hash;
    uint32_t line;
    uint32_t python;         /* which compiled it, as 0x030b; 0: not known, and taken for the same as any */
    int64_t first_iteration; /* in which a call of it ended */
};
struct tg_store_codes {
    struct tg_store_code *items; /* by function, and of each in the order of time; each differs from that before it */
    size_t count;
};
/* `function_id` 0: of all functions. */
TG_NODISCARD enum tg_status tg_store_codes(struct tg_store *store, int64_t service_id, int64_t function_id,
                                           struct tg_store_codes *codes, struct tg_error *err);
void tg_store_codes_release(struct tg_store_codes *codes);
/* Those of one function; borrowed. */
struct tg_store_codes tg_store_codes_of(const struct tg_store_codes *codes, int64_t function_id);
/* Whether both were compiled by one minor version of Python, for all that is known: codes of two are not compared. */
bool tg_store_codes_are_alike(const struct tg_store_code *one, const struct tg_store_code *other);
/* What a code took over from, of the same function and Python; NULL: it is the first, so nothing has changed. */
const struct tg_store_code *tg_store_code_before(const struct tg_store_codes *codes, const struct tg_store_code *code);

#define TG_STORE_EVENT_BYTES_MAX 500U
/* Adds a marker to a service of the store, which is stored when this returns; `*iteration` is where it lies.
 * TG_ERROR_INVALID: the text is empty, too long, or no UTF-8. */
TG_NODISCARD enum tg_status tg_store_add_marker(struct tg_store *store, const struct tg_store_service *service,
                                                int64_t wall_ns, const char *text, int64_t *iteration,
                                                struct tg_error *err);

/* The versions of a service in the order of their first appearance. */
struct tg_store_version {
    char *version; /* "": not told */
    int64_t first_iteration;
    int64_t last_iteration;
    int64_t process_count;
};
struct tg_store_versions {
    struct tg_store_version *items;
    size_t count;
};
TG_NODISCARD enum tg_status tg_store_versions(struct tg_store *store, int64_t service_id,
                                              struct tg_store_versions *versions, struct tg_error *err);
void tg_store_versions_release(struct tg_store_versions *versions);

/* What samplers saw in an interval of one process. */
struct tg_store_call_tree {
    int64_t iteration;
    uint64_t pid;
    struct tg_batch_sampling sampling; /* `tree` is borrowed for the call, and not checked */
};
/* Gives each call tree of the selection to `take`, in the order of time, until that returns another status than TG_OK:
 * then that is the answer. */
TG_NODISCARD enum tg_status
tg_store_call_trees(struct tg_store *store, const struct tg_store_selection *selection,
                    enum tg_status (*take)(void *context, const struct tg_store_call_tree *tree, struct tg_error *err),
                    void *context, struct tg_error *err);

/* Exceptions that are alike: of one type, out of one function, by the same way. */
struct tg_store_exception {
    int64_t id;
    char *function;
    char *type;
    int64_t first_wall_ns; /* this and the next: ever */
    int64_t last_wall_ns;
    uint64_t count;          /* this and the next two: in the iterations asked for; never 0 */
    int64_t first_iteration; /* in which it happened */
    int64_t last_iteration;
    uint64_t fingerprint;
};
struct tg_store_exceptions {
    struct tg_store_exception *items; /* the most frequent first */
    size_t count;
    uint64_t lost_count; /* samples that found no space */
};
/* Those that happened in the selection. One of which it has a sample only, that came late, is none. */
TG_NODISCARD enum tg_status tg_store_exceptions(struct tg_store *store, const struct tg_store_selection *selection,
                                                struct tg_store_exceptions *exceptions, struct tg_error *err);
void tg_store_exceptions_release(struct tg_store_exceptions *exceptions);

/* How often one happened, by iteration. */
struct tg_store_exception_points {
    struct tg_store_exception_point {
        int64_t iteration;
        uint64_t count;
    } * items;
    size_t count;
};
TG_NODISCARD enum tg_status tg_store_exception_points(struct tg_store *store,
                                                      const struct tg_store_selection *selection, int64_t exception_id,
                                                      struct tg_store_exception_points *points, struct tg_error *err);
void tg_store_exception_points_release(struct tg_store_exception_points *points);

struct tg_store_exception_sample {
    int64_t id;
    int64_t iteration;
    int64_t wall_ns;
    uint64_t pid;
    uint64_t native_id; /* of the thread */
    char *host;
    char *thread;
    char *message;
    char *traceback;
    char *args;    /* JSON; "": not captured */
    char *kwargs;  /* the same */
    char *rebound; /* names of parameters that the function binds anew */
    char *version;
};
struct tg_store_exception_samples {
    struct tg_store_exception_sample *items;
    size_t count;
    uint64_t kept_count; /* in the selection, of which these are some */
};
/* Up to `limit` samples of one exception in the selection, the newest first, after the first `offset` of them. */
TG_NODISCARD enum tg_status tg_store_exception_samples(struct tg_store *store,
                                                       const struct tg_store_selection *selection, int64_t exception_id,
                                                       size_t offset, size_t limit,
                                                       struct tg_store_exception_samples *samples,
                                                       struct tg_error *err);
void tg_store_exception_samples_release(struct tg_store_exception_samples *samples);

/* What `tachograph run` started, with all its processes; a process that was started otherwise is a run by itself. */
struct tg_store_run {
    char id[TG_RUN_ID_SIZE]; /* the uuid of the run, or of the process, in hexadecimal */
    char *version;           /* this and what follows to `end`: of the process that began first */
    char *host;
    char *program;
    uint64_t pid;
    int64_t started_wall_ns;
    enum tg_store_event_kind end; /* 0: none is known, it may go on */
    int64_t process_count;
    int64_t ended_wall_ns; /* end of the latest interval of any */
    int64_t first_iteration;
    int64_t last_iteration;
    bool has_figures;
    bool has_part; /* in the selection */
};
struct tg_store_runs {
    struct tg_store_run *items; /* in the order in which they began; those in which no call ended are left out */
    size_t count;
};
/* The runs that have a part in the selection, each as a whole. */
TG_NODISCARD enum tg_status tg_store_runs(struct tg_store *store, const struct tg_store_selection *selection,
                                          struct tg_store_runs *runs, struct tg_error *err);
void tg_store_runs_release(struct tg_store_runs *runs);

struct tg_store_status {
    char engine[128]; /* name and version of the engine */
    int64_t schema_version;
    int64_t newest_schema_version; /* that this build knows */
    int64_t service_count;
    int64_t process_count;
    int64_t function_count;
    int64_t interval_count;
    int64_t row_count;  /* of function_intervals */
    int64_t size_bytes; /* -1: not known */
};
TG_NODISCARD enum tg_status tg_store_status(struct tg_store *store, struct tg_store_status *status,
                                            struct tg_error *err);

/* Checks the engine's own integrity and ours (sums against rows, gaps in seq); `report` gets one line for each thing
 * that is wrong. TG_ERROR_FORMAT: something is. */
TG_NODISCARD enum tg_status tg_store_verify(struct tg_store *store, struct tg_strbuf *report, struct tg_error *err);

#endif
