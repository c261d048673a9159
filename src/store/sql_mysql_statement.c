/*
 * The driver for MariaDB and MySQL: prepared statements.
 *
 * Results are fetched whole when a query runs, so several statements can be in use at once, as in SQLite. Many rows
 * are sent by array binding, in parts that the server takes as one packet; one without it (MySQL) gets them one by one.
 */
#include "store/sql_mysql_statement.h"

#include <mysqld_error.h>

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACKET_ROOM = 4096,           /* for what a packet holds besides values */
    PART_BYTES_MAX = 1024 * 1024, /* of the rows sent at once */
    PART_ROWS_MAX = 16384,        /* likewise */
};

enum tg_status tg_mysql_statement_failure(const struct tg_mysql_statement *statement, struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    return tg_mysql_failure(err, statement->mysql, library->mysql_stmt_errno(statement->handle),
                            library->mysql_stmt_error(statement->handle));
}

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the store's statements");
}

/* Preparing. */

static void free_statement(struct tg_mysql_statement *statement) {
    if (statement->handle) {
        statement->mysql->library->mysql_stmt_close(statement->handle);
    }
    tg_mysql_result_release(statement);
    free(statement->parameters);
    free(statement->part);
    free(statement);
}

static enum tg_status prepare(struct tg_mysql_statement *statement, const char *text, struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    statement->handle = library->mysql_stmt_init(statement->mysql->handle);
    if (!statement->handle) {
        return no_memory(err);
    }
    if (library->mysql_stmt_prepare(statement->handle, text, strlen(text)) != 0) {
        return tg_mysql_statement_failure(statement, err);
    }
    statement->parameter_count = library->mysql_stmt_param_count(statement->handle);
    statement->parameters = calloc(statement->parameter_count + 1, sizeof *statement->parameters);
    return statement->parameters ? tg_mysql_result_prepare(statement, err) : no_memory(err);
}

enum tg_status tg_mysql_prepare(struct tg_sql_statement **statement, struct tg_sql *sql, const char *text,
                                struct tg_error *err) {
    struct tg_mysql_guard guard;
    struct tg_mysql *mysql = tg_mysql_of(sql);
    *statement = NULL;
    enum tg_status status = tg_mysql_enter(mysql, &guard, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_mysql_statement *made = calloc(1, sizeof *made);
    status = made ? TG_OK : no_memory(err);
    if (made) {
        made->mysql = mysql;
        status = prepare(made, text, err);
    }
    if (status == TG_OK) {
        *statement = (struct tg_sql_statement *)(void *)made;
    } else if (made) {
        free_statement(made);
    }
    tg_mysql_leave(&guard);
    return status;
}

void tg_mysql_finalize(struct tg_sql_statement *statement) {
    if (!statement) {
        return;
    }
    struct tg_mysql_guard guard;
    if (tg_mysql_enter(tg_mysql_statement_of(statement)->mysql, &guard, NULL) == TG_OK) {
        free_statement(tg_mysql_statement_of(statement));
        tg_mysql_leave(&guard);
    } else {
        free_statement(tg_mysql_statement_of(statement)); /* sends nothing: the connection is given up */
    }
}

/* Running. */

static size_t bytes_of(const struct tg_sql_value *value) {
    return value->kind == TG_SQL_TEXT || value->kind == TG_SQL_BLOB ? value->length + 10 : 10;
}

/* A row that the server would not take, and end the connection for. */
static enum tg_status check_row(const struct tg_mysql_statement *statement, const struct tg_sql_value *row,
                                size_t *bytes, struct tg_error *err) {
    *bytes = 0;
    for (size_t i = 0; i < statement->parameter_count; i++) {
        *bytes += bytes_of(&row[i]);
    }
    if (*bytes + PACKET_ROOM > statement->mysql->packet_bytes_max) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "store %.160s: a row of %zu bytes is more than the server takes; raise max_allowed_packet "
                            "on the server",
                            statement->mysql->where, *bytes);
    }
    return TG_OK;
}

static enum enum_field_types type_of(enum tg_sql_kind kind) {
    switch (kind) {
    case TG_SQL_NULL:
        return MYSQL_TYPE_NULL;
    case TG_SQL_INTEGER:
        return MYSQL_TYPE_LONGLONG;
    case TG_SQL_REAL:
        return MYSQL_TYPE_DOUBLE;
    case TG_SQL_TEXT:
        return MYSQL_TYPE_STRING;
    case TG_SQL_BLOB:
        break;
    }
    return MYSQL_TYPE_BLOB;
}

