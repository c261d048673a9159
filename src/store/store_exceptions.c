/* store_exceptions: what failed. See store.h. */
#include "store/store_state.h"

#include <stdlib.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the exceptions of the history");
}

void tg_store_exceptions_release(struct tg_store_exceptions *exceptions) {
    if (!exceptions) {
        return;
    }
    for (size_t i = 0; i < exceptions->count; i++) {
        free(exceptions->items[i].function);
        free(exceptions->items[i].type);
    }
    free(exceptions->items);
    *exceptions = (struct tg_store_exceptions){.items = NULL};
}

static enum tg_status add_exception(struct tg_store_exceptions *exceptions, const struct tg_sql_value *values,
                                    struct tg_error *err) {
    struct tg_store_exception *items = tg_store_grow(exceptions->items, exceptions->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    exceptions->items = items;
    struct tg_store_exception *exception = &items[exceptions->count++];
    *exception = (struct tg_store_exception){
        .id = tg_value_to_integer(&values[0]),
        .function = tg_value_to_text(&values[1]),
        .type = tg_value_to_text(&values[2]),
        .first_wall_ns = tg_value_to_integer(&values[3]),
        .last_wall_ns = tg_value_to_integer(&values[4]),
        .count = tg_value_to_figure(&values[5]),
        .fingerprint = (uint64_t)tg_value_to_integer(&values[6]),
    };
    return exception->function && exception->type ? TG_OK : no_memory(err);
}

static enum tg_status read_losses(struct tg_store *store, const struct tg_sql_value *range, uint64_t *lost_count,
                                  struct tg_error *err) {
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    bool found = false;
    enum tg_status status = tg_store_run(store, TG_QUERY_EXCEPTION_LOSSES, range, 3, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTION_LOSSES, &value, 1, &found, err);
    }
    *lost_count = found ? tg_value_to_figure(&value) : 0;
    tg_store_reset(store, TG_QUERY_EXCEPTION_LOSSES);
    return status;
}

enum tg_status tg_store_exceptions(struct tg_store *store, const struct tg_store_selection *selection,
                                   struct tg_store_exceptions *exceptions, struct tg_error *err) {
    struct tg_sql_value values[TG_EXCEPTION_COLUMNS];
    struct tg_sql_value range[3];
    bool found = true;
    *exceptions = (struct tg_store_exceptions){.items = NULL};
    tg_store_put_range(range, selection);
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_EXCEPTIONS, range, 3, err);
    while (status == TG_OK && found) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTIONS, values, TG_EXCEPTION_COLUMNS, &found, err);
        if (status == TG_OK && found) {
            status = add_exception(exceptions, values, err);
        }
    }
    tg_store_reset(store, TG_QUERY_EXCEPTIONS);
    if (status == TG_OK) {
        status = read_losses(store, range, &exceptions->lost_count, err);
    }
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_exceptions_release(exceptions);
    }
    return status;
}

void tg_store_exception_points_release(struct tg_store_exception_points *points) {
    if (!points) {
        return;
    }
    free(points->items);
    *points = (struct tg_store_exception_points){.items = NULL};
}

static enum tg_status add_point(struct tg_store_exception_points *points, const struct tg_sql_value *values,
                                struct tg_error *err) {
    struct tg_store_exception_point *items = tg_store_grow(points->items, points->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    points->items = items;
    items[points->count++] = (struct tg_store_exception_point){
        .iteration = tg_value_to_integer(&values[0]),
        .count = tg_value_to_figure(&values[1]),
    };
    return TG_OK;
}

/* Service, exception, and the range of iterations. */
static void put_exception(struct tg_sql_value *parameters, const struct tg_store_selection *selection,
                          int64_t exception_id) {
    struct tg_sql_value range[3];
    tg_store_put_range(range, selection);
    parameters[0] = range[0];
    parameters[1] = tg_value_integer(exception_id);
    parameters[2] = range[1];
    parameters[3] = range[2];
}

enum tg_status tg_store_exception_points(struct tg_store *store, const struct tg_store_selection *selection,
                                         int64_t exception_id, struct tg_store_exception_points *points,
                                         struct tg_error *err) {
    struct tg_sql_value values[2];
    struct tg_sql_value parameters[4];
    bool found = true;
    *points = (struct tg_store_exception_points){.items = NULL};
    put_exception(parameters, selection, exception_id);
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_EXCEPTION_POINTS, parameters, 4, err);
    while (status == TG_OK && found) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTION_POINTS, values, 2, &found, err);
        if (status == TG_OK && found) {
            status = add_point(points, values, err);
        }
    }
    tg_store_reset(store, TG_QUERY_EXCEPTION_POINTS);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_exception_points_release(points);
    }
    return status;
}

void tg_store_exception_sample_release(struct tg_store_exception_sample *sample) {
    if (!sample) {
        return;
    }
    free(sample->host);
    free(sample->thread);
    free(sample->message);
    free(sample->traceback);
    free(sample->args);
    free(sample->kwargs);
    free(sample->rebound);
    free(sample->version);
    *sample = (struct tg_store_exception_sample){.id = 0};
}

static enum tg_status read_sample(struct tg_store_exception_sample *sample, const struct tg_sql_value *values,
                                  struct tg_error *err) {
    *sample = (struct tg_store_exception_sample){
        .id = tg_value_to_integer(&values[0]),
        .iteration = tg_value_to_integer(&values[1]),
        .wall_ns = tg_value_to_integer(&values[2]),
        .pid = tg_value_to_figure(&values[3]),
        .host = tg_value_to_text(&values[4]),
        .native_id = tg_value_to_figure(&values[5]),
        .thread = tg_value_to_text(&values[6]),
        .message = tg_value_to_text(&values[7]),
        .traceback = tg_value_to_text(&values[8]),
        .args = tg_value_to_text(&values[9]),
        .kwargs = tg_value_to_text(&values[10]),
        .rebound = tg_value_to_text(&values[11]),
        .version = tg_value_to_text(&values[12]),
    };
    bool whole = sample->host && sample->thread && sample->message && sample->traceback && sample->args
                 && sample->kwargs && sample->rebound && sample->version;
    return whole ? TG_OK : no_memory(err);
}

enum tg_status tg_store_exception_sample(struct tg_store *store, const struct tg_store_selection *selection,
                                         int64_t exception_id, struct tg_store_exception_sample *sample,
                                         struct tg_error *err) {
    struct tg_sql_value values[TG_EXCEPTION_SAMPLE_COLUMNS];
    struct tg_sql_value parameters[4];
    bool found = false;
    *sample = (struct tg_store_exception_sample){.id = 0};
    put_exception(parameters, selection, exception_id);
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_run(store, TG_QUERY_EXCEPTION_SAMPLE, parameters, 4, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTION_SAMPLE, values, TG_EXCEPTION_SAMPLE_COLUMNS, &found, err);
    }
    if (status == TG_OK && found) {
        status = read_sample(sample, values, err);
    }
    tg_store_reset(store, TG_QUERY_EXCEPTION_SAMPLE);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_exception_sample_release(sample);
    }
    return status;
}
