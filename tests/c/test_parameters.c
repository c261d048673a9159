#include "serve/parameters.h"

#include "cmocka_all.h"

#include <string.h>

static void names_and_values_are_decoded(void **state) {
    (void)state;
    struct tg_parameters parameters;
    assert_int_equal(tg_parameters_parse(&parameters, "a=1&&b=x+y%2B&%63=%C3%A9&empty=&alone", NULL), TG_OK);
    assert_int_equal(parameters.count, 5);
    assert_string_equal(tg_parameters_find(&parameters, "a"), "1");
    assert_string_equal(tg_parameters_find(&parameters, "b"), "x y+");
    assert_string_equal(tg_parameters_find(&parameters, "c"), "\xC3\xA9");
    assert_string_equal(tg_parameters_find(&parameters, "empty"), "");
    assert_string_equal(tg_parameters_find(&parameters, "alone"), "");
    assert_null(tg_parameters_find(&parameters, "d"));
    tg_parameters_release(&parameters);
    tg_parameters_release(&parameters);
}

static void none_are_fine(void **state) {
    (void)state;
    struct tg_parameters parameters;
    assert_int_equal(tg_parameters_parse(&parameters, NULL, NULL), TG_OK);
    assert_int_equal(parameters.count, 0);
    assert_int_equal(tg_parameters_parse(&parameters, "&&", NULL), TG_OK);
    assert_int_equal(parameters.count, 0);
    tg_parameters_release(&parameters);
}

static void what_is_no_text_is_refused_by_its_name(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *said;
    } cases[] = {
        {"a=%", "a is no percent-encoded"},
        {"a=%4", "a is no percent-encoded"},
        {"a=%gg", "a is no percent-encoded"},
        {"a=%00", "a is no percent-encoded"},
        {"a=%C0%80", "a is no percent-encoded"},
        {"a=%ED%A0%80", "a is no percent-encoded"},
        {"a=%FF", "a is no percent-encoded"},
        {"%FF=1", "the name of a parameter"},
        {"a=1&b=2&a=3", "a is given twice"},
        {"a=1&%61=3", "a is given twice"},
        {"=1&=2", " is given twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_parameters parameters;
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(tg_parameters_parse(&parameters, cases[i].text, &err), TG_ERROR_INVALID);
        assert_non_null(strstr(err.message, cases[i].said));
        tg_parameters_release(&parameters);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values_are_decoded),
        cmocka_unit_test(none_are_fine),
        cmocka_unit_test(what_is_no_text_is_refused_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
