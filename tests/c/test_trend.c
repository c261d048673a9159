#include "analyze/trend.h"

#include "analyze/student.h"
#include "analyze/theil_sen.h"

#include "cmocka_all.h"
#include "reference/trend_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCES (sizeof trend_references / sizeof trend_references[0])

/* The same formula is in reference/generate_trend_reference. */
static void long_case(struct tg_store_point *points, size_t count) {
    for (size_t i = 0; i < count; i++) {
        points[i] = (struct tg_store_point){
            .iteration = (int64_t)(3 * i + 7),
            .call_count = 1,
            .total_ns = 1000000 + 40 * i + (i * i * 7919) % 10007 * 10,
        };
    }
}

/* To be freed. */
static struct tg_store_point *points_of(const struct trend_reference *reference) {
    struct tg_store_point *points = calloc(reference->count, sizeof *points);
    assert_non_null(points);
    if (reference->count > TREND_REFERENCE_POINTS_MAX) {
        long_case(points, reference->count);
        return points;
    }
    for (size_t i = 0; i < reference->count; i++) {
        points[i].iteration = reference->points[i].iteration;
        points[i].call_count = reference->points[i].call_count;
        points[i].total_ns = reference->points[i].total_ns;
    }
    return points;
}

static double average_of(const struct tg_store_point *point) {
    return (double)point->total_ns / (double)point->call_count;
}

/* As a store keeps them: counted from the first point of the history, which need not be in the selection. */
static struct tg_store_sums sums_of(const struct tg_store_point *points, size_t count, double origin_x,
                                    double origin_y) {
    struct tg_store_sums sums = {
        .iteration_count = (int64_t)count,
        .first_iteration = points[0].iteration,
        .last_iteration = points[count - 1].iteration,
        .origin_x = origin_x,
        .origin_y = origin_y,
    };
    for (size_t i = 0; i < count; i++) {
        double x = (double)points[i].iteration - origin_x;
        double y = average_of(&points[i]) - origin_y;
        sums.sum_x += x;
        sums.sum_y += y;
        sums.sum_xx += x * x;
        sums.sum_xy += x * y;
        sums.sum_yy += y * y;
    }
    return sums;
}

/* `least` is what a double near the points' own size can tell apart. */
static void assert_near(const char *name, const char *figure, double actual, double expected, double relative,
                        double least) {
    if (!(fabs(actual - expected) <= fabs(expected) * relative + least)) {
        fail_msg("%s: %s is %.17g, expected %.17g", name, figure, actual, expected);
    }
}

/* Against the reference, to so many digits. */
static void assert_line(const struct trend_reference *reference, const struct tg_store_point *points,
                        const struct tg_trend *trend, double relative) {
    const char *name = reference->name;
    double largest = 0;
    for (size_t i = 0; i < reference->count; i++) {
        largest = fmax(largest, average_of(&points[i]));
    }
    double first = (double)points[0].iteration;
    double last = (double)points[reference->count - 1].iteration;
    double noise = largest * 1e-15;
    double slope_noise = noise * 4 / fmax(last - first, 1);
    double far_noise = noise + slope_noise * fmax(fabs(first), fabs(last));
    assert_int_equal(trend->iteration_count, reference->count);
    assert_int_equal(trend->first_iteration, points[0].iteration);
    assert_int_equal(trend->last_iteration, points[reference->count - 1].iteration);
    assert_near(name, "slope", trend->slope_ns, reference->slope, relative, slope_noise);
    assert_near(name, "intercept", trend->intercept_ns, reference->intercept, relative, far_noise);
    assert_near(name, "slope error", trend->slope_error_ns, reference->slope_error, relative, slope_noise);
    assert_near(name, "intercept error", trend->intercept_error_ns, reference->intercept_error, relative, far_noise);
    assert_near(name, "r squared", trend->r_squared, reference->r_squared, relative, 1e-12);
    double start = reference->intercept + reference->slope * first;
    assert_near(name, "start", trend->start_ns, start, relative, (far_noise + fabs(reference->intercept) * 1e-15) * 4);
    assert_near(name, "end", trend->end_ns - trend->start_ns, reference->slope * (last - first), relative, noise * 8);
}

