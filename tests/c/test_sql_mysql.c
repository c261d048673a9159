/* The driver for MariaDB and MySQL where it meets a server, a network and a process that are not as they should be. */
#include "store/sql_mysql.h"

#include "store_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* The server's URL with other parts. */
struct parts {
    const char *user;
    const char *password; /* "": none */
    const char *host;
    int port;
    const char *database;
    const char *settings;
};

static const char *url_with(struct parts with) {
    static char text[1024];
    struct tg_store_url url = fixture_mysql_parts();
    const char *password = with.password ? with.password : url.password;
    snprintf(text, sizeof text, "mysql://%s%s%s@%s:%d/%s%s", with.user ? with.user : url.user, password[0] ? ":" : "",
             password, with.host ? with.host : url.host, with.port ? with.port : url.port,
             with.database ? with.database : url.database, with.settings ? with.settings : "");
    tg_store_url_release(&url);
    return text;
}

static const char *server_directory(void) {
    const char *directory = getenv("TEST_MYSQL_DIR");
    assert_non_null(directory);
    return directory;
}

/* The server's process; 0 while it is down. */
static pid_t server_pid(void) {
    char path[PATH_MAX];
    long pid = 0;
    snprintf(path, sizeof path, "%s/pid", server_directory());
    FILE *file = fopen(path, "re");
    if (file) {
        char line[32];
        pid = fgets(line, sizeof line, file) ? strtol(line, NULL, 10) : 0;
        fclose(file);
    }
    return (pid_t)pid;
}

/* Opening fails with this status; the message says this, and no password. */
static void check_refused(const char *text, bool create, enum tg_status status, const char *says) {
    struct tg_sql *sql = NULL;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sql_options options = {.timeout_ns = 1000000000, .create = create};
    struct tg_store_url url = fixture_mysql_parts();
    if (fixture_try_open(&sql, text, &options, &err) != status || !strstr(err.message, says)) {
        fail_msg("%s: not status %d and '%s', but %d: %s", text, (int)status, says, (int)err.status, err.message);
    }
    assert_null(sql);
    assert_null(strstr(err.message, url.password));
    assert_null(strstr(err.message, "wr0ng"));
    tg_store_url_release(&url);
    assert_int_not_equal(fixture_try_open(&sql, text, &options, NULL), TG_OK);
}

static tg_ns now(void) {
    return tg_clock_monotonic_ns();
}

/* Runs first: once loaded, the library stays. */
static void a_missing_library_is_named(void **state) {
    (void)state;
    const struct tg_mysql_library *library = NULL;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_mysql_library_load(&library, "libmariadb.so.99", &err), TG_ERROR_UNSUPPORTED);
    assert_null(library);
    assert_non_null(strstr(err.message, "apt-get install libmariadb3"));
    assert_int_equal(tg_mysql_library_load(&library, "libpthread.so.0", &err), TG_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "has no function"));
    assert_int_equal(tg_mysql_library_load(&library, TG_MYSQL_LIBRARY_NAME, &err), TG_OK);
    assert_non_null(library);
}

static void loading_leaves_signals_alone(void **state) {
    (void)state;
    struct sigaction action;
    sigset_t mask;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    sql->driver->close(sql);
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGPIPE), 0);
}

static void what_is_refused_is_said(void **state) {
    (void)state;
    check_refused(url_with((struct parts){.password = "wr0ng"}), true, TG_ERROR_PERMISSION, "access denied");
    check_refused(url_with((struct parts){.password = "wr0ng"}), true, TG_ERROR_PERMISSION,
                  "TACHOGRAPH_STORE_PASSWORD");
    check_refused(url_with((struct parts){.user = "nobody", .password = ""}), true, TG_ERROR_PERMISSION,
                  "access denied");
    check_refused(url_with((struct parts){.database = "missing"}), false, TG_ERROR_NOT_FOUND, "CREATE DATABASE");
    check_refused(url_with((struct parts){.port = 1}), true, TG_ERROR_IO, "see that the server runs");
    check_refused(url_with((struct parts){.host = "host.invalid"}), true, TG_ERROR_IO, "see that the server runs");
    check_refused(url_with((struct parts){.settings = "?unix_socket=/nowhere/at/all"}), true, TG_ERROR_IO,
                  "see that the server runs");
    check_refused(url_with((struct parts){.settings = "?ssl-ca=/nowhere/ca.pem"}), true, TG_ERROR_NOT_FOUND,
                  "gives as ssl-ca");
    check_refused(url_with((struct parts){.settings = "?read_default_file=/nowhere/my.cnf"}), true, TG_ERROR_NOT_FOUND,
                  "gives as read_default_file");
}