static void bind_value(MYSQL_BIND *bind, const struct tg_sql_value *value) {
    *bind = (MYSQL_BIND){.buffer_type = type_of(value->kind)};
    if (value->kind == TG_SQL_TEXT || value->kind == TG_SQL_BLOB) {
        bind->buffer = (void *)value->bytes; /* read only */
        bind->buffer_length = value->length;
    } else {
        bind->buffer = (void *)&value->integer; /* or real: they are one place */
    }
}

/* Sends what is bound: one row, or the rows of the arrays. */
static enum tg_status send(struct tg_mysql_statement *statement, unsigned rows, struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    if (library->mysql_stmt_attr_set(statement->handle, STMT_ATTR_ARRAY_SIZE, &rows) != 0
        || (statement->parameter_count > 0
            && library->mysql_stmt_bind_param(statement->handle, statement->parameters) != 0)
        || library->mysql_stmt_execute(statement->handle) != 0) {
        return tg_mysql_statement_failure(statement, err);
    }
    statement->mysql->changed_rows = (int64_t)library->mysql_stmt_affected_rows(statement->handle);
    statement->mysql->last_id = (int64_t)library->mysql_stmt_insert_id(statement->handle);
    return TG_OK;
}

static enum tg_status run(struct tg_mysql_statement *statement, const struct tg_sql_value *parameters,
                          struct tg_error *err) {
    size_t bytes = 0;
    tg_mysql_result_forget(statement);
    enum tg_status status = check_row(statement, parameters, &bytes, err);
    if (status != TG_OK) {
        return status;
    }
    for (size_t i = 0; i < statement->parameter_count; i++) {
        bind_value(&statement->parameters[i], &parameters[i]);
    }
    status = send(statement, 0, err);
    return status == TG_OK && statement->column_count > 0 ? tg_mysql_result_store(statement, err) : status;
}

enum tg_status tg_mysql_run(struct tg_sql_statement *statement, const struct tg_sql_value *parameters, size_t count,
                            struct tg_error *err) {
    struct tg_mysql_guard guard;
    assert(count == tg_mysql_statement_of(statement)->parameter_count);
    (void)count;
    enum tg_status status = tg_mysql_enter(tg_mysql_statement_of(statement)->mysql, &guard, err);
    if (status == TG_OK) {
        status = run(tg_mysql_statement_of(statement), parameters, err);
        tg_mysql_leave(&guard);
    }
    return status;
}

/* The rows are on this side: nothing is sent. */
void tg_mysql_reset(struct tg_sql_statement *statement) {
    tg_mysql_result_forget(tg_mysql_statement_of(statement));
}

/* Running for many rows. */

/* Rows as the library wants them, column by column; each array has `rows` items. */
struct part {
    size_t rows;
    size_t columns;
    union {
        int64_t integer;
        double real;
        void *bytes;
    } * values;
    unsigned long *lengths;
    char *indicators;
};

/* False: there is not enough memory. */
static bool lay_out(struct tg_mysql_statement *statement, struct part *part) {
    size_t count = part->rows * part->columns;
    size_t size = count * (sizeof *part->values + sizeof *part->lengths + sizeof *part->indicators);
    if (!statement->part || size > statement->part_capacity) {
        char *grown = realloc(statement->part, size);
        if (!grown) {
            return false;
        }
        statement->part = grown;
        statement->part_capacity = size;
    }
    char *memory = statement->part;
    part->values = (void *)memory;
    part->lengths = (void *)(memory + count * sizeof *part->values);
    part->indicators = memory + count * (sizeof *part->values + sizeof *part->lengths);
    return true;
}

/* The one kind that a column's values have, but for NULL. False: they differ, so it cannot be an array. */
static bool kind_of_column(const struct tg_sql_value *first, size_t columns, size_t rows, enum tg_sql_kind *kind) {
    *kind = TG_SQL_NULL;
    for (size_t i = 0; i < rows; i++) {
        enum tg_sql_kind is = first[i * columns].kind;
        if (is != TG_SQL_NULL && *kind != TG_SQL_NULL && is != *kind) {
            return false;
        }
        *kind = is != TG_SQL_NULL ? is : *kind;
    }
    return true;
}

static void fill_column(MYSQL_BIND *bind, const struct part *part, size_t column, const struct tg_sql_value *first,
                        enum tg_sql_kind kind) {
    size_t place = column * part->rows;
    for (size_t i = 0; i < part->rows; i++) {
        const struct tg_sql_value *value = &first[i * part->columns];
        part->indicators[place + i] = value->kind == TG_SQL_NULL ? STMT_INDICATOR_NULL : STMT_INDICATOR_NONE;
        part->lengths[place + i] = 0;
        part->values[place + i].integer = 0;
        if (value->kind == TG_SQL_TEXT || value->kind == TG_SQL_BLOB) {
            part->values[place + i].bytes = (void *)value->bytes; /* read only */
            part->lengths[place + i] = value->length;
        } else if (value->kind == TG_SQL_REAL) {
            part->values[place + i].real = value->real;
        } else if (value->kind == TG_SQL_INTEGER) {
            part->values[place + i].integer = value->integer;
        }
    }
    *bind = (MYSQL_BIND){
        .buffer_type = type_of(kind != TG_SQL_NULL ? kind : TG_SQL_INTEGER), /* the indicators say NULL */
        .buffer = &part->values[place],
        .length = &part->lengths[place],
        .u.indicator = &part->indicators[place],
    };
}

