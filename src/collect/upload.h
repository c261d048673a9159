/*
 * upload: from a spool into a store, in order, each batch once.
 *
 * A batch is marked in the spool after the store has committed it. A kill in between sends it again, and the store
 * knows it already. Threads: spool and store belong to the calling thread for the time of the call.
 */
#ifndef TG_UPLOAD_H
#define TG_UPLOAD_H

#include "base/attributes.h"
#include "base/error.h"
#include "collect/spool.h"
#include "store/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Stores what waits; `*stored_count` batches more. `stop` (may be NULL): once true, the rest waits on: TG_OK. */
TG_NODISCARD enum tg_status tg_upload(struct tg_spool *spool, struct tg_store *store, const atomic_bool *stop,
                                      size_t *stored_count, struct tg_error *err);

#endif