/* The certificate is checked, so anything else than the server's own authority will not do. */
static void tls_is_not_given_up(void **state) {
    (void)state;
    char path[PATH_MAX];
    char settings[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/empty.pem", fixture_directory);
    snprintf(settings, sizeof settings, "?ssl-ca=%s", path);
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    check_refused(url_with((struct parts){.settings = settings}), true, TG_ERROR_IO, "check ssl-ca");
    unlink(path);
}

static void a_database_is_made(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(url_with((struct parts){.database = "it%60s%20%22new%22"}), 1000);
    assert_int_equal(fixture_query_integer(sql, "SELECT DATABASE() = 'it`s \"new\"'"), 1);
    fixture_execute(sql, "CREATE TABLE t (c TEXT); INSERT INTO t VALUES ('\xF0\x9F\x90\x8C')"); /* utf8mb4 */
    fixture_execute(sql, "DROP DATABASE \"it`s \"\"new\"\"\"");
    sql->driver->close(sql);
}

static void without_rights_nothing_is_made(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    fixture_execute(sql, "CREATE OR REPLACE USER limited@'%' IDENTIFIED BY 'pw'; "
                         "GRANT SELECT ON tachograph.* TO limited@'%'");
    check_refused(url_with((struct parts){.user = "limited", .password = "pw", .database = "missing"}), true,
                  TG_ERROR_PERMISSION, "GRANT ALL");
    struct tg_sql *limited = fixture_open(url_with((struct parts){.user = "limited", .password = "pw"}), 1000);
    assert_int_equal(limited->driver->execute(limited, "CREATE TABLE t (i INT)", NULL), TG_ERROR_PERMISSION);
    limited->driver->close(limited);
    fixture_execute(sql, "DROP USER limited@'%'");
    sql->driver->close(sql);
}

static void the_password_may_come_from_elsewhere(void **state) {
    (void)state;
    char path[PATH_MAX];
    char settings[PATH_MAX + 128];
    struct tg_store_url url = fixture_mysql_parts();
    setenv("TACHOGRAPH_STORE_PASSWORD", url.password, 1);
    struct tg_sql *sql = fixture_open(url_with((struct parts){.password = ""}), 1000);
    sql->driver->close(sql);
    setenv("TACHOGRAPH_STORE_PASSWORD", "wr0ng", 1);
    sql = fixture_open(fixture_mysql_url(), 1000); /* the URL's comes first */
    sql->driver->close(sql);
    check_refused(url_with((struct parts){.password = ""}), true, TG_ERROR_PERMISSION, "access denied");
    unsetenv("TACHOGRAPH_STORE_PASSWORD");
    check_refused(url_with((struct parts){.password = ""}), true, TG_ERROR_PERMISSION, "access denied");

    snprintf(path, sizeof path, "%s/my.cnf", fixture_directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fprintf(file, "[client]\nuser=nobody\npassword=wr0ng\n[tachograph]\nuser=%s\npassword=%s\nreconnect=1\n", url.user,
            url.password);
    fclose(file);
    snprintf(settings, sizeof settings, "mysql://%s:%u/%s?read_default_file=%s", url.host, (unsigned)url.port,
             url.database, path);
    sql = fixture_open(settings, 1000);
    sql->driver->close(sql);
    unlink(path);
    tg_store_url_release(&url);
}

static void a_socket_in_the_file_system(void **state) {
    (void)state;
    char settings[PATH_MAX + 32];
    snprintf(settings, sizeof settings, "?unix_socket=%s/socket", server_directory());
    struct tg_sql *sql =
        fixture_open(url_with((struct parts){.host = "elsewhere.invalid", .settings = settings}), 1000);
    assert_int_equal(fixture_query_integer(sql, "SELECT 1"), 1);
    sql->driver->close(sql);
}

/* A server that takes connections and says nothing. */
static void a_server_that_hangs_does_not_hang_us(void **state) {
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    tg_ns before = now();
    check_refused(url_with((struct parts){.port = ntohs(address.sin_port)}), true, TG_ERROR_IO,
                  "see that the server runs");
    assert_in_range(now() - before, 1000000000, 6000000000); /* twice, of a second each */
    close(fd);
}

static void a_server_that_stops_answering_does_not_hang_us(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    struct tg_error err = TG_ERROR_INIT;
    pid_t pid = server_pid();
    assert_int_equal(kill(pid, SIGSTOP), 0);
    tg_ns deadline = now() + 10000000000;
    tg_ns before = 0;
    enum tg_status status = TG_OK;
    while (status == TG_OK && now() < deadline) { /* it stops a moment later */
        before = now();
        status = sql->driver->execute(sql, "SELECT 1", &err);
    }
    tg_ns taken = now() - before;
    before = now();
    sql->driver->close(sql);
    tg_ns closing = now() - before;
    kill(pid, SIGCONT);
    assert_int_equal(status, TG_ERROR_IO);
    assert_in_range(taken, 500000000, 3000000000);
    assert_in_range(closing, 0, 2000000000);
}

static void a_long_statement_ends_in_time(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    struct tg_error err = TG_ERROR_INIT;
    tg_ns before = now();
    assert_int_equal(sql->driver->execute(sql, "SELECT COUNT(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b", &err),
                     TG_ERROR_BUSY);
    assert_in_range(now() - before, 500000000, 2000000000);
    assert_int_equal(fixture_query_integer(sql, "SELECT 1"), 1); /* the connection is as it was */
    sql->driver->close(sql);
}

static double statement_seconds(struct tg_sql *sql) {
    struct tg_sql_value value = fixture_query(sql, "SELECT @@max_statement_time");
    return value.kind == TG_SQL_REAL ? value.real : (double)value.integer;
}

static unsigned read_seconds(struct tg_sql *sql) {
    return tg_mysql_of(sql)->handle->options.read_timeout;
}

/* The time-out of a collector would cut off every question about millions of rows. */
static void who_only_reads_waits_for_the_answer(void **state) {
    (void)state;
    struct tg_sql *writing = fixture_open_with(fixture_mysql_url(), (struct tg_sql_options){.create = true});
    struct tg_sql *reading = fixture_open_with(fixture_mysql_url(), (struct tg_sql_options){.read_only = true});
    struct tg_sql *hurried =
        fixture_open_with(fixture_mysql_url(), (struct tg_sql_options){.read_only = true, .timeout_ns = 2000000000});
    assert_float_equal(statement_seconds(writing), 4.5, 1e-6);
    assert_int_equal(read_seconds(writing), 5);
    assert_float_equal(statement_seconds(reading), 0, 1e-6);
    assert_true(read_seconds(reading) >= 600);
    assert_int_equal(fixture_query_integer(reading, "SELECT @@lock_wait_timeout"), 4);
    assert_float_equal(statement_seconds(hurried), 1.8, 1e-6);
    assert_int_equal(read_seconds(hurried), 2);
    writing->driver->close(writing);
    reading->driver->close(reading);
    hurried->driver->close(hurried);
}

/* A reconnection as the store does it; the server comes back by itself. */
static struct tg_sql *open_when_it_is_back(void) {
    struct tg_sql *sql = NULL;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sql_options options = {.timeout_ns = 1000000000};
    tg_ns deadline = now() + 60000000000;
    while (fixture_try_open(&sql, fixture_mysql_url(), &options, &err) != TG_OK) {
        assert_int_equal(err.status, TG_ERROR_IO);
        assert_true(now() < deadline);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* between two attempts, not for something */
    }
    return sql;
}

/* Sending to a server that is gone is where SIGPIPE comes from; it is not ignored here, so it would end the test. */
static void a_killed_server_is_an_error_and_no_signal(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sql_statement *statement = fixture_prepare(sql, "SELECT ?");
    struct tg_sql_value one = fixture_integer(1);
    struct tg_sql_value found;
    fixture_run(sql, statement, &one, 1);
    assert_int_equal(kill(server_pid(), SIGKILL), 0);
    assert_true(fixture_fetch(sql, statement, &found, 1)); /* what was fetched is here */
    struct tg_sql *again = open_when_it_is_back();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sql->driver->run(statement, &one, 1, &err), TG_ERROR_IO);
        assert_int_equal(sql->driver->execute(sql, "SELECT 1", &err), TG_ERROR_IO);
        assert_int_equal(sql->driver->begin(sql, &err), TG_ERROR_IO);
    }
    sql->driver->rollback(sql);
    sql->driver->unlock(sql);
    sql->driver->finalize(statement);
    sql->driver->close(sql);
    assert_int_equal(fixture_query_integer(again, "SELECT 1"), 1);
    again->driver->close(again);
}

