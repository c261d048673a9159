/* sparkline: see sparkline.h. */
#include "cli/sparkline.h"

#include <math.h>

#define LEVELS     8
#define LEAST_SPAN 0.1 /* of the highest column: less does not fill the height */

struct column {
    double mean;
    size_t count;
};

/* Positions may be as far apart as they can: the distance of two is unsigned. */
static uint64_t distance(const struct tg_sparkline_point *from, const struct tg_sparkline_point *to) {
    return (uint64_t)to->position - (uint64_t)from->position;
}

static void fill(struct column *columns, size_t width, const struct tg_sparkline_point *points, size_t count) {
    double range = (double)distance(&points[0], &points[count - 1]) + 1;
    for (size_t i = 0; i < count; i++) {
        double place = (double)distance(&points[0], &points[i]) * (double)width / range;
        struct column *column = &columns[(size_t)fmin(place, (double)(width - 1))];
        if (isfinite(points[i].value)) {
            column->count++;
            column->mean += (points[i].value - column->mean) / (double)column->count;
        }
    }
}

static void append_bar(struct tg_strbuf *out, unsigned level) {
    const char bar[] = {'\xe2', '\x96', (char)(0x81 + level)};
    tg_strbuf_append_bytes(out, bar, sizeof bar);
}

void tg_sparkline_append(struct tg_strbuf *out, const struct tg_sparkline_point *points, size_t count, size_t width) {
    struct column columns[TG_SPARKLINE_WIDTH_MAX] = {{.count = 0}};
    if (count == 0 || width == 0) {
        return;
    }
    uint64_t range = distance(&points[0], &points[count - 1]);
    width = width < TG_SPARKLINE_WIDTH_MAX ? width : TG_SPARKLINE_WIDTH_MAX;
    width = range < width - 1 ? (size_t)range + 1 : width;
    fill(columns, width, points, count);
    double lowest = INFINITY;
    double highest = -INFINITY;
    for (size_t i = 0; i < width; i++) {
        if (columns[i].count) {
            lowest = fmin(lowest, columns[i].mean);
            highest = fmax(highest, columns[i].mean);
        }
    }
    double span = fmax(highest - lowest, highest * LEAST_SPAN);
    for (size_t i = 0; i < width; i++) {
        if (columns[i].count) {
            double height = span > 0 ? (columns[i].mean - lowest) / span : 0;
            append_bar(out, (unsigned)fmin(height * LEVELS, LEVELS - 1));
        } else {
            tg_strbuf_append_char(out, ' ');
        }
    }
}
