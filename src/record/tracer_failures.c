/*
 * tracer_failures: the writer's side of failures.h, in the recording of this process. Under the tracer's lock, which
 * nobody holds for long: a few hundred bytes are copied.
 */
#include "record/failures.h"

#include "base/utf8.h"
#include "record/tracer_state.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INDEX_SLOTS (2 * TG_FAILURE_GROUPS_MAX) /* a power of two, never full */

/* Where the groups of this process are, by fingerprint: index + 1, or 0. Of one generation of the recording. */
static struct {
    uint64_t generation;
    struct {
        uint64_t fingerprint;
        uint32_t group;
    } slots[INDEX_SLOTS];
    bool is_refused;      /* there was no space even for the area */
    uint32_t chunk_count; /* reserved */
    uint32_t chunk;       /* that is written to */
} own;

static struct tg_failure_area *area_of_recording(void) {
    return tg_recording_at(&tg_tracer.recording, TG_LOAD(tg_tracer.recording.header->failures));
}

/* The place of a group's entry, or NULL when there is no space for the table. */
static tg_place *group_slot(struct tg_failure_area *area, uint32_t group) {
    tg_place *chunk = &area->group_chunks[group / TG_FAILURE_GROUP_CHUNK];
    if (TG_LOAD(*chunk) == TG_PLACE_NONE) {
        uint32_t place = tg_recording_reserve(&tg_tracer.recording, TG_FAILURE_GROUP_CHUNK * sizeof(tg_place));
        if (place == TG_PLACE_NONE) {
            return NULL;
        }
        atomic_store_explicit(chunk, place, memory_order_release);
    }
    tg_place *places = tg_recording_at(&tg_tracer.recording, TG_LOAD(*chunk));
    return &places[group % TG_FAILURE_GROUP_CHUNK];
}

static struct tg_failure_group *group_at(struct tg_failure_area *area, uint32_t group) {
    return tg_recording_at(&tg_tracer.recording, TG_LOAD(*group_slot(area, group)));
}

static char *put_text(char *to, uint32_t *bytes, struct tg_failure_bytes text) {
    *bytes = (uint32_t)tg_utf8_cut(text.data, text.length, TG_FAILURE_NAME_BYTES);
    memcpy(to, text.data, *bytes);
    return to + *bytes;
}

/* False: no space. */
static bool add_group(struct tg_failure_area *area, const struct tg_failure_source *source) {
    uint32_t group = TG_LOAD(area->group_count);
    size_t text_bytes = source->name.length + source->file.length + source->type.length;
    size_t limit = (size_t)3 * TG_FAILURE_NAME_BYTES;
    tg_place *slot = group < TG_FAILURE_GROUPS_MAX ? group_slot(area, group) : NULL;
    uint32_t place = slot ? tg_recording_reserve(&tg_tracer.recording, sizeof(struct tg_failure_group)
                                                                           + (text_bytes < limit ? text_bytes : limit))
                          : TG_PLACE_NONE;
    if (place == TG_PLACE_NONE) {
        return false;
    }
    struct tg_failure_group *entry = tg_recording_at(&tg_tracer.recording, place);
    char *to = (char *)(entry + 1);
    entry->fingerprint = source->fingerprint;
    to = put_text(to, &entry->name_bytes, source->name);
    to = put_text(to, &entry->file_bytes, source->file);
    put_text(to, &entry->type_bytes, source->type);
    atomic_store_explicit(slot, place, memory_order_release);
    atomic_store_explicit(&area->group_count, group + 1, memory_order_release);
    return true;
}