static void a_killed_connection_is_an_error(void **state) {
    (void)state;
    char text[64];
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    struct tg_sql *other = fixture_open(fixture_mysql_url(), 1000);
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    snprintf(text, sizeof text, "KILL %lld", (long long)fixture_query_integer(sql, "SELECT CONNECTION_ID()"));
    fixture_execute(other, text);
    assert_int_equal(sql->driver->execute(sql, "SELECT 1", &err), TG_ERROR_IO);
    assert_int_equal(sql->driver->commit(sql, &err), TG_ERROR_IO);
    sql->driver->close(sql);
    other->driver->close(other);
}

static void expect_success(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Whatever a child tries with a connection of its parent, and then closing it, leaves the parent's transaction be. */
static void a_child_does_not_disturb_its_parent(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    fixture_execute(sql, "CREATE OR REPLACE TABLE forked (i INT) ENGINE=InnoDB");
    struct tg_sql_statement *insert = fixture_prepare(sql, "INSERT INTO forked VALUES (?)");
    struct tg_sql_value one = fixture_integer(1);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_run(sql, insert, &one, 1);
    pid_t child = fork_for_test();
    if (child == 0) {
        struct tg_sql *own = NULL;
        struct tg_sql_statement *statement = NULL;
        struct tg_sql_options options = {.timeout_ns = 1000000000};
        bool refused = sql->driver->execute(sql, "COMMIT", NULL) == TG_ERROR_IO
                       && sql->driver->run(insert, &one, 1, NULL) == TG_ERROR_IO
                       && sql->driver->prepare(&statement, sql, "SELECT 1", NULL) == TG_ERROR_IO;
        bool opened = fixture_try_open(&own, fixture_mysql_url(), &options, NULL) == TG_OK;
        sql->driver->rollback(sql);
        sql->driver->finalize(insert);
        sql->driver->close(sql);
        opened = opened && own->driver->execute(own, "DO 1", NULL) == TG_OK;
        if (own) {
            own->driver->close(own);
        }
        _exit(refused && opened ? 0 : 1);
    }
    expect_success(child);
    fixture_run(sql, insert, &one, 1);
    assert_int_equal(sql->driver->commit(sql, NULL), TG_OK);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM forked"), 2);
    fixture_execute(sql, "DROP TABLE forked");
    sql->driver->finalize(insert);
    sql->driver->close(sql);
}

/* A program that closes all descriptors, and opens a file of its own: nothing of ours is written to it, and it stays
 * open. In a child, because what the library had allocated is lost. */
static void a_descriptor_that_is_the_programs_now_is_left_alone(void **state) {
    (void)state;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/theirs", fixture_directory);
    pid_t child = fork_for_test();
    if (child == 0) {
        struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
        struct tg_mysql *mysql = tg_mysql_of(sql);
        struct stat info;
        int fd = mysql->library->mysql_get_socket(mysql->handle);
        int theirs = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        bool good = (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 && dup2(theirs, fd) == fd
                    && sql->driver->execute(sql, "SELECT 1", NULL) == TG_ERROR_IO
                    && sql->driver->begin(sql, NULL) == TG_ERROR_IO;
        sql->driver->close(sql);
        good = good && fcntl(fd, F_GETFD) >= 0 && fstat(theirs, &info) == 0 && info.st_size == 0;
        _exit(good ? 0 : 1);
    }
    expect_success(child);
    unlink(path);
}

static int64_t executed_count(struct tg_sql *sql) {
    return fixture_query_integer(sql, "SELECT CAST(VARIABLE_VALUE AS SIGNED) FROM information_schema.SESSION_STATUS "
                                      "WHERE VARIABLE_NAME = 'COM_STMT_EXECUTE'");
}

/* As with MySQL, which knows no arrays. */
static void without_arrays_rows_go_one_by_one(void **state) {
    (void)state;
    enum { COUNT = 500 };
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 2000);
    struct tg_sql_value rows[COUNT];
    for (int i = 0; i < COUNT; i++) {
        rows[i] = i % 2 ? fixture_integer(i) : fixture_null();
    }
    assert_true(tg_mysql_of(sql)->has_bulk);
    fixture_execute(sql, "CREATE OR REPLACE TABLE arrays (i INT) ENGINE=InnoDB");
    struct tg_sql_statement *insert = fixture_prepare(sql, "INSERT INTO arrays VALUES (?)");
    for (int64_t times = 1; times <= 2; times++) {
        tg_mysql_of(sql)->has_bulk = times == 1;
        int64_t before = executed_count(sql);
        assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
        fixture_run_rows(sql, insert, rows, 1, COUNT);
        assert_int_equal(sql->driver->changed_rows(sql), COUNT);
        assert_int_equal(sql->driver->commit(sql, NULL), TG_OK);
        int64_t after = executed_count(sql);
        assert_true(times == 1 ? after - before < 10 : after - before >= COUNT);
        assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM arrays"), times * COUNT);
        assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(i) FROM arrays"), times * COUNT / 2);
    }
    fixture_execute(sql, "DROP TABLE arrays");
    sql->driver->finalize(insert);
    sql->driver->close(sql);
}

/* Small enough for the server's packets, or said before the server ends the connection for it. */
static void packets_are_cut_to_what_the_server_takes(void **state) {
    (void)state;
    enum { COUNT = 200, LENGTH = 10000 };
    static char text[2000000];
    struct tg_sql_value rows[COUNT];
    struct tg_error err = TG_ERROR_INIT;
    memset(text, 'x', sizeof text);
    for (int i = 0; i < COUNT; i++) {
        rows[i] = (struct tg_sql_value){.kind = TG_SQL_TEXT, .bytes = text, .length = LENGTH};
    }
    struct tg_sql *admin = fixture_open(fixture_mysql_url(), 2000);
    int64_t usual = fixture_query_integer(admin, "SELECT @@GLOBAL.max_allowed_packet");
    fixture_execute(admin, "SET GLOBAL max_allowed_packet = 65536");
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 2000);
    fixture_execute(sql, "CREATE OR REPLACE TABLE packets (t LONGTEXT) ENGINE=InnoDB");
    struct tg_sql_statement *insert = fixture_prepare(sql, "INSERT INTO packets VALUES (?)");
    fixture_run_rows(sql, insert, rows, 1, COUNT);
    assert_int_equal(fixture_query_integer(sql, "SELECT SUM(LENGTH(t)) FROM packets"), COUNT * LENGTH);
    rows[3].length = sizeof text;
    assert_int_equal(sql->driver->run(insert, &rows[3], 1, &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "max_allowed_packet"));
    assert_int_equal(sql->driver->run_rows(insert, rows, 1, COUNT, &err), TG_ERROR_INVALID);
    fixture_execute(sql, "DROP TABLE packets"); /* the connection still is one */
    char back[80];
    snprintf(back, sizeof back, "SET GLOBAL max_allowed_packet = %lld", (long long)usual);
    fixture_execute(admin, back);
    sql->driver->finalize(insert);
    sql->driver->close(sql);
    admin->driver->close(admin);
}

