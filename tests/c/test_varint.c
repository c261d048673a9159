#include "base/varint.h"

#include "cmocka_all.h"

static void round_trips(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int offset = -1; offset <= 1; offset++) {
            uint64_t value = (UINT64_C(1) << bit) + (uint64_t)offset;
            struct tg_strbuf buf = TG_STRBUF_INIT;
            tg_varint_append(&buf, value);
            uint64_t back = ~value;
            assert_int_equal(tg_varint_read((const uint8_t *)buf.data, buf.length, &back), buf.length);
            assert_true(back == value);
            for (size_t length = 0; length < buf.length; length++) {
                assert_int_equal(tg_varint_read((const uint8_t *)buf.data, length, &back), 0);
            }
            tg_strbuf_release(&buf);
        }
    }
}

static void has_known_bytes(void **state) {
    (void)state;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    tg_varint_append(&buf, 300);
    tg_varint_append(&buf, 0);
    tg_varint_append(&buf, UINT64_MAX);
    assert_int_equal(buf.length, 2 + 1 + 10);
    assert_memory_equal(buf.data, "\xAC\x02\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 13);
    tg_strbuf_release(&buf);
}

static void refuses_other_forms(void **state) {
    (void)state;
    uint64_t value = 0;
    const uint8_t padded[] = {0x81, 0x00};
    assert_int_equal(tg_varint_read(padded, sizeof padded, &value), 0);
    const uint8_t sixty_five_bits[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02};
    assert_int_equal(tg_varint_read(sixty_five_bits, sizeof sixty_five_bits, &value), 0);
    const uint8_t eleven_bytes[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    assert_int_equal(tg_varint_read(eleven_bytes, sizeof eleven_bytes, &value), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(has_known_bytes),
        cmocka_unit_test(refuses_other_forms),
    };
    return cmocka_run_group_tests_name("varint", tests, NULL, NULL);
}
