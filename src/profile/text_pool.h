/*
 * text_pool: texts, each kept once, by a small number that stays. Where there are thousands of functions there are a
 * hundred files, and many an __init__.
 *
 * Texts never move: a pointer is good until the release. The budget bounds the pool; who finds no space is told so.
 * Threads: values belong to their owner.
 */
#ifndef TG_TEXT_POOL_H
#define TG_TEXT_POOL_H

#include "base/budget.h"

#include <stddef.h>
#include <stdint.h>

/* The number of the empty text, which every pool has, also one that is empty itself. */
#define TG_TEXT_EMPTY UINT32_C(0)
/* No number of a text. */
#define TG_TEXT_NONE UINT32_MAX

struct tg_text {
    const char *data; /* ended by a zero byte */
    uint32_t length;
    uint32_t hash;
};

struct tg_text_pool {
    struct tg_text *items;
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* open addressing, at most half full; TG_TEXT_NONE: free */
    size_t slot_count;
    struct tg_text_chunk *chunks; /* where the texts lie, the newest first */
    struct tg_budget *budget;     /* borrowed */
    size_t taken_bytes;           /* of it */
};

/* `budget` is borrowed until the release. */
void tg_text_pool_init(struct tg_text_pool *pool, struct tg_budget *budget);
/* NULL and a second call are fine. */
void tg_text_pool_release(struct tg_text_pool *pool);

/* The number of a text, which is new or known; it ends before its first zero byte. TG_TEXT_NONE: there is no space. */
uint32_t tg_text_pool_intern(struct tg_text_pool *pool, const char *text, size_t length);

/* The text of a number that the pool has given, ended by a zero byte. Borrowed until the release. */
const char *tg_text_pool_get(const struct tg_text_pool *pool, uint32_t number);

#endif
