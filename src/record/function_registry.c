/* function_registry: see function_registry.h. */
#include "record/function_registry.h"

#include "base/hash.h"
#include "base/utf8.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 256U

struct tg_function {
    uint64_t hash;
    uint64_t code_hash;
    uint32_t line;
    uint32_t name_bytes;
    uint32_t file_bytes;
    char text[]; /* name, then file */
};

void tg_function_registry_init(struct tg_function_registry *registry) {
    *registry = (struct tg_function_registry){.functions = NULL};
}

void tg_function_registry_release(struct tg_function_registry *registry) {
    if (!registry) {
        return;
    }
    for (uint32_t i = 0; i < registry->count; i++) {
        free(registry->functions[i]);
    }
    free(registry->functions);
    free(registry->slots);
    tg_function_registry_init(registry);
}

static uint32_t *find_slot(const struct tg_function_registry *registry, uint64_t hash, const char *name,
                           size_t name_bytes) {
    uint32_t mask = registry->slot_count - 1;
    for (uint32_t i = (uint32_t)hash & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &registry->slots[i];
        if (*slot == 0) {
            return slot;
        }
        const struct tg_function *function = registry->functions[*slot - 1];
        if (function->hash == hash && function->name_bytes == name_bytes
            && memcmp(function->text, name, name_bytes) == 0) {
            return slot;
        }
    }
}

static bool grow_slots(struct tg_function_registry *registry) {
    uint32_t count = registry->slot_count ? registry->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = calloc(count, sizeof *slots);
    if (!slots) {
        return false;
    }
    free(registry->slots);
    registry->slots = slots;
    registry->slot_count = count;
    for (uint32_t id = 0; id < registry->count; id++) {
        const struct tg_function *function = registry->functions[id];
        *find_slot(registry, function->hash, function->text, function->name_bytes) = id + 1;
    }
    return true;
}

/* For one more, in both tables; at most half of the slots are taken. */
static bool make_room(struct tg_function_registry *registry) {
    if (registry->count == registry->capacity) {
        uint32_t capacity = registry->capacity ? registry->capacity * 2 : FIRST_SLOTS / 2;
        struct tg_function **functions = realloc(registry->functions, capacity * sizeof(struct tg_function *));
        if (!functions) {
            return false;
        }
        registry->functions = functions;
        registry->capacity = capacity;
    }
    return registry->count * 2 < registry->slot_count || grow_slots(registry);
}

static struct tg_function *function_new(const struct tg_function_source *source, uint64_t hash, size_t name_bytes) {
    size_t file_bytes = source->file ? tg_utf8_cut(source->file, source->file_bytes, TG_NAME_MAX_BYTES) : 0;
    struct tg_function *function = malloc(sizeof *function + name_bytes + file_bytes);
    if (!function) {
        return NULL;
    }
    *function = (struct tg_function){.hash = hash,
                                     .code_hash = source->code_hash,
                                     .line = source->line,
                                     .name_bytes = (uint32_t)name_bytes,
                                     .file_bytes = (uint32_t)file_bytes};
    memcpy(function->text, source->name, name_bytes);
    if (file_bytes) {
        memcpy(function->text + name_bytes, source->file, file_bytes);
    }
    return function;
}

static uint32_t add(struct tg_function_registry *registry, const struct tg_function_source *source, size_t name_bytes) {
    uint64_t hash = tg_hash_bytes(TG_HASH_INIT, source->name, name_bytes);
    if (registry->count >= TG_FUNCTIONS_MAX || !make_room(registry)) {
        return TG_FUNCTION_OVERFLOW;
    }
    struct tg_function *function = function_new(source, hash, name_bytes);
    if (!function) {
        return TG_FUNCTION_OVERFLOW;
    }
    uint32_t id = registry->count++;
    registry->functions[id] = function;
    *find_slot(registry, hash, source->name, name_bytes) = id + 1;
    return id;
}

