/* A watch tells which files have changed, whatever way they are written. */
#include "cmocka_all.h"

#include "watch/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define PATIENCE_S 20

static char root[64];
static struct tg_watch *watch;

/* What was told, and what a test waits for. */
static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told_more = PTHREAD_COND_INITIALIZER;
static char told[8192]; /* "|path|path|" below the root */
static bool told_anything;
static struct tg_watch *stopped_by_telling;

static void tell(void *context, const struct tg_watch_change *change) {
    (void)context;
    pthread_mutex_lock(&told_lock);
    for (size_t i = 0; i < change->count; i++) {
        size_t length = strlen(told);
        assert_true(length + strlen(change->paths[i]) + 2 < sizeof told);
        snprintf(told + length, sizeof told - length, "%s|", change->paths[i] + strlen(root) + 1);
    }
    told_anything = told_anything || change->anything;
    pthread_cond_broadcast(&told_more);
    pthread_mutex_unlock(&told_lock);
    if (stopped_by_telling) {
        tg_watch_stop(stopped_by_telling);
    }
}

static bool was_told(const char *name) {
    char entry[256];
    snprintf(entry, sizeof entry, "|%s|", name);
    return strstr(told, entry) != NULL;
}

static void forget_told(void) {
    pthread_mutex_lock(&told_lock);
    snprintf(told, sizeof told, "|");
    told_anything = false;
    pthread_mutex_unlock(&told_lock);
}

/* Waits until `name` is told (NULL: anything). */
static void expect(const char *name) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&told_lock);
    while (name ? !was_told(name) : !told_anything) {
        if (pthread_cond_timedwait(&told_more, &told_lock, &end) == ETIMEDOUT) {
            fail_msg("not told of %s, but of %s", name ? name : "anything", told);
        }
    }
    pthread_mutex_unlock(&told_lock);
}

