/*
 * cursor: reading what base/varint.h and tg_strbuf_append_bytes() have written, out of bytes that nobody has checked.
 *
 * Once something does not fit, all further numbers are 0 and all byte strings empty: a reader of many fields looks at
 * `failed` once, before it believes anything.
 */
#ifndef TG_CURSOR_H
#define TG_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that need not be text, and are not ended by a zero byte. */
struct tg_bytes {
    const char *data; /* may be NULL where length is 0 */
    size_t length;
};

struct tg_cursor {
    const uint8_t *bytes; /* what is left to read; borrowed */
    size_t length;
    bool failed;
};

/* A reader's own finding that the bytes cannot be meant. */
void tg_cursor_fail(struct tg_cursor *cursor);

uint64_t tg_cursor_number(struct tg_cursor *cursor);
/* A number that fails above UINT32_MAX. */
uint32_t tg_cursor_small(struct tg_cursor *cursor);
/* How many things follow that take `bytes_each` at least: fails where there are not so many bytes, so that no memory is
 * asked for that the bytes cannot fill. */
size_t tg_cursor_count(struct tg_cursor *cursor, size_t bytes_each);
/* A length and so many bytes, borrowed; never NULL. */
struct tg_bytes tg_cursor_bytes(struct tg_cursor *cursor);
/* Copies `length` bytes; where they are missing `to` is left as it is. */
void tg_cursor_copy(struct tg_cursor *cursor, void *to, size_t length);

#endif
