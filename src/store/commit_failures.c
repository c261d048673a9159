/*
 * commit_failures: the exceptions of a batch. See commit.h.
 *
 * Counts are kept for ever, samples are thinned: of each kind an hour keeps the first that were stored of it and the
 * last, in the order of iterations, from all processes together. The first show how it began, the last are what is
 * asked for as the newest while it goes on; what lies between is more of the same. So a kind that never ceases to fail
 * adds no more to a history in a day than 240 samples, which is less than the figures of the function that fails.
 */
#include "store/commit.h"

#include <stdlib.h>

/* No text of a sample is longer, so none is cut: that would be no JSON any more. */
#define SAMPLE_TEXT_BYTES_MAX 60000U

#define FIRST_SAMPLES 5U /* of an hour */
#define LAST_SAMPLES  5U
#define HOUR_NS       INT64_C(3600000000000)

/* A group of the batch, in the history. */
struct stored_group {
    int64_t id;
    bool has_samples; /* in this batch */
};

/* The id of a group, or 0. */
static enum tg_status find_exception(struct tg_store *store, const struct tg_commit_place *place, uint64_t fingerprint,
                                     int64_t *id, struct tg_error *err) {
    const struct tg_sql_value key[] = {tg_value_integer(place->service->id), tg_value_integer((int64_t)fingerprint)};
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    bool found = false;
    enum tg_status status = tg_store_run(store, TG_QUERY_EXCEPTION, key, 2, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTION, &value, 1, &found, err);
    }
    *id = found ? tg_value_to_integer(&value) : 0;
    tg_store_reset(store, TG_QUERY_EXCEPTION);
    return status;
}

static enum tg_status add_exception(struct tg_commit *commit, const struct tg_commit_place *place,
                                    const struct tg_batch_failure *failure, int64_t *id, struct tg_error *err) {
    struct tg_store *store = commit->store;
    int64_t function_id = 0;
    enum tg_status status = tg_commit_function(commit, place, failure->name, failure->file, &function_id, err);
    if (status != TG_OK) {
        return status;
    }
    const struct tg_sql_value parameters[] = {
        tg_value_integer(place->service->id),
        tg_value_integer((int64_t)failure->fingerprint),
        tg_value_integer(function_id),
        tg_value_text(tg_store_clean_text(failure->type, TG_STORE_TEXT_BYTES_MAX, &commit->text)),
        tg_value_integer(failure->first_wall_ns),
        tg_value_integer(failure->last_wall_ns),
    };
    status = tg_store_run(store, TG_QUERY_ADD_EXCEPTION, parameters, 6, err);
    *id = store->driver->last_id(store->sql);
    return status;
}

/* The row of the group, and how often it happened in the interval. */
static enum tg_status add_group(struct tg_commit *commit, const struct tg_commit_place *place,
                                const struct tg_batch_failure *failure, int64_t *id, struct tg_error *err) {
    struct tg_store *store = commit->store;
    enum tg_status status = find_exception(store, place, failure->fingerprint, id, err);
    if (status == TG_OK && *id == 0) {
        status = add_exception(commit, place, failure, id, err);
    } else if (status == TG_OK) {
        const struct tg_sql_value first = tg_value_integer(failure->first_wall_ns);
        const struct tg_sql_value last = tg_value_integer(failure->last_wall_ns);
        const struct tg_sql_value extent[] = {first, first, last, last, tg_value_integer(*id)};
        status = tg_store_run(store, TG_QUERY_SET_EXCEPTION, extent, 5, err);
    }
    const struct tg_sql_value count[] = {
        tg_value_integer(place->service->id), tg_value_integer(*id),           tg_value_integer(place->iteration),
        tg_value_integer(place->interval_id), tg_value_figure(failure->count),
    };
    return status == TG_OK && failure->count > 0 ? tg_store_run(store, TG_QUERY_ADD_EXCEPTION_COUNT, count, 5, err)
                                                 : status;
}

static enum tg_status add_sample(struct tg_commit *commit, const struct tg_commit_place *place, int64_t exception_id,
                                 const struct tg_batch_failure_sample *sample, struct tg_error *err) {
    const struct tg_bytes given[] = {sample->thread, sample->message, sample->traceback,
                                     sample->args,   sample->kwargs,  sample->rebound};
    enum { TEXTS = sizeof given / sizeof given[0] };
    struct tg_strbuf buffers[TEXTS];
    struct tg_sql_value parameters[6 + TEXTS] = {
        tg_value_integer(place->service->id), tg_value_integer(exception_id),    tg_value_integer(place->iteration),
        tg_value_integer(place->interval_id), tg_value_integer(sample->wall_ns), tg_value_figure(sample->native_id),
    };
    for (int i = 0; i < TEXTS; i++) {
        tg_strbuf_init(&buffers[i]);
        parameters[6 + i] = tg_value_text(tg_store_clean_text(given[i], SAMPLE_TEXT_BYTES_MAX, &buffers[i]));
    }
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_ADD_EXCEPTION_SAMPLE, parameters, 6 + TEXTS, err);
    for (int i = 0; i < TEXTS; i++) {
        tg_strbuf_release(&buffers[i]);
    }
    return status;
}

