/* sql_mysql_result: see sql_mysql_statement.h. */
#include "store/sql_mysql_statement.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    BINARY_CHARSET = 63,
    COLUMN_BYTES_AT_FIRST = 256,
};

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for a result from the store");
}

static enum tg_mysql_column_kind kind_of(const MYSQL_FIELD *field) {
    switch (field->type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_YEAR:
        return TG_MYSQL_COLUMN_INTEGER;
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
        return TG_MYSQL_COLUMN_REAL;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        return TG_MYSQL_COLUMN_DECIMAL;
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
        return field->charsetnr == BINARY_CHARSET ? TG_MYSQL_COLUMN_BLOB : TG_MYSQL_COLUMN_TEXT;
    case MYSQL_TYPE_BIT:
    case MYSQL_TYPE_GEOMETRY:
        return TG_MYSQL_COLUMN_BLOB;
    default: /* times, JSON: the library writes them as text */
        return TG_MYSQL_COLUMN_TEXT;
    }
}

static void bind_column(MYSQL_BIND *bind, struct tg_mysql_column *column) {
    *bind = (MYSQL_BIND){
        .length = &column->length,
        .is_null = &column->is_null,
        .error = &column->is_cut,
    };
    switch (column->kind) {
    case TG_MYSQL_COLUMN_INTEGER:
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->is_unsigned = column->is_unsigned;
        bind->buffer = &column->integer;
        break;
    case TG_MYSQL_COLUMN_REAL:
        bind->buffer_type = MYSQL_TYPE_DOUBLE;
        bind->buffer = &column->real;
        break;
    case TG_MYSQL_COLUMN_DECIMAL:
    case TG_MYSQL_COLUMN_TEXT:
    case TG_MYSQL_COLUMN_BLOB:
        bind->buffer_type = column->kind == TG_MYSQL_COLUMN_BLOB ? MYSQL_TYPE_BLOB : MYSQL_TYPE_STRING;
        bind->buffer = column->text;
        bind->buffer_length = column->text_capacity;
        break;
    }
}

/* Room for `length` bytes and a NUL. */
static enum tg_status grow_column(struct tg_mysql_column *column, unsigned long length, struct tg_error *err) {
    unsigned long capacity = length + length / 2 + 1;
    char *text = realloc(column->text, capacity);
    if (!text) {
        return no_memory(err);
    }
    column->text = text;
    column->text_capacity = capacity;
    return TG_OK;
}

enum tg_status tg_mysql_result_prepare(struct tg_mysql_statement *statement, struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    MYSQL_RES *metadata = library->mysql_stmt_result_metadata(statement->handle);
    if (!metadata) { /* no query */
        return library->mysql_stmt_errno(statement->handle) != 0 ? tg_mysql_statement_failure(statement, err) : TG_OK;
    }
    size_t count = library->mysql_num_fields(metadata);
    const MYSQL_FIELD *fields = library->mysql_fetch_fields(metadata);
    statement->columns = calloc(count, sizeof *statement->columns);
    statement->results = calloc(count, sizeof *statement->results);
    enum tg_status status = statement->columns && statement->results ? TG_OK : no_memory(err);
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        struct tg_mysql_column *column = &statement->columns[i];
        column->kind = kind_of(&fields[i]);
        column->is_unsigned = (fields[i].flags & UNSIGNED_FLAG) != 0 ? (my_bool)1 : (my_bool)0;
        if (column->kind >= TG_MYSQL_COLUMN_DECIMAL) {
            status = grow_column(column, COLUMN_BYTES_AT_FIRST, err);
        }
        bind_column(&statement->results[i], column);
        statement->column_count = i + 1;
    }
    library->mysql_free_result(metadata);
    return status;
}

void tg_mysql_result_release(struct tg_mysql_statement *statement) {
    for (size_t i = 0; i < statement->column_count; i++) {
        free(statement->columns[i].text);
    }
    free(statement->columns);
    free(statement->results);
}

enum tg_status tg_mysql_result_store(struct tg_mysql_statement *statement, struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    statement->has_rows = true;
    if (library->mysql_stmt_bind_result(statement->handle, statement->results) != 0
        || library->mysql_stmt_store_result(statement->handle) != 0) {
        return tg_mysql_statement_failure(statement, err);
    }
    return TG_OK;
}

