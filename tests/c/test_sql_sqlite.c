/* What can go wrong with the file: each has a status that tells what to do, a message, and leaves the data alone. */
#include "store/sql.h"

#include "store_history.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char path[128];

static int set_up(void **state) {
    static int count;
    (void)state;
    snprintf(path, sizeof path, "%s/file%d.db", fixture_directory, ++count);
    snprintf(history_url, sizeof history_url, "sqlite:///%s", path);
    return 0;
}

static void write_file(const char *bytes, size_t length) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void expect_no_store(enum tg_status expected, struct tg_store_options options, const char *words) {
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_store_open(&store, history_url, &options, &err);
    if (status != expected || !strstr(err.message, words)) {
        fail_msg("status %d: %s", (int)status, err.message);
    }
    assert_null(store);
}

static enum tg_status try_commit(struct tg_store *store, uint64_t seq, struct tg_error *err) {
    struct tg_batch_function function = history_calls("f", 1, 100);
    struct tg_batch batch = history_batch(1, seq, (int64_t)seq * 10, &function, 1);
    struct tg_store_commit result;
    return tg_store_commit(store, &batch, 1, &result, err);
}

static void no_file_and_none_wanted(void **state) {
    (void)state;
    expect_no_store(TG_ERROR_NOT_FOUND, (struct tg_store_options){.read_only = true}, path);
    expect_no_store(TG_ERROR_NOT_FOUND, (struct tg_store_options){.create = false}, path);
    expect_no_store(TG_ERROR_NOT_FOUND, (struct tg_store_options){.create = true, .read_only = true}, path);
    assert_int_equal(access(path, F_OK), -1);
    write_file("", 0);
    expect_no_store(TG_ERROR_NOT_FOUND, (struct tg_store_options){.create = false}, "store init");
}

static void folders_and_file_are_private(void **state) {
    (void)state;
    char folder[160];
    struct stat info;
    snprintf(folder, sizeof folder, "%s-a", path);
    snprintf(history_url, sizeof history_url, "sqlite:///%s/b/history.db", folder);
    mode_t mask = umask(0);
    struct tg_store *store = history_open();
    assert_int_equal(try_commit(store, 1, NULL), TG_OK);
    umask(mask);
    static const char *const files[] = {"history.db", "history.db-wal", "history.db-shm"};
    char file[200];
    for (size_t i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s/b/%s", folder, files[i]);
        assert_int_equal(stat(file, &info), 0);
        assert_int_equal(info.st_mode & 0777U, 0600);
    }
    tg_store_close(store);
    snprintf(file, sizeof file, "%s/b/history.db", folder);
    assert_int_equal(unlink(file), 0);
    snprintf(file, sizeof file, "%s/b", folder);
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 0777U, 0700);
    assert_int_equal(rmdir(file), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void what_is_no_history(void **state) {
    (void)state;
    static const char text[] = "Dear diary, this is no database, and it is long enough to have a header of one hundred "
                               "bytes, which is what SQLite looks at first.";
    write_file(text, sizeof text);
    expect_no_store(TG_ERROR_FORMAT, (struct tg_store_options){.create = true}, "not a database");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, sizeof text); /* left as it was */

    assert_int_equal(unlink(path), 0);
    struct tg_sql *sql = fixture_open(history_url, 1000);
    fixture_execute(sql, "CREATE TABLE theirs (x INTEGER); PRAGMA application_id=0");
    sql->driver->close(sql);
    expect_no_store(TG_ERROR_FORMAT, (struct tg_store_options){.create = true}, "another program");

    snprintf(history_url, sizeof history_url, "sqlite:///%s", fixture_directory);
    expect_no_store(TG_ERROR_FORMAT, (struct tg_store_options){.create = true}, "directory");
    snprintf(history_url, sizeof history_url, "sqlite:////dev/null");
    expect_no_store(TG_ERROR_FORMAT, (struct tg_store_options){.create = true}, "no file");
}

static void a_newer_history(void **state) {
    (void)state;
    tg_store_close(history_open());
    struct tg_sql *sql = fixture_open(history_url, 1000);
    fixture_execute(sql, "INSERT INTO schema_version (version) VALUES (1000)");
    sql->driver->close(sql);
    expect_no_store(TG_ERROR_VERSION, (struct tg_store_options){.create = true}, "newer tachograph");
    expect_no_store(TG_ERROR_VERSION, (struct tg_store_options){.read_only = true}, "newer tachograph");
}

