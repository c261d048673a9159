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

/* In the child. Only what went wrong comes back, through the pipe. */
_Noreturn static void become(const struct tg_child *child, const char *path, char *const *argv,
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
        sigaction(SIGCHLD, &child->chld_action, NULL);
        sigprocmask(SIG_SETMASK, &child->mask, NULL);
        execv(path, argv);
        error = errno;
    }
    (void)!write(report_fd, &error, sizeof error);
    _exit(EXEC_FAILED);
}

static void tell_suspension(const struct tg_child *child, bool begins) {
    if (child->suspend) {
        child->suspend(child->suspend_context, begins);
    }
}

/* Stops this process until someone continues it. */
static void stop_alike(struct tg_child *child) {
    sigset_t stopping;
    sigemptyset(&stopping);
    sigaddset(&stopping, child->stopped_by);
    tell_suspension(child, true);
    raise(child->stopped_by);
    sigprocmask(SIG_UNBLOCK, &stopping, NULL); /* stops here */
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    tell_suspension(child, false);
    child->stop_received = 0; /* what continued us now waits here, to be passed on */
    child->stopped_by = 0;
}

/* Looks what has become of the child. True when it has ended, and is then gone.
 *
 * Nothing else is taken: a thread of ours may be tracing the child (sample/stop.h), and the stop that it waits for
 * would be reported here, once, in its place. */
static bool collect(struct tg_child *child, struct tg_child_end *end) {
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) != 0) {
        return false;
    }
    if (info.si_pid == 0) {
        child->stopped_by = 0;
        return false;
    }
    if (info.si_code == CLD_STOPPED) {
        child->stopped_by = info.si_status;
    }
    if (info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED || info.si_code == CLD_CONTINUED) {
        return false;
    }
    end->by_signal = info.si_code != CLD_EXITED;
    end->code = info.si_status;
    waitid(P_PID, (id_t)child->pid, &info, WEXITED);
    return true;
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

static void pass_on(struct tg_child *child, const siginfo_t *info) {
    int signal = info->si_signo;
    bool by_kernel = info->si_code > 0;
    child->interrupted = child->interrupted || signal == SIGINT;
    if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) {
        child->stop_received = signal;
    } else if (signal == SIGCONT) {
        child->stop_received = 0;
    }
    if ((by_kernel && is_of_terminal(signal)) || (!by_kernel && info->si_pid == child->pid)) {
        return;
    }
    if (info->si_code == SI_QUEUE) {
        sigqueue(child->pid, signal, info->si_value);
    } else {
        kill(child->pid, signal);
    }
}

static void wait_for_end(struct tg_child *child, struct tg_child_end *end) {
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(&child->everything, &info);
        if (signal == SIGCHLD) {
            if (collect(child, end)) {
                return;
            }
        } else if (signal > 0) {
            pass_on(child, &info);
        }
        /* The two come in any order. A stop of the child alone is no stop of the job: who continues the child then
         * knows nothing of us. */
        if (child->stopped_by && child->stopped_by == child->stop_received) {
            stop_alike(child);
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

static void allow_interruption(const struct tg_child *child) {
    static const int signals[] = {SIGINT, SIGQUIT};
    sigset_t blocked = child->everything;
    forget_pending(&child->everything);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (sigismember(&child->mask, signals[i]) == 0) {
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

enum tg_status tg_child_start(struct tg_child *child, const char *path, char *const *argv,
                              const struct tg_variable *variables, struct tg_error *err) {
    struct sigaction standard = {.sa_handler = SIG_DFL};
    int pipe_fds[2];
    *child = (struct tg_child){.pid = -1, .started_wall_ns = tg_clock_wall_ns()};
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) {
        return tg_error_set_errno(err, errno, "cannot make a pipe");
    }
    sigfillset(&child->everything);
    sigprocmask(SIG_SETMASK, &child->everything, &child->mask);
    sigaction(SIGCHLD, &standard, &child->chld_action); /* ignored, it would take the child's status away */
    child->started_ns = tg_clock_monotonic_ns();
    pid_t self = getpid();
    child->pid = fork();
    if (child->pid == 0) {
        become(child, path, argv, variables, self, pipe_fds[1]);
    }
    int fork_error = child->pid < 0 ? errno : 0;
    close(pipe_fds[1]);
    int exec_error = fork_error ? 0 : read_exec_error(pipe_fds[0]);
    close(pipe_fds[0]);
    if (!fork_error && !exec_error) {
        return TG_OK;
    }
    if (exec_error) {
        waitpid(child->pid, NULL, 0);
    }
    forget_pending(&child->everything);
    sigaction(SIGCHLD, &child->chld_action, NULL);
    sigprocmask(SIG_SETMASK, &child->mask, NULL);
    return fork_error ? tg_error_set_errno(err, fork_error, "cannot start a process")
                      : tg_error_set_errno(err, exec_error, "cannot execute '%s'", path);
}

void tg_child_wait(struct tg_child *child, struct tg_child_end *end) {
    *end = (struct tg_child_end){.pid = (uint64_t)child->pid, .started_wall_ns = child->started_wall_ns};
    wait_for_end(child, end);
    end->interrupted = child->interrupted;
    end->duration_ns = tg_clock_monotonic_ns() - child->started_ns;
    allow_interruption(child);
}

enum tg_status tg_child_run(const char *path, char *const *argv, const struct tg_variable *variables,
                            struct tg_child_end *end, struct tg_error *err) {
    struct tg_child child;
    enum tg_status status = tg_child_start(&child, path, argv, variables, err);
    if (status == TG_OK) {
        tg_child_wait(&child, end);
    }
    return status;
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
