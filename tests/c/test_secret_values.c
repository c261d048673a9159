#include "failure/secret_values.h"

#include "failure/redact.h"

#include "cmocka_all.h"

#include <string.h>

static struct tg_secret_values values;

static int tear_down(void **state) {
    (void)state;
    tg_secret_values_release(&values);
    tg_secret_values_release(&values);
    return 0;
}

static void add(const char *text) {
    tg_secret_values_add(&values, text, strlen(text), false);
}

static void check_cut(const char *text, bool is_cut, const char *wanted) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_secret_values_take_out(&values, text, strlen(text), is_cut, &out);
    assert_string_equal(tg_strbuf_text(&out), wanted);
    tg_strbuf_release(&out);
}

static void check(const char *text, const char *wanted) {
    check_cut(text, false, wanted);
}

static void none_takes_nothing_out(void **state) {
    (void)state;
    check("could not use hunter2", "could not use hunter2");
    check("", "");
}

static void values_go_wherever_they_stand(void **state) {
    (void)state;
    add("hunter2");
    check("could not use hunter2", "could not use [redacted]");
    check("hunter2hunter2, or xhunter2y", "[redacted][redacted], or x[redacted]y");
    check("hunter, unter2, hunte", "hunter, unter2, hunte");
}

static void short_ones_stay(void **state) {
    (void)state;
    add("abc");
    add("'x'  ");
    add("abcd");
    check("abc x abcd", "abc x [redacted]");
}

static void of_two_the_longer_goes(void **state) {
    (void)state;
    add("hunter");
    add("hunter2 and more");
    add("hunter2");
    check("hunter2 and moreover hunter2 and", "[redacted]over [redacted] and");
}

static void what_is_around_does_not_count(void **state) {
    (void)state;
    add(" \\\"hunter2\\\"\n");
    check("'hunter2'", "'[redacted]'");
}

static void escapes_do_not_count(void **state) {
    (void)state;
    add("a\"b\\c'd");
    check("a\"b\\c'd a\\\"b\\\\c\\'d a\\bc", "[redacted] [redacted] a\\bc");
}

static void backslashes_in_a_row_are_found_both_ways(void **state) {
    (void)state;
    add("pass\\\\word");
    check("pass\\\\word pass\\\\\\\\word pass\\word", "[redacted] [redacted] pass\\word");
}

static void at_the_end_of_a_cut_text_the_beginning_goes(void **state) {
    (void)state;
    add("hunter2");
    check_cut("it is hunter", true, "it is [redacted]");
    check_cut("it is hunter", false, "it is hunter");
    check_cut("it is hun", true, "it is hun");
}

static void behind_a_value_that_is_known_in_part_all_goes(void **state) {
    (void)state;
    tg_secret_values_add(&values, "beginning", 9, true);
    check("the beginning, and what comes", "the [redacted]");
}

static void they_are_bounded(void **state) {
    (void)state;
    static char text[TG_SECRET_VALUES_BYTES + 10];
    char value[] = "value00";
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < TG_SECRET_VALUES + 2; i++) {
        value[5] = (char)('0' + i / 10);
        value[6] = (char)('0' + i % 10);
        add(value);
    }
    assert_int_equal(values.count, TG_SECRET_VALUES);
    check("value00 value31 value32", "[redacted] [redacted] value32");
    tg_secret_values_release(&values);
    add(text);
    add("hunter2");
    assert_int_equal(values.bytes.length, TG_SECRET_VALUES_BYTES);
    check(text, "[redacted]");
    check("hunter2", "hunter2");
}

static void redacting_finds_them(void **state) {
    (void)state;
    static const char text[] = "mysql://me:first-one@db password='second one' token=third_one {\"secret\": \"fourth\"} "
                               "Authorization: Token fifth-one, the password: is-no-value";
    static const char *const wanted[] = {"first-one", "second one", "third_one", "fourth", "fifth-one"};
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_redact_text(text, sizeof text - 1, &out, &values);
    assert_int_equal(values.count, sizeof wanted / sizeof wanted[0]);
    for (size_t i = 0; i < values.count; i++) {
        assert_int_equal(values.values[i].length, strlen(wanted[i]));
        assert_memory_equal(tg_strbuf_text(&values.bytes) + values.values[i].begin, wanted[i], strlen(wanted[i]));
    }
    tg_strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(none_takes_nothing_out, tear_down),
        cmocka_unit_test_teardown(values_go_wherever_they_stand, tear_down),
        cmocka_unit_test_teardown(short_ones_stay, tear_down),
        cmocka_unit_test_teardown(of_two_the_longer_goes, tear_down),
        cmocka_unit_test_teardown(what_is_around_does_not_count, tear_down),
        cmocka_unit_test_teardown(escapes_do_not_count, tear_down),
        cmocka_unit_test_teardown(backslashes_in_a_row_are_found_both_ways, tear_down),
        cmocka_unit_test_teardown(at_the_end_of_a_cut_text_the_beginning_goes, tear_down),
        cmocka_unit_test_teardown(behind_a_value_that_is_known_in_part_all_goes, tear_down),
        cmocka_unit_test_teardown(they_are_bounded, tear_down),
        cmocka_unit_test_teardown(redacting_finds_them, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