static void points_give_the_reference(void **state) {
    (void)state;
    for (size_t i = 0; i < REFERENCES; i++) {
        const struct trend_reference *reference = &trend_references[i];
        struct tg_store_point *points = points_of(reference);
        struct tg_trend trend;
        assert_int_equal(tg_trend_of_points(&trend, points, reference->count, NULL), TG_OK);
        assert_line(reference, points, &trend, 1e-9);
        assert_near(reference->name, "probability", tg_trend_probability(&trend), reference->probability, 1e-6, 1e-300);
        assert_int_equal(trend.has_theil_sen, reference->count > 1);
        assert_near(reference->name, "Theil-Sen slope", trend.theil_sen_slope_ns, reference->theil_sen_slope, 1e-12, 0);
        assert_near(reference->name, "Theil-Sen intercept", trend.theil_sen_intercept_ns,
                    reference->theil_sen_intercept, 1e-12, 1e-9);
        free(points);
    }
}

static void sums_give_the_reference(void **state) {
    (void)state;
    for (size_t i = 0; i < REFERENCES; i++) {
        const struct trend_reference *reference = &trend_references[i];
        struct tg_store_point *points = points_of(reference);
        struct tg_store_sums sums =
            sums_of(points, reference->count, (double)points[0].iteration, average_of(&points[0]));
        struct tg_trend trend;
        tg_trend_of_sums(&trend, &sums);
        /* The errors are what is left of two nearly equal sums: half of the digits on a nearly perfect line. */
        bool nearly_perfect = reference->r_squared > 1 - 1e-9;
        assert_line(reference, points, &trend, nearly_perfect ? 1e-4 : 1e-9);
        assert_false(trend.has_theil_sen);
        free(points);
    }
}

/* A range of a history whose sums are counted from somewhere else. */
static void the_origin_does_not_matter(void **state) {
    (void)state;
    const struct trend_reference *reference = &trend_references[0];
    struct tg_store_point *points = points_of(reference);
    struct tg_store_sums sums = sums_of(points, reference->count, 3, 1.5e6);
    struct tg_trend trend;
    tg_trend_of_sums(&trend, &sums);
    assert_line(reference, points, &trend, 1e-9);
    sums = sums_of(points + 4, 1, 3, 1.5e6 + 0.1);
    sums.sum_xx += 1e-9; /* what rounding may leave */
    sums.sum_xy += 1e-6;
    tg_trend_of_sums(&trend, &sums);
    assert_near("one point", "slope", trend.slope_ns, 0, 0, 0);
    assert_near("one point", "intercept", trend.intercept_ns, average_of(&points[4]), 1e-12, 0);
    free(points);
}

static void assert_nothing(const struct tg_trend *trend) {
    static const struct tg_trend nothing = {.iteration_count = 0};
    assert_int_equal(trend->iteration_count, 0);
    assert_true(trend->slope_ns == 0 && trend->intercept_ns == 0 && trend->relative_change == 0);
    assert_memory_equal(trend, &nothing, sizeof nothing);
}

static void nothing_is_no_trend(void **state) {
    (void)state;
    const struct tg_store_point without_calls[] = {{.iteration = 3, .total_ns = 9}, {.iteration = 4}};
    struct tg_store_sums sums = {.iteration_count = 0};
    struct tg_trend trend;
    tg_trend_of_sums(&trend, &sums);
    assert_nothing(&trend);
    assert_true(tg_trend_probability(&trend) == 1);
    assert_true(tg_trend_slope_per_hour_ns(&trend, 1000) == 0);
    assert_int_equal(tg_trend_of_points(&trend, NULL, 0, NULL), TG_OK);
    assert_nothing(&trend);
    assert_int_equal(tg_trend_of_points(&trend, without_calls, 2, NULL), TG_OK);
    assert_nothing(&trend);
}

