/* commit_service: the services that a transaction writes to. See commit.h. */
#include "store/commit.h"

#include <stdlib.h>
#include <string.h>

#define SERVICE_COLUMNS 9

/* A service's iterations are numbered by its first batch's interval; one shorter than this would make them too many. */
#define BASE_INTERVAL_LEAST_NS INT64_C(1000000)

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to store a batch");
}

void tg_commit_init(struct tg_commit *commit, struct tg_store *store) {
    *commit = (struct tg_commit){.store = store};
}

void tg_commit_release(struct tg_commit *commit) {
    for (size_t i = 0; i < commit->service_count; i++) {
        tg_figures_release(&commit->services[i]->changes);
        free(commit->services[i]->version);
        free(commit->services[i]);
    }
    free(commit->services);
    tg_commit_clear_rows(commit);
    free(commit->rows);
    free(commit->figures);
    tg_strbuf_release(&commit->text);
    tg_strbuf_release(&commit->name);
    tg_commit_init(commit, commit->store);
}

/* Makes a service of the row that the query gives, if it gives one; else *service is NULL. */
static enum tg_status take_service(struct tg_commit *commit, enum tg_query query, struct tg_commit_service **service,
                                   struct tg_error *err) {
    struct tg_sql_value values[SERVICE_COLUMNS];
    bool found = false;
    *service = NULL;
    enum tg_status status = tg_store_fetch(commit->store, query, values, SERVICE_COLUMNS, &found, err);
    if (status != TG_OK || !found) {
        return status;
    }
    struct tg_commit_service **services =
        tg_store_grow(commit->services, commit->service_count, sizeof(struct tg_commit_service *));
    if (!services) {
        return no_memory(err);
    }
    commit->services = services;
    struct tg_commit_service *taken = calloc(1, sizeof *taken);
    char *version = tg_value_to_text(&values[7]);
    if (!taken || !version) {
        free(taken);
        free(version);
        return no_memory(err);
    }
    *taken = (struct tg_commit_service){
        .id = tg_value_to_integer(&values[0]),
        .base_interval_ns = tg_value_to_integer(&values[1]),
        .first_slot = tg_value_to_integer(&values[2]),
        .last_iteration = tg_value_to_integer(&values[3]),
        .last_ended_ns = tg_value_to_integer(&values[4]),
        .folded_until = tg_value_to_integer(&values[5]),
        .unfolded_count = tg_value_to_integer(&values[6]),
        .version = version,
        .version_ns = tg_value_to_integer(&values[8]),
    };
    tg_figures_init(&taken->changes, false);
    commit->services[commit->service_count++] = taken;
    *service = taken;
    if (taken->base_interval_ns <= 0) {
        return tg_error_set(err, TG_ERROR_FORMAT, "the history is damaged: a service has no interval");
    }
    return TG_OK;
}

static enum tg_status add_service(struct tg_commit *commit, struct tg_bytes name, const struct tg_batch *batch,
                                  struct tg_error *err) {
    int64_t base = batch->interval_ns > BASE_INTERVAL_LEAST_NS ? batch->interval_ns : BASE_INTERVAL_LEAST_NS;
    const struct tg_sql_value parameters[] = {
        tg_value_text(name),
        tg_value_integer(base),
        tg_value_integer(tg_store_slot_of(batch->ended_wall_ns, base)),
    };
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_ADD_SERVICE, parameters, 3, err);
    /* Another process has just made it: its row can be had now. */
    return status == TG_ERROR_EXISTS ? TG_OK : status;
}

/* The one locked before. */
static struct tg_commit_service *find_service(const struct tg_commit *commit, int64_t id) {
    for (size_t i = 0; i < commit->service_count; i++) {
        if (commit->services[i]->id == id) {
            return commit->services[i];
        }
    }
    return NULL;
}

enum tg_status tg_commit_lock_service_by_id(struct tg_commit *commit, int64_t id, struct tg_commit_service **service,
                                            struct tg_error *err) {
    *service = find_service(commit, id);
    if (*service) {
        return TG_OK;
    }
    const struct tg_sql_value parameter = tg_value_integer(id);
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_SERVICE_BY_ID, &parameter, 1, err);
    if (status == TG_OK) {
        status = take_service(commit, TG_QUERY_SERVICE_BY_ID, service, err);
    }
    tg_store_reset(commit->store, TG_QUERY_SERVICE_BY_ID);
    if (status == TG_OK && !*service) {
        return tg_error_set(err, TG_ERROR_FORMAT, "the history is damaged: a process is of no service");
    }
    return status;
}

static enum tg_status lock_by_name(struct tg_commit *commit, struct tg_bytes name, struct tg_commit_service **service,
                                   struct tg_error *err) {
    const struct tg_sql_value parameter = tg_value_text(name);
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_SERVICE_BY_NAME, &parameter, 1, err);
    if (status == TG_OK) {
        status = take_service(commit, TG_QUERY_SERVICE_BY_NAME, service, err);
    }
    tg_store_reset(commit->store, TG_QUERY_SERVICE_BY_NAME);
    if (status == TG_OK && *service) {
        /* The row may be one that is locked already, under a changed state: that one is the truth. */
        struct tg_commit_service *known = find_service(commit, (*service)->id);
        if (known != *service) {
            tg_figures_release(&(*service)->changes);
            free((*service)->version);
            free(*service);
            commit->service_count--;
            *service = known;
        }
    }
    return status;
}

enum tg_status tg_commit_lock_service(struct tg_commit *commit, const struct tg_batch *batch,
                                      struct tg_commit_service **service, struct tg_error *err) {
    struct tg_bytes name = tg_store_clean_text(batch->process.service, TG_STORE_NAME_BYTES_MAX, &commit->text);
    enum tg_status status = lock_by_name(commit, name, service, err);
    if (status == TG_OK && !*service) {
        status = add_service(commit, name, batch, err);
        if (status == TG_OK) {
            status = lock_by_name(commit, name, service, err);
        }
        if (status == TG_OK && !*service) {
            status = tg_error_set(err, TG_ERROR_BUSY, "the service is being made by another program; try again");
        }
    }
    return status;
}

enum tg_status tg_commit_write_services(struct tg_commit *commit, struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < commit->service_count && status == TG_OK; i++) {
        struct tg_commit_service *service = commit->services[i];
        status = tg_commit_fold(commit, service, err);
        if (status == TG_OK) {
            const struct tg_sql_value parameters[] = {
                tg_value_integer(service->last_iteration),
                tg_value_integer(service->last_ended_ns),
                tg_value_integer(service->folded_until),
                tg_value_integer(service->unfolded_count),
                tg_value_text((struct tg_bytes){.data = service->version, .length = strlen(service->version)}),
                tg_value_integer(service->version_ns),
                tg_value_integer(service->id),
            };
            status = tg_store_run(commit->store, TG_QUERY_SET_SERVICE, parameters, 7, err);
        }
    }
    return status;
}
