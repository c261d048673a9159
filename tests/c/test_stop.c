/*
 * Stopping a thread of another process: it goes on afterwards, whatever happens in between.
 */
#include "sample/stop.h"

#include "cmocka_all.h"

#include "sample/task.h"
#include "sample/thread_clock.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define HAS_RSEQ
#endif

static void on_signal(int signal) {
    _exit(signal);
}

/* A child that runs for ever and ends with the number of the signal that it gets. */
static pid_t start_child(void) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGUSR1, on_signal);
        if (write(ready[1], "", 1) == 1) {
            for (volatile unsigned n = 0;; n++) {
            }
        }
        _exit(99);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

/* A child that does not stop until `*go` is written to: it waits for one that borrowed its memory. Then it runs. */
static pid_t start_late_child(int *go) {
    int ready[2], wait[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(wait), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(wait[1]);
        if (vfork() == 0) { /* NOLINT(clang-analyzer-security.insecureAPI.vfork): to wait without being interrupted */
            if (write(ready[1], "", 1) == 1 && read(wait[0], &byte, 1) < 0) { /* NOLINT(*-unix.Vfork) */
                _exit(1);
            }
            _exit(0);
        }
        for (volatile unsigned n = 0;; n++) {
        }
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    close(wait[0]);
    *go = wait[1];
    return pid;
}

static void go_on(int go) {
    assert_int_equal(write(go, "", 1), 1);
    close(go);
}

static void end_child(pid_t pid) {
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static char state_of(pid_t pid) {
    return tg_task_state(pid, pid);
}

/* Waits until the process has used processor time; that it never does is for the test's time limit. */
static void await_progress(pid_t pid) {
    tg_ns before_ns, now_ns;
    assert_true(tg_thread_clock_read_process(pid, &before_ns));
    do {
        assert_true(tg_thread_clock_read_process(pid, &now_ns));
    } while (now_ns - before_ns < 5000000);
}

static void held_then_let_go(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    pid_t pid = start_child();
    for (int i = 0; i < 200; i++) {
        uint64_t pc = 0;
        enum tg_stop_result result = tg_stop_hold(&stop, pid, &pc);
        if (result == TG_STOP_LATE) { /* this machine is busy */
            continue;
        }
        assert_int_equal(result, TG_STOP_HELD);
        assert_int_equal(state_of(pid), 't');
        assert_int_not_equal(pc, 0);
        tg_stop_release(&stop);
        tg_stop_release(&stop); /* again is fine */
    }
    while (!tg_stop_settle(&stop)) {
    }
    await_progress(pid);
    end_child(pid);
}

/* A child has what it inherits where we have it. */
static void where_a_thread_is_told_its_processor(void **state) {
    (void)state;
#ifdef HAS_RSEQ
    struct tg_stop stop = {0};
    if (__rseq_size == 0) { /* the kernel, or who started us, does not want it */
        skip();
    }
    pid_t pid = start_child();
    while (tg_stop_hold(&stop, pid, NULL) == TG_STOP_LATE) { /* this machine is busy */
    }
    assert_int_equal(stop.held, pid);
    assert_int_equal(tg_stop_rseq(&stop), (uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset);
    tg_stop_release(&stop);
    assert_int_equal(tg_stop_rseq(&stop), 0); /* nobody is held */
    end_child(pid);
#else
    skip();
#endif
}

static void a_signal_on_its_way_arrives(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct tg_stop stop = {0};
        pid_t pid = start_child();
        int status;
        kill(pid, SIGUSR1);
        enum tg_stop_result result = tg_stop_hold(&stop, pid, NULL);
        tg_stop_release(&stop);
        while (result == TG_STOP_LATE && !tg_stop_settle(&stop)) {
        }
        if (result != TG_STOP_GONE) { /* else the waiting has seen its end */
            assert_int_equal(waitpid(pid, &status, 0), pid);
            assert_true(WIFEXITED(status));
            assert_int_equal(WEXITSTATUS(status), SIGUSR1);
        }
    }
}

static void a_stopped_process_stays_stopped(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    pid_t pid = start_child();
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_HELD);
    tg_stop_release(&stop);
    while (state_of(pid) != 'T') { /* on its way there, within the kernel */
    }
    kill(pid, SIGCONT);
    await_progress(pid);
    end_child(pid);
}

static void await_stop(pid_t pid) {
    while (state_of(pid) != 't') { /* that it never does is for the test's time limit */
    }
}

static bool is_put_off(int signal) {
    sigset_t blocked;
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
    return sigismember(&blocked, signal) == 1;
}

static void a_terminal_suspends_us_when_nobody_is_held(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    sigset_t before;
    pid_t pid = start_child();
    sigemptyset(&before);
    sigaddset(&before, SIGTTIN);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &before, NULL), 0);
    for (int i = 0; i < 2; i++) {
        enum tg_stop_result result = tg_stop_hold(&stop, pid, NULL);
        assert_true(result == TG_STOP_HELD || result == TG_STOP_LATE); /* it may still stop, and is to be let go */
        assert_true(is_put_off(SIGTSTP) && is_put_off(SIGTTIN) && is_put_off(SIGTTOU));
        assert_false(is_put_off(SIGINT));
        tg_stop_release(&stop);
        while (!tg_stop_settle(&stop)) {
        }
        assert_false(is_put_off(SIGTSTP) || is_put_off(SIGTTOU));
        assert_true(is_put_off(SIGTTIN)); /* as it was */
    }
    end_child(pid);
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_GONE);
    assert_false(is_put_off(SIGTSTP));
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &before, NULL), 0);
}