static enum tg_status add_loss(struct tg_commit *commit, const struct tg_commit_place *place, uint64_t lost_count,
                               struct tg_error *err) {
    const struct tg_sql_value parameters[] = {
        tg_value_integer(place->service->id),
        tg_value_integer(place->iteration),
        tg_value_integer(place->interval_id),
        tg_value_figure(lost_count),
    };
    return lost_count ? tg_store_run(commit->store, TG_QUERY_ADD_EXCEPTION_LOSS, parameters, 4, err) : TG_OK;
}

static int64_t divide_up(int64_t a, int64_t b) {
    return a / b + (a % b > 0);
}

/* The iterations whose slots begin in the hour that the batch's slot begins in. An interval longer than that is an hour
 * by itself. */
static void find_hour(const struct tg_commit_place *place, int64_t *first, int64_t *last) {
    int64_t base_ns = place->service->base_interval_ns;
    int64_t begin_ns = place->slot * base_ns / HOUR_NS * HOUR_NS;
    *first = divide_up(begin_ns, base_ns) - place->service->first_slot;
    *last = divide_up(begin_ns + HOUR_NS, base_ns) - 1 - place->service->first_slot;
}

/* The samples of the group in that hour, by their age; owned by the caller. */
static enum tg_status read_hour(struct tg_commit *commit, const struct tg_commit_place *place, int64_t exception_id,
                                struct tg_sql_value **ids, size_t *count, struct tg_error *err) {
    struct tg_sql_value hour[] = {tg_value_integer(exception_id), tg_value_integer(0), tg_value_integer(0)};
    struct tg_sql_value id;
    bool found = false;
    find_hour(place, &hour[1].integer, &hour[2].integer);
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_SAMPLES_OF_EXCEPTION, hour, 3, err);
    while (status == TG_OK) {
        status = tg_store_fetch(commit->store, TG_QUERY_SAMPLES_OF_EXCEPTION, &id, 1, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        struct tg_sql_value *more = tg_store_grow(*ids, *count, sizeof **ids);
        if (!more) {
            status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to store a batch");
            break;
        }
        *ids = more;
        more[(*count)++] = tg_value_integer(tg_value_to_integer(&id));
    }
    tg_store_reset(commit->store, TG_QUERY_SAMPLES_OF_EXCEPTION);
    return status;
}

static enum tg_status thin_hour(struct tg_commit *commit, const struct tg_commit_place *place, int64_t exception_id,
                                struct tg_error *err) {
    struct tg_sql_value *ids = NULL;
    size_t count = 0;
    enum tg_status status = read_hour(commit, place, exception_id, &ids, &count, err);
    if (status == TG_OK && count > FIRST_SAMPLES + LAST_SAMPLES) {
        status = tg_store_run_rows(commit->store, TG_QUERY_REMOVE_EXCEPTION_SAMPLE, ids + FIRST_SAMPLES, 1,
                                   count - FIRST_SAMPLES - LAST_SAMPLES, err);
    }
    free(ids);
    return status;
}

enum tg_status tg_commit_add_failures(struct tg_commit *commit, const struct tg_commit_place *place,
                                      const struct tg_batch_failures *failures, struct tg_error *err) {
    struct stored_group *groups = calloc(failures->group_count + 1, sizeof *groups);
    if (!groups) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to store a batch");
    }
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < failures->group_count && status == TG_OK; i++) {
        status = add_group(commit, place, &failures->groups[i], &groups[i].id, err);
    }
    for (size_t i = 0; i < failures->sample_count && status == TG_OK; i++) {
        struct stored_group *group = &groups[failures->samples[i].failure];
        group->has_samples = true;
        status = add_sample(commit, place, group->id, &failures->samples[i], err);
    }
    for (size_t i = 0; i < failures->group_count && status == TG_OK; i++) {
        status = groups[i].has_samples ? thin_hour(commit, place, groups[i].id, err) : TG_OK;
    }
    free(groups);
    return status == TG_OK ? add_loss(commit, place, failures->lost_count, err) : status;
}
