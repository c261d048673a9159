/*
 * The figures of single calls, by a clock that the tests set. Stacks, threads that end and forks have their own files.
 */
#include "recording_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

static void nested_calls_share_their_time(void **state) {
    (void)state;
    uint32_t outer = fixture_function("m::outer");
    uint32_t inner = fixture_function("m::inner");
    struct tg_call a;
    struct tg_call b;
    fixture_at(1000);
    tg_tracer_enter(&a, outer, 0);
    fixture_at(1010);
    tg_tracer_enter(&b, inner, 0);
    fixture_at(1040);
    tg_tracer_exit(&b, false);
    fixture_at(1100);
    tg_tracer_exit(&a, false);
    fixture_assert_times("m::outer", 1, 100, 100, 100, 70);
    fixture_assert_times("m::inner", 1, 30, 30, 30, 30);
    struct tg_measures figures = fixture_figures("m::outer");
    assert_int_equal(figures.minimum_ns, 100);
    assert_int_equal(figures.maximum_ns, 100);
    assert_int_equal(figures.last_ns, 100);
    assert_int_equal(figures.last_end_ticks, 1100);
    assert_int_equal(figures.running_count, 0);
    assert_int_equal(figures.error_count, 0);
}

/* f(3) calls f(2) calls f(1): total counts every call, cumulative the outermost. */
static void recursion_is_cumulative_once(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    struct tg_call calls[3];
    struct tg_call between;
    for (int i = 0; i < 3; i++) {
        fixture_at(1000 + 10 * (uint64_t)i);
        tg_tracer_enter(&calls[i], f, 0);
        if (i == 0) {
            tg_tracer_enter(&between, g, 0); /* another function in between changes nothing */
        }
    }
    for (int i = 2; i >= 0; i--) {
        fixture_at(1100 - 10 * (uint64_t)i);
        if (i == 0) {
            tg_tracer_exit(&between, false);
        }
        tg_tracer_exit(&calls[i], false);
    }
    /* 60 + 80 + 100; self: 60 + 20 + 0 */
    fixture_assert_times("m::f", 3, 240, 100, 240, 80);
    fixture_assert_times("m::g", 1, 100, 100, 100, 20);
    fixture_call(f, 5); /* the depth is back at none */
    fixture_assert_times("m::f", 4, 245, 105, 245, 85);
}

static int asked_count;

static bool has_failed(const struct tg_call *call) {
    (void)call;
    asked_count++;
    return true;
}

static bool has_not_failed(const struct tg_call *call) {
    (void)call;
    asked_count++;
    return false;
}

/* What tg_tracer_return() leaves alone, it leaves as it was. */
static void a_return_is_an_exit_or_nothing(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct tg_call a;
    struct tg_call b;
    asked_count = 0;
    fixture_at(1000);
    tg_tracer_enter(&a, f, 0);
    assert_false(tg_tracer_return(&a, has_not_failed)); /* the first call: no histogram yet */
    fixture_at(1010);
    tg_tracer_exit(&a, false);
    fixture_call(f, 10);
    assert_int_equal(asked_count, 1);

    fixture_at(2000);
    tg_tracer_enter(&a, f, 0);
    tg_tracer_enter(&b, f, 0);
    fixture_at(2100);
    assert_false(tg_tracer_return(&a, has_not_failed)); /* not the innermost one: not asked */
    assert_int_equal(asked_count, 1);
    assert_false(tg_tracer_return(&b, has_failed));
    assert_int_equal(asked_count, 2);
    fixture_assert_times("m::f", 2, 20, 20, 20, 20);
    assert_int_equal(fixture_figures("m::f").running_count, 2);
    assert_true(tg_tracer_return(&b, has_not_failed));
    assert_false(tg_tracer_return(&b, has_not_failed)); /* it is over */
    fixture_at(2200);
    tg_tracer_pause(&a);
    assert_false(tg_tracer_return(&a, has_not_failed));
    tg_tracer_resume(&a, 0);
    assert_false(tg_tracer_return(&a, has_not_failed)); /* total and active differ */
    tg_tracer_exit(&a, false);
    fixture_assert_times("m::f", 4, 320, 220, 320, 220);
    assert_int_equal(fixture_figures("m::f").error_count, 0);
    assert_int_equal(fixture_figures("m::f").running_count, 0);
}

