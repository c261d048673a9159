/* failure_interval: see failure_interval.h. */
#include "collect/failure_interval.h"

#include "record/failures.h"

#include <stdlib.h>

#define FIRST_CAPACITY 16

void tg_failure_interval_release(struct tg_failure_interval *interval) {
    free(interval->taken);
    *interval = (struct tg_failure_interval){.taken = NULL};
}

void tg_failure_draft_release(struct tg_failure_draft *draft) {
    free(draft->groups);
    free(draft->counts);
    free(draft->samples);
    *draft = (struct tg_failure_draft){.groups = NULL};
}

static uint64_t minus(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

/* What is taken of a group, which is probably `hint`th; NULL: there is no memory to remember it. */
static struct tg_taken_failure *need_taken(struct tg_failure_interval *interval, uint64_t fingerprint, size_t hint) {
    if (hint < interval->count && interval->taken[hint].fingerprint == fingerprint) {
        return &interval->taken[hint];
    }
    for (size_t i = 0; i < interval->count; i++) {
        if (interval->taken[i].fingerprint == fingerprint) {
            return &interval->taken[i];
        }
    }
    if (interval->count == interval->capacity) {
        size_t capacity = interval->capacity ? interval->capacity * 2 : FIRST_CAPACITY;
        struct tg_taken_failure *taken = realloc(interval->taken, capacity * sizeof *taken);
        if (!taken) {
            return NULL;
        }
        interval->taken = taken;
        interval->capacity = capacity;
    }
    interval->taken[interval->count] = (struct tg_taken_failure){.fingerprint = fingerprint};
    return &interval->taken[interval->count++];
}

enum tg_status tg_failure_interval_resume(struct tg_failure_interval *interval,
                                          const struct tg_batch_failures *failures) {
    for (size_t i = 0; i < failures->group_count; i++) {
        struct tg_taken_failure *taken = need_taken(interval, failures->groups[i].fingerprint, i);
        if (!taken) {
            return TG_ERROR_MEMORY;
        }
        taken->count += failures->groups[i].count;
    }
    interval->serial = failures->serial > interval->serial ? failures->serial : interval->serial;
    interval->lost_count += failures->lost_count;
    return TG_OK;
}

static bool make_room_for_group(struct tg_failure_draft *draft) {
    if (draft->group_count < draft->group_capacity) {
        return true;
    }
    size_t capacity = draft->group_capacity ? draft->group_capacity * 2 : FIRST_CAPACITY;
    struct tg_batch_failure *groups = realloc(draft->groups, capacity * sizeof *groups);
    draft->groups = groups ? groups : draft->groups;
    uint64_t *counts = realloc(draft->counts, capacity * sizeof *counts);
    draft->counts = counts ? counts : draft->counts;
    draft->group_capacity = groups && counts ? capacity : draft->group_capacity;
    return groups && counts;
}

static struct tg_bytes bytes_of(struct tg_failure_bytes text) {
    return (struct tg_bytes){.data = text.data, .length = text.length};
}

static enum tg_status add_group(struct tg_failure_draft *draft, const struct tg_failure_row *row, uint64_t count) {
    if (!make_room_for_group(draft)) {
        return TG_ERROR_MEMORY;
    }
    draft->counts[draft->group_count] = row->count;
    draft->groups[draft->group_count++] = (struct tg_batch_failure){
        .fingerprint = row->fingerprint,
        .name = bytes_of(row->name),
        .file = bytes_of(row->file),
        .type = bytes_of(row->type),
        .count = count,
        .first_wall_ns = row->first_wall_ns,
        .last_wall_ns = row->last_wall_ns,
    };
    return TG_OK;
}

/* The place of a group in the draft, where it is put without a count if it is not there. */
static enum tg_status find_group(struct tg_failure_draft *draft, const struct tg_failures *failures, uint32_t group,
                                 uint32_t *index) {
    struct tg_failure_row row;
    if (!tg_failures_group(failures, group, &row)) {
        return TG_ERROR_NOT_FOUND;
    }
    for (size_t i = 0; i < draft->group_count; i++) {
        if (draft->groups[i].fingerprint == row.fingerprint) {
            *index = (uint32_t)i;
            return TG_OK;
        }
    }
    *index = (uint32_t)draft->group_count;
    enum tg_status status = add_group(draft, &row, 0);
    if (status == TG_OK) {
        draft->counts[*index] = 0; /* what it has counted meanwhile is for the next batch */
    }
    return status;
}

static enum tg_status add_sample(struct tg_failure_draft *draft, const struct tg_failures *failures,
                                 const struct tg_failure_sample_row *row) {
    uint32_t group = 0;
    enum tg_status status = find_group(draft, failures, row->group, &group);
    if (status != TG_OK) {
        return status == TG_ERROR_NOT_FOUND ? TG_OK : status; /* of a damaged recording */
    }
    if (draft->sample_count == draft->sample_capacity) {
        size_t capacity = draft->sample_capacity ? draft->sample_capacity * 2 : FIRST_CAPACITY;
        struct tg_batch_failure_sample *samples = realloc(draft->samples, capacity * sizeof *samples);
        if (!samples) {
            return TG_ERROR_MEMORY;
        }
        draft->samples = samples;
        draft->sample_capacity = capacity;
    }
    draft->samples[draft->sample_count++] = (struct tg_batch_failure_sample){
        .failure = group,
        .wall_ns = row->wall_ns,
        .native_id = row->native_id,
        .message = bytes_of(row->texts[TG_FAILURE_MESSAGE]),
        .traceback = bytes_of(row->texts[TG_FAILURE_TRACEBACK]),
        .args = bytes_of(row->texts[TG_FAILURE_ARGS]),
        .kwargs = bytes_of(row->texts[TG_FAILURE_KWARGS]),
        .rebound = bytes_of(row->texts[TG_FAILURE_REBOUND]),
        .thread = bytes_of(row->texts[TG_FAILURE_THREAD]),
    };
    return TG_OK;
}

static int by_time(const void *one, const void *other) {
    const struct tg_batch_failure_sample *a = one;
    const struct tg_batch_failure_sample *b = other;
    return (a->wall_ns > b->wall_ns) - (a->wall_ns < b->wall_ns);
}

static void complete(const struct tg_failure_draft *draft, struct tg_batch_failures *failures) {
    *failures = (struct tg_batch_failures){
        .groups = draft->groups,
        .group_count = draft->group_count,
        .samples = draft->samples,
        .sample_count = draft->sample_count,
        .serial = draft->serial,
    };
}

enum tg_status tg_failure_interval_make(struct tg_failure_interval *interval, const struct tg_view *view,
                                        struct tg_failure_draft *draft, struct tg_batch_failures *batch) {
    struct tg_failures failures;
    struct tg_failure_row row;
    struct tg_failure_sample_row sample;
    enum tg_status status = TG_OK;
    tg_failures_open(&failures, view);
    for (uint32_t i = 0; i < failures.group_count && status == TG_OK; i++) {
        if (!tg_failures_group(&failures, i, &row)) {
            continue;
        }
        const struct tg_taken_failure *taken = need_taken(interval, row.fingerprint, i); /* so accepting cannot fail */
        if (!taken || row.count > taken->count) {
            status = taken ? add_group(draft, &row, row.count - taken->count) : TG_ERROR_MEMORY;
        }
    }
    struct tg_failure_cursor cursor = {.after_serial = interval->serial};
    while (status == TG_OK && tg_failures_next(&failures, &cursor, &sample)) {
        status = add_sample(draft, &failures, &sample);
    }
    if (draft->sample_count > 1) { /* the walk has no order; a store's newest is the one that it got last */
        qsort(draft->samples, draft->sample_count, sizeof *draft->samples, by_time);
    }
    draft->serial = failures.serial > interval->serial ? failures.serial : interval->serial;
    draft->lost_count = failures.lost_count;
    complete(draft, batch);
    batch->lost_count = minus(failures.lost_count, interval->lost_count);
    return status;
}

enum tg_status tg_failure_interval_sum(struct tg_failure_interval *interval, const struct tg_view *view,
                                       struct tg_failure_draft *draft, struct tg_batch_failures *batch) {
    struct tg_failures failures;
    struct tg_failure_row row;
    enum tg_status status = TG_OK;
    tg_failures_open(&failures, view);
    for (uint32_t i = 0; i < failures.group_count && status == TG_OK; i++) {
        const struct tg_taken_failure *taken =
            tg_failures_group(&failures, i, &row) ? need_taken(interval, row.fingerprint, i) : NULL;
        if (taken && taken->count > 0) {
            status = add_group(draft, &row, taken->count);
        }
    }
    draft->serial = interval->serial;
    complete(draft, batch);
    batch->lost_count = interval->lost_count;
    return status;
}

void tg_failure_interval_accept(struct tg_failure_interval *interval, const struct tg_failure_draft *draft) {
    for (size_t i = 0; i < draft->group_count; i++) {
        struct tg_taken_failure *taken = need_taken(interval, draft->groups[i].fingerprint, i);
        if (taken && draft->counts[i] > taken->count) {
            taken->count = draft->counts[i];
        }
    }
    interval->serial = draft->serial;
    interval->lost_count = draft->lost_count;
}
