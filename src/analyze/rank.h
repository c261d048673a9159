/*
 * rank: which functions matter most, and which trends.
 *
 * Results point at the caller's rows; nothing is copied. Threads: any.
 */
#ifndef TG_RANK_H
#define TG_RANK_H

#include "analyze/step.h"
#include "analyze/trend.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_rank_key {
    TG_RANK_AVERAGE, /* tg_rank_iteration_average_ns() */
    TG_RANK_TOTAL,
    TG_RANK_SELF,
    TG_RANK_CALLS,
    TG_RANK_P99, /* of the rows' histograms; 0 without one */
    TG_RANK_ERRORS,
};

/* Their names on a command line, by enum tg_rank_key, ended by NULL. */
extern const char *const tg_rank_key_names[];

/* Two averages, both 0 without calls. Over the iterations, each weighing the same however many calls it had: what
 * AVG(average_time) GROUP BY function_name gives, and what ranking by average means. And over the calls: total / calls,
 * in which busy iterations weigh more. */
double tg_rank_iteration_average_ns(const struct tg_store_function *function);
double tg_rank_call_average_ns(const struct tg_store_function *function);

struct tg_ranked {
    const struct tg_store_function *function; /* borrowed from the rows ranked */
    double value;                             /* by what it was ranked */
};
struct tg_ranking {
    struct tg_ranked *items;
    size_t count;
};

/* The `limit` rows (0: all) with the largest values, largest first, equal ones by name. */
TG_NODISCARD enum tg_status tg_rank_functions(struct tg_ranking *ranking, const struct tg_store_function *functions,
                                              size_t count, enum tg_rank_key key, size_t limit, struct tg_error *err);
void tg_ranking_release(struct tg_ranking *ranking);

/* From where on a trend is one. Averages move by themselves: each bound keeps out another reason. */
struct tg_rank_evidence {
    uint64_t minimum_call_count; /* of the function, over all iterations */
    double minimum_change_ns;    /* between what was measured at both ends, either way; unknown: between the line's */
    double minimum_relative_change; /* likewise */
    double false_discovery_rate;    /* the share of noise that may be among the trends found by chance alone */
};

/* 10 calls. 100 ns: about what timing a call adds to it, so less says nothing about the function. 5 %: what the layout
 * of memory alone can do (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong", 2009). A
 * false discovery rate of 5 %. */
extern const struct tg_rank_evidence tg_rank_evidence_default;

struct tg_rank_trend {
    const struct tg_store_function *function; /* borrowed */
    struct tg_trend trend;
    struct tg_step step; /* zero where nobody looked for one */
    bool by_points;      /* somebody looked at the points; else the trend is of sums alone */
    double probability;  /* tg_trend_probability(): set by ranking, as the next */
    bool evident;        /* of the line or the step */
    bool is_step;        /* the step stands out from noise, and says more than a line */
};

/* Orders rows of different functions: first those with a step, then those whose trend is evident, both from the one
 * that slows most to the one that speeds up most, by relative change; then the others in the same order. Equal ones by
 * name.
 *
 * A step is one that passes the bounds on calls and change, whose probability is at most the false discovery rate, and
 * that fits better than a line.
 *
 * Evident is what passes all bounds, has a Theil-Sen slope and a measured change (where they are known) of the slope's
 * sign, and whose probability p passes Benjamini and Hochberg's (1995): of the m rows with calls enough, p <= rate * k
 * / m, where k is the largest number such that k rows have such a p. A bound on each p alone (two standard errors: 5 %)
 * would find 50 trends among 1,000 functions that have none. */
void tg_rank_trends(struct tg_rank_trend *rows, size_t count, const struct tg_rank_evidence *evidence);

#endif