static void who_stops_late_is_let_go(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    int go;
    pid_t pid = start_late_child(&go);
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_LATE);
    assert_false(tg_stop_settle(&stop));
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_LATE); /* not twice */
    go_on(go);
    while (!tg_stop_settle(&stop)) {
    }
    await_progress(pid);
    end_child(pid);
}

static void who_stops_when_all_is_over_is_let_go(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    int go;
    pid_t pid = start_late_child(&go);
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_LATE);
    go_on(go);
    await_stop(pid);
    tg_stop_end(&stop);
    assert_false(is_put_off(SIGTSTP));
    await_progress(pid);
    end_child(pid);
}

static void who_never_stops_is_not_waited_for(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    int go;
    pid_t pid = start_late_child(&go);
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_LATE);
    tg_stop_end(&stop);
    assert_false(is_put_off(SIGTSTP));
    go_on(go);
    end_child(pid);
}

/* In whatever order they are let go. */
static void of_several_the_last_lets_a_terminal_suspend_us(void **state) {
    (void)state;
    for (int late_first = 0; late_first < 2; late_first++) {
        struct tg_stop late = {0}, other = {0};
        int go;
        pid_t late_pid = start_late_child(&go), pid = start_child();
        assert_int_equal(tg_stop_hold(&late, late_pid, NULL), TG_STOP_LATE);
        while (tg_stop_hold(&other, pid, NULL) != TG_STOP_HELD) { /* this machine is busy */
        }
        if (!late_first) {
            tg_stop_release(&other);
            assert_true(is_put_off(SIGTSTP));
        }
        go_on(go);
        while (!tg_stop_settle(&late)) {
        }
        assert_int_equal(is_put_off(SIGTSTP), late_first);
        tg_stop_release(&other);
        assert_false(is_put_off(SIGTSTP));
        await_progress(pid);
        await_progress(late_pid);
        end_child(pid);
        end_child(late_pid);
    }
}

/* The child of a process that does nothing but trace it. */
static void another_tracer_is_respected(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    pid_t pid = start_child();
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t debugger = fork();
    if (debugger == 0) {
        bool is_seized = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
        if (write(ready[1], is_seized ? "+" : "-", 1) == 1) {
            pause();
        }
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    if (byte == '+') {
        assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_REFUSED);
        assert_int_equal(errno, EPERM);
        await_progress(pid);
    }
    end_child(debugger);
    end_child(pid);
}