/* Whatever the program's locale writes for a point. */
static void decimals_and_naturals(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    assert_int_equal(fixture_query_integer(sql, "SELECT CAST(7.000 AS DECIMAL(10,3))"), 7);
    assert_true(fixture_query_integer(sql, "SELECT CAST('-9223372036854775808' AS DECIMAL(30,2))") == INT64_MIN);
    struct tg_sql_value value = fixture_query(sql, "SELECT CAST('9223372036854775808' AS DECIMAL(30,2))");
    assert_int_equal(value.kind, TG_SQL_REAL);
    assert_true(value.real == 9223372036854775808.0);
    value = fixture_query(sql, "SELECT CAST('-0.125' AS DECIMAL(30,10))");
    assert_int_equal(value.kind, TG_SQL_REAL);
    assert_true(value.real == -0.125);
    assert_true(fixture_query_integer(sql, "SELECT CAST(9223372036854775807 AS UNSIGNED)") == INT64_MAX);
    value = fixture_query(sql, "SELECT 18446744073709551615");
    assert_int_equal(value.kind, TG_SQL_REAL);
    assert_true(value.real == 18446744073709551615.0);
    assert_int_equal(fixture_query_integer(sql, "SELECT CAST(2 AS UNSIGNED) - CAST(3 AS UNSIGNED)"), -1);
    assert_int_equal(fixture_query(sql, "SELECT FROM_UNIXTIME(0)").length, strlen("1970-01-01 00:00:00"));
    assert_int_equal(fixture_query_integer(sql, "SELECT FROM_UNIXTIME(0) = '1970-01-01 00:00:00'"), 1);
    sql->driver->close(sql);
}

