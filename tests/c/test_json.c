#include "base/json.h"

#include "cmocka_all.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static struct tg_strbuf buf;
static struct tg_json json;

static int begin(void **state) {
    (void)state;
    tg_strbuf_init(&buf);
    tg_json_init(&json, &buf);
    return 0;
}

static int end(void **state) {
    (void)state;
    tg_strbuf_release(&buf);
    return 0;
}

static void places_commas(void **state) {
    (void)state;
    tg_json_begin_object(&json);
    tg_json_key(&json, "a");
    tg_json_begin_array(&json);
    tg_json_int(&json, 1);
    tg_json_begin_array(&json);
    tg_json_end_array(&json);
    tg_json_begin_object(&json);
    tg_json_end_object(&json);
    tg_json_verbatim(&json, "[2,3]x", 5);
    tg_json_bool(&json, true);
    tg_json_end_array(&json);
    tg_json_key(&json, "b");
    tg_json_null(&json);
    tg_json_key(&json, "c");
    tg_json_bool(&json, false);
    tg_json_end_object(&json);
    assert_string_equal(tg_strbuf_text(&buf), "{\"a\":[1,[],{},[2,3],true],\"b\":null,\"c\":false}");
    assert_int_equal(json.depth, 0);
}

static void writes_whole_numbers_exactly(void **state) {
    (void)state;
    tg_json_begin_array(&json);
    tg_json_int(&json, INT64_MIN);
    tg_json_int(&json, INT64_MAX);
    tg_json_uint(&json, UINT64_MAX);
    tg_json_end_array(&json);
    assert_string_equal(tg_strbuf_text(&buf), "[-9223372036854775808,9223372036854775807,18446744073709551615]");
}

static void escapes(void **state) {
    (void)state;
    tg_json_string_bytes(&json,
                         "q\"b\\n\nr\rt\tz\0e\x1B"
                         "d\x7F/",
                         17);
    assert_string_equal(tg_strbuf_text(&buf), "\"q\\\"b\\\\n\\nr\\rt\\tz\\u0000e\\u001bd\\u007f/\"");
}

static void escapes_keys_too(void **state) {
    (void)state;
    tg_json_begin_object(&json);
    tg_json_key(&json, "a\"\n");
    tg_json_string(&json, "");
    tg_json_end_object(&json);
    assert_string_equal(tg_strbuf_text(&buf), "{\"a\\\"\\n\":\"\"}");
}

static void plain_text_is_untouched(void **state) {
    (void)state;
    tg_json_string(&json, "a b~!#[]^_`{}'");
    assert_string_equal(tg_strbuf_text(&buf), "\"a b~!#[]^_`{}'\"");
}

#define FFFD "\xEF\xBF\xBD"

/* What lies beyond the length is nobody's: here it would complete the character. */
static void a_character_is_not_read_past_the_end(void **state) {
    (void)state;
    tg_json_string_bytes(&json, "\xC3\xA9", 1);
    assert_string_equal(tg_strbuf_text(&buf), "\"" FFFD "\"");
}

static void only_valid_utf8_goes_out(void **state) {
    (void)state;
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x9A", "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x9A\""}, /* untouched */
        {"a\x80z", "\"a" FFFD "z\""},                                                         /* stray continuation */
        {"a\xC3", "\"a" FFFD "\""},                                                           /* cut at the end */
        {"\xE2\x82z", "\"" FFFD FFFD "z\""},                                                  /* cut inside */
        {"\xC0\xAF", "\"" FFFD FFFD "\""},                                                    /* overlong '/' */
        {"\xED\xA0\x80", "\"" FFFD FFFD FFFD "\""},                                           /* surrogate */
        {"\xF4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\""},                                  /* beyond U+10FFFF */
        {"\xFF\"", "\"" FFFD "\\\"\""},                                                       /* escapes go on */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tg_strbuf_truncate(&buf, 0);
        tg_json_init(&json, &buf);
        tg_json_string(&json, cases[i].in);
        assert_string_equal(tg_strbuf_text(&buf), cases[i].out);
    }
}