/* A store is a file: its numbers may be any. */
static void broken_sums_are_no_trend(void **state) {
    (void)state;
    static const struct tg_store_sums sums[] = {
        {.iteration_count = 3, .last_iteration = 2, .sum_x = 3, .sum_xx = 5, .sum_xy = NAN},
        {.iteration_count = 3, .last_iteration = 2, .sum_x = 3, .sum_xx = 5, .sum_y = INFINITY},
        {.iteration_count = 3, .last_iteration = 2, .sum_x = 3, .sum_xx = 5, .origin_y = -INFINITY},
        {.iteration_count = 3, .last_iteration = 2, .sum_x = 1e200, .sum_xx = 1e308, .sum_y = 1e308, .sum_xy = -1e308},
        {.iteration_count = 3, .last_iteration = 2, .sum_x = 3, .sum_xx = 5, .sum_xy = 4, .sum_yy = NAN},
        {.iteration_count = -5, .last_iteration = 2, .sum_x = 3, .sum_xx = 5, .sum_y = 1},
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        struct tg_trend trend;
        tg_trend_of_sums(&trend, &sums[i]);
        assert_nothing(&trend);
    }
    struct tg_store_sums less_than_nothing = {.iteration_count = 3, .last_iteration = 2, .sum_x = 3, .sum_xx = 1};
    struct tg_trend trend;
    tg_trend_of_sums(&trend, &less_than_nothing);
    assert_int_equal(trend.iteration_count, 3);
    assert_true(trend.slope_ns == 0 && trend.slope_error_ns == 0 && trend.r_squared == 0);
}

/* Points 0, 1, 2 on a line whose sums were rounded: less than nothing is left over. */
static void a_perfect_line_has_no_error(void **state) {
    (void)state;
    const struct tg_store_sums sums = {
        .iteration_count = 3, .last_iteration = 2, .sum_x = 3, .sum_xx = 5, .sum_y = 3, .sum_xy = 5, .sum_yy = 4.9999};
    struct tg_trend trend;
    tg_trend_of_sums(&trend, &sums);
    assert_int_equal(trend.iteration_count, 3);
    assert_true(trend.slope_ns == 1 && trend.r_squared == 1 && trend.slope_error_ns == 0);
    assert_true(tg_trend_probability(&trend) == 0);
}

static void a_gap_is_no_zero(void **state) {
    (void)state;
    const struct tg_store_point points[] = {{.iteration = 0, .call_count = 1, .total_ns = 100},  {.iteration = 1},
                                            {.iteration = 5, .call_count = 2, .total_ns = 300},  {.iteration = 6},
                                            {.iteration = 10, .call_count = 1, .total_ns = 200}, {.iteration = 11}};
    struct tg_trend trend;
    assert_int_equal(tg_trend_of_points(&trend, points, 6, NULL), TG_OK);
    assert_int_equal(trend.iteration_count, 3);
    assert_int_equal(trend.last_iteration, 10);
    assert_near("gaps", "slope", trend.slope_ns, 10, 1e-12, 0);
    assert_near("gaps", "Theil-Sen slope", trend.theil_sen_slope_ns, 10, 1e-12, 0);
    assert_near("gaps", "r squared", trend.r_squared, 1, 1e-12, 0);
    assert_near("gaps", "relative change", trend.relative_change, 1, 1e-12, 0);
}

/* Not in a store's series; but no reason to divide by zero. */
static void one_iteration_twice_has_no_slope(void **state) {
    (void)state;
    const struct tg_store_point points[] = {{.iteration = 7, .call_count = 1, .total_ns = 100},
                                            {.iteration = 7, .call_count = 1, .total_ns = 300}};
    struct tg_trend trend;
    assert_int_equal(tg_trend_of_points(&trend, points, 2, NULL), TG_OK);
    assert_false(trend.has_theil_sen);
    assert_true(trend.slope_ns == 0 && trend.theil_sen_slope_ns == 0 && trend.r_squared == 0);
    assert_true(trend.intercept_ns == 200 && trend.theil_sen_intercept_ns == 200);
    assert_true(trend.start_ns == 200 && trend.end_ns == 200 && trend.relative_change == 0);
}

