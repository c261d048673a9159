/* measures: see measures.h. */
#include "record/measures.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void tg_measures_init(struct tg_measures *measures) {
    *measures = (struct tg_measures){.minimum_ns = UINT64_MAX, .recent_minimum_ns = UINT64_MAX};
}

void tg_measures_release(struct tg_measures *measures) {
    if (measures) {
        free(measures->histogram);
        tg_measures_init(measures);
    }
}

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static uint64_t saturating_subtract(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static enum tg_status add_histogram(struct tg_measures *measures, const struct tg_histogram *other) {
    if (!other) {
        return TG_OK;
    }
    if (!measures->histogram) {
        measures->histogram = calloc(1, sizeof *measures->histogram);
        if (!measures->histogram) {
            return TG_ERROR_MEMORY;
        }
    }
    return tg_histogram_merge(measures->histogram, other);
}

enum tg_status tg_measures_add(struct tg_measures *measures, const struct tg_measures *other) {
    measures->call_count = saturating_add(measures->call_count, other->call_count);
    measures->running_count += other->running_count;
    measures->error_count = saturating_add(measures->error_count, other->error_count);
    measures->total_ns = saturating_add(measures->total_ns, other->total_ns);
    measures->cumulative_ns = saturating_add(measures->cumulative_ns, other->cumulative_ns);
    measures->self_ns = saturating_add(measures->self_ns, other->self_ns);
    measures->active_ns = saturating_add(measures->active_ns, other->active_ns);
    measures->minimum_ns = smaller(measures->minimum_ns, other->minimum_ns);
    measures->maximum_ns = larger(measures->maximum_ns, other->maximum_ns);
    measures->recent_minimum_ns = smaller(measures->recent_minimum_ns, other->recent_minimum_ns);
    measures->recent_maximum_ns = larger(measures->recent_maximum_ns, other->recent_maximum_ns);
    if (other->call_count && other->last_end_ticks >= measures->last_end_ticks) {
        measures->last_end_ticks = other->last_end_ticks;
        measures->last_ns = other->last_ns;
    }
    return add_histogram(measures, other->histogram);
}

static uint64_t clamp(uint64_t value, uint64_t lowest, uint64_t highest) {
    return value < lowest ? lowest : value > highest ? highest : value;
}

/* Without a histogram the known ones remain. */
static void extremes_of_histogram(struct tg_measures *measures) {
    const uint64_t known_minimum_ns = measures->minimum_ns;
    const uint64_t known_maximum_ns = measures->maximum_ns;
    bool found = false;
    for (unsigned i = 0; measures->histogram && i < TG_HISTOGRAM_BUCKETS; i++) {
        if (measures->histogram->counts[i]) {
            uint64_t ns = i == TG_HISTOGRAM_BUCKETS - 1 ? known_maximum_ns : tg_histogram_midpoint(i);
            ns = clamp(ns, known_minimum_ns, known_maximum_ns);
            measures->minimum_ns = found ? measures->minimum_ns : ns;
            measures->maximum_ns = ns;
            found = true;
        }
    }
}

void tg_measures_subtract(struct tg_measures *measures, const struct tg_measures *earlier) {
    if (earlier->call_count == 0) {
        return; /* all of it happened since */
    }
    measures->call_count = saturating_subtract(measures->call_count, earlier->call_count);
    measures->error_count = saturating_subtract(measures->error_count, earlier->error_count);
    measures->total_ns = saturating_subtract(measures->total_ns, earlier->total_ns);
    measures->cumulative_ns = saturating_subtract(measures->cumulative_ns, earlier->cumulative_ns);
    measures->self_ns = saturating_subtract(measures->self_ns, earlier->self_ns);
    measures->active_ns = saturating_subtract(measures->active_ns, earlier->active_ns);
    for (unsigned i = 0; measures->histogram && earlier->histogram && i < TG_HISTOGRAM_BUCKETS; i++) {
        uint64_t *count = &measures->histogram->counts[i];
        *count = saturating_subtract(*count, earlier->histogram->counts[i]);
    }
    if (measures->call_count) {
        extremes_of_histogram(measures);
    } else {
        measures->minimum_ns = UINT64_MAX;
        measures->maximum_ns = 0;
        measures->last_ns = 0;
    }
}

enum tg_status tg_measures_copy(struct tg_measures *copy, const struct tg_measures *measures) {
    *copy = *measures;
    copy->histogram = NULL;
    return add_histogram(copy, measures->histogram);
}

uint64_t tg_measures_percentile(const struct tg_measures *measures, double percent) {
    if (!measures->histogram) {
        return 0;
    }
    return tg_histogram_percentile(measures->histogram, percent, measures->minimum_ns, measures->maximum_ns);
}

uint64_t tg_measures_average_ns(const struct tg_measures *measures) {
    uint64_t count = measures->call_count;
    return count ? measures->total_ns / count + (measures->total_ns % count * 2 >= count) : 0;
}
