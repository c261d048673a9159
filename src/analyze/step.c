/* step: see step.h. */
#include "analyze/step.h"

#include "analyze/student.h"

#include <math.h>
#include <stdlib.h>

#define POINTS_MIN 3 /* on either side: the first iterations of a version are those of a cold start */

/* The points from one version's first appearance to the next one's. */
struct stretch {
    const struct tg_store_version *version;
    int64_t first_iteration; /* of its points */
    double count;
    double mean;
};

static double average_of(const struct tg_store_point *point) {
    return (double)point->total_ns / (double)point->call_count;
}

/* The version that appeared last before an iteration or in it. */
static const struct tg_store_version *version_at(const struct tg_store_versions *versions, int64_t iteration) {
    const struct tg_store_version *found = NULL;
    for (size_t i = 0; i < versions->count && versions->items[i].first_iteration <= iteration; i++) {
        found = &versions->items[i];
    }
    return found;
}

/* Their means, in one pass; returns the sum of the squared distances from them (Welford 1962). */
static double cut(struct stretch *stretches, size_t *stretch_count, const struct tg_store_point *points, size_t count,
                  const struct tg_store_versions *versions) {
    double residual = 0;
    struct stretch *last = NULL;
    *stretch_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (points[i].call_count == 0) {
            continue;
        }
        const struct tg_store_version *version = version_at(versions, points[i].iteration);
        if (!last || last->version != version) {
            last = &stretches[(*stretch_count)++];
            *last = (struct stretch){.version = version, .first_iteration = points[i].iteration};
        }
        double distance = average_of(&points[i]) - last->mean;
        last->count++;
        last->mean += distance / last->count;
        residual += distance * (average_of(&points[i]) - last->mean);
    }
    return residual;
}

static double criterion(double residual, double points, double parameters) {
    return points * log(residual / points) + parameters * log(points);
}

static double line_residual(const struct tg_trend *line, const struct tg_store_point *points, size_t count) {
    double residual = 0;
    for (size_t i = 0; i < count; i++) {
        if (points[i].call_count > 0) {
            double from_first = (double)(points[i].iteration - line->first_iteration);
            double distance = average_of(&points[i]) - (line->start_ns + line->slope_ns * from_first);
            residual += distance * distance;
        }
    }
    return residual;
}

static double probability_of(const struct stretch *before, double residual, double points, size_t stretch_count) {
    double freedom = points - (double)stretch_count;
    double change = before[1].mean - before[0].mean;
    if (freedom < 1 || change == 0 || before[0].count < POINTS_MIN || before[1].count < POINTS_MIN) {
        return 1;
    }
    double variance = residual / freedom * (1 / before[0].count + 1 / before[1].count);
    double probability = variance > 0 ? tg_student_two_sided(change / sqrt(variance), freedom) : 0;
    return fmin(probability * (double)(stretch_count - 1), 1);
}

static const struct stretch *largest_step(const struct stretch *stretches, size_t count) {
    const struct stretch *found = stretches;
    for (size_t i = 1; i + 1 < count; i++) {
        if (fabs(stretches[i + 1].mean - stretches[i].mean) > fabs(found[1].mean - found[0].mean)) {
            found = &stretches[i];
        }
    }
    return found;
}

enum tg_status tg_step_of_points(struct tg_step *step, const struct tg_store_point *points, size_t count,
                                 const struct tg_trend *line, const struct tg_store_versions *versions,
                                 struct tg_error *err) {
    *step = (struct tg_step){.probability = 1};
    if (versions->count < 2) {
        return TG_OK;
    }
    struct stretch *stretches = calloc(versions->count + 1, sizeof *stretches);
    if (!stretches) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to look for a step");
    }
    size_t stretch_count = 0;
    double residual = cut(stretches, &stretch_count, points, count, versions);
    if (stretch_count > 1) {
        const struct stretch *before = largest_step(stretches, stretch_count);
        double point_count = (double)line->iteration_count;
        *step = (struct tg_step){
            .version = before[1].version,
            .iteration = before[1].first_iteration,
            .before_ns = before[0].mean,
            .after_ns = before[1].mean,
            .relative_change = tg_trend_measured_change(before[0].mean, before[1].mean),
            .probability = probability_of(before, residual, point_count, stretch_count),
            .fits_better = criterion(residual, point_count, (double)stretch_count)
                           < criterion(line_residual(line, points, count), point_count, 2),
        };
    }
    free(stretches);
    return TG_OK;
}
