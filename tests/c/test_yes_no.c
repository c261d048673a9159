#include "base/yes_no.h"

#include "cmocka_all.h"

static void words_are_known_in_capitals_or_not(void **state) {
    (void)state;
    static const char *const yes[] = {"1", "true", "Yes", "ON"};
    static const char *const no[] = {"", "0", "False", "no", "OFF"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        assert_true(tg_yes_no_is_yes(yes[i]));
        assert_false(tg_yes_no_is_no(yes[i]));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_true(tg_yes_no_is_no(no[i]));
        assert_false(tg_yes_no_is_yes(no[i]));
    }
}

static void other_words_are_neither(void **state) {
    (void)state;
    static const char *const words[] = {"2", "maybe", "y", "tru", "01", " 1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_false(tg_yes_no_is_yes(words[i]));
        assert_false(tg_yes_no_is_no(words[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_known_in_capitals_or_not),
        cmocka_unit_test(other_words_are_neither),
    };
    return cmocka_run_group_tests_name("yes_no", tests, NULL, NULL);
}
