/*
 * hash: FNV-1a over 64 bits, for tables in memory and to notice torn or damaged bytes in files. Not against people who
 * look for collisions.
 *
 * Source: Fowler, Noll, Vo; the offset basis and prime are those of draft-eastlake-fnv.
 */
#ifndef TG_HASH_H
#define TG_HASH_H

#include <stddef.h>
#include <stdint.h>

#define TG_HASH_INIT UINT64_C(14695981039346656037)

/* Continues `hash` (TG_HASH_INIT at first) over `length` bytes. */
static inline uint64_t tg_hash_bytes(uint64_t hash, const void *bytes, size_t length) {
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

#endif
