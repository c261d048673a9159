/* theil_sen: see theil_sen.h. */
#include "analyze/theil_sen.h"

#include <math.h>
#include <stdlib.h>

static void swap(double *a, double *b) {
    double kept = *a;
    *a = *b;
    *b = kept;
}

static double middle_of(double a, double b, double c) {
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

/* Reorders so that values[rank] is what sorting would put there, and nothing before it is larger (Hoare's FIND). */
static double select_rank(double *values, size_t count, size_t rank) {
    ptrdiff_t first = 0;
    ptrdiff_t last = (ptrdiff_t)count - 1;
    ptrdiff_t wanted = (ptrdiff_t)rank;
    while (first < last) {
        double pivot = middle_of(values[first], values[first + (last - first) / 2], values[last]);
        ptrdiff_t low = first;
        ptrdiff_t high = last;
        while (low <= high) {
            while (values[low] < pivot) {
                low++;
            }
            while (values[high] > pivot) {
                high--;
            }
            if (low <= high) {
                swap(&values[low++], &values[high--]);
            }
        }
        last = wanted <= high ? high : last;
        first = wanted >= low ? low : first;
        if (high < wanted && wanted < low) {
            break;
        }
    }
    return values[rank];
}

/* Reorders the values. */
static double median(double *values, size_t count) {
    size_t half = count / 2;
    double upper = select_rank(values, count, half);
    if (count % 2) {
        return upper;
    }
    double lower = values[0];
    for (size_t i = 1; i < half; i++) {
        lower = fmax(lower, values[i]);
    }
    return lower + (upper - lower) / 2;
}

/* Puts the medians of `run_count` runs at the arrays' start. A run never starts before the place of its median. */
static void merge_runs(double *x, double *y, size_t count, size_t run_count) {
    for (size_t i = 0; i < run_count; i++) {
        size_t start = i * count / run_count;
        size_t end = (i + 1) * count / run_count;
        x[i] = median(x + start, end - start);
        y[i] = median(y + start, end - start);
    }
}

/* The slopes of all pairs whose x differ; how many. */
static size_t list_slopes(const double *x, const double *y, size_t count, double *slopes) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            if (x[j] > x[i]) {
                slopes[found++] = (y[j] - y[i]) / (x[j] - x[i]);
            }
        }
    }
    return found;
}

enum tg_status tg_theil_sen_fit(struct tg_theil_sen *line, double *x, double *y, size_t count, struct tg_error *err) {
    *line = (struct tg_theil_sen){.known = false};
    if (count == 0) {
        return TG_OK;
    }
    if (count > TG_THEIL_SEN_POINTS) {
        merge_runs(x, y, count, TG_THEIL_SEN_POINTS);
        count = TG_THEIL_SEN_POINTS;
    }
    double *slopes = calloc(count * (count - 1) / 2 + 1, sizeof *slopes); /* one point: none, and no NULL */
    if (!slopes) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to fit a line");
    }
    size_t slope_count = list_slopes(x, y, count, slopes);
    line->known = slope_count > 0;
    line->slope = slope_count ? median(slopes, slope_count) : 0;
    for (size_t i = 0; i < count; i++) {
        y[i] -= line->slope * x[i];
    }
    line->intercept = median(y, count);
    free(slopes);
    return TG_OK;
}
