#include "sample/code_content.h"

#include <string.h>

/* So much of a text, or of a table, at most. */
#define PART_BYTES 256

#define HEAD_BYTES_MAX 64 /* from an object's length to its text */
#define WIDE_BYTES_MAX 64 /* by which a text begins later that is not ASCII */

/* Where an object's length is, from where on it is read, and what comes before its text from there on. */
struct part {
    uint64_t address;
    uint32_t head_bytes;
};

static void find_parts(struct part *parts, const struct tg_layout *layout, const struct tg_code_identity *identity) {
    const struct tg_layout_unicode *text = &layout->unicode;
    const struct tg_layout_bytes *bytes = &layout->bytes;
    uint32_t text_head = text->ascii_data - text->length;
    parts[TG_CONTENT_NAME] = (struct part){identity->qualified_name + text->length, text_head};
    parts[TG_CONTENT_FILE] = (struct part){identity->file_name + text->length, text_head};
    parts[TG_CONTENT_LINES] = (struct part){identity->line_table + bytes->count, bytes->data - bytes->count};
}

/* FNV-1a; Fowler, Noll and Vo, https://datatracker.ietf.org/doc/html/draft-eastlake-fnv */
static uint64_t digest_of(const uint8_t *bytes, size_t count) {
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

/* So many bytes of each part, in one system call. */
static bool read_parts(const struct tg_python_process *process, const struct part *parts, const uint16_t *counts,
                       void *bytes, size_t *size) {
    struct iovec pieces[TG_CONTENT_PARTS];
    *size = 0;
    for (int i = 0; i < TG_CONTENT_PARTS; i++) {
        pieces[i] = tg_memory_piece(parts[i].address, counts[i]);
        *size += counts[i];
    }
    return tg_memory_read_batch(&process->memory, pieces, TG_CONTENT_PARTS, bytes) == *size;
}

static bool digest_parts(const struct tg_python_process *process, const struct part *parts, const uint16_t *counts,
                         uint64_t *digest) {
    uint8_t bytes[TG_CONTENT_PARTS * (HEAD_BYTES_MAX + WIDE_BYTES_MAX + PART_BYTES)];
    size_t size;
    bool is_read = read_parts(process, parts, counts, bytes, &size);
    *digest = is_read ? digest_of(bytes, size) : 0;
    return is_read;
}

/* How much belongs to an object from its length on, or to its beginning if it is long. `head`: what comes before the
 * text. A character is a byte at least; wide ones begin further behind. */
static uint16_t count_bytes(const struct tg_layout_unicode *text, const struct part *part, const uint8_t *head,
                            bool is_text) {
    uint64_t length;
    uint32_t state = text->ascii_mask;
    memcpy(&length, head, sizeof length);
    if (is_text) {
        memcpy(&state, head + (text->state - text->length), sizeof state);
    }
    uint32_t more_bytes = state & text->ascii_mask ? 0 : text->compact_data - text->ascii_data;
    return (uint16_t)(part->head_bytes + more_bytes + (length < PART_BYTES ? length : PART_BYTES));
}

/* Since 3.13 a process tells itself what lies where. */
static bool fits(const struct tg_layout *layout, const struct part *parts) {
    const struct tg_layout_unicode *text = &layout->unicode;
    bool has_state = text->state >= text->length && text->state - text->length + sizeof(uint32_t) <= HEAD_BYTES_MAX
                     && text->state + sizeof(uint32_t) <= text->ascii_data;
    bool has_wide = text->compact_data >= text->ascii_data && text->compact_data - text->ascii_data <= WIDE_BYTES_MAX;
    bool is_fit = has_state && has_wide;
    for (int i = 0; i < TG_CONTENT_PARTS; i++) {
        is_fit = is_fit && parts[i].head_bytes >= sizeof(uint64_t) && parts[i].head_bytes <= HEAD_BYTES_MAX;
    }
    return is_fit;
}

bool tg_code_content_read(struct tg_code_content *content, const struct tg_python_process *process,
                          const struct tg_code_identity *identity) {
    *content = (struct tg_code_content){0};
    if (tg_code_identity_is_unique(identity)) {
        return true;
    }
    struct part parts[TG_CONTENT_PARTS];
    uint8_t heads[TG_CONTENT_PARTS * HEAD_BYTES_MAX];
    uint16_t counts[TG_CONTENT_PARTS];
    size_t size, at = 0;
    find_parts(parts, &process->layout, identity);
    if (!fits(&process->layout, parts)) {
        return false;
    }
    for (int i = 0; i < TG_CONTENT_PARTS; i++) {
        counts[i] = (uint16_t)parts[i].head_bytes;
    }
    if (!read_parts(process, parts, counts, heads, &size)) {
        return false;
    }
    for (int i = 0; i < TG_CONTENT_PARTS; i++) {
        content->bytes[i] = count_bytes(&process->layout.unicode, &parts[i], heads + at, i != TG_CONTENT_LINES);
        at += parts[i].head_bytes;
    }
    return digest_parts(process, parts, content->bytes, &content->digest);
}

bool tg_code_content_is_still(const struct tg_code_content *content, const struct tg_python_process *process,
                              const struct tg_code_identity *identity) {
    struct part parts[TG_CONTENT_PARTS];
    uint64_t digest;
    find_parts(parts, &process->layout, identity);
    return tg_code_identity_is_unique(identity)
           || (digest_parts(process, parts, content->bytes, &digest) && digest == content->digest);
}