static void a_pause_counts_for_total_alone(void **state) {
    (void)state;
    uint32_t generator = fixture_function("m::generator");
    uint32_t caller = fixture_function("m::caller");
    struct tg_call g;
    struct tg_call c;
    fixture_at(1000);
    tg_tracer_enter(&c, caller, 0);
    tg_tracer_enter(&g, generator, 0);
    fixture_at(1010);
    tg_tracer_pause(&g);
    tg_tracer_pause(&g); /* nothing more to pause */
    fixture_at(1030);
    tg_tracer_resume(&g, 0);
    fixture_at(1035);
    tg_tracer_resume(&g, 0); /* runs already */
    fixture_at(1040);
    tg_tracer_exit(&g, false);
    fixture_at(1050);
    tg_tracer_exit(&c, false);
    fixture_assert_times("m::generator", 1, 40, 40, 20, 20);
    fixture_assert_times("m::caller", 1, 50, 50, 50, 30);
}

/* Three requests of 20 ms that take turns on one thread: 60 ms, as if they had run one after the other. */
static void interleaved_calls_of_one_function_add_up(void **state) {
    (void)state;
    uint32_t handle = fixture_function("m::handle");
    struct tg_call requests[3];
    for (uint64_t i = 0; i < 3; i++) {
        fixture_at(1000 + i);
        tg_tracer_enter(&requests[i], handle, 0);
        tg_tracer_pause(&requests[i]);
    }
    for (uint64_t i = 0; i < 3; i++) {
        fixture_at(1015 + i);
        tg_tracer_resume(&requests[i], 0);
        fixture_at(1020 + i);
        tg_tracer_exit(&requests[i], false);
        fixture_at(1000);
    }
    struct tg_measures figures = fixture_figures("m::handle");
    assert_int_equal(figures.total_ns, 60);
    assert_int_equal(figures.cumulative_ns, 60);
    assert_int_equal(figures.active_ns, 15);
    assert_int_equal(figures.minimum_ns, 20);
    assert_int_equal(figures.maximum_ns, 20);
}

/* A generator that calls itself while it runs is recursion; one that waits meanwhile is not. */
static void a_paused_call_is_not_on_the_stack(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct tg_call waiting;
    fixture_at(1000);
    tg_tracer_enter(&waiting, f, 0);
    tg_tracer_pause(&waiting);
    fixture_call(f, 10);
    fixture_assert_times("m::f", 1, 10, 10, 10, 10);
    tg_tracer_resume(&waiting, 0);
    fixture_call(f, 10);
    fixture_assert_times("m::f", 2, 20, 10, 20, 20);
    tg_tracer_exit(&waiting, false);
    fixture_assert_times("m::f", 3, 40, 30, 30, 20);
}

static void a_call_may_die_while_paused(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct tg_call call;
    fixture_at(1000);
    tg_tracer_enter(&call, f, 0);
    fixture_at(1003);
    tg_tracer_pause(&call);
    fixture_at(1010);
    tg_tracer_exit(&call, true); /* a generator that is collected has not failed */
    fixture_assert_times("m::f", 1, 10, 10, 3, 3);
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.error_count, 0);
    assert_int_equal(figures.running_count, 0);
}

static void failures_are_counted(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct tg_call call;
    for (int i = 0; i < 5; i++) {
        tg_tracer_enter(&call, f, 0);
        if (i == 4) {
            tg_tracer_pause(&call);
            tg_tracer_resume(&call, 0);
        }
        tg_tracer_exit(&call, i >= 3);
    }
    assert_int_equal(fixture_figures("m::f").error_count, 2);
    assert_int_equal(fixture_figures("m::f").call_count, 5);
}

static void running_calls_are_visible(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    struct tg_call calls[3];
    tg_tracer_enter(&calls[0], f, 0);
    assert_int_equal(fixture_figures("m::f").running_count, 1); /* a row before the first call has ended */
    tg_tracer_enter(&calls[1], f, 0);
    tg_tracer_enter(&calls[2], f, 0);
    tg_tracer_pause(&calls[2]);
    assert_int_equal(fixture_figures("m::f").running_count, 3);
    tg_tracer_exit(&calls[2], false);
    tg_tracer_exit(&calls[1], true);
    assert_int_equal(fixture_figures("m::f").running_count, 1);
    tg_tracer_exit(&calls[0], false);
    assert_int_equal(fixture_figures("m::f").running_count, 0);
}

