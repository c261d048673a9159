/*
 * Many threads, threads that end, and programs that are killed: no count is lost or doubled.
 */
#include "recording_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#if defined(__SANITIZE_THREAD__)
#define REDUCED(COUNT) ((COUNT) / 10)
#else
#define REDUCED(COUNT) (COUNT)
#endif

enum { FUNCTIONS = 8 };

static uint32_t functions[FUNCTIONS];

static void name_functions(void) {
    char name[32];
    for (int i = 0; i < FUNCTIONS; i++) {
        snprintf(name, sizeof name, "m::f%d", i);
        functions[i] = fixture_function(name);
    }
}

static pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

/* ---- counts ---- */

enum { THREADS = 8, CALLS = REDUCED(200000) };

static pthread_barrier_t recorded;
static pthread_barrier_t looked_at;

static void *call_many(void *unused) {
    (void)unused;
    for (int i = 0; i < CALLS; i++) {
        struct tg_call call;
        struct tg_call inner;
        tg_tracer_enter(&call, functions[0], 0);
        if (i % 4 == 0) {
            tg_tracer_enter(&inner, functions[1 + i % 3], 0);
            tg_tracer_exit(&inner, i % 8 == 0);
        }
        tg_tracer_exit(&call, false);
    }
    pthread_barrier_wait(&recorded);
    pthread_barrier_wait(&looked_at);
    return NULL;
}

static void assert_counts(uint64_t times) {
    assert_int_equal(fixture_figures("m::f0").call_count, times * CALLS);
    uint64_t inner = 0;
    uint64_t errors = 0;
    for (int i = 1; i <= 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "m::f%d", i);
        inner += fixture_figures(name).call_count;
        errors += fixture_figures(name).error_count;
        assert_int_equal(fixture_figures(name).running_count, 0);
    }
    assert_int_equal(inner, times * CALLS / 4);
    assert_int_equal(errors, times * CALLS / 8);
}

static void assert_histogram_is_whole(const char *name) {
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
    assert_non_null(row);
    assert_int_equal(tg_histogram_count(row->measures.histogram), row->measures.call_count);
    tg_snapshot_release(&snapshot);
}

static void counts_are_exact_over_threads(void **state) {
    (void)state;
    name_functions();
    pthread_barrier_init(&recorded, NULL, THREADS + 1);
    pthread_barrier_init(&looked_at, NULL, THREADS + 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        threads[i] = start(call_many, NULL);
    }
    pthread_barrier_wait(&recorded);
    assert_counts(THREADS);
    struct tg_snapshot snapshot = fixture_snapshot(true);
    int rows = 0;
    for (size_t i = 0; i < snapshot.row_count; i++) {
        if (snapshot.rows[i].function == functions[0]) {
            assert_int_equal(snapshot.rows[i].measures.call_count, CALLS);
            assert_int_not_equal(snapshot.rows[i].thread, TG_ENDED_THREADS);
            assert_int_not_equal(snapshot.threads[snapshot.rows[i].thread].native_id, 0);
            rows++;
        }
    }
    assert_int_equal(rows, THREADS);
    tg_snapshot_release(&snapshot);
    pthread_barrier_wait(&looked_at);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_counts(THREADS); /* the same after all have ended */
    assert_histogram_is_whole("m::f0");
    snapshot = fixture_snapshot(true);
    for (size_t i = 0; i < snapshot.row_count; i++) {
        assert_int_equal(snapshot.rows[i].thread, TG_ENDED_THREADS);
    }
    assert_int_equal(snapshot.threads[TG_ENDED_THREADS].native_id, 0);
    assert_string_equal(snapshot.threads[TG_ENDED_THREADS].name, "(ended threads)");
    tg_snapshot_release(&snapshot);
    pthread_barrier_destroy(&recorded);
    pthread_barrier_destroy(&looked_at);
}

/* ---- threads that end ---- */

static void *call_once_each(void *argument) {
    uint64_t ns = (uint64_t)(uintptr_t)argument;
    for (int i = 0; i < FUNCTIONS; i++) {
        fixture_call(functions[i], ns);
    }
    return NULL;
}

