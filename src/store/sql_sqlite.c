/*
 * sql_sqlite: SQLite as an engine. The file is opened, locked and carried over forks as sqlite_system.h says; here is
 * what a connection does.
 *
 * The journal is a write-ahead log: readers and the writer do not wait for each other. synchronous=NORMAL: a commit
 * survives the death of every process, and a power cut may take the last ones but damages nothing. A connection opened
 * before a fork gives TG_ERROR_IO in the child.
 */
#include "store/sql.h"

#include "base/strbuf.h"
#include "measure/clock.h"
#include "store/sqlite_system.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define APPLICATION_ID     0x54474831 /* "TGH1" */
#define WIDE_ROWS          32
#define TIMEOUT_DEFAULT_NS INT64_C(5000000000)
#define BUSY_PAUSE_NS      5000000
#define LOOK_AT_CLOCK      4000 /* steps of SQLite's machine: some tens of microseconds */

extern const struct tg_sql_driver tg_sql_sqlite;

struct connection {
    struct tg_sql base;
    sqlite3 *db;
    struct tg_sqlite_file *file;
    char *path; /* absolute */
    unsigned generation;
    bool reading;            /* it was opened to ask questions only */
    tg_ns answer_timeout_ns; /* 0: answers may take as long as they do */
    tg_ns answer_deadline_ns;
};

struct tg_sql_statement {
    struct connection *connection; /* borrowed */
    sqlite3_stmt *statement;
    sqlite3_stmt *wide; /* the same for WIDE_ROWS rows at once; NULL: not prepared yet, or it has no wide form */
    bool has_row;       /* stepped to, not yet fetched */
};

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the history");
}

static enum tg_status status_of_errno(int reason, enum tg_status otherwise) {
    switch (reason) {
    case EACCES:
    case EPERM:
    case EROFS:
        return TG_ERROR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return TG_ERROR_FULL;
    case ENOENT:
    case ENOTDIR:
        return TG_ERROR_NOT_FOUND;
    default:
        return otherwise;
    }
}

static enum tg_status status_of(sqlite3 *db, int code) {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TG_ERROR_BUSY;
    case SQLITE_FULL:
        return TG_ERROR_FULL;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return TG_ERROR_PERMISSION;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return TG_ERROR_FORMAT;
    case SQLITE_NOMEM:
        return TG_ERROR_MEMORY;
    case SQLITE_CONSTRAINT:
        return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ? TG_ERROR_EXISTS
                                                                                        : TG_ERROR_INVALID;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
    case SQLITE_NOLFS:
        return status_of_errno(db ? sqlite3_system_errno(db) : 0, TG_ERROR_IO);
    default:
        return TG_ERROR_INVALID;
    }
}

/* What to do about it, for a person. */
static const char *advice(const struct connection *connection, int code, enum tg_status status) {
    if (connection->reading && (code & 0xff) == SQLITE_NOTADB) {
        return ": name the file of a history";
    }
    switch (status) {
    case TG_ERROR_BUSY:
        return ": another program is writing to it; try again";
    case TG_ERROR_FULL:
        return ": make room on the disk";
    case TG_ERROR_PERMISSION:
        return ": make the file and its folder writable";
    case TG_ERROR_FORMAT:
        return ": move it away to begin a new history";
    default:
        return "";
    }
}

static enum tg_status failure(const struct connection *connection, int code, struct tg_error *err) {
    enum tg_status status = status_of(connection->db, code);
    const char *words = connection->db ? sqlite3_errmsg(connection->db) : sqlite3_errstr(code);
    int reason = connection->db ? sqlite3_system_errno(connection->db) : 0;
    if (code == SQLITE_INTERRUPT) {
        return tg_error_set(err, TG_ERROR_BUSY, "the history \"%s\": the answer takes too long: ask for less",
                            connection->path);
    }
    bool is_system = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
    if (is_system && reason != 0) {
        tg_error_write_errno(err, reason, "the history \"%s\": %s", connection->path, words);
        if (err) {
            err->status = status;
        }
        return status;
    }
    return tg_error_set(err, status, "the history \"%s\": %s%s", connection->path, words,
                        advice(connection, code, status));
}

static bool is_of_parent(const struct connection *connection) {
    return connection->generation != tg_sqlite_system_generation();
}

static enum tg_status check_usable(const struct connection *connection, struct tg_error *err) {
    if (is_of_parent(connection)) {
        return tg_error_set(err, TG_ERROR_IO, "the history \"%s\" was opened before a fork: open it again",
                            connection->path);
    }
    return TG_OK;
}

