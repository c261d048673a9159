/* failures: the readers' side. See failures.h. */
#include "record/failures.h"

#include <string.h>

/* Bytes are untrusted: what lies outside the view is not there. */
void tg_failures_open(struct tg_failures *failures, const struct tg_view *view) {
    const struct tg_header *header = (const struct tg_header *)(const void *)view->base;
    *failures = (struct tg_failures){.view = view};
    uint32_t place = atomic_load_explicit(&header->failures, memory_order_acquire);
    failures->area = tg_view_at(view, place, sizeof *failures->area);
    if (failures->area) {
        failures->serial = atomic_load_explicit(&failures->area->serial, memory_order_acquire);
        failures->lost_count = atomic_load_explicit(&failures->area->lost_count, memory_order_relaxed);
        failures->group_count = atomic_load_explicit(&failures->area->group_count, memory_order_acquire);
        failures->group_count =
            failures->group_count < TG_FAILURE_GROUPS_MAX ? failures->group_count : TG_FAILURE_GROUPS_MAX;
    }
}

bool tg_failures_group(const struct tg_failures *failures, uint32_t group, struct tg_failure_row *row) {
    const struct tg_failure_area *area = failures->area;
    if (!area || group >= failures->group_count) {
        return false;
    }
    uint32_t chunk = atomic_load_explicit(&area->group_chunks[group / TG_FAILURE_GROUP_CHUNK], memory_order_acquire);
    const tg_place *places = tg_view_at(failures->view, chunk, TG_FAILURE_GROUP_CHUNK * sizeof(tg_place));
    uint32_t place =
        places ? atomic_load_explicit(&places[group % TG_FAILURE_GROUP_CHUNK], memory_order_acquire) : TG_PLACE_NONE;
    const struct tg_failure_group *entry = tg_view_at(failures->view, place, sizeof *entry);
    if (!entry) {
        return false;
    }
    uint64_t fingerprint = entry->fingerprint;
    size_t name = entry->name_bytes;
    size_t file = entry->file_bytes;
    size_t type = entry->type_bytes;
    atomic_thread_fence(memory_order_acquire); /* what is checked is what was read: nothing is loaded again */
    const char *texts = (const char *)(entry + 1);
    if (name == 0 || name > TG_FAILURE_NAME_BYTES || file > TG_FAILURE_NAME_BYTES || type > TG_FAILURE_NAME_BYTES
        || !tg_view_at(failures->view, place, sizeof *entry + name + file + type)) {
        return false;
    }
    *row = (struct tg_failure_row){
        .group = group,
        .fingerprint = fingerprint,
        .count = atomic_load_explicit(&entry->count, memory_order_relaxed),
        .first_wall_ns = atomic_load_explicit(&entry->first_wall_ns, memory_order_relaxed),
        .last_wall_ns = atomic_load_explicit(&entry->last_wall_ns, memory_order_relaxed),
        .name = {.data = texts, .length = name},
        .file = {.data = texts + name, .length = file},
        .type = {.data = texts + name + file, .length = type},
    };
    return true;
}

static const struct tg_failure_chunk *chunk_at(const struct tg_failures *failures, uint32_t chunk) {
    uint32_t place = atomic_load_explicit(&failures->area->chunks[chunk], memory_order_acquire);
    return tg_view_at(failures->view, place, TG_FAILURE_CHUNK_BYTES);
}

/* Whether what was read of a chunk until now was not written over; nothing of it is loaded again afterwards. */
static bool holds(const struct tg_failure_chunk *chunk, uint32_t reuses) {
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&chunk->reuses, memory_order_relaxed) == reuses;
}

/* A copy of the sample at the cursor, which goes on behind it; false: the chunk has no more. */
static bool step(const struct tg_failures *failures, struct tg_failure_cursor *cursor, struct tg_failure_sample *sample,
                 const char **texts) {
    const struct tg_failure_chunk *chunk = chunk_at(failures, cursor->chunk);
    if (!chunk) {
        return false;
    }
    uint32_t reuses = atomic_load_explicit(&chunk->reuses, memory_order_acquire);
    cursor->reuses = cursor->at_bytes == 0 ? reuses : cursor->reuses;
    /* What is taken may be written over at any moment: it is not looked at. */
    if (reuses != cursor->reuses
        || atomic_load_explicit(&chunk->last_serial, memory_order_acquire) <= cursor->after_serial) {
        return false;
    }
    uint32_t used = atomic_load_explicit(&chunk->used_bytes, memory_order_acquire);
    if (used > TG_FAILURE_CHUNK_BYTES - sizeof *chunk || cursor->at_bytes > used
        || used - cursor->at_bytes < sizeof *sample) {
        return false;
    }
    const char *at = (const char *)(chunk + 1) + cursor->at_bytes;
    memcpy(sample, at, sizeof *sample);
    if (!holds(chunk, reuses) || sample->bytes % 8 != 0 || sample->bytes < sizeof *sample
        || sample->bytes > used - cursor->at_bytes) {
        return false;
    }
    cursor->at_bytes += sample->bytes;
    *texts = at + sizeof *sample;
    return true;
}

/* False: its texts are longer than itself. */
static bool fill_row(const struct tg_failure_sample *sample, const char *text, struct tg_failure_sample_row *row) {
    size_t left = sample->bytes - sizeof *sample;
    *row = (struct tg_failure_sample_row){
        .group = sample->group,
        .serial = sample->serial,
        .wall_ns = sample->wall_ns,
        .native_id = sample->native_id,
    };
    for (int i = 0; i < TG_FAILURE_TEXTS; i++) {
        if (sample->text_bytes[i] > left) {
            return false;
        }
        row->texts[i] = (struct tg_failure_bytes){.data = text, .length = sample->text_bytes[i]};
        text += sample->text_bytes[i];
        left -= sample->text_bytes[i];
    }
    return true;
}

bool tg_failures_next(const struct tg_failures *failures, struct tg_failure_cursor *cursor,
                      struct tg_failure_sample_row *row) {
    while (failures->area && cursor->chunk < TG_FAILURE_CHUNKS) {
        struct tg_failure_sample sample;
        const char *texts = NULL;
        if (!step(failures, cursor, &sample, &texts)) {
            cursor->chunk++;
            cursor->at_bytes = 0;
        } else if (sample.serial > cursor->after_serial && sample.serial <= failures->serial
                   && sample.group < failures->group_count && fill_row(&sample, texts, row)) {
            return true;
        }
    }
    return false;
}
