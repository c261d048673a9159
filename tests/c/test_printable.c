#include "cli/printable.h"

#include "cmocka_all.h"

#include <string.h>

static int prepare(void **state) {
    (void)state;
    tg_printable_prepare();
    return 0;
}

static void assert_printed(const char *bytes, size_t length, const char *expected) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_printable_append(&out, bytes, length);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_strbuf_release(&out);
}

static void leaves_what_can_be_seen(void **state) {
    (void)state;
    static const char text[] = "shop.cart::Cart.total <lambda> \\ caf\xc3\xa9 \xe9\x95\xb7 e\xcc\x81 \xf0\x9f\x90\x8d";
    assert_printed(text, sizeof text - 1, text);
}

static void escapes_what_a_terminal_acts_on(void **state) {
    (void)state;
    assert_printed("\x1b[31m\x07\r\n\t\x00z\x7f", 12, "\\x1b[31m\\a\\r\\n\\t\\x00z\\x7f");
    assert_printed("\xc2\x9b\xc2\x80", 4, "\\x9b\\x80");
    static const char directions[] = {'\xe2', '\x80', '\xae', '\xe2', '\x81', '\xa6'}; /* a string misleads readers */
    assert_printed(directions, sizeof directions, "\\u202e\\u2066");
    assert_printed("\xe2\x80\xa8", 3, "\\u2028");
    assert_printed("\xf3\xa0\x80\x81", 4, "\\U000e0001");
}

static void escapes_bytes_that_are_no_character(void **state) {
    (void)state;
    assert_printed("a\xff\xc3", 3, "a\\xff\\xc3");
    assert_printed("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
    assert_printed("", 0, "");
}

static void width_counts_columns(void **state) {
    (void)state;
    assert_int_equal(tg_printable_width("abc", 3), 3);
    assert_int_equal(tg_printable_width("caf\xc3\xa9", 5), 4);
    assert_int_equal(tg_printable_width("e\xcc\x81", 3), 1);
    assert_int_equal(tg_printable_width("\xe9\x95\xb7\xe9\x95\xb7", 6), 4);
}

static void assert_shortened(const char *text, size_t width, const char *expected) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_printable_shorten(&out, text, strlen(text), width);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_strbuf_release(&out);
}

static void shortens_in_the_middle(void **state) {
    (void)state;
    assert_shortened("module::function", 16, "module::function");
    assert_shortened("module::function", 15, "module...nction");
    assert_shortened("module::function", 4, "...n");
    assert_shortened("module::function", 3, "...");
    assert_shortened("module::function", 1, ".");
    assert_shortened("module::function", 0, "");
    assert_shortened("", 0, "");
}

/* Every width: never wider than asked for, and never half a character. */
static void shortens_at_the_start(void **state) {
    (void)state;
    static const char *const expected[] = {"", ".", "..", "...", "...2", "...12", "...:12", "...y:12", "a.py:12"};
    for (size_t width = 0; width < sizeof expected / sizeof expected[0]; width++) {
        struct tg_strbuf out = TG_STRBUF_INIT;
        const char *text = width == 8 ? "a.py:12" : "shop/a.py:12";
        tg_printable_shorten_start(&out, text, strlen(text), width);
        assert_string_equal(tg_strbuf_text(&out), expected[width]);
        tg_strbuf_release(&out);
    }
}

static void shortens_wide_characters_whole(void **state) {
    (void)state;
    static const char text[] = "\xe9\x95\xb7\xe9\x95\xb7xe\xcc\x81\xe9\x95\xb7y\xe9\x95\xb7\xe9\x95\xb7";
    size_t whole = tg_printable_width(text, sizeof text - 1);
    for (size_t width = 0; width <= whole; width++) {
        struct tg_strbuf out = TG_STRBUF_INIT;
        struct tg_strbuf again = TG_STRBUF_INIT;
        tg_printable_shorten(&out, text, sizeof text - 1, width);
        size_t shown = tg_printable_width(tg_strbuf_text(&out), out.length);
        assert_true(shown <= width && shown + 2 >= width);
        tg_printable_append(&again, tg_strbuf_text(&out), out.length); /* a cut character would be escaped */
        assert_string_equal(tg_strbuf_text(&again), tg_strbuf_text(&out));
        tg_strbuf_release(&again);
        tg_strbuf_release(&out);
    }
}

static void words_of_a_shell(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/usr/bin/python3.12", "/usr/bin/python3.12"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\\''s'"},
        {"$HOME;`x`", "'$HOME;`x`'"},
        {"a\033[31m", "'a\\x1b[31m'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_strbuf out = TG_STRBUF_INIT;
        tg_printable_append_word(&out, cases[i][0]);
        assert_string_equal(tg_strbuf_text(&out), cases[i][1]);
        tg_strbuf_release(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_shell),
        cmocka_unit_test(leaves_what_can_be_seen),
        cmocka_unit_test(escapes_what_a_terminal_acts_on),
        cmocka_unit_test(escapes_bytes_that_are_no_character),
        cmocka_unit_test(width_counts_columns),
        cmocka_unit_test(shortens_in_the_middle),
        cmocka_unit_test(shortens_at_the_start),
        cmocka_unit_test(shortens_wide_characters_whole),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
