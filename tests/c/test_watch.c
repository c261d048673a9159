/* A watch tells which files have changed, whatever way they are written. */
#include "cmocka_all.h"

#include "watch/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
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
static bool told_problem;
static bool is_told_at_all;
static bool holds_telling; /* what is told is not taken note of until this is false */
static struct tg_watch *stopped_by_telling;

static void tell(void *context, const struct tg_watch_change *change) {
    (void)context;
    pthread_mutex_lock(&told_lock);
    is_told_at_all = true;
    pthread_cond_broadcast(&told_more);
    while (holds_telling) {
        pthread_cond_wait(&told_more, &told_lock);
    }
    for (size_t i = 0; i < change->count; i++) {
        size_t length = strlen(told);
        assert_true(length + strlen(change->paths[i]) + 2 < sizeof told);
        snprintf(told + length, sizeof told - length, "%s|", change->paths[i] + strlen(root) + 1);
    }
    told_anything = told_anything || change->anything;
    told_problem = told_problem || change->problem;
    pthread_cond_broadcast(&told_more);
    pthread_mutex_unlock(&told_lock);
    if (stopped_by_telling) {
        assert_false(tg_watch_stop(stopped_by_telling, PATIENCE_S * 1000));
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
    told_anything = told_problem = is_told_at_all = false;
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

static void expect_so(const bool *is_so) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&told_lock);
    while (!*is_so) {
        assert_int_equal(pthread_cond_timedwait(&told_more, &told_lock, &end), 0);
    }
    pthread_mutex_unlock(&told_lock);
}

static void hold_telling(bool holds) {
    pthread_mutex_lock(&told_lock);
    holds_telling = holds;
    pthread_cond_broadcast(&told_more);
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

static void make_watch(int patience_ms) {
    const struct tg_watch_options options = {.suffix = ".py", .quiet_ms = 5, .patience_ms = patience_ms, .tell = tell};
    assert_int_equal(tg_watch_new(&watch, &options, NULL), TG_OK);
}

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/tg-watch-XXXXXX");
    assert_non_null(mkdtemp(root));
    make_watch(50);
    stopped_by_telling = NULL;
    forget_told();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hold_telling(false);
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
    assert_true(tg_watch_stop(watch, PATIENCE_S * 1000));
    assert_true(tg_watch_stop(watch, PATIENCE_S * 1000));
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
    write_file("a.py", "1");
    for (long i = 0; i <= strtol(limit, NULL, 10) / 2; i++) { /* two events each */
        assert_int_equal(rename(at(i % 2 ? "b.py" : "a.py"), at(i % 2 ? "a.py" : "b.py")), 0);
    }
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
    assert_true(tg_watch_stop(watch, PATIENCE_S * 1000)); /* returns when the thread has ended */
    stopped_by_telling = NULL;
    start();
    write_file("b.py", "1");
    expect("b.py");
}

/* As a log is written, or a file that is not whole yet. */
static void leaves_open_files_alone(void **state) {
    (void)state;
    write_file("open.py", "1");
    add(root);
    start();
    int fd = open(at("open.py"), O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "2", 1), 1);
    write_file("last.py", "1");
    expect("last.py");
    assert_false(was_told("open.py"));
    close(fd);
    expect("open.py");
}

static bool is_told(const char *name) {
    pthread_mutex_lock(&told_lock);
    bool told_so = was_told(name);
    pthread_mutex_unlock(&told_lock);
    return told_so;
}

/* However often something else is written, it does not put off what counts. */
static void is_quiet_while_logs_are_written(void **state) {
    (void)state;
    tg_watch_free(watch);
    make_watch(INT_MAX);
    add(root);
    start();
    write_file("a.py", "1");
    time_t end = time(NULL) + PATIENCE_S;
    while (!is_told("a.py")) {
        write_file("program.log", "a line");
        assert_true(time(NULL) < end);
    }
}

static void a_stop_leaves_what_is_being_told(void **state) {
    (void)state;
    add(root);
    start();
    hold_telling(true);
    write_file("a.py", "1");
    expect_so(&is_told_at_all);
    assert_false(tg_watch_stop(watch, 10));
    write_file("b.py", "1");
    hold_telling(false);
    assert_true(tg_watch_stop(watch, PATIENCE_S * 1000));
    assert_string_equal(told, "|a.py|");
    start();
    expect("b.py");
}

/* What is told may wait for what the forking thread holds, as logging's locks. */
static void a_fork_passes_what_is_being_told(void **state) {
    (void)state;
    add(root);
    start();
    hold_telling(true);
    write_file("a.py", "1");
    expect_so(&is_told_at_all);
    tg_watch_before_fork(watch);
    pid_t child = fork_for_test();
    assert_true(child >= 0);
    if (child == 0) {
        tg_watch_after_fork_in_child(watch, false);
        assert_true(tg_watch_stop(watch, 0)); /* there is no thread to wait for */
        _exit(0);
    }
    tg_watch_after_fork_in_parent(watch);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    hold_telling(false);
    expect("a.py");
    write_file("b.py", "1");
    expect("b.py");
}

