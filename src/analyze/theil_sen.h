/*
 * theil_sen: the straight line that outliers do not bend: its slope is the median of the slopes of all pairs of points
 * (Theil 1950, Sen 1968), its intercept the median of y - slope * x. Up to 29 % of the points may be anything.
 *
 * All pairs are too many for long series. More than TG_THEIL_SEN_POINTS points are first made into that many: cut into
 * as many runs of neighbours of equal size (to one), of which each is its median x and median y. The same points give
 * the same line. Medians of an even number are the mean of the two in the middle.
 *
 * Threads: any.
 */
#ifndef TG_THEIL_SEN_H
#define TG_THEIL_SEN_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_THEIL_SEN_POINTS 1000

struct tg_theil_sen {
    bool known; /* there were two points of different x; else the slope is 0 and the intercept the median of y */
    double slope;
    double intercept; /* at x = 0 */
};

/* Fits points in ascending order of x; without any, both are 0. The arrays are scratch: what is in them afterwards
 * means nothing. Finite values only. */
TG_NODISCARD enum tg_status tg_theil_sen_fit(struct tg_theil_sen *line, double *x, double *y, size_t count,
                                             struct tg_error *err);

#endif
