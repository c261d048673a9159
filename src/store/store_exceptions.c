/* store_exceptions: what failed. See store.h. */
#include "store/store_state.h"

#include <stdlib.h>

/* Service, range, whether some processes are chosen, and which. `run_uuid` lends room. */
static enum tg_status put_selection(struct tg_sql_value *parameters, const struct tg_store_selection *selection,
                                    uint8_t run_uuid[16], struct tg_error *err) {
    tg_store_put_range(parameters, selection);
    parameters[3] = tg_value_integer(tg_store_is_chosen(selection));
    return tg_store_put_chosen(parameters + 4, selection, run_uuid, err);
}

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
        .first_iteration = tg_value_to_integer(&values[7]),
        .last_iteration = tg_value_to_integer(&values[8]),
    };
    return exception->function && exception->type ? TG_OK : no_memory(err);
}

/* The one number that a query answers with. */
static enum tg_status read_figure(struct tg_store *store, enum tg_query query, const struct tg_sql_value *parameters,
                                  size_t count, uint64_t *figure, struct tg_error *err) {
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    bool found = false;
    enum tg_status status = tg_store_run(store, query, parameters, count, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, query, &value, 1, &found, err);
    }
    *figure = found ? tg_value_to_figure(&value) : 0;
    tg_store_reset(store, query);
    return status;
}

static enum tg_status read_exceptions(struct tg_store *store, const struct tg_sql_value *parameters,
                                      struct tg_store_exceptions *exceptions, struct tg_error *err) {
    struct tg_sql_value values[TG_EXCEPTION_COLUMNS];
    bool found = true;
    enum tg_status status = tg_store_run(store, TG_QUERY_EXCEPTIONS, parameters, TG_IF_CHOSEN_PARAMETERS, err);
    while (status == TG_OK && found) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTIONS, values, TG_EXCEPTION_COLUMNS, &found, err);
        if (status == TG_OK && found) {
            status = add_exception(exceptions, values, err);
        }
    }
    tg_store_reset(store, TG_QUERY_EXCEPTIONS);
    return status;
}

enum tg_status tg_store_exceptions(struct tg_store *store, const struct tg_store_selection *selection,
                                   struct tg_store_exceptions *exceptions, struct tg_error *err) {
    struct tg_sql_value parameters[TG_IF_CHOSEN_PARAMETERS];
    uint8_t run_uuid[16];
    *exceptions = (struct tg_store_exceptions){.items = NULL};
    enum tg_status status = put_selection(parameters, selection, run_uuid, err);
    if (status == TG_OK) {
        status = tg_store_begin_reading(store, err);
    }
    if (status != TG_OK) {
        return status;
    }
    status = read_exceptions(store, parameters, exceptions, err);
    if (status == TG_OK) {
        status = read_figure(store, TG_QUERY_EXCEPTION_LOSSES, parameters, TG_IF_CHOSEN_PARAMETERS,
                             &exceptions->lost_count, err);
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

enum tg_status tg_store_exception_points(struct tg_store *store, const struct tg_store_selection *selection,
                                         int64_t exception_id, struct tg_store_exception_points *points,
                                         struct tg_error *err) {
    struct tg_sql_value values[2];
    struct tg_sql_value parameters[1 + TG_IF_CHOSEN_PARAMETERS] = {tg_value_integer(exception_id)};
    uint8_t run_uuid[16];
    bool found = true;
    *points = (struct tg_store_exception_points){.items = NULL};
    enum tg_status status = put_selection(parameters + 1, selection, run_uuid, err);
    if (status == TG_OK) {
        status =
            tg_store_run(store, TG_QUERY_EXCEPTION_POINTS, parameters, sizeof parameters / sizeof parameters[0], err);
    }
    while (status == TG_OK && found) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTION_POINTS, values, 2, &found, err);
        if (status == TG_OK && found) {
            status = add_point(points, values, err);
        }
    }
    tg_store_reset(store, TG_QUERY_EXCEPTION_POINTS);
    if (status != TG_OK) {
        tg_store_exception_points_release(points);
    }
    return status;
}

static void release_sample(struct tg_store_exception_sample *sample) {
    free(sample->host);
    free(sample->thread);
    free(sample->message);
    free(sample->traceback);
    free(sample->args);
    free(sample->kwargs);
    free(sample->rebound);
    free(sample->version);
}

void tg_store_exception_samples_release(struct tg_store_exception_samples *samples) {
    if (!samples) {
        return;
    }
    for (size_t i = 0; i < samples->count; i++) {
        release_sample(&samples->items[i]);
    }
    free(samples->items);
    *samples = (struct tg_store_exception_samples){.items = NULL};
}

static enum tg_status add_sample(struct tg_store_exception_samples *samples, const struct tg_sql_value *values,
                                 struct tg_error *err) {
    struct tg_store_exception_sample *items = tg_store_grow(samples->items, samples->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    samples->items = items;
    struct tg_store_exception_sample *sample = &items[samples->count++];
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

/* `parameters`: as TG_QUERY_EXCEPTION_SAMPLES takes them. */
static enum tg_status read_samples(struct tg_store *store, const struct tg_sql_value *parameters, size_t count,
                                   struct tg_store_exception_samples *samples, struct tg_error *err) {
    struct tg_sql_value values[TG_EXCEPTION_SAMPLE_COLUMNS];
    bool found = true;
    enum tg_status status = tg_store_run(store, TG_QUERY_EXCEPTION_SAMPLES, parameters, count, err);
    while (status == TG_OK && found) {
        status = tg_store_fetch(store, TG_QUERY_EXCEPTION_SAMPLES, values, TG_EXCEPTION_SAMPLE_COLUMNS, &found, err);
        if (status == TG_OK && found) {
            status = add_sample(samples, values, err);
        }
    }
    tg_store_reset(store, TG_QUERY_EXCEPTION_SAMPLES);
    return status;
}

enum tg_status tg_store_exception_samples(struct tg_store *store, const struct tg_store_selection *selection,
                                          int64_t exception_id, size_t offset, size_t limit,
                                          struct tg_store_exception_samples *samples, struct tg_error *err) {
    enum { COUNTED = 1 + TG_IF_CHOSEN_PARAMETERS, LISTED = 4 + TG_CHOSEN_PARAMETERS + 2 };
    struct tg_sql_value counted[COUNTED] = {tg_value_integer(exception_id)};
    struct tg_sql_value listed[LISTED] = {tg_value_integer(exception_id)};
    uint8_t run_uuid[16];
    *samples = (struct tg_store_exception_samples){.items = NULL};
    enum tg_status status = put_selection(counted + 1, selection, run_uuid, err);
    if (status != TG_OK) {
        return status;
    }
    tg_store_put_range(listed + 1, selection);
    memcpy(listed + 4, counted + 5, TG_CHOSEN_PARAMETERS * sizeof listed[0]);
    listed[LISTED - 2] = tg_value_sum(limit);
    listed[LISTED - 1] = tg_value_sum(offset);
    status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = read_figure(store, TG_QUERY_EXCEPTION_SAMPLE_COUNT, counted, COUNTED, &samples->kept_count, err);
    if (status == TG_OK) {
        status = read_samples(store, listed, LISTED, samples, err);
    }
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_exception_samples_release(samples);
    }
    return status;
}
