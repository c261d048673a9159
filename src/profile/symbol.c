/* symbol: see symbol.h. Texts are compared by their numbers in the pool. */
#include "profile/symbol.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)256)

void tg_symbols_init(struct tg_symbols *symbols, struct tg_budget *budget) {
    *symbols = (struct tg_symbols){.entries = NULL};
    tg_text_pool_init(&symbols->texts, budget);
}

void tg_symbols_release(struct tg_symbols *symbols) {
    if (!symbols) {
        return;
    }
    struct tg_budget *budget = symbols->texts.budget;
    if (symbols->taken_bytes) {
        tg_budget_return(budget, symbols->taken_bytes);
    }
    tg_text_pool_release(&symbols->texts);
    free(symbols->entries);
    free(symbols->slots);
    tg_symbols_init(symbols, budget);
}

static bool is_same(const struct tg_symbol_entry *a, const struct tg_symbol_entry *b) {
    return a->name == b->name && a->file == b->file && a->first_line == b->first_line;
}

static size_t hash_of(const struct tg_symbol_entry *entry) {
    uint64_t hash = (entry->name * UINT64_C(0x9E3779B97F4A7C15)) ^ (entry->file * UINT64_C(0xC2B2AE3D27D4EB4F))
                    ^ (entry->first_line * UINT64_C(0x165667B19E3779F9));
    return (size_t)(hash ^ hash >> 32U);
}

/* The slot that holds the entry's number, or the free one where it belongs. */
static uint32_t *find_slot(const struct tg_symbols *symbols, const struct tg_symbol_entry *entry) {
    size_t at = hash_of(entry) & (symbols->slot_count - 1);
    while (symbols->slots[at] && !is_same(&symbols->entries[symbols->slots[at]], entry)) {
        at = (at + 1) & (symbols->slot_count - 1);
    }
    return &symbols->slots[at];
}

static bool grow(struct tg_symbols *symbols) {
    size_t slot_count = symbols->slot_count ? symbols->slot_count * 2 : FIRST_SLOTS;
    size_t capacity = slot_count / 2;
    size_t added_bytes = (slot_count - symbols->slot_count) * sizeof *symbols->slots
                         + (capacity - symbols->capacity) * sizeof *symbols->entries;
    if (!tg_budget_take(symbols->texts.budget, added_bytes)) {
        return false;
    }
    symbols->taken_bytes += added_bytes;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    struct tg_symbol_entry *entries = realloc(symbols->entries, capacity * sizeof *entries);
    if (entries) {
        symbols->entries = entries;
    }
    if (!slots || !entries) {
        free(slots);
        return false;
    }
    if (symbols->count == 0) {
        entries[symbols->count++] = (struct tg_symbol_entry){.name = TG_TEXT_NONE};
    }
    free(symbols->slots);
    symbols->slots = slots;
    symbols->slot_count = slot_count;
    symbols->capacity = (uint32_t)capacity;
    for (uint32_t i = 1; i < symbols->count; i++) {
        *find_slot(symbols, &entries[i]) = i;
    }
    return true;
}

/* Cut where a character ends, and where C thinks it ends. */
static uint32_t intern_text(struct tg_symbols *symbols, const char *text, size_t bytes) {
    return tg_text_pool_intern(&symbols->texts, text, tg_utf8_cut(text, bytes, TG_SYMBOL_TEXT_MAX_BYTES));
}

uint32_t tg_symbols_intern(struct tg_symbols *symbols, const char *name, size_t name_bytes, const char *file,
                           size_t file_bytes, uint32_t first_line) {
    struct tg_symbol_entry entry = {.first_line = first_line};
    entry.name = intern_text(symbols, name, name_bytes);
    entry.file = intern_text(symbols, file, file_bytes);
    bool has_texts = entry.name != TG_TEXT_NONE && entry.file != TG_TEXT_NONE;
    uint32_t known = has_texts && symbols->slot_count > 0 ? *find_slot(symbols, &entry) : TG_SYMBOL_UNKNOWN;
    if (known) {
        return known;
    }
    if (!has_texts || (symbols->count >= symbols->capacity && !grow(symbols))) {
        symbols->refused_count++;
        return TG_SYMBOL_UNKNOWN;
    }
    symbols->entries[symbols->count] = entry;
    *find_slot(symbols, &entry) = symbols->count;
    return symbols->count++;
}

struct tg_symbol tg_symbols_get(const struct tg_symbols *symbols, uint32_t number) {
    assert(number == TG_SYMBOL_UNKNOWN || number < symbols->count);
    if (number == TG_SYMBOL_UNKNOWN) {
        return (struct tg_symbol){.name = "(no space for its name)", .file = ""};
    }
    const struct tg_symbol_entry *entry = &symbols->entries[number];
    return (struct tg_symbol){
        .name = tg_text_pool_get(&symbols->texts, entry->name),
        .file = tg_text_pool_get(&symbols->texts, entry->file),
        .first_line = entry->first_line,
    };
}

uint32_t tg_symbols_count(const struct tg_symbols *symbols) {
    return symbols->count ? symbols->count : 1;
}
