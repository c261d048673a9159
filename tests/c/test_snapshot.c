/*
 * Figures read from a recording, whole and damaged. Snapshots during traffic are in test_tracer_fold.c.
 */
#include "record/snapshot.h"

#include "recording_fixture.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

enum { FUNCTIONS = 300 }; /* three chunks of a thread's table */

static uint32_t functions[FUNCTIONS];

static void *call_all(void *unused) {
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < FUNCTIONS; i++) {
            fixture_call(functions[i], 10 * (i + 1));
        }
    }
    return unused;
}

static pthread_barrier_t barrier;

static void *call_and_stay(void *unused) {
    call_all(unused);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return unused;
}

/* One thread that has ended, one that lives, and this one, each with three calls of every function. */
static void fill(pthread_t *living) {
    char name[32];
    for (int i = 0; i < FUNCTIONS; i++) {
        snprintf(name, sizeof name, "m::f%d", i);
        functions[i] = fixture_function(name);
    }
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t ended;
    assert_int_equal(pthread_create(&ended, NULL, call_all, NULL), 0);
    pthread_join(ended, NULL);
    call_all(NULL);
    assert_int_equal(pthread_create(living, NULL, call_and_stay, NULL), 0);
    pthread_barrier_wait(&barrier);
}

static void let_end(pthread_t living) {
    pthread_barrier_wait(&barrier);
    pthread_join(living, NULL);
    pthread_barrier_destroy(&barrier);
}

static void rows_are_sums_over_threads(void **state) {
    (void)state;
    pthread_t living;
    fill(&living);
    struct tg_snapshot snapshot = fixture_snapshot(false);
    assert_int_equal(snapshot.row_count, FUNCTIONS);
    assert_null(snapshot.threads);
    for (uint64_t i = 0; i < FUNCTIONS; i++) {
        const struct tg_snapshot_row *row = &snapshot.rows[i];
        assert_int_equal(row->function, functions[i]);
        assert_int_equal(row->thread, TG_ALL_THREADS);
        assert_int_equal(row->measures.call_count, 9);
        assert_int_equal(row->measures.histogram->counts[tg_histogram_index(10 * (i + 1))], 9);
        assert_int_equal(tg_histogram_count(row->measures.histogram), 9);
    }
    tg_snapshot_release(&snapshot);
    tg_snapshot_release(&snapshot);
    tg_snapshot_release(NULL);
    let_end(living);
}

static void rows_by_thread(void **state) {
    (void)state;
    pthread_t living;
    fill(&living);
    struct tg_snapshot snapshot = fixture_snapshot(true);
    assert_int_equal(snapshot.row_count, 3 * FUNCTIONS);
    assert_int_equal(snapshot.thread_count, 3);
    int rows[3] = {0};
    for (size_t i = 0; i < snapshot.row_count; i++) {
        assert_in_range(snapshot.rows[i].thread, 0, 2);
        assert_int_equal(snapshot.rows[i].measures.call_count, 3);
        rows[snapshot.rows[i].thread]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rows[i], FUNCTIONS);
    }
    /* The ended thread's entry went to this one. */
    assert_int_equal(snapshot.threads[0].native_id, 0);
    assert_int_equal(snapshot.threads[1].native_id, getpid());
    assert_int_not_equal(snapshot.threads[2].native_id, getpid());
    char own_name[32] = "";
    prctl(PR_GET_NAME, own_name);
    assert_string_equal(snapshot.threads[1].name, own_name);
    tg_snapshot_release(&snapshot);
    let_end(living);
}

static void rows_have_names_and_places(void **state) {
    (void)state;
    uint32_t f = tg_tracer_function(&(struct tg_function_source){
        .name = "shop.cart::Cart.add", .name_bytes = 19, .file = "/srv/cart.py", .file_bytes = 12, .line = 42});
    fixture_call(f, 10);
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, "shop.cart::Cart.add");
    assert_non_null(row);
    assert_int_equal(row->file_bytes, 12);
    assert_memory_equal(row->file, "/srv/cart.py", 12);
    assert_int_equal(row->line, 42);
    tg_snapshot_release(&snapshot);
}

