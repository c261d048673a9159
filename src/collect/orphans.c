/* orphans: see orphans.h. */
#include "collect/orphans.h"

#include "collect/collection.h"
#include "record/catalog.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STAY_SECONDS 604800 /* a week */

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list what ended processes left");
}

void tg_orphans_release(struct tg_orphans *orphans) {
    if (!orphans) {
        return;
    }
    for (size_t i = 0; i < orphans->count; i++) {
        free(orphans->items[i].recording);
        free(orphans->items[i].spool);
        free(orphans->items[i].store_url);
    }
    free(orphans->items);
    *orphans = (struct tg_orphans){.items = NULL};
}

/* A new last one with copies of the texts; `recording` may be NULL. */
static struct tg_orphan *add(struct tg_orphans *orphans, const char *recording, const char *spool,
                             const char *store_url) {
    if (orphans->count == orphans->capacity) {
        size_t capacity = orphans->capacity ? orphans->capacity * 2 : 16;
        struct tg_orphan *items = realloc(orphans->items, capacity * sizeof *items);
        if (!items) {
            return NULL;
        }
        orphans->items = items;
        orphans->capacity = capacity;
    }
    struct tg_orphan *orphan = &orphans->items[orphans->count];
    *orphan = (struct tg_orphan){
        .recording = recording ? strdup(recording) : NULL,
        .spool = strdup(spool),
        .store_url = strdup(store_url),
    };
    orphans->count++; /* releasing it is right from here on */
    return orphan->spool && orphan->store_url && (!recording || orphan->recording) ? orphan : NULL;
}

static void set_run(struct tg_orphan *orphan, const uint8_t run_uuid[16]) {
    static const uint8_t none[16];
    memcpy(orphan->run_uuid, run_uuid, sizeof orphan->run_uuid);
    orphan->silence = memcmp(run_uuid, none, sizeof none) == 0 ? TG_ORPHAN_FORGOTTEN : TG_ORPHAN_LEFT;
}

/* Whether a recording of a dead process still has to be collected. */
static bool is_due(const struct tg_header *header, bool alive) {
    return !alive && header->store_url[0] && header->interval_ns > 0
           && !atomic_load_explicit(&header->collected, memory_order_relaxed);
}

static enum tg_status find_recordings(struct tg_orphans *orphans, struct tg_error *err) {
    struct tg_catalog catalog;
    enum tg_status status = tg_catalog_read(&catalog, 0, err);
    for (size_t i = 0; status == TG_OK && i < catalog.count; i++) {
        struct tg_header header;
        bool alive;
        if (catalog.entries[i].alive || tg_reader_peek(catalog.entries[i].path, &header, &alive) != TG_OK
            || !is_due(&header, alive)) {
            continue;
        }
        char directory[sizeof header.spool];
        header.store_url[sizeof header.store_url - 1] = '\0';
        header.spool[sizeof header.spool - 1] = '\0';
        snprintf(directory, sizeof directory, "%s", header.spool);
        struct tg_orphan *orphan = add(orphans, catalog.entries[i].path, directory, header.store_url);
        if (!orphan) {
            status = no_memory(err);
            break;
        }
        memcpy(orphan->uuid, header.uuid, sizeof orphan->uuid);
        set_run(orphan, header.run_uuid);
    }
    tg_catalog_release(&catalog);
    return status;
}

