/*
 * step: did a version change a function's averages at once, rather than a line little by little?
 *
 * Points as in trend.h. The versions met in them cut them into stretches, each from the first appearance of a version
 * to that of the next; the step is between the two neighbours whose means differ most. Two descriptions of the same
 * points are compared by Schwarz's criterion (BIC, 1978), n * ln(residual / n) + k * ln(n): a level for each stretch
 * (k = stretches) and one straight line (k = 2). The probability that neighbours without a step differ so much is
 * Student's, with the variance of all stretches together and n - stretches degrees of freedom, times the number of
 * places where a step may be (Bonferroni), at most 1; and 1 where either neighbour has less than three points.
 *
 * Threads: any.
 */
#ifndef TG_STEP_H
#define TG_STEP_H

#include "analyze/trend.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_step {
    const struct tg_store_version *version; /* that begins with it, borrowed; NULL: there is no step */
    int64_t iteration;                      /* of the first point after it */
    double before_ns;                       /* mean of the stretch before it */
    double after_ns;
    double relative_change; /* tg_trend_measured_change() */
    double probability;     /* 1: too few points to say */
    bool fits_better;       /* than a line through all points */
};

/* `points` ascend; those without calls are left out. `line`: their trend. `versions` in the order of their first
 * appearance. */
TG_NODISCARD enum tg_status tg_step_of_points(struct tg_step *step, const struct tg_store_point *points, size_t count,
                                              const struct tg_trend *line, const struct tg_store_versions *versions,
                                              struct tg_error *err);

#endif