static enum tg_status sqlite_execute(struct tg_sql *sql, const char *text, struct tg_error *err) {
    const struct connection *connection = (struct connection *)sql;
    enum tg_status status = check_usable(connection, err);
    if (status != TG_OK) {
        return status;
    }
    int code = sqlite3_exec(connection->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? TG_OK : failure(connection, code, err);
}

static int keep_integer(void *result, int count, char **values, char **names) {
    (void)names;
    *(int64_t *)result = count > 0 && values[0] ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

static enum tg_status ask_integer(const struct connection *connection, const char *text, int64_t *result,
                                  struct tg_error *err) {
    *result = 0;
    int code = sqlite3_exec(connection->db, text, keep_integer, result, NULL);
    return code == SQLITE_OK ? TG_OK : failure(connection, code, err);
}

/* Who gets the rows of a list. */
struct taking {
    void (*take)(void *context, size_t count, char **values);
    void *context;
};

static int take_row(void *taking, int count, char **values, char **names) {
    const struct taking *to = taking;
    (void)names;
    to->take(to->context, (size_t)count, values);
    return 0;
}

static enum tg_status sqlite_list(struct tg_sql *sql, const char *text,
                                  void (*take)(void *context, size_t count, char **values), void *context,
                                  struct tg_error *err) {
    const struct connection *connection = (struct connection *)sql;
    struct taking taking = {.take = take, .context = context};
    enum tg_status status = check_usable(connection, err);
    if (status != TG_OK) {
        return status;
    }
    int code = sqlite3_exec(connection->db, text, take_row, &taking, NULL);
    return code == SQLITE_OK ? TG_OK : failure(connection, code, err);
}

/* Before anything in the file is changed: is it empty, or ours? */
static enum tg_status check_ours(const struct connection *connection, struct tg_error *err) {
    int64_t id = 0;
    int64_t table_count = 0;
    /* The tables first: another process may be making the history at this moment, and gives it its mark before them. */
    enum tg_status status = ask_integer(connection, "SELECT COUNT(*) FROM sqlite_master", &table_count, err);
    if (status == TG_OK) {
        status = ask_integer(connection, "PRAGMA application_id", &id, err);
    }
    if (status == TG_OK && id != APPLICATION_ID && (id != 0 || table_count > 0)) {
        return tg_error_set(err, TG_ERROR_FORMAT,
                            "\"%s\" is the database of another program: name a file of its own for the history",
                            connection->path);
    }
    return status;
}

static tg_ns timeout_of(const struct tg_sql_options *options) {
    return options->timeout_ns > 0 ? options->timeout_ns : TIMEOUT_DEFAULT_NS;
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

/* SQLite does not wait for the file's other users here, lest two that switch wait for each other. Where the file system
 * is not made for it, the mode stays what it was without an error; the status of the history then tells ($engine). */
static enum tg_status switch_to_wal(struct connection *connection, tg_ns timeout, struct tg_error *err) {
    const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
    tg_ns deadline = tg_clock_monotonic_ns() + timeout;
    enum tg_status status;
    while ((status = sqlite_execute(&connection->base, "PRAGMA journal_mode=WAL", err)) == TG_ERROR_BUSY
           && tg_clock_monotonic_ns() < deadline) {
        nanosleep(&pause, NULL);
    }
    return status;
}

static enum tg_status configure(struct connection *connection, const struct tg_sql_options *options,
                                struct tg_error *err) {
    enum tg_status status = check_ours(connection, err);
    if (status == TG_OK) {
        status = sqlite_execute(&connection->base,
                                "PRAGMA synchronous=NORMAL;"
                                "PRAGMA secure_delete=OFF;"
                                "PRAGMA trusted_schema=OFF;"
                                "PRAGMA temp_store=MEMORY;"
                                "PRAGMA cache_size=-16384;"
                                "PRAGMA wal_autocheckpoint=4000;"
                                "PRAGMA journal_size_limit=67108864;",
                                err);
    }
    if (status == TG_OK && options->read_only) {
        return sqlite_execute(&connection->base, "PRAGMA query_only=ON", err);
    }
    int64_t id = 0;
    if (status == TG_OK) {
        status = switch_to_wal(connection, timeout_of(options), err);
    }
    if (status == TG_OK) {
        status = ask_integer(connection, "PRAGMA application_id", &id, err);
    }
    if (status == TG_OK && id == 0) {
        status = sqlite_execute(&connection->base, "PRAGMA application_id=" TEXT_OF(APPLICATION_ID), err);
    }
    return status;
}

static void sqlite_close(struct tg_sql *sql) {
    struct connection *connection = (struct connection *)sql;
    if (!connection) {
        return;
    }
    if (!is_of_parent(connection)) {
        sqlite3_close_v2(connection->db);
    }
    tg_sqlite_file_close(connection->file);
    free(connection->path);
    free(connection);
}

/* Called by SQLite now and then; not 0: the statement fails with SQLITE_INTERRUPT. */
static int is_too_late(void *context) {
    const struct connection *connection = context;
    return connection->answer_deadline_ns > 0 && tg_clock_monotonic_ns() > connection->answer_deadline_ns;
}

static enum tg_status connect_to_file(struct connection *connection, const char *path,
                                      const struct tg_sql_options *options, struct tg_error *err) {
    enum tg_status status = tg_sqlite_file_open(&connection->file, path, options->create, err);
    if (status != TG_OK) {
        return status;
    }
    /* Absolute, for the application may change its directory; and so never one of SQLite's special names. */
    connection->path = realpath(path, NULL);
    if (!connection->path) {
        return tg_error_set_errno(err, errno, "cannot find the history \"%s\"", path);
    }
    bool read_only = tg_sqlite_file_is_read_only(connection->file);
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int code = sqlite3_open_v2(connection->path, &connection->db,
                               flags | (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE), "unix");
    if (code != SQLITE_OK) {
        return failure(connection, code, err);
    }
    tg_ns timeout_ms = timeout_of(options) / 1000000;
    sqlite3_busy_timeout(connection->db, timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms);
    sqlite3_db_config(connection->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (options->read_only && options->timeout_ns > 0) {
        connection->answer_timeout_ns = options->timeout_ns;
        sqlite3_progress_handler(connection->db, LOOK_AT_CLOCK, is_too_late, connection);
    }
    if (read_only && !options->read_only) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "the history \"%s\" is read-only: make the file writable",
                            connection->path);
    }
    return configure(connection, options, err);
}

static enum tg_status sqlite_open(struct tg_sql **sql, const struct tg_store_url *url,
                                  const struct tg_sql_options *options, struct tg_error *err) {
    *sql = NULL;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) {
        return no_memory(err);
    }
    connection->base.driver = &tg_sql_sqlite;
    connection->generation = tg_sqlite_system_generation();
    connection->reading = options->read_only;
    enum tg_status status = connect_to_file(connection, url->path, options, err);
    if (status != TG_OK) {
        sqlite_close(&connection->base);
        return status;
    }
    *sql = &connection->base;
    return TG_OK;
}

/* What was stored into a file that has been deleted or replaced would be lost. */
static enum tg_status check_there(const struct connection *connection, struct tg_error *err) {
    enum tg_status status = check_usable(connection, err);
    if (status == TG_OK && !tg_sqlite_file_is_at(connection->file, connection->path)) {
        return tg_error_set(err, TG_ERROR_IO, "the history \"%s\" was deleted or replaced: open it again",
                            connection->path);
    }
    return status;
}

static enum tg_status sqlite_begin(struct tg_sql *sql, struct tg_error *err) {
    enum tg_status status = check_there((struct connection *)sql, err);
    return status == TG_OK ? sqlite_execute(sql, "BEGIN IMMEDIATE", err) : status;
}

static enum tg_status sqlite_begin_reading(struct tg_sql *sql, struct tg_error *err) {
    enum tg_status status = check_there((struct connection *)sql, err);
    return status == TG_OK ? sqlite_execute(sql, "BEGIN", err) : status;
}

static enum tg_status sqlite_commit(struct tg_sql *sql, struct tg_error *err) {
    return sqlite_execute(sql, "COMMIT", err);
}

static void sqlite_rollback(struct tg_sql *sql) {
    const struct connection *connection = (struct connection *)sql;
    /* Some errors have rolled back already. */
    if (!is_of_parent(connection) && !sqlite3_get_autocommit(connection->db)) {
        sqlite3_exec(connection->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* Statements that change the schema are part of a transaction: nothing more is needed. */
static enum tg_status sqlite_lock(struct tg_sql *sql, struct tg_error *err) {
    return check_usable((struct connection *)sql, err);
}

static void sqlite_unlock(struct tg_sql *sql) {
    (void)sql;
}

static enum tg_status sqlite_prepare(struct tg_sql_statement **result, struct tg_sql *sql, const char *text,
                                     struct tg_error *err) {
    struct connection *connection = (struct connection *)sql;
    *result = NULL;
    enum tg_status status = check_usable(connection, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_sql_statement *statement = calloc(1, sizeof *statement);
    if (!statement) {
        return no_memory(err);
    }
    statement->connection = connection;
    int code = sqlite3_prepare_v3(connection->db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement->statement, NULL);
    if (code != SQLITE_OK) {
        free(statement);
        return failure(connection, code, err);
    }
    *result = statement;
    return TG_OK;
}

static void sqlite_finalize(struct tg_sql_statement *statement) {
    if (!statement) {
        return;
    }
    if (!is_of_parent(statement->connection)) {
        sqlite3_finalize(statement->statement);
        sqlite3_finalize(statement->wide);
    }
    free(statement);
}

static void sqlite_reset(struct tg_sql_statement *statement) {
    if (!is_of_parent(statement->connection)) {
        sqlite3_reset(statement->statement);
    }
    statement->has_row = false;
}

/* `lifetime`: SQLITE_STATIC where the parameters outlive the rows, else SQLITE_TRANSIENT. */
static int bind_value(sqlite3_stmt *statement, int index, const struct tg_sql_value *value,
                      sqlite3_destructor_type lifetime) {
    switch (value->kind) {
    case TG_SQL_INTEGER:
        return sqlite3_bind_int64(statement, index, value->integer);
    case TG_SQL_REAL:
        return sqlite3_bind_double(statement, index, value->real);
    case TG_SQL_TEXT:
        return sqlite3_bind_text64(statement, index, value->bytes ? value->bytes : "", value->length, lifetime,
                                   SQLITE_UTF8);
    case TG_SQL_BLOB:
        return sqlite3_bind_blob64(statement, index, value->bytes ? value->bytes : "", value->length, lifetime);
    case TG_SQL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, index);
}

static int bind_row(sqlite3_stmt *statement, const struct tg_sql_value *parameters, size_t count,
                    sqlite3_destructor_type lifetime) {
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        code = bind_value(statement, (int)i + 1, &parameters[i], lifetime);
    }
    return code;
}

/* Binds and takes the first step. */
static enum tg_status start(struct tg_sql_statement *statement, const struct tg_sql_value *parameters, size_t count,
                            sqlite3_destructor_type lifetime, struct tg_error *err) {
    sqlite3_reset(statement->statement);
    statement->has_row = false;
    int code = bind_row(statement->statement, parameters, count, lifetime);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement->statement);
    }
    if (code == SQLITE_ROW) {
        statement->has_row = true;
        return TG_OK;
    }
    enum tg_status status = code == SQLITE_DONE ? TG_OK : failure(statement->connection, code, err);
    sqlite3_reset(statement->statement);
    return status;
}

static enum tg_status sqlite_run(struct tg_sql_statement *statement, const struct tg_sql_value *parameters,
                                 size_t count, struct tg_error *err) {
    enum tg_status status = check_usable(statement->connection, err);
    if (status != TG_OK) {
        return status;
    }
    if (statement->connection->answer_timeout_ns > 0) {
        statement->connection->answer_deadline_ns = tg_clock_monotonic_ns() + statement->connection->answer_timeout_ns;
    }
    return start(statement, parameters, count,
                 sqlite3_column_count(statement->statement) > 0 ? SQLITE_TRANSIENT : SQLITE_STATIC, err);
}

/* The row of values that a statement ends with, as in "... VALUES (?, ?)"; NULL: it does not. */
static const char *find_row(const char *text) {
    static const char word[] = "VALUES (";
    const char *found = strstr(text, word);
    const char *row = found ? found + strlen(word) - 1 : NULL;
    int depth = 0;
    for (const char *at = row; at && *at; at++) {
        depth += (*at == '(') - (*at == ')');
        if (depth == 0) {
            return at[strspn(at + 1, " ") + 1] ? NULL : row;
        }
    }
    return NULL;
}

/* The statement with its row of values repeated: many rows with one statement cost half as much as one by one. */
static enum tg_status prepare_wide(struct tg_sql_statement *statement, struct tg_error *err) {
    const char *text = sqlite3_sql(statement->statement);
    const char *row = statement->wide ? NULL : find_row(text);
    if (!row) {
        return TG_OK;
    }
    struct tg_strbuf wide = TG_STRBUF_INIT;
    tg_strbuf_append(&wide, text);
    for (size_t i = 1; i < WIDE_ROWS; i++) {
        tg_strbuf_printf(&wide, ", %s", row);
    }
    enum tg_status status = tg_strbuf_status(&wide) == TG_OK ? TG_OK : no_memory(err);
    if (status == TG_OK) {
        int code = sqlite3_prepare_v3(statement->connection->db, tg_strbuf_text(&wide), -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement->wide, NULL);
        status = code == SQLITE_OK ? TG_OK : failure(statement->connection, code, err);
    }
    tg_strbuf_release(&wide);
    return status;
}

static enum tg_status run_wide(struct tg_sql_statement *statement, const struct tg_sql_value *parameters, size_t count,
                               struct tg_error *err) {
    int code = bind_row(statement->wide, parameters, count * WIDE_ROWS, SQLITE_STATIC);
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement->wide);
    }
    enum tg_status status = code == SQLITE_DONE ? TG_OK : failure(statement->connection, code, err);
    sqlite3_reset(statement->wide);
    return status;
}

