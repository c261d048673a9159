/* text_pool: see text_pool.h. */
#include "profile/text_pool.h"

#include "base/hash.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)256)
#define CHUNK_BYTES ((size_t)16384)

struct tg_text_chunk {
    struct tg_text_chunk *next;
    size_t used;
    size_t capacity;
    char bytes[];
};

void tg_text_pool_init(struct tg_text_pool *pool, struct tg_budget *budget) {
    *pool = (struct tg_text_pool){.budget = budget};
}

void tg_text_pool_release(struct tg_text_pool *pool) {
    if (!pool) {
        return;
    }
    while (pool->chunks) {
        struct tg_text_chunk *next = pool->chunks->next;
        free(pool->chunks);
        pool->chunks = next;
    }
    free(pool->items);
    free(pool->slots);
    if (pool->taken_bytes) {
        tg_budget_return(pool->budget, pool->taken_bytes);
    }
    tg_text_pool_init(pool, pool->budget);
}

/* Allocates as realloc does, `added_bytes` more than before. NULL: there is no space. */
static void *grow(struct tg_text_pool *pool, void *old, size_t bytes, size_t added_bytes) {
    if (!tg_budget_take(pool->budget, added_bytes)) {
        return NULL;
    }
    void *larger = realloc(old, bytes);
    if (!larger) {
        tg_budget_return(pool->budget, added_bytes);
        return NULL;
    }
    pool->taken_bytes += added_bytes;
    return larger;
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t *find_slot(const struct tg_text_pool *pool, const char *text, size_t length, uint32_t hash) {
    size_t at = hash & (pool->slot_count - 1);
    for (;;) {
        uint32_t number = pool->slots[at];
        if (number == TG_TEXT_NONE) {
            return &pool->slots[at];
        }
        const struct tg_text *item = &pool->items[number];
        if (item->hash == hash && item->length == length && memcmp(item->data, text, length) == 0) {
            return &pool->slots[at];
        }
        at = (at + 1) & (pool->slot_count - 1);
    }
}

static bool grow_slots(struct tg_text_pool *pool) {
    size_t count = pool->slot_count ? pool->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = grow(pool, pool->slots, count * sizeof *slots, (count - pool->slot_count) * sizeof *slots);
    if (!slots) {
        return false;
    }
    memset(slots, 0xFF, count * sizeof *slots);
    pool->slots = slots;
    pool->slot_count = count;
    for (uint32_t i = 0; i < pool->count; i++) {
        *find_slot(pool, pool->items[i].data, pool->items[i].length, pool->items[i].hash) = i;
    }
    return true;
}

static bool grow_items(struct tg_text_pool *pool) {
    uint32_t capacity = pool->capacity ? pool->capacity * 2 : (uint32_t)FIRST_SLOTS / 2;
    size_t added = capacity - pool->capacity;
    struct tg_text *items = grow(pool, pool->items, capacity * sizeof *items, added * sizeof *items);
    if (!items) {
        return false;
    }
    pool->items = items;
    pool->capacity = capacity;
    return true;
}

/* A copy that stays; NULL: there is no space. */
static const char *keep(struct tg_text_pool *pool, const char *text, size_t length) {
    struct tg_text_chunk *chunk = pool->chunks;
    if (!chunk || chunk->capacity - chunk->used <= length) {
        size_t capacity = length < CHUNK_BYTES ? CHUNK_BYTES : length + 1;
        chunk = grow(pool, NULL, sizeof *chunk + capacity, sizeof *chunk + capacity);
        if (!chunk) {
            return NULL;
        }
        chunk->next = pool->chunks;
        chunk->used = 0;
        chunk->capacity = capacity;
        pool->chunks = chunk;
    }
    char *copy = chunk->bytes + chunk->used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    chunk->used += length + 1;
    return copy;
}

static uint32_t add(struct tg_text_pool *pool, const char *text, size_t length, uint32_t hash) {
    if (pool->count == pool->capacity && !grow_items(pool)) {
        return TG_TEXT_NONE;
    }
    const char *copy = keep(pool, text, length);
    if (!copy) {
        return TG_TEXT_NONE;
    }
    pool->items[pool->count] = (struct tg_text){.data = copy, .length = (uint32_t)length, .hash = hash};
    return pool->count++;
}

static uint32_t intern(struct tg_text_pool *pool, const char *text, size_t length) {
    uint64_t long_hash = tg_hash_bytes(TG_HASH_INIT, text, length);
    uint32_t hash = (uint32_t)(long_hash ^ long_hash >> 32U);
    if (pool->slot_count > 0) {
        uint32_t known = *find_slot(pool, text, length, hash);
        if (known != TG_TEXT_NONE) {
            return known;
        }
    }
    if ((size_t)pool->count * 2 >= pool->slot_count && !grow_slots(pool)) {
        return TG_TEXT_NONE;
    }
    uint32_t number = add(pool, text, length, hash);
    if (number != TG_TEXT_NONE) {
        *find_slot(pool, text, length, hash) = number;
    }
    return number;
}

uint32_t tg_text_pool_intern(struct tg_text_pool *pool, const char *text, size_t length) {
    length = strnlen(text, length < UINT32_MAX ? length : UINT32_MAX - 1);
    if (length == 0) {
        return TG_TEXT_EMPTY;
    }
    if (pool->count == 0 && intern(pool, "", 0) == TG_TEXT_NONE) {
        return TG_TEXT_NONE;
    }
    return intern(pool, text, length);
}

const char *tg_text_pool_get(const struct tg_text_pool *pool, uint32_t number) {
    assert(number == TG_TEXT_EMPTY || number < pool->count);
    return number == TG_TEXT_EMPTY ? "" : pool->items[number].data;
}
