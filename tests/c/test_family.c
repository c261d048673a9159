/*
 * What a family tells of its members, with a sampler of our own in place of the real one: processes are real, and this
 * program is the only one that has a "Python" in it.
 */
#include "sample/family.h"

#include "cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS      INT64_C(1000000)
#define RATE_HZ 1000
/* Longer than a member may be unreadable before it is opened anew (family.c), and than a shell takes to begin. */
#define LONG_NS (500 * MS)

/* --- The sampler --- */

static bool is_blind;          /* nobody can be read, as if he were about to end */
static const char *refused;    /* who runs that can never be sampled */
static const char *python;     /* who runs that, can be, too */
static tg_ns slow_ns;          /* what a look takes */
static unsigned opening_count; /* that did well */

static bool are_one_file(const char *one, const char *two) {
    struct stat of_one, of_two;
    return stat(one, &of_one) == 0 && stat(two, &of_two) == 0 && of_one.st_ino == of_two.st_ino
           && of_one.st_dev == of_two.st_dev;
}

static bool runs(pid_t pid, const char *path) {
    char exe[32];
    snprintf(exe, sizeof exe, "/proc/%ld/exe", (long)pid);
    return are_one_file(exe, path);
}

enum tg_status tg_sampler_open(struct tg_sampler *sampler, pid_t pid, const struct tg_sampler_options *options,
                               struct tg_symbols *symbols, struct tg_error *err) {
    (void)symbols;
    *sampler = (struct tg_sampler){.options = *options, .process = {.pid = pid}};
    if (runs(pid, "/proc/self/exe") || (python && runs(pid, python))) {
        opening_count++;
        return TG_OK;
    }
    return refused && runs(pid, refused) ? tg_error_set(err, TG_ERROR_UNSUPPORTED, "it runs PyPy")
                                         : tg_error_set(err, TG_ERROR_INVALID, "it runs no Python");
}

void tg_sampler_close(struct tg_sampler *sampler) {
    (void)sampler;
}

static void rest(tg_ns ns) {
    struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&left, NULL);
}

bool tg_sampler_tick(struct tg_sampler *sampler, tg_ns now_ns, tg_ns wall_ns, tg_ns late_ns) {
    (void)late_ns;
    if (is_blind || !runs(sampler->process.pid, "/proc/self/exe")) {
        return false;
    }
    struct tg_sample sample = {.at_ns = now_ns, .wall_ns = wall_ns};
    sampler->options.sink(sampler->options.sink_context, &sample);
    rest(slow_ns);
    return true;
}

tg_ns tg_sampler_settle(struct tg_sampler *sampler, tg_ns due_ns) {
    (void)sampler;
    return due_ns;
}

struct tg_sampler_quality tg_sampler_quality(const struct tg_sampler *sampler) {
    (void)sampler;
    return (struct tg_sampler_quality){.tick_count = 0};
}

/* --- The processes --- */

static struct tg_family family;
static struct tg_symbols symbols;
static pid_t children[2];
static int to_children[2]; /* their standard input */
static tg_ns worked_ns[2]; /* of a thread that always does, of each child */

static void take(void *context, pid_t pid, const struct tg_sample *sample) {
    (void)context;
    worked_ns[pid == children[1]] += sample->wall_ns;
}

/* One that is this program, until it is told to execute a line of the shell. */
static pid_t start_child(int *to_child, const char *line) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]);
        dup2(ends[0], STDIN_FILENO);
        if (read(STDIN_FILENO, &byte, 1) == 1) {
            execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        }
        _exit(99);
    }
    close(ends[0]);
    *to_child = ends[1];
    return pid;
}

static int begin(void **state) {
    (void)state;
    struct tg_family_options options = {.rate_hz = RATE_HZ, .no_bpf = true, .sink = take};
    is_blind = false;
    refused = python = NULL;
    slow_ns = opening_count = 0;
    memset(worked_ns, 0, sizeof worked_ns);
    memset(children, 0, sizeof children);
    return tg_family_init(&family, &options, &symbols, NULL) == TG_OK ? 0 : -1;
}

static void hang_up(size_t i) {
    if (to_children[i] >= 0) {
        close(to_children[i]);
        to_children[i] = -1;
    }
}

static int end(void **state) {
    (void)state;
    tg_family_release(&family);
    for (size_t i = 0; i < 2; i++) {
        if (children[i] > 0) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
            hang_up(i);
        }
    }
    return 0;
}

static void add_child(size_t i, const char *line) {
    children[i] = start_child(&to_children[i], line);
    assert_int_equal(tg_family_add(&family, children[i], NULL), TG_OK);
}

static void tell(size_t i) {
    assert_int_equal(write(to_children[i], "", 1), 1);
}

static enum tg_sampler_ending run_for(tg_ns ns) {
    return tg_family_run(&family, tg_clock_monotonic_ns() + ns);
}

