/*
 * Fork: the child has figures of its own, the parent notices nothing, and a parent's death is seen in spite of
 * children.
 */
#include "recording_fixture.h"

#include <pthread.h>
#include <signal.h>

/* In a child, where cmocka's assertions would run the rest of the tests twice. */
static void require(bool holds, int number) {
    if (!holds) {
        _exit(number);
    }
}

static uint64_t calls_of(const char *name) {
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
    uint64_t calls = row ? row->measures.call_count : 0;
    tg_snapshot_release(&snapshot);
    return calls;
}

static void own_path(char *path, size_t size) {
    const struct tg_recording *recording = tg_tracer_hold();
    snprintf(path, size, "%s", recording ? recording->path : "");
    tg_tracer_let_go();
}

static void a_child_starts_at_nothing(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    fixture_call(f, 10);
    fixture_call(f, 10);
    char parents[640];
    own_path(parents, sizeof parents);
    pid_t child = fork_for_test();
    if (child == 0) {
        require(tg_tracer_is_open(), 1);
        require(tg_tracer_hold() == NULL, 2); /* not before its first call */
        tg_tracer_let_go();
        require(fixture_function("m::g") == g, 3);
        uint32_t h = fixture_function("m::h");
        fixture_call(g, 30);
        fixture_call(h, 50);
        require(calls_of("m::f") == 0, 4);
        require(calls_of("m::g") == 1, 5);
        require(calls_of("m::h") == 1, 6);
        const struct tg_recording *recording = tg_tracer_hold();
        require(recording->header->pid == (uint64_t)getpid(), 7);
        require(recording->header->parent_pid == (uint64_t)getppid(), 8);
        require(strcmp(recording->path, parents) != 0 && recording->path[0] == '/', 9);
        require(access(parents, F_OK) == 0, 10);
        tg_tracer_let_go();
        _exit(0);
    }
    fixture_expect_success(child);
    assert_int_equal(calls_of("m::f"), 2);
    assert_int_equal(calls_of("m::g"), 0);
    assert_int_equal(calls_of("m::h"), 0);
    fixture_call(f, 10);
    assert_int_equal(calls_of("m::f"), 3);
    char path[512]; /* what the child has left */
    fixture_find_recording(path, sizeof path, parents);
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_false(reader.alive);
    tg_reader_close(&reader);
    assert_int_equal(tg_reader_open(&reader, parents, NULL), TG_OK);
    assert_true(reader.alive);
    tg_reader_close(&reader);
}

static void a_child_that_makes_no_call_makes_no_recording(void **state) {
    (void)state;
    fixture_call(fixture_function("m::f"), 10);
    char parents[640];
    own_path(parents, sizeof parents);
    pid_t child = fork_for_test();
    if (child == 0) {
        fixture_function("m::child");
        _exit(0);
    }
    fixture_expect_success(child);
    char path[512];
    fixture_find_recording(path, sizeof path, parents);
    assert_string_equal(path, "");
}

static void a_child_of_one_that_is_alone_makes_none(void **state) {
    (void)state;
    fixture_open_with((struct tg_tracer_options){.alone = true});
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 10);
    char parents[640];
    own_path(parents, sizeof parents);
    pid_t child = fork_for_test();
    if (child == 0) {
        fixture_call(f, 10);
        fixture_call(fixture_function("m::child"), 10);
        require(!tg_tracer_is_open(), 1);
        _exit(0);
    }
    fixture_expect_success(child);
    char path[512];
    fixture_find_recording(path, sizeof path, parents);
    assert_string_equal(path, "");
    assert_int_equal(calls_of("m::f"), 1);
}

static void inherited_calls_record_nothing(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    struct tg_call active;
    struct tg_call top;
    struct tg_call paused;
    struct tg_call lonely;
    tg_tracer_enter(&active, f, 0);
    tg_tracer_enter(&paused, f, 0);
    tg_tracer_pause(&paused);
    tg_tracer_enter(&lonely, f, 0);
    tg_tracer_pause(&lonely);
    tg_tracer_enter(&top, f, 0);
    pid_t child = fork_for_test();
    if (child == 0) {
        tg_tracer_exit(&top, false); /* before this process has made a call */
        fixture_call(g, 10);
        tg_tracer_resume(&paused, 0);
        tg_tracer_pause(&active);
        tg_tracer_resume(&active, 0);
        fixture_call(g, 10);
        tg_tracer_exit(&paused, true);
        tg_tracer_exit(&active, false);
        tg_tracer_exit(&lonely, false);
        struct tg_snapshot snapshot = fixture_snapshot(false);
        require(snapshot.row_count == 1 && snapshot.rows[0].function == g, 1);
        require(snapshot.rows[0].measures.call_count == 2, 2);
        require(snapshot.rows[0].measures.cumulative_ns == 20, 3);
        require(snapshot.unrecorded_call_count == 0, 4);
        _exit(0);
    }
    fixture_expect_success(child);
    tg_tracer_exit(&top, false);
    tg_tracer_exit(&active, false);
    tg_tracer_exit(&paused, false);
    tg_tracer_exit(&lonely, false);
    assert_int_equal(calls_of("m::f"), 4);
    assert_int_equal(fixture_figures("m::f").running_count, 0);
}

