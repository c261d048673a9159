/* function_rows: see function_rows.h. */
#include "store/function_rows.h"

#include <stdlib.h>
#include <string.h>

#define ROW_VALUES     13
#define ROWS_AT_A_TIME 128 /* so that what is bound stays in the processor's cache */

#define BLOCK_VALUES     (4 + TG_BLOCK_VALUES)
#define BLOCKS_AT_A_TIME 128 /* some 2,000 functions: as a rule one packet for a batch */

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for a row of the history");
}

bool tg_function_rows_are_blocks(const struct tg_store *store) {
    return store->driver->dialect == TG_SQL_DIALECT_MYSQL;
}

/* Writing. */

static void put_row(struct tg_sql_value *values, int64_t service_id, int64_t interval_id,
                    const struct tg_figures_row *row) {
    values[0] = tg_value_integer(service_id);
    values[1] = tg_value_integer(row->iteration);
    values[2] = tg_value_integer(row->function_id);
    values[3] = tg_value_integer(interval_id);
    values[4] = tg_value_figure(row->call_count);
    values[5] = tg_value_figure(row->error_count);
    values[6] = tg_value_figure(row->total_ns);
    values[7] = tg_value_figure(row->cumulative_ns);
    values[8] = tg_value_figure(row->self_ns);
    values[9] = tg_value_figure(row->active_ns);
    values[10] = tg_value_figure(row->minimum_ns);
    values[11] = tg_value_figure(row->maximum_ns);
    values[12] = tg_value_blob(row->histogram.data, row->histogram.length);
}

static enum tg_status write_rows(struct tg_store *store, int64_t service_id, int64_t interval_id,
                                 const struct tg_figures_row *rows, size_t count, struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t done = 0; done < count && status == TG_OK;) {
        size_t now = count - done < ROWS_AT_A_TIME ? count - done : ROWS_AT_A_TIME;
        for (size_t i = 0; i < now; i++) {
            put_row(store->values + i * ROW_VALUES, service_id, interval_id, &rows[done + i]);
        }
        status = tg_store_run_rows(store, TG_QUERY_ADD_ROWS, store->values, ROW_VALUES, now, err);
        done += now;
    }
    return status;
}

/* Room for all their texts, so that none moves. */
static enum tg_status make_room(struct tg_store *store, const struct tg_figures_row *rows, size_t count,
                                struct tg_error *err) {
    /* Each block has one number more than functions, and there are at most as many blocks. */
    size_t room = tg_block_room(rows, count) + count * tg_block_room(rows, 0);
    if (room > store->text_capacity) {
        char *text = realloc(store->text, room);
        if (!text) {
            return no_memory(err);
        }
        store->text = text;
        store->text_capacity = room;
    }
    return TG_OK;
}

static enum tg_status write_blocks(struct tg_store *store, int64_t service_id, int64_t interval_id,
                                   const struct tg_figures_row *rows, size_t count, struct tg_error *err) {
    enum tg_status status = make_room(store, rows, count, err);
    for (size_t done = 0; done < count && status == TG_OK;) {
        char *room = store->text;
        size_t blocks = 0;
        for (; done < count && blocks < BLOCKS_AT_A_TIME; blocks++) {
            struct tg_sql_value *values = store->values + blocks * BLOCK_VALUES;
            size_t together = tg_block_count(rows + done, count - done);
            values[0] = tg_value_integer(service_id);
            values[1] = tg_value_integer(rows[done].iteration);
            values[2] = tg_value_integer(tg_block_of(rows[done].function_id));
            values[3] = tg_value_integer(interval_id);
            room = tg_block_encode(rows + done, together, room, values + 4);
            done += together;
        }
        status = tg_store_run_rows(store, TG_QUERY_ADD_ROWS, store->values, BLOCK_VALUES, blocks, err);
    }
    return status;
}

enum tg_status tg_function_rows_write(struct tg_store *store, int64_t service_id, int64_t interval_id,
                                      const struct tg_figures_row *rows, size_t count, struct tg_error *err) {
    size_t capacity = tg_function_rows_are_blocks(store) ? (size_t)BLOCKS_AT_A_TIME * BLOCK_VALUES
                                                         : (size_t)ROWS_AT_A_TIME * ROW_VALUES;
    if (!store->values && !(store->values = calloc(capacity, sizeof *store->values))) {
        return no_memory(err);
    }
    return tg_function_rows_are_blocks(store) ? write_blocks(store, service_id, interval_id, rows, count, err)
                                              : write_rows(store, service_id, interval_id, rows, count, err);
}

/* Reading. */

/* Reads the block that is to come next, if there is one, and keeps its histograms. */
static enum tg_status read_block(struct tg_function_rows *rows, struct tg_error *err) {
    struct tg_sql_value values[TG_FUNCTION_ROWS_COLUMNS_MAX];
    size_t columns = TG_BLOCK_COLUMNS + (rows->with_histograms ? TG_BLOCK_COLUMNS_HISTOGRAMS : 0);
    struct tg_block *block = &rows->block;
    enum tg_status status = tg_store_fetch(rows->store, rows->query, values, columns, &rows->has_block, err);
    if (status == TG_OK && rows->has_block) {
        status = tg_block_decode(block, values, rows->with_histograms, err);
    }
    tg_strbuf_truncate(&rows->block_histograms, 0);
    for (size_t i = 0; i < block->count && status == TG_OK && rows->has_block && rows->with_histograms; i++) {
        tg_strbuf_append_bytes(&rows->block_histograms, block->rows[i].histogram.data, block->rows[i].histogram.length);
    }
    if (status == TG_OK && tg_strbuf_status(&rows->block_histograms) != TG_OK) {
        status = no_memory(err);
    }
    return status;
}

