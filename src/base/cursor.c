/* cursor: see cursor.h. */
#include "base/cursor.h"

#include "base/varint.h"

#include <string.h>

void tg_cursor_fail(struct tg_cursor *cursor) {
    cursor->length = 0;
    cursor->failed = true;
}

static void advance(struct tg_cursor *cursor, size_t length) {
    cursor->bytes += length;
    cursor->length -= length;
}

uint64_t tg_cursor_number(struct tg_cursor *cursor) {
    uint64_t value = 0;
    size_t taken = tg_varint_read(cursor->bytes, cursor->length, &value);
    if (taken == 0) {
        tg_cursor_fail(cursor);
        return 0;
    }
    advance(cursor, taken);
    return value;
}

uint32_t tg_cursor_small(struct tg_cursor *cursor) {
    uint64_t value = tg_cursor_number(cursor);
    if (value > UINT32_MAX) {
        tg_cursor_fail(cursor);
        return 0;
    }
    return (uint32_t)value;
}

size_t tg_cursor_count(struct tg_cursor *cursor, size_t bytes_each) {
    uint64_t count = tg_cursor_number(cursor);
    if (count > cursor->length / bytes_each) {
        tg_cursor_fail(cursor);
        return 0;
    }
    return (size_t)count;
}

struct tg_bytes tg_cursor_bytes(struct tg_cursor *cursor) {
    size_t length = tg_cursor_count(cursor, 1);
    if (cursor->failed) {
        return (struct tg_bytes){.data = "", .length = 0};
    }
    struct tg_bytes bytes = {.data = (const char *)cursor->bytes, .length = length};
    advance(cursor, length);
    return bytes;
}

void tg_cursor_copy(struct tg_cursor *cursor, void *to, size_t length) {
    if (length > cursor->length) {
        tg_cursor_fail(cursor);
        return;
    }
    memcpy(to, cursor->bytes, length);
    advance(cursor, length);
}
