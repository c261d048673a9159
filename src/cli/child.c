/* child: see child.h. */
#include "cli/child.h"

#include "measure/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The exit code of a child whose exec failed; its parent then knows why from the pipe. */
#define EXEC_FAILED 127

struct waiting {
    pid_t child;
    sigset_t everything;
    sigset_t mask;                 /* as it was */
    struct sigaction child_action; /* SIGCHLD's disposition, as it was */
    int stop_received;             /* the last stop signal that came here; 0: none */
    int stopped_by;                /* the signal that stopped the child; 0: it runs */
};

/* In the child. Only what went wrong comes back, through the pipe. */
_Noreturn static void become(const struct waiting *waiting, const char *path, char *const *argv,
                             const struct tg_variable *variables, pid_t parent, int report_fd) {
    int error = 0;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        error = errno;
    }
    if (getppid() != parent) { /* it was killed before the line above */
        raise(SIGKILL);
    }
    for (const struct tg_variable *variable = variables; variable->name && !error; variable++) {
        bool failed = variable->value ? setenv(variable->name, variable->value, 1) : unsetenv(variable->name);
        error = failed ? errno : 0;
    }
    char pid[24];
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (!error && setenv("TACHOGRAPH_RUN_PID", pid, 1) != 0) { /* the one process that may say something */
        error = errno;
    }
    if (!error) {
        sigaction(SIGCHLD, &waiting->child_action, NULL);
        sigprocmask(SIG_SETMASK, &waiting->mask, NULL);
        execv(path, argv);
        error = errno;
    }
    (void)!write(report_fd, &error, sizeof error);
    _exit(EXEC_FAILED);
}

/* Stops this process until someone continues it. */
static void stop_alike(struct waiting *waiting) {
    sigset_t stopping;
    sigemptyset(&stopping);
    sigaddset(&stopping, waiting->stopped_by);
    raise(waiting->stopped_by);
    sigprocmask(SIG_UNBLOCK, &stopping, NULL); /* stops here */
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    waiting->stop_received = 0; /* what continued us now waits here, to be passed on */
    waiting->stopped_by = 0;
}

/* Looks what has become of the child. True when it has ended. */
static bool collect(struct waiting *waiting, struct tg_child_end *end) {
    for (;;) {
        siginfo_t info = {.si_pid = 0};
        int changes = WEXITED | WSTOPPED | WCONTINUED | WNOHANG;
        if (waitid(P_PID, (id_t)waiting->child, &info, changes) != 0 || info.si_pid == 0) {
            return false;
        }
        if (info.si_code != CLD_STOPPED && info.si_code != CLD_CONTINUED) {
            end->by_signal = info.si_code != CLD_EXITED;
            end->code = info.si_status;
            return true;
        }
        waiting->stopped_by = info.si_code == CLD_STOPPED ? info.si_status : 0;
    }
}

/* The signals that a terminal, or the loss of it, sends to its whole foreground group. */
static bool is_of_terminal(int signal) {
    static const int signals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGHUP, SIGCONT, SIGWINCH};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (signals[i] == signal) {
            return true;
        }
    }
    return false;
}

static void pass_on(struct waiting *waiting, const siginfo_t *info) {
    int signal = info->si_signo;
    bool by_kernel = info->si_code > 0;
    if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
        waiting->stop_received = signal;
    } else if (signal == SIGCONT) {
        waiting->stop_received = 0;
    }
    if ((by_kernel && is_of_terminal(signal)) || (!by_kernel && info->si_pid == waiting->child)) {
        return;
    }
    if (info->si_code == SI_QUEUE) {
        sigqueue(waiting->child, signal, info->si_value);
    } else {
        kill(waiting->child, signal);
    }
}

static void wait_for_end(struct waiting *waiting, struct tg_child_end *end) {
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(&waiting->everything, &info);
        if (signal == SIGCHLD) {
            if (collect(waiting, end)) {
                return;
            }
        } else if (signal > 0) {
            pass_on(waiting, &info);
        }
        /* The two come in any order. A stop of the child alone is no stop of the job: who continues the child then
         * knows nothing of us. */
        if (waiting->stopped_by && waiting->stopped_by == waiting->stop_received) {
            stop_alike(waiting);
        }
    }
}

/* What came for the child and found it gone is of no use to anyone. */
static void forget_pending(const sigset_t *signals) {
    struct timespec at_once = {.tv_sec = 0};
    while (sigtimedwait(signals, NULL, &at_once) > 0 || errno == EINTR) {
        errno = 0;
    }
}

static void allow_interruption(const struct waiting *waiting) {
    static const int signals[] = {SIGINT, SIGQUIT};
    sigset_t blocked = waiting->everything;
    forget_pending(&waiting->everything);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigismember(&waiting->mask, signals[i]) == 0) {
            sigdelset(&blocked, signals[i]);
        }
    }
    sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* The errno of the child's exec, or 0 when it worked: the pipe's other end was then closed. */
static int read_exec_error(int fd) {
    int error = 0;
    ssize_t got;
    do {
        got = read(fd, &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof error ? error : 0;
}

enum tg_status tg_child_run(const char *path, char *const *argv, const struct tg_variable *variables,
                            struct tg_child_end *end, struct tg_error *err) {
    struct waiting waiting = {.child = -1};
    struct sigaction standard = {.sa_handler = SIG_DFL};
    int pipe_fds[2];
    *end = (struct tg_child_end){.started_wall_ns = tg_clock_wall_ns()};
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return tg_error_set_errno(err, errno, "cannot make a pipe");
    }
    sigfillset(&waiting.everything);
    sigprocmask(SIG_SETMASK, &waiting.everything, &waiting.mask);
    sigaction(SIGCHLD, &standard, &waiting.child_action); /* ignored, it would take the child's status away */
    int64_t started_ns = tg_clock_monotonic_ns();
    pid_t self = getpid();
    waiting.child = fork();
    if (waiting.child == 0) {
        become(&waiting, path, argv, variables, self, pipe_fds[1]);
    }
    int error = waiting.child < 0 ? errno : 0;
    close(pipe_fds[1]);
    if (error) {
        close(pipe_fds[0]);
        sigaction(SIGCHLD, &waiting.child_action, NULL);
        sigprocmask(SIG_SETMASK, &waiting.mask, NULL);
        return tg_error_set_errno(err, error, "cannot start a process");
    }
    error = read_exec_error(pipe_fds[0]);
    close(pipe_fds[0]);
    wait_for_end(&waiting, end);
    end->pid = (uint64_t)waiting.child;
    end->duration_ns = tg_clock_monotonic_ns() - started_ns;
    allow_interruption(&waiting);
    return error ? tg_error_set_errno(err, error, "cannot execute '%s'", path) : TG_OK;
}

_Noreturn void tg_child_end_alike(const struct tg_child_end *end) {
    if (!end->by_signal) {
        exit(end->code);
    }
    struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_DUMPABLE, 0); /* a core pattern with a pipe does not ask the limit */
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigaction(end->code, &standard, NULL);
    sigset_t fatal;
    sigemptyset(&fatal);
    sigaddset(&fatal, end->code);
    raise(end->code);
    sigprocmask(SIG_UNBLOCK, &fatal, NULL);
    exit(128 + end->code); /* no signal that ends a process comes here */
}
