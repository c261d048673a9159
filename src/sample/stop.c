#include "sample/stop.h"

#include "measure/clock.h"
#include "sample/task.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A thread that runs or can be woken stops within microseconds, unless its processor is taken. */
#define PATIENCE_NS INT64_C(20000000)
/* So long it is asked without pause, which is quicker than to be woken; then after longer and longer pauses. */
#define EAGER_NS INT64_C(20000)
/* So often, and so far apart, one that is late is looked after when it is not to be waited for any more. */
#define LAST_LOOKS   50
#define LAST_LOOK_NS 1000000
/* So many threads at a time are looked after that no stop waits for. */
#define LEFT_MAX 32

enum stopped { STOPPED, NOT_YET, ENDED };

static pid_t told(pid_t pid, const char *field) {
    char value[32];
    return tg_task_status(pid, field, value, sizeof value) ? (pid_t)strtol(value, NULL, 10) : 0;
}

/* Whether it is a child of ours whose end somebody else waits for: only processes are, not their other threads. */
static bool is_own_child(pid_t tid) {
    return told(tid, "Tgid") == tid && told(tid, "PPid") == getpid();
}

/* Whether the thread has ended. A child of ours then stays as it is, for who has started it. */
static enum stopped look_at_end(pid_t tid) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0) {
        return ENDED;
    }
    bool has_stopped = info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED; /* just now; that is told unasked */
    if (info.si_pid == 0 || has_stopped) {
        return NOT_YET;
    }
    if (!is_own_child(tid)) {
        (void)waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL);
    }
    return ENDED;
}

/* Whether the thread has stopped; if so, with which signal on its way. */
static enum stopped look_at(struct tg_stop *stop, pid_t tid) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL) != 0 || info.si_pid == 0) {
        return look_at_end(tid);
    }
    /* Our own stop, or that of the whole process, carries no signal to pass on. */
    bool is_event = info.si_status >> 8 == PTRACE_EVENT_STOP;
    stop->signal = is_event ? 0 : info.si_status & 0x7F;
    return STOPPED;
}

/* False: it was killed meanwhile, and whoever waits for its end does so until we have been told of that. */
static bool let_go(const struct tg_stop *stop, pid_t tid) {
    return ptrace(PTRACE_DETACH, tid, NULL, (void *)(intptr_t)stop->signal) == 0 || look_at_end(tid) == ENDED;
}

/* Threads that the calling one still traces, and that no stop waits for any more. */
static _Thread_local struct {
    size_t count;
    pid_t tids[LEFT_MAX];
} left;

static void leave(pid_t tid) {
    if (left.count < LEFT_MAX) { /* else it is for the kernel */
        left.tids[left.count++] = tid;
    }
}

void tg_stop_look_after(void) {
    size_t kept = 0;
    for (size_t i = 0; i < left.count; i++) {
        struct tg_stop stop = {0};
        enum stopped stopped = look_at(&stop, left.tids[i]);
        if (stopped == NOT_YET || (stopped == STOPPED && !let_go(&stop, left.tids[i]))) {
            left.tids[kept++] = left.tids[i];
        }
    }
    left.count = kept;
}

/* Of one that has not stopped: whether it has ended. The first thread of a process may have done so before others. We
 * are told of that when all have, and nobody has to wait for it. */
static enum stopped leave_outlived(pid_t tid) {
    char state[32];
    bool is_zombie = told(tid, "Tgid") == tid && tg_task_status(tid, "State", state, sizeof state) && state[0] == 'Z';
    if (!is_zombie) {
        return NOT_YET;
    }
    if (look_at_end(tid) == NOT_YET) {
        leave(tid);
    }
    return ENDED;
}

static enum stopped await(struct tg_stop *stop, pid_t tid) {
    tg_ns start_ns = tg_clock_monotonic_ns(), passed_ns = 0;
    enum stopped stopped = look_at(stop, tid);
    while (stopped == NOT_YET && passed_ns < PATIENCE_NS) {
        if (passed_ns > EAGER_NS) {
            nanosleep(&(struct timespec){.tv_nsec = passed_ns / 2}, NULL);
        }
        stopped = look_at(stop, tid);
        passed_ns = tg_clock_monotonic_ns() - start_ns;
    }
    return stopped;
}

