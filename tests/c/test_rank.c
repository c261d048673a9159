#include "analyze/rank.h"

#include "cmocka_all.h"

#include <stdio.h>

#define NAMES_MAX  8
#define NAME(text) ((char *)(text)) /* rows own their names; here they are only read */

/* The averages of `iterations` iterations, y summing up to `sum_y` above the origin. */
static struct tg_store_sums averages(int64_t iterations, double origin_y, double sum_y) {
    return (struct tg_store_sums){.iteration_count = iterations, .origin_y = origin_y, .sum_y = sum_y};
}

static void assert_ranking(const struct tg_store_function *functions, size_t count, enum tg_rank_key key, size_t limit,
                           const char *const *expected) {
    struct tg_ranking ranking;
    assert_int_equal(tg_rank_functions(&ranking, functions, count, key, limit, NULL), TG_OK);
    size_t expected_count = 0;
    for (; expected[expected_count]; expected_count++) {
        assert_true(expected_count < ranking.count);
        assert_string_equal(ranking.items[expected_count].function->name, expected[expected_count]);
    }
    assert_int_equal(ranking.count, expected_count);
    tg_ranking_release(&ranking);
    tg_ranking_release(&ranking);
}

static void ranks_by_each_key(void **state) {
    (void)state;
    static const char *const orders[][NAMES_MAX] = {
        [TG_RANK_AVERAGE] = {"m::bursts", "m::busy", "m::failing"},
        [TG_RANK_TOTAL] = {"m::busy", "m::bursts", "m::failing"},
        [TG_RANK_SELF] = {"m::bursts", "m::busy", "m::failing"},
        [TG_RANK_CALLS] = {"m::failing", "m::busy", "m::bursts"},
        [TG_RANK_P99] = {"m::busy", "m::failing", "m::bursts"},
        [TG_RANK_ERRORS] = {"m::failing", "m::bursts", "m::busy"},
    };
    struct tg_histogram slow = {.counts = {0}};
    struct tg_histogram fast = {.counts = {0}};
    assert_int_equal(tg_histogram_add(&slow, 10, 98), TG_OK);
    assert_int_equal(tg_histogram_add(&slow, 900, 2), TG_OK);
    assert_int_equal(tg_histogram_add(&fast, 50, 100), TG_OK);
    const struct tg_store_function functions[] = {
        {.name = NAME("m::busy"),
         .call_count = 100,
         .total_ns = 9000,
         .self_ns = 300,
         .maximum_ns = 1000,
         .sums = averages(3, 60, 30),
         .histogram = &slow},
        {.name = NAME("m::failing"),
         .call_count = 200,
         .error_count = 9,
         .total_ns = 10,
         .maximum_ns = 60,
         .sums = averages(2, 5, -4),
         .histogram = &fast},
        {.name = NAME("m::bursts"),
         .call_count = 50,
         .error_count = 1,
         .total_ns = 4000,
         .self_ns = 400,
         .maximum_ns = 9999,
         .sums = averages(2, 10, 200)},
    };
    for (int key = 0; tg_rank_key_names[key]; key++) {
        assert_ranking(functions, 3, (enum tg_rank_key)key, 0, orders[key]);
    }
    assert_string_equal(tg_rank_key_names[TG_RANK_ERRORS], "errors");
    assert_null(tg_rank_key_names[TG_RANK_ERRORS + 1]);
}

/* AVG(average_time) of iterations with 1 call of 1000 ns and 99 calls of 10 ns: 505; of all calls: 19.9. */
static void averages_weigh_differently(void **state) {
    (void)state;
    const struct tg_store_function function = {
        .name = NAME("m::f"), .call_count = 100, .total_ns = 1990, .sums = averages(2, 1000, -990)};
    const struct tg_store_function uncalled = {.name = NAME("m::g"), .error_count = 1};
    struct tg_ranking ranking;
    assert_true(tg_rank_iteration_average_ns(&function) == 505);
    assert_true(tg_rank_call_average_ns(&function) == 19.9);
    assert_true(tg_rank_iteration_average_ns(&uncalled) == 0);
    assert_true(tg_rank_call_average_ns(&uncalled) == 0);
    assert_int_equal(tg_rank_functions(&ranking, &function, 1, TG_RANK_AVERAGE, 5, NULL), TG_OK);
    assert_true(ranking.items[0].value == 505);
    assert_ptr_equal(ranking.items[0].function, &function);
    tg_ranking_release(&ranking);
}

