/*
 * The rhythm of sampling: jitter with the right mean, and what is said of ticks that fell out.
 */
#include "sample/pace.h"

#include "cmocka_all.h"

#define PERIOD_NS 1000000

static void intervals_differ_and_keep_the_rate(void **state) {
    (void)state;
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 42, 0);
    tg_ns shortest_ns = 2 * PERIOD_NS, longest_ns = 0, sum_ns = 0;
    for (int i = 0; i < 10000; i++) {
        tg_ns wall_ns = tg_pace_take(&pace, pace.due_ns);
        shortest_ns = wall_ns < shortest_ns ? wall_ns : shortest_ns;
        longest_ns = wall_ns > longest_ns ? wall_ns : longest_ns;
        sum_ns += wall_ns;
    }
    assert_in_range(shortest_ns, PERIOD_NS / 2, PERIOD_NS * 51 / 100);
    assert_in_range(longest_ns, PERIOD_NS * 149 / 100, PERIOD_NS * 3 / 2);
    assert_in_range(sum_ns / 10000, PERIOD_NS * 99 / 100, PERIOD_NS * 101 / 100);
    assert_int_equal(pace.missed, 0);
    assert_int_equal(pace.unwatched_ns, 0);
}

static void a_little_late_shifts_nothing(void **state) {
    (void)state;
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 1, 0);
    tg_ns due_ns = pace.due_ns, planned_ns = pace.interval_ns;
    assert_int_equal(tg_pace_take(&pace, due_ns + PERIOD_NS / 2), planned_ns);
    assert_int_equal(pace.due_ns, due_ns + pace.interval_ns);
    assert_int_equal(pace.missed, 0);
}

static void what_fell_out_is_counted_and_not_made_up_for(void **state) {
    (void)state;
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 1, 0);
    tg_ns planned_ns = pace.interval_ns, late_ns = 7 * PERIOD_NS + 5, now_ns = pace.due_ns + late_ns;
    assert_int_equal(tg_pace_take(&pace, now_ns), planned_ns); /* stands for one interval, however late */
    assert_int_equal(pace.missed, 7);
    assert_int_equal(pace.unwatched_ns, late_ns);
    assert_int_equal(pace.late_ns, late_ns);
    assert_int_equal(pace.due_ns, now_ns + pace.interval_ns);
    tg_pace_take(&pace, pace.due_ns);
    assert_int_equal(pace.missed, 7);
    assert_int_equal(pace.late_ns, 0);
}

/* Points of a cycle as long as a period are seen equally often, whatever else is in step with it. */
static void no_point_of_a_cycle_is_preferred(void **state) {
    (void)state;
    enum { PARTS = 10, LOOKS = 100000 };
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 3, 0);
    int seen[PARTS] = {0};
    for (int i = 0; i < LOOKS; i++) {
        tg_ns point_ns = pace.due_ns % PERIOD_NS;
        seen[point_ns / (PERIOD_NS / PARTS)]++;
        tg_ns due_ns = pace.due_ns;
        tg_pace_take(&pace, due_ns);
        /* One half of the cycle has the next look later by a fifth of it, as if the program had lost that time. */
        pace.due_ns += point_ns < PERIOD_NS / 2 ? PERIOD_NS / 5 : 0;
    }
    for (int i = 0; i < PARTS; i++) {
        assert_in_range(seen[i], LOOKS / PARTS * 95 / 100, LOOKS / PARTS * 105 / 100);
    }
}

/* The gaps behind looks that take so long. */
static void check_gaps(tg_ns took_ns, tg_ns longest_gap_ns) {
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 7, 0);
    tg_ns shortest_ns = INT64_MAX, longest_ns = 0, wall_ns = 0, first_ns = pace.due_ns;
    for (int i = 0; i < 1000; i++) {
        tg_ns due_ns = pace.due_ns;
        tg_ns stood_for_ns = tg_pace_take(&pace, due_ns);
        wall_ns += i ? stood_for_ns : 0;
        tg_ns done_ns = due_ns + took_ns;
        tg_pace_end(&pace, done_ns);
        tg_ns gap_ns = pace.due_ns - done_ns;
        shortest_ns = gap_ns < shortest_ns ? gap_ns : shortest_ns;
        longest_ns = gap_ns > longest_ns ? gap_ns : longest_ns;
    }
    assert_in_range(shortest_ns, 0, PERIOD_NS / 100);
    assert_in_range(longest_ns, longest_gap_ns * 98 / 100, longest_gap_ns);
    assert_int_equal(wall_ns + pace.interval_ns, pace.due_ns - first_ns); /* nothing is left unaccounted for */
    assert_int_equal(pace.missed, 0);
}

