/*
 * chart: how a figure of many functions went, iteration by iteration or in steps of several: what is drawn of a
 * history. One question for lines (the functions that once were above a minimum) and for stacked bars (the functions
 * with the largest sums, and all others together).
 *
 * A point is an iteration in which the function was called, all processes together; or a step of `step` iterations,
 * cut so that iteration 0 begins one. Steps without calls are left out. The average of a step is that of its calls.
 *
 * Reads all rows of the selection twice, once to choose functions and once for their points, so that memory is bounded
 * by what is shown; of one function that is named, its own rows once. Where that one has a limit of last points, only
 * these are held against the minimum. Threads: values belong to their owner. Units: nanoseconds.
 */
#ifndef TG_CHART_H
#define TG_CHART_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most points of a function. */
#define TG_CHART_POINTS 5000

/* Points that are kept in memory on the way, unless the question says otherwise: 64 MiB. */
#define TG_CHART_KEPT ((size_t)2 << 20U)

enum tg_chart_column {
    TG_CHART_AVERAGE,
    TG_CHART_TOTAL,
    TG_CHART_CUMULATIVE,
    TG_CHART_SELF,
    TG_CHART_CALLS,
    TG_CHART_ERRORS,
};
/* Their names, by enum tg_chart_column, ended by NULL. */
extern const char *const tg_chart_column_names[];

struct tg_chart_question {
    struct tg_store_selection selection; /* both ends are iterations there are (tg_scope_bounds()) */
    enum tg_chart_column column;
    double minimum;       /* only functions of which a point of one iteration is strictly above it */
    const char *function; /* only this one, by its whole name; NULL: all */
    size_t limit;         /* the functions that are shown at most */
    bool by_sum;          /* of too many those with the largest sums; else those with the largest points */
    bool with_others;     /* also the sum of all that are not shown */
    size_t last;          /* of each function its last points, one iteration each; 0: all, in steps */
    int64_t step;         /* iterations; at least tg_chart_step() */
    size_t kept;          /* of a part of the history with more points than this all are read twice; 0: TG_CHART_KEPT */
};

struct tg_chart_point {
    int64_t iteration; /* the first of the step */
    uint64_t call_count;
    uint64_t amount; /* of the column; of the average: total time */
};

struct tg_chart_line {
    const struct tg_store_function *function; /* borrowed from the chart; NULL: all others */
    double largest;                           /* of its points of one iteration */
    uint64_t sum;                             /* of its amounts */
    struct tg_chart_point *points;            /* ascending */
    size_t count;
};

struct tg_chart {
    struct tg_store_functions functions;
    struct tg_chart_line *lines; /* those shown, largest first, equal ones by name; the others after them */
    size_t line_count;
    bool has_others;       /* the last line is theirs */
    size_t matching_count; /* functions above the minimum, of which at most `limit` are shown */
    double largest;        /* point of any function */
};

/* A step that makes at most `points` (at least 2) of a period: the shortest, or one that is longer by a point. */
int64_t tg_chart_step(int64_t first_iteration, int64_t last_iteration, size_t points);

/* The first iteration of the step that an iteration is in. */
int64_t tg_chart_start_of_step(int64_t iteration, int64_t step);

double tg_chart_value(const struct tg_chart_point *point, enum tg_chart_column column);

/* Released also after a failure. */
TG_NODISCARD enum tg_status tg_chart_read(struct tg_chart *chart, struct tg_store *store,
                                          const struct tg_chart_question *question, struct tg_error *err);
void tg_chart_release(struct tg_chart *chart);

#endif