static void equal_values_go_by_name(void **state) {
    (void)state;
    const struct tg_store_function functions[] = {
        {.name = NAME("m::b"), .call_count = 1},  {.name = NAME("m::\xc3\xa9"), .call_count = 1},
        {.name = NAME("m::ab"), .call_count = 1}, {.name = NAME("m::z"), .call_count = 2},
        {.name = NAME("m::a"), .call_count = 1},
    };
    static const char *const all[] = {"m::z", "m::a", "m::ab", "m::b", "m::\xc3\xa9", NULL};
    static const char *const two[] = {"m::z", "m::a", NULL};
    static const char *const none[] = {NULL};
    assert_ranking(functions, 5, TG_RANK_CALLS, 0, all);
    assert_ranking(functions, 5, TG_RANK_CALLS, 2, two);
    assert_ranking(functions, 5, TG_RANK_CALLS, 99, all);
    assert_ranking(functions, 0, TG_RANK_CALLS, 5, none);
    tg_ranking_release(NULL);
}

/* Over 20 iterations; `error_ns` decides how likely the slope is chance. */
static struct tg_trend trend_of(double start_ns, double end_ns, double error_ns) {
    return (struct tg_trend){
        .iteration_count = 20,
        .last_iteration = 19,
        .slope_ns = (end_ns - start_ns) / 19,
        .slope_error_ns = error_ns,
        .start_ns = start_ns,
        .end_ns = end_ns,
        .relative_change = tg_trend_relative_change(start_ns, end_ns, (start_ns + end_ns) / 2),
    };
}

static void assert_trends(struct tg_rank_trend *rows, size_t count, size_t evident_count, const char *const *expected) {
    tg_rank_trends(rows, count, &tg_rank_evidence_default);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rows[i].function->name, expected[i]);
        assert_true(rows[i].evident == (i < evident_count));
    }
}

static void the_slowing_function_comes_first(void **state) {
    (void)state;
    static const char *const expected[] = {"m::slowing", "m::creeping", "m::faster", "m::noise", "m::level"};
    const struct tg_store_function functions[] = {
        {.name = NAME("m::creeping"), .call_count = 500}, {.name = NAME("m::noise"), .call_count = 500},
        {.name = NAME("m::faster"), .call_count = 500},   {.name = NAME("m::level"), .call_count = 500},
        {.name = NAME("m::slowing"), .call_count = 500},
    };
    struct tg_rank_trend rows[] = {
        {.function = &functions[0], .trend = trend_of(1e6, 1.2e6, 10)},
        {.function = &functions[1], .trend = trend_of(1e5, 9e5, 1e5)},
        {.function = &functions[2], .trend = trend_of(1e6, 5e5, 1000)},
        {.function = &functions[3], .trend = trend_of(1e6, 1e6, 0)},
        {.function = &functions[4], .trend = trend_of(1e6, 2e6, 1000)},
    };
    assert_trends(rows, 5, 3, expected);
    assert_true(rows[0].probability < 1e-9);
    assert_true(rows[3].probability > 0.5);
    assert_true(rows[4].probability == 1);
}

/* Each but the first misses one bound. */
static void every_bound_keeps_out(void **state) {
    (void)state;
    static const char *const expected[] = {"m::evident", "m::rare", "m::tiny",    "m::outlier",
                                           "m::chance",  "m::two",  "m::relative"};
    const struct tg_store_function functions[] = {
        {.name = NAME("m::tiny"), .call_count = 100},    {.name = NAME("m::rare"), .call_count = 9},
        {.name = NAME("m::relative"), .call_count = 10}, {.name = NAME("m::outlier"), .call_count = 10},
        {.name = NAME("m::chance"), .call_count = 10},   {.name = NAME("m::evident"), .call_count = 10},
        {.name = NAME("m::two"), .call_count = 10},
    };
    struct tg_rank_trend rows[] = {
        {.function = &functions[0], .trend = trend_of(99, 198, 0.01)},
        {.function = &functions[1], .trend = trend_of(1000, 9000, 0.01)},
        {.function = &functions[2], .trend = trend_of(1e6, 1.049e6, 0.01)},
        {.function = &functions[3], .trend = trend_of(1000, 1900, 0.01)},
        {.function = &functions[4], .trend = trend_of(1000, 1800, 20)},
        {.function = &functions[5], .trend = trend_of(1000, 1100, 0.01)},
        {.function = &functions[6], .trend = trend_of(1000, 1700, 0)},
    };
    rows[3].trend.has_theil_sen = true;
    rows[3].trend.theil_sen_slope_ns = -0.1;
    rows[5].trend.has_theil_sen = true;
    rows[5].trend.theil_sen_slope_ns = 0.1;
    rows[6].trend.iteration_count = 2;
    assert_trends(rows, 7, 1, expected);
}

