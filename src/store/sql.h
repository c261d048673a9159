/*
 * sql: what the store asks of a database engine. One descriptor for each engine, in the table at the end; everything
 * above it (schema, commits, questions) is written once, in the SQL that both engines speak, and asks for the dialect
 * only where they differ.
 *
 * A connection belongs to one thread at a time. Every call that may wait for a server, a lock or a disk ends within
 * the connection's time-out; only the answer to a question may take longer where one only reads. Statuses tell what to
 * do: TG_ERROR_BUSY (locked: later), TG_ERROR_IO (server or disk not there: later), TG_ERROR_FULL (disk full),
 * TG_ERROR_PERMISSION (password, rights, read-only), TG_ERROR_FORMAT (corrupt, not a database), TG_ERROR_NOT_FOUND (no
 * such file or database), TG_ERROR_EXISTS (a unique key), TG_ERROR_UNSUPPORTED (engine not built in or its library not
 * installed). After TG_ERROR_IO the connection is to be closed. Messages never hold a password.
 */
#ifndef TG_SQL_H
#define TG_SQL_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "store/store_url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_sql_kind {
    TG_SQL_NULL,
    TG_SQL_INTEGER,
    TG_SQL_REAL,
    TG_SQL_TEXT,
    TG_SQL_BLOB,
};

struct tg_sql_value {
    enum tg_sql_kind kind;
    union {
        int64_t integer;
        double real;
        struct {
            const void *bytes; /* borrowed; read values live until the next call on the statement */
            size_t length;
        };
    };
};

enum tg_sql_dialect {
    TG_SQL_DIALECT_SQLITE,
    TG_SQL_DIALECT_MYSQL,
};

struct tg_sql; /* a connection: starts with its driver */
struct tg_sql_statement;

struct tg_sql_options {
    tg_ns timeout_ns; /* for each call; 0: 5 s, and 15 minutes for an answer when read_only */
    bool create;      /* make the file or database where it is missing */
    bool read_only;   /* writing fails with TG_ERROR_PERMISSION */
};

struct tg_sql_driver {
    const char *scheme; /* of its URLs */
    const char *summary;
    enum tg_sql_dialect dialect;
    bool is_remote; /* behind a connection that either side may close */
    TG_NODISCARD enum tg_status (*open)(struct tg_sql **sql, const struct tg_store_url *url,
                                        const struct tg_sql_options *options, struct tg_error *err);
    void (*close)(struct tg_sql *sql); /* rolls back; finalizes nothing: statements are freed before */
    /* One or more statements without parameters or results. */
    TG_NODISCARD enum tg_status (*execute)(struct tg_sql *sql, const char *text, struct tg_error *err);
    /* One statement without parameters as it is, for those that an engine does not prepare. `take` gets each row as
     * text; NULL for a NULL. */
    TG_NODISCARD enum tg_status (*list)(struct tg_sql *sql, const char *text,
                                        void (*take)(void *context, size_t count, char **values), void *context,
                                        struct tg_error *err);
    /* For writing: waits for the write lock where the engine has one. Each statement sees what others have committed
     * until then (READ COMMITTED for this transaction), so that SELECT ... FOR UPDATE of a service's row makes what is
     * read after it current. TG_ERROR_IO: also where the file is gone. */
    TG_NODISCARD enum tg_status (*begin)(struct tg_sql *sql, struct tg_error *err);
    /* For several questions of one moment: all statements see the same state (a consistent snapshot). Ended by commit
     * or rollback. */
    TG_NODISCARD enum tg_status (*begin_reading)(struct tg_sql *sql, struct tg_error *err);
    TG_NODISCARD enum tg_status (*commit)(struct tg_sql *sql, struct tg_error *err);
    void (*rollback)(struct tg_sql *sql);
    /* A lock of the whole store for migrations, beyond transactions where DDL commits by itself (GET_LOCK; nothing to
     * do where DDL is transactional); unlock is the end of the connection at the latest. */
    TG_NODISCARD enum tg_status (*lock)(struct tg_sql *sql, struct tg_error *err);
    void (*unlock)(struct tg_sql *sql);

    /* Parameters are `?`. */
    TG_NODISCARD enum tg_status (*prepare)(struct tg_sql_statement **statement, struct tg_sql *sql, const char *text,
                                           struct tg_error *err);
    void (*finalize)(struct tg_sql_statement *statement);
    /* Starts a statement over with new parameters: a query gives its rows by fetch; others are done. */
    TG_NODISCARD enum tg_status (*run)(struct tg_sql_statement *statement, const struct tg_sql_value *parameters,
                                       size_t count, struct tg_error *err);
    /* The same statement for `rows` rows of `count` parameters each, row by row in one array: by array binding where
     * the engine has it. No results. A parameter has one kind in all rows, or NULL. */
    TG_NODISCARD enum tg_status (*run_rows)(struct tg_sql_statement *statement, const struct tg_sql_value *parameters,
                                            size_t count, size_t rows, struct tg_error *err);
    /* The next row into `values` (as many as the query has columns); *found false: no more. */
    TG_NODISCARD enum tg_status (*fetch)(struct tg_sql_statement *statement, struct tg_sql_value *values, size_t count,
                                         bool *found, struct tg_error *err);
    /* Drops what is left of the rows, so that the statement holds nothing. Fetching to the end does it too. */
    void (*reset)(struct tg_sql_statement *statement);
    int64_t (*last_id)(struct tg_sql *sql);      /* the key given to the row inserted last */
    int64_t (*changed_rows)(struct tg_sql *sql); /* by the last statement */
};

/* What every connection starts with. */
struct tg_sql {
    const struct tg_sql_driver *driver;
};

/* All engines built in, ended by NULL. */
extern const struct tg_sql_driver *const tg_sql_drivers[];

/* The scheme of an engine that this build lacks, and the package to build it with; NULL: there is no further one.
 * `next` begins with 0. */
const char *tg_sql_missing(size_t *next, const char **package);

/* The driver of a URL's scheme; TG_ERROR_UNSUPPORTED says what to do. */
TG_NODISCARD enum tg_status tg_sql_driver_of(const struct tg_sql_driver **driver, const struct tg_store_url *url,
                                             struct tg_error *err);

#endif