/* Whether the rows can be one array, which is then bound. */
static enum tg_status bind_part(struct tg_mysql_statement *statement, const struct tg_sql_value *rows, size_t count,
                                bool *bound, struct tg_error *err) {
    struct part part = {.rows = count, .columns = statement->parameter_count};
    *bound = false;
    if (!lay_out(statement, &part)) {
        return no_memory(err);
    }
    for (size_t i = 0; i < part.columns; i++) {
        enum tg_sql_kind kind = TG_SQL_NULL;
        if (!kind_of_column(&rows[i], part.columns, count, &kind)) {
            return TG_OK;
        }
        fill_column(&statement->parameters[i], &part, i, &rows[i], kind);
    }
    *bound = true;
    return TG_OK;
}

static enum tg_status run_one_by_one(struct tg_mysql_statement *statement, const struct tg_sql_value *rows,
                                     size_t count, struct tg_error *err) {
    enum tg_status status = TG_OK;
    int64_t changed_rows = 0;
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        status = run(statement, rows + i * statement->parameter_count, err);
        changed_rows += statement->mysql->changed_rows;
    }
    statement->mysql->changed_rows = changed_rows;
    return status;
}

static enum tg_status run_part(struct tg_mysql_statement *statement, const struct tg_sql_value *rows, size_t count,
                               struct tg_error *err) {
    bool bound = false;
    if (statement->mysql->has_bulk && !statement->no_bulk && count > 1 && statement->parameter_count > 0) {
        enum tg_status status = bind_part(statement, rows, count, &bound, err);
        if (status != TG_OK) {
            return status;
        }
    }
    if (!bound) {
        return run_one_by_one(statement, rows, count, err);
    }
    enum tg_status status = send(statement, (unsigned)count, err);
    if (status != TG_OK && statement->mysql->library->mysql_stmt_errno(statement->handle) == ER_UNSUPPORTED_PS) {
        statement->no_bulk = true;
        return run_one_by_one(statement, rows, count, err);
    }
    return status;
}

/* How many of the rows are sent at once: at least one. */
static enum tg_status measure_part(const struct tg_mysql_statement *statement, const struct tg_sql_value *rows,
                                   size_t count, size_t *taken, struct tg_error *err) {
    size_t limit = statement->mysql->packet_bytes_max - PACKET_ROOM; /* check_row: there is room for one */
    limit = limit < PART_BYTES_MAX ? limit : PART_BYTES_MAX;
    size_t total = 0;
    *taken = 0;
    while (*taken < count && *taken < PART_ROWS_MAX) {
        size_t bytes = 0;
        enum tg_status status = check_row(statement, rows + *taken * statement->parameter_count, &bytes, err);
        if (status != TG_OK) {
            return status;
        }
        if (*taken > 0 && total + bytes > limit) {
            break;
        }
        total += bytes;
        ++*taken;
    }
    return TG_OK;
}

static enum tg_status run_rows(struct tg_mysql_statement *statement, const struct tg_sql_value *rows, size_t count,
                               struct tg_error *err) {
    enum tg_status status = TG_OK;
    int64_t changed_rows = 0;
    size_t part = 0;
    for (size_t done = 0; done < count && status == TG_OK; done += part) {
        const struct tg_sql_value *at = rows + done * statement->parameter_count;
        status = measure_part(statement, at, count - done, &part, err);
        if (status == TG_OK) {
            status = run_part(statement, at, part, err);
            changed_rows += statement->mysql->changed_rows;
        }
    }
    statement->mysql->changed_rows = changed_rows;
    return status;
}

enum tg_status tg_mysql_run_rows(struct tg_sql_statement *statement, const struct tg_sql_value *parameters,
                                 size_t count, size_t rows, struct tg_error *err) {
    struct tg_mysql_guard guard;
    assert(count == tg_mysql_statement_of(statement)->parameter_count
           && tg_mysql_statement_of(statement)->column_count == 0);
    (void)count;
    enum tg_status status = tg_mysql_enter(tg_mysql_statement_of(statement)->mysql, &guard, err);
    if (status == TG_OK) {
        status = run_rows(tg_mysql_statement_of(statement), parameters, rows, err);
        tg_mysql_leave(&guard);
    }
    return status;
}
