/* interning: see interning.h. */
#include "store/interning.h"

#include "base/hash.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST    256U
#define COUNT_MAX      131072U
#define NAME_BYTES_MAX 16777216U

static uint64_t hash_of(int64_t service_id, struct tg_bytes name) {
    return tg_hash_bytes(TG_HASH_INIT ^ (uint64_t)service_id, name.data, name.length);
}

void tg_interning_init(struct tg_interning *interning) {
    *interning = (struct tg_interning){.slots = NULL};
}

void tg_interning_clear(struct tg_interning *interning) {
    if (!interning) {
        return;
    }
    for (size_t i = 0; i < interning->slot_count; i++) {
        free(interning->slots[i].name);
    }
    free(interning->slots);
    tg_interning_init(interning);
}

static bool holds(const struct tg_interned *slot, int64_t service_id, struct tg_bytes name) {
    return slot->name && slot->service_id == service_id && slot->name_length == name.length
           && memcmp(slot->name, name.data, name.length) == 0;
}

/* The slot that holds the name, or the free one where it belongs. */
static struct tg_interned *slot_of(const struct tg_interning *interning, uint64_t hash, int64_t service_id,
                                   struct tg_bytes name) {
    size_t place = hash & (interning->slot_count - 1);
    struct tg_interned *slot = &interning->slots[place];
    while (slot->name && (slot->hash != hash || !holds(slot, service_id, name))) {
        place = (place + 1) & (interning->slot_count - 1);
        slot = &interning->slots[place];
    }
    return slot;
}

struct tg_interned *tg_interning_find(struct tg_interning *interning, int64_t service_id, struct tg_bytes name) {
    if (interning->slot_count == 0) {
        return NULL;
    }
    struct tg_interned *slots = interning->slots;
    size_t likely = interning->last > 0 ? slots[interning->last - 1].next : 0;
    struct tg_interned *slot = likely > 0 && holds(&slots[likely - 1], service_id, name)
                                   ? &slots[likely - 1]
                                   : slot_of(interning, hash_of(service_id, name), service_id, name);
    if (!slot->name) {
        return NULL;
    }
    size_t place = (size_t)(slot - slots) + 1;
    if (interning->last > 0) {
        slots[interning->last - 1].next = place;
    }
    interning->last = place;
    return slot;
}

static enum tg_status make_room(struct tg_interning *interning) {
    if (interning->count >= COUNT_MAX || interning->name_bytes >= NAME_BYTES_MAX) {
        tg_interning_clear(interning);
    }
    if ((interning->count + 1) * 2 <= interning->slot_count) {
        return TG_OK;
    }
    size_t slot_count = interning->slot_count ? interning->slot_count * 2 : SLOTS_FIRST;
    struct tg_interned *slots = calloc(slot_count, sizeof *slots);
    if (!slots) {
        return TG_ERROR_MEMORY;
    }
    struct tg_interning larger = *interning;
    larger.slots = slots;
    larger.slot_count = slot_count;
    for (size_t i = 0; i < interning->slot_count; i++) {
        const struct tg_interned *slot = &interning->slots[i];
        if (slot->name) {
            struct tg_bytes name = {.data = slot->name, .length = slot->name_length};
            *slot_of(&larger, slot->hash, slot->service_id, name) = *slot;
        }
    }
    free(interning->slots);
    *interning = larger;
    interning->last = 0;
    return TG_OK;
}

struct tg_interned *tg_interning_add(struct tg_interning *interning, int64_t service_id, struct tg_bytes name,
                                     int64_t function_id) {
    char *copy = malloc(name.length + 1);
    if (!copy || make_room(interning) != TG_OK) {
        free(copy);
        return NULL;
    }
    memcpy(copy, name.data, name.length);
    uint64_t hash = hash_of(service_id, name);
    struct tg_interned *slot = slot_of(interning, hash, service_id, name);
    *slot = (struct tg_interned){
        .hash = hash,
        .service_id = service_id,
        .function_id = function_id,
        .name = copy,
        .name_length = name.length,
    };
    interning->count++;
    interning->name_bytes += name.length;
    return slot;
}
