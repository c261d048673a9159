#include "analyze/step.h"

#include "analyze/rank.h"

#include "cmocka_all.h"
#include "reference/step_reference.h"

#include <math.h>
#include <string.h>

#define REFERENCES (sizeof step_references / sizeof step_references[0])

static struct tg_store_version items[3];
static struct tg_store_point points[64];

static struct tg_step step_of(const struct step_reference *reference, struct tg_trend *line) {
    const struct tg_step_causes versions = {.versions = items, .version_count = reference->version_count};
    struct tg_step step;
    for (size_t i = 0; i < reference->version_count; i++) {
        items[i] = (struct tg_store_version){.first_iteration = reference->versions[i]};
    }
    for (size_t i = 0; i < reference->count; i++) {
        points[i] =
            (struct tg_store_point){.iteration = (int64_t)i, .call_count = 3, .total_ns = 3 * reference->averages[i]};
    }
    assert_int_equal(tg_trend_of_points(line, points, reference->count, NULL), TG_OK);
    assert_int_equal(tg_step_of_points(&step, points, reference->count, line, &versions, NULL), TG_OK);
    return step;
}

static void assert_near(const char *name, const char *what, double found, double expected) {
    if (fabs(found - expected) > 1e-9 * fmax(fabs(found), fabs(expected)) + 1e-300) {
        fail_msg("%s of %s: %.17g, not %.17g", what, name, found, expected);
    }
}

static void as_scipy_has_it(void **state) {
    (void)state;
    for (size_t i = 0; i < REFERENCES; i++) {
        const struct step_reference *reference = &step_references[i];
        struct tg_trend line;
        struct tg_step step = step_of(reference, &line);
        assert_int_equal(step.iteration, reference->iteration);
        assert_int_equal(step.version->first_iteration, reference->iteration);
        assert_near(reference->name, "before", step.before_ns, reference->before);
        assert_near(reference->name, "after", step.after_ns, reference->after);
        assert_near(reference->name, "probability", step.probability, reference->probability);
        assert_int_equal(step.fits_better, reference->fits_better);
    }
}

/* Only what stands out, and is no line, is called a step. */
static void steps_and_lines_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool is_step;
        bool evident;
    } expected[] = {{"slower", true, true},  {"faster", true, true},         {"a_line", false, true},
                    {"noise", false, false}, {"there_and_back", true, true}, {"one_after", false, false}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        for (size_t j = 0; j < REFERENCES; j++) {
            struct tg_store_function function = {.name = (char[]){"m::f"}, .call_count = 100};
            struct tg_rank_trend row = {.function = &function};
            if (strcmp(step_references[j].name, expected[i].name) == 0) {
                row.step = step_of(&step_references[j], &row.trend);
                tg_rank_trends(&row, 1, &tg_rank_evidence_default);
                assert_int_equal(row.is_step, expected[i].is_step);
                assert_int_equal(row.evident, expected[i].evident);
            }
        }
    }
}

/* The versions' own iterations decide, not how many points there are. */
static void gaps_and_iterations_without_calls(void **state) {
    (void)state;
    static const int64_t at[] = {-7, -6, -3, 90, 91, 95, 2000};
    const struct tg_step_causes versions = {.versions = items, .version_count = 3};
    struct tg_trend line;
    struct tg_step step;
    items[0] = (struct tg_store_version){.first_iteration = -7};
    items[1] = (struct tg_store_version){.first_iteration = 40};
    items[2] = (struct tg_store_version){.first_iteration = 3000}; /* not in these points */
    for (size_t i = 0; i < 7; i++) {
        points[i] =
            (struct tg_store_point){.iteration = at[i], .call_count = i != 2, .total_ns = i < 3 ? 1000 + i : 1500 + i};
    }
    assert_int_equal(tg_trend_of_points(&line, points, 7, NULL), TG_OK);
    assert_int_equal(tg_step_of_points(&step, points, 7, &line, &versions, NULL), TG_OK);
    assert_ptr_equal(step.version, &items[1]);
    assert_int_equal(step.iteration, 90);
    assert_near("gaps", "before", step.before_ns, 1000.5);
    assert_near("gaps", "after", step.after_ns, 1504.5);
}

static void one_version_has_no_step(void **state) {
    (void)state;
    struct tg_trend line;
    struct tg_step step;
    items[0] = (struct tg_store_version){.first_iteration = 0};
    for (size_t count = 0; count < 2; count++) {
        const struct tg_step_causes versions = {.versions = items, .version_count = count};
        points[0] = (struct tg_store_point){.iteration = 0, .call_count = 1, .total_ns = 5};
        assert_int_equal(tg_trend_of_points(&line, points, 1, NULL), TG_OK);
        assert_int_equal(tg_step_of_points(&step, points, 1, &line, &versions, NULL), TG_OK);
        assert_int_equal(step.kind, TG_STEP_NONE);
        assert_true(step.probability == 1 && !step.fits_better);
    }
}