static void *call_once(void *function) {
    fixture_call(*(const uint32_t *)function, 10);
    return NULL;
}

static void a_child_has_threads_of_its_own(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, call_once, &f), 0); /* leaves an entry for the next one */
    pthread_join(thread, NULL);
    pid_t child = fork_for_test();
    if (child == 0) {
        fixture_call(f, 10);
        for (int i = 0; i < 3; i++) {
            require(pthread_create(&thread, NULL, call_once, &f) == 0, 1);
            pthread_join(thread, NULL);
        }
        struct tg_snapshot snapshot = fixture_snapshot(true);
        require(snapshot.thread_count == 3, 2);
        require(snapshot.row_count == 2, 3);
        for (size_t i = 0; i < 2; i++) {
            bool ended = snapshot.rows[i].thread == TG_ENDED_THREADS;
            require(snapshot.rows[i].measures.call_count == (ended ? 3 : 1), 4);
        }
        _exit(0);
    }
    fixture_expect_success(child);
    assert_int_equal(calls_of("m::f"), 1);
}

static void grandchildren_have_their_own(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    for (int calls_first = 0; calls_first < 2; calls_first++) {
        pid_t child = fork_for_test();
        if (child == 0) {
            if (calls_first) {
                fixture_call(f, 10);
            }
            pid_t grandchild = fork_for_test();
            if (grandchild == 0) {
                fixture_call(f, 10);
                fixture_call(f, 10);
                _exit(calls_of("m::f") == 2 ? 0 : 1);
            }
            int status = 0;
            waitpid(grandchild, &status, 0);
            require(status == 0, 2);
            fixture_call(f, 10);
            _exit(calls_of("m::f") == 1 + (uint64_t)calls_first ? 0 : 3);
        }
        fixture_expect_success(child);
    }
    assert_int_equal(calls_of("m::f"), 0);
}

/* ---- with threads ---- */

static atomic_bool stop;

static void *call_on(void *argument) {
    uint64_t *calls = argument;
    char name[40];
    while (!atomic_load(&stop)) {
        fixture_call(1, 1);
        ++*calls;
        if (*calls % 2 == 0) { /* also what takes the tracer's lock */
            snprintf(name, sizeof name, "m::new%llu", (unsigned long long)(*calls % 4096));
            fixture_function(name);
        }
    }
    return NULL;
}

static void *one_call(void *unused) {
    fixture_call(2, 1);
    return unused;
}

static void *come_and_go(void *argument) {
    uint64_t *calls = argument;
    while (!atomic_load(&stop)) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, one_call, NULL) == 0) {
            pthread_join(thread, NULL);
            ++*calls;
        }
    }
    return NULL;
}

static void storm(void) {
    enum { ROUNDS = 60, AT_ONCE = 4 };
    for (int round = 0; round < ROUNDS; round++) {
        pid_t children[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            children[i] = fork_for_test();
            assert_true(children[i] >= 0);
            if (children[i] == 0) {
                alarm(20);
                for (int k = 0; k < 10 * i; k++) {
                    fixture_call(1, 1);
                }
                if (i == 0) {
                    _exit(0);
                }
                require(calls_of("m::shared") == 10 * (uint64_t)i, 1);
                require(calls_of("m::once") == 0, 2);
                unlink(tg_tracer_hold()->path);
                _exit(0);
            }
        }
        for (int i = 0; i < AT_ONCE; i++) {
            fixture_expect_success(children[i]);
        }
    }
}

static void a_storm_of_forks_during_traffic(void **state) {
    (void)state;
    assert_int_equal(fixture_function("m::shared"), 1);
    assert_int_equal(fixture_function("m::once"), 2);
    atomic_store(&stop, false);
    uint64_t calls[4] = {0};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? call_on : come_and_go, &calls[i]), 0);
    }
    storm();
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(calls_of("m::shared"), calls[0] + calls[1]);
    assert_int_equal(calls_of("m::once"), calls[2] + calls[3]);
    assert_true(calls[0] > 0 && calls[2] > 0);
}

/* ---- liveness ---- */

