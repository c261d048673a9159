#include "cli/wrap.h"

#include "cli/printable.h"
#include "cmocka_all.h"

static void expect(const char *text, size_t width, size_t column, size_t indent, const char *expected) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_wrap_append(&out, text, width, column, indent);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_strbuf_release(&out);
}

static void words_stay_whole_and_lines_fit(void **state) {
    (void)state;
    expect("one two three", 0, 0, 2, "one two three\n");
    expect("one two three", 7, 0, 2, "one two\n  three\n");
    expect("one two three", 7, 2, 0, "one\ntwo\nthree\n");
    expect("one  two", 80, 0, 0, "one two\n");
    expect("unbreakable a", 4, 0, 1, "unbreakable\n a\n");
    expect("", 4, 0, 1, "\n");
}

static void columns_count_not_bytes(void **state) {
    (void)state;
    expect("ж ж ж", 5, 0, 0, "ж ж ж\n");
    expect("ж ж ж", 4, 0, 0, "ж ж\nж\n");
}

int main(void) {
    tg_printable_prepare();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stay_whole_and_lines_fit),
        cmocka_unit_test(columns_count_not_bytes),
    };
    return cmocka_run_group_tests_name("wrap", tests, NULL, NULL);
}
