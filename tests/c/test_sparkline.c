#include "cli/sparkline.h"

#include "cmocka_all.h"

#include <math.h>

#define COUNT(points) (sizeof(points) / sizeof *(points))

static void assert_sparkline(const struct tg_sparkline_point *points, size_t count, size_t width,
                             const char *expected) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_strbuf_append(&out, "|");
    tg_sparkline_append(&out, points, count, width);
    assert_int_equal(tg_strbuf_status(&out), TG_OK);
    assert_string_equal(tg_strbuf_text(&out) + 1, expected);
    tg_strbuf_release(&out);
}

static void eight_levels(void **state) {
    (void)state;
    struct tg_sparkline_point points[8];
    for (int i = 0; i < 8; i++) {
        points[i] = (struct tg_sparkline_point){.position = 100 + i, .value = 50 + 10 * i};
    }
    assert_sparkline(points, 8, 40, "▁▂▃▄▅▆▇█");
    assert_sparkline(points, 8, 8, "▁▂▃▄▅▆▇█");
}

static void gaps_are_spaces(void **state) {
    (void)state;
    const struct tg_sparkline_point points[] = {{-3, 10}, {-1, 40}, {0, NAN}, {1, 20}, {2, INFINITY}, {4, NAN}};
    assert_sparkline(points, COUNT(points), 40, "▁ █ ▃   ");
}

static void columns_are_means(void **state) {
    (void)state;
    const struct tg_sparkline_point points[] = {{0, 0}, {1, 20}, {2, 80}, {3, 100}, {7, 50}};
    const struct tg_sparkline_point three[] = {{0, 0}, {1, 100}, {2, 0}};
    assert_sparkline(points, COUNT(points), 4, "▁█ ▅");
    assert_sparkline(points, COUNT(points), 1, "▁");
    assert_sparkline(three, COUNT(three), 2, "█▁");
}

/* Every position has a column of its own, whatever the rounding. */
static void as_wide_as_its_range(void **state) {
    (void)state;
    struct tg_sparkline_point points[TG_SPARKLINE_WIDTH_MAX];
    for (size_t width = 1; width <= TG_SPARKLINE_WIDTH_MAX; width++) {
        for (size_t i = 0; i < width; i++) {
            points[i] = (struct tg_sparkline_point){.position = (int64_t)i, .value = i % 2 ? 9 : 1};
        }
        struct tg_strbuf out = TG_STRBUF_INIT;
        tg_sparkline_append(&out, points, width, 9999);
        assert_int_equal(out.length, 3 * width);
        for (size_t i = 0; i < width; i++) {
            assert_memory_equal(out.data + 3 * i, i % 2 ? "█" : "▁", 3);
        }
        tg_strbuf_release(&out);
    }
}

static void noise_stays_low(void **state) {
    (void)state;
    const struct tg_sparkline_point level[] = {{0, 5}, {1, 5}, {2, 5}};
    const struct tg_sparkline_point noise[] = {{0, 1000}, {1, 1010}, {2, 1030}};
    const struct tg_sparkline_point zero[] = {{0, 0}, {1, 0}};
    assert_sparkline(level, 3, 10, "▁▁▁");
    assert_sparkline(noise, 3, 10, "▁▁▃");
    assert_sparkline(zero, 2, 10, "▁▁");
}

static void extremes(void **state) {
    (void)state;
    const struct tg_sparkline_point far[] = {{INT64_MIN, 1}, {0, 2}, {INT64_MAX, 1e308}};
    const struct tg_sparkline_point large[] = {{0, 1.7e308}, {0, 1.7e308}, {1, 0}};
    const struct tg_sparkline_point nothing[] = {{0, NAN}};
    assert_sparkline(far, 3, 4, "▁ ▁█");
    assert_sparkline(large, 3, 4, "█▁");
    assert_sparkline(nothing, 1, 4, " ");
    assert_sparkline(large, 3, 0, "");
    assert_sparkline(NULL, 0, 4, "");
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_sparkline_append(&out, far, 3, 9999);
    assert_int_equal(out.length, TG_SPARKLINE_WIDTH_MAX + 3 * (3 - 1)); /* a bar is three bytes */
    tg_strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_levels),         cmocka_unit_test(gaps_are_spaces), cmocka_unit_test(columns_are_means),
        cmocka_unit_test(as_wide_as_its_range), cmocka_unit_test(noise_stays_low), cmocka_unit_test(extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