static void corrupt_pages(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint64_t seq = 1; seq <= 50; seq++) {
        assert_int_equal(try_commit(store, seq, NULL), TG_OK);
    }
    tg_store_close(store);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    int fd = open(path, O_WRONLY);
    static char garbage[1000];
    memset(garbage, 0xa5, sizeof garbage);
    for (off_t at = 4096; at < info.st_size; at += 4096) { /* all but the first page */
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, at), sizeof garbage);
    }
    close(fd);
    struct tg_error err = TG_ERROR_INIT;
    const struct tg_store_options options = {.create = true};
    enum tg_status status = tg_store_open(&store, history_url, &options, &err);
    if (status == TG_OK) {
        status = try_commit(store, 51, &err);
        tg_store_close(store);
    }
    assert_int_equal(status, TG_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "malformed"));
    assert_non_null(strstr(err.message, "move it away"));
}

static size_t service_count(struct tg_store *store) {
    struct tg_store_services services;
    assert_int_equal(tg_store_services(store, &services, NULL), TG_OK);
    size_t count = services.count;
    tg_store_services_release(&services);
    return count;
}

static void locked_by_another(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    tg_store_close(history_open());
    struct tg_sql *sql = fixture_open(history_url, 1000);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    struct tg_store *store = NULL;
    const struct tg_store_options options = {.create = true, .timeout_ns = HISTORY_S / 20};
    assert_int_equal(tg_store_open(&store, history_url, &options, &err), TG_OK);
    assert_int_equal(try_commit(store, 1, &err), TG_ERROR_BUSY);
    assert_non_null(strstr(err.message, "locked"));
    assert_int_equal(service_count(store), 0); /* questions are answered meanwhile */
    sql->driver->rollback(sql);
    assert_int_equal(try_commit(store, 1, &err), TG_OK);
    sql->driver->close(sql);
    assert_int_equal(history_function(store, "f").call_count, 1);
    tg_store_close(store);
}

static void *end_soon(void *sql_) {
    struct tg_sql *sql = sql_;
    usleep(100000);
    sql->driver->rollback(sql);
    return NULL;
}

/* As many processes that begin a history at once meet: the first of them switches to the write-ahead log. */
static void in_use_before_it_has_a_log(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    tg_store_close(history_open());
    struct tg_sql *sql = fixture_open(history_url, 1000);
    assert_int_equal(sql->driver->execute(sql, "PRAGMA journal_mode=DELETE", NULL), TG_OK);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);

    struct tg_sql *other = NULL;
    struct tg_sql_options options = {.timeout_ns = HISTORY_S / 20};
    assert_int_equal(fixture_try_open(&other, history_url, &options, &err), TG_ERROR_BUSY);
    assert_non_null(strstr(err.message, "locked"));

    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end_soon, sql), 0);
    options.timeout_ns = HISTORY_S * 20;
    other = fixture_open_with(history_url, options);
    assert_int_equal(pthread_join(thread, NULL), 0);
    other->driver->close(other);
    sql->driver->close(sql);
}

static void deleted_while_in_use(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store *store = history_open();
    assert_int_equal(try_commit(store, 1, &err), TG_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(try_commit(store, 2, &err), TG_ERROR_IO);
    assert_non_null(strstr(err.message, "deleted"));
    struct tg_store_services services;
    assert_int_equal(tg_store_services(store, &services, &err), TG_ERROR_IO);

    /* A new one takes its place; closing the old one leaves it alone. */
    struct tg_store *other = history_open();
    assert_int_equal(try_commit(store, 2, &err), TG_ERROR_IO);
    assert_int_equal(try_commit(other, 1, &err), TG_OK);
    tg_store_close(store);
    assert_int_equal(try_commit(other, 2, &err), TG_OK);
    assert_int_equal(history_function(other, "f").call_count, 2);
    history_verify(other);
    tg_store_close(other);
    store = history_open();
    assert_int_equal(history_function(store, "f").call_count, 2);
    tg_store_close(store);
}

/* As one that may not write: root may, whatever the mode says, so this is another user where it can be. */
static void read_only_as_a_user(void) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store *store = NULL;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        _exit(77);
    }
    const struct tg_store_options writing = {.create = true};
    enum tg_status status = tg_store_open(&store, history_url, &writing, &err);
    if (status != TG_ERROR_PERMISSION || !strstr(err.message, "writable")) {
        fprintf(stderr, "writing: %d: %s\n", (int)status, err.message);
        _exit(1);
    }
    const struct tg_store_options reading = {.read_only = true};
    status = tg_store_open(&store, history_url, &reading, &err);
    if (status != TG_OK || history_function(store, "f").call_count != 1) {
        fprintf(stderr, "reading: %d: %s\n", (int)status, err.message);
        _exit(1);
    }
    tg_store_close(store);
    _exit(0);
}