static uint64_t counted_in_histogram(const char *name, uint64_t ns) {
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
    uint64_t count = row && row->measures.histogram ? row->measures.histogram->counts[tg_histogram_index(ns)] : 0;
    tg_snapshot_release(&snapshot);
    return count;
}

static struct tg_counters *counters_of(uint32_t function) {
    const struct tg_recording *recording = tg_tracer_hold();
    struct tg_header *header = recording->header;
    tg_tracer_let_go();
    for (uint32_t thread = 1; thread < header->thread_count; thread++) {
        const tg_place *threads = tg_recording_at(recording, header->thread_chunks[0]);
        struct tg_thread_entry *entry = tg_recording_at(recording, threads[thread]);
        tg_place chunk = entry->counters_chunks[function / TG_COUNTERS_CHUNK];
        if (chunk) {
            const tg_place *blocks = tg_recording_at(recording, chunk);
            return tg_recording_at(recording, blocks[function % TG_COUNTERS_CHUNK]);
        }
    }
    fail_msg("no counters");
    return NULL;
}

static struct tg_buckets *buckets_of(tg_place *place) {
    const struct tg_recording *recording = tg_tracer_hold();
    tg_tracer_let_go();
    return tg_recording_at(recording, *place);
}

static void the_first_call_needs_no_histogram(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 100);
    assert_int_equal(counters_of(f)->buckets, TG_PLACE_NONE);
    assert_int_equal(counted_in_histogram("m::f", 100), 1);
    fixture_call(f, 5000);
    assert_int_not_equal(counters_of(f)->buckets, TG_PLACE_NONE);
    assert_int_equal(counted_in_histogram("m::f", 100), 1);
    assert_int_equal(counted_in_histogram("m::f", 5000), 1);
    fixture_call(f, 5000);
    assert_int_equal(counted_in_histogram("m::f", 5000), 2);
}

static void assert_recent(uint64_t minimum_ns, uint64_t maximum_ns) {
    struct tg_measures figures = fixture_figures("m::f");
    assert_true(figures.recent_minimum_ns == minimum_ns);
    assert_true(figures.recent_maximum_ns == maximum_ns);
}

static void extremes_follow_the_epochs(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    _Atomic uint32_t *epoch = &tg_tracer_hold()->header->epoch;
    tg_tracer_let_go();
    fixture_call(f, 50);
    fixture_call(f, 500);
    struct tg_counters *counters = counters_of(f);
    assert_int_equal(counters->minimum_ns[0], 50);
    assert_int_equal(counters->maximum_ns[0], 500);
    assert_true(counters->lifetime_minimum_ns == UINT64_MAX);
    assert_recent(50, 500);

    *epoch += 1; /* the current one and the one before */
    fixture_call(f, 70);
    assert_recent(50, 500);
    assert_int_equal(counters->minimum_ns[0], 50);
    assert_int_equal(counters->minimum_ns[1], 70);
    assert_int_equal(counters->maximum_ns[1], 70);
    assert_true(counters->lifetime_minimum_ns == UINT64_MAX);

    *epoch += 1; /* the first one's slot is taken again */
    fixture_call(f, 60);
    assert_int_equal(counters->minimum_ns[0], 60);
    assert_int_equal(counters->maximum_ns[0], 60);
    assert_int_equal(counters->minimum_ns[1], 70);
    assert_int_equal(counters->lifetime_minimum_ns, 50);
    assert_int_equal(counters->lifetime_maximum_ns, 500);
    assert_recent(60, 70);

    *epoch += 1; /* no call yet: only what stands in the slot of the epoch before is recent */
    assert_recent(60, 60);
    *epoch += 1; /* both slots are old */
    assert_recent(UINT64_MAX, 0);
    fixture_call(f, 80);
    assert_recent(80, 80);
    assert_int_equal(counters->minimum_ns[0], 80);
    assert_true(counters->minimum_ns[1] == UINT64_MAX);
    assert_int_equal(counters->maximum_ns[1], 0);

    *epoch += 1001;
    fixture_call(f, 400);
    assert_int_equal(counters->minimum_ns[1], 400);
    assert_int_equal(counters->maximum_ns[1], 400);
    assert_true(counters->minimum_ns[0] == UINT64_MAX);
    assert_int_equal(counters->epoch, *epoch);
    assert_int_equal(fixture_figures("m::f").minimum_ns, 50); /* readers see all of them */
    assert_int_equal(fixture_figures("m::f").maximum_ns, 500);
}

