#include "record/measures.h"

#include "cmocka_all.h"

#include <string.h>

/* What `count` calls of these durations, ended in this order, measure. */
static struct tg_measures measured(size_t count, const uint64_t *durations_ns, uint64_t first_end_ticks) {
    struct tg_measures sum;
    tg_measures_init(&sum);
    for (size_t i = 0; i < count; i++) {
        struct tg_histogram histogram = {{0}};
        assert_int_equal(tg_histogram_add(&histogram, durations_ns[i], 1), TG_OK);
        struct tg_measures one = {
            .call_count = 1,
            .error_count = durations_ns[i] % 2,
            .total_ns = durations_ns[i],
            .cumulative_ns = durations_ns[i],
            .self_ns = durations_ns[i] / 2,
            .active_ns = durations_ns[i],
            .minimum_ns = durations_ns[i],
            .maximum_ns = durations_ns[i],
            .last_ns = durations_ns[i],
            .last_end_ticks = first_end_ticks + i,
            .histogram = &histogram,
        };
        assert_int_equal(tg_measures_add(&sum, &one), TG_OK);
    }
    return sum;
}

static void nothing_measured(void **state) {
    (void)state;
    struct tg_measures none;
    tg_measures_init(&none);
    assert_true(none.minimum_ns == UINT64_MAX);
    assert_int_equal(tg_measures_average_ns(&none), 0);
    assert_int_equal(tg_measures_percentile(&none, 50), 0);
    struct tg_measures copy;
    assert_int_equal(tg_measures_copy(&copy, &none), TG_OK);
    assert_null(copy.histogram);
    assert_int_equal(tg_measures_add(&copy, &none), TG_OK);
    assert_true(copy.minimum_ns == UINT64_MAX);
    tg_measures_subtract(&copy, &none);
    assert_int_equal(copy.call_count, 0);
    tg_measures_release(&copy);
    tg_measures_release(&copy);
    tg_measures_release(NULL);
}

static void sums(void **state) {
    (void)state;
    struct tg_measures a = measured(3, (const uint64_t[]){100, 7, 300}, 50);
    struct tg_measures b = measured(2, (const uint64_t[]){9, 1000}, 10);
    a.running_count = 3;
    b.running_count = -1; /* ended here, begun there */
    assert_int_equal(tg_measures_add(&a, &b), TG_OK);
    assert_int_equal(a.call_count, 5);
    assert_int_equal(a.running_count, 2);
    assert_int_equal(a.error_count, 2);
    assert_int_equal(a.total_ns, 1416);
    assert_int_equal(a.cumulative_ns, 1416);
    assert_int_equal(a.active_ns, 1416);
    assert_int_equal(a.self_ns, 50 + 3 + 150 + 4 + 500);
    assert_int_equal(a.minimum_ns, 7);
    assert_int_equal(a.maximum_ns, 1000);
    assert_int_equal(a.last_ns, 300); /* b's calls ended earlier */
    assert_int_equal(a.last_end_ticks, 52);
    assert_int_equal(tg_histogram_count(a.histogram), 5);
    assert_int_equal(tg_measures_average_ns(&a), 283);
    tg_measures_release(&a);
    tg_measures_release(&b);
}

static void the_last_call_is_the_one_that_ended_last(void **state) {
    (void)state;
    struct tg_measures a = measured(1, (const uint64_t[]){100}, 50);
    struct tg_measures b = measured(1, (const uint64_t[]){200}, 60);
    struct tg_measures none;
    tg_measures_init(&none);
    none.last_end_ticks = 99; /* means nothing without calls */
    assert_int_equal(tg_measures_add(&a, &b), TG_OK);
    assert_int_equal(tg_measures_add(&a, &none), TG_OK);
    assert_int_equal(a.last_ns, 200);
    tg_measures_release(&a);
    tg_measures_release(&b);
}