static void slope_per_hour(void **state) {
    (void)state;
    const struct tg_trend trend = {.slope_ns = 2.5};
    assert_near("10 s", "slope per hour", tg_trend_slope_per_hour_ns(&trend, INT64_C(10000000000)), 900, 1e-12, 0);
    assert_near("2 h", "slope per hour", tg_trend_slope_per_hour_ns(&trend, INT64_C(7200000000000)), 1.25, 1e-12, 0);
    assert_true(tg_trend_slope_per_hour_ns(&trend, 0) == 0);
    assert_true(tg_trend_slope_per_hour_ns(&trend, -1) == 0);
}

static void relative_change_is_bounded(void **state) {
    (void)state;
    static const struct {
        double start, end, average, expected;
    } cases[] = {
        {100, 150, 125, 0.5},     {150, 75, 112, -0.5}, {100, 100, 100, 0}, {-50, 150, 50, 299}, {0, 200, 100, 199},
        {200, -10, 95, -0.99525}, {0, 0, 0, 0},         {-1, -1, -1, 0},    {1, 2, 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double change = tg_trend_relative_change(cases[i].start, cases[i].end, cases[i].average);
        assert_near("relative", "change", change, cases[i].expected, 1e-12, 0);
    }
}

/* A hump at the end: the line through it begins below nothing, and what is shown never does. */
static void ends_are_measured(void **state) {
    (void)state;
    enum { COUNT = 12 };
    struct tg_store_point points[COUNT] = {{.iteration = 0}};
    struct tg_trend trend;
    for (size_t i = 0; i < COUNT; i++) {
        points[i] =
            (struct tg_store_point){.iteration = (int64_t)i * 10, .call_count = 2, .total_ns = i < 8 ? 200 : 8000};
    }
    points[0].total_ns = 800;
    assert_int_equal(tg_trend_of_points(&trend, points, COUNT, NULL), TG_OK);
    assert_true(trend.start_ns < 0 && trend.is_measured);
    assert_near("hump", "before", trend.before_ns, 200, 1e-12, 0);
    assert_near("hump", "after", trend.after_ns, 4000, 1e-12, 0);
    assert_near("hump", "change", trend.measured_change, 19, 1e-12, 0);
    assert_int_equal(tg_trend_of_points(&trend, points, 2, NULL), TG_OK);
    assert_near("two", "change", trend.measured_change, -0.75, 1e-12, 0);
    assert_int_equal(tg_trend_of_points(&trend, points, 1, NULL), TG_OK);
    assert_false(trend.is_measured);
    assert_near("nothing", "change", tg_trend_measured_change(0, 0), 0, 0, 0);
    assert_near("from nothing", "change", tg_trend_measured_change(0, 5), 4, 1e-12, 0);
}

static void student_is_scipys(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof student_references / sizeof student_references[0]; i++) {
        double probability = tg_student_two_sided(student_references[i].t, student_references[i].degrees_of_freedom);
        assert_near("student", "probability", probability, student_references[i].probability, 1e-8, 1e-300);
    }
    assert_true(tg_student_two_sided(0, 5) == 1);
    assert_true(tg_student_two_sided(3, 0) == 1);
    assert_true(tg_student_two_sided(3, -1) == 1);
    assert_true(tg_student_two_sided(NAN, 5) == 1);
    assert_true(tg_student_two_sided(INFINITY, 5) == 0);
    assert_true(tg_student_two_sided(1e200, 5) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_give_the_reference),
        cmocka_unit_test(sums_give_the_reference),
        cmocka_unit_test(the_origin_does_not_matter),
        cmocka_unit_test(nothing_is_no_trend),
        cmocka_unit_test(broken_sums_are_no_trend),
        cmocka_unit_test(a_perfect_line_has_no_error),
        cmocka_unit_test(a_gap_is_no_zero),
        cmocka_unit_test(one_iteration_twice_has_no_slope),
        cmocka_unit_test(slope_per_hour),
        cmocka_unit_test(relative_change_is_bounded),
        cmocka_unit_test(ends_are_measured),
        cmocka_unit_test(student_is_scipys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