static void a_full_bucket_carries(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 100);
    fixture_call(f, 100);
    struct tg_counters *counters = counters_of(f);
    unsigned bucket = tg_histogram_index(100);
    buckets_of(&counters->buckets)->counts[bucket] = UINT32_MAX - 1;
    fixture_call(f, 100);
    assert_int_equal(counters->carry_buckets, TG_PLACE_NONE);
    assert_int_equal(counted_in_histogram("m::f", 100), UINT32_MAX);
    fixture_call(f, 100);
    assert_true(counted_in_histogram("m::f", 100) == UINT64_C(1) << 32U);
    fixture_call(f, 100);
    fixture_call(f, 999999);
    assert_true(counted_in_histogram("m::f", 100) == (UINT64_C(1) << 32U) + 1);
    assert_int_equal(counted_in_histogram("m::f", 999999), 1);
    buckets_of(&counters->buckets)->counts[bucket] = UINT32_MAX;
    fixture_call(f, 100);
    assert_true(counted_in_histogram("m::f", 100) == UINT64_C(2) << 32U);
    assert_int_equal(counters->carry_sequence, 4);
}

static void a_refused_carry_stays_full(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    fixture_call(f, 100);
    fixture_call(f, 100);
    struct tg_counters *counters = counters_of(f);
    counters->carry_buckets = TG_PLACE_REFUSED;
    buckets_of(&counters->buckets)->counts[tg_histogram_index(100)] = UINT32_MAX;
    fixture_call(f, 100);
    assert_true(counted_in_histogram("m::f", 100) == UINT32_MAX);
    assert_int_equal(fixture_figures("m::f").call_count, 3);
}

static uint64_t read_backwards(void) {
    return atomic_fetch_sub(&fixture_now_ns, 10);
}

static void a_clock_that_steps_back_gives_no_time(void **state) {
    (void)state;
    fixture_set_up(state);
    struct tg_tracer_options options = {.stack_root = NULL};
    tg_clock_init_injected(&options.clock, read_backwards);
    fixture_open_with(options);
    uint32_t f = fixture_function("m::f");
    struct tg_call call;
    tg_tracer_enter(&call, f, 0);
    tg_tracer_pause(&call);
    tg_tracer_resume(&call, 0);
    tg_tracer_exit(&call, false);
    fixture_assert_times("m::f", 1, 0, 0, 0, 0);
}

static void the_cpu_clock_knows_no_pauses(void **state) {
    fixture_set_up(state);
    struct tg_tracer_options options = {.stack_root = NULL};
    assert_int_equal(tg_clock_init(&options.clock, TG_CLOCK_CPU, NULL), TG_OK);
    fixture_open_with(options);
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    struct tg_call paused;
    tg_tracer_enter(&paused, f, 0);
    tg_tracer_pause(&paused);
    struct tg_call busy;
    tg_tracer_enter(&busy, g, 0);
    for (volatile int i = 0; i < 3000000; i++) {
    }
    tg_tracer_exit(&busy, false);
    tg_tracer_resume(&paused, 0);
    tg_tracer_exit(&paused, false);
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.total_ns, figures.active_ns);
    assert_true(figures.total_ns < fixture_figures("m::g").total_ns);
    assert_true(figures.last_end_ticks >= fixture_figures("m::g").last_end_ticks);
}

static void without_a_tracer_nothing_is_recorded(void **state) {
    (void)state;
    assert_false(tg_tracer_is_open());
    struct tg_call call;
    tg_tracer_enter(&call, 1, 0);
    tg_tracer_pause(&call);
    tg_tracer_resume(&call, 0);
    tg_tracer_exit(&call, false);
    struct tg_call zero = {.counters = NULL};
    tg_tracer_exit(&zero, false);
    assert_null(tg_tracer_hold());
    tg_tracer_let_go();
}

static void one_recording_for_a_process(void **state) {
    (void)state;
    struct tg_tracer_options options = {.stack_root = NULL};
    tg_clock_init_injected(&options.clock, fixture_read_clock);
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_tracer_open(&options, NULL, &err), TG_ERROR_EXISTS);
    assert_true(err.message[0]);
    options.recording.capacity_bytes = 1000;
    tg_tracer_close();
    assert_int_equal(tg_tracer_open(&options, NULL, &err), TG_ERROR_INVALID);
    assert_false(tg_tracer_is_open());
}

/* ---- where space runs out ---- */