static void nothing_wraps(void **state) {
    (void)state;
    struct tg_histogram full = {{UINT64_MAX}};
    struct tg_measures huge = {.call_count = UINT64_MAX - 1,
                               .error_count = UINT64_MAX,
                               .total_ns = UINT64_MAX - 5,
                               .cumulative_ns = UINT64_MAX - 5,
                               .self_ns = UINT64_MAX - 5,
                               .active_ns = UINT64_MAX - 5,
                               .histogram = &full};
    struct tg_measures sum;
    assert_int_equal(tg_measures_copy(&sum, &huge), TG_OK);
    assert_int_equal(tg_measures_add(&sum, &huge), TG_ERROR_FULL);
    assert_true(sum.call_count == UINT64_MAX);
    assert_true(sum.error_count == UINT64_MAX);
    assert_true(sum.total_ns == UINT64_MAX);
    assert_true(sum.cumulative_ns == UINT64_MAX);
    assert_true(sum.self_ns == UINT64_MAX);
    assert_true(sum.active_ns == UINT64_MAX);
    assert_true(sum.histogram->counts[0] == UINT64_MAX);
    assert_int_equal(tg_measures_average_ns(&sum), 1);

    struct tg_measures less = measured(1, (const uint64_t[]){100}, 1);
    tg_measures_subtract(&less, &huge); /* of other counters: nothing to be had from that but no wrap either */
    assert_int_equal(less.call_count, 0);
    assert_int_equal(less.total_ns, 0);
    tg_measures_release(&less);
    tg_measures_release(&sum);
}

static void averages_are_rounded(void **state) {
    (void)state;
    struct tg_measures m = {.call_count = 4, .total_ns = 9};
    assert_int_equal(tg_measures_average_ns(&m), 2);
    m.total_ns = 10;
    assert_int_equal(tg_measures_average_ns(&m), 3);
    m.call_count = 1;
    assert_int_equal(tg_measures_average_ns(&m), 10);
}

static void copies_are_deep(void **state) {
    (void)state;
    struct tg_measures a = measured(2, (const uint64_t[]){100, 200}, 1);
    struct tg_measures copy;
    memset(&copy, 0xA5, sizeof copy);
    assert_int_equal(tg_measures_copy(&copy, &a), TG_OK);
    assert_ptr_not_equal(copy.histogram, a.histogram);
    tg_measures_release(&a);
    assert_int_equal(copy.call_count, 2);
    assert_int_equal(tg_histogram_count(copy.histogram), 2);
    tg_measures_release(&copy);
}

static void assert_within_a_sixteenth(uint64_t is, uint64_t should_be) {
    uint64_t distance = is > should_be ? is - should_be : should_be - is;
    if (distance * 16 > should_be) {
        fail_msg("%llu for %llu", (unsigned long long)is, (unsigned long long)should_be);
    }
}

static void a_difference_is_what_came_after(void **state) {
    (void)state;
    static const uint64_t durations_ns[] = {50, 1000000, 400, 700, 1000, 577};
    struct tg_measures before = measured(2, durations_ns, 1);
    struct tg_measures after = measured(6, durations_ns, 1);
    after.running_count = 2;
    before.running_count = 5;
    tg_measures_subtract(&after, &before);
    assert_int_equal(after.call_count, 4);
    assert_int_equal(after.running_count, 2);
    assert_int_equal(after.total_ns, 400 + 700 + 1000 + 577);
    assert_int_equal(after.error_count, 1);
    assert_int_equal(after.last_ns, 577);
    assert_int_equal(tg_histogram_count(after.histogram), 4);
    assert_within_a_sixteenth(after.minimum_ns, 400);
    assert_within_a_sixteenth(after.maximum_ns, 1000);
    assert_true(after.minimum_ns >= 50 && after.maximum_ns <= 1000000);
    tg_measures_release(&after);
    tg_measures_release(&before);
}