void tg_mysql_result_forget(struct tg_mysql_statement *statement) {
    if (statement->has_rows) {
        statement->mysql->library->mysql_stmt_free_result(statement->handle);
        statement->has_rows = false;
    }
}

/* A DECIMAL, as SUM() gives it: an integer when it is one and fits. */
static struct tg_sql_value value_of_decimal(const char *text, locale_t plain_locale) {
    const char *point = strchr(text, '.');
    bool is_whole = !point || point[1 + strspn(point + 1, "0")] == '\0';
    if (is_whole) {
        errno = 0;
        long long integer = strtoll(text, NULL, 10);
        if (errno == 0) {
            return (struct tg_sql_value){.kind = TG_SQL_INTEGER, .integer = integer};
        }
    }
    return (struct tg_sql_value){.kind = TG_SQL_REAL, .real = strtod_l(text, NULL, plain_locale)};
}

static struct tg_sql_value value_of(const struct tg_mysql_column *column, locale_t plain_locale) {
    if (column->is_null) {
        return (struct tg_sql_value){.kind = TG_SQL_NULL};
    }
    switch (column->kind) {
    case TG_MYSQL_COLUMN_INTEGER:
        if (column->is_unsigned && column->natural > INT64_MAX) {
            return (struct tg_sql_value){.kind = TG_SQL_REAL, .real = (double)column->natural};
        }
        return (struct tg_sql_value){.kind = TG_SQL_INTEGER, .integer = column->integer};
    case TG_MYSQL_COLUMN_REAL:
        return (struct tg_sql_value){.kind = TG_SQL_REAL, .real = column->real};
    case TG_MYSQL_COLUMN_DECIMAL:
        return value_of_decimal(column->text, plain_locale);
    case TG_MYSQL_COLUMN_TEXT:
    case TG_MYSQL_COLUMN_BLOB:
        break;
    }
    return (struct tg_sql_value){
        .kind = column->kind == TG_MYSQL_COLUMN_TEXT ? TG_SQL_TEXT : TG_SQL_BLOB,
        .bytes = column->text,
        .length = column->length,
    };
}

/* Fetches what did not fit. The larger room is for the rows that follow, too. */
static enum tg_status fetch_long(struct tg_mysql_statement *statement, size_t place, struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    struct tg_mysql_column *column = &statement->columns[place];
    enum tg_status status = grow_column(column, column->length, err);
    bind_column(&statement->results[place], column);
    if (status == TG_OK
        && (library->mysql_stmt_fetch_column(statement->handle, &statement->results[place], (unsigned)place, 0) != 0
            || library->mysql_stmt_bind_result(statement->handle, statement->results) != 0)) {
        status = tg_mysql_statement_failure(statement, err);
    }
    return status;
}

static enum tg_status fetch(struct tg_mysql_statement *statement, struct tg_sql_value *values, bool *found,
                            struct tg_error *err) {
    const struct tg_mysql_library *library = statement->mysql->library;
    int result = statement->has_rows ? library->mysql_stmt_fetch(statement->handle) : MYSQL_NO_DATA;
    if (result == MYSQL_NO_DATA) {
        tg_mysql_result_forget(statement);
        return TG_OK;
    }
    if (result != 0 && result != MYSQL_DATA_TRUNCATED) {
        return tg_mysql_statement_failure(statement, err);
    }
    for (size_t i = 0; i < statement->column_count; i++) {
        struct tg_mysql_column *column = &statement->columns[i];
        if (column->kind >= TG_MYSQL_COLUMN_DECIMAL && !column->is_null) {
            if (column->length >= column->text_capacity) { /* room for the NUL as well */
                enum tg_status status = fetch_long(statement, i, err);
                if (status != TG_OK) {
                    return status;
                }
            }
            column->text[column->length] = '\0';
        }
        values[i] = value_of(column, statement->mysql->plain_locale);
    }
    *found = true;
    return TG_OK;
}

/* The rows are on this side: nothing is sent, so this needs no look at the connection. */
enum tg_status tg_mysql_fetch(struct tg_sql_statement *statement, struct tg_sql_value *values, size_t count,
                              bool *found, struct tg_error *err) {
    assert(count == tg_mysql_statement_of(statement)->column_count);
    (void)count;
    *found = false;
    return fetch(tg_mysql_statement_of(statement), values, found, err);
}
