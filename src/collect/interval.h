/*
 * interval: turns a recording, whose counters only ever rise, into batches of what is new.
 *
 * `taken` is what all batches so far add up to. To make one: tg_interval_make() looks at the recording and writes the
 * difference into a draft; when the draft's batch is safe (in the spool), tg_interval_accept() adds it to what is
 * taken; a draft that is released instead leaves its calls to the next one. After a restart or for a process that is
 * dead, `taken` is built from the spool by tg_interval_resume().
 *
 * Memory: per function called about 100 bytes and the sparse form of its histogram. Threads: values belong to their
 * owner. Units: nanoseconds.
 */
#ifndef TG_INTERVAL_H
#define TG_INTERVAL_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "collect/event_interval.h"
#include "collect/failure_interval.h"
#include "collect/name_index.h"
#include "measure/clock.h"
#include "record/reader.h"
#include "store/batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of one function's calls, small. */
struct tg_taken {
    uint64_t call_count;
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t cumulative_ns;
    uint64_t self_ns;
    uint64_t active_ns;
    uint64_t minimum_ns; /* UINT64_MAX: no call */
    uint64_t maximum_ns;
    uint8_t *histogram; /* serial form, owned; NULL: empty */
    size_t histogram_bytes;
};

struct tg_interval {
    struct tg_taken *taken; /* by function id of the recording */
    size_t taken_capacity;
    struct tg_batch_quality taken_quality; /* the counts in it that rise */
    uint64_t seq;                          /* of the batch accepted last; 0: none */
    int64_t ended_wall_ns;                 /* its end */
    enum tg_batch_end end;                 /* as it said */
    struct tg_failure_interval failures;
    uint64_t event_serial; /* of the last event in a batch */
};

struct tg_draft_change {
    uint32_t function;
    struct tg_taken taken;
};

/* A batch in the making, and all that it points into beside the recording. */
struct tg_draft {
    struct tg_batch batch;
    struct tg_batch_function *functions;
    struct tg_draft_change *changes; /* what becomes taken, function by function */
    size_t count;
    size_t capacity;
    struct tg_strbuf histograms;
    uint64_t last_end_ticks;
    struct tg_batch_quality taken_quality;
    struct tg_failure_draft failures;
    struct tg_event_draft events;
    char service[128];
    char service_version[64];
    char host[64];
    char program[512];
};

void tg_interval_init(struct tg_interval *interval);
void tg_interval_release(struct tg_interval *interval);

/* Adds a batch (or the sum of some) of the spool to what is taken. Functions that the recording does not know are left
 * out. */
TG_NODISCARD enum tg_status tg_interval_resume(struct tg_interval *interval, const struct tg_name_index *names,
                                               const struct tg_batch *batch, struct tg_error *err);

/* What is new since the batch before, up to `now_monotonic_ns`, or for a dead process (0) up to the end that it
 * told, or of its last call. The batch borrows from the draft and from the view. */
TG_NODISCARD enum tg_status tg_interval_make(struct tg_interval *interval, const struct tg_view *view,
                                             tg_ns now_monotonic_ns, struct tg_draft *draft, struct tg_error *err);
/* Whether nothing has happened that a batch should tell. */
bool tg_draft_is_empty(const struct tg_draft *draft);
void tg_interval_accept(struct tg_interval *interval, struct tg_draft *draft);
void tg_draft_release(struct tg_draft *draft);

/* All that is taken as one batch with the names of the recording, for tg_spool_compact(). */
TG_NODISCARD enum tg_status tg_interval_sum(struct tg_interval *interval, const struct tg_view *view,
                                            struct tg_draft *draft, struct tg_error *err);

#endif
