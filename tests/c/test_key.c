#include "cli/key.h"

#include "base/strbuf.h"

#include "cmocka_all.h"

/* The keys that the bytes are: a letter for each kind, characters as they are. */
static void assert_keys(const char *bytes, const char *expected) {
    static const char letters[] = {
        [TG_KEY_ENTER] = 'E',   [TG_KEY_ESCAPE] = 'X',    [TG_KEY_BACKSPACE] = 'B', [TG_KEY_CLEAR] = 'C',
        [TG_KEY_UP] = 'U',      [TG_KEY_DOWN] = 'D',      [TG_KEY_LEFT] = 'L',      [TG_KEY_RIGHT] = 'R',
        [TG_KEY_PAGE_UP] = 'P', [TG_KEY_PAGE_DOWN] = 'N', [TG_KEY_HOME] = 'H',      [TG_KEY_END] = 'F',
    };
    struct tg_key_reader reader = {.length = 0};
    struct tg_key key;
    struct tg_strbuf found = TG_STRBUF_INIT;
    for (; *bytes; bytes++) {
        if (tg_key_feed(&reader, *bytes, &key)) {
            const char letter[2] = {letters[key.kind], '\0'};
            tg_strbuf_append(&found, key.kind == TG_KEY_TEXT ? key.text : letter);
        }
    }
    if (tg_key_is_open(&reader) && tg_key_expire(&reader, &key)) {
        tg_strbuf_append(&found, "X");
    }
    assert_false(tg_key_is_open(&reader));
    assert_string_equal(tg_strbuf_text(&found), expected);
    tg_strbuf_release(&found);
}

static void characters(void **state) {
    (void)state;
    assert_keys("q / ?", "q / ?");
    assert_keys("gr\xc3\xb6\xc3\x9f"
                "er \xe6\x97\xa5 \xf0\x9f\x90\x8d",
                "gr\xc3\xb6\xc3\x9f"
                "er \xe6\x97\xa5 \xf0\x9f\x90\x8d");
    assert_keys("\r\n\b\177\025", "EEBBC");
    assert_keys("\001a\002b\t", "ab");
}

static void sequences(void **state) {
    (void)state;
    assert_keys("\033[A\033[B\033[C\033[D\033[H\033[F", "UDRLHF");
    assert_keys("\033OA\033OB\033OC\033OD\033OH\033OF\033OM", "UDRLHFE");
    assert_keys("\033[5~\033[6~\033[1~\033[4~\033[7~\033[8~", "PNHFHF");
    assert_keys("\033[1;5Ax", "Ux");
}

static void an_escape_alone_is_the_key(void **state) {
    (void)state;
    assert_keys("\033", "X");
    assert_keys("\033\033", "XX");
    assert_keys("\033\033[A", "XU");
}

static void what_means_nothing_is_left_out_whole(void **state) {
    (void)state;
    assert_keys("\033[200~a\033[201~", "a"); /* a bracketed paste */
    assert_keys("\033[15~\033[Zb", "b");
    assert_keys("\033[1;2;3;4;5;6;7;8;9;10;11;12;13mc", "c");
    assert_keys("\033qd", "d"); /* Alt */
    assert_keys("\xff\xc3(e", "(e");
    assert_keys("\xc3\033[Af", "Uf");
    assert_keys("\xe6\x97", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters),
        cmocka_unit_test(sequences),
        cmocka_unit_test(an_escape_alone_is_the_key),
        cmocka_unit_test(what_means_nothing_is_left_out_whole),
    };
    return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
