/*
 * thread_clock: how long a thread, of this process or another one, has been on a processor.
 *
 * Known by its thread id, never by a pthread_t, which is gone with the thread. Of the own process it is exact;
 * another's is what /proc/PID/task/TID/schedstat says, which the kernel brings up to date at its timer's ticks only, so
 * a few milliseconds may come late, and at once.
 *
 * Units: nanoseconds. Threads: each clock belongs to one.
 */
#ifndef TG_THREAD_CLOCK_H
#define TG_THREAD_CLOCK_H

#include "measure/clock.h"

#include <stdbool.h>
#include <sys/types.h>

struct tg_thread_clock {
    bool is_own;
    clockid_t id; /* when it is */
    int fd;       /* when it is not; -1 closed */
};

/* `pid` and `tid` as this process sees them. False: there is no such thread, or no clock of it. */
bool tg_thread_clock_open(struct tg_thread_clock *clock, pid_t pid, pid_t tid);
/* NULL and a second call are fine. */
void tg_thread_clock_close(struct tg_thread_clock *clock);

/* False: the thread has ended. */
bool tg_thread_clock_read(const struct tg_thread_clock *clock, tg_ns *ns);

/* The same of all threads of a process together. */
bool tg_thread_clock_read_process(pid_t pid, tg_ns *ns);

#endif