static bool is_known(const struct tg_orphans *orphans, const uint8_t uuid[16]) {
    for (size_t i = 0; i < orphans->count; i++) {
        if (memcmp(orphans->items[i].uuid, uuid, sizeof orphans->items[i].uuid) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_suffix(const char *name) {
    size_t length = strlen(name);
    size_t suffix = strlen(TG_SPOOL_SUFFIX);
    return length > suffix && strcmp(name + length - suffix, TG_SPOOL_SUFFIX) == 0;
}

enum remains {
    LIVES,
    DUE,
    FINISHED,
    OUT_OF_SIGHT, /* gone, or not to be seen from here: in another container, for one */
};

/* What there is beside a spool that was free: the process may have ended after recordings were listed. */
static enum remains remains_beside(const struct tg_spool *spool, struct tg_header *header) {
    bool alive;
    if (!spool->recording[0] || tg_reader_peek(spool->recording, header, &alive) != TG_OK
        || memcmp(header->uuid, spool->uuid, sizeof header->uuid) != 0) {
        return OUT_OF_SIGHT;
    }
    if (alive) {
        return LIVES;
    }
    return is_due(header, alive) ? DUE : FINISHED;
}

/* Whether a spool has to stay when all of it is stored: a recording out of sight may still be collected by others, who
 * then have to know how far it is stored. */
static bool has_to_stay(const struct tg_spool *spool, enum remains remains) {
    struct stat info;
    bool is_old = stat(spool->path, &info) == 0 && time(NULL) - info.st_mtime >= STAY_SECONDS;
    return remains != FINISHED && !(remains == OUT_OF_SIGHT && (is_old || !spool->recording[0]));
}

bool tg_orphans_need_spool(const struct tg_spool *spool) {
    struct tg_header header;
    return has_to_stay(spool, remains_beside(spool, &header));
}

/* Opened anew, for nobody had its lock. */
static void remove_stored(const char *path) {
    struct tg_spool spool;
    if (tg_spool_open_file(&spool, path, NULL) == TG_OK) {
        if (spool.stored_seq == spool.last_seq) {
            tg_spool_remove(&spool);
        }
        tg_spool_close(&spool);
    }
}

/* `due`: the header of its recording, or NULL for a spool alone. */
static enum tg_status add_found(struct tg_orphans *orphans, const struct tg_spool *spool, const struct tg_header *due,
                                struct tg_error *err) {
    char place[TG_SPOOL_PATH_SIZE];
    snprintf(place, sizeof place, "%s", spool->path);
    if (due) {
        *strrchr(place, '/') = '\0'; /* its directory */
    }
    struct tg_orphan *orphan = add(orphans, due ? spool->recording : NULL, place, spool->store_url);
    if (!orphan) {
        return no_memory(err);
    }
    memcpy(orphan->uuid, spool->uuid, sizeof orphan->uuid);
    if (due) {
        set_run(orphan, due->run_uuid);
    }
    return TG_OK;
}

static enum tg_status add_spool(struct tg_orphans *orphans, const char *path, struct tg_error *err) {
    struct tg_spool spool;
    struct tg_header header;
    if (tg_spool_peek(&spool, path, NULL) != TG_OK || is_known(orphans, spool.uuid)) {
        return TG_OK; /* in use, or no spool; or its recording has been listed */
    }
    enum remains remains = remains_beside(&spool, &header);
    if (remains == DUE || (remains != LIVES && spool.stored_seq != spool.last_seq)) {
        return add_found(orphans, &spool, remains == DUE ? &header : NULL, err);
    }
    if (!has_to_stay(&spool, remains)) {
        remove_stored(path);
    }
    return TG_OK;
}

static enum tg_status find_spools(struct tg_orphans *orphans, const char *directory, struct tg_error *err) {
    DIR *open_directory = opendir(directory);
    const struct dirent *entry;
    enum tg_status status = TG_OK;
    while (status == TG_OK && open_directory && (entry = readdir(open_directory))) {
        char path[TG_SPOOL_PATH_SIZE];
        int length = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (has_suffix(entry->d_name) && length > 0 && (size_t)length < sizeof path) {
            status = add_spool(orphans, path, err);
        }
    }
    if (open_directory) {
        closedir(open_directory);
    }
    return status;
}

static int by_store(const void *one, const void *other) {
    const struct tg_orphan *a = one;
    const struct tg_orphan *b = other;
    int order = strcmp(a->store_url, b->store_url);
    return order ? order : memcmp(a->uuid, b->uuid, sizeof a->uuid);
}

enum tg_status tg_orphans_find(struct tg_orphans *orphans, struct tg_error *err) {
    char own[TG_SPOOL_PATH_SIZE];
    *orphans = (struct tg_orphans){.items = NULL};
    enum tg_status status = find_recordings(orphans, err);
    size_t recording_count = orphans->count;
    if (status == TG_OK && tg_spool_find_directory(own, sizeof own, NULL) == TG_OK) {
        status = find_spools(orphans, own, err);
    } else {
        own[0] = '\0';
    }
    for (size_t i = 0; status == TG_OK && i < recording_count; i++) {
        const char *directory = orphans->items[i].spool;
        if (strcmp(directory, own) != 0 && (i == 0 || strcmp(directory, orphans->items[i - 1].spool) != 0)) {
            status = find_spools(orphans, directory, err);
        }
    }
    if (status != TG_OK) {
        tg_orphans_release(orphans);
    } else if (orphans->count) {
        qsort(orphans->items, orphans->count, sizeof *orphans->items, by_store);
    }
    return status;
}

/* The header of a recording to write to, or NULL. */
static struct tg_header *map_header(const char *path) {
    struct tg_header *header = NULL;
    struct stat info;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size >= TG_HEADER_BYTES) {
        void *mapping = mmap(NULL, TG_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        header = mapping == MAP_FAILED ? NULL : mapping;
    }
    if (fd >= 0) {
        close(fd);
    }
    return header;
}

static void mark_collected(const char *path) {
    struct tg_header *header = map_header(path);
    if (header) {
        atomic_store_explicit(&header->collected, 1, memory_order_release);
        munmap(header, TG_HEADER_BYTES);
    }
}

/* What was not in the spool that was there before is taken for all that the recording has. Where the store knows the
 * process's first interval, that is not so: the spool that told how much of it is stored has been lost. */
static enum tg_status refuse_lost_spool(const struct tg_orphan *orphan, struct tg_collection *collection,
                                        struct tg_error *err) {
    tg_spool_remove(&collection->spool);
    return tg_error_set(
        err, TG_ERROR_NOT_FOUND,
        "the file that told how much of \"%s\" is stored is gone from \"%s\", and with it what waited "
        "there; 'tachograph report' shows what that recording has, and clean --discard-waiting gives it "
        "up",
        orphan->recording, orphan->spool);
}

/* Into which store, until when, and how much of it was stored. */
struct storing {
    struct tg_store *store; /* NULL: into none */
    const atomic_bool *stop;
    size_t stored_count;
};

static enum tg_status store_spool(struct tg_spool *spool, struct storing *storing, struct tg_error *err) {
    return storing->store ? tg_upload(spool, storing->store, storing->stop, &storing->stored_count, err) : TG_OK;
}

/* A spool whose recording is out of sight, or was collected by a process that then was killed. */
static enum tg_status collect_spool(const struct tg_orphan *orphan, struct storing *storing, struct tg_error *err) {
    struct tg_spool spool;
    struct tg_header header;
    enum tg_status status = tg_spool_open_file(&spool, orphan->spool, err);
    if (status != TG_OK) {
        return status;
    }
    status = store_spool(&spool, storing, err);
    if (status == TG_OK && spool.stored_seq == spool.last_seq
        && !has_to_stay(&spool, remains_beside(&spool, &header))) {
        tg_spool_remove(&spool);
    }
    tg_spool_close(&spool);
    return status;
}

static enum tg_status collect_recording(const struct tg_orphan *orphan, const struct tg_reader *reader,
                                        struct storing *storing, struct tg_error *err) {
    struct tg_collection collection;
    char directory[TG_SPOOL_PATH_SIZE];
    snprintf(directory, sizeof directory, "%s", orphan->spool);
    enum tg_status status = directory[0] ? TG_OK : tg_spool_directory(directory, sizeof directory, NULL, err);
    if (status == TG_OK) {
        status = tg_collection_open(&collection, &reader->view, orphan->recording, directory, err);
    }
    if (status != TG_OK) {
        return status; /* it stays where it is until there is a place for a spool */
    }
    /* With the spool's lock held, so that nobody else is at it: somebody may have finished it a moment before. */
    struct tg_header header;
    enum remains remains = remains_beside(&collection.spool, &header);
    if (remains != DUE) {
        if (remains == FINISHED
            && tg_collection_is_stored(&collection)) { /* made by this very opening, or left by who finished it */
            tg_spool_remove(&collection.spool);
        }
        tg_collection_close(&collection);
        return tg_error_set(err, TG_ERROR_BUSY, "the recording \"%s\" has been collected meanwhile", orphan->recording);
    }
    bool told = atomic_load_explicit(&header.told_end, memory_order_relaxed) != 0;
    bool was_empty = collection.spool.last_seq == 0;
    size_t stored_before = storing->stored_count;
    collection.tells_silence = orphan->silence == TG_ORPHAN_TOLD;
    status =
        tg_collection_close_interval(&collection, &reader->view, 0, told ? TG_BATCH_ENDED : TG_BATCH_FOUND, 0, err);
    if (status == TG_OK) {
        status = store_spool(&collection.spool, storing, err);
    }
    bool is_stored = tg_collection_is_stored(&collection);
    bool was_known = collection.spool.last_seq > 0 && storing->stored_count == stored_before;
    if (status == TG_OK && is_stored && was_empty && was_known) {
        status = refuse_lost_spool(orphan, &collection, err);
    } else if (status == TG_OK && is_stored) {
        if (collection.interval.seq > 0 || orphan->silence != TG_ORPHAN_LEFT) {
            mark_collected(orphan->recording);
        }
        tg_spool_remove(&collection.spool);
    }
    tg_collection_close(&collection);
    return status;
}

static enum tg_status collect_ended(const struct tg_orphan *orphan, struct storing *storing, struct tg_error *err) {
    struct tg_reader reader;
    enum tg_status status = tg_reader_open(&reader, orphan->recording, err);
    if (status != TG_OK) {
        return status;
    }
    status = reader.alive ? tg_error_set(err, TG_ERROR_BUSY, "the process of \"%s\" lives", orphan->recording)
                          : collect_recording(orphan, &reader, storing, err);
    tg_reader_close(&reader);
    return status;
}

enum tg_status tg_orphan_collect(const struct tg_orphan *orphan, struct tg_store *store, const atomic_bool *stop,
                                 size_t *stored_count, struct tg_error *err) {
    struct storing storing = {.store = store, .stop = stop};
    enum tg_status status =
        orphan->recording ? collect_ended(orphan, &storing, err) : collect_spool(orphan, &storing, err);
    *stored_count += storing.stored_count;
    return status;
}