/* Two who wait for each other: one is told to try again. */
static void *take_in_the_other_order(void *argument) {
    struct tg_sql *sql = argument;
    return (void *)(intptr_t)sql->driver->execute(sql, "UPDATE locks SET i = 2 WHERE k = 1", NULL);
}

static void a_deadlock_is_busy(void **state) {
    (void)state;
    struct tg_sql *one = fixture_open(fixture_mysql_url(), 5000);
    struct tg_sql *other = fixture_open(fixture_mysql_url(), 5000);
    pthread_t thread;
    void *result = NULL;
    fixture_execute(one, "CREATE OR REPLACE TABLE locks (k INT PRIMARY KEY, i INT) ENGINE=InnoDB; "
                         "INSERT INTO locks VALUES (1, 1), (2, 1)");
    assert_int_equal(one->driver->begin(one, NULL), TG_OK);
    assert_int_equal(other->driver->begin(other, NULL), TG_OK);
    fixture_execute(one, "UPDATE locks SET i = 2 WHERE k = 1");
    fixture_execute(other, "UPDATE locks SET i = 2 WHERE k = 2");
    assert_int_equal(pthread_create(&thread, NULL, take_in_the_other_order, other), 0);
    enum tg_status status = one->driver->execute(one, "UPDATE locks SET i = 2 WHERE k = 2", NULL);
    if (status != TG_OK) {
        one->driver->rollback(one);
    }
    assert_int_equal(pthread_join(thread, &result), 0);
    enum tg_status other_status = (enum tg_status)(intptr_t)result;
    assert_true((status == TG_OK && other_status == TG_ERROR_BUSY)
                || (status == TG_ERROR_BUSY && other_status == TG_OK));
    other->driver->rollback(other);
    one->driver->rollback(one);
    fixture_execute(one, "DROP TABLE locks");
    one->driver->close(one);
    other->driver->close(other);
}

