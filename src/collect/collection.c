/* collection: see collection.h. */
#include "collect/collection.h"

#include <stdio.h>
#include <string.h>

/* A spool below this is left as it is, and one that has not grown to so many times what it was when it was small. */
#define COMPACT_BYTES  (UINT64_C(256) << 10)
#define COMPACT_FACTOR 4

static const struct tg_header *header_of(const struct tg_view *view) {
    return (const struct tg_header *)(const void *)view->base;
}

/* Adds up what the spool has. */
static enum tg_status resume(struct tg_collection *collection, const struct tg_view *view, struct tg_error *err) {
    struct tg_name_index names;
    struct tg_spool_cursor cursor;
    if (collection->spool.last_seq == 0) {
        return TG_OK;
    }
    enum tg_status status = tg_name_index_build(&names, view, err);
    tg_spool_cursor_init(&cursor, &collection->spool, false);
    for (bool found = true; status == TG_OK && found;) {
        struct tg_batch batch;
        status = tg_spool_next(&collection->spool, &cursor, &batch, &found, err);
        if (status == TG_OK && found) {
            status = tg_interval_resume(&collection->interval, &names, &batch, err);
        }
    }
    tg_spool_cursor_release(&cursor);
    tg_name_index_release(&names);
    return status;
}

enum tg_status tg_collection_open(struct tg_collection *collection, const struct tg_view *view, const char *path,
                                  const char *directory, struct tg_error *err) {
    char store_url[sizeof header_of(view)->store_url];
    *collection = (struct tg_collection)TG_COLLECTION_INIT;
    memcpy(collection->uuid, header_of(view)->uuid, sizeof collection->uuid);
    snprintf(store_url, sizeof store_url, "%.*s", (int)sizeof store_url - 1, header_of(view)->store_url);
    struct tg_spool_origin origin = {.store_url = store_url, .recording = path};
    enum tg_status status = tg_spool_open(&collection->spool, directory, collection->uuid, &origin, err);
    if (status != TG_OK) {
        return status;
    }
    tg_interval_init(&collection->interval);
    status = resume(collection, view, err);
    if (status != TG_OK) {
        tg_collection_close(collection);
    }
    return status;
}

bool tg_collection_is_open(const struct tg_collection *collection) {
    return tg_spool_is_open(&collection->spool);
}

void tg_collection_close(struct tg_collection *collection) {
    tg_spool_close(&collection->spool);
    tg_interval_release(&collection->interval);
}

/* An end is told once, and only of a process of which something else was told, unless somebody knows better. */
static bool is_worth_telling(const struct tg_collection *collection, const struct tg_draft *draft,
                             enum tg_batch_end end) {
    bool is_known = collection->interval.seq || collection->tells_silence;
    bool is_news = end != TG_BATCH_GOES_ON && is_known && collection->interval.end == TG_BATCH_GOES_ON;
    return !tg_draft_is_empty(draft) || is_news;
}

enum tg_status tg_collection_look(struct tg_collection *collection, const struct tg_view *view, tg_ns now_monotonic_ns,
                                  enum tg_batch_end end, uint64_t collector_cpu_ns, struct tg_draft *draft,
                                  struct tg_error *err) {
    enum tg_status status = tg_interval_make(&collection->interval, view, now_monotonic_ns, draft, err);
    if (status == TG_OK) {
        draft->batch.end = end;
        draft->batch.quality.collector_cpu_ns = collector_cpu_ns;
    }
    return status;
}

enum tg_status tg_collection_keep(struct tg_collection *collection, struct tg_draft *draft, struct tg_error *err) {
    enum tg_status status = TG_OK;
    if (is_worth_telling(collection, draft, draft->batch.end)) {
        status = tg_spool_append(&collection->spool, &draft->batch, err);
        if (status == TG_OK) {
            tg_interval_accept(&collection->interval, draft);
        }
    }
    tg_draft_release(draft);
    return status;
}

enum tg_status tg_collection_close_interval(struct tg_collection *collection, const struct tg_view *view,
                                            tg_ns now_monotonic_ns, enum tg_batch_end end, uint64_t collector_cpu_ns,
                                            struct tg_error *err) {
    struct tg_draft draft;
    enum tg_status status = tg_collection_look(collection, view, now_monotonic_ns, end, collector_cpu_ns, &draft, err);
    return status == TG_OK ? tg_collection_keep(collection, &draft, err) : status;
}

bool tg_collection_may_compact(const struct tg_collection *collection) {
    uint64_t bytes = collection->spool.end_bytes;
    bool is_large = bytes > collection->spool.bytes_max / 2;
    bool has_grown = bytes >= COMPACT_BYTES && bytes >= collection->compacted_bytes * COMPACT_FACTOR;
    return tg_collection_is_stored(collection) && (has_grown || is_large);
}

enum tg_status tg_collection_sum(struct tg_collection *collection, const struct tg_view *view, struct tg_draft *draft,
                                 struct tg_error *err) {
    return tg_interval_sum(&collection->interval, view, draft, err);
}

enum tg_status tg_collection_compact(struct tg_collection *collection, struct tg_draft *draft, struct tg_error *err) {
    enum tg_status status = tg_spool_compact(&collection->spool, &draft->batch, err);
    if (status == TG_OK) {
        collection->compacted_bytes = collection->spool.end_bytes;
    }
    tg_draft_release(draft);
    return status;
}

bool tg_collection_is_stored(const struct tg_collection *collection) {
    return collection->spool.stored_seq == collection->spool.last_seq;
}