/* A copy in memory, which a test may damage at will. */
static unsigned char *copy_recording(struct tg_view *view) {
    const struct tg_recording *recording = tg_tracer_hold();
    size_t bytes = recording->header->reserved_bytes;
    unsigned char *copy = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    assert_non_null(copy);
    memcpy(copy, recording->base, bytes);
    tg_tracer_let_go();
    *view = (struct tg_view){.base = copy, .bytes = bytes, .promised_bytes = bytes};
    return copy;
}

static struct tg_thread_entry *thread_in(const struct tg_view *view, uint32_t index) {
    const struct tg_header *header = (const void *)view->base;
    const tg_place *threads = tg_view_at(view, header->thread_chunks[0], sizeof *threads);
    return (struct tg_thread_entry *)(uintptr_t)tg_view_at(view, threads[index], sizeof(struct tg_thread_entry));
}

static struct tg_counters *block_in(const struct tg_view *view, uint32_t thread, uint32_t function) {
    const struct tg_thread_entry *entry = thread_in(view, thread);
    const tg_place *blocks = tg_view_at(view, entry->counters_chunks[function / TG_COUNTERS_CHUNK], sizeof *blocks);
    return (struct tg_counters *)(uintptr_t)tg_view_at(view, blocks[function % TG_COUNTERS_CHUNK],
                                                       sizeof(struct tg_counters));
}

static struct tg_snapshot take(const struct tg_view *view, bool by_thread) {
    struct tg_snapshot snapshot;
    assert_int_equal(tg_snapshot_take(&snapshot, view, by_thread, NULL), TG_OK);
    return snapshot;
}

/* A writer killed in the middle of a call, or in the middle of a thread's end. */
static void a_dead_writers_last_moment(void **state) {
    (void)state;
    pthread_t living;
    fill(&living);
    struct tg_view view;
    unsigned char *copy = copy_recording(&view);
    block_in(&view, 1, functions[7])->sequence++;
    struct tg_snapshot snapshot = take(&view, false);
    assert_int_equal(snapshot.torn_count, 1);
    assert_int_equal(snapshot.rows[7].measures.call_count, 9); /* taken as it stands */
    tg_snapshot_release(&snapshot);

    block_in(&view, 1, functions[7])->sequence++;
    block_in(&view, 0, functions[5])->call_count = 6; /* thread 1's three calls have moved here already */
    block_in(&view, 0, functions[5])->absorbed = thread_in(&view, 1)->occupancy;
    snapshot = take(&view, false);
    assert_int_equal(snapshot.rows[5].measures.call_count, 9);
    assert_int_equal(snapshot.rows[6].measures.call_count, 9);
    assert_int_equal(snapshot.torn_count, 0);
    tg_snapshot_release(&snapshot);
    free(copy);
    let_end(living);
}

/* Space made after a view was: not damage. */
static void a_view_may_be_older_than_the_recording(void **state) {
    (void)state;
    fixture_call(fixture_function("m::early"), 10);
    struct tg_view old = tg_view_of_recording(tg_tracer_hold());
    tg_tracer_let_go();
    char name[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "m::late%d", i);
        fixture_call(fixture_function(name), 10);
    }
    const struct tg_header *header = (const void *)old.base;
    assert_true(header->reserved_bytes > old.bytes);
    struct tg_snapshot snapshot = take(&old, false);
    assert_non_null(fixture_row(&snapshot, "m::early"));
    assert_int_equal(snapshot.damaged_count, 0);
    assert_true(snapshot.torn_count > 0); /* but something is missing */
    tg_snapshot_release(&snapshot);
}

static void places_that_lead_nowhere_are_counted(void **state) {
    (void)state;
    pthread_t living;
    fill(&living);
    struct tg_view view;
    unsigned char *copy = copy_recording(&view);
    block_in(&view, 1, functions[3])->buckets = UINT32_MAX - 5;
    thread_in(&view, 2)->counters_chunks[1] = (uint32_t)(view.bytes / TG_UNIT_BYTES);
    struct tg_snapshot snapshot = take(&view, false);
    assert_int_equal(snapshot.damaged_count, 2);
    assert_int_equal(snapshot.rows[3].measures.call_count, 9);
    assert_int_equal(tg_histogram_count(snapshot.rows[3].measures.histogram), 6);
    assert_int_equal(snapshot.rows[200].measures.call_count, 6); /* of thread 2 nothing */
    tg_snapshot_release(&snapshot);

    struct tg_header *header = (void *)copy;
    header->function_chunks[0] = UINT32_MAX - 1;
    snapshot = take(&view, false);
    assert_int_equal(snapshot.row_count, FUNCTIONS); /* figures without names are figures */
    assert_memory_equal(snapshot.rows[0].name, "(function without a name)", snapshot.rows[0].name_bytes);
    tg_snapshot_release(&snapshot);
    free(copy);
    let_end(living);
}

