#include "base/humanize.h"

#include "cmocka_all.h"

static void durations(void **state) {
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {1, "1 ns"},
        {999, "999 ns"},
        {1000, "1.00 us"},
        {1234, "1.23 us"},
        {1235, "1.24 us"},
        {9994, "9.99 us"},
        {9995, "10.0 us"},
        {45600, "45.6 us"},
        {99949, "99.9 us"},
        {99950, "100 us"},
        {999499, "999 us"},
        {999500, "1.00 ms"},
        {1230000, "1.23 ms"},
        {999499999, "999 ms"},
        {999500000, "1.00 s"},
        {7890000000, "7.89 s"},
        {59940000000, "59.9 s"},
        {59960000000, "1m 00s"},
        {65000000000, "1m 05s"},
        {3599400000000, "59m 59s"},
        {3599500000000, "1h 00m"},
        {7620000000000, "2h 07m"},
        {86399000000000, "23h 59m"},
        {86400000000000, "1d 00h"},
        {273600000000000, "3d 04h"},
        {INT64_MAX, "106751d 23h"},
        {-1500, "-1.50 us"},
        {-65000000000, "-1m 05s"},
        {INT64_MIN, "-106751d 23h"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(tg_humanize_duration(cases[i].ns).text, cases[i].text);
    }
}

static void counts(void **state) {
    (void)state;
    assert_string_equal(tg_humanize_count(0).text, "0");
    assert_string_equal(tg_humanize_count(999).text, "999");
    assert_string_equal(tg_humanize_count(1000).text, "1,000");
    assert_string_equal(tg_humanize_count(1234567).text, "1,234,567");
    assert_string_equal(tg_humanize_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void bytes(void **state) {
    (void)state;
    assert_string_equal(tg_humanize_bytes(0).text, "0 B");
    assert_string_equal(tg_humanize_bytes(1023).text, "1023 B");
    assert_string_equal(tg_humanize_bytes(1024).text, "1.00 KiB");
    assert_string_equal(tg_humanize_bytes(1536).text, "1.50 KiB");
    assert_string_equal(tg_humanize_bytes(64U << 20U).text, "64.0 MiB");
    assert_string_equal(tg_humanize_bytes((1U << 20U) - 512).text, "1.00 MiB");
    assert_string_equal(tg_humanize_bytes((1U << 20U) - 513).text, "1023 KiB");
    assert_string_equal(tg_humanize_bytes(UINT64_MAX).text, "16.0 EiB");
    assert_string_equal(tg_humanize_bytes(UINT64_C(3) << 59U).text, "1.50 EiB");
}

static void rates(void **state) {
    (void)state;
    const uint64_t second = 1000000000;
    assert_string_equal(tg_humanize_rate(0, second).text, "0");
    assert_string_equal(tg_humanize_rate(5, 0).text, "0");
    assert_string_equal(tg_humanize_rate(1, 30 * second).text, "<0.1");
    assert_string_equal(tg_humanize_rate(1, 20 * second).text, "0.1");
    assert_string_equal(tg_humanize_rate(3, 2 * second).text, "1.5");
    assert_string_equal(tg_humanize_rate(994, 100 * second).text, "9.9");
    assert_string_equal(tg_humanize_rate(995, 100 * second).text, "10");
    assert_string_equal(tg_humanize_rate(1234567, second).text, "1,234,567");
    assert_string_equal(tg_humanize_rate(UINT64_MAX, 1).text, "18,446,744,073,709,551,615");
}

static void shares(void **state) {
    (void)state;
    assert_string_equal(tg_humanize_share(0, 0).text, "0.0 %");
    assert_string_equal(tg_humanize_share(5, 0).text, "0.0 %");
    assert_string_equal(tg_humanize_share(1, 3).text, "33.3 %");
    assert_string_equal(tg_humanize_share(2, 3).text, "66.7 %");
    assert_string_equal(tg_humanize_share(UINT64_MAX, UINT64_MAX).text, "100.0 %");
    assert_string_equal(tg_humanize_share(3, 2).text, "100.0 %");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates),  cmocka_unit_test(shares), cmocka_unit_test(durations),
        cmocka_unit_test(counts), cmocka_unit_test(bytes),
    };
    return cmocka_run_group_tests_name("humanize", tests, NULL, NULL);
}
