/* store: opening and closing. See store.h; the questions are in store_*.c, committing in commit*.c. */
#include "store/store.h"

#include "store/schema.h"
#include "store/store_state.h"
#include "store/store_url.h"

#include <stdlib.h>

static enum tg_status connect_to_engine(struct tg_store *store, const char *text,
                                        const struct tg_store_options *options, struct tg_error *err) {
    struct tg_store_url url;
    enum tg_status status = tg_store_url_parse(&url, text, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_sql_options sql_options = {
        .timeout_ns = options->timeout_ns,
        .create = options->create && !options->read_only,
        .read_only = options->read_only,
    };
    status = tg_sql_driver_of(&store->driver, &url, err);
    if (status == TG_OK) {
        status = store->driver->open(&store->sql, &url, &sql_options, err);
    }
    tg_store_url_release(&url);
    return status;
}

/* Most opens find the tables as they should be: only then is the lock spared. */
static enum tg_status make_tables(struct tg_store *store, bool create, struct tg_error *err) {
    enum tg_status status = tg_schema_check(store->sql, &tg_schema_current, create ? NULL : err);
    if (status == TG_OK || !create) {
        return status;
    }
    return tg_schema_migrate(store->sql, &tg_schema_current, err);
}

enum tg_status tg_store_open(struct tg_store **result, const char *url, const struct tg_store_options *options,
                             struct tg_error *err) {
    *result = NULL;
    struct tg_store *store = calloc(1, sizeof *store);
    if (!store) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to open a history");
    }
    tg_interning_init(&store->interning);
    store->read_only = options->read_only;
    enum tg_status status = connect_to_engine(store, url, options, err);
    if (status == TG_OK) {
        status = make_tables(store, options->create && !options->read_only, err);
    }
    if (status != TG_OK) {
        tg_store_close(store);
        return status;
    }
    *result = store;
    return TG_OK;
}

void tg_store_close(struct tg_store *store) {
    if (!store) {
        return;
    }
    for (size_t i = 0; i < TG_QUERY_COUNT; i++) {
        if (store->statements[i]) {
            store->driver->finalize(store->statements[i]);
        }
    }
    if (store->sql) {
        store->driver->close(store->sql);
    }
    tg_interning_clear(&store->interning);
    free(store->values);
    free(store->text);
    free(store);
}

enum tg_status tg_store_check_url(const char *text, struct tg_error *err) {
    struct tg_store_url url;
    const struct tg_sql_driver *driver;
    enum tg_status status = tg_store_url_parse(&url, text, err);
    if (status == TG_OK) {
        status = tg_sql_driver_of(&driver, &url, err);
        tg_store_url_release(&url);
    }
    return status;
}

bool tg_store_is_remote(const struct tg_store *store) {
    return store->driver->is_remote;
}
