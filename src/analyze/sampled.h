/*
 * sampled: what samplers saw in a part of a history, as one profile.
 *
 * A tree that cannot be read is damage and is counted; the others are added up. Memory: at most the caller's limit for
 * the sum, and once more for the one being added; what finds no space is lost, and counted.
 */
#ifndef TG_SAMPLED_H
#define TG_SAMPLED_H

#include "base/attributes.h"
#include "base/error.h"
#include "profile/profile.h"
#include "store/store.h"

#include <stdint.h>

#define TG_SAMPLED_LIMIT_BYTES ((size_t)256 << 20U) /* of whoever has the machine to himself */

struct tg_sampled {
    struct tg_profile profile;
    size_t limit_bytes;
    uint64_t interval_count;     /* in which something was sampled */
    uint64_t without_tree_count; /* of them: their tree did not fit a batch, or nothing was seen */
    uint64_t damaged_count;      /* of them: cannot be read */
    uint64_t look_count;
    uint64_t missed_count;
    uint64_t sample_count;
    uint64_t torn_count;
};

/* Stays where it is read into, as a profile does. Nothing sampled in the selection gives an empty profile. On failure
 * there is nothing to release. */
TG_NODISCARD enum tg_status tg_sampled_read(struct tg_sampled *sampled, struct tg_store *store,
                                            const struct tg_store_selection *selection, size_t limit_bytes,
                                            struct tg_error *err);
/* NULL and a second call are fine. */
void tg_sampled_release(struct tg_sampled *sampled);

#endif