/* Moves the block that was read to the end of the group. */
static enum tg_status take_block(struct tg_function_rows *rows, struct tg_error *err) {
    struct tg_function_rows_group *group = &rows->group;
    size_t count = group->count + rows->block.count;
    if (count > group->capacity) {
        struct tg_figures_row *items = realloc(group->items, count * sizeof *items);
        if (!items) {
            return no_memory(err);
        }
        group->items = items;
        group->capacity = count;
    }
    memcpy(group->items + group->count, rows->block.rows, rows->block.count * sizeof *group->items);
    group->count = count;
    if (rows->block_histograms.length > 0) {
        tg_strbuf_append_bytes(&group->histograms, tg_strbuf_text(&rows->block_histograms),
                               rows->block_histograms.length);
    }
    return tg_strbuf_status(&group->histograms) == TG_OK ? TG_OK : no_memory(err);
}

static int by_function(const void *one, const void *other) {
    const struct tg_figures_row *a = one;
    const struct tg_figures_row *b = other;
    return (a->function_id > b->function_id) - (a->function_id < b->function_id);
}

/* Reads the blocks of all intervals that have one number in one iteration, and sorts their functions. */
static enum tg_status read_group(struct tg_function_rows *rows, struct tg_error *err) {
    struct tg_function_rows_group *group = &rows->group;
    int64_t iteration = rows->block.iteration;
    int64_t number = rows->block.number;
    size_t blocks = 0;
    enum tg_status status = TG_OK;
    group->count = 0;
    rows->next = 0;
    tg_strbuf_truncate(&group->histograms, 0);
    while (status == TG_OK && rows->has_block && rows->block.iteration == iteration && rows->block.number == number) {
        status = take_block(rows, err);
        if (status == TG_OK) {
            status = read_block(rows, err);
        }
        blocks++;
    }
    const char *histogram = tg_strbuf_text(&group->histograms);
    for (size_t i = 0; i < group->count && rows->with_histograms; i++) {
        group->items[i].histogram.data = histogram;
        histogram += group->items[i].histogram.length;
    }
    if (blocks > 1) {
        qsort(group->items, group->count, sizeof *group->items, by_function);
    }
    return status;
}

static enum tg_status next_of_blocks(struct tg_function_rows *rows, struct tg_figures_row *row, bool *found,
                                     struct tg_error *err) {
    enum tg_status status = TG_OK;
    if (rows->next == rows->group.count && rows->has_block) {
        status = read_group(rows, err);
    }
    *found = status == TG_OK && rows->next < rows->group.count;
    if (*found) {
        *row = rows->group.items[rows->next++];
    }
    return status;
}

enum tg_status tg_function_rows_run(struct tg_function_rows *rows, struct tg_store *store, enum tg_query query,
                                    const struct tg_sql_value *parameters, size_t count, struct tg_error *err) {
    *rows = (struct tg_function_rows){
        .store = store,
        .query = query,
        .with_histograms = query == TG_QUERY_ROWS_WITH_HISTOGRAMS || query == TG_QUERY_ROWS_CHOSEN_WITH_HISTOGRAMS,
    };
    tg_strbuf_init(&rows->block_histograms);
    tg_strbuf_init(&rows->group.histograms);
    enum tg_status status = tg_store_run(store, query, parameters, count, err);
    return status == TG_OK && tg_function_rows_are_blocks(store) ? read_block(rows, err) : status;
}

enum tg_status tg_function_rows_next(struct tg_function_rows *rows, struct tg_figures_row *row, bool *found,
                                     struct tg_error *err) {
    struct tg_sql_value values[TG_ROW_COLUMNS + 1];
    *found = false;
    if (tg_function_rows_are_blocks(rows->store)) {
        return next_of_blocks(rows, row, found, err);
    }
    enum tg_status status =
        tg_store_fetch(rows->store, rows->query, values, TG_ROW_COLUMNS + rows->with_histograms, found, err);
    if (status == TG_OK && *found) {
        *row = tg_store_row_of(values, rows->with_histograms);
    }
    return status;
}

void tg_function_rows_end(struct tg_function_rows *rows) {
    tg_store_reset(rows->store, rows->query);
    tg_strbuf_release(&rows->block_histograms);
    tg_strbuf_release(&rows->group.histograms);
    free(rows->group.items);
    rows->group = (struct tg_function_rows_group){.items = NULL};
}

size_t tg_function_rows_columns(const struct tg_store *store) {
    return tg_function_rows_are_blocks(store) ? TG_BLOCK_COLUMNS + TG_BLOCK_COLUMNS_HISTOGRAMS : TG_ROW_COLUMNS + 1;
}

enum tg_status tg_function_rows_pick(const struct tg_store *store, const struct tg_sql_value *values,
                                     int64_t function_id, struct tg_figures_row *row, bool *found,
                                     struct tg_error *err) {
    *found = values[0].kind != TG_SQL_NULL;
    if (!*found) {
        return TG_OK;
    }
    if (tg_function_rows_are_blocks(store)) {
        return tg_block_decode_one(values, function_id, row, found, err);
    }
    *row = tg_store_row_of(values, true);
    return TG_OK;
}
