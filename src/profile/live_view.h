/*
 * live_view: an answer to "what goes on", from the figures of live.h: rows, grouped, filtered and sorted.
 *
 * A row is a function summed over what is looked at, a process, or a thread. Names are borrowed from the live figures
 * until their next refresh.
 *
 * The order is total and does not depend on how rows were found: largest first by the key; of equal ones first those of
 * processes that live, then those that run, then by the time ever spent, then by what they are. Threads: values belong
 * to their owner. Units: nanoseconds.
 */
#ifndef TG_LIVE_VIEW_H
#define TG_LIVE_VIEW_H

#include "base/attributes.h"
#include "base/error.h"
#include "profile/live.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_live_group {
    TG_LIVE_FUNCTIONS,
    TG_LIVE_PROCESSES,
    TG_LIVE_THREADS,
};

/* Of the figures since the last refresh. */
enum tg_live_sort {
    TG_LIVE_SORT_CALLS,
    TG_LIVE_SORT_AVERAGE,
    TG_LIVE_SORT_P99,
    TG_LIVE_SORT_SELF,
    TG_LIVE_SORT_RUNNING,
    TG_LIVE_SORT_ERRORS,
    TG_LIVE_SORT_NAME,
};
#define TG_LIVE_SORTS 7

/* Their names on a command line, ended by NULL. */
extern const char *const tg_live_group_names[]; /* "function", "process", "thread" */
extern const char *const tg_live_sort_names[];

struct tg_live_query {
    enum tg_live_group group;
    enum tg_live_sort sort;
    uint64_t process;        /* number of the one that is looked at; 0: all */
    uint64_t thread_id;      /* with `process`: */
    bool one_thread;         /* only this thread of it; thread_id 0 are those that have ended */
    const char *filter;      /* rows whose text has this in it, whatever its case; NULL or "": all */
    const char *const *only; /* functions that one of these patterns matches */
    size_t only_count;       /* 0: all */
};

struct tg_live_row {
    const struct tg_live_name *name;       /* of a function, else NULL */
    const struct tg_live_process *process; /* of a process or thread, else NULL */
    uint64_t thread_id;                    /* of a thread; 0: all that have ended */
    const char *thread_name;               /* "" where it is not known */
    bool alive;                            /* one of its processes lives */
    struct tg_measures since;              /* without histograms; */
    struct tg_measures ever;               /* what runs, runs in processes that live */
    uint64_t since_p99_ns;                 /* 0 without calls */
};

/* Over all that is looked at, whatever the filter. */
struct tg_live_sums {
    size_t alive_count; /* processes */
    size_t ended_count;
    struct tg_measures since;
    struct tg_measures ever;
    struct tg_snapshot quality; /* its counts alone */
    size_t truncated_count;     /* recordings that are shorter than they say */
};

struct tg_live_view {
    struct tg_live_row *rows;
    size_t row_count;
    struct tg_live_sums sums;
};

TG_NODISCARD enum tg_status tg_live_view_make(struct tg_live_view *view, const struct tg_live *live,
                                              const struct tg_live_query *query, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_live_view_release(struct tg_live_view *view);

/* Whether nothing has ended since the last refresh, and nothing runs. */
bool tg_live_row_is_idle(const struct tg_live_row *row);

#endif
