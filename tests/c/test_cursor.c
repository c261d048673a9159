#include "base/cursor.h"
#include "base/varint.h"

#include "cmocka_all.h"

#include <string.h>

static struct tg_cursor cursor_of(const struct tg_strbuf *bytes) {
    return (struct tg_cursor){.bytes = (const uint8_t *)tg_strbuf_text(bytes), .length = bytes->length};
}

static void reads_what_was_written(void **state) {
    (void)state;
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    tg_varint_append(&bytes, UINT64_MAX);
    tg_varint_append(&bytes, UINT32_MAX);
    tg_varint_append(&bytes, 3);
    tg_strbuf_append(&bytes, "abcxy");
    struct tg_cursor cursor = cursor_of(&bytes);
    assert_int_equal(tg_cursor_number(&cursor), UINT64_MAX);
    assert_int_equal(tg_cursor_small(&cursor), UINT32_MAX);
    struct tg_bytes text = tg_cursor_bytes(&cursor);
    assert_int_equal(text.length, 3);
    assert_memory_equal(text.data, "abc", 3);
    char copied[2];
    tg_cursor_copy(&cursor, copied, sizeof copied);
    assert_memory_equal(copied, "xy", 2);
    assert_int_equal(cursor.length, 0);
    assert_false(cursor.failed);
    assert_int_equal(tg_cursor_number(&cursor), 0);
    assert_true(cursor.failed);
    tg_strbuf_release(&bytes);
}

static void after_a_failure_all_is_nothing(void **state) {
    (void)state;
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    char copied[2] = "--";
    tg_varint_append(&bytes, (uint64_t)UINT32_MAX + 1);
    tg_varint_append(&bytes, 1);
    tg_varint_append(&bytes, 1);
    struct tg_cursor cursor = cursor_of(&bytes);
    assert_int_equal(tg_cursor_small(&cursor), 0);
    assert_true(cursor.failed);
    assert_int_equal(tg_cursor_number(&cursor), 0);
    struct tg_bytes text = tg_cursor_bytes(&cursor);
    assert_int_equal(text.length, 0);
    assert_non_null(text.data);
    tg_cursor_copy(&cursor, copied, sizeof copied);
    assert_memory_equal(copied, "--", 2);
    tg_strbuf_release(&bytes);
}

static void lengths_and_counts_stay_within_the_bytes(void **state) {
    (void)state;
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    tg_varint_append(&bytes, 3);
    tg_strbuf_append(&bytes, "abcdef");
    struct tg_cursor cursor = cursor_of(&bytes);
    assert_int_equal(tg_cursor_count(&cursor, 2), 3);
    assert_false(cursor.failed);
    cursor = cursor_of(&bytes);
    assert_int_equal(tg_cursor_count(&cursor, 3), 0);
    assert_true(cursor.failed);
    tg_strbuf_truncate(&bytes, 3);
    cursor = cursor_of(&bytes);
    assert_int_equal(tg_cursor_bytes(&cursor).length, 0);
    assert_true(cursor.failed);
    tg_strbuf_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_was_written),
        cmocka_unit_test(after_a_failure_all_is_nothing),
        cmocka_unit_test(lengths_and_counts_stay_within_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
