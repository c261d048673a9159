/*
 * clock: where every duration in tachograph comes from.
 *
 * A clock counts ticks; one multiplication turns a difference of ticks into nanoseconds.  Three kinds exist:
 *   tsc        the x86 time-stamp counter, only where the processor calls it invariant and the kernel itself
 *              keeps time by it (so it is synchronised over the cores); calibrated against CLOCK_MONOTONIC
 *   monotonic  clock_gettime(CLOCK_MONOTONIC)
 *   cpu        clock_gettime(CLOCK_THREAD_CPUTIME_ID): time the calling thread spent on a processor
 * and tests inject their own.  The choice is made once; reading is lock-free from any thread.
 */
#ifndef TG_MEASURE_CLOCK_H
#define TG_MEASURE_CLOCK_H

#include <stdint.h>

#include "base/error.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

typedef int64_t tg_ns;

enum tg_clock_kind {
    TG_CLOCK_AUTO = 0,
    TG_CLOCK_TSC = 1,
    TG_CLOCK_MONOTONIC = 2,
    TG_CLOCK_CPU = 3,
    TG_CLOCK_INJECTED = 4,
};

struct tg_clock {
    enum tg_clock_kind kind;
    uint64_t (*read)(void); /* ticks, for every kind but tsc */
    uint64_t scale;         /* nanoseconds = ticks * scale / 2^32 */
};

/*
 * Notes where the time-stamp counter and CLOCK_MONOTONIC stand now.  A later tg_clock_init() measures the
 * counter's rate from here; called early, it saves that call the wait.  Harmless where there is no such
 * counter.
 */
void tg_clock_anchor(void);

/*
 * Prepares `clock`.  TG_CLOCK_AUTO takes tsc where it is safe and monotonic elsewhere; TG_CLOCK_TSC fails
 * with TG_ERROR_UNSUPPORTED where it is not.  May sleep for a millisecond to calibrate.
 */
enum tg_status tg_clock_init(struct tg_clock *clock, enum tg_clock_kind kind, struct tg_error *err);

/* A clock that asks `read` for nanoseconds: for tests. */
void tg_clock_init_injected(struct tg_clock *clock, uint64_t (*read)(void));

/* "auto", "tsc", "monotonic", "cpu" -> kind; anything else is TG_ERROR_INVALID. */
enum tg_status tg_clock_parse(const char *name, enum tg_clock_kind *kind, struct tg_error *err);
const char *tg_clock_name(enum tg_clock_kind kind);

/* Why the time-stamp counter is not used here, or NULL where it is safe. */
const char *tg_clock_tsc_obstacle(void);

/* Wall clock and CLOCK_MONOTONIC in nanoseconds, for time stamps; not for durations of calls. */
tg_ns tg_clock_wall_ns(void);
tg_ns tg_clock_monotonic_ns(void);

static inline uint64_t tg_clock_ticks(const struct tg_clock *clock) {
#if defined(__x86_64__)
    if (__builtin_expect(clock->kind == TG_CLOCK_TSC, 1)) {
        return __rdtsc();
    }
#endif
    return clock->read();
}

static inline uint64_t tg_clock_to_ns(const struct tg_clock *clock, uint64_t ticks) {
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)ticks * clock->scale >> 32);
}

#endif
