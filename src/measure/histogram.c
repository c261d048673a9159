/*
 * Bucket arithmetic, percentiles and the serial form.
 */
#include "measure/histogram.h"

#include "base/varint.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    OVERFLOW_INDEX = TG_HISTOGRAM_BUCKETS - 1,
    OCTAVE_BUCKETS = 1 << TG_HISTOGRAM_OCTAVE_BITS,
};

uint64_t tg_histogram_lower(unsigned index) {
    assert(index < TG_HISTOGRAM_BUCKETS);
    if (index == 0) {
        return 0;
    }
    unsigned octave = (index - 1) / OCTAVE_BUCKETS;
    uint64_t part = (index - 1) % OCTAVE_BUCKETS;
    return (OCTAVE_BUCKETS + part) << (octave + TG_HISTOGRAM_FIRST_BIT - TG_HISTOGRAM_OCTAVE_BITS);
}

uint64_t tg_histogram_upper(unsigned index) {
    assert(index < TG_HISTOGRAM_BUCKETS);
    return index == OVERFLOW_INDEX ? UINT64_MAX : tg_histogram_lower(index + 1) - 1;
}

uint64_t tg_histogram_midpoint(unsigned index) {
    uint64_t lower = tg_histogram_lower(index);
    if (index == OVERFLOW_INDEX) {
        return lower;
    }
    return lower + (tg_histogram_upper(index) - lower + 1) / 2;
}

/* a + b, held at the largest value. */
static uint64_t saturating_add(uint64_t a, uint64_t b, enum tg_status *status) {
    if (b > UINT64_MAX - a) {
        *status = TG_ERROR_FULL;
        return UINT64_MAX;
    }
    return a + b;
}

enum tg_status tg_histogram_add(struct tg_histogram *histogram, uint64_t ns, uint64_t times) {
    enum tg_status status = TG_OK;
    uint64_t *count = &histogram->counts[tg_histogram_index(ns)];
    *count = saturating_add(*count, times, &status);
    return status;
}

enum tg_status tg_histogram_merge(struct tg_histogram *histogram, const struct tg_histogram *other) {
    enum tg_status status = TG_OK;
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        histogram->counts[i] = saturating_add(histogram->counts[i], other->counts[i], &status);
    }
    return status;
}

enum tg_status tg_histogram_subtract(struct tg_histogram *histogram, const struct tg_histogram *other) {
    enum tg_status status = TG_OK;
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        if (other->counts[i] > histogram->counts[i]) {
            status = TG_ERROR_INVALID;
            histogram->counts[i] = 0;
        } else {
            histogram->counts[i] -= other->counts[i];
        }
    }
    return status;
}

uint64_t tg_histogram_count(const struct tg_histogram *histogram) {
    enum tg_status ignored = TG_OK; /* the documented limit of the result */
    uint64_t sum = 0;
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        sum = saturating_add(sum, histogram->counts[i], &ignored);
    }
    return sum;
}

/* The rank, from 1, of the last duration within `percent` of `count`. */
static uint64_t rank_of(double percent, uint64_t count) {
    if (!(percent > 0)) { /* also NaN */
        return 1;
    }
    if (percent >= 100) {
        return count;
    }
    /* 7 of 55 in percent is no double: without a few units of slack its rank would be 8. */
    double rank = ceil((double)count * percent / 100.0 * (1.0 - 4 * DBL_EPSILON));
    if (rank >= (double)count) {
        return count;
    }
    return rank < 1 ? 1 : (uint64_t)rank;
}

static unsigned index_of_rank(const struct tg_histogram *histogram, uint64_t rank) {
    for (unsigned i = 0; i < OVERFLOW_INDEX; i++) {
        if (rank <= histogram->counts[i]) {
            return i;
        }
        rank -= histogram->counts[i];
    }
    return OVERFLOW_INDEX;
}

uint64_t tg_histogram_percentile(const struct tg_histogram *histogram, double percent, uint64_t min_ns,
                                 uint64_t max_ns) {
    uint64_t count = tg_histogram_count(histogram);
    if (count == 0) {
        return 0;
    }
    uint64_t rank = rank_of(percent, count);
    if (rank == count && max_ns != UINT64_MAX) {
        return max_ns;
    }
    if (rank == 1 && min_ns != 0) {
        return min_ns;
    }
    uint64_t value = tg_histogram_midpoint(index_of_rank(histogram, rank));
    if (value > max_ns) {
        return max_ns;
    }
    return value < min_ns ? min_ns : value;
}

void tg_histogram_encode(const struct tg_histogram *histogram, struct tg_strbuf *out) {
    tg_strbuf_append_char(out, TG_HISTOGRAM_VERSION);
    unsigned next = 0; /* the first bucket that the bytes so far say nothing of */
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        if (histogram->counts[i] > 0) {
            tg_varint_append(out, i - next);
            tg_varint_append(out, histogram->counts[i]);
            next = i + 1;
        }
    }
}

/* One (gap, count) pair. Returns the bytes it took, 0 when it is not valid. */
static size_t read_pair(struct tg_histogram *histogram, const uint8_t *bytes, size_t length, unsigned *next) {
    uint64_t gap = 0;
    uint64_t count = 0;
    size_t gap_length = tg_varint_read(bytes, length, &gap);
    if (gap_length == 0 || gap >= TG_HISTOGRAM_BUCKETS - *next) {
        return 0;
    }
    size_t count_length = tg_varint_read(bytes + gap_length, length - gap_length, &count);
    if (count_length == 0 || count == 0) {
        return 0;
    }
    unsigned index = *next + (unsigned)gap;
    histogram->counts[index] = count;
    *next = index + 1;
    return gap_length + count_length;
}

enum tg_status tg_histogram_decode(struct tg_histogram *histogram, const uint8_t *bytes, size_t length,
                                   struct tg_error *err) {
    memset(histogram, 0, sizeof *histogram);
    if (length == 0) {
        return tg_error_set(err, TG_ERROR_FORMAT, "the histogram has no bytes");
    }
    if (bytes[0] != TG_HISTOGRAM_VERSION) {
        return tg_error_set(err, TG_ERROR_VERSION,
                            "the histogram has version %u, and this build reads version %d: "
                            "read it with the tachograph that wrote it, or a newer one",
                            bytes[0], TG_HISTOGRAM_VERSION);
    }
    unsigned next = 0;
    for (size_t at = 1; at < length;) {
        size_t taken = read_pair(histogram, bytes + at, length - at, &next);
        if (taken == 0) {
            memset(histogram, 0, sizeof *histogram);
            return tg_error_set(err, TG_ERROR_FORMAT, "the histogram is damaged at byte %zu", at);
        }
        at += taken;
    }
    return TG_OK;
}
