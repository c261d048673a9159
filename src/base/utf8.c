/*
 * A table-free decoder, strict as RFC 3629 defines it, and the encoder that belongs to it.
 */
#include "base/utf8.h"

/* What the first byte says: how many bytes, which of its bits belong to the character, and the smallest
 * character that needs so many bytes. */
struct lead {
    size_t length;
    uint32_t bits;
    uint32_t smallest;
};

static struct lead read_lead(unsigned char byte) {
    if (byte < 0x80U) {
        return (struct lead){1, byte, 0};
    }
    if (byte >= 0xC0U && byte < 0xE0U) {
        return (struct lead){2, byte & 0x1FU, 0x80};
    }
    if (byte >= 0xE0U && byte < 0xF0U) {
        return (struct lead){3, byte & 0x0FU, 0x800};
    }
    if (byte >= 0xF0U && byte < 0xF8U) {
        return (struct lead){4, byte & 0x07U, 0x10000};
    }
    return (struct lead){0, 0, 0};
}

size_t tg_utf8_decode(const char *bytes, size_t length, uint32_t *character) {
    if (length == 0) {
        return 0;
    }
    struct lead lead = read_lead((unsigned char)bytes[0]);
    if (lead.length == 0 || lead.length > length) {
        return 0;
    }
    uint32_t result = lead.bits;
    for (size_t i = 1; i < lead.length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if ((byte & 0xC0U) != 0x80U) {
            return 0;
        }
        result = result << 6U | (byte & 0x3FU);
    }
    if (result < lead.smallest || result > 0x10FFFFU || (result >= 0xD800U && result <= 0xDFFFU)) {
        return 0;
    }
    *character = result;
    return lead.length;
}

size_t tg_utf8_cut(const char *bytes, size_t length, size_t limit) {
    if (length <= limit) {
        return length;
    }
    size_t cut = limit;
    while (cut > 0 && limit - cut < 3 && ((unsigned char)bytes[cut] & 0xC0) == 0x80) {
        cut--;
    }
    return cut;
}

size_t tg_utf8_encode(uint32_t character, char bytes[TG_UTF8_MAX_BYTES]) {
    if (character < 0x80U) {
        bytes[0] = (char)character;
        return 1;
    }
    size_t length = character < 0x800U ? 2 : character < 0x10000U ? 3 : 4;
    uint32_t mark = 0xF00U >> length & 0xFFU; /* as many bits set as there are bytes, then a clear one */
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80U | (character & 0x3FU));
        character >>= 6U;
    }
    bytes[0] = (char)(mark | character);
    return length;
}
