/*
 * collection: what collecting one process needs, whether it is this one or one that has died: its spool and how far it
 * has been collected.
 *
 * Usage: open with a view of the recording, then close intervals as often as wanted, upload, close. Opening reads the
 * spool, so whoever opens goes on where the one before stopped. Threads: belongs to one thread.
 */
#ifndef TG_COLLECTION_H
#define TG_COLLECTION_H

#include "base/attributes.h"
#include "base/error.h"
#include "collect/interval.h"
#include "collect/spool.h"
#include "collect/upload.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_collection {
    uint8_t uuid[16];
    struct tg_spool spool;
    struct tg_interval interval;
    bool tells_silence;       /* its end is worth telling also when nothing else was */
    uint64_t compacted_bytes; /* of the spool, when it was made small the last time */
};

#define TG_COLLECTION_INIT                                                                                             \
    { .spool = TG_SPOOL_INIT }

/* Opens the spool in `directory` of the process whose recording is viewed and lies at `path`, making it where it is
 * missing. Statuses of tg_spool_open(). */
TG_NODISCARD enum tg_status tg_collection_open(struct tg_collection *collection, const struct tg_view *view,
                                               const char *path, const char *directory, struct tg_error *err);
bool tg_collection_is_open(const struct tg_collection *collection);
/* Keeps the spool's file. A second call is fine. */
void tg_collection_close(struct tg_collection *collection);

/* Closes the interval that runs: what is new becomes a batch in the spool. `now_monotonic_ns` as in tg_interval_make().
 * `end` says whether this is the process's last batch; unless it is, an interval in which nothing happened is none. On
 * failure the interval goes on. */
TG_NODISCARD enum tg_status tg_collection_close_interval(struct tg_collection *collection, const struct tg_view *view,
                                                         tg_ns now_monotonic_ns, enum tg_batch_end end,
                                                         uint64_t collector_cpu_ns, struct tg_error *err);

/* The same in two steps: the look, for which the recording must stay as it is, and what may wait for a disk. The draft
 * borrows names from the view; keeping it releases it. */
TG_NODISCARD enum tg_status tg_collection_look(struct tg_collection *collection, const struct tg_view *view,
                                               tg_ns now_monotonic_ns, enum tg_batch_end end, uint64_t collector_cpu_ns,
                                               struct tg_draft *draft, struct tg_error *err);
TG_NODISCARD enum tg_status tg_collection_keep(struct tg_collection *collection, struct tg_draft *draft,
                                               struct tg_error *err);

/* Whether the spool has grown, all of it is stored, and it may be made small again: by the sum of all, in two steps as
 * above. */
bool tg_collection_may_compact(const struct tg_collection *collection);
TG_NODISCARD enum tg_status tg_collection_sum(struct tg_collection *collection, const struct tg_view *view,
                                              struct tg_draft *draft, struct tg_error *err);
TG_NODISCARD enum tg_status tg_collection_compact(struct tg_collection *collection, struct tg_draft *draft,
                                                  struct tg_error *err);

/* All batches so far are stored. */
bool tg_collection_is_stored(const struct tg_collection *collection);

#endif
