/* What charts are drawn from, and what figures do not show, in a history. */
#include "analyze/chart.h"

#include "store_history.h"

#define MS INT64_C(1000000)

/* 0: as many as there are; else most are read twice, and nothing may be different. */
static size_t kept;

/* All of it, in steps of one iteration. */
static struct tg_chart_question question_of(struct tg_store *store, enum tg_chart_column column) {
    struct tg_chart_question question = {
        .selection = history_everything(store), .column = column, .minimum = -1, .limit = 100, .step = 1, .kept = kept};
    question.selection.first_iteration = -100;
    question.selection.last_iteration = 1000;
    return question;
}

static struct tg_chart read_chart(struct tg_store *store, const struct tg_chart_question *question) {
    struct tg_chart chart;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_chart_read(&chart, store, question, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return chart;
}

static void assert_point(const struct tg_chart_line *line, size_t index, int64_t iteration, double value,
                         enum tg_chart_column column) {
    assert_true(index < line->count);
    assert_int_equal(line->points[index].iteration, iteration);
    assert_true(tg_chart_value(&line->points[index], column) == value);
}

/* Two functions in iterations 0, 1 and 5; the busy one in two processes. */
static struct tg_store *fill(void) {
    struct tg_store *store = history_open();
    const struct tg_batch_function first[] = {history_calls("m::busy", 10, MS), history_calls("m::slow", 1, 50 * MS)};
    history_commit(store, history_batch(1, 1, 10, first, 2));
    history_commit_calls(store, 2, 1, 10, "m::busy", 30, 3 * MS);
    history_commit_calls(store, 1, 2, 20, "m::busy", 20, 2 * MS);
    const struct tg_batch_function last[] = {history_calls("m::busy", 4, 4 * MS), history_calls("m::slow", 1, 70 * MS)};
    history_commit(store, history_batch(1, 3, 60, last, 2));
    return store;
}

static void points_are_of_all_processes_together(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_chart_question question = question_of(store, TG_CHART_AVERAGE);
    struct tg_chart chart = read_chart(store, &question);
    assert_int_equal(chart.line_count, 2);
    assert_true(chart.largest == 70.0 * MS);
    assert_string_equal(chart.lines[0].function->name, "m::slow");
    assert_int_equal(chart.lines[0].count, 2);
    assert_point(&chart.lines[0], 0, 0, 50.0 * MS, question.column);
    assert_point(&chart.lines[0], 1, 5, 70.0 * MS, question.column);
    assert_string_equal(chart.lines[1].function->name, "m::busy");
    assert_int_equal(chart.lines[1].count, 3);
    assert_point(&chart.lines[1], 0, 0, 2.5 * MS, question.column); /* (10 * 1 + 30 * 3) / 40 */
    assert_point(&chart.lines[1], 1, 1, 2.0 * MS, question.column);
    assert_point(&chart.lines[1], 2, 5, 4.0 * MS, question.column);
    tg_chart_release(&chart);
    tg_chart_release(&chart);
    tg_store_close(store);
}

static void each_column(void **state) {
    (void)state;
    struct tg_store *store = fill();
    static const double first[] = {
        [TG_CHART_AVERAGE] = 2.5 * MS, [TG_CHART_TOTAL] = 100.0 * MS, [TG_CHART_CUMULATIVE] = 100.0 * MS + 2,
        [TG_CHART_SELF] = 50.0 * MS,   [TG_CHART_CALLS] = 40,         [TG_CHART_ERRORS] = 20,
    };
    for (int column = TG_CHART_AVERAGE; tg_chart_column_names[column]; column++) {
        struct tg_chart_question question = question_of(store, (enum tg_chart_column)column);
        question.function = "m::busy";
        struct tg_chart chart = read_chart(store, &question);
        assert_int_equal(chart.line_count, 1);
        assert_point(&chart.lines[0], 0, 0, first[column], question.column);
        tg_chart_release(&chart);
    }
    tg_store_close(store);
}

static void a_minimum_is_passed_by_one_point_strictly_above(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_chart_question question = question_of(store, TG_CHART_AVERAGE);
    static const struct {
        double minimum;
        size_t count;
    } cases[] = {{0, 2}, {4.0 * MS - 1, 2}, {4.0 * MS, 1}, {70.0 * MS - 1, 1}, {70.0 * MS, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        question.minimum = cases[i].minimum;
        struct tg_chart chart = read_chart(store, &question);
        assert_int_equal(chart.line_count, cases[i].count);
        assert_int_equal(chart.matching_count, cases[i].count);
        assert_true(chart.largest == 70.0 * MS);
        tg_chart_release(&chart);
    }
    tg_store_close(store);
}

static void steps_begin_at_their_multiples(void **state) {
    (void)state;
    struct tg_store *store = fill();
    history_commit_calls(store, 3, 1, -10, "m::busy", 1, 9 * MS); /* iteration -2 */
    struct tg_chart_question question = question_of(store, TG_CHART_AVERAGE);
    question.step = 5;
    question.function = "m::busy";
    struct tg_chart chart = read_chart(store, &question);
    assert_int_equal(chart.lines[0].count, 3);
    assert_point(&chart.lines[0], 0, -5, 9.0 * MS, question.column);
    assert_point(&chart.lines[0], 1, 0, 140.0 * MS / 60, question.column);
    assert_point(&chart.lines[0], 2, 5, 4.0 * MS, question.column);
    tg_chart_release(&chart);
    tg_store_close(store);
}

static void the_last_points_of_each_function(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_chart_question question = question_of(store, TG_CHART_CALLS);
    question.last = 2;
    struct tg_chart chart = read_chart(store, &question);
    assert_string_equal(chart.lines[0].function->name, "m::busy");
    assert_int_equal(chart.lines[0].count, 2);
    assert_point(&chart.lines[0], 0, 1, 20, question.column);
    assert_point(&chart.lines[0], 1, 5, 4, question.column);
    assert_int_equal(chart.lines[1].count, 2);
    assert_point(&chart.lines[1], 0, 0, 1, question.column);
    tg_chart_release(&chart);
    tg_store_close(store);
}

static void bars_add_up_to_everything(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_chart_question question = question_of(store, TG_CHART_TOTAL);
    question.by_sum = true;
    question.with_others = true;
    question.limit = 1;
    question.step = 2;
    struct tg_chart chart = read_chart(store, &question);
    assert_int_equal(chart.line_count, 2);
    assert_true(chart.has_others);
    assert_int_equal(chart.matching_count, 2);
    assert_string_equal(chart.lines[0].function->name, "m::busy");
    assert_point(&chart.lines[0], 0, 0, 140.0 * MS, question.column);
    assert_point(&chart.lines[0], 1, 4, 16.0 * MS, question.column);
    assert_null(chart.lines[1].function);
    assert_point(&chart.lines[1], 0, 0, 50.0 * MS, question.column);
    assert_point(&chart.lines[1], 1, 4, 70.0 * MS, question.column);
    tg_chart_release(&chart);
    question.limit = 2; /* nobody is left over */
    chart = read_chart(store, &question);
    assert_int_equal(chart.line_count, 2);
    assert_false(chart.has_others);
    tg_chart_release(&chart);
    tg_store_close(store);
}

static void nothing_is_no_failure(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_chart_question question = question_of(store, TG_CHART_TOTAL);
    question.selection.first_iteration = 500;
    struct tg_chart chart = read_chart(store, &question);
    assert_int_equal(chart.line_count, 0);
    assert_true(chart.largest == 0);
    tg_chart_release(&chart);
    tg_store_close(store);
}

static void a_step_is_as_short_as_the_points_allow(void **state) {
    (void)state;
    assert_int_equal(tg_chart_step(0, 0, 2), 1);
    assert_int_equal(tg_chart_step(0, 4998, 5000), 1);
    assert_int_equal(tg_chart_step(0, 4999, 5000), 1);
    static const struct {
        int64_t first;
        int64_t last;
        size_t points;
    } cases[] = {{0, 5000, 5000},          {-7, 100000, 60}, {3, 9, 2},    {-1000000, 9000000, 5000},
                 {0, INT64_MAX / 4, 5000}, {0, 60, 60},      {-59, 60, 60}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t step = tg_chart_step(cases[i].first, cases[i].last, cases[i].points);
        int64_t first = cases[i].first - ((cases[i].first % step) + step) % step;
        assert_true((cases[i].last - first) / step + 1 <= (int64_t)cases[i].points);
        assert_true(step <= (cases[i].last - cases[i].first) / (int64_t)cases[i].points * 2 + 8);
    }
}

static void quality_is_summed(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_batch batch = history_batch(4, 1, 10, NULL, 0);
    batch.quality.overflow_call_count = 5;
    batch.quality.unrecorded_call_count = 6;
    batch.quality.torn_count = 7;
    history_commit(store, batch);
    batch.seq = 2;
    history_commit(store, batch);
    struct tg_store_selection selection = history_everything(store);
    struct tg_store_quality quality;
    assert_int_equal(tg_store_quality(store, &selection, &quality, NULL), TG_OK);
    assert_int_equal(quality.interval_count, 6);
    assert_int_equal(quality.overflow_call_count, 10);
    assert_int_equal(quality.unrecorded_call_count, 12);
    assert_int_equal(quality.torn_count, 14);
    assert_int_equal(quality.damaged_count, 0);
    selection.first_iteration = 1;
    assert_int_equal(tg_store_quality(store, &selection, &quality, NULL), TG_OK);
    assert_int_equal(quality.interval_count, 2);
    assert_int_equal(quality.overflow_call_count, 0);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(points_are_of_all_processes_together, history_set_up),
        cmocka_unit_test_setup(each_column, history_set_up),
        cmocka_unit_test_setup(a_minimum_is_passed_by_one_point_strictly_above, history_set_up),
        cmocka_unit_test_setup(steps_begin_at_their_multiples, history_set_up),
        cmocka_unit_test_setup(the_last_points_of_each_function, history_set_up),
        cmocka_unit_test_setup(bars_add_up_to_everything, history_set_up),
        cmocka_unit_test_setup(nothing_is_no_failure, history_set_up),
        cmocka_unit_test(a_step_is_as_short_as_the_points_allow),
        cmocka_unit_test_setup(quality_is_summed, history_set_up),
    };
    int failed = cmocka_run_group_tests_name("chart", tests, fixture_set_up, fixture_tear_down);
    kept = 3;
    failed += cmocka_run_group_tests_name("chart, read twice", tests, fixture_set_up, fixture_tear_down);
    return failed;
}
