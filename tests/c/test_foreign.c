/* For how long a process runs what is no Python. Processes are real; this program stands for the Python. */
#include "sample/foreign.h"

#include "cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t sleeper, copier, missing;

/* A process that waits for ever. */
static pid_t start(const char *path, const char *argument) {
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, path, argument, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static int set_up(void **state) {
    (void)state;
    int unread[2];
    if (pipe(unread) != 0 || dup2(unread[0], STDIN_FILENO) < 0) {
        return -1;
    }
    sleeper = start("/bin/sleep", "1000");
    copier = start("/bin/cat", "-");
    missing = fork();
    if (missing == 0) {
        _exit(0);
    }
    waitpid(missing, NULL, 0);
    struct tg_foreign foreign = {.was_counted = false};
    struct tg_foreign_time sum = {0, 0};
    tg_foreign_note(&foreign, getpid(), TG_OK, 1, &sum);
    for (int i = 0; i < 10000; i++) { /* until both have executed theirs */
        if (tg_foreign_runs_another(&foreign, sleeper) && tg_foreign_runs_another(&foreign, copier)) {
            return 0;
        }
        usleep(1000);
    }
    return -1;
}

static int tear_down(void **state) {
    (void)state;
    kill(sleeper, SIGKILL);
    kill(copier, SIGKILL);
    waitpid(sleeper, NULL, 0);
    waitpid(copier, NULL, 0);
    return 0;
}

/* One that has been sampled, and was seen without a Python since 100. */
static struct tg_foreign leave(struct tg_foreign_time *sum) {
    struct tg_foreign foreign = {.was_counted = false};
    *sum = (struct tg_foreign_time){0, 0};
    tg_foreign_note(&foreign, getpid(), TG_OK, 50, sum);
    tg_foreign_note(&foreign, sleeper, TG_ERROR_INVALID, 100, sum);
    return foreign;
}

static void assert_sum(const struct tg_foreign_time *sum, tg_ns total_ns, uint64_t process_count) {
    assert_int_equal(sum->total_ns, total_ns);
    assert_int_equal(sum->process_count, process_count);
}

/* What it has been until then, while it goes on. */
static void assert_until(const struct tg_foreign *foreign, tg_ns now_ns, tg_ns total_ns, uint64_t process_count) {
    struct tg_foreign_time sum = {0, 0};
    tg_foreign_add(foreign, now_ns, &sum);
    assert_sum(&sum, total_ns, process_count);
}

static void another_file_without_a_python_is_foreign(void **state) {
    (void)state;
    struct tg_foreign_time sum;
    struct tg_foreign foreign = leave(&sum);
    assert_false(tg_foreign_runs_another(&foreign, getpid()));
    assert_true(tg_foreign_runs_another(&foreign, sleeper));
    assert_until(&foreign, 350, 250, 1);
    assert_until(&foreign, 90, 0, 1); /* a clock that was read before */
    assert_sum(&sum, 0, 0);
}

static void what_is_not_proven_is_not_foreign(void **state) {
    (void)state;
    struct tg_foreign never = {.was_counted = false};
    struct tg_foreign_time sum = {0, 0};
    assert_false(tg_foreign_runs_another(&never, sleeper)); /* nothing was sampled before */
    tg_foreign_note(&never, sleeper, TG_ERROR_INVALID, 100, &sum);
    assert_until(&never, 200, 0, 0);
    const enum tg_status others[] = {TG_ERROR_PERMISSION, TG_ERROR_BUSY, TG_ERROR_NOT_FOUND};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct tg_foreign foreign = {.was_counted = false};
        tg_foreign_note(&foreign, getpid(), TG_OK, 50, &sum);
        tg_foreign_note(&foreign, sleeper, others[i], 100, &sum);
        assert_until(&foreign, 200, 0, 0);
        tg_foreign_note(&foreign, getpid(), TG_ERROR_INVALID, 100, &sum); /* the same file */
        assert_until(&foreign, 200, 0, 0);
        tg_foreign_note(&foreign, missing, TG_ERROR_INVALID, 100, &sum); /* nobody knows what it runs */
        assert_false(tg_foreign_runs_another(&foreign, missing));
        assert_until(&foreign, 200, 0, 0);
    }
    assert_sum(&sum, 0, 0);
}

static void it_ends_when_it_was_seen_last(void **state) {
    (void)state;
    struct tg_foreign_time sum;
    struct tg_foreign foreign = leave(&sum);
    tg_foreign_note(&foreign, sleeper, TG_ERROR_INVALID, 300, &sum);
    tg_foreign_note(&foreign, getpid(), TG_OK, 900, &sum); /* a Python again, for nobody knows how long */
    assert_sum(&sum, 200, 1);
    assert_until(&foreign, 2000, 0, 0);
    tg_foreign_note(&foreign, sleeper, TG_ERROR_INVALID, 3000, &sum); /* and once more, the same process */
    tg_foreign_end(&foreign, 3400, &sum);
    assert_sum(&sum, 600, 1);
    tg_foreign_end(&foreign, 9000, &sum);
    assert_sum(&sum, 600, 1);
}

static void one_program_after_the_other(void **state) {
    (void)state;
    struct tg_foreign_time sum;
    struct tg_foreign foreign = leave(&sum);
    tg_foreign_note(&foreign, copier, TG_ERROR_INVALID, 400, &sum);
    assert_sum(&sum, 0, 1); /* the first was seen once */
    assert_until(&foreign, 500, 100, 0);
    tg_foreign_end(&foreign, 500, &sum);
    assert_sum(&sum, 100, 1);
}

static void a_python_that_begins_was_none(void **state) {
    (void)state;
    struct tg_foreign_time sum;
    struct tg_foreign foreign = leave(&sum);
    tg_foreign_note(&foreign, sleeper, TG_OK, 300, &sum); /* it was one all the time */
    assert_sum(&sum, 0, 0);
    assert_until(&foreign, 400, 0, 0);
    assert_false(tg_foreign_runs_another(&foreign, sleeper));
    assert_true(tg_foreign_runs_another(&foreign, copier));
    foreign = leave(&sum);
    tg_foreign_drop(&foreign);
    tg_foreign_end(&foreign, 400, &sum);
    assert_sum(&sum, 0, 0);
}

static void what_nobody_could_see_is_not_counted(void **state) {
    (void)state;
    struct tg_foreign_time sum;
    struct tg_foreign foreign = leave(&sum);
    tg_foreign_shift(&foreign, 1000);
    assert_until(&foreign, 1150, 50, 1);
    struct tg_foreign none = {.was_counted = false};
    tg_foreign_shift(&none, 1000);
    assert_until(&none, 5000, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_file_without_a_python_is_foreign),
        cmocka_unit_test(what_is_not_proven_is_not_foreign),
        cmocka_unit_test(it_ends_when_it_was_seen_last),
        cmocka_unit_test(one_program_after_the_other),
        cmocka_unit_test(a_python_that_begins_was_none),
        cmocka_unit_test(what_nobody_could_see_is_not_counted),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
