/* store_series: one function, iteration by iteration. See store.h. */
#include "store/last_rows.h"
#include "store/store_state.h"

#include <stdlib.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the history");
}

void tg_store_series_release(struct tg_store_series *series) {
    if (!series) {
        return;
    }
    free(series->items);
    *series = (struct tg_store_series){.items = NULL};
}

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static void add_row(struct tg_store_point *point, const struct tg_figures_row *row) {
    point->call_count = saturating_add(point->call_count, row->call_count);
    point->error_count = saturating_add(point->error_count, row->error_count);
    point->total_ns = saturating_add(point->total_ns, row->total_ns);
    point->cumulative_ns = saturating_add(point->cumulative_ns, row->cumulative_ns);
    point->self_ns = saturating_add(point->self_ns, row->self_ns);
    point->active_ns = saturating_add(point->active_ns, row->active_ns);
    point->minimum_ns = row->minimum_ns < point->minimum_ns ? row->minimum_ns : point->minimum_ns;
    point->maximum_ns = row->maximum_ns > point->maximum_ns ? row->maximum_ns : point->maximum_ns;
}

static enum tg_status add_histogram(struct tg_histogram *histogram, struct tg_bytes bytes, struct tg_error *err) {
    struct tg_histogram one;
    if (bytes.length == 0) {
        return TG_OK;
    }
    enum tg_status status = tg_histogram_decode(&one, (const uint8_t *)bytes.data, bytes.length, err);
    if (status == TG_OK) {
        status = tg_histogram_merge(histogram, &one);
    }
    return status == TG_ERROR_FULL ? TG_OK : status;
}

/* One function in one iteration, all processes together. */
struct iteration {
    struct tg_store_point point;
    struct tg_histogram histogram;
};

typedef enum tg_status iteration_taker(void *context, struct iteration *iteration, struct tg_error *err);

/* Gives iterations, newest first, to `take`, until there were `limit` (0: all). */
static enum tg_status read_iterations(struct tg_last_rows *rows, size_t limit, iteration_taker *take, void *context,
                                      struct tg_error *err) {
    struct iteration now;
    struct tg_figures_row row;
    bool has_rows = false;
    size_t count = 0;
    for (;;) {
        bool found = false;
        enum tg_status status = tg_last_rows_next(rows, &row, &found, err);
        bool is_over = has_rows && (!found || now.point.iteration != row.iteration);
        if (status == TG_OK && is_over) {
            status = take(context, &now, err);
            count++;
            has_rows = false;
        }
        if (status != TG_OK || !found || (limit > 0 && count == limit)) {
            return status;
        }
        if (!has_rows) {
            now = (struct iteration){.point = {.iteration = row.iteration, .minimum_ns = UINT64_MAX}};
            has_rows = true;
        }
        add_row(&now.point, &row);
        status = add_histogram(&now.histogram, row.histogram, err);
        if (status != TG_OK) {
            return status;
        }
    }
}

static enum tg_status read_function(struct tg_store *store, const struct tg_store_selection *selection,
                                    const char *name, size_t limit, iteration_taker *take, void *context,
                                    struct tg_error *err) {
    int64_t function_id = 0;
    enum tg_status status = tg_store_begin_reading(store, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_store_find_function(store, selection->service_id, name, &function_id, err);
    if (status == TG_OK) {
        struct tg_last_rows rows;
        /* One more, to know that the last point is complete. */
        int64_t chunk = limit > 0 && limit < TG_LAST_ROWS_MANY ? (int64_t)limit + 1 : TG_LAST_ROWS_MANY;
        tg_last_rows_begin(&rows, store, selection, function_id, chunk);
        status = read_iterations(&rows, limit, take, context, err);
        tg_last_rows_end(&rows);
    }
    return tg_store_end_reading(store, status, err);
}

static enum tg_status append_point(void *context, struct iteration *iteration, struct tg_error *err) {
    struct tg_store_series *series = context;
    struct tg_store_point *point = &iteration->point;
    uint64_t minimum = point->minimum_ns == UINT64_MAX ? 0 : point->minimum_ns;
    uint64_t maximum = point->maximum_ns == 0 ? UINT64_MAX : point->maximum_ns;
    struct tg_store_point *items = tg_store_grow(series->items, series->count, sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    point->p50_ns = tg_histogram_percentile(&iteration->histogram, 50, minimum, maximum);
    point->p90_ns = tg_histogram_percentile(&iteration->histogram, 90, minimum, maximum);
    point->p99_ns = tg_histogram_percentile(&iteration->histogram, 99, minimum, maximum);
    series->items = items;
    items[series->count++] = *point;
    return TG_OK;
}

static void reverse(struct tg_store_series *series) {
    for (size_t i = 0; i < series->count / 2; i++) {
        struct tg_store_point point = series->items[i];
        series->items[i] = series->items[series->count - 1 - i];
        series->items[series->count - 1 - i] = point;
    }
}

enum tg_status tg_store_series(struct tg_store *store, const struct tg_store_selection *selection, const char *name,
                               size_t limit, struct tg_store_series *series, struct tg_error *err) {
    *series = (struct tg_store_series){.items = NULL};
    enum tg_status status = read_function(store, selection, name, limit, append_point, series, err);
    if (status != TG_OK) {
        tg_store_series_release(series);
    }
    reverse(series);
    return status;
}

struct distribution_taker {
    tg_store_take_distribution *take;
    void *context;
};

static enum tg_status give_distribution(void *context, struct iteration *iteration, struct tg_error *err) {
    const struct distribution_taker *taker = context;
    return taker->take(taker->context, iteration->point.iteration, &iteration->histogram, err);
}

enum tg_status tg_store_distributions(struct tg_store *store, const struct tg_store_selection *selection,
                                      const char *name, tg_store_take_distribution *take, void *context,
                                      struct tg_error *err) {
    struct distribution_taker taker = {.take = take, .context = context};
    return read_function(store, selection, name, 0, give_distribution, &taker, err);
}
