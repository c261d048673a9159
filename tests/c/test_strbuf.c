#include "base/strbuf.h"

#include "cmocka_all.h"

#include <string.h>

static void starts_empty(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    assert_string_equal(tg_strbuf_text(&buf), "");
    assert_int_equal(buf.length, 0);
    assert_int_equal(tg_strbuf_status(&buf), TG_OK);
}

static void appends_in_order(void **state) {
    (void)state;
    struct tg_strbuf buf;
    tg_strbuf_init(&buf);
    tg_strbuf_append(&buf, "ab");
    tg_strbuf_append_char(&buf, 'c');
    tg_strbuf_append_repeated(&buf, '-', 3);
    tg_strbuf_append_repeated(&buf, '+', 0);
    tg_strbuf_printf(&buf, "%d/%s", 42, "x");
    tg_strbuf_append_bytes(&buf, NULL, 0);
    assert_string_equal(tg_strbuf_text(&buf), "abc---42/x");
    assert_int_equal(buf.length, 10);
    tg_strbuf_release(&buf);
}

static void keeps_any_bytes(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    tg_strbuf_append_bytes(&buf, "a\0b", 3);
    assert_int_equal(buf.length, 3);
    assert_memory_equal(tg_strbuf_text(&buf), "a\0b\0", 4);
    tg_strbuf_release(&buf);
}

/* Every length around each doubling: a growth that is one byte short shows under ASan and as a lost NUL. */
static void grows_byte_by_byte(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    for (size_t length = 1; length <= 5000; length++) {
        tg_strbuf_append_char(&buf, (char)('a' + length % 26));
        assert_int_equal(buf.length, length);
        assert_int_equal(tg_strbuf_text(&buf)[length], '\0');
    }
    for (size_t at = 0; at < 5000; at++) {
        assert_int_equal(tg_strbuf_text(&buf)[at], 'a' + (at + 1) % 26);
    }
    tg_strbuf_release(&buf);
}

static void prints_exactly_to_the_edge(void **state) {
    (void)state;
    for (int length = 60; length < 70; length++) {
        struct tg_strbuf buf = TG_STRBUF_INIT;
        tg_strbuf_printf(&buf, "%*d", length, 7);
        assert_int_equal(buf.length, length);
        assert_int_equal(tg_strbuf_text(&buf)[length - 1], '7');
        tg_strbuf_release(&buf);
    }
}

static void remembers_running_out_of_memory(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    tg_strbuf_append(&buf, "before");
    tg_strbuf_append_repeated(&buf, 'x', SIZE_MAX - 3);
    assert_int_equal(tg_strbuf_status(&buf), TG_ERROR_MEMORY);
    tg_strbuf_truncate(&buf, 6);
    tg_strbuf_append_repeated(&buf, 'x', SIZE_MAX / 4); /* no overflow, but more than any machine has */
    assert_int_equal(tg_strbuf_status(&buf), TG_ERROR_MEMORY);
    tg_strbuf_append(&buf, "after");
    tg_strbuf_printf(&buf, "%d", 1);
    assert_string_equal(tg_strbuf_text(&buf), "before");
    assert_int_equal(tg_strbuf_status(&buf), TG_ERROR_MEMORY);
    tg_strbuf_truncate(&buf, 2);
    tg_strbuf_append(&buf, "!");
    assert_string_equal(tg_strbuf_text(&buf), "be!");
    assert_int_equal(tg_strbuf_status(&buf), TG_OK);
    tg_strbuf_release(&buf);
}

static void truncate_of_nothing_is_fine(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    tg_strbuf_truncate(&buf, 0);
    assert_string_equal(tg_strbuf_text(&buf), "");
}

static void release_is_for_null_and_twice(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    tg_strbuf_append(&buf, "x");
    tg_strbuf_release(&buf);
    tg_strbuf_release(&buf);
    tg_strbuf_release(NULL);
    tg_strbuf_append(&buf, "again");
    assert_string_equal(tg_strbuf_text(&buf), "again");
    tg_strbuf_release(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(keeps_any_bytes),
        cmocka_unit_test(grows_byte_by_byte),
        cmocka_unit_test(prints_exactly_to_the_edge),
        cmocka_unit_test(remembers_running_out_of_memory),
        cmocka_unit_test(truncate_of_nothing_is_fine),
        cmocka_unit_test(release_is_for_null_and_twice),
    };
    return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
