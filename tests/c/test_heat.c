/* What heat maps are drawn from, in a history. */
#include "analyze/heat.h"

#include "store_history.h"

#define MS INT64_C(1000000)

/* A function in iterations 0, 1 and 5; in the first in two processes. */
static struct tg_store *fill(void) {
    struct tg_store *store = history_open();
    history_commit_calls(store, 1, 1, 10, "m::f", 10, MS);
    history_commit_calls(store, 2, 1, 10, "m::f", 30, 3 * MS);
    history_commit_calls(store, 1, 2, 20, "m::f", 20, 2 * MS);
    history_commit_calls(store, 1, 3, 60, "m::f", 4, 9 * MS);
    return store;
}

static struct tg_heat read_heat(struct tg_store *store, int64_t last_iteration, size_t columns) {
    struct tg_store_selection selection = history_everything(store);
    struct tg_heat heat;
    struct tg_error err = TG_ERROR_INIT;
    selection.first_iteration = 0;
    selection.last_iteration = last_iteration;
    if (tg_heat_read(&heat, store, &selection, "m::f", columns, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return heat;
}

static void assert_column(const struct tg_heat *heat, size_t index, int64_t iteration, uint64_t call_count) {
    assert_true(index < heat->count);
    assert_int_equal(heat->columns[index].iteration, iteration);
    assert_int_equal(tg_histogram_count(&heat->columns[index].histogram), call_count);
}

static void columns_are_of_all_processes_together(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_heat heat = read_heat(store, 5, 120);
    assert_int_equal(heat.step, 1);
    assert_int_equal(heat.count, 3);
    assert_column(&heat, 0, 0, 40);
    assert_column(&heat, 1, 1, 20);
    assert_column(&heat, 2, 5, 4);
    assert_int_equal(heat.first_bucket, tg_histogram_index(MS));
    assert_int_equal(heat.last_bucket, tg_histogram_index(9 * MS));
    assert_int_equal(heat.columns[0].histogram.counts[tg_histogram_index(3 * MS)], 30);
    tg_heat_release(&heat);
    tg_heat_release(&heat);
    tg_store_close(store);
}

static void columns_are_steps(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_heat heat = read_heat(store, 5, 3);
    assert_int_equal(heat.step, 3);
    assert_int_equal(heat.count, 2);
    assert_column(&heat, 0, 0, 60);
    assert_column(&heat, 1, 3, 4);
    tg_heat_release(&heat);
    tg_store_close(store);
}

static void nothing_and_no_such_function(void **state) {
    (void)state;
    struct tg_store *store = fill();
    struct tg_store_selection selection = history_everything(store);
    struct tg_heat heat;
    selection.first_iteration = 500;
    selection.last_iteration = 600;
    assert_int_equal(tg_heat_read(&heat, store, &selection, "m::f", 10, NULL), TG_OK);
    assert_int_equal(heat.count, 0);
    tg_heat_release(&heat);
    assert_int_equal(tg_heat_read(&heat, store, &selection, "m::g", 10, NULL), TG_ERROR_NOT_FOUND);
    assert_int_equal(heat.count, 0);
    tg_heat_release(&heat);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(columns_are_of_all_processes_together, history_set_up),
        cmocka_unit_test_setup(columns_are_steps, history_set_up),
        cmocka_unit_test_setup(nothing_and_no_such_function, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