static void assert_quick(const struct tg_view *view) {
    struct timespec start;
    struct timespec end;
    for (int by_thread = 0; by_thread < 2; by_thread++) {
        struct tg_snapshot snapshot;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
        assert_int_equal(tg_snapshot_take(&snapshot, view, by_thread, NULL), TG_OK);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        for (size_t i = 0; i < snapshot.row_count; i++) { /* touch what is borrowed */
            assert_true(memchr(snapshot.rows[i].name, 1, snapshot.rows[i].name_bytes) != snapshot.rows[i].name - 1);
            assert_true(memchr(snapshot.rows[i].file, 1, snapshot.rows[i].file_bytes) != snapshot.rows[i].file - 1);
        }
        tg_snapshot_release(&snapshot);
        assert_true(end.tv_sec - start.tv_sec < 10); /* not a figure to be proud of: a bound, also when sanitized */
    }
}

/* Tables that contain each other, and as many of them as the format knows. */
static void circles_end(void **state) {
    (void)state;
    pthread_t living;
    fill(&living);
    struct tg_view view;
    unsigned char *copy = copy_recording(&view);
    struct tg_header *header = (void *)copy;
    header->thread_count = UINT32_MAX;
    header->function_count = UINT32_MAX;
    tg_place threads = header->thread_chunks[0];
    tg_place *thread_places =
        (tg_place *)(uintptr_t)tg_view_at(&view, threads, TG_THREAD_CHUNK * sizeof *thread_places);
    for (int i = 0; i < TG_THREAD_CHUNKS; i++) {
        header->thread_chunks[i] = threads;
        thread_places[i] = thread_places[1];
    }
    for (int i = 0; i < TG_COUNTERS_CHUNKS; i++) {
        thread_in(&view, 1)->counters_chunks[i] = thread_in(&view, 1)->counters_chunks[0];
    }
    assert_quick(&view);
    for (uint32_t unit = 64; unit < view.bytes / TG_UNIT_BYTES; unit++) { /* every place leads to itself */
        tg_place *places = (void *)(copy + (size_t)unit * TG_UNIT_BYTES);
        for (int i = 0; i < 16; i++) {
            places[i] = unit;
        }
    }
    assert_quick(&view);
    free(copy);
    let_end(living);
}

static void random_damage_is_survived(void **state) {
    (void)state;
    pthread_t living;
    fill(&living);
    struct tg_view view;
    unsigned char *copy = copy_recording(&view);
    unsigned char *whole = malloc(view.bytes);
    assert_non_null(whole);
    memcpy(whole, copy, view.bytes);
    uint64_t random = 88172645463325252U;
    for (int round = 0; round < 100; round++) {
        memcpy(copy, whole, view.bytes);
        for (int flips = 0; flips < 1 << round % 11; flips++) {
            random ^= random << 13U;
            random ^= random >> 7U;
            random ^= random << 17U;
            size_t limit = round % 2 ? view.bytes : 3 * TG_HEADER_BYTES; /* where places are dense */
            copy[random % limit] ^= (unsigned char)(1U << (random >> 40U) % 8);
        }
        assert_quick(&view);
    }
    free(whole);
    free(copy);
    let_end(living);
}

int main(void) {
#define WITH_TRACER(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up_tracer, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRACER(rows_are_sums_over_threads),
        WITH_TRACER(rows_by_thread),
        WITH_TRACER(rows_have_names_and_places),
        WITH_TRACER(a_dead_writers_last_moment),
        WITH_TRACER(a_view_may_be_older_than_the_recording),
        WITH_TRACER(places_that_lead_nowhere_are_counted),
        WITH_TRACER(circles_end),
        WITH_TRACER(random_damage_is_survived),
    };
    return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
