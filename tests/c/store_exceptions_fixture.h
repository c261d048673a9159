/*
 * What the tests of stored exceptions share: such exceptions in a few words, and questions that must have answers.
 */
#ifndef TG_STORE_EXCEPTIONS_FIXTURE_H
#define TG_STORE_EXCEPTIONS_FIXTURE_H

#include "store_history.h"

/* A kind that happened `count` times, in the first minute of the history. */
static inline struct tg_batch_failure exception_of(const char *function, const char *type, uint64_t fingerprint,
                                                   uint64_t count) {
    return (struct tg_batch_failure){
        .fingerprint = fingerprint,
        .name = history_bytes(function),
        .file = history_bytes("/srv/shop.py"),
        .type = history_bytes(type),
        .count = count,
        .first_wall_ns = HISTORY_BEGIN_NS + 10 * HISTORY_S,
        .last_wall_ns = HISTORY_BEGIN_NS + 50 * HISTORY_S,
    };
}

/* A sample of the batch's kind at `index`. */
static inline struct tg_batch_failure_sample exception_sample(uint32_t index, const char *message, const char *args) {
    return (struct tg_batch_failure_sample){
        .failure = index,
        .wall_ns = HISTORY_BEGIN_NS + 20 * HISTORY_S,
        .native_id = 4711,
        .message = history_bytes(message),
        .traceback = history_bytes("File \"shop.py\", line 3, in f\n"),
        .args = history_bytes(args),
        .kwargs = history_bytes("{}"),
        .rebound = history_bytes("x, y"),
        .thread = history_bytes("worker"),
    };
}

/* A batch of history_batch() without calls, in which these failed. */
static inline struct tg_batch exception_batch(uint8_t number, uint64_t seq, int64_t end_s,
                                              const struct tg_batch_failure *groups, size_t group_count,
                                              const struct tg_batch_failure_sample *samples, size_t sample_count) {
    struct tg_batch batch = history_batch(number, seq, end_s, NULL, 0);
    batch.failures = (struct tg_batch_failures){
        .groups = groups,
        .group_count = group_count,
        .samples = samples,
        .sample_count = sample_count,
    };
    return batch;
}

static inline struct tg_store_exceptions exceptions_of(struct tg_store *store,
                                                       const struct tg_store_selection *selection) {
    struct tg_store_exceptions exceptions;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_exceptions(store, selection, &exceptions, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return exceptions;
}

static inline struct tg_store_exception_points
exception_points_of(struct tg_store *store, const struct tg_store_selection *selection, int64_t id) {
    struct tg_store_exception_points points;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_exception_points(store, selection, id, &points, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return points;
}

static inline struct tg_store_exception_samples exception_samples_of(struct tg_store *store,
                                                                     const struct tg_store_selection *selection,
                                                                     int64_t id, size_t offset, size_t limit) {
    struct tg_store_exception_samples samples;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_exception_samples(store, selection, id, offset, limit, &samples, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return samples;
}

#endif
