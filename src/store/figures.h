/*
 * figures: rows of function_intervals added up by function, with the sums behind averages and straight lines.
 *
 * Sums are shifted by an origin, the function's first point, so that nothing cancels; two sums with different origins
 * are merged by moving one of them. What has been added can be taken away again.
 *
 * Figures that would pass 2^64 stay there. Threads: a value belongs to its owner.
 */
#ifndef TG_FIGURES_H
#define TG_FIGURES_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No iterations: nothing has an origin yet. */
void tg_sums_init(struct tg_store_sums *sums);
void tg_sums_add(struct tg_store_sums *sums, int64_t x, double y);
/* Takes a point away that was added before. */
void tg_sums_remove(struct tg_store_sums *sums, int64_t x, double y);
/* Adds all points of `other`. */
void tg_sums_merge(struct tg_store_sums *sums, const struct tg_store_sums *other);

/* A function in an interval. */
struct tg_figures_row {
    int64_t iteration;
    int64_t function_id;
    uint64_t call_count;
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t cumulative_ns;
    uint64_t self_ns;
    uint64_t active_ns;
    uint64_t minimum_ns;
    uint64_t maximum_ns;
    struct tg_bytes histogram; /* where `with_histograms` */
};

/* By function id. */
struct tg_figures {
    struct tg_store_function *items; /* in the order of their first row; names are NULL */
    size_t count;
    size_t capacity;
    uint32_t *places; /* in items, plus one; 0: free */
    size_t place_count;
    size_t next; /* in items: most likely the one that is asked for next */
    bool with_histograms;
    /* The point that is not complete before another function's or iteration's row comes. */
    size_t point_index; /* in items */
    int64_t point_iteration;
    int64_t point_function_id;
    uint64_t point_call_count;
    uint64_t point_total_ns;
};

void tg_figures_init(struct tg_figures *figures, bool with_histograms);
void tg_figures_release(struct tg_figures *figures);

/* The function's figures, made empty if there are none; borrowed until the next one is made. NULL: no memory. */
struct tg_store_function *tg_figures_get(struct tg_figures *figures, int64_t function_id);

/* The same without making any: NULL where there are none. */
struct tg_store_function *tg_figures_find(const struct tg_figures *figures, int64_t function_id);

/* Adds a row's figures, without its point. */
TG_NODISCARD enum tg_status tg_figures_add(struct tg_figures *figures, const struct tg_figures_row *row,
                                           struct tg_error *err);
/* The same with its point. All rows of a function in an iteration come one after the other, and tg_figures_end_points()
 * after the last row of all. */
TG_NODISCARD enum tg_status tg_figures_add_with_point(struct tg_figures *figures, const struct tg_figures_row *row,
                                                      struct tg_error *err);
void tg_figures_end_points(struct tg_figures *figures);

/* Adds one function's figures, sums included, to another's. Histograms are left out. */
void tg_figures_merge(struct tg_store_function *function, const struct tg_store_function *other);

#endif
