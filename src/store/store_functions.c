/*
 * store_functions: what each function took, over a whole history or a part of it. See store.h.
 *
 * Over everything, function_sums has the answer but for the iterations after services.folded_until, whose rows are read
 * (fold.c). Over a part, or with histograms, the part's rows are read.
 */
#include "store/function_rows.h"
#include "store/last_rows.h"
#include "store/store_state.h"

#include <stdlib.h>
#include <string.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the history");
}

void tg_store_functions_release(struct tg_store_functions *functions) {
    if (!functions) {
        return;
    }
    for (size_t i = 0; i < functions->count; i++) {
        free(functions->items[i].name);
        free(functions->items[i].file);
        free(functions->items[i].histogram);
    }
    free(functions->items);
    *functions = (struct tg_store_functions){.items = NULL};
}

/* One question. */
struct reading {
    struct tg_store *store;
    const struct tg_store_selection *selection;
    struct tg_figures figures;
    int64_t function_id; /* 0: all */
    uint8_t run_uuid[16];
};

/* Rows of all functions. */
static enum tg_status add_all_rows(struct reading *reading, int64_t first_iteration, struct tg_error *err) {
    struct tg_store *store = reading->store;
    bool chosen = tg_store_is_chosen(reading->selection);
    bool with_histograms = reading->figures.with_histograms;
    enum tg_query query = with_histograms
                              ? (chosen ? TG_QUERY_ROWS_CHOSEN_WITH_HISTOGRAMS : TG_QUERY_ROWS_WITH_HISTOGRAMS)
                              : (chosen ? TG_QUERY_ROWS_CHOSEN : TG_QUERY_ROWS);
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    struct tg_function_rows rows;
    struct tg_figures_row row;
    bool found = true;
    tg_store_put_range(parameters, reading->selection);
    parameters[1] = tg_value_integer(first_iteration);
    enum tg_status status = tg_store_put_chosen(parameters + 3, reading->selection, reading->run_uuid, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_function_rows_run(&rows, store, query, parameters, chosen ? 3 + TG_CHOSEN_PARAMETERS : 3, err);
    while (status == TG_OK && found) {
        status = tg_function_rows_next(&rows, &row, &found, err);
        if (status == TG_OK && found) {
            status = tg_figures_add_with_point(&reading->figures, &row, err);
        }
    }
    tg_function_rows_end(&rows);
    return status;
}

/* Rows of one. */
static enum tg_status add_its_rows(struct reading *reading, int64_t first_iteration, struct tg_error *err) {
    struct tg_store_selection range = *reading->selection;
    struct tg_last_rows rows;
    bool found = true;
    range.first_iteration = first_iteration;
    enum tg_status status = TG_OK;
    tg_last_rows_begin(&rows, reading->store, &range, reading->function_id, TG_LAST_ROWS_MANY);
    while (status == TG_OK && found) {
        struct tg_figures_row row;
        status = tg_last_rows_next(&rows, &row, &found, err);
        if (status == TG_OK && found) {
            status = tg_figures_add_with_point(&reading->figures, &row, err);
        }
    }
    tg_last_rows_end(&rows);
    return status;
}

static enum tg_status add_rows(struct reading *reading, int64_t first_iteration, struct tg_error *err) {
    enum tg_status status = reading->function_id == 0 ? add_all_rows(reading, first_iteration, err)
                                                      : add_its_rows(reading, first_iteration, err);
    tg_figures_end_points(&reading->figures);
    return status;
}

/* What is in function_sums. */
static enum tg_status add_sums(struct reading *reading, struct tg_error *err) {
    struct tg_store *store = reading->store;
    enum tg_query query = reading->function_id == 0 ? TG_QUERY_SUMS : TG_QUERY_SUMS_OF_FUNCTION;
    const struct tg_sql_value key[] = {tg_value_integer(reading->selection->service_id),
                                       tg_value_integer(reading->function_id)};
    struct tg_sql_value values[TG_SUMS_COLUMNS];
    bool found = false;
    enum tg_status status = tg_store_run(store, query, key, reading->function_id == 0 ? 1 : 2, err);
    while (status == TG_OK) {
        status = tg_store_fetch(store, query, values, TG_SUMS_COLUMNS, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        struct tg_store_function sums = tg_store_sums_of(values);
        struct tg_store_function *function = tg_figures_get(&reading->figures, sums.id);
        if (!function) {
            status = no_memory(err);
            break;
        }
        tg_figures_merge(function, &sums);
    }
    tg_store_reset(store, query);
    return status;
}

/* The service's last iteration, and the last one in function_sums. */
static enum tg_status read_bounds(const struct reading *reading, int64_t *last_iteration, int64_t *folded_until,
                                  struct tg_error *err) {
    const struct tg_sql_value key = tg_value_integer(reading->selection->service_id);
    struct tg_sql_value values[2];
    bool found = false;
    enum tg_status status = tg_store_run(reading->store, TG_QUERY_SERVICE_BOUNDS, &key, 1, err);
    if (status == TG_OK) {
        status = tg_store_fetch(reading->store, TG_QUERY_SERVICE_BOUNDS, values, 2, &found, err);
    }
    if (status == TG_OK && !found) {
        status = tg_error_set(err, TG_ERROR_NOT_FOUND, "the history has no such service");
    }
    *last_iteration = found ? tg_value_to_integer(&values[0]) : 0;
    *folded_until = found ? tg_value_to_integer(&values[1]) : 0;
    tg_store_reset(reading->store, TG_QUERY_SERVICE_BOUNDS);
    return status;
}

static enum tg_status add_selected(struct reading *reading, struct tg_error *err) {
    const struct tg_store_selection *selection = reading->selection;
    int64_t last_iteration = 0;
    int64_t folded_until = 0;
    enum tg_status status = read_bounds(reading, &last_iteration, &folded_until, err);
    if (status != TG_OK) {
        return status;
    }
    bool is_everything = selection->first_iteration == INT64_MIN && selection->last_iteration >= last_iteration
                         && !tg_store_is_chosen(selection) && !reading->figures.with_histograms;
    if (!is_everything) {
        return add_rows(reading, selection->first_iteration, err);
    }
    status = add_sums(reading, err);
    return status == TG_OK ? add_rows(reading, folded_until + 1, err) : status;
}

/* Moves the figures of the function that the row names into the result, if it was called. */
static enum tg_status take_function(struct reading *reading, const struct tg_sql_value *values,
                                    struct tg_store_functions *functions, struct tg_error *err) {
    struct tg_store_function *figures = tg_figures_find(&reading->figures, tg_value_to_integer(&values[0]));
    if (!figures) {
        return TG_OK;
    }
    struct tg_store_function *items = tg_store_grow(functions->items, functions->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    functions->items = items;
    struct tg_store_function *function = &items[functions->count++];
    *function = *figures;
    figures->histogram = NULL;
    function->name = tg_value_to_text(&values[1]);
    function->file = tg_value_to_text(&values[2]);
    function->line = (uint32_t)tg_value_to_figure(&values[3]);
    return function->name && function->file ? TG_OK : no_memory(err);
}

static enum tg_status take_functions(struct reading *reading, const char *name, struct tg_store_functions *functions,
                                     struct tg_error *err) {
    enum tg_query query = name ? TG_QUERY_FUNCTION_NAMED : TG_QUERY_FUNCTIONS;
    const struct tg_sql_value key[] = {tg_value_integer(reading->selection->service_id), tg_value_of_string(name)};
    struct tg_sql_value values[4];
    bool found = false;
    enum tg_status status = tg_store_run(reading->store, query, key, name ? 2 : 1, err);
    while (status == TG_OK) {
        status = tg_store_fetch(reading->store, query, values, 4, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        status = take_function(reading, values, functions, err);
    }
    tg_store_reset(reading->store, query);
    return status;
}

static int by_name(const void *one, const void *other) {
    const struct tg_store_function *a = one;
    const struct tg_store_function *b = other;
    return strcmp(a->name, b->name);
}

static enum tg_status read_functions(struct reading *reading, const char *name, struct tg_store_functions *functions,
                                     struct tg_error *err) {
    enum tg_status status = TG_OK;
    if (name) {
        status =
            tg_store_find_function(reading->store, reading->selection->service_id, name, &reading->function_id, err);
        if (status == TG_ERROR_NOT_FOUND) {
            return TG_OK; /* never called */
        }
    }
    if (status == TG_OK) {
        status = add_selected(reading, err);
    }
    return status == TG_OK ? take_functions(reading, name, functions, err) : status;
}

enum tg_status tg_store_functions(struct tg_store *store, const struct tg_store_selection *selection, const char *name,
                                  bool with_histograms, struct tg_store_functions *functions, struct tg_error *err) {
    struct reading reading = {.store = store, .selection = selection};
    *functions = (struct tg_store_functions){.items = NULL};
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    tg_figures_init(&reading.figures, with_histograms);
    status = read_functions(&reading, name, functions, err);
    tg_figures_release(&reading.figures);
    status = tg_store_end_reading(store, status, err);
    if (status != TG_OK) {
        tg_store_functions_release(functions);
    } else if (functions->count > 0) {
        qsort(functions->items, functions->count, sizeof *functions->items, by_name);
    }
    return status;
}

enum tg_status tg_store_count_iterations(struct tg_store *store, const struct tg_store_selection *selection,
                                         int64_t *count, struct tg_error *err) {
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    uint8_t run_uuid[16];
    bool found = false;
    *count = 0;
    tg_store_put_range(parameters, selection);
    enum tg_status status = tg_store_put_chosen(parameters + 3, selection, run_uuid, err);
    if (status == TG_OK) {
        status = tg_store_run(store, TG_QUERY_ITERATIONS, parameters, 3 + TG_CHOSEN_PARAMETERS, err);
    }
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_ITERATIONS, &value, 1, &found, err);
        *count = found ? tg_value_to_integer(&value) : 0;
    }
    tg_store_reset(store, TG_QUERY_ITERATIONS);
    return status;
}