static bool is_alive(const char *path) {
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    bool alive = reader.alive;
    tg_reader_close(&reader);
    return alive;
}

static bool is_of_process(const char *path, pid_t pid) {
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    bool is_its = reader.header->pid == (uint64_t)pid;
    tg_reader_close(&reader);
    return is_its;
}

static void wait_for_byte(int fd) {
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
}

/* The child's children outlive it: one makes no recording, the other makes its own. */
static void run_with_heirs(int ready, int keep) {
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 10);
    for (int i = 0; i < 2; i++) {
        if (fork_for_test() == 0) {
            if (i == 1) {
                fixture_call(f, 10);
            }
            require(write(ready, "h", 1) == 1, 1);
            char byte;
            _exit((int)read(keep, &byte, 1)); /* until the test closes its end */
        }
    }
    require(write(ready, "p", 1) == 1, 1);
    pause();
}

static void heirs_do_not_keep_a_recording_alive(void **state) {
    (void)state;
    if (getenv("MESON_EXE_WRAPPER")) {
        skip(); /* qemu keeps MADV_DONTFORK from the kernel, so that heirs keep the mapping and its lock */
    }
    int ready[2];
    int keep[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(keep), 0);
    pid_t child = fork_for_test();
    if (child == 0) {
        close(keep[1]);
        run_with_heirs(ready[1], keep[0]);
        _exit(1);
    }
    for (int i = 0; i < 3; i++) {
        wait_for_byte(ready[0]);
    }
    char first[512];
    char second[512];
    fixture_find_recording(first, sizeof first, NULL);
    fixture_find_recording(second, sizeof second, first);
    assert_true(is_alive(first));
    assert_true(is_alive(second));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(is_alive(first), !is_of_process(first, child));
    assert_int_equal(is_alive(second), !is_of_process(second, child));
    assert_int_not_equal(is_alive(first), is_alive(second));
    close(keep[1]);
    close(keep[0]);
    close(ready[0]);
    close(ready[1]);
}

/* A child without a file of its own counts for itself alone; its parent's recording says that there is one. */
static void a_child_without_space_is_counted(void **state) {
    (void)state;
    fixture_call(fixture_function("m::f"), 10);
    for (int i = 1; i <= 3; i++) {
        pid_t child = fork_for_test();
        if (child == 0) {
            setenv("TACHOGRAPH_RUNTIME_DIR", i < 3 ? "/dev/null/nowhere" : fixture_directory, 1);
            fixture_call(fixture_function("m::g"), 10);
            require(calls_of("m::g") == 1, 1);
            fixture_call(fixture_function("m::g"), 10);
            require(calls_of("m::g") == 2, 2);
            _exit(0);
        }
        fixture_expect_success(child);
    }
    const struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    assert_int_equal(header->lost_children, 2);
}

static void a_description_reaches_the_children(void **state) {
    (void)state;
    fixture_call(fixture_function("m::f"), 10);
    tg_tracer_describe(&(struct tg_tracer_description){
        .service = "shop", .service_version = "2", .store_url = "sqlite:///a.db", .interval_ns = 7});
    tg_tracer_describe(&(struct tg_tracer_description){.service_version = "3", .interval_ns = 8});
    pid_t child = fork_for_test();
    if (child == 0) {
        fixture_call(fixture_function("m::g"), 10);
        const struct tg_header *header = tg_tracer_hold()->header;
        tg_tracer_let_go();
        require(strcmp(header->service, "shop") == 0 && strcmp(header->service_version, "3") == 0, 1);
        require(strcmp(header->store_url, "sqlite:///a.db") == 0, 2);
        require(header->interval_ns == 8, 3);
        _exit(0);
    }
    fixture_expect_success(child);
    const struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    assert_string_equal(header->service, "shop");
    assert_string_equal(header->store_url, "sqlite:///a.db");
}

int main(void) {
#define WITH_TRACER(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up_tracer, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(heirs_do_not_keep_a_recording_alive, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(a_child_of_one_that_is_alone_makes_none, fixture_set_up, fixture_tear_down),
        WITH_TRACER(a_child_starts_at_nothing),
        WITH_TRACER(a_child_that_makes_no_call_makes_no_recording),
        WITH_TRACER(inherited_calls_record_nothing),
        WITH_TRACER(a_child_has_threads_of_its_own),
        WITH_TRACER(grandchildren_have_their_own),
        WITH_TRACER(a_storm_of_forks_during_traffic),
        WITH_TRACER(a_child_without_space_is_counted),
        WITH_TRACER(a_description_reaches_the_children),
    };
    return cmocka_run_group_tests_name("tracer_fork", tests, NULL, NULL);
}