static uint64_t used_bytes(void) {
    uint64_t bytes = tg_tracer_hold()->header->used_bytes;
    tg_tracer_let_go();
    return bytes;
}

/* Everything of an ended thread is in the sum: times, extremes by epoch, the call that ended last, the histogram. */
static void figures_move_to_the_ended_threads(void **state) {
    (void)state;
    name_functions();
    _Atomic uint32_t *epoch = &tg_tracer_hold()->header->epoch;
    tg_tracer_let_go();
    static const uint64_t durations[] = {50, 20, 9000, 70};
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(start(call_once_each, (void *)(uintptr_t)durations[i]), NULL);
        sum += durations[i];
        struct tg_measures figures = fixture_figures("m::f3");
        assert_int_equal(figures.call_count, i + 1);
        assert_int_equal(figures.total_ns, sum);
        assert_int_equal(figures.self_ns, sum);
        assert_int_equal(figures.cumulative_ns, sum);
        assert_int_equal(figures.active_ns, sum);
        assert_int_equal(figures.last_ns, durations[i]);
        assert_int_equal(figures.minimum_ns, i ? 20 : 50);
        assert_int_equal(figures.maximum_ns, i > 1 ? 9000 : 50);
        assert_histogram_is_whole("m::f3");
        *epoch += (uint32_t)i;
    }
    struct tg_snapshot snapshot = fixture_snapshot(false);
    struct tg_measures *measures = &snapshot.rows[3].measures;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(measures->histogram->counts[tg_histogram_index(durations[i])], 1);
    }
    tg_snapshot_release(&snapshot);
}

static void *call_once(void *function) {
    fixture_call(*(const uint32_t *)function, 25000);
    return NULL;
}

/* The block of a function's old sum is the next function's sum, and has buckets before it has a second call. */
static void a_first_call_is_in_the_histogram_of_a_block_used_before(void **state) {
    (void)state;
    name_functions();
    for (int i = 0; i < 3; i++) {
        pthread_join(start(call_once, &functions[0]), NULL);
        assert_histogram_is_whole("m::f0");
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(start(call_once, &functions[1]), NULL);
        assert_histogram_is_whole("m::f1");
    }
}

static const struct tg_counters *block_of_ended(uint32_t function) {
    const struct tg_recording *recording = tg_tracer_hold();
    tg_tracer_let_go();
    const tg_place *threads = tg_recording_at(recording, recording->header->thread_chunks[0]);
    const struct tg_thread_entry *ended = tg_recording_at(recording, threads[0]);
    const tg_place *blocks = tg_recording_at(recording, ended->counters_chunks[function / TG_COUNTERS_CHUNK]);
    return tg_recording_at(recording, blocks[function % TG_COUNTERS_CHUNK]);
}

/* The slots of an ended thread's extremes keep their epochs. */
static void extremes_move_with_their_epochs(void **state) {
    (void)state;
    name_functions();
    _Atomic uint32_t *epoch = &tg_tracer_hold()->header->epoch;
    tg_tracer_let_go();
    *epoch = 6;
    pthread_join(start(call_once_each, (void *)50), NULL);
    *epoch = 7;
    pthread_join(start(call_once_each, (void *)70), NULL);
    assert_int_equal(block_of_ended(functions[0])->minimum_ns[0], 50);
    assert_int_equal(block_of_ended(functions[0])->minimum_ns[1], 70);
    assert_true(block_of_ended(functions[0])->lifetime_minimum_ns == UINT64_MAX);
    *epoch = 8;
    pthread_join(start(call_once_each, (void *)60), NULL);
    const struct tg_counters *block = block_of_ended(functions[0]);
    assert_int_equal(block->epoch, 8);
    assert_int_equal(block->minimum_ns[0], 60);
    assert_int_equal(block->minimum_ns[1], 70);
    assert_int_equal(block->lifetime_minimum_ns, 50);
    assert_int_equal(block->lifetime_maximum_ns, 50);
    *epoch = 20;
    pthread_join(start(call_once_each, (void *)10), NULL);
    block = block_of_ended(functions[0]);
    assert_int_equal(block->minimum_ns[0], 10);
    assert_true(block->minimum_ns[1] == UINT64_MAX);
    assert_int_equal(block->lifetime_maximum_ns, 70);
}

