/*
 * sql_mysql: what the files of the MySQL driver share. Only they include mysql.h.
 *
 * A connection is used by the process that opened it, on the descriptor that it opened; before each use both are looked
 * at (tg_mysql_enter). In a forked child, and when the program has closed the descriptor or put something else in its
 * place, the connection is given up without a byte sent and without a descriptor closed that is not ours: TG_ERROR_IO,
 * and closing it is then safe. Closing in a child therefore never ends the parent's session.
 *
 * Waiting. The library's time-outs are whole seconds (rounded up) and hold for each wait of a call; looking up a host's
 * name is up to the resolver. The server itself gives up a little earlier, by the session's own limits, so that a lock
 * shows as TG_ERROR_BUSY on a healthy connection. A question over millions of rows takes longer than any lock should:
 * who only reads, without a time-out of their own, waits for minutes, and sets the server no limit for statements.
 *
 * SIGPIPE is blocked while the library may write, and one that comes is taken away: not all of its versions and not
 * TLS keep it from the program.
 */
#ifndef TG_SQL_MYSQL_H
#define TG_SQL_MYSQL_H

#include "store/mysql_library.h"
#include "store/sql.h"

#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct tg_mysql {
    struct tg_sql sql; /* first: it is one */
    const struct tg_mysql_library *library;
    MYSQL *handle;
    char *where; /* the URL to show */
    pid_t owner;
    dev_t socket_device; /* which socket the descriptor was */
    ino_t socket_inode;
    tg_ns timeout_ns;        /* for connecting and for locks */
    tg_ns answer_timeout_ns; /* for what the server answers; the same, or more */
    bool is_mariadb;         /* else MySQL */
    bool has_bulk;           /* the server takes many rows with one statement */
    size_t packet_bytes_max;
    int64_t last_id;
    int64_t changed_rows;
    locale_t plain_locale; /* numbers with a point */
};

struct tg_mysql_guard {
    sigset_t mask;
    bool was_pending;
};

static inline struct tg_mysql *tg_mysql_of(struct tg_sql *sql) {
    return (struct tg_mysql *)(void *)sql;
}

void tg_mysql_guard_begin(struct tg_mysql_guard *guard);
void tg_mysql_guard_end(const struct tg_mysql_guard *guard);

/* Before and after each use of the library with this connection. TG_ERROR_IO: do not use it; then no leave. */
TG_NODISCARD enum tg_status tg_mysql_enter(struct tg_mysql *mysql, struct tg_mysql_guard *guard, struct tg_error *err);
void tg_mysql_leave(const struct tg_mysql_guard *guard);

/* The status that belongs to an error number of server or library, and a message: where, their words, what to do. */
enum tg_status tg_mysql_write_failure(struct tg_error *err, const char *where, unsigned number, const char *text);

#define tg_mysql_failure(err, mysql, number, text)                                                                     \
    tg_status_of_failure(tg_mysql_write_failure((err), (mysql)->where, (number), (text)))

/* sql_mysql_statement.c: the driver's functions of these names. */
enum tg_status tg_mysql_prepare(struct tg_sql_statement **statement, struct tg_sql *sql, const char *text,
                                struct tg_error *err);
void tg_mysql_finalize(struct tg_sql_statement *statement);
void tg_mysql_reset(struct tg_sql_statement *statement);
enum tg_status tg_mysql_run(struct tg_sql_statement *statement, const struct tg_sql_value *parameters, size_t count,
                            struct tg_error *err);
enum tg_status tg_mysql_run_rows(struct tg_sql_statement *statement, const struct tg_sql_value *parameters,
                                 size_t count, size_t rows, struct tg_error *err);
enum tg_status tg_mysql_fetch(struct tg_sql_statement *statement, struct tg_sql_value *values, size_t count,
                              bool *found, struct tg_error *err);

extern const struct tg_sql_driver tg_sql_mysql;

#endif
