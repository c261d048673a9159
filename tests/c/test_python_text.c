#include "sample/python_text.h"

#include "cmocka_all.h"
#include "python_fixture.h"

#include <sys/mman.h>

static uint64_t object[512];

static bool read_text(char *text, size_t size) {
    struct tg_python_process process = fixture_process();
    return tg_python_text_read(&process.memory, &process.layout, place_of(object), text, size);
}

static void reads_every_width(void **state) {
    (void)state;
    char text[64];
    make_ascii(object, "plain");
    assert_true(read_text(text, sizeof text));
    assert_string_equal(text, "plain");
    make_text(object, 1, false,
              "gr\xF6\xDF"
              "e",
              5);
    assert_true(read_text(text, sizeof text));
    assert_string_equal(text, "größe");
    const uint16_t two[] = {0x8868, 0xD800, 'x'};
    make_text(object, 2, false, two, 3);
    assert_true(read_text(text, sizeof text));
    assert_string_equal(text, "表\xEF\xBF\xBDx");
    const uint32_t four[] = {0x1D4B3, 0x110000, 'y'};
    make_text(object, 4, false, four, 3);
    assert_true(read_text(text, sizeof text));
    assert_string_equal(text, "𝒳\xEF\xBF\xBDy");
    make_ascii(object, "");
    assert_true(read_text(text, sizeof text));
    assert_string_equal(text, "");
}

static void cuts_between_characters(void **state) {
    (void)state;
    char text[64];
    make_text(object, 1, false, "a\xF6\xF6", 3);
    const char *const cut[] = {"", "a", "a", "aö", "aö", "aöö"};
    for (size_t size = 1; size <= 6; size++) {
        assert_true(read_text(text, size));
        assert_string_equal(text, cut[size - 1]);
    }
}

static void reads_what_takes_several_pieces(void **state) {
    (void)state;
    uint16_t long_name[700];
    char text[4096];
    for (size_t i = 0; i < 700; i++) {
        long_name[i] = (uint16_t)(0x4E00 + i);
    }
    make_text(object, 2, false, long_name, 700);
    assert_true(read_text(text, sizeof text));
    assert_int_equal(strlen(text), 2100);
    assert_memory_equal(text + 2097, "\xE5\x82\xBB" /* U+50BB */, 3);
}

static void refuses_what_is_no_text(void **state) {
    (void)state;
    struct tg_python_process process = fixture_process();
    const struct tg_layout_unicode *unicode = &process.layout.unicode;
    char text[16] = "x";
    const uint32_t states[] = {
        0,
        1u << unicode->kind_shift,                         /* not compact */
        3u << unicode->kind_shift | unicode->compact_mask, /* three bytes a character */
        2u << unicode->kind_shift | unicode->compact_mask | unicode->ascii_mask,
    };
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        make_ascii(object, "abc");
        put_int(object, unicode->state, states[i]);
        assert_false(read_text(text, sizeof text));
        assert_string_equal(text, "");
    }
    make_ascii(object, "abc");
    put_word(object, unicode->length, UINT64_MAX);
    assert_false(read_text(text, sizeof text));
    assert_false(tg_python_text_read(&process.memory, &process.layout, 8, text, sizeof text));
}

static void refuses_what_ends_in_nothing(void **state) {
    (void)state;
    struct tg_python_process process = fixture_process();
    const struct tg_layout_unicode *unicode = &process.layout.unicode;
    char text[64];
    char *pages = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED);
    assert_int_equal(munmap(pages + 4096, 4096), 0);
    char *last = pages + 4096 - unicode->ascii_data - 3;
    make_ascii(last, "abc");
    assert_true(tg_python_text_read(&process.memory, &process.layout, place_of(last), text, sizeof text));
    assert_string_equal(text, "abc");
    put_word(last, unicode->length, 4);
    assert_false(tg_python_text_read(&process.memory, &process.layout, place_of(last), text, sizeof text));
    assert_string_equal(text, "");
    assert_false(tg_python_text_read(&process.memory, &process.layout, place_of(last + 8), text, sizeof text));
    munmap(pages, 4096);
}

static void finds_bytes(void **state) {
    (void)state;
    struct tg_python_process process = fixture_process();
    uint64_t data = 0;
    size_t count = 0;
    make_bytes(object, "\x01\x02\x03", 3);
    assert_true(tg_python_bytes_find(&process.memory, &process.layout, place_of(object), 3, &data, &count));
    assert_int_equal(count, 3);
    assert_memory_equal((const void *)(uintptr_t)data, "\x01\x02\x03", 3);
    assert_false(tg_python_bytes_find(&process.memory, &process.layout, place_of(object), 2, &data, &count));
    assert_false(tg_python_bytes_find(&process.memory, &process.layout, 0, 3, &data, &count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_width),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(reads_what_takes_several_pieces),
        cmocka_unit_test(refuses_what_is_no_text),
        cmocka_unit_test(refuses_what_ends_in_nothing),
        cmocka_unit_test(finds_bytes),
    };
    return cmocka_run_group_tests_name("python_text", tests, NULL, NULL);
}