static struct tg_foreign_time foreign(void) {
    return tg_family_foreign(&family, tg_clock_monotonic_ns());
}

/* Runs until it is known how a process has gone on, and no longer than takes a machine that is busy. */
static void run_until_foreign(uint64_t process_count) {
    for (int i = 0; i < 1000 && foreign().process_count < process_count; i++) {
        run_for(20 * MS);
    }
    assert_int_equal(foreign().process_count, process_count);
}

static void run_until_opened(unsigned count) {
    for (int i = 0; i < 1000 && opening_count < count; i++) {
        run_for(20 * MS);
    }
    assert_int_equal(opening_count, count);
}

/* --- The tests --- */

static void what_a_member_has_executed_is_counted(void **state) {
    (void)state;
    add_child(0, "exec sleep 60");
    run_for(50 * MS);
    assert_int_equal(foreign().total_ns, 0);
    tell(0);
    tg_ns told_ns = tg_clock_monotonic_ns();
    run_until_foreign(1);
    run_for(LONG_NS);
    assert_in_range(foreign().total_ns, LONG_NS, tg_clock_monotonic_ns() - told_ns);
    kill(children[0], SIGKILL);
    assert_int_equal(tg_family_run(&family, 0), TG_SAMPLER_EXITED);
    tg_ns total_ns = foreign().total_ns;
    assert_in_range(total_ns, LONG_NS, tg_clock_monotonic_ns() - told_ns);
    rest(10 * MS);
    assert_int_equal(foreign().total_ns, total_ns); /* it is over */
    assert_int_equal(foreign().process_count, 1);
}

static void what_cannot_be_read_is_not_taken_for_another_program(void **state) {
    (void)state;
    add_child(0, "exit");
    is_blind = true;
    run_until_opened(2); /* after it was unreadable for so long that it is looked at anew */
    assert_int_equal(foreign().total_ns, 0);
    is_blind = false;
    run_for(20 * MS);
    assert_int_equal(foreign().process_count, 0);
}

static void what_was_executed_stays_counted_when_it_executes_a_python(void **state) {
    (void)state;
    char line[600], own[512];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_in_range(length, 1, sizeof own - 2);
    own[length] = '\0';
    snprintf(line, sizeof line, "sleep 0.5; exec '%s' wait", own);
    add_child(0, line);
    run_for(20 * MS);
    tell(0);
    tg_ns told_ns = tg_clock_monotonic_ns();
    run_until_opened(2);
    tg_ns total_ns = foreign().total_ns;
    assert_in_range(total_ns, 200 * MS, tg_clock_monotonic_ns() - told_ns);
    assert_int_equal(foreign().process_count, 1);
    run_for(50 * MS);
    assert_int_equal(foreign().total_ns, total_ns); /* it is a Python again */
}

static void what_can_never_be_sampled_is_told_and_was_no_foreign_program(void **state) {
    (void)state;
    add_child(0, "read nothing");
    run_for(20 * MS);
    tell(0);
    run_until_foreign(1); /* as long as it looks like one that has no Python */
    assert_int_equal(family.refused_count, 0);
    refused = "/bin/sh";
    assert_int_equal(tg_family_run(&family, 0), TG_SAMPLER_EXITED);
    assert_int_equal(family.refused_count, 1);
    assert_string_equal(family.refusal.message, "it runs PyPy");
    assert_int_equal(foreign().total_ns, 0);
}

static void who_is_refused_is_counted_once_and_may_become_a_python(void **state) {
    (void)state;
    family.options.follows = true; /* he may start some that can be sampled */
    add_child(0, "read nothing");
    refused = "/bin/sh";
    tell(0);
    for (int i = 0; i < 1000 && family.refused_count == 0; i++) {
        run_for(20 * MS);
    }
    assert_int_equal(run_for(LONG_NS), TG_SAMPLER_GOES_ON);
    assert_int_equal(family.refused_count, 1);
    python = "/bin/sh";
    run_until_opened(2);
    assert_int_equal(family.refused_count, 1);
}

static void what_runs_in_place_of_a_python_has_a_name(void **state) {
    (void)state;
    children[0] = start_child(&to_children[0], "exec sleep 60");
    tell(0);
    while (runs(children[0], "/proc/self/exe")) {
        rest(MS);
    }
    assert_int_equal(tg_family_expect(&family, children[0], NULL), TG_OK);
    for (int i = 0; i < 1000 && strcmp(family.ran, "sleep") != 0; i++) {
        run_for(20 * MS);
    }
    assert_string_equal(family.ran, "sleep");
    python = "/bin/sleep";
    run_until_opened(1);
    assert_string_equal(family.ran, "");
}