static uint64_t reserved_refusals(void) {
    uint64_t count = tg_tracer_hold()->header->refused_count;
    tg_tracer_let_go();
    return count;
}

/* 64 KiB hold a few hundred functions: the rest of the calls are a number. */
static void calls_past_the_capacity_are_counted(void **state) {
    fixture_set_up(state);
    struct tg_tracer_options options = {.recording.capacity_bytes = 64 << 10};
    fixture_open_with(options);
    enum { FUNCTIONS = 500 };
    uint32_t functions[FUNCTIONS];
    char name[32];
    for (int i = 0; i < FUNCTIONS; i++) {
        snprintf(name, sizeof name, "m::f%d", i);
        functions[i] = fixture_function(name);
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < FUNCTIONS; i++) {
            fixture_call(functions[i], 10);
        }
    }
    struct tg_snapshot snapshot = fixture_snapshot(false);
    uint64_t recorded = 0;
    for (size_t i = 0; i < snapshot.row_count; i++) {
        assert_int_equal(snapshot.rows[i].measures.call_count, 5);
        assert_int_equal(snapshot.rows[i].measures.running_count, 0);
        recorded += 5;
    }
    assert_true(recorded > 0);
    assert_int_equal(snapshot.overflow_call_count, FUNCTIONS * 5 - recorded);
    assert_int_equal(snapshot.unrecorded_call_count, 0);
    assert_int_equal(snapshot.damaged_count, 0);
    assert_true(snapshot.overflow_call_count > 0);
    assert_true(reserved_refusals() > 0);
    tg_snapshot_release(&snapshot);
}

static void functions_past_the_limit_share_a_row(void **state) {
    (void)state;
    char name[32];
    for (int i = 1; i < TG_FUNCTIONS_MAX; i++) {
        snprintf(name, sizeof name, "m::f%d", i);
        assert_int_equal(fixture_function(name), i);
    }
    uint32_t past = fixture_function("m::past");
    assert_int_equal(past, TG_FUNCTION_OVERFLOW);
    assert_int_equal(fixture_function("m::f77"), 77); /* the known ones are still found */
    uint32_t last = fixture_function(name);
    fixture_call(past, 10);
    uint64_t used = tg_tracer_hold()->header->used_bytes;
    tg_tracer_let_go();
    fixture_call(fixture_function("m::past too"), 10);
    assert_int_equal(tg_tracer_hold()->header->used_bytes, used); /* no histogram for what has no name */
    tg_tracer_let_go();
    fixture_call(last, 30);
    fixture_assert_times(name, 1, 30, 30, 30, 30);
    struct tg_snapshot snapshot = fixture_snapshot(false);
    assert_int_equal(snapshot.overflow_call_count, 2);
    assert_int_equal(snapshot.refused_function_count, 2);
    assert_int_equal(snapshot.row_count, 1);
    tg_snapshot_release(&snapshot);
}

struct gate {
    pthread_barrier_t all_entered;
    uint32_t function;
    uint64_t calls;
};

static void *call_and_wait(void *argument) {
    struct gate *gate = argument;
    for (uint64_t i = 0; i < gate->calls; i++) {
        fixture_call(gate->function, 1);
    }
    pthread_barrier_wait(&gate->all_entered);
    return NULL;
}

/* 32 KiB have room for a dozen thread entries: the calls of the other threads are a number. */
static void calls_of_threads_without_an_entry_are_counted(void **state) {
    fixture_set_up(state);
    struct tg_tracer_options options = {.recording.capacity_bytes = 32 << 10};
    fixture_open_with(options);
    enum { THREADS = 20, CALLS = 3000 };
    struct gate gate = {.function = fixture_function("m::f"), .calls = CALLS};
    pthread_barrier_init(&gate.all_entered, NULL, THREADS + 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_and_wait, &gate), 0);
    }
    pthread_barrier_wait(&gate.all_entered);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pthread_barrier_destroy(&gate.all_entered);
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, "m::f");
    uint64_t recorded = row ? row->measures.call_count : 0;
    assert_true(snapshot.unrecorded_call_count > 0);
    assert_int_equal(recorded + snapshot.overflow_call_count + snapshot.unrecorded_call_count, THREADS * CALLS);
    tg_snapshot_release(&snapshot);
}

