/* live_names: see live_names.h. Open addressing, at most half full. */
#include "profile/live_names.h"

#include "base/hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS ((size_t)256)

void tg_live_names_release(struct tg_live_names *names) {
    if (!names) {
        return;
    }
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i].text);
    }
    free(names->items);
    free(names->slots);
    *names = (struct tg_live_names){.items = NULL};
}

static uint64_t hash_of(const struct tg_snapshot_row *row) {
    return tg_hash_bytes(tg_hash_bytes(TG_HASH_INIT, row->name, row->name_bytes), row->file, row->file_bytes);
}

static bool is_of_row(const struct tg_live_name *name, const struct tg_snapshot_row *row, uint64_t hash) {
    return name->hash == hash && name->bytes == row->name_bytes && name->file_bytes == row->file_bytes
           && memcmp(name->text, row->name, name->bytes) == 0 && memcmp(name->file, row->file, name->file_bytes) == 0;
}

/* The slot that holds the row's name, or the free one where it belongs. */
static uint32_t *find_slot(const struct tg_live_names *names, const struct tg_snapshot_row *row, uint64_t hash) {
    size_t at = (size_t)hash & (names->slot_count - 1);
    while (names->slots[at] != TG_LIVE_NO_NAME && !is_of_row(&names->items[names->slots[at]], row, hash)) {
        at = (at + 1) & (names->slot_count - 1);
    }
    return &names->slots[at];
}

static bool grow_slots(struct tg_live_names *names) {
    size_t count = names->slot_count ? names->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = malloc(count * sizeof *slots);
    if (!slots) {
        return false;
    }
    memset(slots, 0xFF, count * sizeof *slots);
    free(names->slots);
    names->slots = slots;
    names->slot_count = count;
    for (size_t i = 0; i < names->count; i++) {
        size_t at = (size_t)names->items[i].hash & (count - 1);
        while (slots[at] != TG_LIVE_NO_NAME) {
            at = (at + 1) & (count - 1);
        }
        slots[at] = (uint32_t)i;
    }
    return true;
}

static bool grow_items(struct tg_live_names *names) {
    size_t capacity = names->capacity ? names->capacity * 2 : FIRST_SLOTS / 2;
    struct tg_live_name *items = realloc(names->items, capacity * sizeof *items);
    if (items) {
        names->items = items;
        names->capacity = capacity;
    }
    return items;
}

static bool add_name(struct tg_live_names *names, const struct tg_snapshot_row *row, uint64_t hash) {
    if (names->count == names->capacity && !grow_items(names)) {
        return false;
    }
    char *text = calloc(1, row->name_bytes + row->file_bytes + 2);
    if (!text) {
        return false;
    }
    memcpy(text, row->name, row->name_bytes);
    memcpy(text + row->name_bytes + 1, row->file, row->file_bytes);
    names->items[names->count++] = (struct tg_live_name){
        .text = text,
        .bytes = row->name_bytes,
        .file = text + row->name_bytes + 1,
        .file_bytes = row->file_bytes,
        .line = row->line,
        .hash = hash,
    };
    return true;
}

enum tg_status tg_live_names_intern(struct tg_live_names *names, const struct tg_snapshot_row *row, uint32_t *number) {
    if (names->count * 2 >= names->slot_count && !grow_slots(names)) {
        return TG_ERROR_MEMORY;
    }
    uint64_t hash = hash_of(row);
    uint32_t *slot = find_slot(names, row, hash);
    if (*slot == TG_LIVE_NO_NAME) {
        if (!add_name(names, row, hash)) {
            return TG_ERROR_MEMORY;
        }
        *slot = (uint32_t)names->count - 1;
    }
    *number = *slot;
    return TG_OK;
}
