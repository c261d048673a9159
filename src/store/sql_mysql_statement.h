/*
 * sql_mysql_statement: what a prepared statement consists of, and its results. Shared by the two files that it is made
 * of: sql_mysql_statement.c prepares and runs, sql_mysql_result.c knows the columns of queries.
 */
#ifndef TG_SQL_MYSQL_STATEMENT_H
#define TG_SQL_MYSQL_STATEMENT_H

#include "store/sql_mysql.h"

/* What a column's values become. */
enum tg_mysql_column_kind {
    TG_MYSQL_COLUMN_INTEGER,
    TG_MYSQL_COLUMN_REAL,
    TG_MYSQL_COLUMN_DECIMAL, /* fetched as text */
    TG_MYSQL_COLUMN_TEXT,
    TG_MYSQL_COLUMN_BLOB,
};

struct tg_mysql_column {
    enum tg_mysql_column_kind kind;
    union {
        int64_t integer;
        uint64_t natural;
        double real;
    };
    char *text;
    unsigned long text_capacity;
    unsigned long length; /* of the value, which may be more than what fits */
    my_bool is_null;
    my_bool is_unsigned;
    my_bool is_cut;
};

struct tg_mysql_statement {
    struct tg_mysql *mysql;
    MYSQL_STMT *handle;
    MYSQL_BIND *parameters;
    size_t parameter_count;
    struct tg_mysql_column *columns;
    MYSQL_BIND *results; /* where the columns are fetched to */
    size_t column_count;
    bool has_rows; /* of a query that was run */
    bool no_bulk;  /* the server takes no arrays for this statement */
    char *part;    /* the arrays of run_rows */
    size_t part_capacity;
};

static inline struct tg_mysql_statement *tg_mysql_statement_of(struct tg_sql_statement *statement) {
    return (struct tg_mysql_statement *)(void *)statement;
}

enum tg_status tg_mysql_statement_failure(const struct tg_mysql_statement *statement, struct tg_error *err);

/* Finds out which columns the prepared statement gives; none: it is no query. */
TG_NODISCARD enum tg_status tg_mysql_result_prepare(struct tg_mysql_statement *statement, struct tg_error *err);
void tg_mysql_result_release(struct tg_mysql_statement *statement);

/* Fetches all rows of a query that has just been run to this side; forget is for those that nobody has asked for. */
TG_NODISCARD enum tg_status tg_mysql_result_store(struct tg_mysql_statement *statement, struct tg_error *err);
void tg_mysql_result_forget(struct tg_mysql_statement *statement);

#endif