static enum tg_status sqlite_run_rows(struct tg_sql_statement *statement, const struct tg_sql_value *parameters,
                                      size_t count, size_t rows, struct tg_error *err) {
    enum tg_status status = check_usable(statement->connection, err);
    if (status == TG_OK && rows >= WIDE_ROWS) {
        status = prepare_wide(statement, err);
    }
    while (rows > 0 && status == TG_OK) {
        size_t done = statement->wide && rows >= WIDE_ROWS ? WIDE_ROWS : 1;
        status = done == 1 ? start(statement, parameters, count, SQLITE_STATIC, err)
                           : run_wide(statement, parameters, count, err);
        parameters += done * count;
        rows -= done;
    }
    return status;
}

static struct tg_sql_value read_value(sqlite3_stmt *statement, int column) {
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return (struct tg_sql_value){.kind = TG_SQL_INTEGER, .integer = sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
        return (struct tg_sql_value){.kind = TG_SQL_REAL, .real = sqlite3_column_double(statement, column)};
    case SQLITE_TEXT:
        return (struct tg_sql_value){.kind = TG_SQL_TEXT,
                                     .bytes = sqlite3_column_text(statement, column),
                                     .length = (size_t)sqlite3_column_bytes(statement, column)};
    case SQLITE_BLOB:
        return (struct tg_sql_value){.kind = TG_SQL_BLOB,
                                     .bytes = sqlite3_column_blob(statement, column),
                                     .length = (size_t)sqlite3_column_bytes(statement, column)};
    default:
        return (struct tg_sql_value){.kind = TG_SQL_NULL};
    }
}

