/* step: see step.h. */
#include "analyze/step.h"

#include "analyze/student.h"

#include <math.h>
#include <stdlib.h>

#define POINTS_MIN 3 /* on either side: the first iterations of a version are those of a cold start */

/* The points from the first appearance of a version or code to that of the next. */
struct stretch {
    const struct tg_store_version *version;
    const struct tg_store_code *code;
    int64_t first_iteration; /* of its points */
    double count;
    double mean;
};

const char *tg_step_kind_name(enum tg_step_kind kind) {
    static const char *const names[] = {
        [TG_STEP_NONE] = "none", [TG_STEP_VERSION] = "version", [TG_STEP_CODE] = "code"};
    return names[kind];
}

static double average_of(const struct tg_store_point *point) {
    return (double)point->total_ns / (double)point->call_count;
}

/* The version that appeared last before an iteration or in it. */
static const struct tg_store_version *version_at(const struct tg_step_causes *causes, int64_t iteration) {
    const struct tg_store_version *found = NULL;
    for (size_t i = 0; i < causes->version_count && causes->versions[i].first_iteration <= iteration; i++) {
        found = &causes->versions[i];
    }
    return found;
}

/* Whether a code is of the newest one's Python. What another one made of the same source differs in any case. */
static bool is_compared(const struct tg_step_causes *causes, const struct tg_store_code *code) {
    return tg_store_codes_are_alike(code, &causes->codes[causes->code_count - 1]);
}

/* The code in force in an iteration. Before the first that was noted it is that one, for all that is known. */
static const struct tg_store_code *code_at(const struct tg_step_causes *causes, int64_t iteration) {
    const struct tg_store_code *found = NULL;
    int64_t first_iteration = INT64_MIN;
    for (size_t i = 0; i < causes->code_count; i++) {
        const struct tg_store_code *code = &causes->codes[i];
        if (!is_compared(causes, code)) {
            continue;
        }
        first_iteration = found ? first_iteration : code->first_iteration;
        if (code->first_iteration <= iteration || code->first_iteration == first_iteration) {
            found = code;
        }
    }
    return found;
}

/* What differs between two stretches. */
static enum tg_step_kind kind_between(const struct stretch *before, const struct stretch *after) {
    if (before->version != after->version) {
        return TG_STEP_VERSION;
    }
    bool is_changed = before->code && after->code && before->code->code_hash != after->code->code_hash;
    return is_changed ? TG_STEP_CODE : TG_STEP_NONE;
}

/* Their means, in one pass; returns the sum of the squared distances from them (Welford 1962). */
static double cut(struct stretch *stretches, size_t *stretch_count, const struct tg_store_point *points, size_t count,
                  const struct tg_step_causes *causes) {
    double residual = 0;
    struct stretch *last = NULL;
    *stretch_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (points[i].call_count == 0) {
            continue;
        }
        struct stretch next = {.version = version_at(causes, points[i].iteration),
                               .code = code_at(causes, points[i].iteration),
                               .first_iteration = points[i].iteration};
        if (!last || kind_between(last, &next) != TG_STEP_NONE) {
            last = &stretches[(*stretch_count)++];
            *last = next;
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

static double probability_of(const struct stretch *before, const struct stretch *after, double residual, double points,
                             size_t stretch_count) {
    double freedom = points - (double)stretch_count;
    double change = after->mean - before->mean;
    if (freedom < 1 || change == 0 || before->count < POINTS_MIN || after->count < POINTS_MIN) {
        return 1;
    }
    double variance = residual / freedom * (1 / before->count + 1 / after->count);
    double probability = variance > 0 ? tg_student_two_sided(change / sqrt(variance), freedom) : 0;
    return fmin(probability * (double)(stretch_count - 1), 1);
}

/* Moves those with points enough to the front, where there are two of them at least; returns how many remain. */
static size_t pass_over_short(struct stretch *stretches, size_t count) {
    size_t long_count = 0;
    for (size_t i = 0; i < count; i++) {
        long_count += stretches[i].count >= POINTS_MIN;
    }
    if (long_count < 2) {
        return count;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (stretches[i].count >= POINTS_MIN) {
            stretches[kept++] = stretches[i];
        }
    }
    return kept;
}

/* Whether the code after a stretch was taken back later: the function is not what it made of it. */
static bool is_undone(const struct stretch *before, const struct stretch *end) {
    for (const struct stretch *later = before + 2; later < end; later++) {
        if (later->version == before->version && later->code->code_hash == before->code->code_hash) {
            return true;
        }
    }
    return false;
}

static bool may_be_step(const struct stretch *before, const struct stretch *end) {
    enum tg_step_kind kind = kind_between(before, before + 1);
    return kind == TG_STEP_VERSION || (kind == TG_STEP_CODE && !is_undone(before, end));
}

/* The one before the largest step; NULL: nothing differs but means, as around an edit that was undone at once. */
static const struct stretch *largest_step(const struct stretch *stretches, size_t count) {
    const struct stretch *found = NULL;
    for (size_t i = 0; i + 1 < count; i++) {
        const struct stretch *before = &stretches[i];
        if (may_be_step(before, stretches + count)
            && (!found || fabs(before[1].mean - before[0].mean) > fabs(found[1].mean - found[0].mean))) {
            found = before;
        }
    }
    return found;
}

static void describe(struct tg_step *step, const struct stretch *before) {
    const struct stretch *after = before + 1;
    step->kind = kind_between(before, after);
    step->version = step->kind == TG_STEP_VERSION ? after->version : NULL;
    step->before = step->kind == TG_STEP_VERSION ? before->version : NULL;
    step->iteration = after->first_iteration;
    step->before_ns = before->mean;
    step->after_ns = after->mean;
    step->relative_change = tg_trend_measured_change(before->mean, after->mean);
}

enum tg_status tg_step_of_points(struct tg_step *step, const struct tg_store_point *points, size_t count,
                                 const struct tg_trend *line, const struct tg_step_causes *causes,
                                 struct tg_error *err) {
    *step = (struct tg_step){.probability = 1};
    if (causes->version_count < 2 && causes->code_count < 2) {
        return TG_OK;
    }
    struct stretch *stretches = calloc(causes->version_count + causes->code_count + 1, sizeof *stretches);
    if (!stretches) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to look for a step");
    }
    size_t stretch_count = 0;
    double residual = cut(stretches, &stretch_count, points, count, causes);
    const struct stretch *before = largest_step(stretches, pass_over_short(stretches, stretch_count));
    if (before) {
        double point_count = (double)line->iteration_count;
        describe(step, before);
        step->probability = probability_of(before, before + 1, residual, point_count, stretch_count);
        step->fits_better = criterion(residual, point_count, (double)stretch_count)
                            < criterion(line_residual(line, points, count), point_count, 2);
    }
    free(stretches);
    return TG_OK;
}
