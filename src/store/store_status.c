/* store_status: how large a history is, and where. See store.h. */
#include "store/schema.h"
#include "store/store_state.h"

#include <stdio.h>
#include <string.h>

/* The engine's name, where its version alone does not tell. */
static const char *engine_name(const struct tg_store *store, struct tg_bytes version) {
    static const char mariadb[] = "MariaDB";
    if (store->driver->dialect == TG_SQL_DIALECT_SQLITE) {
        return "";
    }
    return memmem(version.data, version.length, mariadb, strlen(mariadb)) ? "MariaDB " : "MySQL ";
}

static enum tg_status read_status(struct tg_store *store, struct tg_store_status *status, struct tg_error *err) {
    struct tg_sql_value values[7];
    bool found = false;
    enum tg_status result = tg_store_run(store, TG_QUERY_STATUS, NULL, 0, err);
    if (result == TG_OK) {
        result = tg_store_fetch(store, TG_QUERY_STATUS, values, 7, &found, err);
    }
    if (result == TG_OK && found) {
        struct tg_bytes version = tg_value_to_bytes(&values[0]);
        snprintf(status->engine, sizeof status->engine, "%s%.*s", engine_name(store, version), (int)version.length,
                 version.data);
        status->service_count = tg_value_to_integer(&values[1]);
        status->process_count = tg_value_to_integer(&values[2]);
        status->function_count = tg_value_to_integer(&values[3]);
        status->interval_count = tg_value_to_integer(&values[4]);
        status->row_count = tg_value_to_integer(&values[5]);
        status->size_bytes = values[6].kind == TG_SQL_NULL ? -1 : tg_value_to_integer(&values[6]);
    }
    tg_store_reset(store, TG_QUERY_STATUS);
    return result;
}

enum tg_status tg_store_status(struct tg_store *store, struct tg_store_status *status, struct tg_error *err) {
    *status = (struct tg_store_status){
        .newest_schema_version = (int64_t)tg_schema_current.count,
        .size_bytes = -1,
    };
    enum tg_status result = tg_store_begin_reading(store, err);
    if (result != TG_OK) {
        return result;
    }
    result = tg_schema_read_version(store->sql, &status->schema_version, err);
    if (result == TG_OK) {
        result = read_status(store, status, err);
    }
    return tg_store_end_reading(store, result, err);
}