/* What is asked of a program whose file system is full: run on, count, and record again when there is space. */
static void fill_then_free(void (*make_space)(const char *), const char *filler) {
    enum { FUNCTIONS = 400 };
    uint32_t functions[FUNCTIONS];
    char name[32];
    for (int i = 0; i < FUNCTIONS; i++) {
        snprintf(name, sizeof name, "m::f%d", i);
        functions[i] = fixture_function(name);
        fixture_call(functions[i], 10);
    }
    struct tg_snapshot full = fixture_snapshot(false);
    assert_true(full.overflow_call_count > 0);
    assert_int_equal(full.row_count + full.overflow_call_count, FUNCTIONS);
    assert_int_equal(full.damaged_count, 0);
    tg_snapshot_release(&full);

    make_space(filler);
    uint64_t calls = FUNCTIONS;
    tg_ns give_up_ns = tg_clock_monotonic_ns() + INT64_C(20000000000);
    for (bool recorded = false; !recorded;) {
        for (int i = 0; i < 100000; i++, calls++) {
            fixture_call(functions[FUNCTIONS - 1], 10);
        }
        struct tg_snapshot snapshot = fixture_snapshot(false);
        const struct tg_snapshot_row *row = fixture_row(&snapshot, name); /* also its name is there by now */
        recorded = row && row->measures.histogram && tg_histogram_count(row->measures.histogram) > 1;
        uint64_t sum = snapshot.overflow_call_count;
        for (size_t i = 0; i < snapshot.row_count; i++) {
            sum += snapshot.rows[i].measures.call_count;
        }
        assert_int_equal(sum, calls);
        tg_snapshot_release(&snapshot);
        assert_true(tg_clock_monotonic_ns() < give_up_ns);
    }
}

static void raise_limit(const char *filler) {
    (void)filler;
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

/* Its default is to end the program: SIGXFSZ is not ignored here. */
static void a_limit_on_file_size_is_no_signal(void **state) {
    fixture_set_up(state);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 40 << 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    assert_true(tg_tracer_hold()->path[0]);
    tg_tracer_let_go();
    fill_then_free(raise_limit, NULL);
}

static void delete_file(const char *path) {
    assert_int_equal(unlink(path), 0);
}

static void a_full_file_system_is_survived(void **state) {
    (void)state;
    fixture_set_up(state);
    if (mount("tmpfs", fixture_directory, "tmpfs", 0, "size=2m,mode=0700") != 0) {
        print_message("# not allowed to mount a tmpfs: %s\n", strerror(errno));
        skip();
    }
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    char filler[128];
    snprintf(filler, sizeof filler, "%s/.filler", fixture_directory);
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    static const char block[4096];
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
    fill_then_free(delete_file, filler);
    tg_tracer_close();
    assert_int_equal(umount(fixture_directory), 0);
}

int main(void) {
#define WITH_TRACER(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up_tracer, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRACER(nested_calls_share_their_time),
        WITH_TRACER(recursion_is_cumulative_once),
        WITH_TRACER(a_return_is_an_exit_or_nothing),
        WITH_TRACER(a_pause_counts_for_total_alone),
        WITH_TRACER(interleaved_calls_of_one_function_add_up),
        WITH_TRACER(a_paused_call_is_not_on_the_stack),
        WITH_TRACER(a_call_may_die_while_paused),
        WITH_TRACER(failures_are_counted),
        WITH_TRACER(running_calls_are_visible),
        WITH_TRACER(the_first_call_needs_no_histogram),
        WITH_TRACER(extremes_follow_the_epochs),
        WITH_TRACER(a_full_bucket_carries),
        WITH_TRACER(a_refused_carry_stays_full),
        cmocka_unit_test_teardown(a_clock_that_steps_back_gives_no_time, fixture_tear_down),
        cmocka_unit_test_teardown(the_cpu_clock_knows_no_pauses, fixture_tear_down),
        cmocka_unit_test(without_a_tracer_nothing_is_recorded),
        WITH_TRACER(one_recording_for_a_process),
        cmocka_unit_test_teardown(calls_past_the_capacity_are_counted, fixture_tear_down),
        WITH_TRACER(functions_past_the_limit_share_a_row),
        cmocka_unit_test_teardown(calls_of_threads_without_an_entry_are_counted, fixture_tear_down),
        cmocka_unit_test_teardown(a_limit_on_file_size_is_no_signal, fixture_tear_down),
        cmocka_unit_test_teardown(a_full_file_system_is_survived, fixture_tear_down),
    };
    return cmocka_run_group_tests_name("tracer", tests, NULL, NULL);
}
