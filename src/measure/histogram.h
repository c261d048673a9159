/*
 * A distribution of durations: log-linear, mergeable, of fixed size.
 *
 * Buckets. Bucket 0 holds 0-31 ns. From 2^5 to 2^43 ns (2 h 26 min) each octave is cut into 8 buckets of
 * equal width: 38 octaves, 304 buckets. Bucket 305 holds everything longer. A bucket stands for its midpoint,
 * which is at most half a width, so at most 1/16 = 6.25 %, away from any value in it. The layout is part of
 * the recording and of the serial form: changing it is a new version of both.
 *
 * struct tg_histogram is the form that readers merge and compute with. Nothing wraps: a bucket stays at its
 * largest value, and the function that would have passed it returns TG_ERROR_FULL.
 *
 * Serial form, version 1 (bytes; varint is LEB128 as in base/varint.h, shortest form only):
 *     1            the version
 *     then for each bucket that is not empty, in ascending order:
 *     varint gap   empty buckets since the last one written (from bucket 0 for the first)
 *     varint count at least 1
 * The end is where the bytes end; an empty histogram is the version alone. Each histogram has exactly one
 * serial form. Serial forms are untrusted input.
 *
 * Units: nanoseconds. Threads: none of this locks; values belong to their owner.
 */
#ifndef TG_HISTOGRAM_H
#define TG_HISTOGRAM_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define TG_HISTOGRAM_FIRST_BIT   5  /* durations below 2^5 ns share bucket 0 */
#define TG_HISTOGRAM_LAST_BIT    43 /* durations of 2^43 ns and more share the last bucket */
#define TG_HISTOGRAM_OCTAVE_BITS 3  /* 2^3 buckets for each octave */
#define TG_HISTOGRAM_BUCKETS     306
#define TG_HISTOGRAM_VERSION     1

static_assert(TG_HISTOGRAM_BUCKETS
                  == ((TG_HISTOGRAM_LAST_BIT - TG_HISTOGRAM_FIRST_BIT) << TG_HISTOGRAM_OCTAVE_BITS) + 2,
              "the buckets are the octaves' and one at each end");
static_assert(TG_HISTOGRAM_BUCKETS * sizeof(uint32_t) <= 1228, "a 32-bit histogram fits 1.2 KiB");

struct tg_histogram {
    uint64_t counts[TG_HISTOGRAM_BUCKETS];
};

/* The bucket a duration falls into. Hot path of the recorder. */
static inline unsigned tg_histogram_index(uint64_t ns) {
    if (ns < (UINT64_C(1) << TG_HISTOGRAM_FIRST_BIT)) {
        return 0;
    }
    if (ns >= (UINT64_C(1) << TG_HISTOGRAM_LAST_BIT)) {
        return TG_HISTOGRAM_BUCKETS - 1;
    }
    unsigned bit = 63U ^ (unsigned)__builtin_clzll(ns);                 /* the octave: 2^bit <= ns < 2^(bit + 1) */
    unsigned part = (unsigned)(ns >> (bit - TG_HISTOGRAM_OCTAVE_BITS)); /* 8..15: the octave's eighth, plus 8 */
    /* The eighth counts from 8, so one octave is subtracted with the first bit. */
    return ((bit - TG_HISTOGRAM_FIRST_BIT - 1) << TG_HISTOGRAM_OCTAVE_BITS) + part + 1;
}

/* The smallest and the largest duration of a bucket (both inclusive), and the one it stands for. */
uint64_t tg_histogram_lower(unsigned index);
uint64_t tg_histogram_upper(unsigned index);
uint64_t tg_histogram_midpoint(unsigned index); /* of the last bucket, which has no end: its lower bound */

/* Adds `times` durations of `ns`. TG_ERROR_FULL: the bucket was filled to its limit, the rest is lost. */
TG_NODISCARD enum tg_status tg_histogram_add(struct tg_histogram *histogram, uint64_t ns, uint64_t times);
/* Adds all of `other`. TG_ERROR_FULL: some bucket was filled to its limit. */
TG_NODISCARD enum tg_status tg_histogram_merge(struct tg_histogram *histogram, const struct tg_histogram *other);
/* Takes `other` away. TG_ERROR_INVALID: some bucket had less than that, and is now 0. */
TG_NODISCARD enum tg_status tg_histogram_subtract(struct tg_histogram *histogram, const struct tg_histogram *other);

/* The number of durations, at most UINT64_MAX. */
uint64_t tg_histogram_count(const struct tg_histogram *histogram);

/* The duration that `percent` (0-100, clamped) of all do not exceed, by nearest rank. `min_ns` and `max_ns`
 * are the exact extremes known from elsewhere: the result lies between them, and the first and last rank are
 * exactly they. Where they are not known, pass 0 and UINT64_MAX: the first and last rank are then midpoints
 * as all others are. An empty histogram gives 0. */
uint64_t tg_histogram_percentile(const struct tg_histogram *histogram, double percent, uint64_t min_ns,
                                 uint64_t max_ns);

/* Appends the serial form. */
void tg_histogram_encode(const struct tg_histogram *histogram, struct tg_strbuf *out);
/* Reads `length` bytes, all of them. TG_ERROR_VERSION or TG_ERROR_FORMAT: the bytes are no version-1 form;
 * the histogram is then empty. */
TG_NODISCARD enum tg_status tg_histogram_decode(struct tg_histogram *histogram, const uint8_t *bytes, size_t length,
                                                struct tg_error *err);

#endif
