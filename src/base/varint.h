/*
 * Unsigned integers in as few bytes as they need: LEB128, seven bits a byte, lowest first, the top bit set on
 * all but the last. Only the shortest form of a number is valid, so every number has one encoding.
 */
#ifndef TG_VARINT_H
#define TG_VARINT_H

#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

#define TG_VARINT_MAX_BYTES 10

void tg_varint_append(struct tg_strbuf *out, uint64_t value);
/* Reads one number from the start of `bytes`. Returns the bytes it took, or 0 when they end before it does,
 * it does not fit 64 bits, or a shorter form exists. */
size_t tg_varint_read(const uint8_t *bytes, size_t length, uint64_t *value);

#endif
