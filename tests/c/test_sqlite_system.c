/* Locks that only their owner gives up, whoever opens and closes the same file, and what a fork leaves of them. */
#include "store/sqlite_system.h"

#include "store/sql.h"

#include "store_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

static char path[128];
static char url[160];

static int set_up(void **state) {
    static int count;
    (void)state;
    snprintf(path, sizeof path, "%s/file%d.db", fixture_directory, ++count);
    snprintf(url, sizeof url, "sqlite:///%s", path);
    struct tg_sql *sql = fixture_open(url, 1000);
    fixture_execute(sql, "CREATE TABLE rounds (round INTEGER PRIMARY KEY, filler BLOB)");
    sql->driver->close(sql);
    return 0;
}

/* What any part of the program may do with the file. */
static void open_and_close(const char *ending) {
    char name[160];
    char byte = 0;
    snprintf(name, sizeof name, "%s%s", path, ending);
    int fd = open(name, O_RDWR);
    assert_true(fd >= 0);
    assert_true(read(fd, &byte, 1) >= 0);
    close(fd);
}

static void open_and_close_all(void) {
    open_and_close("");
    open_and_close("-wal");
    open_and_close("-shm");
}

/* The byte of the -shm file that SQLite locks while it writes to a write-ahead log; see its walformat.html. */
#define WRITE_LOCK_BYTE 120

/* Whether another process could get the lock for writing: the kernel is asked, by one with descriptors of its own. */
static bool is_free_for_others(void) {
    pid_t child = fork_for_test();
    assert_true(child >= 0);
    if (child == 0) {
        char name[160];
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = WRITE_LOCK_BYTE, .l_len = 1};
        snprintf(name, sizeof name, "%s-shm", path);
        int fd = open(name, O_RDWR);
        if (fd < 0) {
            _exit(errno == ENOENT ? 0 : 2); /* nobody has the file open */
        }
        _exit(fcntl(fd, F_GETLK, &lock) != 0 ? 2 : lock.l_type != F_UNLCK);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 2);
    return WEXITSTATUS(status) == 0;
}

static void closing_the_file_elsewhere_keeps_the_lock(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_true(is_free_for_others());
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_execute(sql, "INSERT INTO rounds VALUES (0, 'x')");
    assert_false(is_free_for_others());
    open_and_close_all();
    assert_false(is_free_for_others());
    assert_int_equal(sql->driver->commit(sql, NULL), TG_OK);
    assert_true(is_free_for_others());
    sql->driver->close(sql);
}

static void one_connection_of_several_keeps_its_lock(void **state) {
    (void)state;
    struct tg_sql *first = fixture_open(url, 50);
    struct tg_sql *second = fixture_open(url, 50);
    struct tg_sql *third = fixture_open(url, 50);
    assert_int_equal(fixture_query_integer(second, "SELECT COUNT(*) FROM rounds"), 0);
    assert_int_equal(first->driver->begin(first, NULL), TG_OK);
    assert_int_equal(second->driver->begin(second, NULL), TG_ERROR_BUSY);
    fixture_execute(first, "INSERT INTO rounds VALUES (1, 'x')");
    third->driver->close(third);
    assert_false(is_free_for_others());
    assert_int_equal(fixture_query_integer(second, "SELECT COUNT(*) FROM rounds"), 0); /* and does not wait */
    assert_int_equal(first->driver->commit(first, NULL), TG_OK);
    first->driver->close(first); /* the one that was opened first */
    assert_int_equal(second->driver->begin(second, NULL), TG_OK);
    assert_false(is_free_for_others());
    assert_int_equal(fixture_query_integer(second, "SELECT COUNT(*) FROM rounds"), 1);
    second->driver->rollback(second);
    assert_true(is_free_for_others());
    second->driver->close(second);
    /* The last one has tidied up, for which it must have had the file to itself. */
    char name[160];
    snprintf(name, sizeof name, "%s-wal", path);
    assert_int_equal(access(name, F_OK), -1);
}