/* The area of the recording, made now if there is none; NULL: no space, or nothing is recorded. */
static struct tg_failure_area *find_area(void) {
    static const char name[] = "tachograph::(exceptions past the limit)";
    if (!tg_tracer.open) { /* in a forked child, its first call makes a recording: until then nothing has failed */
        return NULL;
    }
    if (own.generation != tg_tracer.generation) {
        memset(&own, 0, sizeof own);
        own.generation = tg_tracer.generation;
    }
    struct tg_header *header = tg_tracer.recording.header;
    if (own.is_refused || TG_LOAD(header->failures) != TG_PLACE_NONE) {
        return own.is_refused ? NULL : area_of_recording();
    }
    uint32_t place = tg_recording_reserve(&tg_tracer.recording, sizeof(struct tg_failure_area));
    const struct tg_failure_source overflow = {.name = {.data = name, .length = sizeof name - 1},
                                               .file = {.data = ""},
                                               .type = {.data = "Exception", .length = 9}};
    if (place == TG_PLACE_NONE || !add_group(tg_recording_at(&tg_tracer.recording, place), &overflow)) {
        own.is_refused = true; /* what little is left is for calls */
        return NULL;
    }
    atomic_store_explicit(&header->failures, place, memory_order_release);
    return area_of_recording();
}

/* The group of a fingerprint; false: there is none yet. */
static bool find_group(uint64_t fingerprint, uint32_t *group, uint32_t *slot) {
    uint32_t at = (uint32_t)(fingerprint ^ fingerprint >> 32) & (INDEX_SLOTS - 1);
    while (own.slots[at].group && own.slots[at].fingerprint != fingerprint) {
        at = (at + 1) & (INDEX_SLOTS - 1);
    }
    *slot = at;
    *group = own.slots[at].group ? own.slots[at].group - 1 : 0;
    return own.slots[at].group != 0;
}

/* Whether a sample of the group is wanted in this epoch; it is counted as one then. */
static bool wants_sample(struct tg_failure_group *entry) {
    uint32_t epoch = TG_LOAD(tg_tracer.recording.header->epoch);
    if (TG_LOAD(entry->sampled_epoch) != epoch) {
        TG_STORE(entry->sampled_epoch, epoch);
        TG_STORE(entry->sampled_count, 0);
    }
    if (TG_LOAD(entry->sampled_count) >= TG_FAILURE_SAMPLES) {
        return false;
    }
    TG_ADD(entry->sampled_count, 1);
    return true;
}

static bool count(struct tg_failure_area *area, uint32_t group) {
    struct tg_failure_group *entry = group_at(area, group);
    int64_t now_ns = tg_clock_wall_ns();
    if (TG_LOAD(entry->count) == 0) {
        TG_STORE(entry->first_wall_ns, now_ns);
    }
    TG_STORE(entry->last_wall_ns, now_ns);
    TG_ADD(entry->count, 1);
    return wants_sample(entry);
}

static enum tg_failure_answer count_locked(uint64_t fingerprint, const struct tg_failure_source *source,
                                           uint32_t *group) {
    struct tg_failure_area *area = find_area();
    uint32_t slot = 0;
    if (!area) {
        return TG_FAILURE_COUNTED;
    }
    if (!find_group(fingerprint, group, &slot)) {
        bool is_full = TG_LOAD(area->group_count) == TG_FAILURE_GROUPS_MAX;
        if (!source && !is_full) {
            return TG_FAILURE_UNKNOWN;
        }
        if (!is_full && add_group(area, source)) {
            *group = TG_LOAD(area->group_count) - 1;
            own.slots[slot].fingerprint = fingerprint;
            own.slots[slot].group = *group + 1;
        }
    }
    return count(area, *group) ? TG_FAILURE_WANTED : TG_FAILURE_COUNTED;
}

enum tg_failure_answer tg_failure_count(uint64_t fingerprint, const struct tg_failure_source *source, uint32_t *group) {
    *group = 0;
    pthread_mutex_lock(&tg_tracer.lock);
    enum tg_failure_answer answer = count_locked(fingerprint, source, group);
    pthread_mutex_unlock(&tg_tracer.lock);
    return answer;
}

static struct tg_failure_chunk *chunk_at(struct tg_failure_area *area, uint32_t chunk) {
    return tg_recording_at(&tg_tracer.recording, TG_LOAD(area->chunks[chunk]));
}

static bool has_room(struct tg_failure_area *area, uint32_t chunk, size_t bytes) {
    return TG_LOAD(chunk_at(area, chunk)->used_bytes) + bytes
           <= TG_FAILURE_CHUNK_BYTES - sizeof(struct tg_failure_chunk);
}

