/* failures: the readers' side. See failures.h. */
#include "record/failures.h"

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
    size_t bytes = entry ? (size_t)entry->name_bytes + entry->file_bytes + entry->type_bytes : 0;
    const char *texts = entry ? (const char *)(entry + 1) : NULL;
    if (!entry || entry->name_bytes == 0 || entry->name_bytes > TG_FAILURE_NAME_BYTES
        || entry->file_bytes > TG_FAILURE_NAME_BYTES || entry->type_bytes > TG_FAILURE_NAME_BYTES
        || !tg_view_at(failures->view, place, sizeof *entry + bytes)) {
        return false;
    }
    *row = (struct tg_failure_row){
        .group = group,
        .fingerprint = entry->fingerprint,
        .count = atomic_load_explicit(&entry->count, memory_order_relaxed),
        .first_wall_ns = atomic_load_explicit(&entry->first_wall_ns, memory_order_relaxed),
        .last_wall_ns = atomic_load_explicit(&entry->last_wall_ns, memory_order_relaxed),
        .name = {.data = texts, .length = entry->name_bytes},
        .file = {.data = texts + entry->name_bytes, .length = entry->file_bytes},
        .type = {.data = texts + entry->name_bytes + entry->file_bytes, .length = entry->type_bytes},
    };
    return true;
}

static bool read_sample(const struct tg_failure_sample *sample, size_t bytes, struct tg_failure_sample_row *row) {
    const char *text = (const char *)(sample + 1);
    size_t left = bytes - sizeof *sample;
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

/* The sample at the cursor, which goes on behind it; NULL: the chunk has no more. */
static const struct tg_failure_sample *step(const struct tg_failures *failures, struct tg_failure_cursor *cursor) {
    uint32_t place = atomic_load_explicit(&failures->area->chunks[cursor->chunk], memory_order_acquire);
    const struct tg_failure_chunk *chunk = tg_view_at(failures->view, place, TG_FAILURE_CHUNK_BYTES);
    if (!chunk) {
        return NULL;
    }
    /* What is taken may be written over at any moment: it is not looked at. */
    if (atomic_load_explicit(&chunk->last_serial, memory_order_acquire) <= cursor->after_serial) {
        return NULL;
    }
    uint32_t used = atomic_load_explicit(&chunk->used_bytes, memory_order_acquire);
    const struct tg_failure_sample *sample = (const void *)((const char *)(chunk + 1) + cursor->at_bytes);
    if (used > TG_FAILURE_CHUNK_BYTES - sizeof *chunk || cursor->at_bytes > used
        || used - cursor->at_bytes < sizeof *sample || sample->bytes % 8 != 0 || sample->bytes < sizeof *sample
        || sample->bytes > used - cursor->at_bytes) {
        return NULL;
    }
    cursor->at_bytes += sample->bytes;
    return sample;
}

bool tg_failures_next(const struct tg_failures *failures, struct tg_failure_cursor *cursor,
                      struct tg_failure_sample_row *row) {
    while (failures->area && cursor->chunk < TG_FAILURE_CHUNKS) {
        const struct tg_failure_sample *sample = step(failures, cursor);
        if (!sample) {
            cursor->chunk++;
            cursor->at_bytes = 0;
        } else if (sample->serial > cursor->after_serial && sample->serial <= failures->serial
                   && sample->group < failures->group_count && read_sample(sample, sample->bytes, row)) {
            return true;
        }
    }
    return false;
}
