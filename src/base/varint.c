/*
 * LEB128, strict when read: what is accepted would be written the same.
 */
#include "base/varint.h"

void tg_varint_append(struct tg_strbuf *out, uint64_t value) {
    uint8_t bytes[TG_VARINT_MAX_BYTES];
    size_t length = 0;
    while (value >= 0x80U) {
        bytes[length++] = (uint8_t)(value | 0x80U);
        value >>= 7U;
    }
    bytes[length++] = (uint8_t)value;
    tg_strbuf_append_bytes(out, bytes, length);
}

size_t tg_varint_read(const uint8_t *bytes, size_t length, uint64_t *value) {
    uint64_t result = 0;
    for (size_t i = 0; i < length && i < TG_VARINT_MAX_BYTES; i++) {
        uint64_t bits = bytes[i] & 0x7FU;
        if (i == TG_VARINT_MAX_BYTES - 1 && bytes[i] > 1) {
            return 0; /* the tenth byte has room for bit 63 alone */
        }
        result |= bits << (7 * i);
        if (bytes[i] < 0x80U) {
            if (i > 0 && bits == 0) {
                return 0; /* padded: a shorter form exists */
            }
            *value = result;
            return i + 1;
        }
    }
    return 0;
}
