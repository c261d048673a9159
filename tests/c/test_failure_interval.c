/* From a recording's exceptions to those of batches: counts that add up, and each sample once. */
#include "collect/failure_interval.h"

#include "record/failures.h"
#include "recording_fixture.h"

static struct tg_failure_interval interval;
static struct tg_failure_draft draft;
static struct tg_batch_failures made;
static struct tg_view view;

static int set_up(void **state) {
    return fixture_set_up_tracer(state);
}

static int tear_down(void **state) {
    tg_failure_draft_release(&draft);
    tg_failure_interval_release(&interval);
    return fixture_tear_down(state);
}

static struct tg_failure_bytes text(const char *bytes) {
    return (struct tg_failure_bytes){.data = bytes, .length = strlen(bytes)};
}

/* An exception of a kind, of which a sample is kept while one is wanted. */
static void fail_once(uint64_t fingerprint, const char *message) {
    uint32_t group = 0;
    const struct tg_failure_source source = {
        .fingerprint = fingerprint, .name = text("shop::pay"), .file = text("shop.py"), .type = text("ValueError")};
    if (tg_failure_count(fingerprint, &source, &group) == TG_FAILURE_WANTED) {
        const struct tg_failure_texts texts = {.texts = {[TG_FAILURE_MESSAGE] = text(message)}};
        tg_failure_keep(group, &texts);
    }
}

/* The next batch's part; the collector has begun an epoch. */
static void make(void) {
    const struct tg_recording *held = tg_tracer_hold();
    atomic_fetch_add(&held->header->epoch, 1);
    view = tg_view_of_recording(held);
    tg_failure_draft_release(&draft);
    assert_int_equal(tg_failure_interval_make(&interval, &view, &draft, &made), TG_OK);
    tg_tracer_let_go();
}

/* It is in the spool: its samples need no place any more. */
static void accept(void) {
    tg_failure_interval_accept(&interval, &draft);
    tg_failure_take(tg_tracer_hold(), interval.serial);
    tg_tracer_let_go();
}

static uint64_t count_of(uint64_t fingerprint) {
    for (size_t i = 0; i < made.group_count; i++) {
        if (made.groups[i].fingerprint == fingerprint) {
            return made.groups[i].count;
        }
    }
    return 0;
}

static void expect_message(size_t index, const char *message) {
    assert_true(index < made.sample_count);
    assert_int_equal(made.samples[index].message.length, strlen(message));
    assert_memory_equal(made.samples[index].message.data, message, strlen(message));
}

static void nothing_failed(void **state) {
    (void)state;
    make();
    assert_int_equal(made.group_count, 0);
    assert_int_equal(made.sample_count, 0);
    accept();
}

static void intervals_have_what_is_new(void **state) {
    (void)state;
    fail_once(7, "one");
    fail_once(8, "two");
    fail_once(7, "three");
    make();
    assert_int_equal(made.group_count, 2); /* the group of those past the limit has none */
    assert_int_equal(count_of(7), 2);
    assert_int_equal(count_of(8), 1);
    assert_int_equal(made.sample_count, 3);
    for (size_t i = 0; i < 3; i++) {
        expect_message(i, (const char *const[]){"one", "two", "three"}[i]);
        assert_true(i == 0 || made.samples[i].wall_ns >= made.samples[i - 1].wall_ns);
        assert_int_equal(made.groups[made.samples[i].failure].fingerprint, i == 1 ? 8 : 7);
    }
    accept();
    fail_once(8, "four");
    make();
    assert_int_equal(made.group_count, 1);
    assert_int_equal(count_of(8), 1);
    assert_int_equal(made.sample_count, 1);
    expect_message(0, "four");
    accept();
    make();
    assert_int_equal(made.group_count, 0);
    assert_int_equal(made.sample_count, 0);
}

/* The spool was full: the next batch has both, once. */
static void what_was_not_accepted_is_in_the_next(void **state) {
    (void)state;
    fail_once(7, "one");
    make();
    fail_once(7, "two");
    make();
    assert_int_equal(count_of(7), 2);
    assert_int_equal(made.sample_count, 2);
    accept();
    make();
    assert_int_equal(made.group_count, 0);
}

static void counts_are_exact_past_the_samples(void **state) {
    (void)state;
    uint64_t sum = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            fail_once(7, "again");
        }
        make();
        assert_int_equal(made.sample_count, TG_FAILURE_SAMPLES);
        sum += count_of(7);
        accept();
    }
    assert_int_equal(sum, 3000);
}

/* A collector that finds the batches of one before it in the spool goes on where that ended. */
static void goes_on_after_a_spool(void **state) {
    (void)state;
    fail_once(7, "one");
    fail_once(8, "two");
    make();
    tg_failure_interval_release(&interval); /* the collector that made it is gone */
    assert_int_equal(tg_failure_interval_resume(&interval, &made), TG_OK);
    fail_once(7, "three");
    make();
    assert_int_equal(made.group_count, 1);
    assert_int_equal(count_of(7), 1);
    assert_int_equal(made.sample_count, 1);
    expect_message(0, "three");
    accept();

    const struct tg_recording *held = tg_tracer_hold();
    view = tg_view_of_recording(held);
    tg_failure_draft_release(&draft);
    assert_int_equal(tg_failure_interval_sum(&interval, &view, &draft, &made), TG_OK);
    tg_tracer_let_go();
    assert_int_equal(count_of(7), 2);
    assert_int_equal(count_of(8), 1);
    assert_int_equal(made.sample_count, 0);
    assert_int_equal(made.serial, 3);
}

/* No bytes of a recording make a batch that cannot be stored. */
static void a_damaged_group_is_left_out(void **state) {
    (void)state;
    fail_once(7, "one");
    fail_once(8, "two");
    const struct tg_recording *held = tg_tracer_hold();
    view = tg_view_of_recording(held);
    struct tg_failures failures;
    tg_failures_open(&failures, &view);
    struct tg_failure_row row;
    assert_true(tg_failures_group(&failures, 1, &row));
    struct tg_failure_group *group = (struct tg_failure_group *)(void *)(uintptr_t)row.name.data - 1;
    uint32_t name_bytes = group->name_bytes;
    tg_tracer_let_go();
    group->name_bytes = 0;
    make();
    assert_int_equal(made.group_count, 1);
    assert_int_equal(count_of(8), 1);
    assert_int_equal(made.sample_count, 1);
    expect_message(0, "two");
    group->name_bytes = name_bytes;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_failed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(intervals_have_what_is_new, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_accepted_is_in_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_are_exact_past_the_samples, set_up, tear_down),
        cmocka_unit_test_setup_teardown(goes_on_after_a_spool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_group_is_left_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
