/* commit: see commit.h. */
#include "store/commit.h"

#include <stdlib.h>
#include <string.h>

/* Until the transaction is rolled back. */
static void remember_process(struct tg_store *store, const struct tg_batch *batch, int64_t id, int64_t service_id) {
    store->process = (struct tg_store_process){.id = id, .service_id = service_id};
    memcpy(store->process.uuid, batch->process.uuid, sizeof store->process.uuid);
}

/* The process's id and service, or zeros. */
static enum tg_status find_process(struct tg_store *store, const struct tg_batch *batch, int64_t *id,
                                   int64_t *service_id, struct tg_error *err) {
    const struct tg_store_process *known = &store->process;
    if (known->id != 0 && memcmp(known->uuid, batch->process.uuid, sizeof known->uuid) == 0) {
        *id = known->id;
        *service_id = known->service_id;
        return TG_OK;
    }
    const struct tg_sql_value uuid = tg_value_blob(batch->process.uuid, sizeof batch->process.uuid);
    struct tg_sql_value values[2];
    bool found = false;
    enum tg_status status = tg_store_run(store, TG_QUERY_PROCESS, &uuid, 1, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_PROCESS, values, 2, &found, err);
    }
    *id = found ? tg_value_to_integer(&values[0]) : 0;
    *service_id = found ? tg_value_to_integer(&values[1]) : 0;
    if (found) {
        remember_process(store, batch, *id, *service_id);
    }
    tg_store_reset(store, TG_QUERY_PROCESS);
    return status;
}

static enum tg_status add_event(struct tg_commit *commit, const struct tg_commit_place *place,
                                enum tg_store_event_kind kind, int64_t wall_ns, struct tg_bytes version,
                                struct tg_bytes detail, struct tg_error *err) {
    const struct tg_sql_value parameters[] = {
        tg_value_integer(place->service->id),
        tg_value_integer(place->iteration),
        tg_value_integer(wall_ns),
        tg_value_integer(kind),
        tg_value_integer(place->process_id),
        tg_value_text(version),
        tg_value_text(detail),
    };
    return tg_store_run(commit->store, TG_QUERY_ADD_EVENT, parameters, 7, err);
}

/* Whether the new process's version differs from the one that processes had until then; one that began earlier, and is
 * stored late, changes nothing. */
static enum tg_status note_version(struct tg_commit *commit, const struct tg_commit_place *place,
                                   const struct tg_batch *batch, struct tg_bytes version, struct tg_error *err) {
    struct tg_commit_service *service = place->service;
    int64_t started_ns = batch->process.started_wall_ns;
    bool is_first = service->version_ns == 0;
    if (!is_first && started_ns < service->version_ns) {
        return TG_OK;
    }
    struct tg_bytes before = {.data = service->version, .length = strlen(service->version)};
    bool is_same = before.length == version.length && memcmp(before.data, version.data, version.length) == 0;
    enum tg_status status = TG_OK;
    if (!is_first && !is_same) {
        status = add_event(commit, place, TG_STORE_EVENT_VERSION, started_ns, version, before, err);
    }
    char *copy = strndup(version.data, version.length);
    if (!copy) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to store a batch");
    }
    free(service->version);
    service->version = copy;
    service->version_ns = started_ns > 0 ? started_ns : 1;
    return status;
}

static enum tg_status add_process(struct tg_commit *commit, struct tg_commit_place *place, const struct tg_batch *batch,
                                  struct tg_error *err) {
    const struct tg_batch_process *process = &batch->process;
    struct tg_strbuf texts[3] = {TG_STRBUF_INIT, TG_STRBUF_INIT, TG_STRBUF_INIT};
    struct tg_bytes version = tg_store_clean_text(process->service_version, TG_STORE_TEXT_BYTES_MAX, &texts[0]);
    const struct tg_sql_value parameters[] = {
        tg_value_integer(place->service->id),
        tg_value_blob(process->uuid, sizeof process->uuid),
        tg_value_blob(process->run_uuid, sizeof process->run_uuid),
        tg_value_figure(process->pid),
        tg_value_figure(process->parent_pid),
        tg_value_integer(process->python_version),
        tg_value_integer(process->started_wall_ns),
        tg_value_text(version),
        tg_value_text(tg_store_clean_text(process->host, TG_STORE_TEXT_BYTES_MAX, &texts[1])),
        tg_value_text(tg_store_clean_text(process->program, TG_STORE_TEXT_BYTES_MAX, &texts[2])),
        tg_value_integer(place->iteration),
        tg_value_integer(place->iteration),
    };
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_ADD_PROCESS, parameters, 12, err);
    if (status == TG_OK) {
        place->process_id = commit->store->driver->last_id(commit->store->sql);
        remember_process(commit->store, batch, place->process_id, place->service->id);
        status = note_version(commit, place, batch, version, err);
    } else if (status == TG_ERROR_EXISTS) {
        status = tg_error_set(err, TG_ERROR_BUSY, "the process's figures are being stored by another program too");
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tg_strbuf_release(&texts[i]);
    }
    return status;
}

