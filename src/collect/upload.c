/* upload: see upload.h. */
#include "collect/upload.h"

static enum tg_status store_one(struct tg_spool *spool, struct tg_store *store, const struct tg_spool_cursor *cursor,
                                const struct tg_batch *batch, size_t *stored_count, struct tg_error *err) {
    struct tg_store_commit result;
    enum tg_status status = tg_store_commit(store, batch, 1, &result, err);
    *stored_count += status == TG_OK ? result.stored_count : 0;
    return status == TG_OK ? tg_spool_mark_stored(spool, batch->seq, cursor->at_bytes, err) : status;
}

enum tg_status tg_upload(struct tg_spool *spool, struct tg_store *store, const atomic_bool *stop, size_t *stored_count,
                         struct tg_error *err) {
    struct tg_spool_cursor cursor;
    enum tg_status status = TG_OK;
    tg_spool_cursor_init(&cursor, spool, true);
    while (!stop || !atomic_load(stop)) {
        struct tg_batch batch;
        bool found;
        status = tg_spool_next(spool, &cursor, &batch, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        if (cursor.kind == TG_SPOOL_BATCH && batch.seq > spool->stored_seq) {
            status = store_one(spool, store, &cursor, &batch, stored_count, err);
        }
        if (status != TG_OK) {
            break;
        }
    }
    tg_spool_cursor_release(&cursor);
    return status;
}