/* What was measured decides where it is known: how much, and which way. */
static void measured_ends_come_before_the_lines(void **state) {
    (void)state;
    static const char *const expected[] = {"m::most", "m::some", "m::line", "m::little", "m::other_way"};
    const struct tg_store_function functions[] = {
        {.name = NAME("m::some"), .call_count = 100},   {.name = NAME("m::other_way"), .call_count = 100},
        {.name = NAME("m::little"), .call_count = 100}, {.name = NAME("m::most"), .call_count = 100},
        {.name = NAME("m::line"), .call_count = 100},
    };
    static const double after_ns[] = {1.3e6, 0.9e6, 1.04e6, 2e6, 0};
    struct tg_rank_trend rows[5];
    for (int i = 0; i < 5; i++) {
        rows[i] = (struct tg_rank_trend){.function = &functions[i], .trend = trend_of(1e6, i == 4 ? 1.1e6 : 3e6, 10)};
        rows[i].trend.is_measured = i != 4;
        rows[i].trend.before_ns = 1e6;
        rows[i].trend.after_ns = after_ns[i];
        rows[i].trend.measured_change = tg_trend_measured_change(1e6, after_ns[i]);
    }
    assert_trends(rows, 5, 3, expected);
}

/* A slope of 2.5 errors (p = 0.02) is evidence for one function, and is none for the best of fifty. */
static void many_functions_need_more_evidence(void **state) {
    (void)state;
    enum { MANY = 50 };
    char names[MANY][16];
    struct tg_store_function functions[MANY];
    struct tg_rank_trend rows[MANY];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "m::f%02d", i);
        functions[i] = (struct tg_store_function){.name = names[i], .call_count = 100};
        rows[i] = (struct tg_rank_trend){.function = &functions[i], .trend = trend_of(1000, 2000, 1000.0 / 19 / 0.9)};
    }
    rows[7].trend.slope_error_ns = 1000.0 / 19 / 2.5;
    tg_rank_trends(rows, MANY, &tg_rank_evidence_default);
    assert_false(rows[0].evident);
    struct tg_rank_trend alone = {.function = &functions[7], .trend = trend_of(1000, 2000, 1000.0 / 19 / 2.5)};
    tg_rank_trends(&alone, 1, &tg_rank_evidence_default);
    assert_true(alone.evident);
    /* Benjamini and Hochberg: each of twenty-five such is believed, because 25 of 50 by chance alone would be odd. */
    for (int i = 0; i < MANY; i++) {
        rows[i].trend.slope_error_ns = 1000.0 / 19 / (i % 2 ? 2.5 : 0.9);
    }
    tg_rank_trends(rows, MANY, &tg_rank_evidence_default);
    assert_true(rows[24].evident);
    assert_false(rows[25].evident);
    /* Functions called too rarely are not asked, and do not count. */
    for (int i = 0; i < MANY; i++) {
        functions[i].call_count = i == 7 ? 100 : 1;
        rows[i] = (struct tg_rank_trend){.function = &functions[i], .trend = trend_of(1000, 2000, 1000.0 / 19 / 0.9)};
    }
    rows[7].trend.slope_error_ns = 1000.0 / 19 / 2.5;
    tg_rank_trends(rows, MANY, &tg_rank_evidence_default);
    assert_true(rows[0].evident);
    assert_string_equal(rows[0].function->name, "m::f07");
    tg_rank_trends(NULL, 0, &tg_rank_evidence_default);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_by_each_key),
        cmocka_unit_test(averages_weigh_differently),
        cmocka_unit_test(equal_values_go_by_name),
        cmocka_unit_test(the_slowing_function_comes_first),
        cmocka_unit_test(measured_ends_come_before_the_lines),
        cmocka_unit_test(every_bound_keeps_out),
        cmocka_unit_test(many_functions_need_more_evidence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