static void a_child_holds_no_lock(void **state) {
    (void)state;
    int tell[2];
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_execute(sql, "INSERT INTO rounds VALUES (1, 'x')");
    assert_int_equal(pipe(tell), 0);
    pid_t child = fork_for_test();
    if (child == 0) { /* lives on until it is told to end */
        char byte = 0;
        close(tell[1]);
        _exit(read(tell[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(tell[0]);
    assert_false(is_free_for_others());
    sql->driver->close(sql);
    assert_true(is_free_for_others());
    close(tell[1]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Begins to write and is killed, when its child lives already. The child says so by `ready`, and ends with `stay`. */
static void be_killed_while_writing(const int ready[2], const int stay[2]) {
    struct tg_sql *sql = fixture_open(url, 1000);
    if (sql->driver->begin(sql, NULL) != TG_OK) {
        _exit(1);
    }
    fixture_execute(sql, "INSERT INTO rounds VALUES (1, 'x')");
    pid_t child = fork_for_test();
    if (child == 0) {
        char byte = 0;
        close(stay[1]);
        _exit(write(ready[1], "x", 1) == 1 && read(stay[0], &byte, 1) == 0 ? 0 : 1);
    }
    kill(getpid(), SIGKILL);
}

/* The parent's own death is the end of its locks too, though its child lives. */
static void a_killed_parent_leaves_no_lock(void **state) {
    (void)state;
    int ready[2];
    int stay[2];
    char byte = 0;
    int status = 0;
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(stay), 0);
    pid_t parent = fork_for_test();
    if (parent == 0) {
        be_killed_while_writing(ready, stay);
    }
    assert_int_equal(waitpid(parent, &status, 0), parent);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(is_free_for_others());
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM rounds"), 0);
    sql->driver->close(sql);
    for (size_t i = 0; i < 2; i++) {
        close(ready[i]);
        close(stay[i]);
    }
}

/* The child's books on locks begin anew: it waits for its parent, and its parent for it. */
static void parent_and_child_lock_each_other_out(void **state) {
    (void)state;
    struct tg_sql *sql = fixture_open(url, 50);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    pid_t child = fork_for_test();
    if (child == 0) {
        struct tg_sql *own = fixture_open(url, 50);
        bool waits = own->driver->begin(own, NULL) == TG_ERROR_BUSY;
        own->driver->close(own);
        own = fixture_open(url, 50); /* and once more: closing has not taken the parent's lock */
        waits = waits && own->driver->begin(own, NULL) == TG_ERROR_BUSY;
        own->driver->close(own);
        _exit(waits ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sql->driver->rollback(sql);
    sql->driver->close(sql);
}

struct disturber {
    pthread_t thread;
    _Atomic bool is_done;
};

static void *disturb(void *argument) {
    struct disturber *disturber = argument;
    while (!atomic_load(&disturber->is_done)) {
        for (size_t i = 0; i < 3; i++) {
            static const char *const endings[] = {"", "-wal", "-shm"};
            char name[160];
            snprintf(name, sizeof name, "%s%s", path, endings[i]);
            int fd = open(name, O_RDONLY);
            if (fd >= 0) {
                close(fd);
            }
        }
    }
    return NULL;
}

#define ROUND_COUNT 300

static void write_rounds(int first) {
    struct tg_sql *sql = fixture_open(url, 20000);
    struct tg_sql_statement *statement =
        fixture_prepare(sql, "INSERT INTO rounds VALUES (?, CAST(zeroblob(3000) AS BLOB))");
    for (int i = 0; i < ROUND_COUNT; i++) {
        const struct tg_sql_value round = fixture_integer(first + i);
        if (sql->driver->begin(sql, NULL) != TG_OK) {
            _exit(1);
        }
        fixture_run(sql, statement, &round, 1);
        if (sql->driver->commit(sql, NULL) != TG_OK) {
            _exit(2);
        }
    }
    sql->driver->finalize(statement);
    sql->driver->close(sql);
}

/* Two processes write at once, and in each a thread opens and closes the files all the time. */
static void nothing_is_damaged(void **state) {
    (void)state;
    pid_t child = fork_for_test();
    struct disturber disturber = {.is_done = false};
    assert_int_equal(pthread_create(&disturber.thread, NULL, disturb, &disturber), 0);
    write_rounds(child == 0 ? 0 : ROUND_COUNT);
    atomic_store(&disturber.is_done, true);
    pthread_join(disturber.thread, NULL);
    if (child == 0) {
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM rounds"), 2 * ROUND_COUNT);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM pragma_integrity_check"
                                                " WHERE integrity_check = 'ok'"),
                     1);
    sql->driver->close(sql);
}

static void a_file_is_known_while_it_is_open(void **state) {
    (void)state;
    struct tg_sqlite_file *first = NULL;
    struct tg_sqlite_file *second = NULL;
    assert_int_equal(tg_sqlite_file_open(&first, path, false, NULL), TG_OK);
    assert_int_equal(tg_sqlite_file_open(&second, path, false, NULL), TG_OK);
    assert_ptr_equal(first, second);
    assert_true(tg_sqlite_file_is_at(first, path));
    tg_sqlite_file_close(second);
    assert_int_equal(unlink(path), 0);
    assert_false(tg_sqlite_file_is_at(first, path));
    tg_sqlite_file_close(first);
    tg_sqlite_file_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(closing_the_file_elsewhere_keeps_the_lock, set_up),
        cmocka_unit_test_setup(one_connection_of_several_keeps_its_lock, set_up),
        cmocka_unit_test_setup(a_child_holds_no_lock, set_up),
        cmocka_unit_test_setup(a_killed_parent_leaves_no_lock, set_up),
        cmocka_unit_test_setup(parent_and_child_lock_each_other_out, set_up),
        cmocka_unit_test_setup(nothing_is_damaged, set_up),
        cmocka_unit_test_setup(a_file_is_known_while_it_is_open, set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
