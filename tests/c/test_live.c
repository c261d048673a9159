#include "profile/live.h"
#include "profile/live_view.h"

#include "recording_fixture.h"

#include <pthread.h>
#include <semaphore.h>

#define SECOND INT64_C(1000000000)

static struct tg_live live;

static int set_up(void **state) {
    if (fixture_set_up_tracer(state) != 0) {
        return -1;
    }
    tg_live_init(&live, &(struct tg_live_options){.path_count = 0});
    return 0;
}

static int tear_down(void **state) {
    tg_live_release(&live);
    tg_live_release(&live);
    return fixture_tear_down(state);
}

/* A refresh one second after the one before. */
static void refresh(void) {
    struct tg_error err = TG_ERROR_INIT;
    tg_ns now = live.refreshed_monotonic_ns + SECOND;
    if (tg_live_refresh(&live, now, tg_clock_wall_ns(), &err) != TG_OK) {
        fail_msg("refresh: %s", err.message);
    }
}

static struct tg_live_view view_of(struct tg_live_query query) {
    struct tg_live_view view;
    assert_int_equal(tg_live_view_make(&view, &live, &query, NULL), TG_OK);
    return view;
}

/* A function's row, by value; all zero when there is none. */
static struct tg_live_row row_of(const char *name) {
    struct tg_live_view view = view_of((struct tg_live_query){.sort = TG_LIVE_SORT_SELF});
    struct tg_live_row found = {.name = NULL};
    for (size_t i = 0; i < view.row_count; i++) {
        if (strcmp(view.rows[i].name->text, name) == 0) {
            found = view.rows[i];
        }
    }
    tg_live_view_release(&view);
    return found;
}

static void assert_since(const char *name, uint64_t calls, uint64_t total_ns, uint64_t ever) {
    struct tg_live_row row = row_of(name);
    assert_non_null(row.name);
    assert_int_equal(row.since.call_count, calls);
    assert_int_equal(row.since.total_ns, total_ns);
    assert_int_equal(row.ever.call_count, ever);
}

static void differences_of_refreshes(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    fixture_call(f, 100);
    fixture_call(g, 50);
    refresh();
    assert_int_equal(live.interval_ns, 0);
    assert_since("m::f", 0, 0, 1); /* who knows since when */
    fixture_call(f, 1000);
    fixture_call(f, 3000);
    refresh();
    assert_int_equal(live.interval_ns, SECOND);
    assert_since("m::f", 2, 4000, 3);
    assert_since("m::g", 0, 0, 1);
    refresh();
    assert_since("m::f", 0, 0, 3);
    fixture_call(g, 7);
    fixture_call(fixture_function("m::new"), 9);
    refresh();
    assert_since("m::g", 1, 7, 2);
    assert_since("m::new", 1, 9, 1);
}

static void percentiles_are_of_the_interval(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    for (int i = 0; i < 500; i++) {
        fixture_call(f, 1000000);
    }
    refresh();
    for (int i = 0; i < 10; i++) {
        fixture_call(f, 1000);
    }
    refresh();
    uint64_t p99_ns = row_of("m::f").since_p99_ns;
    assert_in_range(p99_ns, 937, 1063); /* 6.25 % */
}

static void counts_errors_and_what_runs(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct tg_call call;
    refresh();
    tg_tracer_enter(&call, f, 0);
    refresh();
    struct tg_live_row row = row_of("m::f");
    assert_int_equal(row.ever.running_count, 1);
    assert_false(tg_live_row_is_idle(&row));
    tg_tracer_exit(&call, true);
    refresh();
    row = row_of("m::f");
    assert_int_equal(row.ever.running_count, 0);
    assert_int_equal(row.since.error_count, 1);
    refresh();
    row = row_of("m::f");
    assert_int_equal(row.since.error_count, 0);
    assert_int_equal(row.ever.error_count, 1);
    assert_true(tg_live_row_is_idle(&row));
}

/* A thread that calls a function once, and once more before it ends when it is let. */
struct worker {
    pthread_t thread;
    uint32_t function;
    sem_t called;
    sem_t may_end;
};

static void *work(void *context) {
    struct worker *worker = context;
    fixture_call(worker->function, 10);
    sem_post(&worker->called);
    sem_wait(&worker->may_end);
    fixture_call(worker->function, 10);
    return NULL;
}

static void start(struct worker *worker, uint32_t function) {
    worker->function = function;
    sem_init(&worker->called, 0, 0);
    sem_init(&worker->may_end, 0, 0);
    assert_int_equal(pthread_create(&worker->thread, NULL, work, worker), 0);
    sem_wait(&worker->called);
}

static void end(struct worker *worker) {
    sem_post(&worker->may_end);
    pthread_join(worker->thread, NULL);
    sem_destroy(&worker->called);
    sem_destroy(&worker->may_end);
}

static void threads_that_end_count_once(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct worker one;
    struct worker other;
    start(&one, f);
    start(&other, f);
    refresh();
    assert_since("m::f", 0, 0, 2);
    end(&one);
    refresh();
    assert_since("m::f", 1, 10, 3);
    start(&one, f); /* in the place of the one that ended */
    end(&other);
    refresh();
    assert_since("m::f", 2, 20, 5);
    struct tg_live_view view = view_of((struct tg_live_query){.group = TG_LIVE_THREADS, .sort = TG_LIVE_SORT_SELF});
    assert_int_equal(view.row_count, 2);
    for (size_t i = 0; i < view.row_count; i++) { /* each has one of the two calls: the new one, and those that ended */
        assert_int_equal(view.rows[i].since.call_count, 1);
        assert_int_equal(view.rows[i].ever.call_count, view.rows[i].thread_id ? 1 : 4);
    }
    tg_live_view_release(&view);
    end(&one);
    refresh();
    assert_since("m::f", 1, 10, 6);
    refresh();
    assert_since("m::f", 0, 0, 6);
}

