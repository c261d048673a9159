/*
 * What the tests of src/store share: the engines to run on, and short forms of what a test says often.
 *
 * SQLite is always there, on a file of the test's own. MariaDB is there when `tools/mariadb run` started the program.
 */
#ifndef TG_STORE_FIXTURE_H
#define TG_STORE_FIXTURE_H

#include "store/sql.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char fixture_directory[64];

/* cmocka group setup and teardown: a directory of the program's own. */
static inline int fixture_set_up(void **state) {
    (void)state;
    snprintf(fixture_directory, sizeof fixture_directory, "/tmp/tg-test-XXXXXX");
    return mkdtemp(fixture_directory) ? 0 : -1;
}

static inline int fixture_tear_down(void **state) {
    (void)state;
    DIR *directory = opendir(fixture_directory);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        unlinkat(dirfd(directory), entry->d_name, 0);
    }
    if (directory) {
        closedir(directory);
    }
    return rmdir(fixture_directory);
}

/* The URL of the server started for this program; the test fails without one. */
static inline const char *fixture_mysql_url(void) {
    const char *url = getenv("TEST_MYSQL_URL");
    if (!url) {
        fail_msg("no server: run this as tools/mariadb run PROGRAM");
    }
    return url;
}

/* A part of that URL, in a place that the next call uses again. */
static inline struct tg_store_url fixture_mysql_parts(void) {
    struct tg_store_url url;
    assert_int_equal(tg_store_url_parse(&url, fixture_mysql_url(), NULL), TG_OK);
    return url;
}

static inline enum tg_status fixture_try_open(struct tg_sql **sql, const char *text,
                                              const struct tg_sql_options *options, struct tg_error *err) {
    struct tg_store_url url;
    const struct tg_sql_driver *driver = NULL;
    *sql = NULL;
    enum tg_status status = tg_store_url_parse(&url, text, err);
    if (status == TG_OK) {
        status = tg_sql_driver_of(&driver, &url, err);
    }
    if (status == TG_OK) {
        status = driver->open(sql, &url, options, err);
    }
    tg_store_url_release(&url);
    return status;
}

static inline struct tg_sql *fixture_open_with(const char *text, struct tg_sql_options options) {
    struct tg_sql *sql = NULL;
    struct tg_error err = TG_ERROR_INIT;
    if (fixture_try_open(&sql, text, &options, &err) != TG_OK || !sql) {
        fail_msg("%s: %s", text, err.message);
        abort(); /* fail_msg does not return, which analyzers do not know */
    }
    return sql;
}

/* A connection with a time-out of `timeout_ms`. */
static inline struct tg_sql *fixture_open(const char *text, int timeout_ms) {
    return fixture_open_with(text, (struct tg_sql_options){.timeout_ns = timeout_ms * 1000000LL, .create = true});
}

static inline void fixture_execute(struct tg_sql *sql, const char *text) {
    struct tg_error err = TG_ERROR_INIT;
    if (sql->driver->execute(sql, text, &err) != TG_OK) {
        fail_msg("%s: %s", text, err.message);
    }
}

static inline struct tg_sql_statement *fixture_prepare(struct tg_sql *sql, const char *text) {
    struct tg_sql_statement *statement = NULL;
    struct tg_error err = TG_ERROR_INIT;
    if (sql->driver->prepare(&statement, sql, text, &err) != TG_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return statement;
}

static inline void fixture_run(struct tg_sql *sql, struct tg_sql_statement *statement,
                               const struct tg_sql_value *parameters, size_t count) {
    struct tg_error err = TG_ERROR_INIT;
    if (sql->driver->run(statement, parameters, count, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static inline void fixture_run_rows(struct tg_sql *sql, struct tg_sql_statement *statement,
                                    const struct tg_sql_value *parameters, size_t count, size_t rows) {
    struct tg_error err = TG_ERROR_INIT;
    if (sql->driver->run_rows(statement, parameters, count, rows, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static inline bool fixture_fetch(struct tg_sql *sql, struct tg_sql_statement *statement, struct tg_sql_value *values,
                                 size_t count) {
    bool found = false;
    struct tg_error err = TG_ERROR_INIT;
    if (sql->driver->fetch(statement, values, count, &found, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return found;
}

/* The one value of a query that gives one. */
static inline struct tg_sql_value fixture_query(struct tg_sql *sql, const char *text) {
    struct tg_sql_value value;
    struct tg_sql_value none;
    struct tg_sql_statement *statement = fixture_prepare(sql, text);
    fixture_run(sql, statement, NULL, 0);
    assert_true(fixture_fetch(sql, statement, &value, 1));
    if (value.kind == TG_SQL_TEXT || value.kind == TG_SQL_BLOB) {
        value.bytes = NULL; /* gone with the statement: fixture_query_text() is for these */
    }
    assert_false(fixture_fetch(sql, statement, &none, 1));
    sql->driver->finalize(statement);
    return value;
}

static inline int64_t fixture_query_integer(struct tg_sql *sql, const char *text) {
    struct tg_sql_value value = fixture_query(sql, text);
    if (value.kind != TG_SQL_INTEGER) {
        fail_msg("%s: not an integer", text);
    }
    return value.integer;
}

static inline struct tg_sql_value fixture_integer(int64_t integer) {
    return (struct tg_sql_value){.kind = TG_SQL_INTEGER, .integer = integer};
}

static inline struct tg_sql_value fixture_real(double real) {
    return (struct tg_sql_value){.kind = TG_SQL_REAL, .real = real};
}

static inline struct tg_sql_value fixture_text(const char *text) {
    return (struct tg_sql_value){.kind = TG_SQL_TEXT, .bytes = text, .length = strlen(text)};
}

static inline struct tg_sql_value fixture_null(void) {
    return (struct tg_sql_value){.kind = TG_SQL_NULL};
}

#endif
