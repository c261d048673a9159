/* name_index: see name_index.h. */
#include "collect/name_index.h"

#include "record/snapshot.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ENTRIES 128

static int compare_names(struct tg_bytes a, struct tg_bytes b) {
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static int by_name(const void *one, const void *other) {
    const struct tg_name_index_entry *a = one;
    const struct tg_name_index_entry *b = other;
    int order = compare_names(a->name, b->name);
    return order ? order : (a->function > b->function) - (a->function < b->function);
}

static enum tg_status add(void *context, struct tg_snapshot_row *row) {
    struct tg_name_index *index = context;
    if (index->count == index->capacity) {
        size_t capacity = index->capacity ? index->capacity * 2 : FIRST_ENTRIES;
        struct tg_name_index_entry *entries = realloc(index->entries, capacity * sizeof *entries);
        if (!entries) {
            return TG_ERROR_MEMORY;
        }
        index->entries = entries;
        index->capacity = capacity;
    }
    index->entries[index->count++] = (struct tg_name_index_entry){
        .name = {.data = row->name, .length = row->name_bytes},
        .function = row->function,
    };
    return TG_OK;
}

enum tg_status tg_name_index_build(struct tg_name_index *index, const struct tg_view *view, struct tg_error *err) {
    struct tg_snapshot snapshot;
    *index = (struct tg_name_index){.entries = NULL};
    enum tg_status status = tg_snapshot_visit(&snapshot, view, false, add, index, err);
    if (status != TG_OK) {
        tg_name_index_release(index);
        return status;
    }
    tg_snapshot_release(&snapshot);
    if (index->count) {
        qsort(index->entries, index->count, sizeof *index->entries, by_name);
    }
    return TG_OK;
}

bool tg_name_index_find(const struct tg_name_index *index, struct tg_bytes name, uint32_t *function) {
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_names(index->entries[middle].name, name);
        if (order == 0) {
            *function = index->entries[middle].function;
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

void tg_name_index_release(struct tg_name_index *index) {
    if (index) {
        free(index->entries);
        *index = (struct tg_name_index){.entries = NULL};
    }
}
