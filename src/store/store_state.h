/*
 * store_state: what an open store is made of, for the files that make up its façade (store.h): its connection, its
 * statements, and short ways to run them.
 */
#ifndef TG_STORE_STATE_H
#define TG_STORE_STATE_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/figures.h"
#include "store/interning.h"
#include "store/queries.h"
#include "store/sql.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Figures of an interval are at most this in the database, so that it can add up many of them: 127 of this size, and
 * 2^20 of two hours each, are less than 2^63. */
#define TG_STORE_FIGURE_MAX (UINT64_C(1) << 56U)

/* A process that is in the database for sure: a collector's own, batch for batch. */
struct tg_store_process {
    int64_t id; /* 0: none is known */
    int64_t service_id;
    uint8_t uuid[16];
};

struct tg_store {
    const struct tg_sql_driver *driver;
    struct tg_sql *sql;
    struct tg_sql_statement *statements[TG_QUERY_COUNT]; /* NULL: not prepared yet */
    struct tg_interning interning;
    struct tg_store_process process;
    uint64_t transaction; /* how many have been begun to store batches */
    /* Room for rows on their way (function_rows.c), used again and again. */
    struct tg_sql_value *values;
    char *text;
    size_t text_capacity;
    bool read_only;
};

/* Runs a query with its parameters. */
TG_NODISCARD enum tg_status tg_store_run(struct tg_store *store, enum tg_query query,
                                         const struct tg_sql_value *parameters, size_t count, struct tg_error *err);
TG_NODISCARD enum tg_status tg_store_run_rows(struct tg_store *store, enum tg_query query,
                                              const struct tg_sql_value *parameters, size_t count, size_t rows,
                                              struct tg_error *err);
/* The next row of a query that was run. */
TG_NODISCARD enum tg_status tg_store_fetch(struct tg_store *store, enum tg_query query, struct tg_sql_value *values,
                                           size_t count, bool *found, struct tg_error *err);
/* Drops the rows that are left. */
void tg_store_reset(struct tg_store *store, enum tg_query query);

/* Questions that need one moment are asked between these two; `status` is that of the questions, and comes back. */
TG_NODISCARD enum tg_status tg_store_begin_reading(struct tg_store *store, struct tg_error *err);
enum tg_status tg_store_end_reading(struct tg_store *store, enum tg_status status, struct tg_error *err);

/* Values as parameters. */
static inline struct tg_sql_value tg_value_integer(int64_t integer) {
    return (struct tg_sql_value){.kind = TG_SQL_INTEGER, .integer = integer};
}
static inline struct tg_sql_value tg_value_figure(uint64_t figure) {
    return tg_value_integer((int64_t)(figure < TG_STORE_FIGURE_MAX ? figure : TG_STORE_FIGURE_MAX));
}
static inline struct tg_sql_value tg_value_sum(uint64_t sum) {
    return tg_value_integer(sum < INT64_MAX ? (int64_t)sum : INT64_MAX);
}
static inline struct tg_sql_value tg_value_real(double real) {
    return (struct tg_sql_value){.kind = TG_SQL_REAL, .real = real};
}
static inline struct tg_sql_value tg_value_text(struct tg_bytes text) {
    return (struct tg_sql_value){.kind = TG_SQL_TEXT, .bytes = text.data, .length = text.length};
}
static inline struct tg_sql_value tg_value_of_string(const char *string) {
    return tg_value_text((struct tg_bytes){.data = string, .length = string ? strlen(string) : 0});
}
static inline struct tg_sql_value tg_value_blob(const void *bytes, size_t length) {
    return (struct tg_sql_value){.kind = TG_SQL_BLOB, .bytes = bytes ? bytes : "", .length = length}; /* no NULL */
}

/* What was read. Anything else than a number is 0, anything else than a text is empty. */
int64_t tg_value_to_integer(const struct tg_sql_value *value);
uint64_t tg_value_to_figure(const struct tg_sql_value *value);  /* negative ones are 0 */
uint64_t tg_value_to_minimum(const struct tg_sql_value *value); /* the largest figure is UINT64_MAX: no call ended */
double tg_value_to_real(const struct tg_sql_value *value);
struct tg_bytes tg_value_to_bytes(const struct tg_sql_value *value);
/* A copy, ended by a zero byte; NULL: not enough memory. */
char *tg_value_to_text(const struct tg_sql_value *value);

/* The parameters that a selection becomes: service, first and last iteration; and TG_CHOSEN_PARAMETERS, for which
 * `run_uuid` lends room. TG_ERROR_INVALID: its run is no uuid. */
void tg_store_put_range(struct tg_sql_value *parameters, const struct tg_store_selection *selection);
TG_NODISCARD enum tg_status tg_store_put_chosen(struct tg_sql_value *parameters,
                                                const struct tg_store_selection *selection, uint8_t run_uuid[16],
                                                struct tg_error *err);
/* Whether the selection is of some processes only. */
bool tg_store_is_chosen(const struct tg_store_selection *selection);

/* The text as the database takes it: valid UTF-8 without zero bytes, of at most `limit` bytes. Borrowed from `text`
 * when it is that already, else from `out`, which is overwritten. */
struct tg_bytes tg_store_clean_text(struct tg_bytes text, size_t limit, struct tg_strbuf *out);
#define TG_STORE_NAME_BYTES_MAX 16384U /* longer ones are cut, and those that begin alike are one */
#define TG_STORE_TEXT_BYTES_MAX 4096U  /* of files, hosts and so on */

/* TG_ROW_COLUMNS columns, and the histogram after them if there is one. */
struct tg_figures_row tg_store_row_of(const struct tg_sql_value *values, bool with_histogram);
/* TG_SUMS_COLUMNS columns; names are NULL. */
struct tg_store_function tg_store_sums_of(const struct tg_sql_value *values);

/* floor(time / base) */
int64_t tg_store_slot_of(int64_t wall_ns, int64_t base_interval_ns);

/* Growing the array of a result by one. NULL: not enough memory. */
void *tg_store_grow(void *items, size_t count, size_t item_bytes);

#endif