static void *call_twice_each(void *argument) {
    call_once_each(argument);
    return call_once_each(argument);
}

/* Without end, in bounded space. */
static void thread_blocks_are_used_again(void **state) {
    (void)state;
    name_functions();
    enum { TOTAL = REDUCED(10000), AT_ONCE = 4 };
    uint64_t bytes = 0;
    uint64_t calls = 0;
    for (int i = 0; i < TOTAL; i += AT_ONCE) {
        pthread_t threads[AT_ONCE];
        bool twice = i / AT_ONCE % 5 == 0;
        for (int k = 0; k < AT_ONCE; k++) {
            threads[k] = start(twice ? call_twice_each : call_once_each, (void *)10);
        }
        for (int k = 0; k < AT_ONCE; k++) {
            pthread_join(threads[k], NULL);
        }
        calls += AT_ONCE * (twice ? 2 : 1);
        if (i == TOTAL / 10) {
            bytes = used_bytes();
        }
    }
    assert_int_equal(fixture_figures("m::f0").call_count, calls);
    assert_int_equal(fixture_figures("m::f7").call_count, calls);
    assert_histogram_is_whole("m::f5");
    assert_true(used_bytes() <= bytes + AT_ONCE * (uint64_t)FUNCTIONS * 1500); /* what a fifth thread would need */
    const struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    assert_int_equal(header->ended_thread_count, TOTAL);
    assert_true(header->thread_count <= AT_ONCE + 2);
}

static void assert_histogram(const char *name, const uint64_t counts[12]) {
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(row->measures.histogram->counts[tg_histogram_index(UINT64_C(40) << i)], counts[i]);
    }
    assert_int_equal(tg_histogram_count(row->measures.histogram), row->measures.call_count);
    tg_snapshot_release(&snapshot);
}

static void histograms_that_are_used_again_are_empty(void **state) {
    (void)state;
    name_functions();
    uint64_t counts[12] = {0};
    for (int i = 0; i < 60; i++) {
        int duration = i * 7 % 12;
        pthread_join(start(call_twice_each, (void *)(UINT64_C(40) << duration)), NULL);
        counts[duration] += 2;
        assert_histogram("m::f0", counts);
        assert_histogram("m::f7", counts);
    }
}

static void *overflow(void *unused) {
    (void)unused;
    for (int i = 0; i < 10; i++) {
        fixture_call(TG_FUNCTION_OVERFLOW, 10);
    }
    return NULL;
}

static void overflow_outlives_its_thread(void **state) {
    (void)state;
    for (int i = 1; i <= 3; i++) {
        pthread_join(start(overflow, NULL), NULL);
        struct tg_snapshot snapshot = fixture_snapshot(false);
        assert_int_equal(snapshot.overflow_call_count, 10 * i);
        tg_snapshot_release(&snapshot);
    }
}

static pthread_key_t late_key;

static void call_late(void *argument) {
    fixture_call(functions[1], 10);
    if (argument == (void *)1) {
        pthread_setspecific(late_key, (void *)2); /* and once more in the next round of destructors */
    }
}

static void *leave_a_destructor(void *unused) {
    fixture_call(functions[0], 10);
    pthread_setspecific(late_key, (void *)1);
    return unused;
}

/* Other destructors of the thread make timed calls after the tracer has put it away. */
static void calls_of_a_dying_thread_count(void **state) {
    (void)state;
    name_functions();
    if (!late_key) {
        assert_int_equal(pthread_key_create(&late_key, call_late), 0);
    }
    for (int i = 1; i <= 3; i++) {
        pthread_join(start(leave_a_destructor, NULL), NULL);
        assert_int_equal(fixture_figures("m::f0").call_count, i);
        assert_int_equal(fixture_figures("m::f1").call_count, 2 * i);
    }
    struct tg_snapshot snapshot = fixture_snapshot(true);
    for (size_t i = 0; i < snapshot.row_count; i++) {
        assert_int_equal(snapshot.rows[i].thread, TG_ENDED_THREADS);
    }
    tg_snapshot_release(&snapshot);
}