static void too_many_connections_is_busy(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(fixture_mysql_url(), 1000);
    fixture_execute(sql, "CREATE OR REPLACE USER few@'%' IDENTIFIED BY 'pw' WITH MAX_USER_CONNECTIONS 1; "
                         "GRANT ALL ON tachograph.* TO few@'%'");
    struct tg_sql *few = fixture_open(url_with((struct parts){.user = "few", .password = "pw"}), 1000);
    check_refused(url_with((struct parts){.user = "few", .password = "pw"}), false, TG_ERROR_BUSY, "try again later");
    few->driver->close(few);
    fixture_execute(sql, "DROP USER few@'%'");
    sql->driver->close(sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_library_is_named),
        cmocka_unit_test(loading_leaves_signals_alone),
        cmocka_unit_test(what_is_refused_is_said),
        cmocka_unit_test(tls_is_not_given_up),
        cmocka_unit_test(a_database_is_made),
        cmocka_unit_test(without_rights_nothing_is_made),
        cmocka_unit_test(the_password_may_come_from_elsewhere),
        cmocka_unit_test(a_socket_in_the_file_system),
        cmocka_unit_test(a_server_that_hangs_does_not_hang_us),
        cmocka_unit_test(a_server_that_stops_answering_does_not_hang_us),
        cmocka_unit_test(a_long_statement_ends_in_time),
        cmocka_unit_test(who_only_reads_waits_for_the_answer),
        cmocka_unit_test(a_killed_server_is_an_error_and_no_signal),
        cmocka_unit_test(a_killed_connection_is_an_error),
        cmocka_unit_test(a_child_does_not_disturb_its_parent),
        cmocka_unit_test(a_descriptor_that_is_the_programs_now_is_left_alone),
        cmocka_unit_test(without_arrays_rows_go_one_by_one),
        cmocka_unit_test(packets_are_cut_to_what_the_server_takes),
        cmocka_unit_test(decimals_and_naturals),
        cmocka_unit_test(a_deadlock_is_busy),
        cmocka_unit_test(too_many_connections_is_busy),
    };
    return cmocka_run_group_tests_name("sql_mysql", tests, fixture_set_up, fixture_tear_down);
}
