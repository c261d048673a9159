/*
 * compare: what two sets of functions spent, and what made the difference.
 *
 * Functions are matched by name. What contributes to the change of all time is *self* time: it adds up to the whole,
 * while total time counts a slow function again in everything that calls it. A function's self time is calls * average,
 * so it changes because the calls do, because the average does, or both; half of what both do together goes to either
 * (Kitagawa 1955; for two factors also the Shapley value), so that the parts add up exactly:
 *     by calls    = (calls after - calls before) * (average before + average after) / 2
 *     by average  = (average after - average before) * (calls before + calls after) / 2
 * with averages of self time. A new or vanished function has one average: all of its change is by calls.
 *
 * Two sides are rarely observed for the same time. Each says how long it was (iterations, seconds, anything positive,
 * the same for both), and calls, totals and changes are those of one such unit; 1 leaves them as they are.
 *
 * Rows are borrowed from the sides. Threads: any; values belong to their owner.
 */
#ifndef TG_COMPARE_H
#define TG_COMPARE_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_compare_side {
    const struct tg_store_function *functions; /* each name once, in any order */
    size_t count;
    double length; /* in which it was observed; what is not above 0 counts as 1 */
};

/* One function on one side, for each unit of length. */
struct tg_compare_figures {
    const struct tg_store_function *function; /* NULL: not on this side, and all is 0 */
    double call_count;
    double total_ns;
    double self_ns;
    double average_ns; /* total / calls, whatever the length */
    double share;      /* total / the self time of all functions of the side, 0 to 1 */
};

struct tg_compare_row {
    const char *name;
    struct tg_compare_figures before;
    struct tg_compare_figures after;
    double average_ratio; /* after / before; 0 where either is missing or 0 */
    double change_ns;     /* of self time, the sum of these two: */
    double change_by_calls_ns;
    double change_by_average_ns;
    bool code_changed; /* its source is another; for the caller to set, who may know */
};

struct tg_compare {
    struct tg_compare_row *rows; /* by the size of their change, either way, largest first; equal ones by name */
    size_t row_count;
    double before_ns; /* self time of all functions */
    double after_ns;
};

TG_NODISCARD enum tg_status tg_compare_sides(struct tg_compare *compare, const struct tg_compare_side *before,
                                             const struct tg_compare_side *after, struct tg_error *err);
void tg_compare_release(struct tg_compare *compare);

/* Which functions may be held against a version. */
struct tg_compare_limits {
    double minimum_share;        /* of the time of the side where it is larger */
    uint64_t minimum_call_count; /* really called, on each side */
};

/* 1 % and 10 calls: the average of a function called once, such as main, is how long the program was left running. */
extern const struct tg_compare_limits tg_compare_limits_default;

/* The row within the limits with the largest average_ratio, which is below 1 where all got faster; NULL: there is none.
 * Borrowed from `compare`. */
const struct tg_compare_row *tg_compare_worst(const struct tg_compare *compare, const struct tg_compare_limits *limits);

#endif