static uint64_t pc_of(pid_t tid) {
    struct __ptrace_syscall_info info;
    long size = ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof info, &info);
    return size > 0 ? info.instruction_pointer : 0;
}

/* The calling thread is not to be suspended while any of its stops holds somebody, or is about to. */
static _Thread_local struct {
    size_t stops;
    sigset_t mask; /* the signals that were blocked before the first of them */
} steady;

/* Puts off what would suspend us. */
static void stay(struct tg_stop *stop) {
    static const int suspending[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t set;
    if (stop->is_steady) {
        return;
    }
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof suspending / sizeof suspending[0]; i++) {
        sigaddset(&set, suspending[i]);
    }
    stop->is_steady = steady.stops > 0 || pthread_sigmask(SIG_BLOCK, &set, &steady.mask) == 0;
    steady.stops += stop->is_steady;
}

/* Lets it happen, where nobody is held or about to be. */
static void relax(struct tg_stop *stop) {
    if (stop->is_steady && !stop->held && !stop->pending) {
        stop->is_steady = false;
        steady.stops--;
        if (steady.stops == 0) {
            pthread_sigmask(SIG_SETMASK, &steady.mask, NULL);
        }
    }
}

/* A thread that has not stopped: it may stop later, or has ended as far as others let it. */
static enum tg_stop_result wait_for(struct tg_stop *stop, pid_t tid) {
    if (leave_outlived(tid) == ENDED) {
        return TG_STOP_GONE;
    }
    stop->pending = tid;
    return TG_STOP_LATE;
}

/* One that is gone may have executed another program, which then has the number of the process, and is traced as it
 * was. */
static enum tg_stop_result look_for_program(struct tg_stop *stop, pid_t tid) {
    pid_t process = stop->process;
    if (!process || process == tid || told(process, "TracerPid") != gettid()
        || ptrace(PTRACE_INTERRUPT, process, NULL, NULL) != 0) {
        return TG_STOP_GONE;
    }
    stop->pending = process;
    return TG_STOP_LATE;
}

static enum tg_stop_result hold(struct tg_stop *stop, pid_t tid, uint64_t *pc) {
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0) {
        return errno == ESRCH ? TG_STOP_GONE : TG_STOP_REFUSED;
    }
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL); /* fails when the thread ends: waiting says so */
    switch (await(stop, tid)) {
    case STOPPED:
        stop->held = tid;
        if (pc) {
            *pc = pc_of(tid);
        }
        return TG_STOP_HELD;
    case NOT_YET:
        return wait_for(stop, tid);
    default:
        return look_for_program(stop, tid);
    }
}

enum tg_stop_result tg_stop_hold(struct tg_stop *stop, pid_t tid, uint64_t *pc) {
    if (!tg_stop_settle(stop)) {
        return TG_STOP_LATE;
    }
    stay(stop);
    enum tg_stop_result result = hold(stop, tid, pc);
    int errnum = errno;
    relax(stop);
    errno = errnum;
    return result;
}

uint64_t tg_stop_rseq(const struct tg_stop *stop) {
    struct __ptrace_rseq_configuration found;
    long size = ptrace(PTRACE_GET_RSEQ_CONFIGURATION, stop->held, (void *)sizeof found, &found);
    return size >= (long)sizeof found ? found.rseq_abi_pointer : 0;
}

void tg_stop_release(struct tg_stop *stop) {
    if (stop->held) {
        stop->pending = let_go(stop, stop->held) ? 0 : stop->held;
        stop->held = 0;
        relax(stop);
    }
}

void tg_stop_end(struct tg_stop *stop) {
    tg_stop_release(stop);
    for (int i = 0; i < LAST_LOOKS && !tg_stop_settle(stop); i++) {
        nanosleep(&(struct timespec){.tv_nsec = LAST_LOOK_NS}, NULL);
    }
    if (stop->pending) {
        leave(stop->pending);
        stop->pending = 0;
    }
    relax(stop);
}

bool tg_stop_settle(struct tg_stop *stop) {
    tg_stop_look_after();
    if (!stop->pending) {
        return true;
    }
    enum stopped stopped = look_at(stop, stop->pending);
    if (stopped == NOT_YET) {
        stopped = leave_outlived(stop->pending);
    }
    bool is_free = stopped == STOPPED ? let_go(stop, stop->pending) : stopped == ENDED;
    if (is_free) {
        stop->pending = 0;
        relax(stop);
    }
    return is_free;
}
