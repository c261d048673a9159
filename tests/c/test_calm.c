/*
 * Trials that fail: how many there may be, and that a thread which is calm is not stopped for some.
 */
#include "sample/calm.h"

#include "cmocka_all.h"

#define SAMPLES 1000000

/* Counts what comes of samples whose trials fail by chance, so many in a million. */
static void try_all(struct tg_calm *calm, uint64_t failing, int *failed, int *stopped) {
    uint64_t random = 42;
    *failed = *stopped = 0;
    for (int i = 0; i < SAMPLES; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407); /* Knuth's MMIX */
        if (!tg_calm_may_try(calm)) {
            ++*stopped;
        } else if ((random >> 32) % 1000000 < failing) {
            tg_calm_fail(calm);
            ++*failed;
        }
        tg_calm_count(calm);
    }
}

static void no_more_fail_than_are_allowed(void **state) {
    (void)state;
    static const uint64_t rates[] = {1000000, 500000, 40000, 20000, 10000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        int failed, stopped;
        try_all(&(struct tg_calm){0}, rates[i], &failed, &stopped);
        assert_in_range(failed, SAMPLES / TG_CALM_PRICE * 9 / 10, SAMPLES / TG_CALM_PRICE + 1);
    }
}

static void one_failure_is_remembered_for_long(void **state) {
    (void)state;
    struct tg_calm calm = {0};
    for (int failures = 0; failures < 2; failures++) {
        int count = 0;
        for (; !tg_calm_is_sure(&calm) && count < SAMPLES; count++) {
            tg_calm_count(&calm);
        }
        assert_in_range(count, failures ? TG_CALM_PRICE : TG_CALM_ADVANCE * TG_CALM_PRICE, SAMPLES - 1);
        tg_calm_fail(&calm);
        assert_false(tg_calm_is_sure(&calm));
    }
}

static void who_makes_calls_all_the_time_is_always_stopped(void **state) {
    (void)state;
    int failed, stopped;
    try_all(&(struct tg_calm){0}, 1000000, &failed, &stopped);
    assert_in_range(stopped, SAMPLES - SAMPLES / TG_CALM_PRICE - 1, SAMPLES - 1);
}

static void who_is_calm_is_hardly_ever_stopped(void **state) {
    (void)state;
    int failed, stopped;
    try_all(&(struct tg_calm){0}, 4000, &failed, &stopped); /* one in 250 */
    assert_in_range(failed, 3500, 4500);
    assert_in_range(stopped, 0, SAMPLES / 1000);
}

static void trials_without_end_cost_no_more(void **state) {
    (void)state;
    struct tg_calm calm = {0};
    for (int i = 0; i < 100 * SAMPLES; i++) { /* nobody can be stopped */
        tg_calm_fail(&calm);
    }
    assert_int_equal(calm.saved, -TG_CALM_PRICE);
}

static void calm_is_paid_in_advance_for_a_few(void **state) {
    (void)state;
    struct tg_calm calm = {0};
    int failed = 0;
    for (int i = 0; i < SAMPLES; i++) {
        tg_calm_count(&calm);
    }
    while (tg_calm_may_try(&calm)) {
        tg_calm_fail(&calm);
        failed++;
    }
    assert_int_equal(failed, TG_CALM_ADVANCE + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failure_is_remembered_for_long),
        cmocka_unit_test(no_more_fail_than_are_allowed),
        cmocka_unit_test(who_makes_calls_all_the_time_is_always_stopped),
        cmocka_unit_test(who_is_calm_is_hardly_ever_stopped),
        cmocka_unit_test(trials_without_end_cost_no_more),
        cmocka_unit_test(calm_is_paid_in_advance_for_a_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
