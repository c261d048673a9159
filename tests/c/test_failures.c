/* Exceptions in the recording of this process: groups, samples, what is taken, and what has no space. */
#include "record/failures.h"

#include "recording_fixture.h"

#include <pthread.h>

static const struct tg_recording *held;
static struct tg_view view;
static struct tg_failures failures;

static void look(void) {
    held = tg_tracer_hold();
    assert_non_null(held);
    view = tg_view_of_recording(held);
    tg_failures_open(&failures, &view);
    tg_tracer_let_go();
}

static struct tg_failure_bytes text(const char *bytes) {
    return (struct tg_failure_bytes){.data = bytes, .length = strlen(bytes)};
}

static struct tg_failure_source source_of(uint64_t fingerprint) {
    return (struct tg_failure_source){
        .fingerprint = fingerprint,
        .name = text("shop::pay"),
        .file = text("shop.py"),
        .type = text("ValueError"),
    };
}

static enum tg_failure_answer raise_one(uint64_t fingerprint, uint32_t *group) {
    struct tg_failure_source source = source_of(fingerprint);
    return tg_failure_count(fingerprint, &source, group);
}

/* A sample whose message has so many bytes. */
static void keep(uint32_t group, size_t bytes) {
    static _Thread_local char message[TG_FAILURE_CHUNK_BYTES];
    memset(message, 'm', sizeof message);
    struct tg_failure_texts texts = {
        .texts = {[TG_FAILURE_MESSAGE] = {.data = message, .length = bytes}, [TG_FAILURE_ARGS] = text("[1]")},
    };
    tg_failure_keep(group, &texts);
}

static size_t count_samples(uint64_t after_serial) {
    struct tg_failure_cursor cursor = {.after_serial = after_serial};
    struct tg_failure_sample_row row;
    size_t found = 0;
    while (tg_failures_next(&failures, &cursor, &row)) {
        assert_int_equal(row.texts[TG_FAILURE_ARGS].length, 3);
        assert_memory_equal(row.texts[TG_FAILURE_ARGS].data, "[1]", 3);
        found++;
    }
    return found;
}

static void there_is_nothing_before_the_first(void **state) {
    (void)state;
    look();
    assert_null(failures.area);
    assert_int_equal(failures.group_count, 0);
    assert_int_equal(count_samples(0), 0);
}

static void a_group_is_asked_for_once(void **state) {
    (void)state;
    uint32_t group = 99;
    assert_int_equal(tg_failure_count(7, NULL, &group), TG_FAILURE_UNKNOWN);
    assert_int_equal(raise_one(7, &group), TG_FAILURE_WANTED);
    assert_int_equal(group, 1);
    assert_int_equal(tg_failure_count(7, NULL, &group), TG_FAILURE_WANTED);
    assert_int_equal(group, 1);
    look();
    struct tg_failure_row row;
    assert_true(tg_failures_group(&failures, 1, &row));
    assert_int_equal(row.fingerprint, 7);
    assert_int_equal(row.count, 2);
    assert_memory_equal(row.name.data, "shop::pay", row.name.length);
    assert_memory_equal(row.file.data, "shop.py", row.file.length);
    assert_memory_equal(row.type.data, "ValueError", row.type.length);
    assert_in_range(row.first_wall_ns, 1, row.last_wall_ns);
    assert_false(tg_failures_group(&failures, 2, &row));
}

static void samples_are_bounded_by_epoch_and_counts_are_not(void **state) {
    (void)state;
    uint32_t group;
    int wanted = 0;
    for (int i = 0; i < 100; i++) {
        wanted += raise_one(7, &group) == TG_FAILURE_WANTED;
    }
    assert_int_equal(wanted, TG_FAILURE_SAMPLES);
    look();
    atomic_fetch_add(&held->header->epoch, 1);
    assert_int_equal(raise_one(7, &group), TG_FAILURE_WANTED);
    struct tg_failure_row row;
    assert_true(tg_failures_group(&failures, group, &row));
    assert_int_equal(row.count, 101);
}