/* A process belongs to the service of its first batch. */
static enum tg_status find_place(struct tg_commit *commit, struct tg_commit_place *place, const struct tg_batch *batch,
                                 struct tg_error *err) {
    int64_t service_id = 0;
    enum tg_status status = find_process(commit->store, batch, &place->process_id, &service_id, err);
    if (status == TG_OK && place->process_id == 0) {
        status = tg_commit_lock_service(commit, batch, &place->service, err);
        if (status == TG_OK) { /* and again, now that nobody else can make it */
            status = find_process(commit->store, batch, &place->process_id, &service_id, err);
        }
    }
    if (status == TG_OK && place->process_id != 0) {
        status = tg_commit_lock_service_by_id(commit, service_id, &place->service, err);
    }
    if (status == TG_OK) {
        place->slot = tg_store_slot_of(batch->ended_wall_ns, place->service->base_interval_ns);
        place->iteration = place->slot - place->service->first_slot;
    }
    return status;
}

/* Whether the interval is there. */
static enum tg_status find_interval(struct tg_store *store, const struct tg_commit_place *place,
                                    const struct tg_batch *batch, bool *found, struct tg_error *err) {
    const struct tg_sql_value key[] = {tg_value_integer(place->process_id), tg_value_integer((int64_t)batch->seq)};
    struct tg_sql_value id = {.kind = TG_SQL_NULL};
    enum tg_status status = tg_store_run(store, TG_QUERY_INTERVAL, key, 2, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_INTERVAL, &id, 1, found, err);
    }
    tg_store_reset(store, TG_QUERY_INTERVAL);
    return status;
}

/* What makes a batch stored once: (process, seq) is unique. *known: it is there, and nothing has been changed. */
static enum tg_status add_interval(struct tg_commit *commit, struct tg_commit_place *place,
                                   const struct tg_batch *batch, bool *known, struct tg_error *err) {
    const struct tg_batch_quality *quality = &batch->quality;
    const struct tg_sql_value parameters[] = {
        tg_value_integer(place->service->id),
        tg_value_integer(place->process_id),
        tg_value_integer((int64_t)batch->seq),
        tg_value_integer(place->slot),
        tg_value_integer(place->iteration),
        tg_value_integer(batch->began_wall_ns),
        tg_value_integer(batch->ended_wall_ns),
        tg_value_integer(batch->interval_ns),
        tg_value_integer((int64_t)batch->function_count),
        tg_value_figure(quality->overflow_call_count),
        tg_value_figure(quality->unrecorded_call_count),
        tg_value_figure(quality->refused_function_count),
        tg_value_figure(quality->torn_count),
        tg_value_figure(quality->damaged_count),
        tg_value_figure(quality->collector_cpu_ns),
    };
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_ADD_INTERVAL, parameters, 15, err);
    if (status == TG_ERROR_EXISTS) {
        /* It must be that key: what is taken for known is never stored. */
        enum tg_status asked = find_interval(commit->store, place, batch, known, NULL);
        return asked == TG_OK && *known ? TG_OK : status;
    }
    place->interval_id = commit->store->driver->last_id(commit->store->sql);
    return status;
}

/* Functions of the batch that are one in the history make fewer rows. */
static enum tg_status correct_function_count(struct tg_commit *commit, const struct tg_commit_place *place,
                                             const struct tg_batch *batch, struct tg_error *err) {
    const struct tg_sql_value parameters[] = {
        tg_value_integer((int64_t)commit->row_count),
        tg_value_integer(place->interval_id),
    };
    return commit->row_count == batch->function_count
               ? TG_OK
               : tg_store_run(commit->store, TG_QUERY_SET_FUNCTION_COUNT, parameters, 2, err);
}

static enum tg_status add_call_tree(struct tg_commit *commit, const struct tg_commit_place *place,
                                    const struct tg_batch_sampling *sampling, struct tg_error *err) {
    const struct tg_sql_value parameters[] = {
        tg_value_integer(place->service->id),
        tg_value_integer(place->iteration),
        tg_value_integer(place->interval_id),
        tg_value_integer(sampling->rate_hz),
        tg_value_integer(sampling->mode),
        tg_value_figure(sampling->look_count),
        tg_value_figure(sampling->missed_count),
        tg_value_figure(sampling->sample_count),
        tg_value_figure(sampling->torn_count),
        tg_value_figure(sampling->thread_count),
        tg_value_blob(sampling->tree.data, sampling->tree.length),
    };
    return sampling->rate_hz == 0 ? TG_OK : tg_store_run(commit->store, TG_QUERY_ADD_CALL_TREE, parameters, 11, err);
}