static enum tg_status sqlite_fetch(struct tg_sql_statement *statement, struct tg_sql_value *values, size_t count,
                                   bool *found, struct tg_error *err) {
    *found = false;
    enum tg_status status = check_usable(statement->connection, err);
    if (status != TG_OK) {
        return status;
    }
    if (!statement->has_row) {
        if (!sqlite3_stmt_busy(statement->statement)) {
            return TG_OK; /* done before */
        }
        int code = sqlite3_step(statement->statement);
        if (code != SQLITE_ROW) {
            status = code == SQLITE_DONE ? TG_OK : failure(statement->connection, code, err);
            sqlite3_reset(statement->statement);
            return status;
        }
    }
    statement->has_row = false;
    for (size_t i = 0; i < count; i++) {
        values[i] = read_value(statement->statement, (int)i);
    }
    *found = true;
    return TG_OK;
}

static int64_t sqlite_last_id(struct tg_sql *sql) {
    return sqlite3_last_insert_rowid(((struct connection *)sql)->db);
}

static int64_t sqlite_changed_rows(struct tg_sql *sql) {
    return sqlite3_changes64(((struct connection *)sql)->db);
}

const struct tg_sql_driver tg_sql_sqlite = {
    .scheme = "sqlite",
    .summary = "a file, without a server",
    .dialect = TG_SQL_DIALECT_SQLITE,
    .open = sqlite_open,
    .close = sqlite_close,
    .execute = sqlite_execute,
    .list = sqlite_list,
    .begin = sqlite_begin,
    .begin_reading = sqlite_begin_reading,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .lock = sqlite_lock,
    .unlock = sqlite_unlock,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .run = sqlite_run,
    .run_rows = sqlite_run_rows,
    .fetch = sqlite_fetch,
    .reset = sqlite_reset,
    .last_id = sqlite_last_id,
    .changed_rows = sqlite_changed_rows,
};
