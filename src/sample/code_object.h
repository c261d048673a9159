/*
 * code_object: what the header of a code object says, and whether two readings are of the same one. Code objects are
 * freed and their memory used again, often by the next one, so an address alone proves nothing.
 *
 * Pure: bytes in, values out; fit for a signal handler.
 */
#ifndef TG_CODE_OBJECT_H
#define TG_CODE_OBJECT_H

#include "sample/layout.h"

#include <stdbool.h>
#include <stdint.h>

/* What tells one code object from another that came to lie in its place. All but the first are in its header. */
struct tg_code_identity {
    uint64_t address;
    uint64_t qualified_name; /* addresses of the objects */
    uint64_t file_name;
    uint64_t line_table;
    int32_t first_line;
    uint32_t version;    /* 0 before 3.12 */
    uint32_t unit_count; /* of two bytes, inline caches included */
};

struct tg_code_header {
    struct tg_code_identity identity;
    uint32_t frame_bytes;    /* of a frame that runs it: header, variables and stack */
    int32_t first_traceable; /* the first unit at which Python itself shows the frame */
};

/* Reads the header out of the first `layout->code.size` bytes at `address`. False when there is no code object that
 * could be. `code_type` is the address of PyCode_Type. */
bool tg_code_header_parse(struct tg_code_header *header, const struct tg_layout *layout, uint64_t code_type,
                          uint64_t address, const void *bytes);

bool tg_code_identity_equal(const struct tg_code_identity *left, const struct tg_code_identity *right);

/* The code unit that a frame's instruction pointer (layout->frame.instruction) stands on; -1 in a frame that has not
 * begun (3.11, 3.12). False when it points outside the code. */
bool tg_code_unit_of(const struct tg_code_identity *identity, const struct tg_layout *layout, uint64_t instruction,
                     int32_t *unit);

#endif
