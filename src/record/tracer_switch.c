/*
 * tracer_switch: a file called "disable" beside a process's recording turns its hooks off, and on again when it goes: a
 * hand on the switch of a program that runs, without a signal and without a thread that watches.
 *
 * Calls know the time anyway, so the first one that begins LOOK_NS after the last look asks the file system, and all
 * others compare two numbers. While hooks are off calls read the kernel's coarse clock instead, and nothing else. Calls
 * that are under way when the switch is turned end as they began.
 *
 * Two threads may look at once: both see the same file. errno stays as it was, since a hook runs in the middle of
 * somebody else's code.
 */
#include "record/tracer_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS   INT64_C(400000000)
#define NS_PER_S  INT64_C(1000000000)
#define NEVER     UINT64_MAX
#define SCALE_ONE (UINT64_C(1) << 32) /* of struct tg_clock */

static int64_t coarse_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static uint64_t ticks_of(const struct tg_clock *clock, int64_t ns) {
    __extension__ typedef unsigned __int128 wide;
    return clock->scale ? (uint64_t)((wide)ns * SCALE_ONE / clock->scale) : 0;
}

/* When the next look is due, by the clock of calls. A thread's processor time says nothing about that: with it every
 * call asks the coarse clock. */
static void plan(int64_t now_ns) {
    const struct tg_clock *clock = &tg_tracer.clock;
    TG_STORE(tg_tracer.look_ns, now_ns + LOOK_NS);
    TG_STORE(tg_tracer.look_ticks, clock->kind == TG_CLOCK_CPU ? 0 : tg_clock_ticks(clock) + ticks_of(clock, LOOK_NS));
}

void tg_switch_reset(void) {
    const char *path = tg_tracer.recording.path;
    const char *slash = strrchr(path, '/');
    int length = slash ? snprintf(tg_tracer.switch_path, sizeof tg_tracer.switch_path, "%.*s/" TG_RUNTIME_SWITCH,
                                  (int)(slash - path), path)
                       : -1;
    TG_STORE(tg_tracer.is_off, false);
    TG_STORE(tg_tracer.look_ns, 0);
    TG_STORE(tg_tracer.look_ticks, 0);
    if (length < 0 || (size_t)length >= sizeof tg_tracer.switch_path) {
        tg_tracer.switch_path[0] = '\0';
        TG_STORE(tg_tracer.look_ticks, NEVER);
    }
}

bool tg_switch_look(void) {
    int64_t now_ns = coarse_ns();
    if (now_ns >= TG_LOAD(tg_tracer.look_ns) && tg_tracer.switch_path[0]) {
        int error = errno;
        plan(now_ns);
        TG_STORE(tg_tracer.is_off, access(tg_tracer.switch_path, F_OK) == 0);
        errno = error;
    }
    return TG_LOAD(tg_tracer.is_off);
}
