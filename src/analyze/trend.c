/* trend: see trend.h. */
#include "analyze/trend.h"

#include "analyze/student.h"
#include "analyze/theil_sen.h"

#include <math.h>
#include <stdlib.h>

#define NS_PER_HOUR   3.6e12
#define AVERAGE_FLOOR 0.01 /* of the average: a line does not count as lower than that */
#define QUARTERS      4

/* Points about their means. */
struct moments {
    double origin_x; /* near the points, so that differences keep their digits */
    double origin_y;
    double mean_x; /* of x - origin_x */
    double mean_y;
    double deviation_xx; /* sum of (x - mean_x)^2, and so on */
    double deviation_xy;
    double deviation_yy;
    double residual; /* sum of (y - fitted)^2 */
};

static double slope_of(const struct moments *moments) {
    return moments->deviation_xx > 0 ? moments->deviation_xy / moments->deviation_xx : 0;
}

/* What comes from a file, and what is made of it, may be anything. */
static bool is_finite(const struct tg_trend *trend, const struct moments *moments) {
    const double figures[] = {
        moments->deviation_xx, moments->deviation_xy,     moments->deviation_yy, moments->residual,
        trend->average_ns,     trend->slope_ns,           trend->intercept_ns,   trend->start_ns,
        trend->slope_error_ns, trend->intercept_error_ns, trend->end_ns,         trend->relative_change,
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        if (!isfinite(figures[i])) {
            return false;
        }
    }
    return true;
}

double tg_trend_relative_change(double start_ns, double end_ns, double average_ns) {
    double floor_ns = average_ns * AVERAGE_FLOOR;
    double start = fmax(start_ns, floor_ns);
    double end = fmax(end_ns, floor_ns);
    return start > 0 ? (end - start) / start : 0;
}

double tg_trend_measured_change(double before_ns, double after_ns) {
    return fmax(after_ns, 1) / fmax(before_ns, 1) - 1;
}

/* Makes the line out of the moments of the trend's points. */
static void draw(struct tg_trend *trend, const struct moments *moments) {
    double count = (double)trend->iteration_count;
    double slope = slope_of(moments);
    double center_x = moments->origin_x + moments->mean_x;
    trend->average_ns = moments->origin_y + moments->mean_y;
    trend->slope_ns = slope;
    trend->intercept_ns = trend->average_ns - slope * center_x;
    trend->start_ns = trend->average_ns + slope * ((double)trend->first_iteration - center_x);
    trend->end_ns = trend->average_ns + slope * ((double)trend->last_iteration - center_x);
    trend->relative_change = tg_trend_relative_change(trend->start_ns, trend->end_ns, trend->average_ns);
    if (moments->deviation_xx > 0 && moments->deviation_yy > 0) {
        trend->r_squared = fmin(fmax(1 - moments->residual / moments->deviation_yy, 0), 1);
    }
    if (moments->deviation_xx > 0 && trend->iteration_count > 2) {
        trend->slope_error_ns = sqrt(moments->residual / (count - 2) / moments->deviation_xx);
        trend->intercept_error_ns = trend->slope_error_ns * sqrt(moments->deviation_xx / count + center_x * center_x);
    }
    if (!is_finite(trend, moments)) {
        *trend = (struct tg_trend){.iteration_count = 0};
    }
}

void tg_trend_of_sums(struct tg_trend *trend, const struct tg_store_sums *sums) {
    *trend = (struct tg_trend){.iteration_count = 0};
    if (sums->iteration_count <= 0) {
        return;
    }
    trend->iteration_count = sums->iteration_count;
    trend->first_iteration = sums->first_iteration;
    trend->last_iteration = sums->last_iteration;
    double count = (double)sums->iteration_count;
    struct moments moments = {
        .origin_x = sums->origin_x,
        .origin_y = sums->origin_y,
        .mean_x = sums->sum_x / count,
        .mean_y = sums->sum_y / count,
    };
    if (sums->iteration_count > 1 && sums->first_iteration < sums->last_iteration) { /* else all of it is rounding */
        moments.deviation_xx = sums->sum_xx - sums->sum_x * moments.mean_x;
        moments.deviation_xy = sums->sum_xy - sums->sum_x * moments.mean_y;
        moments.deviation_yy = sums->sum_yy - sums->sum_y * moments.mean_y;
        moments.residual = fmax(moments.deviation_yy - slope_of(&moments) * moments.deviation_xy, 0);
    }
    draw(trend, &moments);
}