static void samples_are_read_after_a_serial(void **state) {
    (void)state;
    uint32_t group;
    raise_one(7, &group);
    keep(group, 5);
    keep(group, 0);
    keep(group, 100);
    look();
    assert_int_equal(failures.serial, 3);
    assert_int_equal(count_samples(0), 3);
    assert_int_equal(count_samples(2), 1);
    assert_int_equal(count_samples(3), 0);
    keep(group, 1);
    assert_int_equal(count_samples(0), 3); /* what comes later is for the next look */
    look();
    assert_int_equal(count_samples(3), 1);
}

static void a_chunk_is_used_again_once_it_is_taken(void **state) {
    (void)state;
    uint32_t group;
    raise_one(7, &group);
    look();
    for (int i = 0; i < 20; i++) {
        keep(group, 60000); /* one fills a chunk */
        look();
        assert_int_equal(count_samples((uint64_t)i), 1);
        tg_failure_take(held, failures.serial);
    }
    assert_int_equal(failures.lost_count, 0);
    assert_int_equal(failures.area->chunks[1], TG_PLACE_NONE);
}

static void samples_without_space_are_counted(void **state) {
    (void)state;
    uint32_t group;
    raise_one(7, &group);
    keep(group, TG_FAILURE_CHUNK_BYTES - 10); /* larger than a chunk holds */
    for (int i = 0; i < TG_FAILURE_CHUNKS + 3; i++) {
        keep(group, 60000);
    }
    look();
    assert_int_equal(count_samples(0), TG_FAILURE_CHUNKS);
    assert_int_equal(failures.lost_count, 4);
    assert_in_range(atomic_load(&held->header->used_bytes), 0, UINT64_C(16) << 20);
    tg_failure_take(held, failures.serial);
    keep(group, 60000);
    look();
    assert_int_equal(count_samples(failures.serial - 1), 1);
}

static void groups_past_the_limit_are_one(void **state) {
    (void)state;
    uint32_t group;
    for (uint64_t i = 1; i < TG_FAILURE_GROUPS_MAX + 10; i++) {
        raise_one(i * UINT64_C(0x100000001), &group);
    }
    assert_int_equal(group, 0);
    assert_int_equal(tg_failure_count(12345, NULL, &group), TG_FAILURE_COUNTED); /* ten are sampled by then */
    look();
    uint64_t sum = 0;
    for (uint32_t i = 0; i < failures.group_count; i++) {
        struct tg_failure_row row;
        assert_true(tg_failures_group(&failures, i, &row));
        assert_int_equal(row.count, i == 0 ? 11 : 1);
        sum += row.count;
    }
    assert_int_equal(failures.group_count, TG_FAILURE_GROUPS_MAX);
    assert_int_equal(sum, TG_FAILURE_GROUPS_MAX + 10);
}

static void long_texts_are_cut_at_a_character(void **state) {
    (void)state;
    char name[4000];
    uint32_t group;
    for (size_t i = 0; i + 3 <= sizeof name; i += 3) {
        name[i] = '\xE2';
        name[i + 1] = '\x82';
        name[i + 2] = '\xAC';
    }
    struct tg_failure_source source = source_of(7);
    source.name = (struct tg_failure_bytes){.data = name, .length = 3999};
    tg_failure_count(7, &source, &group);
    look();
    struct tg_failure_row row;
    assert_true(tg_failures_group(&failures, group, &row));
    assert_int_equal(row.name.length, 999);
    assert_memory_equal(row.type.data, "ValueError", row.type.length);
}