static const struct tg_live_process *only_process(void) {
    assert_int_equal(live.process_count, 1);
    return live.processes[0];
}

static void a_process_that_ends_stays_until_its_recording_goes(void **state) {
    (void)state;
    char path[512];
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 10);
    refresh();
    assert_true(only_process()->alive);
    fixture_call(f, 20);
    fixture_find_recording(path, sizeof path, NULL);
    tg_tracer_close();
    refresh();
    assert_false(only_process()->alive);
    assert_false(tg_live_process_is_cut_off(only_process()));
    assert_since("m::f", 1, 20, 2); /* its last call has not been missed */
    refresh();
    assert_since("m::f", 0, 0, 2);
    assert_int_equal(truncate(path, 5000), 0);
    refresh();
    assert_false(only_process()->truncated); /* nobody has looked into it again */
    assert_since("m::f", 0, 0, 2);
    assert_int_equal(unlink(path), 0);
    refresh();
    assert_int_equal(live.process_count, 0);
}

static void a_process_that_ends_in_the_middle_of_a_call_was_cut_off(void **state) {
    (void)state;
    fixture_call(fixture_function("m::f"), 10);
    refresh();
    pid_t child = fork();
    if (child == 0) {
        struct tg_call call;
        tg_tracer_enter(&call, fixture_function("m::endless"), 0);
        raise(SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    refresh();
    assert_int_equal(live.process_count, 2);
    const struct tg_live_process *killed = live.processes[1];
    assert_int_equal(killed->pid, child);
    assert_false(killed->alive);
    assert_true(tg_live_process_is_cut_off(killed));
    assert_false(tg_live_process_is_cut_off(live.processes[0]));
}

static void what_began_after_the_first_refresh_counts_from_its_start(void **state) {
    (void)state;
    tg_tracer_close();
    refresh();
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    fixture_call(fixture_function("m::f"), 10);
    refresh();
    assert_since("m::f", 1, 10, 1);
}

static void what_ended_before_is_shown_where_nothing_lives(void **state) {
    (void)state;
    fixture_call(fixture_function("m::old"), 10);
    tg_tracer_close();
    refresh();
    assert_int_equal(live.process_count, 1);
    assert_since("m::old", 0, 0, 1);
    tg_live_release(&live);
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    fixture_call(fixture_function("m::new"), 10);
    refresh();
    assert_true(only_process()->alive);
    tg_live_release(&live);
    live.options.with_ended = true;
    refresh();
    assert_int_equal(live.process_count, 2);
}

static void a_recording_that_is_replaced_is_another_process(void **state) {
    (void)state;
    char first[512];
    char second[512];
    fixture_call(fixture_function("m::old"), 10);
    fixture_find_recording(first, sizeof first, NULL);
    refresh();
    tg_tracer_close();
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    fixture_call(fixture_function("m::new"), 10);
    fixture_find_recording(second, sizeof second, first);
    assert_int_equal(rename(second, first), 0);
    refresh();
    assert_true(only_process()->alive);
    assert_null(row_of("m::old").name);
    assert_since("m::new", 1, 10, 1);
}

static void ruins_are_left_out(void **state) {
    (void)state;
    char path[512];
    fixture_call(fixture_function("m::f"), 10);
    fixture_find_recording(path, sizeof path, NULL);
    tg_tracer_close();
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "ruined", 6, 0), 6);
    close(fd);
    refresh();
    assert_int_equal(live.process_count, 0);
}

static void a_name_that_is_no_recording_is_refused(void **state) {
    (void)state;
    const char *path = "/nowhere/to/be.tgr";
    struct tg_error err = TG_ERROR_INIT;
    live.options = (struct tg_live_options){.paths = &path, .path_count = 1};
    assert_int_equal(tg_live_refresh(&live, SECOND, SECOND, &err), TG_ERROR_NOT_FOUND);
    path = fixture_directory;
    fixture_call(fixture_function("m::f"), 10);
    refresh();
    assert_since("m::f", 0, 0, 1);
}

static void only_the_processes_asked_for(void **state) {
    (void)state;
    uint64_t pid = (uint64_t)getpid() + 1;
    live.options = (struct tg_live_options){.pids = &pid, .pid_count = 1};
    fixture_call(fixture_function("m::f"), 10);
    refresh();
    assert_int_equal(live.process_count, 0);
    pid--;
    refresh();
    assert_int_equal(live.process_count, 1);
}

int main(void) {
#define LIVE_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LIVE_TEST(differences_of_refreshes),
        LIVE_TEST(percentiles_are_of_the_interval),
        LIVE_TEST(counts_errors_and_what_runs),
        LIVE_TEST(threads_that_end_count_once),
        LIVE_TEST(a_process_that_ends_stays_until_its_recording_goes),
        LIVE_TEST(a_process_that_ends_in_the_middle_of_a_call_was_cut_off),
        LIVE_TEST(what_began_after_the_first_refresh_counts_from_its_start),
        LIVE_TEST(what_ended_before_is_shown_where_nothing_lives),
        LIVE_TEST(a_recording_that_is_replaced_is_another_process),
        LIVE_TEST(ruins_are_left_out),
        LIVE_TEST(a_name_that_is_no_recording_is_refused),
        LIVE_TEST(only_the_processes_asked_for),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