static const char *at(const char *name) {
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    int fd = open(at(name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void make_directory(const char *name) {
    assert_int_equal(mkdir(at(name), 0700), 0);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int set_up(void **state) {
    const struct tg_watch_options options = {.suffix = ".py", .quiet_ms = 5, .patience_ms = 50, .tell = tell};
    (void)state;
    snprintf(root, sizeof root, "/tmp/tg-watch-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_int_equal(tg_watch_new(&watch, &options, NULL), TG_OK);
    stopped_by_telling = NULL;
    forget_told();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tg_watch_free(watch);
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int add(const char *path) {
    int id = 0;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_watch_add(watch, path, &id, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return id;
}

static void start(void) {
    assert_int_equal(tg_watch_start(watch, NULL), TG_OK);
}

static void tells_of_files_written_and_replaced(void **state) {
    (void)state;
    write_file("written.py", "1");
    write_file("replaced.py", "1");
    write_file("removed.py", "1");
    add(root);
    start();
    write_file("written.py", "2");
    expect("written.py");
    write_file("made.py", "1");
    expect("made.py");
    write_file(".replaced.py.swp", "2");
    assert_int_equal(rename(at(".replaced.py.swp"), at("replaced.py")), 0);
    expect("replaced.py");
    assert_int_equal(unlink(at("removed.py")), 0);
    expect("removed.py");
}

static void leaves_out_what_is_no_source(void **state) {
    (void)state;
    make_directory("__pycache__");
    make_directory(".git");
    make_directory("venv");
    write_file("venv/pyvenv.cfg", "");
    add(root);
    start();
    write_file("__pycache__/a.py", "1");
    write_file(".git/a.py", "1");
    write_file("venv/a.py", "1");
    write_file(".#lock.py", "1");
    write_file("notes.txt", "1");
    write_file(".py", "1");
    write_file("last.py", "1"); /* inotify keeps the order */
    expect("last.py");
    assert_string_equal(told, "|last.py|");
}

static void follows_directories(void **state) {
    (void)state;
    make_directory("old");
    add(root);
    start();
    make_directory("new");
    make_directory("new/deeper");
    write_file("new/deeper/a.py", "1"); /* maybe before that directory is watched: told all the same */
    expect("new/deeper/a.py");
    assert_int_equal(rename(at("old"), at("moved")), 0);
    write_file("moved/b.py", "1");
    expect("moved/b.py");
    forget_told();
    assert_int_equal(unlink(at("moved/b.py")), 0);
    assert_int_equal(rmdir(at("moved")), 0);
    make_directory("moved");
    write_file("moved/c.py", "1");
    expect("moved/c.py");
}

static void watches_one_file_alone(void **state) {
    (void)state;
    write_file("program", "1"); /* no suffix is asked for */
    write_file("other.py", "1");
    add(at("program"));
    start();
    write_file("other.py", "2");
    assert_int_equal(unlink(at("program")), 0);
    expect("program");
    forget_told();
    write_file("program", "3");
    expect("program");
    assert_string_equal(told, "|program|");
}

static void finds_a_root_again(void **state) {
    (void)state;
    make_directory("gone");
    write_file("gone/a.py", "1");
    add(at("gone"));
    start();
    assert_int_equal(rename(at("gone"), at("elsewhere")), 0);
    make_directory("gone");
    write_file("gone/b.py", "1");
    expect("gone/b.py"); /* by the look for it */
    write_file("gone/a.py", "2");
    expect("gone/a.py"); /* by its being watched */
    assert_false(was_told("elsewhere/a.py"));
}

static void ends_watching(void **state) {
    (void)state;
    make_directory("one");
    make_directory("two");
    int one = add(at("one"));
    int again = add(at("one"));
    add(at("two"));
    start();
    tg_watch_remove(watch, one);
    write_file("one/a.py", "1");
    expect("one/a.py"); /* the other root of the same path */
    tg_watch_remove(watch, again);
    forget_told();
    write_file("one/a.py", "2");
    write_file("two/a.py", "1");
    expect("two/a.py");
    assert_string_equal(told, "|two/a.py|");
}

static void tells_what_happened_while_it_was_stopped(void **state) {
    (void)state;
    add(root);
    start();
    tg_watch_stop(watch);
    tg_watch_stop(watch);
    write_file("a.py", "1");
    start();
    start();
    expect("a.py");
}

static void says_when_the_kernel_lost_count(void **state) {
    (void)state;
    char limit[32] = "";
    int fd = open("/proc/sys/fs/inotify/max_queued_events", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, limit, sizeof limit - 1) > 0);
    close(fd);
    add(root);
    int a = open(at("a.py"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    int b = open(at("b.py"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    for (long i = strtol(limit, NULL, 10); i >= 0; i--) { /* equal events in a row are one, so they alternate */
        assert_int_equal(pwrite(i % 2 ? a : b, "x", 1, 0), 1);
    }
    close(a);
    close(b);
    start();
    expect(NULL);
}

static void may_be_stopped_by_what_it_tells(void **state) {
    (void)state;
    add(root);
    stopped_by_telling = watch;
    start();
    write_file("a.py", "1");
    expect("a.py");
    tg_watch_stop(watch); /* returns when the thread has ended */
    stopped_by_telling = NULL;
    start();
    write_file("b.py", "1");
    expect("b.py");
}

static void errors_name_the_path(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    int id;
    assert_int_equal(tg_watch_add(watch, "/nowhere/to/be found", &id, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere/to/be found"));
}

/* Both see a change made after the fork, the child with a thread of its own. */
static void goes_on_after_a_fork(void **state) {
    (void)state;
    add(root);
    start();
    tg_watch_stop(watch);
    pid_t child = fork_for_test();
    assert_true(child >= 0);
    if (child == 0) {
        tg_watch_after_fork_in_child(watch);
        start();
        expect(NULL);
        write_file("child.py", "1");
        expect("child.py");
        write_file("told_child.py", "1");
        tg_watch_stop(watch);
        _exit(0);
    }
    start();
    expect("told_child.py");
    assert_true(was_told("child.py"));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* As daemons do: the numbers may be files of the program's by then. */
static void survives_the_closing_of_all_descriptors(void **state) {
    (void)state;
    add(root);
    start();
    write_file("a.py", "1");
    expect("a.py");
    tg_watch_stop(watch);
    for (int fd = 3; fd < 256; fd++) {
        close(fd);
    }
    start();
    expect(NULL);
    write_file("b.py", "1");
    expect("b.py");
}

int main(void) {
#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WATCH_TEST(tells_of_files_written_and_replaced),
        WATCH_TEST(leaves_out_what_is_no_source),
        WATCH_TEST(follows_directories),
        WATCH_TEST(watches_one_file_alone),
        WATCH_TEST(finds_a_root_again),
        WATCH_TEST(ends_watching),
        WATCH_TEST(tells_what_happened_while_it_was_stopped),
        WATCH_TEST(says_when_the_kernel_lost_count),
        WATCH_TEST(may_be_stopped_by_what_it_tells),
        WATCH_TEST(errors_name_the_path),
        WATCH_TEST(goes_on_after_a_fork),
        WATCH_TEST(survives_the_closing_of_all_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