static void looks_that_take_too_long_do_not_follow_in_step(void **state) {
    (void)state;
    check_gaps(PERIOD_NS * 9 / 10, PERIOD_NS);
    check_gaps(PERIOD_NS * 149 / 100, PERIOD_NS * 149 / 100);
}

static void who_is_in_time_is_not_put_off(void **state) {
    (void)state;
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 7, 0);
    tg_pace_take(&pace, pace.due_ns);
    tg_ns due_ns = pace.due_ns;
    tg_pace_end(&pace, due_ns - 1);
    assert_int_equal(pace.due_ns, due_ns);
}

/* What fell out meanwhile nobody stands for; the next one does not follow at once. */
static void who_takes_several_periods_has_looks_fall_out(void **state) {
    (void)state;
    const tg_ns tooks_ns[] = {3 * PERIOD_NS, 70 * PERIOD_NS};
    for (size_t k = 0; k < sizeof tooks_ns / sizeof *tooks_ns; k++) {
        struct tg_pace pace;
        tg_pace_init(&pace, 1000, 7, 0);
        tg_ns wall_ns = 0, first_ns = pace.due_ns, longest_ns = 0, late_ns = 0;
        for (int i = 0; i < 1000; i++) {
            tg_ns due_ns = pace.due_ns;
            tg_ns stood_for_ns = tg_pace_take(&pace, due_ns);
            wall_ns += i ? stood_for_ns : 0;
            late_ns += pace.late_ns;
            tg_ns done_ns = due_ns + tooks_ns[k];
            tg_pace_end(&pace, done_ns);
            tg_ns gap_ns = pace.due_ns - done_ns;
            assert_in_range(gap_ns, 0, 4 * PERIOD_NS);
            longest_ns = gap_ns > longest_ns ? gap_ns : longest_ns;
        }
        assert_true(longest_ns > (k ? 39 : 29) * PERIOD_NS / 10);
        assert_in_range(pace.missed, 1000 * (tooks_ns[k] / PERIOD_NS - 2), 1000 * (tooks_ns[k] / PERIOD_NS));
        assert_int_equal(wall_ns + pace.interval_ns + pace.unwatched_ns, pace.due_ns - first_ns);
        assert_int_equal(late_ns + pace.fallen_ns, pace.unwatched_ns);
        tg_pace_set(&pace, 1000, pace.due_ns); /* after a pause nothing was late */
        tg_pace_take(&pace, pace.due_ns);
        assert_int_equal(pace.late_ns, 0);
    }
}

static void another_rate_begins_now(void **state) {
    (void)state;
    struct tg_pace pace;
    tg_pace_init(&pace, 1000, 0, 0);
    tg_pace_set(&pace, 10, 5 * PERIOD_NS);
    assert_in_range(pace.due_ns, 5 * PERIOD_NS + 50 * PERIOD_NS, 5 * PERIOD_NS + 150 * PERIOD_NS);
    assert_int_equal(pace.missed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_differ_and_keep_the_rate),
        cmocka_unit_test(a_little_late_shifts_nothing),
        cmocka_unit_test(what_fell_out_is_counted_and_not_made_up_for),
        cmocka_unit_test(no_point_of_a_cycle_is_preferred),
        cmocka_unit_test(looks_that_take_too_long_do_not_follow_in_step),
        cmocka_unit_test(who_is_in_time_is_not_put_off),
        cmocka_unit_test(who_takes_several_periods_has_looks_fall_out),
        cmocka_unit_test(another_rate_begins_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
