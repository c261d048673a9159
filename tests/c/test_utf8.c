#include "base/utf8.h"

#include "cmocka_all.h"

#include <stdbool.h>
#include <string.h>

static size_t encode(uint32_t c, char *bytes) {
    if (c < 0x80) {
        bytes[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        bytes[0] = (char)(0xC0 | c >> 6);
        bytes[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | c >> 12);
        bytes[1] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    bytes[0] = (char)(0xF0 | c >> 18);
    bytes[1] = (char)(0x80 | (c >> 12 & 0x3F));
    bytes[2] = (char)(0x80 | (c >> 6 & 0x3F));
    bytes[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static void reads_every_character(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char bytes[4];
        uint32_t read = UINT32_MAX;
        size_t length = encode(c, bytes);
        bool valid = c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
        assert_int_equal(tg_utf8_decode(bytes, length, &read), valid ? length : 0);
        if (valid) {
            assert_int_equal(read, c);
            assert_int_equal(tg_utf8_decode(bytes, length - 1, &read), 0);
        }
    }
}

static void refuses_what_is_not_utf8(void **state) {
    (void)state;
    static const char *const wrong[] = {"\x80",
                                        "\xBF",
                                        "\xC0\x80",
                                        "\xC1\xBF",
                                        "\xE0\x9F\xBF",
                                        "\xF0\x8F\xBF\xBF",
                                        "\xF8\x88\x80\x80\x80",
                                        "\xFF",
                                        "\xF8\xB0\x80\x80",
                                        "\xC3\x28",
                                        "\xE2\x28\xA1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint32_t character = 0;
        assert_int_equal(tg_utf8_decode(wrong[i], strlen(wrong[i]), &character), 0);
    }
}

static void cuts_between_characters(void **state) {
    (void)state;
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x9Az"; /* characters begin at 0 1 3 6 10 */
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t limit = 0; limit < sizeof cuts / sizeof cuts[0]; limit++) {
        assert_int_equal(tg_utf8_cut(text, sizeof text - 1, limit), cuts[limit]);
    }
    assert_int_equal(tg_utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 5), 2); /* no UTF-8: three bytes at most */
    assert_int_equal(tg_utf8_cut("\x80\x80", 2, 1), 0);
}

static void writes_what_it_reads(void **state) {
    (void)state;
    for (uint32_t character = 0; character <= 0x10FFFF; character++) {
        char bytes[TG_UTF8_MAX_BYTES];
        uint32_t back = 0;
        if (character < 0xD800 || character > 0xDFFF) {
            size_t length = tg_utf8_encode(character, bytes);
            assert_int_equal(tg_utf8_decode(bytes, length, &back), length);
            assert_int_equal(back, character);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_character),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(refuses_what_is_not_utf8),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