static void a_read_only_file(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    assert_int_equal(try_commit(store, 1, NULL), TG_OK);
    tg_store_close(store);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(fixture_directory, 0777), 0);
    pid_t child = fork_for_test();
    if (child == 0) {
        read_only_as_a_user();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* With no room for more than a few pages, as on a full disk; SIGXFSZ is ignored as Python does. */
static void fill_the_disk(void) {
    struct tg_error err = TG_ERROR_INIT;
    signal(SIGXFSZ, SIG_IGN);
    struct tg_store *store = history_open();
    if (try_commit(store, 1, &err) != TG_OK) {
        _exit(1);
    }
    struct rlimit limit = {.rlim_cur = 200000, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
    enum tg_status status = TG_OK;
    uint64_t seq = 1;
    while (status == TG_OK && seq < 1000) {
        status = try_commit(store, ++seq, &err);
    }
    if (status != TG_ERROR_FULL || !strstr(err.message, "room")) {
        fprintf(stderr, "status %d: %s\n", (int)status, err.message);
        _exit(2);
    }
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    if (try_commit(store, seq, &err) != TG_OK || history_function(store, "f").call_count != seq) {
        fprintf(stderr, "later: %s\n", err.message);
        _exit(3);
    }
    history_verify(store);
    tg_store_close(store);
    _exit(0);
}

static void a_full_disk(void **state) {
    (void)state;
    pid_t child = fork_for_test();
    if (child == 0) {
        fill_the_disk();
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The child's own connection works, and neither it nor its end disturbs the parent's. */
static void store_as_a_child(struct tg_store *inherited) {
    struct tg_error err = TG_ERROR_INIT;
    if (try_commit(inherited, 2, &err) != TG_ERROR_IO || !strstr(err.message, "fork")) {
        _exit(1);
    }
    struct tg_store_services services;
    if (tg_store_services(inherited, &services, &err) != TG_ERROR_IO) {
        _exit(2);
    }
    tg_store_close(inherited);
    struct tg_store *store = history_open();
    if (try_commit(store, 2, &err) != TG_OK) {
        _exit(3);
    }
    tg_store_close(store);
    _exit(0);
}

static void a_child_opens_its_own(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    assert_int_equal(try_commit(store, 1, NULL), TG_OK);
    pid_t child = fork_for_test();
    if (child == 0) {
        store_as_a_child(store);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(try_commit(store, 3, NULL), TG_OK);
    assert_int_equal(history_function(store, "f").call_count, 3);
    history_verify(store);
    tg_store_close(store);
}

static void a_folder_that_is_changed_to(void **state) {
    (void)state;
    char before[256];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fixture_directory), 0);
    snprintf(history_url, sizeof history_url, "relative.db");
    struct tg_store *store = history_open();
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(try_commit(store, 1, NULL), TG_OK);
    tg_store_close(store);
    assert_int_equal(chdir(before), 0);
    snprintf(path, sizeof path, "%s/relative.db", fixture_directory);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(no_file_and_none_wanted, set_up),
        cmocka_unit_test_setup(folders_and_file_are_private, set_up),
        cmocka_unit_test_setup(what_is_no_history, set_up),
        cmocka_unit_test_setup(a_newer_history, set_up),
        cmocka_unit_test_setup(corrupt_pages, set_up),
        cmocka_unit_test_setup(locked_by_another, set_up),
        cmocka_unit_test_setup(in_use_before_it_has_a_log, set_up),
        cmocka_unit_test_setup(deleted_while_in_use, set_up),
        cmocka_unit_test_setup(a_read_only_file, set_up),
        cmocka_unit_test_setup(a_full_disk, set_up),
        cmocka_unit_test_setup(a_child_opens_its_own, set_up),
        cmocka_unit_test_setup(a_folder_that_is_changed_to, set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