static bool find(const struct tg_function_registry *registry, const char *name, size_t name_bytes, uint32_t *id) {
    uint32_t slot =
        registry->count ? *find_slot(registry, tg_hash_bytes(TG_HASH_INIT, name, name_bytes), name, name_bytes) : 0;
    *id = slot ? slot - 1 : TG_FUNCTION_OVERFLOW;
    return slot;
}

uint32_t tg_function_registry_find(const struct tg_function_registry *registry, const char *name, size_t name_bytes) {
    uint32_t id;
    find(registry, name, name_bytes, &id);
    return id;
}

uint32_t tg_function_registry_add(struct tg_function_registry *registry, const struct tg_function_source *source) {
    if (registry->count == 0) {
        static const char name[] = TG_FUNCTION_OVERFLOW_NAME;
        add(registry, &(struct tg_function_source){.name = name}, sizeof name - 1);
        if (registry->count == 0) {
            return TG_FUNCTION_OVERFLOW;
        }
    }
    size_t name_bytes = tg_utf8_cut(source->name, source->name_bytes, TG_NAME_MAX_BYTES);
    uint32_t id;
    return find(registry, source->name, name_bytes, &id) ? id : add(registry, source, name_bytes);
}

static void change_entry(const struct tg_recording *recording, uint32_t id, const struct tg_function *function) {
    const tg_place *chunk = &recording->header->function_chunks[id / TG_FUNCTION_CHUNK];
    const tg_place *places = tg_recording_at(recording, atomic_load_explicit(chunk, memory_order_relaxed));
    struct tg_function_entry *entry =
        tg_recording_at(recording, atomic_load_explicit(&places[id % TG_FUNCTION_CHUNK], memory_order_relaxed));
    atomic_store_explicit(&entry->code_hash, function->code_hash, memory_order_relaxed);
    atomic_store_explicit(&entry->line, function->line, memory_order_relaxed);
}

void tg_function_registry_change(struct tg_function_registry *registry, const struct tg_recording *recording,
                                 const struct tg_function_source *source) {
    uint32_t id;
    if (!find(registry, source->name, tg_utf8_cut(source->name, source->name_bytes, TG_NAME_MAX_BYTES), &id)) {
        return;
    }
    struct tg_function *function = registry->functions[id];
    function->code_hash = source->code_hash;
    function->line = source->line;
    if (recording && id < registry->published_count) {
        change_entry(recording, id, function);
    }
}

static bool publish(const struct tg_function *function, struct tg_recording *recording, tg_place *chunk,
                    uint32_t index) {
    if (atomic_load_explicit(chunk, memory_order_relaxed) == TG_PLACE_NONE) {
        uint32_t place = tg_recording_reserve(recording, TG_FUNCTION_CHUNK * sizeof(tg_place));
        if (place == TG_PLACE_NONE) {
            return false;
        }
        atomic_store_explicit(chunk, place, memory_order_release);
    }
    size_t text_bytes = (size_t)function->name_bytes + function->file_bytes;
    uint32_t place = tg_recording_reserve(recording, sizeof(struct tg_function_entry) + text_bytes);
    if (place == TG_PLACE_NONE) {
        return false;
    }
    struct tg_function_entry *entry = tg_recording_at(recording, place);
    *entry = (struct tg_function_entry){.code_hash = function->code_hash,
                                        .line = function->line,
                                        .name_bytes = function->name_bytes,
                                        .file_bytes = function->file_bytes};
    memcpy(entry + 1, function->text, text_bytes);
    tg_place *places = tg_recording_at(recording, atomic_load_explicit(chunk, memory_order_relaxed));
    atomic_store_explicit(&places[index], place, memory_order_release);
    return true;
}

void tg_function_registry_publish(struct tg_function_registry *registry, struct tg_recording *recording) {
    tg_place *chunks = recording->header->function_chunks;
    while (registry->published_count < registry->count) {
        uint32_t id = registry->published_count;
        if (!publish(registry->functions[id], recording, &chunks[id / TG_FUNCTION_CHUNK], id % TG_FUNCTION_CHUNK)) {
            break;
        }
        registry->published_count++;
    }
    atomic_store_explicit(&recording->header->function_count, registry->count, memory_order_release);
}
