/* store_points: all functions, iteration by iteration, and what their figures do not show. See store.h. */
#include "store/function_rows.h"
#include "store/store_state.h"

#define QUALITY_COLUMNS 7

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* Rows that become points. */
struct joining {
    enum tg_status (*take)(void *context, int64_t function_id, const struct tg_store_point *point,
                           struct tg_error *err);
    void *context;
    bool has_point;
    int64_t function_id;
    struct tg_store_point point;
};

static enum tg_status give(struct joining *joining, struct tg_error *err) {
    bool had = joining->has_point;
    joining->has_point = false;
    return had ? joining->take(joining->context, joining->function_id, &joining->point, err) : TG_OK;
}

static enum tg_status join(struct joining *joining, const struct tg_figures_row *row, struct tg_error *err) {
    struct tg_store_point *point = &joining->point;
    if (!joining->has_point || joining->function_id != row->function_id || point->iteration != row->iteration) {
        enum tg_status status = give(joining, err);
        if (status != TG_OK) {
            return status;
        }
        joining->has_point = true;
        joining->function_id = row->function_id;
        *point = (struct tg_store_point){.iteration = row->iteration, .minimum_ns = UINT64_MAX};
    }
    point->call_count = saturating_add(point->call_count, row->call_count);
    point->error_count = saturating_add(point->error_count, row->error_count);
    point->total_ns = saturating_add(point->total_ns, row->total_ns);
    point->cumulative_ns = saturating_add(point->cumulative_ns, row->cumulative_ns);
    point->self_ns = saturating_add(point->self_ns, row->self_ns);
    point->active_ns = saturating_add(point->active_ns, row->active_ns);
    point->minimum_ns = row->minimum_ns < point->minimum_ns ? row->minimum_ns : point->minimum_ns;
    point->maximum_ns = row->maximum_ns > point->maximum_ns ? row->maximum_ns : point->maximum_ns;
    return TG_OK;
}

static enum tg_status read_rows(struct tg_function_rows *rows, struct joining *joining, struct tg_error *err) {
    struct tg_figures_row row;
    bool found = true;
    enum tg_status status = TG_OK;
    while (status == TG_OK && found) {
        status = tg_function_rows_next(rows, &row, &found, err);
        if (status == TG_OK && found) {
            status = join(joining, &row, err);
        }
    }
    return status == TG_OK ? give(joining, err) : status;
}

enum tg_status tg_store_points(struct tg_store *store, const struct tg_store_selection *selection,
                               enum tg_status (*take)(void *context, int64_t function_id,
                                                      const struct tg_store_point *point, struct tg_error *err),
                               void *context, struct tg_error *err) {
    struct joining joining = {.take = take, .context = context};
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    struct tg_function_rows rows;
    uint8_t run_uuid[16];
    bool chosen = tg_store_is_chosen(selection);
    tg_store_put_range(parameters, selection);
    enum tg_status status = tg_store_put_chosen(parameters + 3, selection, run_uuid, err);
    if (status != TG_OK) {
        return status;
    }
    status = tg_function_rows_run(&rows, store, chosen ? TG_QUERY_ROWS_CHOSEN : TG_QUERY_ROWS, parameters,
                                  chosen ? 3 + TG_CHOSEN_PARAMETERS : 3, err);
    if (status == TG_OK) {
        status = read_rows(&rows, &joining, err);
    }
    tg_function_rows_end(&rows);
    return status;
}

enum tg_status tg_store_quality(struct tg_store *store, const struct tg_store_selection *selection,
                                struct tg_store_quality *quality, struct tg_error *err) {
    struct tg_sql_value parameters[3 + TG_CHOSEN_PARAMETERS];
    struct tg_sql_value values[QUALITY_COLUMNS];
    uint8_t run_uuid[16];
    bool found = false;
    *quality = (struct tg_store_quality){.interval_count = 0};
    tg_store_put_range(parameters, selection);
    enum tg_status status = tg_store_put_chosen(parameters + 3, selection, run_uuid, err);
    if (status == TG_OK) {
        status = tg_store_run(store, TG_QUERY_QUALITY, parameters, 3 + TG_CHOSEN_PARAMETERS, err);
    }
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_QUALITY, values, QUALITY_COLUMNS, &found, err);
    }
    if (status == TG_OK && found) {
        *quality = (struct tg_store_quality){
            .interval_count = tg_value_to_integer(&values[0]),
            .overflow_call_count = tg_value_to_integer(&values[1]),
            .unrecorded_call_count = tg_value_to_integer(&values[2]),
            .refused_function_count = tg_value_to_integer(&values[3]),
            .torn_count = tg_value_to_integer(&values[4]),
            .damaged_count = tg_value_to_integer(&values[5]),
            .collector_cpu_ns = tg_value_to_integer(&values[6]),
        };
    }
    tg_store_reset(store, TG_QUERY_QUALITY);
    return status;
}
