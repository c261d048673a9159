/* rank: see rank.h. */
#include "analyze/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const tg_rank_key_names[] = {"average", "total", "self", "calls", "p99", "errors", NULL};

const struct tg_rank_evidence tg_rank_evidence_default = {
    .minimum_call_count = 10,
    .minimum_change_ns = 100,
    .minimum_relative_change = 0.05,
    .false_discovery_rate = 0.05,
};

double tg_rank_iteration_average_ns(const struct tg_store_function *function) {
    const struct tg_store_sums *sums = &function->sums;
    return sums->iteration_count > 0 ? sums->origin_y + sums->sum_y / (double)sums->iteration_count : 0;
}

double tg_rank_call_average_ns(const struct tg_store_function *function) {
    return function->call_count ? (double)function->total_ns / (double)function->call_count : 0;
}

static double value_of(const struct tg_store_function *function, enum tg_rank_key key) {
    switch (key) {
    case TG_RANK_AVERAGE:
        return tg_rank_iteration_average_ns(function);
    case TG_RANK_TOTAL:
        return (double)function->total_ns;
    case TG_RANK_SELF:
        return (double)function->self_ns;
    case TG_RANK_CALLS:
        return (double)function->call_count;
    case TG_RANK_P99:
        return function->histogram ? (double)tg_histogram_percentile(function->histogram, 99, function->minimum_ns,
                                                                     function->maximum_ns)
                                   : 0;
    case TG_RANK_ERRORS:
        return (double)function->error_count;
    }
    return 0;
}

static int compare_numbers(double a, double b) {
    return (a > b) - (a < b);
}

static int by_value(const void *one, const void *other) {
    const struct tg_ranked *a = one;
    const struct tg_ranked *b = other;
    int order = compare_numbers(b->value, a->value);
    return order ? order : strcmp(a->function->name, b->function->name);
}

enum tg_status tg_rank_functions(struct tg_ranking *ranking, const struct tg_store_function *functions, size_t count,
                                 enum tg_rank_key key, size_t limit, struct tg_error *err) {
    *ranking = (struct tg_ranking){.items = NULL};
    if (count == 0) {
        return TG_OK;
    }
    ranking->items = calloc(count, sizeof *ranking->items);
    if (!ranking->items) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to rank the functions");
    }
    for (size_t i = 0; i < count; i++) {
        ranking->items[i] = (struct tg_ranked){.function = &functions[i], .value = value_of(&functions[i], key)};
    }
    qsort(ranking->items, count, sizeof *ranking->items, by_value);
    ranking->count = limit && limit < count ? limit : count;
    return TG_OK;
}

void tg_ranking_release(struct tg_ranking *ranking) {
    if (ranking) {
        free(ranking->items);
        *ranking = (struct tg_ranking){.items = NULL};
    }
}

static int by_probability(const void *one, const void *other) {
    const struct tg_rank_trend *a = one;
    const struct tg_rank_trend *b = other;
    return compare_numbers(a->probability, b->probability);
}

static double change_of(const struct tg_rank_trend *row) {
    const struct tg_trend *trend = &row->trend;
    double change = trend->is_measured ? trend->measured_change : trend->relative_change;
    return row->is_step ? row->step.relative_change : change;
}

static int by_evidence(const void *one, const void *other) {
    const struct tg_rank_trend *a = one;
    const struct tg_rank_trend *b = other;
    int order = b->evident - a->evident;
    order = order ? order : b->is_step - a->is_step;
    order = order ? order : compare_numbers(change_of(b), change_of(a));
    return order ? order : strcmp(a->function->name, b->function->name);
}

static bool has_calls(const struct tg_rank_trend *row, const struct tg_rank_evidence *evidence) {
    return row->function->call_count >= evidence->minimum_call_count;
}

/* The largest probability that passes Benjamini and Hochberg's procedure; -1: none does. Reorders the rows. */
static double passing_probability(struct tg_rank_trend *rows, size_t count, const struct tg_rank_evidence *evidence) {
    size_t tested_count = 0;
    for (size_t i = 0; i < count; i++) {
        tested_count += has_calls(&rows[i], evidence);
    }
    qsort(rows, count, sizeof *rows, by_probability);
    double passing = -1;
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        if (has_calls(&rows[i], evidence)) {
            place++;
            double bound = evidence->false_discovery_rate * (double)place / (double)tested_count;
            passing = rows[i].probability <= bound ? rows[i].probability : passing;
        }
    }
    return passing;
}

static bool is_change(double change_ns, double relative_change, const struct tg_rank_evidence *evidence) {
    return fabs(change_ns) >= evidence->minimum_change_ns && fabs(relative_change) >= evidence->minimum_relative_change;
}

static bool is_effect(const struct tg_trend *trend, const struct tg_rank_evidence *evidence) {
    double measured_ns = trend->after_ns - trend->before_ns;
    if (trend->has_theil_sen && trend->theil_sen_slope_ns * trend->slope_ns <= 0) {
        return false;
    }
    return trend->is_measured
               ? measured_ns * trend->slope_ns > 0 && is_change(measured_ns, trend->measured_change, evidence)
               : is_change(trend->end_ns - trend->start_ns, trend->relative_change, evidence);
}

static bool is_step(const struct tg_rank_trend *row, const struct tg_rank_evidence *evidence) {
    const struct tg_step *step = &row->step;
    return step->kind != TG_STEP_NONE && step->fits_better && has_calls(row, evidence)
           && step->probability <= evidence->false_discovery_rate
           && is_change(step->after_ns - step->before_ns, step->relative_change, evidence);
}

void tg_rank_trends(struct tg_rank_trend *rows, size_t count, const struct tg_rank_evidence *evidence) {
    if (count == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i].probability = tg_trend_probability(&rows[i].trend);
    }
    double passing = passing_probability(rows, count, evidence);
    for (size_t i = 0; i < count; i++) {
        bool is_line =
            has_calls(&rows[i], evidence) && rows[i].probability <= passing && is_effect(&rows[i].trend, evidence);
        rows[i].is_step = is_step(&rows[i], evidence);
        rows[i].evident = is_line || rows[i].is_step;
    }
    qsort(rows, count, sizeof *rows, by_evidence);
}