/* ---- readers meanwhile ---- */

static atomic_bool stop;

/* The calls of each function, as those who make them know. */
static _Atomic uint64_t begun[FUNCTIONS];
static _Atomic uint64_t ended[FUNCTIONS];

static void *call_and_tell(void *unused) {
    for (int i = 0; i < FUNCTIONS; i++) {
        atomic_fetch_add(&begun[i], 1);
        fixture_call(functions[i], 10);
        atomic_fetch_add(&ended[i], 1);
    }
    return unused;
}

static void *churn(void *unused) {
    while (!atomic_load(&stop)) {
        pthread_join(start(call_and_tell, NULL), NULL);
    }
    return unused;
}

static void *call_on(void *unused) {
    while (!atomic_load(&stop)) {
        call_and_tell(NULL);
    }
    return unused;
}

/* As another process sees it, by the file. */
static struct tg_snapshot read_file(struct tg_reader *reader) {
    struct tg_snapshot snapshot;
    char path[512];
    struct tg_error err = TG_ERROR_INIT;
    fixture_find_recording(path, sizeof path, NULL);
    if (tg_reader_open(reader, path, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(tg_snapshot_take(&snapshot, &reader->view, false, NULL), TG_OK);
    return snapshot;
}

/* Whether a snapshot was whole. Then it holds all calls that had ended before, and none that began later. */
static bool look_once(uint64_t totals_ns[FUNCTIONS]) {
    uint64_t ended_before[FUNCTIONS];
    for (int i = 0; i < FUNCTIONS; i++) {
        ended_before[i] = atomic_load(&ended[i]);
    }
    struct tg_reader reader;
    struct tg_snapshot snapshot = read_file(&reader);
    assert_int_equal(snapshot.damaged_count, 0);
    bool whole = snapshot.torn_count == 0;
    for (size_t i = 0; i < snapshot.row_count && whole; i++) {
        const struct tg_snapshot_row *row = &snapshot.rows[i];
        size_t f = row->function - functions[0];
        assert_true(f < FUNCTIONS);
        assert_in_range(row->measures.call_count, ended_before[f], atomic_load(&begun[f]));
        assert_true(row->measures.total_ns >= totals_ns[f]);
        totals_ns[f] = row->measures.total_ns;
    }
    tg_snapshot_release(&snapshot);
    tg_reader_close(&reader);
    return whole;
}

static void readers_see_every_call_that_has_ended(void **state) {
    (void)state;
    name_functions();
    atomic_store(&stop, false);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        threads[i] = start(i < 3 ? churn : call_on, NULL);
    }
    enum { SNAPSHOTS = REDUCED(5000) };
    uint64_t totals_ns[FUNCTIONS] = {0};
    int torn = 0;
    for (int i = 0; i < SNAPSHOTS; i++) {
        torn += !look_once(totals_ns);
    }
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    print_message("# %d snapshots, %d torn; %llu calls\n", SNAPSHOTS, torn, (unsigned long long)begun[0]);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    assert_true(torn * 10 <= SNAPSHOTS); /* on a machine of its own hardly ever */
#endif
    for (int i = 0; i < FUNCTIONS; i++) {
        assert_true(begun[i] == ended[i]);
    }
    look_once(totals_ns);
}

/* ---- kill -9 ---- */

enum { SLOTS = 4, KILLS = REDUCED(200) };

/* What the killed program knew itself: for each of its threads that may be in a call, the calls begun and ended. */
struct truth {
    _Atomic uint64_t begun[SLOTS][FUNCTIONS];
    _Atomic uint64_t ended[SLOTS][FUNCTIONS];
    _Atomic uint64_t threads;
};

static struct truth *truth;

static void *count_and_call(void *argument) {
    size_t slot = (size_t)(uintptr_t)argument;
    for (int i = 0; i < 200; i++) {
        size_t f = (size_t)i % FUNCTIONS;
        struct tg_call call;
        atomic_fetch_add(&truth->begun[slot][f], 1);
        tg_tracer_enter(&call, functions[f], 0);
        tg_tracer_exit(&call, false);
        atomic_fetch_add(&truth->ended[slot][f], 1);
    }
    atomic_fetch_add(&truth->threads, 1);
    return NULL;
}

static void *end_threads_all_the_time(void *slot) {
    for (;;) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, count_and_call, slot) == 0) {
            pthread_join(thread, NULL);
        }
    }
    return NULL;
}

