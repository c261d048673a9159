/*
 * measures: what is known of a function's calls, as a value to add, subtract and ask. Readers, reports and the
 * language bindings all compute with this one type; the recording's own form is struct tg_counters.
 *
 * Times are nanoseconds; the words total, cumulative, self and active mean what record/tracer.h says. Nothing wraps:
 * sums stop at their largest value. Threads: values belong to their owner.
 */
#ifndef TG_MEASURES_H
#define TG_MEASURES_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/histogram.h"

#include <stdint.h>

struct tg_measures {
    uint64_t call_count; /* calls that ended */
    int64_t running_count;
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t cumulative_ns;
    uint64_t self_ns;
    uint64_t active_ns;
    uint64_t minimum_ns; /* UINT64_MAX: no call ended */
    uint64_t maximum_ns;
    uint64_t recent_minimum_ns; /* of the recording's current epoch and the one before; UINT64_MAX: no call ended */
    uint64_t recent_maximum_ns;
    uint64_t last_ns;
    uint64_t last_end_ticks;        /* orders the last calls of one recording */
    struct tg_histogram *histogram; /* owned; NULL: empty */
};

void tg_measures_init(struct tg_measures *measures);
void tg_measures_release(struct tg_measures *measures);

/* Adds `other`, another thread's or process's measures of the same function. */
TG_NODISCARD enum tg_status tg_measures_add(struct tg_measures *measures, const struct tg_measures *other);

/* What happened between `earlier` and `measures`, two snapshots of the same counters, replaces `measures`. Extremes do
 * not subtract: those of the difference are read off its histogram, so they are right to 6.25 %, and lie within the
 * extremes known. Running calls are those of the later snapshot. */
void tg_measures_subtract(struct tg_measures *measures, const struct tg_measures *earlier);

/* A deep copy in `*copy`, which need not be initialised. */
TG_NODISCARD enum tg_status tg_measures_copy(struct tg_measures *copy, const struct tg_measures *measures);

/* Duration not exceeded by `percent` (0-100) of the calls; 0 without calls. */
uint64_t tg_measures_percentile(const struct tg_measures *measures, double percent);

/* total / calls, rounded; 0 without calls. */
uint64_t tg_measures_average_ns(const struct tg_measures *measures);

#endif
