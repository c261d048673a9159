/*
 * heat: how the durations of one function's calls were spread, step by step of a history: what a heat map is drawn of.
 *
 * A column is a step of iterations, cut as those of chart.h; steps without calls are left out. A row is a bucket of the
 * histogram. Threads: values belong to their owner. Units: nanoseconds.
 */
#ifndef TG_HEAT_H
#define TG_HEAT_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/histogram.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

/* The most columns. */
#define TG_HEAT_COLUMNS 500

struct tg_heat_column {
    int64_t iteration; /* the first of the step */
    struct tg_histogram histogram;
};

struct tg_heat {
    int64_t step;                   /* iterations */
    struct tg_heat_column *columns; /* ascending */
    size_t count;
    unsigned first_bucket; /* with calls in any column, and the last one; of none: 0 */
    unsigned last_bucket;
};

/* In at most `columns` (2 to TG_HEAT_COLUMNS) steps of the selection, both of whose ends are iterations there are; one
 * more where they do not begin at its first. Released also after a failure. */
TG_NODISCARD enum tg_status tg_heat_read(struct tg_heat *heat, struct tg_store *store,
                                         const struct tg_store_selection *selection, const char *name, size_t columns,
                                         struct tg_error *err);
void tg_heat_release(struct tg_heat *heat);

#endif
