/*
 * sparkline: a series as one line of bars, U+2581 to U+2588.
 *
 * The line is as wide as the range of positions, at most `width` columns, into which the range is cut evenly. A column
 * is the mean of the values in it, and a space where there are none: a gap is not a zero. The lowest column has the
 * lowest bar. The highest has the highest bar, unless all lie within a tenth of it: noise must not look like news.
 */
#ifndef TG_SPARKLINE_H
#define TG_SPARKLINE_H

#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

#define TG_SPARKLINE_WIDTH_MAX 512

struct tg_sparkline_point {
    int64_t position;
    double value; /* at least 0; one that is not finite is left out */
};

/* Appends points in ascending order of position. A width above the maximum is the maximum. Spaces at the end are
 * appended too, so that lines of the same range align. */
void tg_sparkline_append(struct tg_strbuf *out, const struct tg_sparkline_point *points, size_t count, size_t width);

#endif