static void a_forked_child_has_its_own(void **state) {
    (void)state;
    uint32_t group;
    uint32_t function = fixture_function("m::f");
    raise_one(7, &group);
    pid_t child = fork_for_test();
    if (child == 0) {
        assert_int_equal(tg_failure_count(7, NULL, &group), TG_FAILURE_COUNTED); /* nowhere */
        fixture_call(function, 1);
        assert_int_equal(tg_failure_count(7, NULL, &group), TG_FAILURE_UNKNOWN);
        keep(1, 1);
        assert_int_equal(raise_one(7, &group), TG_FAILURE_WANTED);
        look();
        struct tg_failure_row row;
        assert_true(tg_failures_group(&failures, 1, &row));
        assert_int_equal(row.count, 1);
        _exit(0);
    }
    fixture_expect_success(child);
}

static void a_full_recording_counts_nothing_and_goes_on(void **state) {
    (void)state;
    uint32_t group;
    tg_tracer_close();
    fixture_open_with((struct tg_tracer_options){.recording = {.capacity_bytes = 32768}});
    look();
    while (tg_recording_reserve((struct tg_recording *)(uintptr_t)held, 64) != TG_PLACE_NONE) {
    }
    assert_int_equal(raise_one(7, &group), TG_FAILURE_COUNTED);
    keep(group, 1);
    look();
    assert_null(failures.area);
}

/* What lies in a message as the next sample of the chunk did. */
static void a_walk_does_not_go_on_in_a_chunk_that_is_used_again(void **state) {
    (void)state;
    uint32_t group;
    struct tg_failure_cursor cursor = {.after_serial = 0};
    struct tg_failure_sample_row row;
    raise_one(7, &group);
    keep(group, 8);
    keep(group, 59000);
    look();
    assert_true(tg_failures_next(&failures, &cursor, &row));
    keep(group, 1);
    const struct tg_failures before = failures;
    look();
    tg_failure_take(held, failures.serial);
    static struct tg_failure_sample fake[500];
    for (size_t i = 0; i < sizeof fake / sizeof fake[0]; i++) {
        fake[i] = (struct tg_failure_sample){.bytes = sizeof fake[i], .group = group, .serial = 2};
    }
    /* So that one of them begins where the cursor stands. */
    struct tg_failure_texts texts = {
        .texts = {[TG_FAILURE_MESSAGE] = {.data = (const char *)fake + sizeof fake[0]
                                                  - (cursor.at_bytes - sizeof fake[0]) % sizeof fake[0],
                                          .length = sizeof fake - sizeof fake[0]}},
    };
    tg_failure_keep(group, &texts);
    assert_false(tg_failures_next(&before, &cursor, &row));
}

#define WALKS 1000000

struct turning {
    struct tg_failure_sample *sample;
    _Atomic bool is_over;
};