/* Points of three calls each: `before` of them at 1000 ns, `short_count` at 9000 ns, the others at 5000 ns. */
static struct tg_step step_of_codes(const struct tg_step_causes *causes, size_t before, size_t short_count,
                                    size_t count) {
    struct tg_trend line;
    struct tg_step step;
    for (size_t i = 0; i < count; i++) {
        uint64_t average = i < before ? 1000 : i < before + short_count ? 9000 : 5000;
        points[i] =
            (struct tg_store_point){.iteration = (int64_t)i, .call_count = 3, .total_ns = 3 * (average + i * 7 % 5)};
    }
    assert_int_equal(tg_trend_of_points(&line, points, count, NULL), TG_OK);
    assert_int_equal(tg_step_of_points(&step, points, count, &line, causes, NULL), TG_OK);
    return step;
}

static void a_code_makes_a_step(void **state) {
    (void)state;
    const struct tg_store_code codes[] = {{.code_hash = 1, .first_iteration = 0},
                                          {.code_hash = 2, .first_iteration = 10}};
    items[0] = (struct tg_store_version){.first_iteration = 0};
    struct tg_step_causes causes = {.versions = items, .version_count = 1, .codes = codes, .code_count = 2};
    struct tg_step step = step_of_codes(&causes, 10, 0, 60);
    assert_int_equal(step.kind, TG_STEP_CODE);
    assert_null(step.version);
    assert_int_equal(step.iteration, 10);
    assert_true(step.fits_better && step.probability < 1e-6);
    assert_true(step_of_codes(&causes, 10, 0, 12).probability == 1); /* too few points after it */
    items[1] = (struct tg_store_version){.first_iteration = 10};     /* which brought the code */
    causes.version_count = 2;
    step = step_of_codes(&causes, 10, 0, 60);
    assert_int_equal(step.kind, TG_STEP_VERSION);
    assert_ptr_equal(step.version, &items[1]);
    assert_ptr_equal(step.before, &items[0]);
}

/* What is noted later than a function's points begin says nothing about the code before. */
static void the_first_code_noted_is_no_change(void **state) {
    (void)state;
    const struct tg_store_code codes[] = {{.code_hash = 1, .first_iteration = 10},
                                          {.code_hash = 2, .first_iteration = 10},
                                          {.code_hash = 1, .first_iteration = 900}};
    const struct tg_step_causes causes = {.codes = codes, .code_count = 3};
    assert_int_equal(step_of_codes(&causes, 10, 0, 60).kind, TG_STEP_NONE);
}

static void edits_in_a_row_are_passed_over(void **state) {
    (void)state;
    const struct tg_store_code mended[] = {{.code_hash = 1, .first_iteration = 0},
                                           {.code_hash = 2, .first_iteration = 10},
                                           {.code_hash = 3, .first_iteration = 12}};
    const struct tg_store_code undone[] = {{.code_hash = 1, .first_iteration = 0},
                                           {.code_hash = 2, .first_iteration = 10},
                                           {.code_hash = 1, .first_iteration = 12}};
    struct tg_step_causes causes = {.codes = mended, .code_count = 3};
    struct tg_step step = step_of_codes(&causes, 10, 2, 60);
    assert_int_equal(step.kind, TG_STEP_CODE);
    assert_int_equal(step.iteration, 12);
    assert_true(step.probability < 1e-6 && step.before_ns < 1005 && step.after_ns < 5005);
    causes.codes = undone; /* what differs then is not the code's doing */
    assert_int_equal(step_of_codes(&causes, 10, 2, 60).kind, TG_STEP_NONE);
}

/* Of one source each makes another. */
static void what_another_python_makes_of_it_is_no_new_code(void **state) {
    (void)state;
    const struct tg_store_code codes[] = {{.code_hash = 1, .first_iteration = 0, .python = 0x030b},
                                          {.code_hash = 2, .first_iteration = 10, .python = 0x030c},
                                          {.code_hash = 3, .first_iteration = 30, .python = 0x030c}};
    struct tg_step_causes causes = {.codes = codes, .code_count = 2};
    assert_int_equal(step_of_codes(&causes, 10, 0, 60).kind, TG_STEP_NONE);
    causes.code_count = 3;
    assert_int_equal(step_of_codes(&causes, 30, 0, 60).iteration, 30);
}

/* 1000 ns, from iteration 10 on 9000 ns, and from iteration 20 on 5000 ns with the code of the beginning. */
static void what_is_undone_is_over(void **state) {
    (void)state;
    const struct tg_store_code codes[] = {{.code_hash = 1, .first_iteration = 0},
                                          {.code_hash = 2, .first_iteration = 10},
                                          {.code_hash = 1, .first_iteration = 20}};
    const struct tg_step_causes causes = {.codes = codes, .code_count = 3};
    struct tg_step step = step_of_codes(&causes, 10, 10, 60);
    assert_int_equal(step.kind, TG_STEP_CODE);
    assert_int_equal(step.iteration, 20);
    assert_true(step.before_ns > step.after_ns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_scipy_has_it),
        cmocka_unit_test(steps_and_lines_are_told_apart),
        cmocka_unit_test(gaps_and_iterations_without_calls),
        cmocka_unit_test(one_version_has_no_step),
        cmocka_unit_test(a_code_makes_a_step),
        cmocka_unit_test(the_first_code_noted_is_no_change),
        cmocka_unit_test(what_another_python_makes_of_it_is_no_new_code),
        cmocka_unit_test(edits_in_a_row_are_passed_over),
        cmocka_unit_test(what_is_undone_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
