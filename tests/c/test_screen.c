#include "cli/screen.h"

#include "cli/printable.h"

#include "cmocka_all.h"

#include <string.h>

static int prepare(void **state) {
    (void)state;
    tg_printable_prepare();
    return 0;
}

static void assert_frame(const char *lines, size_t width, size_t height, const char *expected) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_strbuf frame = TG_STRBUF_INIT;
    tg_strbuf_append(&text, lines);
    tg_screen_append_frame(&frame, &text, width, height);
    const char *bytes = tg_strbuf_text(&frame);
    static const char begin[] = "\033[?2026h";
    static const char end[] = "\033[H\033[?2026l";
    assert_memory_equal(bytes, begin, sizeof begin - 1);
    assert_true(frame.length >= sizeof begin + sizeof end - 2);
    assert_string_equal(bytes + frame.length - (sizeof end - 1), end);
    tg_strbuf_truncate(&frame, frame.length - (sizeof end - 1));
    assert_string_equal(tg_strbuf_text(&frame) + sizeof begin - 1, expected);
    tg_strbuf_release(&frame);
    tg_strbuf_release(&text);
}

static void lines_stand_where_they_belong(void **state) {
    (void)state;
    assert_frame("one\ntwo\n", 10, 3, "\033[1Hone\033[K\033[2Htwo\033[K\033[3H\033[J");
    assert_frame("\n\n", 10, 2, "\033[1H\033[K\033[2H\033[K");
}

static void what_is_too_much_is_cut(void **state) {
    (void)state;
    assert_frame("one\ntwo\nthree\n", 10, 2, "\033[1Hone\033[K\033[2Htwo\033[K");
    assert_frame("abcdef\n", 4, 1, "\033[1Habcd"); /* nothing to erase: that would take the last column */
    assert_frame("abcdef\n", 6, 1, "\033[1Habcdef");
}

static void colours_take_no_room_and_end(void **state) {
    (void)state;
    assert_frame("\033[1mabcdef\033[0m\n", 4, 1, "\033[1H\033[1mabcd\033[0m");
    assert_frame("\033[1mab\033[0m\n", 4, 1, "\033[1H\033[1mab\033[0m\033[K");
}

static void wide_characters_are_not_halved(void **state) {
    (void)state;
    assert_frame("a\xe6\x97\xa5\xe6\x9c\xac\n", 4, 1, "\033[1Ha\xe6\x97\xa5");
    assert_frame("e\xcc\x81"
                 "f\n",
                 2, 1,
                 "\033[1He\xcc\x81"
                 "f");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_stand_where_they_belong),
        cmocka_unit_test(what_is_too_much_is_cut),
        cmocka_unit_test(colours_take_no_room_and_end),
        cmocka_unit_test(wide_characters_are_not_halved),
    };
    return cmocka_run_group_tests_name("screen", tests, prepare, NULL);
}
