/*
 * function_rows: writing and reading what functions did in an interval, whichever way the engine keeps it: a row for
 * each (the table function_intervals), or blocks of sixteen (block.h; function_intervals is then a view).
 */
#ifndef TG_FUNCTION_ROWS_H
#define TG_FUNCTION_ROWS_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "store/block.h"
#include "store/figures.h"
#include "store/store_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the store keeps them. A server takes longer for a row than for all that is in it; SQLite does not. */
bool tg_function_rows_are_blocks(const struct tg_store *store);

/* Stores what functions did in one interval: all of that interval, by id and without repetition. The rows say in which
 * iteration. */
TG_NODISCARD enum tg_status tg_function_rows_write(struct tg_store *store, int64_t service_id, int64_t interval_id,
                                                   const struct tg_figures_row *rows, size_t count,
                                                   struct tg_error *err);

/* Functions of one iteration that are read together: one block of each interval. */
struct tg_function_rows_group {
    struct tg_figures_row *items;
    size_t count;
    size_t capacity;
    struct tg_strbuf histograms;
};

/* A query that gives rows, being read. */
struct tg_function_rows {
    struct tg_store *store;
    enum tg_query query;
    bool with_histograms;
    bool has_block;                    /* the one below; in blocks only, as what follows */
    struct tg_block block;             /* read, but not in the group: the first of the next one */
    struct tg_strbuf block_histograms; /* its own */
    struct tg_function_rows_group group;
    size_t next; /* in the group */
};

/* Starts one of the queries TG_QUERY_ROWS...; to be ended whatever it gives. */
TG_NODISCARD enum tg_status tg_function_rows_run(struct tg_function_rows *rows, struct tg_store *store,
                                                 enum tg_query query, const struct tg_sql_value *parameters,
                                                 size_t count, struct tg_error *err);
/* The next row, by iteration and function; *found false: there are no more. Histograms are borrowed until the next
 * call. */
TG_NODISCARD enum tg_status tg_function_rows_next(struct tg_function_rows *rows, struct tg_figures_row *row,
                                                  bool *found, struct tg_error *err);
void tg_function_rows_end(struct tg_function_rows *rows);

/* The columns of a row that a query gives with its histogram, and the most there are. */
size_t tg_function_rows_columns(const struct tg_store *store);
#define TG_FUNCTION_ROWS_COLUMNS_MAX (TG_BLOCK_COLUMNS + TG_BLOCK_COLUMNS_HISTOGRAMS)
/* The row of one function in those columns; *found false: it is not among them. */
TG_NODISCARD enum tg_status tg_function_rows_pick(const struct tg_store *store, const struct tg_sql_value *values,
                                                  int64_t function_id, struct tg_figures_row *row, bool *found,
                                                  struct tg_error *err);

#endif
