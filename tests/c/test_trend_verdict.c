#include "cli/trend_verdict.h"

#include "cli/change.h"
#include "cli/percent.h"

#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#define SECOND 1000000000LL
#define MS     1e6

/* The verdict on averages that rise from `start_ns` by `slope_ns` for each iteration. */
static void assert_verdict(int64_t count, double start_ns, double slope_ns, int64_t interval_ns, uint64_t calls,
                           const char *expected) {
    struct tg_store_function function = {.name = (char[]){"m::f"}, .call_count = calls};
    struct tg_store_point points[64] = {{.iteration = 0}};
    struct tg_rank_trend row = {.function = &function};
    const struct tg_store_service service = {.base_interval_ns = interval_ns};
    struct tg_strbuf out = TG_STRBUF_INIT;
    for (int64_t i = 0; i < count; i++) {
        double noise_ns = i % 2 ? 1000 : -1000;
        points[i] = (struct tg_store_point){.iteration = i, .call_count = 1};
        points[i].total_ns = (uint64_t)(start_ns + slope_ns * (double)i + noise_ns);
    }
    assert_int_equal(tg_trend_of_points(&row.trend, points, (size_t)count, NULL), TG_OK);
    tg_rank_trends(&row, 1, &tg_rank_evidence_default);
    tg_trend_append_verdict(&out, &row, &service, &tg_rank_evidence_default);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_strbuf_release(&out);
}

static void says_how_fast_for_a_time_that_was_seen(void **state) {
    (void)state;
    assert_verdict(42, 3 * MS, 0.1 * MS, 600 * SECOND, 420,
                   "gets slower: from 3.45 ms to 6.65 ms (+93 %), +600 us per hour (averages of the first and last "
                   "quarter of 42 iterations)");
    assert_verdict(42, 3 * MS, 0.1 * MS, 10 * SECOND, 420,
                   "gets slower: from 3.45 ms to 6.65 ms (+93 %), +600 us per minute (averages of the first and last "
                   "quarter of 42 iterations)");
    assert_verdict(42, 3 * MS, 0.1 * MS, SECOND, 420,
                   "gets slower: from 3.45 ms to 6.65 ms (+93 %), +100 us per second (averages of the first and last "
                   "quarter of 42 iterations)");
    assert_verdict(20, 3 * MS, -0.1 * MS, SECOND, 1000,
                   "gets faster: from 2.80 ms to 1.30 ms (-54 %), -100 us per second (averages of the first and last "
                   "quarter of 20 iterations)");
}

static void says_when_there_is_nothing_to_say(void **state) {
    (void)state;
    assert_verdict(30, 3 * MS, 0, SECOND, 300,
                   "no trend that stands out from noise (3.00 ms on average over 30 iterations)");
    assert_verdict(2, 3 * MS, MS, SECOND, 300, "too early to say: called in 2 iterations, and a trend takes 3");
    assert_verdict(1, 3 * MS, MS, SECOND, 300, "too early to say: called in 1 iteration, and a trend takes 3");
    assert_verdict(5, 3 * MS, MS, SECOND, 9, "too early to say: 9 calls in all, and a trend takes 10");
}

static void changes_have_a_sign(void **state) {
    (void)state;
    assert_string_equal(tg_change_duration(1.2e6).text, "+1.20 ms");
    assert_string_equal(tg_change_duration(-870).text, "-870 ns");
    assert_string_equal(tg_change_duration(-0.2).text, "+0 ns");
    assert_string_equal(tg_change_duration(NAN).text, "+0 ns");
    assert_string_equal(tg_change_duration(1e300).text, "+106481d 11h");
    assert_string_equal(tg_change_percent(0.62).text, "+62 %");
    assert_string_equal(tg_change_percent(-0.005).text, "-0.5 %");
    assert_string_equal(tg_change_percent(-0.0001).text, "+0.0 %");
    assert_string_equal(tg_change_percent(0.0996).text, "+10 %");
    assert_string_equal(tg_change_percent(11.3).text, "+1,130 %");
    assert_true(strlen(tg_change_percent(INFINITY).text) < sizeof(struct tg_human));
}

static void percentages_may_lack_their_sign(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "%", "much", "-5%", "5%%", "5 %", "inf", "nan", "1e999", "0x", "+5"};
    double ratio = 0;
    assert_int_equal(tg_percent_parse("20%", &ratio, NULL), TG_OK);
    assert_true(fabs(ratio - 0.2) < 1e-12);
    assert_int_equal(tg_percent_parse("2.5", &ratio, NULL), TG_OK);
    assert_true(fabs(ratio - 0.025) < 1e-12);
    assert_int_equal(tg_percent_parse("0%", &ratio, NULL), TG_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tg_percent_check(wrong[i], NULL), TG_ERROR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_fast_for_a_time_that_was_seen),
        cmocka_unit_test(says_when_there_is_nothing_to_say),
        cmocka_unit_test(changes_have_a_sign),
        cmocka_unit_test(percentages_may_lack_their_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