static void run_until_killed(void) {
    struct tg_tracer_options options = {.stack_root = NULL};
    pthread_t thread;
    if (tg_clock_init(&options.clock, TG_CLOCK_AUTO, NULL) != TG_OK || tg_tracer_open(&options, NULL, NULL) != TG_OK) {
        _exit(1);
    }
    name_functions();
    for (uintptr_t i = 1; i < SLOTS; i++) {
        pthread_create(&thread, NULL, end_threads_all_the_time, (void *)i);
    }
    end_threads_all_the_time((void *)0);
}

static void compare_with_truth(uint64_t *busiest) {
    struct tg_reader reader;
    struct tg_snapshot snapshot = read_file(&reader);
    assert_false(reader.alive);
    assert_int_equal(snapshot.damaged_count, 0);
    for (size_t f = 0; f < FUNCTIONS; f++) {
        uint64_t begun_calls = 0;
        uint64_t ended_calls = 0;
        for (size_t slot = 0; slot < SLOTS; slot++) {
            begun_calls += truth->begun[slot][f];
            ended_calls += truth->ended[slot][f];
        }
        char name[32];
        snprintf(name, sizeof name, "m::f%zu", f);
        const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
        uint64_t counted = row ? row->measures.call_count : 0;
        if (counted < ended_calls || counted > begun_calls) {
            fail_msg("%s: counted %llu, ended %llu, begun %llu", name, (unsigned long long)counted,
                     (unsigned long long)ended_calls, (unsigned long long)begun_calls);
        }
        *busiest = counted > *busiest ? counted : *busiest;
    }
    tg_snapshot_release(&snapshot);
    tg_reader_close(&reader);
}

static void a_kill_costs_the_calls_in_flight(void **state) {
    (void)state;
    truth = mmap(NULL, sizeof *truth, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(truth != MAP_FAILED);
    uint64_t threads = 0;
    uint64_t busiest = 0;
    uint32_t random = 12345;
    for (int i = 0; i < KILLS; i++) {
        memset(truth, 0, sizeof *truth);
        pid_t child = fork_for_test();
        assert_true(child >= 0);
        if (child == 0) {
            run_until_killed();
        }
        random = random * 1664525 + 1013904223;
        uint64_t wanted = 5 + random % 150; /* threads of the program that have ended */
        while (atomic_load(&truth->threads) < wanted && waitpid(child, NULL, WNOHANG) == 0) {
            sched_yield();
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        compare_with_truth(&busiest);
        threads += truth->threads;
        char path[512];
        fixture_find_recording(path, sizeof path, NULL);
        unlink(path);
    }
    munmap(truth, sizeof *truth);
    print_message("# %d kills, %llu threads ended, up to %llu calls of a function\n", KILLS,
                  (unsigned long long)threads, (unsigned long long)busiest);
    assert_true(threads >= (uint64_t)KILLS * 5);
}

int main(void) {
#define WITH_TRACER(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up_tracer, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kill_costs_the_calls_in_flight, fixture_set_up, fixture_tear_down),
        WITH_TRACER(counts_are_exact_over_threads),
        WITH_TRACER(figures_move_to_the_ended_threads),
        WITH_TRACER(a_first_call_is_in_the_histogram_of_a_block_used_before),
        WITH_TRACER(extremes_move_with_their_epochs),
        WITH_TRACER(thread_blocks_are_used_again),
        WITH_TRACER(histograms_that_are_used_again_are_empty),
        WITH_TRACER(overflow_outlives_its_thread),
        WITH_TRACER(calls_of_a_dying_thread_count),
        WITH_TRACER(readers_see_every_call_that_has_ended),
    };
    return cmocka_run_group_tests_name("tracer_fold", tests, NULL, NULL);
}
