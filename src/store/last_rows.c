/* last_rows: see last_rows.h. */
#include "store/last_rows.h"

#include "store/function_rows.h"

void tg_last_rows_begin(struct tg_last_rows *rows, struct tg_store *store, const struct tg_store_selection *selection,
                        int64_t function_id, int64_t chunk) {
    *rows = (struct tg_last_rows){
        .store = store,
        .selection = selection,
        .query = tg_store_is_chosen(selection) ? TG_QUERY_LAST_ROWS_CHOSEN : TG_QUERY_LAST_ROWS,
        .function_id = function_id,
        .below = selection->last_iteration,
        .chunk = chunk,
    };
}

void tg_last_rows_end(struct tg_last_rows *rows) {
    tg_store_reset(rows->store, rows->query);
    rows->is_running = false;
}

static enum tg_status run_chunk(struct tg_last_rows *rows, struct tg_error *err) {
    struct tg_sql_value parameters[6 + TG_CHOSEN_PARAMETERS] = {
        tg_value_integer(rows->selection->service_id),
        tg_value_integer(rows->selection->first_iteration),
        tg_value_integer(rows->below),
        tg_value_integer(rows->chunk),
        tg_value_integer(rows->selection->service_id),
        tg_value_integer(rows->function_id),
    };
    enum tg_status status = tg_store_put_chosen(parameters + 6, rows->selection, rows->run_uuid, err);
    rows->seen = 0;
    rows->is_running = true;
    if (status != TG_OK) {
        return status;
    }
    size_t count = tg_store_is_chosen(rows->selection) ? 6 + TG_CHOSEN_PARAMETERS : 6;
    return tg_store_run(rows->store, rows->query, parameters, count, err);
}

/* Whether there may be another chunk after this one. */
static bool next_chunk(struct tg_last_rows *rows) {
    bool is_last = rows->seen < rows->chunk || rows->below == INT64_MIN;
    rows->below -= !is_last;
    rows->chunk *= rows->chunk < TG_LAST_ROWS_MANY ? 4 : 1;
    rows->is_running = false;
    return !is_last;
}

enum tg_status tg_last_rows_next(struct tg_last_rows *rows, struct tg_figures_row *row, bool *found,
                                 struct tg_error *err) {
    struct tg_sql_value values[1 + TG_FUNCTION_ROWS_COLUMNS_MAX];
    for (;;) {
        enum tg_status status = rows->is_running ? TG_OK : run_chunk(rows, err);
        if (status == TG_OK) {
            status =
                tg_store_fetch(rows->store, rows->query, values, 1 + tg_function_rows_columns(rows->store), found, err);
        }
        if (status != TG_OK) {
            return status;
        }
        if (!*found) {
            if (!next_chunk(rows)) {
                return TG_OK;
            }
            continue;
        }
        int64_t iteration = tg_value_to_integer(&values[0]);
        rows->seen += rows->seen == 0 || iteration != rows->below;
        rows->below = iteration;
        status = tg_function_rows_pick(rows->store, values + 1, rows->function_id, row, found, err);
        if (status != TG_OK || *found) {
            return status;
        }
    }
}

enum tg_status tg_store_find_function(struct tg_store *store, int64_t service_id, const char *name, int64_t *id,
                                      struct tg_error *err) {
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    const struct tg_sql_value key[] = {tg_value_integer(service_id), tg_value_of_string(name)};
    bool found = false;
    enum tg_status status = tg_store_run(store, TG_QUERY_FUNCTION, key, 2, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_FUNCTION, &value, 1, &found, err);
    }
    if (status == TG_OK && !found) {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND, "the history has no function \"%s\"", name);
    }
    *id = found ? tg_value_to_integer(&value) : 0;
    tg_store_reset(store, TG_QUERY_FUNCTION);
    return status;
}
