#include "sample/code_object.h"

#include <string.h>

#define UNIT_BYTES 2
#define WORD_BYTES 8

/* No function is larger; the compiler gives up long before. */
#define MAX_UNITS       (1u << 26)
#define MAX_FRAME_WORDS (1u << 24)

static uint64_t word_at(const void *bytes, uint32_t offset) {
    uint64_t value;
    memcpy(&value, (const char *)bytes + offset, sizeof value);
    return value;
}

static int32_t int_at(const void *bytes, uint32_t offset) {
    int32_t value;
    memcpy(&value, (const char *)bytes + offset, sizeof value);
    return value;
}

/* Words of a frame; before 3.12 they are added up as the interpreter does. */
static int64_t frame_words(const struct tg_layout *layout, const void *bytes) {
    if (layout->code.frame_words != TG_LAYOUT_NONE) {
        return int_at(bytes, layout->code.frame_words);
    }
    return (int64_t)int_at(bytes, layout->code.locals_count) + int_at(bytes, layout->code.stack_words)
           + layout->frame.locals / WORD_BYTES;
}

static bool is_object(uint64_t address) {
    return address != 0 && address % WORD_BYTES == 0;
}

bool tg_code_header_parse(struct tg_code_header *header, const struct tg_layout *layout, uint64_t code_type,
                          uint64_t address, const void *bytes) {
    const struct tg_layout_code *code = &layout->code;
    if (!is_object(address) || word_at(bytes, layout->object.type) != code_type) {
        return false;
    }
    uint64_t units = word_at(bytes, code->unit_count);
    int64_t words = frame_words(layout, bytes);
    if (units == 0 || units > MAX_UNITS || words <= 0 || words > MAX_FRAME_WORDS) {
        return false;
    }
    *header = (struct tg_code_header){
        .identity =
            {
                .address = address,
                .qualified_name = word_at(bytes, code->qualified_name),
                .file_name = word_at(bytes, code->file_name),
                .line_table = word_at(bytes, code->line_table),
                .first_line = int_at(bytes, code->first_line),
                .version = code->version == TG_LAYOUT_NONE ? 0 : (uint32_t)int_at(bytes, code->version),
                .unit_count = (uint32_t)units,
            },
        .frame_bytes = (uint32_t)words * WORD_BYTES,
        .first_traceable = int_at(bytes, code->first_traceable),
    };
    const struct tg_code_identity *identity = &header->identity;
    return is_object(identity->qualified_name) && is_object(identity->file_name) && is_object(identity->line_table);
}

bool tg_code_identity_equal(const struct tg_code_identity *left, const struct tg_code_identity *right) {
    return left->address == right->address && left->qualified_name == right->qualified_name
           && left->file_name == right->file_name && left->line_table == right->line_table
           && left->first_line == right->first_line && left->version == right->version
           && left->unit_count == right->unit_count;
}

bool tg_code_unit_of(const struct tg_code_identity *identity, const struct tg_layout *layout, uint64_t instruction,
                     int32_t *unit) {
    uint64_t first = identity->address + layout->code.size;
    if (layout->instruction_is_previous && instruction == first - UNIT_BYTES) {
        *unit = -1;
        return true;
    }
    uint64_t offset = instruction - first;
    if (offset % UNIT_BYTES != 0 || offset / UNIT_BYTES >= identity->unit_count) {
        return false;
    }
    *unit = (int32_t)(offset / UNIT_BYTES);
    return true;
}
