/*
 * failure_interval: what is new of a recording's exceptions since the last batch, as interval.h has it of calls: counts
 * by group, and the samples after the last that was taken. The samples stay where they are until they are taken, so
 * what a batch has borrowed of them is good until then.
 */
#ifndef TG_FAILURE_INTERVAL_H
#define TG_FAILURE_INTERVAL_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/reader.h"
#include "store/batch.h"

#include <stddef.h>
#include <stdint.h>

struct tg_taken_failure {
    uint64_t fingerprint;
    uint64_t count;
};

struct tg_failure_interval {
    struct tg_taken_failure *taken; /* in the order of the recording's groups, as long as that is the same process */
    size_t count;
    size_t capacity;
    uint64_t serial;
    uint64_t lost_count;
};

/* The part of a batch in the making that is of exceptions. */
struct tg_failure_draft {
    struct tg_batch_failure *groups;
    uint64_t *counts; /* of each, what becomes taken */
    size_t group_count;
    size_t group_capacity;
    struct tg_batch_failure_sample *samples;
    size_t sample_count;
    size_t sample_capacity;
    uint64_t serial;
    uint64_t lost_count; /* what becomes taken */
};

void tg_failure_interval_release(struct tg_failure_interval *interval);
/* Adds what a batch of the spool has. TG_ERROR_MEMORY. */
TG_NODISCARD enum tg_status tg_failure_interval_resume(struct tg_failure_interval *interval,
                                                       const struct tg_batch_failures *failures);
/* What is new; the draft is empty before. TG_ERROR_MEMORY; the draft is to be released then too. */
TG_NODISCARD enum tg_status tg_failure_interval_make(struct tg_failure_interval *interval, const struct tg_view *view,
                                                     struct tg_failure_draft *draft,
                                                     struct tg_batch_failures *failures);
/* All that is taken, without samples. */
TG_NODISCARD enum tg_status tg_failure_interval_sum(struct tg_failure_interval *interval, const struct tg_view *view,
                                                    struct tg_failure_draft *draft, struct tg_batch_failures *failures);
void tg_failure_interval_accept(struct tg_failure_interval *interval, const struct tg_failure_draft *draft);
void tg_failure_draft_release(struct tg_failure_draft *draft);

#endif
