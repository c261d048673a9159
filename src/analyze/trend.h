/*
 * trend: does a function get slower? The straight line through its average times over the iterations.
 *
 * A point is an iteration in which the function was called: x is the iteration, y the average of its calls in
 * nanoseconds. An iteration without calls is a gap and no point, never a zero. All points weigh the same, as in the
 * query that the store's view answers:
 *     slope = (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x^2)        intercept = (sum_y - slope * sum_x) / n
 * computed about the means, because at iteration 10,000,000 these differences have no digits left. The intercept is
 * the line at iteration 0. Ordinary least squares:
 *     residual = sum (y - fitted)^2          r squared = 1 - residual / sum (y - mean)^2
 *     error of the slope = sqrt(residual / (n - 2) / sum (x - mean)^2)
 *     error of the intercept = error of the slope * sqrt(sum (x - mean)^2 / n + mean_x^2)
 *
 * The ends of a line are computed: they may lie below zero, where no time is. What was measured at both ends of the
 * period are means, over the first quarter of the points and over the last one (one point at least). These are what a
 * reader is told, with the change from one to the other.
 *
 * Nothing is ever NaN or infinite. What is not defined is 0:
 *     no points                 everything
 *     one iteration             slope and errors; the line is level at the average
 *     two iterations            the errors (two points always lie on a line); r squared is 1
 *     all averages the same     r squared (there is nothing to explain)
 *     sums that are not finite  everything, as without points
 *
 * Threads: any; values belong to their owner.
 */
#ifndef TG_TREND_H
#define TG_TREND_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_trend {
    int64_t iteration_count; /* points */
    int64_t first_iteration;
    int64_t last_iteration;
    double average_ns;   /* mean of the iterations' averages */
    double slope_ns;     /* for each iteration; negative: it gets faster */
    double intercept_ns; /* the line at iteration 0, even where that is far outside */
    double slope_error_ns;
    double intercept_error_ns;
    double r_squared;
    double start_ns;        /* the line at the first iteration */
    double end_ns;          /* the line at the last one */
    double relative_change; /* (end - start) / start; 0.5: half as slow again. See tg_trend_relative_change() */
    /* Measured, and not of the line. It takes two points: sums alone do not know them. */
    bool is_measured;
    double before_ns;       /* mean of the first quarter of the points */
    double after_ns;        /* mean of the last quarter */
    double measured_change; /* tg_trend_measured_change() */
    /* The line that outliers do not bend (theil_sen.h). It takes points: sums alone do not know it. */
    bool has_theil_sen;
    double theil_sen_slope_ns;
    double theil_sen_intercept_ns; /* at iteration 0 */
};

/* From the sums of a selection; in constant time, for all functions at once. */
void tg_trend_of_sums(struct tg_trend *trend, const struct tg_store_sums *sums);

/* From points in ascending order, with the Theil-Sen line. Points without calls are left out. */
TG_NODISCARD enum tg_status tg_trend_of_points(struct tg_trend *trend, const struct tg_store_point *points,
                                               size_t count, struct tg_error *err);

/* The slope for each hour of wall time; 0 where the interval is not above 0. */
double tg_trend_slope_per_hour_ns(const struct tg_trend *trend, int64_t base_interval_ns);

/* (end - start) / start of a line whose points have the average `average_ns`. A steep line may start or end below zero,
 * where no time can be: both count as at least a hundredth of the average. So the result is finite and above -1. */
double tg_trend_relative_change(double start_ns, double end_ns, double average_ns);

/* after / before - 1 of two averages that were measured: just what a reader finds who divides them. An average of less
 * than a nanosecond counts as one, so that the result is finite. */
double tg_trend_measured_change(double before_ns, double after_ns);

/* How likely points without any trend give a slope this far from 0, by Student's t = slope / error with n - 2 degrees
 * of freedom. 1 with fewer than three points. Points that depend on their neighbours (load that comes and goes) make
 * it too small. */
double tg_trend_probability(const struct tg_trend *trend);

#endif
