#include "base/age.h"

#include "cmocka_all.h"

static void ages_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {{"0s", 0}, {"90s", 90}, {"10m", 600}, {"12h", 43200}, {"7d", 604800}, {"2w", 1209600}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ns = -1;
        assert_true(tg_age_parse(cases[i].text, &ns));
        assert_int_equal(ns, cases[i].seconds * 1000000000);
    }
}

static void others_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"", "7", "d", "7dd", "7 d", "-7d", "+7d", " 7d", "7y", "1.5h", "99999999999w"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t ns = 0;
        assert_false(tg_age_parse(texts[i], &ns));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ages_are_read),
        cmocka_unit_test(others_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
