/*
 * fold: keeping function_sums, so that questions over a whole history read one row for each function and the few
 * iterations that are not in there yet.
 *
 * An iteration is folded once newer ones have begun, so that the batches of all processes are in it, and once there are
 * enough rows that it pays. A batch that comes later than that takes its iteration's point out of the sums and puts the
 * new one in (commit_rows.c). See docs/adr/0008.
 */
#include "store/commit.h"

#include "store/function_rows.h"

#include <stdlib.h>

#define FOLD_ROWS           6144  /* that may lie unfolded: what a question reads beside the sums */
#define FOLD_ROWS_BLOCKS    16384 /* the same in blocks, which are read faster */
#define OPEN_ITERATIONS     2     /* the newest, which other processes' batches are still to come for */
#define SUMS_VALUES         (TG_SUMS_COLUMNS + 1)
#define SUMS_AT_ONCE        64   /* so that what is bound stays in the processor's cache */
#define SUMS_AT_ONCE_BLOCKS 1024 /* so that a server is waited for once */

/* Adds up the iterations that are to be folded. */
static enum tg_status add_iterations(struct tg_commit *commit, struct tg_commit_service *service, int64_t last,
                                     struct tg_error *err) {
    const struct tg_sql_value range[] = {tg_value_integer(service->id), tg_value_integer(service->folded_until + 1),
                                         tg_value_integer(last)};
    struct tg_function_rows rows;
    struct tg_figures_row row;
    bool found = true;
    int64_t count = 0;
    enum tg_status status = tg_function_rows_run(&rows, commit->store, TG_QUERY_ROWS, range, 3, err);
    while (status == TG_OK && found) {
        status = tg_function_rows_next(&rows, &row, &found, err);
        if (status == TG_OK && found) {
            status = tg_figures_add_with_point(&service->changes, &row, err);
            count++;
        }
    }
    tg_function_rows_end(&rows);
    tg_figures_end_points(&service->changes);
    service->folded_until = last;
    service->unfolded_count -= count;
    return status;
}

/* Adds what the database has of the same functions. */
static enum tg_status add_sums(struct tg_commit *commit, struct tg_commit_service *service, struct tg_error *err) {
    struct tg_figures *changes = &service->changes;
    int64_t first = INT64_MAX;
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < changes->count; i++) {
        first = changes->items[i].id < first ? changes->items[i].id : first;
        last = changes->items[i].id > last ? changes->items[i].id : last;
    }
    const struct tg_sql_value range[] = {tg_value_integer(service->id), tg_value_integer(first),
                                         tg_value_integer(last)};
    struct tg_sql_value values[TG_SUMS_COLUMNS];
    bool found = false;
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_SUMS_BETWEEN, range, 3, err);
    while (status == TG_OK) {
        status = tg_store_fetch(commit->store, TG_QUERY_SUMS_BETWEEN, values, TG_SUMS_COLUMNS, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        struct tg_store_function sums = tg_store_sums_of(values);
        struct tg_store_function *function = tg_figures_find(changes, sums.id);
        if (function) {
            tg_figures_merge(&sums, function); /* in this order, so that the origin stays */
            *function = sums;
        }
    }
    tg_store_reset(commit->store, TG_QUERY_SUMS_BETWEEN);
    return status;
}

static void put_sums(struct tg_sql_value *values, int64_t service_id, const struct tg_store_function *function) {
    const struct tg_store_sums *sums = &function->sums;
    values[0] = tg_value_integer(service_id);
    values[1] = tg_value_integer(function->id);
    values[2] = tg_value_integer(sums->iteration_count);
    values[3] = tg_value_integer(sums->first_iteration);
    values[4] = tg_value_integer(sums->last_iteration);
    values[5] = tg_value_real(sums->origin_x);
    values[6] = tg_value_real(sums->origin_y);
    values[7] = tg_value_real(sums->sum_x);
    values[8] = tg_value_real(sums->sum_y);
    values[9] = tg_value_real(sums->sum_xx);
    values[10] = tg_value_real(sums->sum_xy);
    values[11] = tg_value_real(sums->sum_yy);
    values[12] = tg_value_sum(function->call_count);
    values[13] = tg_value_sum(function->error_count);
    values[14] = tg_value_sum(function->total_ns);
    values[15] = tg_value_sum(function->cumulative_ns);
    values[16] = tg_value_sum(function->self_ns);
    values[17] = tg_value_sum(function->active_ns);
    values[18] = tg_value_figure(function->minimum_ns);
    values[19] = tg_value_figure(function->maximum_ns);
}

static enum tg_status write_sums(struct tg_commit *commit, const struct tg_commit_service *service,
                                 struct tg_error *err) {
    const struct tg_figures *changes = &service->changes;
    size_t most = tg_function_rows_are_blocks(commit->store) ? SUMS_AT_ONCE_BLOCKS : SUMS_AT_ONCE;
    most = changes->count < most ? changes->count : most;
    struct tg_sql_value *values = calloc(most, SUMS_VALUES * sizeof *values);
    enum tg_status status =
        values ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to add up the history");
    for (size_t done = 0; done < changes->count && status == TG_OK;) {
        size_t rows = changes->count - done < most ? changes->count - done : most;
        for (size_t i = 0; i < rows; i++) {
            put_sums(values + i * SUMS_VALUES, service->id, &changes->items[done + i]);
        }
        status = tg_store_run_rows(commit->store, TG_QUERY_SET_SUMS, values, SUMS_VALUES, rows, err);
        done += rows;
    }
    free(values);
    return status;
}

enum tg_status tg_commit_fold(struct tg_commit *commit, struct tg_commit_service *service, struct tg_error *err) {
    enum tg_status status = TG_OK;
    int64_t last = service->last_iteration - OPEN_ITERATIONS;
    int64_t most = tg_function_rows_are_blocks(commit->store) ? FOLD_ROWS_BLOCKS : FOLD_ROWS;
    if (service->unfolded_count > most && last > service->folded_until) {
        status = add_iterations(commit, service, last, err);
    }
    if (status == TG_OK && service->changes.count > 0) {
        status = add_sums(commit, service, err);
        if (status == TG_OK) {
            status = write_sums(commit, service, err);
        }
    }
    return status;
}
