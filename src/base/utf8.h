/*
 * Reading UTF-8 that nobody has checked, and writing it.
 */
#ifndef TG_UTF8_H
#define TG_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The character at the start of `bytes` and, as the result, the bytes it takes (1-4). 0 when there is none:
 * `length` is 0, or the bytes are no UTF-8 (also overlong forms, surrogates, and beyond U+10FFFF). */
size_t tg_utf8_decode(const char *bytes, size_t length, uint32_t *character);

/* How many of the first bytes fit into `limit` without cutting a character in two. */
size_t tg_utf8_cut(const char *bytes, size_t length, size_t limit);

/* The most that one character takes. */
#define TG_UTF8_MAX_BYTES 4

/* Writes a character (at most U+10FFFF, no surrogate) and returns the bytes it took. */
size_t tg_utf8_encode(uint32_t character, char bytes[TG_UTF8_MAX_BYTES]);

#endif
