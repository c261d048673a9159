#include "sample/python_text.h"

#include "base/utf8.h"

#include <string.h>

#define REPLACEMENT 0xFFFDu

/* What is read at once on the caller's stack: room for a name of usual length in one go. */
#define PIECE_BYTES 512

/* No text is longer than memory; the number only keeps sums from running over. */
#define MAX_LENGTH ((uint64_t)1 << 40)

/* A str as its header says it is. */
struct text {
    uint64_t data;
    uint64_t length; /* in characters */
    unsigned kind;   /* bytes of one */
};

static bool read_header(const struct tg_memory *memory, const struct tg_layout *layout, uint64_t address,
                        struct text *text) {
    const struct tg_layout_unicode *unicode = &layout->unicode;
    unsigned char header[TG_LAYOUT_MAX_READ_BYTES];
    uint32_t state;
    if (!tg_memory_read(memory, address, header, unicode->ascii_data)) {
        return false;
    }
    memcpy(&text->length, header + unicode->length, sizeof text->length);
    memcpy(&state, header + unicode->state, sizeof state);
    bool is_ascii = (state & unicode->ascii_mask) != 0;
    text->kind = state >> unicode->kind_shift & 7;
    text->data = address + (is_ascii ? unicode->ascii_data : unicode->compact_data);
    /* Names are made by the compiler or by decoding, which makes compact ones; others hold a pointer and are rare. */
    return (state & unicode->compact_mask) != 0 && text->length < MAX_LENGTH
           && (text->kind == 1 || (!is_ascii && (text->kind == 2 || text->kind == 4)));
}

static uint32_t character_at(const unsigned char *piece, size_t i, unsigned kind) {
    uint32_t character = 0;
    memcpy(&character, piece + i * kind, kind); /* little-endian, as the ELF object is */
    bool is_surrogate = character >= 0xD800 && character <= 0xDFFF;
    return is_surrogate || character > 0x10FFFF ? REPLACEMENT : character;
}

bool tg_python_text_read(const struct tg_memory *memory, const struct tg_layout *layout, uint64_t address, char *text,
                         size_t size) {
    struct text from;
    size_t used = 0;
    text[0] = '\0';
    if (!read_header(memory, layout, address, &from)) {
        return false;
    }
    for (uint64_t at = 0; at < from.length;) {
        unsigned char piece[PIECE_BYTES];
        size_t count = PIECE_BYTES / from.kind;
        count = count < from.length - at ? count : (size_t)(from.length - at);
        if (!tg_memory_read(memory, from.data + at * from.kind, piece, count * from.kind)) {
            text[0] = '\0';
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            char bytes[TG_UTF8_MAX_BYTES];
            size_t taken = tg_utf8_encode(character_at(piece, i, from.kind), bytes);
            if (taken >= size - used) {
                return true;
            }
            memcpy(text + used, bytes, taken);
            used += taken;
            text[used] = '\0';
        }
        at += count;
    }
    return true;
}

bool tg_python_bytes_find(const struct tg_memory *memory, const struct tg_layout *layout, uint64_t address, size_t max,
                          uint64_t *data, size_t *count) {
    uint64_t length;
    if (!tg_memory_read_word(memory, address + layout->bytes.count, &length) || length > max) {
        return false;
    }
    *data = address + layout->bytes.data;
    *count = (size_t)length;
    return true;
}
