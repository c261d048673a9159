#include "store/figures.h"

#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double slope(const struct tg_store_sums *sums) {
    double n = (double)sums->iteration_count;
    return (n * sums->sum_xy - sums->sum_x * sums->sum_y) / (n * sums->sum_xx - sums->sum_x * sums->sum_x);
}

/* Points far from zero, on a line: plain sums of squares would have no digits left for it. */
static const int64_t far = INT64_C(1000000000);
#define LEVEL       1e9
#define POINT_COUNT 1000

static double line(int64_t x) {
    return LEVEL + 0.5 * (double)(x - far);
}

static void sums_far_from_zero(void **state) {
    (void)state;
    struct tg_store_sums sums;
    tg_sums_init(&sums);
    for (int64_t x = far; x < far + POINT_COUNT; x++) {
        tg_sums_add(&sums, x, line(x));
    }
    assert_int_equal(sums.iteration_count, POINT_COUNT);
    assert_int_equal(sums.first_iteration, far);
    assert_int_equal(sums.last_iteration, far + POINT_COUNT - 1);
    assert_float_equal(slope(&sums), 0.5, 1e-12);
    assert_float_equal(sums.origin_y + sums.sum_y / POINT_COUNT, line(far) + 0.5 * (POINT_COUNT - 1) / 2, 1e-6);
}

/* In any parts and order, and with some taken back. */
static void sums_are_merged(void **state) {
    (void)state;
    struct tg_store_sums parts[7];
    struct tg_store_sums sums;
    tg_sums_init(&sums);
    for (size_t i = 0; i < 7; i++) {
        tg_sums_init(&parts[i]);
    }
    for (int64_t x = far; x < far + POINT_COUNT; x++) {
        tg_sums_add(&parts[x * 31 % 6], x, line(x)); /* the last part stays empty */
        tg_sums_add(&parts[x * 17 % 6], x, 3);
        tg_sums_remove(&parts[x * 17 % 6], x, 3);
    }
    for (size_t i = 7; i > 0; i--) {
        tg_sums_merge(&sums, &parts[i - 1]);
    }
    assert_int_equal(sums.iteration_count, POINT_COUNT);
    assert_int_equal(sums.first_iteration, far);
    assert_int_equal(sums.last_iteration, far + POINT_COUNT - 1);
    assert_float_equal(slope(&sums), 0.5, 1e-6);
    assert_float_equal(sums.origin_x + sums.sum_x / POINT_COUNT, (double)far + (POINT_COUNT - 1) / 2.0, 1e-6);
}

static struct tg_figures_row row_of(int64_t iteration, int64_t function_id, uint64_t calls, uint64_t total_ns) {
    return (struct tg_figures_row){
        .iteration = iteration,
        .function_id = function_id,
        .call_count = calls,
        .error_count = 1,
        .total_ns = total_ns,
        .minimum_ns = total_ns / (calls ? calls : 1),
        .maximum_ns = total_ns,
    };
}

static void add(struct tg_figures *figures, struct tg_figures_row row) {
    assert_int_equal(tg_figures_add_with_point(figures, &row, NULL), TG_OK);
}

/* Rows of one function in one iteration make one point. */
static void rows_become_points(void **state) {
    (void)state;
    struct tg_figures figures;
    tg_figures_init(&figures, false);
    add(&figures, row_of(0, 7, 1, 100));
    add(&figures, row_of(0, 7, 3, 500));
    add(&figures, row_of(0, 8, 1, 10));
    add(&figures, row_of(1, 7, 1, 350));
    add(&figures, row_of(1, 8, 0, 0)); /* no call: no point */
    tg_figures_end_points(&figures);
    tg_figures_end_points(&figures);
    assert_int_equal(figures.count, 2);
    const struct tg_store_function *seven = tg_figures_find(&figures, 7);
    assert_non_null(seven);
    assert_int_equal(seven->call_count, 5);
    assert_int_equal(seven->error_count, 3);
    assert_int_equal(seven->total_ns, 950);
    assert_int_equal(seven->minimum_ns, 100);
    assert_int_equal(seven->maximum_ns, 500);
    assert_int_equal(seven->sums.iteration_count, 2);
    assert_float_equal(seven->sums.origin_y, 150, 0);
    assert_float_equal(slope(&seven->sums), 200, 1e-9);
    assert_int_equal(tg_figures_find(&figures, 8)->sums.iteration_count, 1);
    assert_null(tg_figures_find(&figures, 9));
    tg_figures_release(&figures);
    tg_figures_release(&figures);
    tg_figures_release(NULL);
    assert_null(tg_figures_find(&figures, 7));
}

static void many_functions(void **state) {
    (void)state;
    struct tg_figures figures;
    tg_figures_init(&figures, false);
    for (int64_t round = 0; round < 3; round++) {
        for (int64_t id = 1; id <= 5000; id++) {
            add(&figures, row_of(round, id * 1024, 1, (uint64_t)id)); /* ids that fall together if they are not mixed */
        }
    }
    assert_int_equal(figures.count, 5000);
    for (int64_t id = 1; id <= 5000; id++) {
        assert_int_equal(tg_figures_find(&figures, id * 1024)->total_ns, 3 * id);
    }
    tg_figures_release(&figures);
}

static void figures_stay_at_their_largest(void **state) {
    (void)state;
    struct tg_figures figures;
    tg_figures_init(&figures, false);
    add(&figures, row_of(0, 1, UINT64_MAX, UINT64_MAX));
    add(&figures, row_of(0, 1, 1, 1));
    tg_figures_end_points(&figures);
    assert_true(tg_figures_find(&figures, 1)->call_count == UINT64_MAX);
    assert_float_equal(tg_figures_find(&figures, 1)->sums.origin_y, 1, 1e-9);
    tg_figures_release(&figures);
}

static void histograms_where_asked_for(void **state) {
    (void)state;
    static const char one[] = {TG_HISTOGRAM_VERSION, 3, 2};
    static const char broken[] = {TG_HISTOGRAM_VERSION, 3};
    struct tg_error err = TG_ERROR_INIT;
    struct tg_figures figures;
    tg_figures_init(&figures, true);
    struct tg_figures_row row = row_of(0, 1, 2, 2);
    add(&figures, row); /* without */
    row.histogram = (struct tg_bytes){.data = one, .length = sizeof one};
    add(&figures, row);
    add(&figures, row);
    assert_int_equal(tg_figures_find(&figures, 1)->histogram->counts[3], 4);
    row.histogram = (struct tg_bytes){.data = broken, .length = sizeof broken};
    assert_int_equal(tg_figures_add_with_point(&figures, &row, &err), TG_ERROR_FORMAT);
    tg_figures_release(&figures);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_far_from_zero),
        cmocka_unit_test(sums_are_merged),
        cmocka_unit_test(rows_become_points),
        cmocka_unit_test(many_functions),
        cmocka_unit_test(figures_stay_at_their_largest),
        cmocka_unit_test(histograms_where_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
