/*
 * step: did a version or new code change a function's averages at once, rather than a line little by little?
 *
 * Points as in trend.h. The versions and codes met in them cut them into stretches, each from the first appearance of
 * a version or code to that of the next; the step is between the two neighbours whose means differ most. Stretches of
 * less than three points, as of an edit that was mended at once, are passed over where there are two others. Two
 * descriptions of the same points are compared by Schwarz's criterion (BIC, 1978), n * ln(residual / n) + k * ln(n): a
 * level for each stretch (k = stretches) and one straight line (k = 2). The probability that neighbours without a step
 * differ so much is Student's, with the variance of all stretches together and n - stretches degrees of freedom, times
 * the number of places where a step may be (Bonferroni), at most 1; and 1 where either neighbour has less than three
 * points. New code that was taken back later makes no step, for the function is no longer what it made of it:
 * taking it back does. Codes are those of one Python, the newest one's; another one makes another of the same source.
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

enum tg_step_kind {
    TG_STEP_NONE,
    TG_STEP_VERSION, /* maybe with new code in it */
    TG_STEP_CODE,    /* within a version */
};

struct tg_step {
    enum tg_step_kind kind;
    const struct tg_store_version *version; /* that begins with it, borrowed; NULL: it is no version's */
    const struct tg_store_version *before;  /* the version before that one */
    int64_t iteration;                      /* of the first point after it */
    double before_ns;                       /* mean of the stretch before it */
    double after_ns;
    double relative_change; /* tg_trend_measured_change() */
    double probability;     /* 1: too few points to say */
    bool fits_better;       /* than a line through all points */
};

/* "version", "code"; "none". */
const char *tg_step_kind_name(enum tg_step_kind kind);

/* What may make a step: borrowed, both in the order of their first appearance. */
struct tg_step_causes {
    const struct tg_store_version *versions;
    size_t version_count;
    const struct tg_store_code *codes; /* of the one function */
    size_t code_count;
};

/* `points` ascend; those without calls are left out. `line`: their trend. */
TG_NODISCARD enum tg_status tg_step_of_points(struct tg_step *step, const struct tg_store_point *points, size_t count,
                                              const struct tg_trend *line, const struct tg_step_causes *causes,
                                              struct tg_error *err);

#endif
