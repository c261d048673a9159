/*
 * The driver for MariaDB and MySQL: connections. Statements are in sql_mysql_statement.c, what the two and the other
 * files share in sql_mysql.h.
 *
 * The session is set so that the store's SQL means what it means in SQLite: UTC, text compared by bytes, "" names, ||
 * concatenates, backslash is a character, what does not fit is an error, an UPDATE counts the rows it found. When
 * writing, reads see what others have committed by then (READ COMMITTED): a row just inserted by somebody is found.
 */
#include "store/sql_mysql.h"

#include <errmsg.h>
#include <mysqld_error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000LL

enum { TIMEOUT_SECONDS_DEFAULT = 5, ANSWER_SECONDS_WHEN_READING = 900 };

void tg_mysql_guard_begin(struct tg_mysql_guard *guard) {
    sigset_t pending;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &guard->mask);
}

void tg_mysql_guard_end(const struct tg_mysql_guard *guard) {
    if (!guard->was_pending) {
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        while (sigtimedwait(&pipe, NULL, &(struct timespec){.tv_sec = 0}) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &guard->mask, NULL);
}

/* Gives the connection up: nothing is sent on it, and no descriptor is closed but our own copy of its socket. What the
 * library has allocated for the socket is lost, once. */
static void disown(struct tg_mysql *mysql, bool is_socket) {
    if (is_socket) {
        close(mysql->library->mysql_get_socket(mysql->handle));
    }
    mysql->handle->net.pvio = NULL;
}

enum tg_status tg_mysql_enter(struct tg_mysql *mysql, struct tg_mysql_guard *guard, struct tg_error *err) {
    int fd = mysql->library->mysql_get_socket(mysql->handle);
    if (fd < 0) {
        return tg_error_set(err, TG_ERROR_IO, "store %.160s: the connection is lost; it is to be made anew",
                            mysql->where);
    }
    struct stat info;
    bool is_socket = fstat(fd, &info) == 0 && info.st_dev == mysql->socket_device && info.st_ino == mysql->socket_inode;
    bool is_ours = mysql->owner == getpid();
    if (!is_socket || !is_ours) {
        disown(mysql, is_socket);
        return tg_error_set(err, TG_ERROR_IO, "store %.160s: %s; the connection is to be made anew", mysql->where,
                            is_ours ? "the program has closed the connection's descriptor"
                                    : "the connection belongs to the process that this one was forked from");
    }
    tg_mysql_guard_begin(guard);
    return TG_OK;
}

void tg_mysql_leave(const struct tg_mysql_guard *guard) {
    tg_mysql_guard_end(guard);
}

static enum tg_status failure_of(struct tg_mysql *mysql, struct tg_error *err) {
    return tg_mysql_failure(err, mysql, mysql->library->mysql_errno(mysql->handle),
                            mysql->library->mysql_error(mysql->handle));
}

/* Runs one or more statements and forgets their results. */
static enum tg_status execute(struct tg_mysql *mysql, const char *text, struct tg_error *err) {
    const struct tg_mysql_library *library = mysql->library;
    if (library->mysql_real_query(mysql->handle, text, strlen(text)) != 0) {
        return failure_of(mysql, err);
    }
    int more = 0; /* 0: there is another result; -1: there is none */
    do {
        MYSQL_RES *result = library->mysql_store_result(mysql->handle);
        if (result) {
            library->mysql_free_result(result);
        } else if (library->mysql_errno(mysql->handle) != 0) {
            return failure_of(mysql, err);
        }
        mysql->changed_rows = (int64_t)library->mysql_affected_rows(mysql->handle);
        mysql->last_id = (int64_t)library->mysql_insert_id(mysql->handle);
        more = library->mysql_next_result(mysql->handle);
    } while (more == 0);
    return more < 0 ? TG_OK : failure_of(mysql, err);
}

/* The one integer that a query gives; TG_ERROR_FORMAT when it is NULL or none. */
static enum tg_status query_integer(struct tg_mysql *mysql, const char *text, long long *value, struct tg_error *err) {
    const struct tg_mysql_library *library = mysql->library;
    if (library->mysql_real_query(mysql->handle, text, strlen(text)) != 0) {
        return failure_of(mysql, err);
    }
    MYSQL_RES *result = library->mysql_store_result(mysql->handle);
    if (!result) {
        return failure_of(mysql, err);
    }
    char **row = library->mysql_fetch_row(result);
    char *end = NULL;
    if (row && row[0]) {
        *value = strtoll(row[0], &end, 10);
    }
    library->mysql_free_result(result);
    return end ? TG_OK
               : tg_error_set(err, TG_ERROR_FORMAT, "store %.160s: the server gives no number for: %s", mysql->where,
                              text);
}

/* Opening. */

static enum tg_status check_readable(const char *path, const char *what, struct tg_error *err) {
    if (path && access(path, R_OK) != 0) {
        return tg_error_set_errno(err, errno, "cannot read \"%s\", which the store's URL gives as %s", path, what);
    }
    return TG_OK;
}

static unsigned whole_seconds(tg_ns duration_ns) {
    return (unsigned)((duration_ns + NS_PER_SECOND - 1) / NS_PER_SECOND);
}

static void set_options(struct tg_mysql *mysql, const struct tg_store_url *url) {
    static const my_bool yes = 1;
    static const unsigned no = 0;
    const unsigned seconds = whole_seconds(mysql->timeout_ns);
    const unsigned answer_seconds = whole_seconds(mysql->answer_timeout_ns);
    const struct tg_mysql_library *library = mysql->library;
    MYSQL *handle = mysql->handle;
    library->mysql_optionsv(handle, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
    library->mysql_optionsv(handle, MYSQL_OPT_READ_TIMEOUT, &answer_seconds);
    library->mysql_optionsv(handle, MYSQL_OPT_WRITE_TIMEOUT, &seconds);
    library->mysql_optionsv(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    library->mysql_optionsv(handle, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    library->mysql_optionsv(handle, MYSQL_OPT_LOCAL_INFILE, &no); /* a server must not ask for our files */
    library->mysql_optionsv(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "tachograph");
    if (url->option_file) {
        library->mysql_optionsv(handle, MYSQL_READ_DEFAULT_FILE, url->option_file);
        library->mysql_optionsv(handle, MYSQL_READ_DEFAULT_GROUP, "tachograph"); /* [client] is read as well */
    }
    if (url->ssl_ca) {
        library->mysql_optionsv(handle, MYSQL_OPT_SSL_CA, url->ssl_ca);
        library->mysql_optionsv(handle, MYSQL_OPT_SSL_ENFORCE, &yes);
        library->mysql_optionsv(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    }
    if (url->unix_socket) {
        static const unsigned protocol = MYSQL_PROTOCOL_SOCKET;
        library->mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);
    } else if (url->port) {
        static const unsigned protocol = MYSQL_PROTOCOL_TCP; /* else the library takes localhost for a socket */
        library->mysql_optionsv(handle, MYSQL_OPT_PROTOCOL, &protocol);
    }
}

/* NULL: none but that of the option file. */
static const char *password_of(const struct tg_store_url *url) {
    return url->password ? url->password : getenv("TACHOGRAPH_STORE_PASSWORD");
}

/* Why there is no connection. The server's words are left out where they hold the password, and where they say that
 * access is denied: that needs none. */
static enum tg_status connect_failure(struct tg_mysql *mysql, const char *password, struct tg_error *err) {
    unsigned number = mysql->library->mysql_errno(mysql->handle);
    const char *text = mysql->library->mysql_error(mysql->handle);
    if (number == ER_ACCESS_DENIED_ERROR || number == ER_ACCESS_DENIED_NO_PASSWORD_ERROR) {
        text = "access denied";
    } else if (password && password[0] && strstr(text, password)) {
        text = "no connection";
    }
    return tg_mysql_failure(err, mysql, number, text);
}

/* One attempt; `database` may be NULL. The error's number is left in the handle. */
static bool try_to_connect(struct tg_mysql *mysql, const struct tg_store_url *url, const char *database) {
    static const my_bool no = 0;
    const struct tg_mysql_library *library = mysql->library;
    const char *host = url->unix_socket ? "localhost" : url->host;
    set_options(mysql, url);
    if (!library->mysql_real_connect(mysql->handle, host, url->user, password_of(url), database, url->port,
                                     url->unix_socket, CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS)) {
        return false;
    }
    /* An option file may have said otherwise, but a transaction must not go on in another connection. */
    library->mysql_optionsv(mysql->handle, MYSQL_OPT_RECONNECT, &no);
    explicit_bzero(mysql->handle->passwd, strlen(mysql->handle->passwd));
    return true;
}

static enum tg_status create_database(struct tg_mysql *mysql, const char *name, struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_strbuf_append(&text, "CREATE DATABASE IF NOT EXISTS `");
    for (const char *at = name; *at; at++) {
        tg_strbuf_append(&text, *at == '`' ? "`" : "");
        tg_strbuf_append_char(&text, *at);
    }
    tg_strbuf_append(&text, "` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    enum tg_status status = tg_strbuf_status(&text);
    if (status == TG_OK) {
        status = execute(mysql, tg_strbuf_text(&text), err);
    }
    tg_strbuf_release(&text);
    if (status == TG_OK && mysql->library->mysql_select_db(mysql->handle, name) != 0) {
        status = failure_of(mysql, err);
    }
    return status;
}

static enum tg_status connect(struct tg_mysql *mysql, const struct tg_store_url *url, bool create,
                              struct tg_error *err) {
    if (try_to_connect(mysql, url, url->database)) {
        return TG_OK;
    }
    if (!create || mysql->library->mysql_errno(mysql->handle) != ER_BAD_DB_ERROR) {
        return connect_failure(mysql, password_of(url), err);
    }
    if (!try_to_connect(mysql, url, NULL)) {
        return connect_failure(mysql, password_of(url), err);
    }
    return create_database(mysql, url->database, err);
}

/* The server's own limit for a statement or a lock, in milliseconds: it speaks up before we stop listening. */
static long long patience_ms(const struct tg_mysql *mysql) {
    long long timeout_ms = mysql->timeout_ns / 1000000;
    return timeout_ms - timeout_ms / 10;
}

static long long patience_seconds(const struct tg_mysql *mysql) {
    long long seconds = patience_ms(mysql) / 1000;
    return seconds > 0 ? seconds : 1;
}

static enum tg_status set_session(struct tg_mysql *mysql, bool read_only, struct tg_error *err) {
    char text[640];
    char patience[64] = "";
    if (mysql->is_mariadb && mysql->answer_timeout_ns == mysql->timeout_ns) {
        snprintf(patience, sizeof patience, ", max_statement_time = %lld.%03lld", patience_ms(mysql) / 1000,
                 patience_ms(mysql) % 1000);
    }
    snprintf(text, sizeof text,
             "SET collation_connection = utf8mb4_bin, time_zone = '+00:00', autocommit = 1,"
             " sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,NO_UNSIGNED_SUBTRACTION,"
             "NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = %lld, lock_wait_timeout = %lld%s;"
             "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ %s",
             patience_seconds(mysql), patience_seconds(mysql), patience, read_only ? "ONLY" : "WRITE");
    return execute(mysql, text, err);
}

/* What the connection is from now on known by, and not inherited by programs that are started. */
static enum tg_status remember_socket(struct tg_mysql *mysql, struct tg_error *err) {
    struct stat info;
    int fd = mysql->library->mysql_get_socket(mysql->handle);
    if (fstat(fd, &info) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return tg_error_set_errno(err, errno, "store %.160s: cannot look at the connection", mysql->where);
    }
    mysql->owner = getpid();
    mysql->socket_device = info.st_dev;
    mysql->socket_inode = info.st_ino;
    return TG_OK;
}

static enum tg_status prepare_session(struct tg_mysql *mysql, bool read_only, struct tg_error *err) {
    const struct tg_mysql_library *library = mysql->library;
    enum tg_status status = remember_socket(mysql, err);
    if (status != TG_OK) {
        return status;
    }
    if (library->mysql_set_character_set(mysql->handle, "utf8mb4") != 0) {
        return failure_of(mysql, err);
    }
    unsigned long capabilities = 0;
    mysql->is_mariadb = strstr(library->mysql_get_server_info(mysql->handle), "MariaDB") != NULL;
    mysql->has_bulk =
        library->mariadb_get_infov(mysql->handle, MARIADB_CONNECTION_EXTENDED_SERVER_CAPABILITIES, &capabilities) == 0
        && (capabilities & (MARIADB_CLIENT_STMT_BULK_OPERATIONS >> 32U)) != 0;
    status = set_session(mysql, read_only, err);
    long long packet_bytes_max = 0;
    if (status == TG_OK) {
        status = query_integer(mysql, "SELECT @@max_allowed_packet", &packet_bytes_max, err);
    }
    mysql->packet_bytes_max = (size_t)packet_bytes_max;
    return status;
}

static enum tg_status new_mysql(struct tg_mysql **out, const struct tg_store_url *url,
                                const struct tg_sql_options *options, struct tg_error *err) {
    const struct tg_mysql_library *library = NULL;
    enum tg_status status = tg_mysql_library_load(&library, TG_MYSQL_LIBRARY_NAME, err);
    if (status != TG_OK) {
        return status;
    }
    struct tg_strbuf where = TG_STRBUF_INIT;
    tg_store_url_shown(url, &where);
    struct tg_mysql *mysql = calloc(1, sizeof *mysql);
    if (!mysql || tg_strbuf_status(&where) != TG_OK) {
        tg_strbuf_release(&where);
        free(mysql);
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to open a store");
    }
    *mysql = (struct tg_mysql){
        .sql = {.driver = &tg_sql_mysql},
        .library = library,
        .handle = library->mysql_init(NULL),
        .where = where.data,
        .owner = getpid(),
        .timeout_ns = options->timeout_ns > 0 ? options->timeout_ns : TIMEOUT_SECONDS_DEFAULT * NS_PER_SECOND,
        .plain_locale = newlocale(LC_ALL_MASK, "C", NULL),
    };
    mysql->answer_timeout_ns = options->read_only && options->timeout_ns <= 0
                                   ? ANSWER_SECONDS_WHEN_READING * NS_PER_SECOND
                                   : mysql->timeout_ns;
    *out = mysql;
    if (!mysql->handle || !mysql->plain_locale) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to open a store");
    }
    return TG_OK;
}

/* Also of one half opened. */
static void free_mysql(struct tg_mysql *mysql) {
    if (mysql->handle) {
        mysql->library->mysql_close(mysql->handle);
    }
    if (mysql->plain_locale) {
        freelocale(mysql->plain_locale);
    }
    free(mysql->where);
    free(mysql);
}

static enum tg_status mysql_open(struct tg_sql **sql, const struct tg_store_url *url,
                                 const struct tg_sql_options *options, struct tg_error *err) {
    *sql = NULL;
    enum tg_status status = check_readable(url->option_file, "read_default_file", err);
    if (status == TG_OK) {
        status = check_readable(url->ssl_ca, "ssl-ca", err);
    }
    if (status != TG_OK) {
        return status;
    }
    struct tg_mysql_guard guard;
    struct tg_mysql *mysql = NULL;
    tg_mysql_guard_begin(&guard);
    status = new_mysql(&mysql, url, options, err);
    if (status == TG_OK) {
        status = connect(mysql, url, options->create, err);
    }
    if (status == TG_OK) {
        status = prepare_session(mysql, options->read_only, err);
    }
    if (status != TG_OK && mysql) {
        free_mysql(mysql);
    } else if (mysql) {
        *sql = &mysql->sql;
    }
    tg_mysql_guard_end(&guard);
    return status;
}

static void mysql_close_connection(struct tg_sql *sql) {
    if (!sql) {
        return;
    }
    struct tg_mysql_guard guard;
    struct tg_mysql *mysql = tg_mysql_of(sql);
    if (tg_mysql_enter(mysql, &guard, NULL) == TG_OK) {
        free_mysql(mysql); /* the server rolls back when the connection ends */
        tg_mysql_leave(&guard);
    } else {
        free_mysql(mysql);
    }
}

/* Using. */

static enum tg_status mysql_execute(struct tg_sql *sql, const char *text, struct tg_error *err) {
    struct tg_mysql_guard guard;
    enum tg_status status = tg_mysql_enter(tg_mysql_of(sql), &guard, err);
    if (status == TG_OK) {
        status = execute(tg_mysql_of(sql), text, err);
        tg_mysql_leave(&guard);
    }
    return status;
}

static enum tg_status list(struct tg_mysql *mysql, const char *text,
                           void (*take)(void *context, size_t count, char **values), void *context,
                           struct tg_error *err) {
    const struct tg_mysql_library *library = mysql->library;
    if (library->mysql_real_query(mysql->handle, text, strlen(text)) != 0) {
        return failure_of(mysql, err);
    }
    MYSQL_RES *result = library->mysql_store_result(mysql->handle);
    if (!result) {
        return failure_of(mysql, err);
    }
    char **row = NULL;
    while ((row = library->mysql_fetch_row(result))) {
        take(context, library->mysql_num_fields(result), row);
    }
    library->mysql_free_result(result);
    return TG_OK;
}

static enum tg_status mysql_list(struct tg_sql *sql, const char *text,
                                 void (*take)(void *context, size_t count, char **values), void *context,
                                 struct tg_error *err) {
    struct tg_mysql_guard guard;
    enum tg_status status = tg_mysql_enter(tg_mysql_of(sql), &guard, err);
    if (status == TG_OK) {
        status = list(tg_mysql_of(sql), text, take, context, err);
        tg_mysql_leave(&guard);
    }
    return status;
}

static enum tg_status mysql_begin(struct tg_sql *sql, struct tg_error *err) {
    return mysql_execute(sql, "START TRANSACTION", err);
}

/* Everything as it was at this moment: the isolation holds for this transaction only. */
static enum tg_status mysql_begin_reading(struct tg_sql *sql, struct tg_error *err) {
    return mysql_execute(sql,
                         "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;"
                         "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
                         err);
}

static enum tg_status mysql_commit_transaction(struct tg_sql *sql, struct tg_error *err) {
    return mysql_execute(sql, "COMMIT", err);
}

static void mysql_rollback_transaction(struct tg_sql *sql) {
    /* What fails here is rolled back by the server: the connection is lost. */
    enum tg_status status = mysql_execute(sql, "ROLLBACK", NULL);
    (void)status;
}

/* Names of locks are the server's, so they hold the database's; at most 64 characters. */
#define LOCK_NAME "CONCAT('tachograph.', SHA1(DATABASE()))"

static enum tg_status mysql_lock(struct tg_sql *sql, struct tg_error *err) {
    struct tg_mysql *mysql = tg_mysql_of(sql);
    struct tg_mysql_guard guard;
    enum tg_status status = tg_mysql_enter(mysql, &guard, err);
    if (status != TG_OK) {
        return status;
    }
    char text[128];
    long long got = 0;
    snprintf(text, sizeof text, "SELECT COALESCE(GET_LOCK(" LOCK_NAME ", %lld), 0)", patience_seconds(mysql));
    status = query_integer(mysql, text, &got, err);
    tg_mysql_leave(&guard);
    if (status == TG_OK && !got) {
        status = tg_error_set(err, TG_ERROR_BUSY,
                              "store %.160s: another process is changing its tables; try again later", mysql->where);
    }
    return status;
}

static void mysql_unlock(struct tg_sql *sql) {
    /* What fails here ends with the connection. */
    enum tg_status status = mysql_execute(sql, "DO RELEASE_LOCK(" LOCK_NAME ")", NULL);
    (void)status;
}

static int64_t mysql_last_id(struct tg_sql *sql) {
    return tg_mysql_of(sql)->last_id;
}

static int64_t mysql_changed_rows(struct tg_sql *sql) {
    return tg_mysql_of(sql)->changed_rows;
}

const struct tg_sql_driver tg_sql_mysql = {
    .scheme = "mysql",
    .summary = "MariaDB or MySQL",
    .dialect = TG_SQL_DIALECT_MYSQL,
    .is_remote = true,
    .open = mysql_open,
    .close = mysql_close_connection,
    .execute = mysql_execute,
    .list = mysql_list,
    .begin = mysql_begin,
    .begin_reading = mysql_begin_reading,
    .commit = mysql_commit_transaction,
    .rollback = mysql_rollback_transaction,
    .lock = mysql_lock,
    .unlock = mysql_unlock,
    .prepare = tg_mysql_prepare,
    .finalize = tg_mysql_finalize,
    .run = tg_mysql_run,
    .run_rows = tg_mysql_run_rows,
    .fetch = tg_mysql_fetch,
    .reset = tg_mysql_reset,
    .last_id = mysql_last_id,
    .changed_rows = mysql_changed_rows,
};
