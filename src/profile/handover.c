/* handover: see handover.h. */
#include "profile/handover.h"

void tg_handover_init(struct tg_handover *handover, size_t limit_bytes, bool by_line) {
    *handover = (struct tg_handover){.filling = &handover->profiles[0]};
    pthread_mutex_init(&handover->lock, NULL);
    for (size_t i = 0; i < 2; i++) {
        tg_profile_init(&handover->profiles[i], limit_bytes, by_line);
    }
}

void tg_handover_release(struct tg_handover *handover) {
    for (size_t i = 0; i < 2; i++) {
        tg_profile_release(&handover->profiles[i]);
    }
    pthread_mutex_destroy(&handover->lock);
}

void tg_handover_after_fork_in_child(struct tg_handover *handover) {
    size_t limit_bytes = handover->profiles[0].budget.limit_bytes;
    bool by_line = handover->profiles[0].by_line;
    /* The parent's other threads may have been in the middle of either: what they point at is left alone. */
    tg_handover_init(handover, limit_bytes, by_line);
}

/* 0 or 1. */
static size_t number(const struct tg_handover *handover, const struct tg_profile *profile) {
    return (size_t)(profile - handover->profiles);
}

static struct tg_profile *other(struct tg_handover *handover) {
    return &handover->profiles[1 - number(handover, handover->filling)];
}

struct tg_profile *tg_handover_begin(struct tg_handover *handover) {
    pthread_mutex_lock(&handover->lock);
    return handover->filling;
}

void tg_handover_end(struct tg_handover *handover, bool has_looked) {
    handover->look_counts[number(handover, handover->filling)] += has_looked;
    pthread_mutex_unlock(&handover->lock);
}

static bool is_empty(const struct tg_handover *handover, const struct tg_profile *profile) {
    return handover->look_counts[number(handover, profile)] == 0;
}

static void clear(struct tg_handover *handover, struct tg_profile *profile) {
    tg_profile_release(profile);
    handover->look_counts[number(handover, profile)] = 0;
}

/* What was taken comes first, then what came after it; both end in what becomes the taken one. */
static enum tg_status add_taken(struct tg_handover *handover, struct tg_error *err) {
    struct tg_profile *taken = other(handover);
    enum tg_status status = tg_profile_merge(handover->filling, taken, err);
    if (status == TG_OK) {
        handover->look_counts[number(handover, handover->filling)] += handover->look_counts[number(handover, taken)];
        clear(handover, taken);
    }
    return status;
}

enum tg_status tg_handover_take(struct tg_handover *handover, struct tg_profile **profile, uint64_t *look_count,
                                struct tg_error *err) {
    enum tg_status status = TG_OK;
    pthread_mutex_lock(&handover->lock);
    if (!is_empty(handover, other(handover))) {
        status = add_taken(handover, err);
    }
    if (status == TG_OK) {
        handover->filling = other(handover);
    }
    *profile = other(handover);
    *look_count = handover->look_counts[number(handover, *profile)];
    pthread_mutex_unlock(&handover->lock);
    return status;
}

void tg_handover_accept(struct tg_handover *handover) {
    clear(handover, other(handover)); /* without the lock: whoever fills does not touch it */
}
