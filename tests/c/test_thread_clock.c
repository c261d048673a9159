/*
 * The clocks of threads, of this process and of another one.
 */
#include "sample/thread_clock.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int other_tid;
static atomic_bool is_over;

static void *rest(void *unused) {
    (void)unused;
    atomic_store(&other_tid, (int)syscall(SYS_gettid));
    while (!atomic_load(&is_over)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static tg_ns own_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (tg_ns)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void spin(tg_ns ns) {
    for (tg_ns end_ns = own_ns() + ns; own_ns() < end_ns;) {
    }
}

static void own_threads_are_told_apart(void **state) {
    (void)state;
    pthread_t thread;
    struct tg_thread_clock mine, other;
    tg_ns mine_ns, other_before_ns, other_ns, process_ns;
    assert_int_equal(pthread_create(&thread, NULL, rest, NULL), 0);
    while (!atomic_load(&other_tid)) {
    }
    assert_true(tg_thread_clock_open(&mine, getpid(), (pid_t)syscall(SYS_gettid)));
    assert_true(tg_thread_clock_open(&other, getpid(), atomic_load(&other_tid)));
    assert_true(tg_thread_clock_read(&other, &other_before_ns));
    spin(50000000);
    tg_ns before_ns = own_ns();
    assert_true(tg_thread_clock_read(&mine, &mine_ns));
    assert_in_range(mine_ns, before_ns, own_ns());
    assert_true(tg_thread_clock_read(&other, &other_ns));
    assert_true(other_ns - other_before_ns < 25000000);
    assert_true(tg_thread_clock_read_process(getpid(), &process_ns));
    assert_true(process_ns >= mine_ns);
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    assert_false(tg_thread_clock_read(&other, &other_ns));
    tg_thread_clock_close(&mine);
    tg_thread_clock_close(&other);
    tg_thread_clock_close(&other);
}

static void another_process_has_one(void **state) {
    (void)state;
    int over[2];
    char byte;
    assert_int_equal(pipe(over), 0);
    pid_t pid = fork();
    if (pid == 0) {
        spin(60000000);
        _exit(write(over[1], "", 1) == 1 && pause() ? 0 : 1);
    }
    struct tg_thread_clock clock;
    tg_ns ns = 0, process_ns = 0;
    assert_true(tg_thread_clock_open(&clock, pid, pid));
    assert_int_equal(read(over[0], &byte, 1), 1);
    /* Some milliseconds may be missing until the kernel's timer has ticked. */
    assert_true(tg_thread_clock_read(&clock, &ns));
    assert_true(tg_thread_clock_read_process(pid, &process_ns));
    assert_true(ns > 30000000);
    assert_true(process_ns > 30000000);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(tg_thread_clock_read(&clock, &ns));
    assert_false(tg_thread_clock_open(&clock, pid, pid));
    tg_thread_clock_close(&clock);
    close(over[0]);
    close(over[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_threads_are_told_apart),
        cmocka_unit_test(another_process_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
