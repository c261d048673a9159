/*
 * handover: samples on their way from a sampler to whoever keeps them, each given once. The sampler fills one profile;
 * taking it puts an empty one in its place, so the sampler never waits for an encoder or a disk.
 *
 * What was taken stays until it is accepted: taken again before that, it comes with all that was filled since.
 *
 * Threads: one that fills, one that takes. The lock is held for the filling of one tick, or for an exchange.
 */
#ifndef TG_HANDOVER_H
#define TG_HANDOVER_H

#include "base/attributes.h"
#include "base/error.h"
#include "profile/profile.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct tg_handover {
    pthread_mutex_t lock;
    struct tg_profile profiles[2];
    struct tg_profile *filling; /* one of them; the other has been taken, or is empty */
    uint64_t look_counts[2];    /* that the profile of that number is the result of */
};

/* Each of the two profiles takes at most `limit_bytes`. A handover stays where it is initialised. */
void tg_handover_init(struct tg_handover *handover, size_t limit_bytes, bool by_line);
void tg_handover_release(struct tg_handover *handover);
/* In a child: nobody fills, nobody takes, and what was in it is the parent's. */
void tg_handover_after_fork_in_child(struct tg_handover *handover);

/* The profile to add to until tg_handover_end(); that is one more look, unless nothing was looked at. */
struct tg_profile *tg_handover_begin(struct tg_handover *handover);
void tg_handover_end(struct tg_handover *handover, bool has_looked);

/* All that was filled and not accepted, the taker's until tg_handover_accept() or the next call; *look_count is how
 * many looks it took. TG_ERROR_MEMORY: what was taken before could not be added; nothing is lost. */
TG_NODISCARD enum tg_status tg_handover_take(struct tg_handover *handover, struct tg_profile **profile,
                                             uint64_t *look_count, struct tg_error *err);
void tg_handover_accept(struct tg_handover *handover);

#endif