/* The moments of points whose x is counted from the origin. The means are exact where all values are the same. */
static void measure(struct moments *moments, const double *x, const double *y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        moments->mean_x += (x[i] - moments->mean_x) / (double)(i + 1);
        moments->mean_y += (y[i] - moments->mean_y) / (double)(i + 1);
    }
    for (size_t i = 0; i < count; i++) {
        double from_x = x[i] - moments->mean_x;
        double from_y = y[i] - moments->mean_y;
        moments->deviation_xx += from_x * from_x;
        moments->deviation_xy += from_x * from_y;
        moments->deviation_yy += from_y * from_y;
    }
    double slope = slope_of(moments);
    for (size_t i = 0; i < count; i++) {
        double from_line = y[i] - moments->mean_y - slope * (x[i] - moments->mean_x);
        moments->residual += from_line * from_line;
    }
}

static double mean_of(const double *values, size_t count) {
    double mean = 0;
    for (size_t i = 0; i < count; i++) {
        mean += (values[i] - mean) / (double)(i + 1);
    }
    return mean;
}

/* What was measured at both ends of the period. */
static void compare_ends(struct tg_trend *trend, const double *y) {
    size_t count = (size_t)trend->iteration_count;
    size_t part = count < QUARTERS ? 1 : count / QUARTERS;
    if (count > 1) {
        trend->is_measured = true;
        trend->before_ns = mean_of(y, part);
        trend->after_ns = mean_of(y + count - part, part);
        trend->measured_change = tg_trend_measured_change(trend->before_ns, trend->after_ns);
    }
}

/* Puts the points with calls into x, counted from the first, and y, which is not: the first may be an outlier. */
static void place(struct tg_trend *trend, struct moments *moments, const struct tg_store_point *points, size_t count,
                  double *x, double *y) {
    size_t placed = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tg_store_point *point = &points[i];
        if (point->call_count == 0) {
            continue;
        }
        if (placed == 0) {
            moments->origin_x = (double)point->iteration;
            trend->first_iteration = point->iteration;
        }
        trend->last_iteration = point->iteration;
        x[placed] = (double)point->iteration - moments->origin_x;
        y[placed++] = (double)point->total_ns / (double)point->call_count;
    }
    trend->iteration_count = (int64_t)placed;
}

enum tg_status tg_trend_of_points(struct tg_trend *trend, const struct tg_store_point *points, size_t count,
                                  struct tg_error *err) {
    *trend = (struct tg_trend){.iteration_count = 0};
    if (count == 0) {
        return TG_OK;
    }
    struct moments moments = {.origin_x = 0};
    struct tg_theil_sen line = {.known = false};
    double *x = calloc(count, sizeof *x);
    double *y = calloc(count, sizeof *y);
    enum tg_status status = TG_OK;
    if (!x || !y) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to fit a line");
        goto done;
    }
    place(trend, &moments, points, count, x, y);
    size_t point_count = (size_t)trend->iteration_count;
    measure(&moments, x, y, point_count);
    draw(trend, &moments);
    compare_ends(trend, y);
    status = tg_theil_sen_fit(&line, x, y, point_count, err);
    if (status == TG_OK) {
        trend->has_theil_sen = line.known;
        trend->theil_sen_slope_ns = line.slope;
        trend->theil_sen_intercept_ns = line.intercept - line.slope * moments.origin_x;
    }
done:
    free(y);
    free(x);
    return status;
}

double tg_trend_slope_per_hour_ns(const struct tg_trend *trend, int64_t base_interval_ns) {
    return base_interval_ns > 0 ? trend->slope_ns * (NS_PER_HOUR / (double)base_interval_ns) : 0;
}

double tg_trend_probability(const struct tg_trend *trend) {
    if (trend->iteration_count < 3 || trend->slope_ns == 0) {
        return 1;
    }
    if (trend->slope_error_ns == 0) {
        return 0;
    }
    return tg_student_two_sided(trend->slope_ns / trend->slope_error_ns, (double)trend->iteration_count - 2);
}