/* Who has started it waits for it, and wants to know how it ended. */
static void the_end_of_a_child_is_left_to_who_started_it(void **state) {
    (void)state;
    for (int was_held = 0; was_held <= 1; was_held++) {
        struct tg_stop stop = {0};
        pid_t pid = start_child();
        siginfo_t info;
        int status = 0;
        if (was_held) {
            while (tg_stop_hold(&stop, pid, NULL) == TG_STOP_LATE) { /* this machine is busy */
            }
            assert_int_equal(stop.held, pid);
        } else {
            assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
        }
        kill(pid, SIGKILL);
        assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        tg_stop_release(&stop);
        stop.pending = pid; /* as when it ends before it has stopped */
        assert_true(tg_stop_settle(&stop));
        assert_int_equal(stop.pending, 0);
        tg_stop_end(&stop);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
}

/* A child that has started one of its own, which runs for ever, and waits for the end of that. */
static pid_t start_parent(pid_t *child) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pid_t started = start_child();
        _exit(write(ready[1], &started, sizeof started) != sizeof started || waitpid(started, NULL, 0) != started);
    }
    assert_int_equal(read(ready[0], child, sizeof *child), sizeof *child);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void who_is_killed_while_he_is_held_has_ended_for_his_parent(void **state) {
    (void)state;
    int status;
    pid_t pid;
    pid_t parent = start_parent(&pid);
    struct tg_stop stop = {0};
    while (tg_stop_hold(&stop, pid, NULL) != TG_STOP_HELD) {
    }
    kill(pid, SIGKILL);
    tg_stop_release(&stop);
    while (!tg_stop_settle(&stop)) {
    }
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_int_equal(status, 0);
}

/* Killed in the midst of stopping, in one of so many cases at the worst moment. */
static void who_is_killed_before_he_stops_has_ended_for_his_parent(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        int status;
        pid_t pid;
        pid_t parent = start_parent(&pid);
        struct tg_stop stop = {0};
        pid_t killer = fork();
        if (killer == 0) {
            nanosleep(&(struct timespec){.tv_nsec = 1000L * i}, NULL);
            kill(pid, SIGKILL);
            _exit(0);
        }
        while (tg_stop_hold(&stop, pid, NULL) != TG_STOP_GONE) {
            tg_stop_release(&stop);
        }
        tg_stop_end(&stop);
        assert_int_equal(waitpid(killer, NULL, 0), killer);
        assert_int_equal(waitpid(parent, &status, 0), parent);
        assert_int_equal(status, 0);
    }
}

/* The thread of a process that is not its first. */
static pid_t other_thread(pid_t pid) {
    char path[64];
    pid_t found = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    assert_non_null(tasks);
    for (const struct dirent *entry = readdir(tasks); entry; entry = readdir(tasks)) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        found = tid > 0 && tid != pid ? tid : found;
    }
    closedir(tasks);
    return found;
}

static void *run_on(void *context) {
    for (volatile unsigned n = 0;; n++) {
    }
    return context;
}

/* In the child: its number is on its way to us. */
static atomic_bool is_told;

/* What the other thread of a child does, besides which its first one goes on at once. */
typedef void *thread_function(void *context);