static int thread_count(void) {
    DIR *entries = opendir("/proc/self/task");
    int count = -2; /* . and .. */
    while (readdir(entries)) {
        count++;
    }
    closedir(entries);
    return count;
}

static void *fork_and_count(void *unused) {
    (void)unused;
    tg_watch_before_fork(watch);
    pid_t child = fork_for_test();
    if (child == 0) {
        tg_watch_after_fork_in_child(watch, true);
        _exit(thread_count());
    }
    tg_watch_after_fork_in_parent(watch);
    int status = -1;
    waitpid(child, &status, 0);
    return (void *)(intptr_t)WEXITSTATUS(status);
}

/* That thread may return, and then nobody is left but ours. */
static void a_child_of_a_thread_has_no_other(void **state) {
    (void)state;
    pthread_t thread;
    void *count = NULL;
    add(root);
    start();
    assert_int_equal(pthread_create(&thread, NULL, fork_and_count, NULL), 0);
    assert_int_equal(pthread_join(thread, &count), 0);
    assert_int_equal((intptr_t)count, 1);
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
    tg_watch_before_fork(watch);
    pid_t child = fork_for_test();
    assert_true(child >= 0);
    if (child == 0) {
        tg_watch_after_fork_in_child(watch, true);
        expect(NULL);
        write_file("child.py", "1");
        expect("child.py");
        write_file("told_child.py", "1");
        assert_true(tg_watch_stop(watch, PATIENCE_S * 1000));
        _exit(0);
    }
    tg_watch_after_fork_in_parent(watch);
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
    assert_true(tg_watch_stop(watch, PATIENCE_S * 1000));
    for (int fd = 3; fd < 256; fd++) {
        close(fd);
    }
    start();
    expect(NULL);
    write_file("b.py", "1");
    expect("b.py");
}

/* The descriptors of the watch that lead to such. */
static size_t find_own(int own[8], const char *kind) {
    DIR *entries = opendir("/proc/self/fd");
    size_t count = 0;
    own[0] = -1;
    for (const struct dirent *entry = readdir(entries); entry && count < 8; entry = readdir(entries)) {
        char link[sizeof entry->d_name + 16];
        char target[64] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%s", entry->d_name);
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (readlink(link, target, sizeof target - 1) > 0 && strstr(target, kind) && fd >= 64) {
            own[count++] = fd;
        }
    }
    closedir(entries);
    return count;
}

static void leaves_a_strangers_file_alone(void **state) {
    (void)state;
    int own[8];
    add(root);
    start();
    write_file("a.py", "1");
    expect("a.py");
    write_file("precious.txt", "precious");
    size_t count = find_own(own, "pipe:");
    assert_int_equal(count, 2);
    count += find_own(own + count, "inotify");
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        int fd = open(at("precious.txt"), O_RDWR | O_CLOEXEC);
        assert_int_equal(dup2(fd, own[i]), own[i]);
        close(fd);
    }
    tg_watch_before_fork(watch); /* cannot wake the thread, and does not wait for it */
    pid_t child = fork_for_test();
    assert_true(child >= 0);
    if (child == 0) {
        tg_watch_after_fork_in_child(watch, false);
        _exit(fcntl(own[0], F_GETFD) < 0 || fcntl(own[1], F_GETFD) < 0 || fcntl(own[2], F_GETFD) < 0);
    }
    tg_watch_after_fork_in_parent(watch);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    expect(NULL);
    write_file("b.py", "1");
    expect("b.py");
    for (size_t i = 0; i < count; i++) {
        char text[16] = "";
        assert_int_equal(read(own[i], text, sizeof text - 1), 8);
        assert_string_equal(text, "precious");
        close(own[i]);
    }
}

static void tells_what_limit_is_reached(void **state) {
    (void)state;
    int own[8];
    struct rlimit before;
    struct tg_error err = TG_ERROR_INIT;
    add(root);
    start();
    write_file("a.py", "1");
    expect("a.py");
    assert_int_equal(find_own(own, "inotify"), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    close(own[0]); /* there is none again, as in a forked child */
    expect_so(&told_problem);
    assert_int_equal(tg_watch_check(&err), TG_ERROR_FULL);
    assert_non_null(strstr(err.message, "fs.inotify.max_user_instances"));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(tg_watch_check(NULL), TG_OK);
    forget_told();
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
        WATCH_TEST(leaves_open_files_alone),
        WATCH_TEST(is_quiet_while_logs_are_written),
        WATCH_TEST(a_stop_leaves_what_is_being_told),
        WATCH_TEST(a_fork_passes_what_is_being_told),
        WATCH_TEST(a_child_of_a_thread_has_no_other),
        WATCH_TEST(errors_name_the_path),
        WATCH_TEST(goes_on_after_a_fork),
        WATCH_TEST(survives_the_closing_of_all_descriptors),
        WATCH_TEST(leaves_a_strangers_file_alone),
        WATCH_TEST(tells_what_limit_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