/* The bound holds wherever in its bucket the duration lies. */
static void extremes_of_a_difference_are_near(void **state) {
    (void)state;
    for (uint64_t ns = 40; ns < UINT64_C(1) << 42U; ns += ns / 7 + 1) {
        const uint64_t durations_ns[] = {1, UINT64_C(1) << 50U, ns};
        struct tg_measures before = measured(2, durations_ns, 1);
        struct tg_measures after = measured(3, durations_ns, 1);
        tg_measures_subtract(&after, &before);
        assert_within_a_sixteenth(after.minimum_ns, ns);
        assert_within_a_sixteenth(after.maximum_ns, ns);
        tg_measures_release(&after);
        tg_measures_release(&before);
    }
}

static void extremes_stay_within_the_known(void **state) {
    (void)state;
    const uint64_t durations_ns[] = {1000, 1003, 1001};
    struct tg_measures before = measured(2, durations_ns, 1);
    struct tg_measures after = measured(3, durations_ns, 1);
    tg_measures_subtract(&after, &before);
    assert_in_range(after.minimum_ns, 1000, 1003);
    assert_in_range(after.maximum_ns, after.minimum_ns, 1003);
    tg_measures_release(&after);
    tg_measures_release(&before);
    struct tg_measures longest = measured(2, (const uint64_t[]){5, UINT64_C(1) << 60U}, 1);
    before = measured(1, (const uint64_t[]){5}, 1);
    tg_measures_subtract(&longest, &before);
    assert_true(longest.maximum_ns == UINT64_C(1) << 60U); /* its bucket has no end */
    tg_measures_release(&longest);
    tg_measures_release(&before);
}

static void a_difference_without_calls(void **state) {
    (void)state;
    struct tg_measures before = measured(2, (const uint64_t[]){100, 200}, 1);
    struct tg_measures after = measured(2, (const uint64_t[]){100, 200}, 1);
    tg_measures_subtract(&after, &before);
    assert_int_equal(after.call_count, 0);
    assert_true(after.minimum_ns == UINT64_MAX);
    assert_int_equal(after.maximum_ns, 0);
    assert_int_equal(after.last_ns, 0);
    assert_int_equal(tg_measures_percentile(&after, 50), 0);
    tg_measures_release(&after);
    tg_measures_release(&before);
}

/* Where no histogram could be had, the extremes known so far are the best there is. */
static void a_difference_without_histogram(void **state) {
    (void)state;
    struct tg_measures before = {.call_count = 1, .total_ns = 10, .minimum_ns = 10, .maximum_ns = 10};
    struct tg_measures after = {.call_count = 3, .total_ns = 60, .minimum_ns = 10, .maximum_ns = 30};
    tg_measures_subtract(&after, &before);
    assert_int_equal(after.call_count, 2);
    assert_int_equal(after.total_ns, 50);
    assert_int_equal(after.minimum_ns, 10);
    assert_int_equal(after.maximum_ns, 30);
}

static void percentiles_lie_between_the_extremes(void **state) {
    (void)state;
    struct tg_measures a = measured(4, (const uint64_t[]){100, 200, 300, 10001}, 1);
    assert_int_equal(tg_measures_percentile(&a, 0), 100);
    assert_within_a_sixteenth(tg_measures_percentile(&a, 50), 200);
    assert_int_equal(tg_measures_percentile(&a, 100), 10001);
    tg_measures_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_measured),
        cmocka_unit_test(sums),
        cmocka_unit_test(the_last_call_is_the_one_that_ended_last),
        cmocka_unit_test(nothing_wraps),
        cmocka_unit_test(averages_are_rounded),
        cmocka_unit_test(copies_are_deep),
        cmocka_unit_test(a_difference_is_what_came_after),
        cmocka_unit_test(extremes_of_a_difference_are_near),
        cmocka_unit_test(extremes_stay_within_the_known),
        cmocka_unit_test(a_difference_without_calls),
        cmocka_unit_test(a_difference_without_histogram),
        cmocka_unit_test(percentiles_lie_between_the_extremes),
    };
    return cmocka_run_group_tests_name("measures", tests, NULL, NULL);
}
