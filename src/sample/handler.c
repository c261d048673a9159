#include "sample/handler.h"

#include "sample/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>

#define SIGNAL SIGURG
#define BIT(S) (UINT64_C(1) << ((S)-1)) /* of a signal in a mask */

/* In the upper half of the signal's value: it is one of ours. The lower half is the request's number. */
#define MARK UINT64_C(0x7ac40000)

static struct {
    struct tg_slot slot;
    struct tg_handler_request request; /* in the slot */
    _Atomic pid_t pid;
    bool installed;
    struct sigaction before; /* ours; constant while the handler is in place */
} handler;

static struct { atomic_uint_fast64_t sent, done, gone, blocked, hijacked, late, stale, passed_on; } counts;

static void count(atomic_uint_fast64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static uint64_t pc_of(const void *context) {
    const ucontext_t *interrupted = context;
#if defined(__x86_64__)
    return (uint64_t)interrupted->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return interrupted->uc_mcontext.pc;
#else
    (void)interrupted;
    return 0;
#endif
}

static bool is_from_us(const siginfo_t *info) {
    return info->si_code == SI_QUEUE && info->si_pid == atomic_load_explicit(&handler.pid, memory_order_relaxed)
           && (uint64_t)(uintptr_t)info->si_value.sival_ptr >> 32 == MARK;
}

static void pass_on(int number, siginfo_t *info, void *context) {
    count(&counts.passed_on);
    if (handler.before.sa_flags & SA_SIGINFO) {
        handler.before.sa_sigaction(number, info, context);
    } else if (handler.before.sa_handler != SIG_DFL && handler.before.sa_handler != SIG_IGN) {
        handler.before.sa_handler(number);
    }
}

static void handle(int number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    if (!is_from_us(info)) {
        pass_on(number, info, context);
    } else {
        uint32_t request = (uint32_t)(uintptr_t)info->si_value.sival_ptr;
        if (tg_slot_take(&handler.slot, request)) {
            handler.request.look(handler.request.context, pc_of(context));
            tg_slot_finish(&handler.slot, request);
        } else {
            count(&counts.stale);
        }
    }
    errno = saved_errno;
}

enum tg_status tg_handler_install(struct tg_error *err) {
    if (handler.installed && tg_handler_is_ours()) {
        return TG_OK;
    }
    atomic_store(&handler.pid, getpid());
    struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    /* What a fault in the handler raises must find the program's own handler of it (faulthandler). */
    sigdelset(&action.sa_mask, SIGSEGV);
    sigdelset(&action.sa_mask, SIGBUS);
    sigdelset(&action.sa_mask, SIGFPE);
    sigdelset(&action.sa_mask, SIGILL);
    /* The old action is known before ours may be called. */
    if (sigaction(SIGNAL, NULL, &handler.before) != 0 || sigaction(SIGNAL, &action, NULL) != 0) {
        return tg_error_set_errno(err, errno, "cannot handle SIGURG");
    }
    handler.installed = true;
    return TG_OK;
}

bool tg_handler_is_ours(void) {
    struct sigaction now;
    return sigaction(SIGNAL, NULL, &now) == 0 && now.sa_flags & SA_SIGINFO && now.sa_sigaction == handle;
}

void tg_handler_remove(void) {
    if (handler.installed && tg_handler_is_ours()) {
        sigaction(SIGNAL, &handler.before, NULL);
        handler.installed = false;
    }
}

enum tg_handler_result tg_handler_send(const struct tg_handler_request *request) {
    if (!handler.installed || !tg_handler_is_ours()) {
        count(&counts.hijacked);
        return TG_HANDLER_HIJACKED;
    }
    handler.request = *request;
    uint32_t number = tg_slot_send(&handler.slot);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    info.si_pid = atomic_load(&handler.pid);
    info.si_uid = getuid();
    info.si_value.sival_ptr = (void *)(uintptr_t)(MARK << 32 | number);
    if (syscall(SYS_rt_tgsigqueueinfo, info.si_pid, request->tid, SIGNAL, &info) != 0) {
        tg_slot_withdraw(&handler.slot);
        count(&counts.gone); /* ESRCH; the queue of signals may be full as well (EAGAIN), which is no better */
        return TG_HANDLER_GONE;
    }
    count(&counts.sent);
    return TG_HANDLER_WAITING;
}

enum tg_handler_result tg_handler_wait(tg_ns patience_ns) {
    if (tg_slot_wait(&handler.slot, patience_ns) != TG_SLOT_DONE) {
        return TG_HANDLER_WAITING;
    }
    count(&counts.done);
    return TG_HANDLER_DONE;
}

bool tg_handler_is_waiting(void) {
    return tg_slot_state(&handler.slot) != TG_SLOT_EMPTY;
}

/* A mask of signals in /proc/PID/status, at `line`. */
static uint64_t read_mask(const char *status, const char *line) {
    const char *mask = strstr(status, line);
    return mask ? strtoull(mask + strlen(line), NULL, 16) : 0;
}

/* Whether a thread blocks the signal, which waits; `*gone`: there is no such thread. One that handles it blocks it too,
 * together with all but those that a fault raises. */
static bool is_blocked(pid_t tid, bool *gone) {
    char text[4096];
    snprintf(text, sizeof text, "/proc/self/task/%ld/status", (long)tid);
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    *gone = length < 0;
    text[length > 0 ? length : 0] = '\0';
    uint64_t blocked = read_mask(text, "\nSigBlk:\t");
    bool is_handling = (blocked & BIT(SIGALRM)) && (blocked & BIT(SIGUSR2)) && !(blocked & BIT(SIGSEGV));
    return !is_handling && (blocked & BIT(SIGNAL)) && (read_mask(text, "\nSigPnd:\t") & BIT(SIGNAL));
}

enum tg_handler_result tg_handler_obstacle(void) {
    bool gone = false;
    if (!tg_handler_is_ours()) {
        return TG_HANDLER_HIJACKED;
    }
    if (is_blocked(handler.request.tid, &gone)) {
        return TG_HANDLER_BLOCKED;
    }
    return gone ? TG_HANDLER_GONE : TG_HANDLER_WAITING;
}

static enum tg_handler_result count_obstacle(enum tg_handler_result obstacle) {
    switch (obstacle) {
    case TG_HANDLER_HIJACKED:
        count(&counts.hijacked);
        return obstacle;
    case TG_HANDLER_BLOCKED:
        count(&counts.blocked);
        return obstacle;
    case TG_HANDLER_GONE:
        count(&counts.gone);
        return obstacle;
    default:
        count(&counts.late);
        return TG_HANDLER_LATE;
    }
}

enum tg_handler_result tg_handler_give_up(void) {
    enum tg_handler_result obstacle = tg_handler_obstacle();
    return tg_slot_withdraw(&handler.slot) ? count_obstacle(obstacle) : tg_handler_wait(0);
}

struct tg_handler_counts tg_handler_counts(void) {
    return (struct tg_handler_counts){
        .sent = atomic_load(&counts.sent),
        .done = atomic_load(&counts.done),
        .gone = atomic_load(&counts.gone),
        .blocked = atomic_load(&counts.blocked),
        .hijacked = atomic_load(&counts.hijacked),
        .late = atomic_load(&counts.late),
        .stale = atomic_load(&counts.stale),
        .passed_on = atomic_load(&counts.passed_on),
    };
}

void tg_handler_after_fork_in_child(void) {
    atomic_store(&handler.pid, getpid());
    tg_slot_reset(&handler.slot);
}
