#include "sample/thread_clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Linux numbers the clocks of processes and threads by their id: <linux/posix-timers.h>, CPUCLOCK_SCHED and
 * CPUCLOCK_PERTHREAD_MASK. */
#define CLOCK_OF_PROCESS 2
#define CLOCK_OF_THREAD  6

static clockid_t clock_id(pid_t id, int kind) {
    return (clockid_t)(~(unsigned)id << 3 | (unsigned)kind);
}

static bool read_clock(clockid_t id, tg_ns *ns) {
    struct timespec time;
    if (clock_gettime(id, &time) != 0) {
        return false;
    }
    *ns = (tg_ns)time.tv_sec * 1000000000 + time.tv_nsec;
    return true;
}

bool tg_thread_clock_open(struct tg_thread_clock *clock, pid_t pid, pid_t tid) {
    char path[64];
    *clock = (struct tg_thread_clock){.is_own = pid == getpid(), .id = clock_id(tid, CLOCK_OF_THREAD), .fd = -1};
    if (!clock->is_own) {
        snprintf(path, sizeof path, "/proc/%ld/task/%ld/schedstat", (long)pid, (long)tid);
        clock->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    tg_ns ns;
    return tg_thread_clock_read(clock, &ns);
}

void tg_thread_clock_close(struct tg_thread_clock *clock) {
    if (clock && clock->fd >= 0) {
        close(clock->fd);
        clock->fd = -1;
    }
}

bool tg_thread_clock_read(const struct tg_thread_clock *clock, tg_ns *ns) {
    char text[64], *end;
    if (clock->is_own) {
        return read_clock(clock->id, ns);
    }
    ssize_t count = clock->fd < 0 ? -1 : pread(clock->fd, text, sizeof text - 1, 0);
    if (count <= 0) {
        return false;
    }
    text[count] = '\0';
    *ns = (tg_ns)strtoll(text, &end, 10); /* the first of three numbers */
    return end != text;
}

bool tg_thread_clock_read_process(pid_t pid, tg_ns *ns) {
    return read_clock(clock_id(pid, CLOCK_OF_PROCESS), ns);
}