/* A chunk whose samples are all taken; emptied. */
static bool reuse_chunk(struct tg_failure_area *area) {
    uint64_t taken = atomic_load_explicit(&area->taken_serial, memory_order_acquire);
    for (uint32_t i = 0; i < own.chunk_count; i++) {
        struct tg_failure_chunk *chunk = chunk_at(area, i);
        if (TG_LOAD(chunk->last_serial) <= taken && TG_LOAD(chunk->used_bytes) > 0) {
            TG_STORE(chunk->used_bytes, 0);
            atomic_store_explicit(&chunk->reuses, TG_LOAD(chunk->reuses) + 1, memory_order_release);
            atomic_thread_fence(memory_order_release); /* who sees what comes next in it sees that it is another */
            own.chunk = i;
            return true;
        }
    }
    return false;
}

static bool add_chunk(struct tg_failure_area *area) {
    uint32_t place = own.chunk_count < TG_FAILURE_CHUNKS
                         ? tg_recording_reserve(&tg_tracer.recording, TG_FAILURE_CHUNK_BYTES)
                         : TG_PLACE_NONE;
    if (place == TG_PLACE_NONE) {
        return false;
    }
    own.chunk = own.chunk_count++;
    atomic_store_explicit(&area->chunks[own.chunk], place, memory_order_release);
    return true;
}

static void write_sample(struct tg_failure_area *area, size_t bytes, uint32_t group,
                         const struct tg_failure_texts *texts) {
    struct tg_failure_chunk *chunk = chunk_at(area, own.chunk);
    uint32_t used = TG_LOAD(chunk->used_bytes);
    struct tg_failure_sample *sample = (void *)((char *)(chunk + 1) + used);
    uint64_t serial = TG_LOAD(area->serial) + 1;
    char *to = (char *)(sample + 1);
    *sample = (struct tg_failure_sample){
        .bytes = (uint32_t)bytes,
        .group = group,
        .serial = serial,
        .wall_ns = tg_clock_wall_ns(),
        .native_id = (uint64_t)syscall(SYS_gettid),
    };
    for (int i = 0; i < TG_FAILURE_TEXTS; i++) {
        sample->text_bytes[i] = (uint32_t)texts->texts[i].length;
        if (texts->texts[i].length) {
            memcpy(to, texts->texts[i].data, texts->texts[i].length);
        }
        to += texts->texts[i].length;
    }
    atomic_store_explicit(&chunk->last_serial, serial, memory_order_release);
    atomic_store_explicit(&chunk->used_bytes, used + (uint32_t)bytes, memory_order_release);
    atomic_store_explicit(&area->serial, serial, memory_order_release);
}

static void keep_locked(uint32_t group, const struct tg_failure_texts *texts) {
    if (!tg_tracer.open || own.generation != tg_tracer.generation) {
        return; /* there is another recording since it was counted, as in a forked child */
    }
    struct tg_failure_area *area = area_of_recording();
    size_t bytes = sizeof(struct tg_failure_sample);
    for (int i = 0; i < TG_FAILURE_TEXTS; i++) {
        bytes += texts->texts[i].length;
    }
    bytes = (bytes + 7) / 8 * 8;
    bool fits = bytes <= TG_FAILURE_CHUNK_BYTES - sizeof(struct tg_failure_chunk)
                && ((own.chunk_count && has_room(area, own.chunk, bytes)) || reuse_chunk(area) || add_chunk(area));
    if (fits) {
        write_sample(area, bytes, group, texts);
    } else {
        TG_ADD(area->lost_count, 1);
    }
}

void tg_failure_keep(uint32_t group, const struct tg_failure_texts *texts) {
    pthread_mutex_lock(&tg_tracer.lock);
    keep_locked(group, texts);
    pthread_mutex_unlock(&tg_tracer.lock);
}

void tg_failure_take(const struct tg_recording *recording, uint64_t serial) {
    uint32_t place = TG_LOAD(recording->header->failures);
    if (place != TG_PLACE_NONE) {
        struct tg_failure_area *area = tg_recording_at(recording, place);
        atomic_store_explicit(&area->taken_serial, serial, memory_order_release);
    }
}
