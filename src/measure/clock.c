/*
 * clock: choosing and calibrating.  The rules for the time-stamp counter are in clock.h; the calibration compares it
 * with CLOCK_MONOTONIC at two anchors at least a millisecond apart, each the tightest of several bracketed reads, so
 * that the rate is right to about ten parts in a million.  Threads: tg_clock_anchor() and tg_clock_init() are for one
 * thread at a time; everything else is free.
 */
#include "measure/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define NS_PER_S       INT64_C(1000000000)
#define SCALE_ONE      (UINT64_C(1) << 32)
#define CALIBRATION_NS 1000000
#define ANCHOR_READS   16

struct anchor {
    uint64_t ticks;
    tg_ns monotonic_ns;
};

static struct anchor first_anchor;

static tg_ns posix_clock_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (tg_ns)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static uint64_t read_monotonic(void) {
    return (uint64_t)posix_clock_ns(CLOCK_MONOTONIC);
}

static uint64_t read_cpu(void) {
    return (uint64_t)posix_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

tg_ns tg_clock_wall_ns(void) {
    return posix_clock_ns(CLOCK_REALTIME);
}

tg_ns tg_clock_monotonic_ns(void) {
    return posix_clock_ns(CLOCK_MONOTONIC);
}

#if defined(__x86_64__)

static bool processor_says_invariant(void) {
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
}

static bool kernel_keeps_time_by_tsc(void) {
    char name[16] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (!file) {
        return false;
    }
    bool read = fgets(name, sizeof name, file) != NULL;
    fclose(file);
    return read && strcmp(name, "tsc\n") == 0;
}

const char *tg_clock_tsc_obstacle(void) {
    if (!processor_says_invariant()) {
        return "the processor does not promise a time-stamp counter of constant rate";
    }
    if (!kernel_keeps_time_by_tsc()) {
        return "the kernel keeps time by another source than the time-stamp counter";
    }
    return NULL;
}

static struct anchor read_anchor(void) {
    struct anchor best = {0, 0};
    uint64_t best_width = UINT64_MAX;
    for (int i = 0; i < ANCHOR_READS; i++) {
        uint64_t before = __rdtsc();
        tg_ns monotonic_ns = tg_clock_monotonic_ns();
        uint64_t width = __rdtsc() - before;
        if (width < best_width) {
            best_width = width;
            best = (struct anchor){before + width / 2, monotonic_ns};
        }
    }
    return best;
}

void tg_clock_anchor(void) {
    if (!first_anchor.ticks) {
        first_anchor = read_anchor();
    }
}

static void wait_for_calibration(void) {
    for (;;) {
        tg_ns left = first_anchor.monotonic_ns + CALIBRATION_NS - tg_clock_monotonic_ns();
        if (left <= 0) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = left}, NULL);
    }
}

static enum tg_status init_tsc(struct tg_clock *clock, struct tg_error *err) {
    const char *obstacle = tg_clock_tsc_obstacle();
    if (obstacle) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED, "%s; choose the clock \"monotonic\" or \"auto\"", obstacle);
    }
    tg_clock_anchor();
    wait_for_calibration();
    struct anchor second = read_anchor();
    uint64_t ticks = second.ticks - first_anchor.ticks;
    uint64_t ns = (uint64_t)(second.monotonic_ns - first_anchor.monotonic_ns);
    __extension__ typedef unsigned __int128 wide;
    uint64_t scale = ticks ? (uint64_t)(((wide)ns << 32) / ticks) : 0;
    if (scale == 0 || scale > SCALE_ONE * 64) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "the time-stamp counter could not be calibrated; choose the clock \"monotonic\"");
    }
    *clock = (struct tg_clock){.kind = TG_CLOCK_TSC, .read = read_monotonic, .scale = scale};
    return TG_OK;
}

#else

const char *tg_clock_tsc_obstacle(void) {
    return "this processor has no time-stamp counter tachograph knows";
}

void tg_clock_anchor(void) {
    first_anchor.ticks = 0;
}

static enum tg_status init_tsc(struct tg_clock *clock, struct tg_error *err) {
    (void)clock;
    return tg_error_set(err, TG_ERROR_UNSUPPORTED, "%s; choose the clock \"monotonic\" or \"auto\"",
                        tg_clock_tsc_obstacle());
}

#endif

enum tg_status tg_clock_init(struct tg_clock *clock, enum tg_clock_kind kind, struct tg_error *err) {
    if (kind == TG_CLOCK_TSC) {
        return init_tsc(clock, err);
    }
    if (kind == TG_CLOCK_AUTO && init_tsc(clock, NULL) == TG_OK) {
        return TG_OK;
    }
    bool cpu = kind == TG_CLOCK_CPU;
    *clock = (struct tg_clock){
        .kind = cpu ? TG_CLOCK_CPU : TG_CLOCK_MONOTONIC,
        .read = cpu ? read_cpu : read_monotonic,
        .scale = SCALE_ONE,
    };
    return TG_OK;
}

void tg_clock_init_injected(struct tg_clock *clock, uint64_t (*read)(void)) {
    *clock = (struct tg_clock){.kind = TG_CLOCK_INJECTED, .read = read, .scale = SCALE_ONE};
}

static const char *const clock_names[] = {
    [TG_CLOCK_AUTO] = "auto", [TG_CLOCK_TSC] = "tsc",           [TG_CLOCK_MONOTONIC] = "monotonic",
    [TG_CLOCK_CPU] = "cpu",   [TG_CLOCK_INJECTED] = "injected",
};

const char *tg_clock_name(enum tg_clock_kind kind) {
    size_t count = sizeof clock_names / sizeof clock_names[0];
    return (size_t)kind < count ? clock_names[kind] : "unknown";
}

enum tg_status tg_clock_parse(const char *name, enum tg_clock_kind *kind, struct tg_error *err) {
    for (int i = TG_CLOCK_AUTO; i <= TG_CLOCK_CPU; i++) {
        if (strcmp(name, clock_names[i]) == 0) {
            *kind = (enum tg_clock_kind)i;
            return TG_OK;
        }
    }
    return tg_error_set(err, TG_ERROR_INVALID, "unknown clock \"%s\": choose auto, tsc, monotonic or cpu", name);
}