/* The process's extent, and its events: those of its start with its first batch, those of its end with its last. */
static enum tg_status note_process(struct tg_commit *commit, const struct tg_commit_place *place,
                                   const struct tg_batch *batch, struct tg_error *err) {
    struct tg_bytes version =
        tg_store_clean_text(batch->process.service_version, TG_STORE_TEXT_BYTES_MAX, &commit->text);
    const struct tg_bytes none = {.data = "", .length = 0};
    const struct tg_sql_value iteration = tg_value_integer(place->iteration);
    const struct tg_sql_value extent[] = {iteration, iteration, iteration, iteration,
                                          tg_value_integer(place->process_id)};
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_SET_PROCESS, extent, 5, err);
    if (status == TG_OK && batch->seq == 1) {
        status = add_event(commit, place, TG_STORE_EVENT_START, batch->process.started_wall_ns, version, none, err);
    }
    if (status == TG_OK && batch->end != TG_BATCH_GOES_ON) {
        enum tg_store_event_kind kind = batch->end == TG_BATCH_ENDED ? TG_STORE_EVENT_END : TG_STORE_EVENT_FOUND;
        const struct tg_sql_value end[] = {tg_value_integer(batch->ended_wall_ns), tg_value_integer(kind),
                                           tg_value_integer(place->process_id)};
        status = tg_store_run(commit->store, TG_QUERY_SET_PROCESS_END, end, 3, err);
        if (status == TG_OK) {
            status = add_event(commit, place, kind, batch->ended_wall_ns, version, none, err);
        }
    }
    return status;
}

/* What the process tells besides. */
static enum tg_status note_events(struct tg_commit *commit, const struct tg_commit_place *place,
                                  const struct tg_batch *batch, struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_bytes version =
        tg_store_clean_text(batch->process.service_version, TG_STORE_TEXT_BYTES_MAX, &commit->text);
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < batch->events.count && status == TG_OK; i++) {
        const struct tg_batch_event *event = &batch->events.items[i];
        enum tg_store_event_kind kind =
            event->kind == TG_EVENT_RELOAD ? TG_STORE_EVENT_RELOAD : TG_STORE_EVENT_REFUSED_RELOAD;
        status = add_event(commit, place, kind, event->wall_ns, version,
                           tg_store_clean_text(event->text, TG_STORE_TEXT_BYTES_MAX, &text), err);
    }
    tg_strbuf_release(&text);
    return status;
}

static enum tg_status store_batch(struct tg_commit *commit, const struct tg_batch *batch, bool *known,
                                  struct tg_error *err) {
    struct tg_commit_place place = {
        .started_ns = batch->process.started_wall_ns,
        .python = batch->process.python_version >> 16U,
        .began_ns = batch->began_wall_ns,
        .ended_ns = batch->ended_wall_ns,
    };
    if (!tg_batch_is_valid(batch)) {
        return tg_error_set(err, TG_ERROR_INVALID, "the batch is damaged: it cannot be stored");
    }
    enum tg_status status = find_place(commit, &place, batch, err);
    if (status == TG_OK && place.process_id == 0) {
        status = add_process(commit, &place, batch, err);
    }
    if (status == TG_OK) {
        status = add_interval(commit, &place, batch, known, err);
    }
    if (status != TG_OK || *known) {
        return status;
    }
    status = tg_commit_find_rows(commit, &place, batch, err);
    if (status == TG_OK) {
        status = correct_function_count(commit, &place, batch, err);
    }
    if (status == TG_OK) {
        status = tg_commit_add_rows(commit, &place, err);
    }
    if (status == TG_OK) {
        status = add_call_tree(commit, &place, &batch->sampling, err);
    }
    if (status == TG_OK) {
        status = tg_commit_add_failures(commit, &place, &batch->failures, err);
    }
    if (status == TG_OK) {
        status = note_process(commit, &place, batch, err);
    }
    if (status == TG_OK) {
        status = note_events(commit, &place, batch, err);
    }
    struct tg_commit_service *service = place.service;
    if (place.iteration > service->last_iteration) {
        service->last_iteration = place.iteration;
    }
    if (batch->ended_wall_ns > service->last_ended_ns) {
        service->last_ended_ns = batch->ended_wall_ns;
    }
    return status;
}

static enum tg_status store_batches(struct tg_commit *commit, const struct tg_batch *batches, size_t count,
                                    struct tg_store_commit *result, struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        bool known = false;
        status = store_batch(commit, &batches[i], &known, err);
        result->stored_count += !known;
        result->known_count += known;
    }
    return status == TG_OK ? tg_commit_write_services(commit, err) : status;
}

enum tg_status tg_store_commit(struct tg_store *store, const struct tg_batch *batches, size_t count,
                               struct tg_store_commit *result, struct tg_error *err) {
    *result = (struct tg_store_commit){.stored_count = 0};
    if (store->read_only) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "the history was opened for reading only");
    }
    enum tg_status status = store->driver->begin(store->sql, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_commit commit;
    tg_commit_init(&commit, store);
    store->transaction++;
    status = store_batches(&commit, batches, count, result, err);
    if (status == TG_OK) {
        status = store->driver->commit(store->sql, err);
    }
    if (status != TG_OK) {
        *result = (struct tg_store_commit){.stored_count = 0};
        store->driver->rollback(store->sql);
        /* Ids that were given in this transaction are void. */
        tg_interning_clear(&store->interning);
        store->process.id = 0;
    }
    tg_commit_release(&commit);
    return status;
}
