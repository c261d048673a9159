/* store_services: which services and versions a history has. See store.h. */
#include "store/store_state.h"

#include <stdlib.h>
#include <string.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the history");
}

void tg_store_services_release(struct tg_store_services *services) {
    if (!services) {
        return;
    }
    for (size_t i = 0; i < services->count; i++) {
        free(services->items[i].name);
    }
    free(services->items);
    *services = (struct tg_store_services){.items = NULL};
}

static enum tg_status add_service(struct tg_store_services *services, const struct tg_sql_value *values,
                                  struct tg_error *err) {
    struct tg_store_service *items = tg_store_grow(services->items, services->count, sizeof *items);
    char *name = tg_value_to_text(&values[1]);
    if (items) {
        services->items = items;
    }
    if (!items || !name) {
        free(name);
        return no_memory(err);
    }
    if (tg_value_to_integer(&values[2]) <= 0) {
        enum tg_status status = tg_error_set(
            err, TG_ERROR_FORMAT, "the history is damaged: an interval of service \"%s\" lasts no time", name);
        free(name);
        return status;
    }
    items[services->count++] = (struct tg_store_service){
        .id = tg_value_to_integer(&values[0]),
        .name = name,
        .base_interval_ns = tg_value_to_integer(&values[2]),
        .first_slot = tg_value_to_integer(&values[3]),
        .last_iteration = tg_value_to_integer(&values[4]),
        .process_count = tg_value_to_integer(&values[5]),
        .last_ended_ns = tg_value_to_integer(&values[6]),
    };
    return TG_OK;
}

enum tg_status tg_store_services(struct tg_store *store, struct tg_store_services *services, struct tg_error *err) {
    struct tg_sql_value values[7];
    bool found = false;
    *services = (struct tg_store_services){.items = NULL};
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_SERVICES, NULL, 0, err);
    while (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_SERVICES, values, 7, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        status = add_service(services, values, err);
    }
    tg_store_reset(store, TG_QUERY_SERVICES);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_services_release(services);
    }
    return status;
}

void tg_store_versions_release(struct tg_store_versions *versions) {
    if (!versions) {
        return;
    }
    for (size_t i = 0; i < versions->count; i++) {
        free(versions->items[i].version);
    }
    free(versions->items);
    *versions = (struct tg_store_versions){.items = NULL};
}

static enum tg_status add_version(struct tg_store_versions *versions, const struct tg_sql_value *values,
                                  struct tg_error *err) {
    struct tg_store_version *items = tg_store_grow(versions->items, versions->count, sizeof *items);
    char *version = tg_value_to_text(&values[0]);
    if (items) {
        versions->items = items;
    }
    if (!items || !version) {
        free(version);
        return no_memory(err);
    }
    items[versions->count++] = (struct tg_store_version){
        .version = version,
        .first_iteration = tg_value_to_integer(&values[1]),
        .last_iteration = tg_value_to_integer(&values[2]),
        .process_count = tg_value_to_integer(&values[3]),
    };
    return TG_OK;
}

enum tg_status tg_store_versions(struct tg_store *store, int64_t service_id, struct tg_store_versions *versions,
                                 struct tg_error *err) {
    struct tg_sql_value values[4];
    const struct tg_sql_value parameter = tg_value_integer(service_id);
    bool found = false;
    *versions = (struct tg_store_versions){.items = NULL};
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_VERSIONS, &parameter, 1, err);
    while (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_VERSIONS, values, 4, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        status = add_version(versions, values, err);
    }
    tg_store_reset(store, TG_QUERY_VERSIONS);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_versions_release(versions);
    }
    return status;
}