/* A child of a child of ours that waits for its end. Its first thread ends when `*end` is closed. */
static pid_t start_threads(thread_function *other, pid_t *parent, int *end) {
    int ready[2], ending[2];
    pid_t pid;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(ending), 0);
    *parent = fork();
    if (*parent == 0) {
        char byte;
        close(ending[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pid = fork();
        if (pid != 0) {
            _exit(waitpid(pid, NULL, 0) != pid);
        }
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pid = getpid();
        if (pthread_create(&thread, NULL, other, NULL) != 0 || write(ready[1], &pid, sizeof pid) != sizeof pid) {
            _exit(99);
        }
        atomic_store(&is_told, true);
        while (read(ending[0], &byte, 1) < 0) {
        }
        syscall(SYS_exit, 0);
    }
    assert_int_equal(read(ready[0], &pid, sizeof pid), sizeof pid);
    close(ready[0]);
    close(ready[1]);
    close(ending[0]);
    *end = ending[1];
    return pid;
}

/* A process whose first thread has ended while we waited for it to stop; the other one runs on. */
static pid_t start_outlived(struct tg_stop *stop, pid_t *other, pid_t *parent) {
    int end;
    pid_t pid = start_threads(run_on, parent, &end);
    *other = other_thread(pid);
    assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
    close(end);
    while (state_of(pid) != 'Z') {
    }
    stop->pending = pid;
    return pid;
}

/* Ends it; its parent, which waits for that, ends well. */
static void end_outlived(pid_t pid, pid_t parent) {
    int status = -1;
    pid_t ended = 0;
    kill(pid, SIGKILL);
    while (ended == 0) {
        tg_stop_look_after();
        ended = waitpid(parent, &status, WNOHANG);
    }
    assert_int_equal(ended, parent);
    assert_int_equal(status, 0);
}

static void who_ends_before_others_does_not_keep_us_from_them(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    pid_t other, parent;
    pid_t pid = start_outlived(&stop, &other, &parent);
    while (tg_stop_hold(&stop, other, NULL) != TG_STOP_HELD) {
    }
    tg_stop_release(&stop);
    end_outlived(pid, parent);
}

static void who_ends_when_all_is_over_has_ended_for_his_parent(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    pid_t other, parent;
    pid_t pid = start_outlived(&stop, &other, &parent);
    tg_stop_end(&stop);
    assert_int_equal(stop.pending, 0);
    end_outlived(pid, parent);
}

static void *execute(void *context) {
    static char path[] = "/bin/sleep", duration[] = "1000";
    char *const words[] = {path, duration, NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* of this thread, and of what it executes */
    while (!atomic_load(&is_told)) {
    }
    nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
    execv(path, words);
    return context;
}

static bool is_traced(pid_t pid) {
    char tracer[32];
    assert_true(tg_task_status(pid, "TracerPid", tracer, sizeof tracer));
    return strtol(tracer, NULL, 10) != 0;
}

/* The thread that does so has the number of the process then, in some cases while it is being stopped. */
static void who_executes_another_program_is_let_go(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++) {
        int end;
        pid_t parent;
        pid_t pid = start_threads(execute, &parent, &end);
        pid_t other = other_thread(pid);
        struct tg_stop stop = {.process = pid};
        enum tg_stop_result result = TG_STOP_HELD;
        while (result == TG_STOP_HELD || result == TG_STOP_LATE) {
            result = tg_stop_hold(&stop, other, NULL);
            tg_stop_release(&stop);
        }
        tg_stop_end(&stop);
        tg_stop_look_after();
        assert_false(is_traced(pid));
        close(end);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(parent, NULL, 0), parent);
    }
}

static void who_is_gone_is_gone(void **state) {
    (void)state;
    struct tg_stop stop = {0};
    pid_t pid = start_child();
    end_child(pid);
    assert_int_equal(tg_stop_hold(&stop, pid, NULL), TG_STOP_GONE);
}

/* A tracer that is killed while it holds a thread. */
static void it_runs_on_when_we_are_killed(void **state) {
    (void)state;
    pid_t pid = start_child();
    int held[2];
    char byte;
    assert_int_equal(pipe(held), 0);
    pid_t tracer = fork();
    if (tracer == 0) {
        struct tg_stop stop = {0};
        while (tg_stop_hold(&stop, pid, NULL) == TG_STOP_LATE) {
        }
        if (write(held[1], stop.held == pid ? "+" : "-", 1) == 1) {
            pause();
        }
        _exit(0);
    }
    assert_int_equal(read(held[0], &byte, 1), 1);
    close(held[0]);
    close(held[1]);
    assert_int_equal(byte, '+');
    assert_int_equal(state_of(pid), 't');
    end_child(tracer);
    await_progress(pid);
    end_child(pid);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_then_let_go),
        cmocka_unit_test(where_a_thread_is_told_its_processor),
        cmocka_unit_test(a_signal_on_its_way_arrives),
        cmocka_unit_test(a_stopped_process_stays_stopped),
        cmocka_unit_test(a_terminal_suspends_us_when_nobody_is_held),
        cmocka_unit_test(who_stops_late_is_let_go),
        cmocka_unit_test(who_stops_when_all_is_over_is_let_go),
        cmocka_unit_test(who_never_stops_is_not_waited_for),
        cmocka_unit_test(of_several_the_last_lets_a_terminal_suspend_us),
        cmocka_unit_test(another_tracer_is_respected),
        cmocka_unit_test(the_end_of_a_child_is_left_to_who_started_it),
        cmocka_unit_test(who_is_killed_while_he_is_held_has_ended_for_his_parent),
        cmocka_unit_test(who_is_killed_before_he_stops_has_ended_for_his_parent),
        cmocka_unit_test(who_ends_before_others_does_not_keep_us_from_them),
        cmocka_unit_test(who_ends_when_all_is_over_has_ended_for_his_parent),
        cmocka_unit_test(who_executes_another_program_is_let_go),
        cmocka_unit_test(who_is_gone_is_gone),
        cmocka_unit_test(it_runs_on_when_we_are_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