/* Between what is right and what is not, as fast as it can. */
static void *turn_over(void *given) {
    struct turning *turning = given;
    struct tg_failure_sample *sample = turning->sample;
    uint32_t whole = sample->bytes;
    while (!atomic_load(&turning->is_over)) {
        __atomic_store_n(&sample->bytes, 8, __ATOMIC_RELAXED);
        __atomic_store_n(&sample->text_bytes[TG_FAILURE_MESSAGE], TG_FAILURE_CHUNK_BYTES, __ATOMIC_RELAXED);
        __atomic_store_n(&sample->bytes, whole, __ATOMIC_RELAXED);
        __atomic_store_n(&sample->text_bytes[TG_FAILURE_MESSAGE], 5, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* What was checked is what is used, whoever writes over it meanwhile. */
static void what_changes_while_it_is_read_stays_in_its_bounds(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* it is a race, and is to be one */
#endif
    uint32_t group;
    pthread_t thread;
    raise_one(7, &group);
    keep(group, 5);
    look();
    const struct tg_failure_chunk *chunk = tg_view_at(&view, failures.area->chunks[0], TG_FAILURE_CHUNK_BYTES);
    struct turning turning = {.sample = (void *)(uintptr_t)(chunk + 1)};
    size_t wrong = 0;
    assert_int_equal(pthread_create(&thread, NULL, turn_over, &turning), 0);
    for (int i = 0; i < WALKS; i++) {
        struct tg_failure_cursor cursor = {.after_serial = 0};
        struct tg_failure_sample_row row;
        while (tg_failures_next(&failures, &cursor, &row)) {
            wrong += row.texts[TG_FAILURE_MESSAGE].length != 5;
        }
    }
    atomic_store(&turning.is_over, true);
    pthread_join(thread, NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(count_samples(0), 1);
}

static void damaged_places_lead_nowhere(void **state) {
    (void)state;
    uint32_t group;
    struct tg_failure_row row;
    raise_one(7, &group);
    keep(group, 5);
    look();
    struct tg_failure_area *area = (struct tg_failure_area *)(uintptr_t)failures.area;
    struct tg_failure_chunk *chunk = (void *)(uintptr_t)tg_view_at(&view, area->chunks[0], 64);
    struct tg_failure_sample *sample = (void *)(chunk + 1);
    sample->text_bytes[TG_FAILURE_THREAD] = UINT32_MAX;
    assert_int_equal(count_samples(0), 0);
    sample->text_bytes[TG_FAILURE_THREAD] = 0;
    sample->bytes = 0;
    assert_int_equal(count_samples(0), 0);
    chunk->used_bytes = UINT32_MAX;
    assert_int_equal(count_samples(0), 0);
    area->chunks[0] = UINT32_MAX;
    assert_int_equal(count_samples(0), 0);
    area->group_chunks[0] = UINT32_MAX;
    assert_false(tg_failures_group(&failures, group, &row));
    area->group_count = UINT32_MAX;
    look();
    assert_false(tg_failures_group(&failures, TG_FAILURE_GROUPS_MAX, &row));
    held->header->failures = UINT32_MAX;
    look();
    assert_null(failures.area);
}

#define STORM_THREADS 4
#define STORM_CALLS   20000

static void *storm(void *given) {
    const uint64_t *first = given;
    for (uint64_t i = 0; i < STORM_CALLS; i++) {
        uint32_t group;
        if (raise_one(*first + i % 3, &group) == TG_FAILURE_WANTED) {
            keep(group, 200);
        }
    }
    return NULL;
}

static void counts_are_exact_in_a_storm(void **state) {
    (void)state;
    pthread_t threads[STORM_THREADS];
    static const uint64_t first[STORM_THREADS] = {10, 11, 12, 13};
    uint64_t taken = 0;
    size_t samples = 0;
    for (int i = 0; i < STORM_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, storm, (void *)(uintptr_t)&first[i]), 0);
    }
    for (int i = 0; i < 200; i++) {
        look();
        atomic_fetch_add(&held->header->epoch, 1);
        samples += count_samples(taken);
        taken = failures.serial;
        tg_failure_take(held, taken);
    }
    for (int i = 0; i < STORM_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    look();
    samples += count_samples(taken);
    assert_int_equal(samples, failures.serial);
    uint64_t sum = 0;
    for (uint32_t i = 1; i < failures.group_count; i++) {
        struct tg_failure_row row;
        assert_true(tg_failures_group(&failures, i, &row));
        sum += row.count;
    }
    assert_int_equal(sum, STORM_THREADS * STORM_CALLS);
    assert_int_equal(failures.lost_count, 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_set_up_tracer, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(there_is_nothing_before_the_first),
        TEST(a_group_is_asked_for_once),
        TEST(samples_are_bounded_by_epoch_and_counts_are_not),
        TEST(samples_are_read_after_a_serial),
        TEST(a_chunk_is_used_again_once_it_is_taken),
        TEST(samples_without_space_are_counted),
        TEST(groups_past_the_limit_are_one),
        TEST(long_texts_are_cut_at_a_character),
        TEST(a_forked_child_has_its_own),
        TEST(a_full_recording_counts_nothing_and_goes_on),
        TEST(a_walk_does_not_go_on_in_a_chunk_that_is_used_again),
        TEST(what_changes_while_it_is_read_stays_in_its_bounds),
        TEST(damaged_places_lead_nowhere),
        TEST(counts_are_exact_in_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