static void a_python_that_takes_long_to_begin_was_no_foreign_program(void **state) {
    (void)state;
    add_child(0, "read nothing");
    run_for(20 * MS);
    tell(0);
    run_until_foreign(1);
    python = "/bin/sh";
    run_until_opened(2);
    assert_int_equal(foreign().total_ns, 0);
    assert_int_equal(foreign().process_count, 0);
}

static void what_was_executed_stays_counted_when_it_is_given_up(void **state) {
    (void)state;
    add_child(0, "read nothing; exec sleep 60");
    refused = "/bin/sleep"; /* some have it in one file with sh: then nothing is foreign, and the test is void */
    if (are_one_file("/bin/sh", refused)) {
        skip();
    }
    run_for(20 * MS);
    tell(0);
    run_until_foreign(1);
    run_for(LONG_NS);
    hang_up(0);
    assert_int_equal(tg_family_run(&family, 0), TG_SAMPLER_EXITED);
    assert_int_equal(family.refused_count, 1);
    assert_in_range(foreign().total_ns, 200 * MS, 60000 * MS);
    assert_int_equal(foreign().process_count, 1);
}

static void time_in_which_we_were_suspended_is_not_counted(void **state) {
    (void)state;
    add_child(0, "exec sleep 60");
    run_for(20 * MS);
    tell(0);
    run_until_foreign(1);
    tg_ns before_ns = foreign().total_ns;
    rest(LONG_NS);
    tg_family_resumed(&family); /* as SIGCONT would */
    tg_ns resumed_ns = tg_clock_monotonic_ns();
    run_for(20 * MS);
    tg_ns after_ns = tg_clock_monotonic_ns() - resumed_ns;
    assert_in_range(foreign().total_ns, before_ns, before_ns + after_ns + 100 * MS);
    assert_in_range(family.suspended_ns, LONG_NS - 100 * MS, LONG_NS + after_ns);
}

static void processes_are_counted_once(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        add_child(i, "exec sleep 60");
    }
    run_for(20 * MS);
    for (size_t i = 0; i < 2; i++) {
        tell(i);
        run_until_foreign(i + 1);
    }
    run_for(20 * MS);
    assert_int_equal(foreign().process_count, 2);
}

static void looks_that_fell_out_are_not_watched(void **state) {
    (void)state;
    add_child(0, "exit");
    slow_ns = 10 * MS; /* ten times as long as there is time for */
    tg_ns began_ns = tg_clock_monotonic_ns();
    run_for(300 * MS);
    struct tg_sampler_quality quality = tg_family_quality(&family);
    assert_int_equal(quality.watched_ns, worked_ns[0]);
    assert_in_range(quality.watched_ns, 1, (tg_clock_monotonic_ns() - began_ns) / 2);
    assert_in_range(quality.missed_count, 100, 100000);
}

static void a_time_is_watched_once_however_many_are(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        add_child(i, "exec sleep 60");
    }
    tg_ns began_ns = tg_clock_monotonic_ns();
    run_for(100 * MS);
    tg_ns watched_ns = tg_family_quality(&family).watched_ns;
    assert_int_equal(watched_ns, worked_ns[0]);
    assert_int_equal(watched_ns, worked_ns[1]);
    assert_in_range(watched_ns, 1, tg_clock_monotonic_ns() - began_ns + 10 * MS);
    tell(1);
    run_until_foreign(1);
    assert_int_equal(tg_family_quality(&family).watched_ns, worked_ns[0]); /* the other one was read */
    is_blind = true;
    watched_ns = worked_ns[0];
    run_for(50 * MS);
    assert_int_equal(tg_family_quality(&family).watched_ns, watched_ns);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "wait") == 0) { /* a child that has become this program again */
        rest(60000 * MS);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_member_has_executed_is_counted, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_taken_for_another_program, begin, end),
        cmocka_unit_test_setup_teardown(what_was_executed_stays_counted_when_it_executes_a_python, begin, end),
        cmocka_unit_test_setup_teardown(what_can_never_be_sampled_is_told_and_was_no_foreign_program, begin, end),
        cmocka_unit_test_setup_teardown(who_is_refused_is_counted_once_and_may_become_a_python, begin, end),
        cmocka_unit_test_setup_teardown(what_runs_in_place_of_a_python_has_a_name, begin, end),
        cmocka_unit_test_setup_teardown(a_python_that_takes_long_to_begin_was_no_foreign_program, begin, end),
        cmocka_unit_test_setup_teardown(what_was_executed_stays_counted_when_it_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(time_in_which_we_were_suspended_is_not_counted, begin, end),
        cmocka_unit_test_setup_teardown(processes_are_counted_once, begin, end),
        cmocka_unit_test_setup_teardown(looks_that_fell_out_are_not_watched, begin, end),
        cmocka_unit_test_setup_teardown(a_time_is_watched_once_however_many_are, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
