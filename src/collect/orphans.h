/*
 * orphans: what processes left that ended before all of it was stored: recordings, spools, or both.
 *
 * Any process of the same user may collect them; the lock on the spool decides who does, so that two at a time store
 * each batch once. A recording that is all stored is marked as collected and its spool removed.
 *
 * Threads: values belong to their owner.
 */
#ifndef TG_ORPHANS_H
#define TG_ORPHANS_H

#include "base/attributes.h"
#include "base/error.h"
#include "collect/spool.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of a process that has counted nothing. */
enum tg_orphan_silence {
    TG_ORPHAN_FORGOTTEN, /* as of no run */
    TG_ORPHAN_LEFT,      /* to whoever adds up its run, and knows whether that counted anything */
    TG_ORPHAN_TOLD,      /* it is stored as a process that began and ended: part of a run that did */
};

struct tg_orphan {
    char *recording; /* path, owned; NULL: gone or collected, there is a spool alone */
    char *spool;     /* path of its directory ("": not known), or of the file where there is no recording; owned */
    char *store_url; /* owned */
    uint8_t uuid[16];
    uint8_t run_uuid[16]; /* zero: of no run, or not known */
    enum tg_orphan_silence silence;
};

struct tg_orphans {
    struct tg_orphan *items; /* by store URL */
    size_t count;
    size_t capacity;
};

/* All that the user's ended processes have left in the directories this process knows. Those of a run that counted
 * nothing are to be left, unless the caller knows better. */
TG_NODISCARD enum tg_status tg_orphans_find(struct tg_orphans *orphans, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_orphans_release(struct tg_orphans *orphans);

/* Whether a spool that nobody has open has to stay although all of it is stored: its process lives, or its recording is
 * still to be collected, perhaps by somebody in another container. */
bool tg_orphans_need_spool(const struct tg_spool *spool);

/* Brings one into its store; with a NULL store only into its spool. `stop` (may be NULL): once true, the rest waits on.
 * TG_ERROR_BUSY: somebody else is at it, or it lives. `*stored_count`: batches more that this call has stored. */
TG_NODISCARD enum tg_status tg_orphan_collect(const struct tg_orphan *orphan, struct tg_store *store,
                                              const atomic_bool *stop, size_t *stored_count, struct tg_error *err);

#endif