static const char *written(double value) {
    tg_strbuf_truncate(&buf, 0);
    tg_json_init(&json, &buf);
    tg_json_double(&json, value);
    return tg_strbuf_text(&buf);
}

static void doubles_are_short(void **state) {
    (void)state;
    assert_string_equal(written(0.1), "0.1");
    assert_string_equal(written(0.1 + 0.2), "0.30000000000000004");
    assert_string_equal(written(1e300), "1e+300");
    assert_string_equal(written(-0.0), "-0");
    assert_string_equal(written(123456789.0), "123456789");
    assert_string_equal(written(NAN), "null");
    assert_string_equal(written(-INFINITY), "null");
}

static void doubles_read_back(void **state) {
    (void)state;
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 100000; i++) {
        random ^= random << 13U;
        random ^= random >> 7U;
        random ^= random << 17U;
        double value;
        memcpy(&value, &random, sizeof value);
        if (isfinite(value)) {
            double back = strtod(written(value), NULL);
            assert_memory_equal(&back, &value, sizeof value);
        }
    }
    assert_true(strtod(written(DBL_MAX), NULL) == DBL_MAX);
    assert_true(strtod(written(DBL_TRUE_MIN), NULL) == DBL_TRUE_MIN);
}

static void write_file(const char *directory, const char *name, const char *text) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void run(const char *what, const char *directory) {
    char command[512];
    snprintf(command, sizeof command, "cd %s && %s", directory, what);
    /* localedef ends with 1 for the categories that are not there. */
    assert_in_range(WEXITSTATUS(system(command)), 0, 1);
}

/* No text of it can end an element of a page, or begin another. */
static void in_a_page_it_has_no_markup(void **state) {
    static const char text[] = "{\"a\":\"</script><!--<\",\"b\":1}<";
    (void)state;
    tg_json_append_in_page(&buf, text, sizeof text - 1);
    assert_string_equal(tg_strbuf_text(&buf), "{\"a\":\"\\u003c/script>\\u003c!--\\u003c\",\"b\":1}\\u003c");
}

/* A machine may have no locale but C, so the test makes one whose decimal point is a comma. */
static void the_locale_has_no_influence(void **state) {
    (void)state;
    char directory[] = "/tmp/tachograph-locale-XXXXXX";
    assert_non_null(mkdtemp(directory));
    write_file(directory, "source",
               "LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n");
    write_file(directory, "charmap",
               "<code_set_name> ANSI_X3.4-1968\n<comment_char> %\n<escape_char> /\n"
               "CHARMAP\n<U0000>..<U007F> /x00 ASCII\nEND CHARMAP\n");
    run("localedef -c -f ./charmap -i ./source ./comma 2>/dev/null", directory);
    setenv("LOCPATH", directory, 1);
    const char *set = setlocale(LC_NUMERIC, "comma");
    run("rm -r \"$PWD\"", directory);
    assert_non_null(set);

    char plain[32];
    snprintf(plain, sizeof plain, "%g", 1.5);
    assert_string_equal(plain, "1,5"); /* the locale is in force */
    written(-1234.5e-30);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(tg_strbuf_text(&buf), "-1.2345e-27");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_commas, begin, end),
        cmocka_unit_test_setup_teardown(writes_whole_numbers_exactly, begin, end),
        cmocka_unit_test_setup_teardown(escapes, begin, end),
        cmocka_unit_test_setup_teardown(escapes_keys_too, begin, end),
        cmocka_unit_test_setup_teardown(plain_text_is_untouched, begin, end),
        cmocka_unit_test_setup_teardown(a_character_is_not_read_past_the_end, begin, end),
        cmocka_unit_test_setup_teardown(only_valid_utf8_goes_out, begin, end),
        cmocka_unit_test_setup_teardown(doubles_are_short, begin, end),
        cmocka_unit_test_setup_teardown(doubles_read_back, begin, end),
        cmocka_unit_test_setup_teardown(in_a_page_it_has_no_markup, begin, end),
        cmocka_unit_test_setup_teardown(the_locale_has_no_influence, begin, end),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
