#include "record/runtime.h"

#include "recording_fixture.h"

#include <errno.h>

static char inside[128]; /* a path in the test's directory */

static const char *path_of(const char *name) {
    snprintf(inside, sizeof inside, "%s/%s", fixture_directory, name);
    return inside;
}

static struct tg_runtime_paths candidates(const char *chosen, const char *session) {
    struct tg_runtime_paths paths;
    if (chosen) {
        setenv("TACHOGRAPH_RUNTIME_DIR", chosen, 1);
    } else {
        unsetenv("TACHOGRAPH_RUNTIME_DIR");
    }
    if (session) {
        setenv("XDG_RUNTIME_DIR", session, 1);
    } else {
        unsetenv("XDG_RUNTIME_DIR");
    }
    tg_runtime_candidates(&paths);
    return paths;
}

static void assert_ends_with_defaults(const struct tg_runtime_paths *paths) {
    char expected[64];
    snprintf(expected, sizeof expected, "/dev/shm/tachograph-%u", (unsigned)geteuid());
    assert_string_equal(paths->paths[paths->count - 2], expected);
    snprintf(expected, sizeof expected, "/tmp/tachograph-%u", (unsigned)geteuid());
    assert_string_equal(paths->paths[paths->count - 1], expected);
}

static void candidates_best_first(void **state) {
    (void)state;
    char session[128];
    snprintf(session, sizeof session, "%s/tachograph", fixture_directory);
    struct tg_runtime_paths paths = candidates(NULL, NULL);
    assert_int_equal(paths.count, 2);
    assert_int_equal(paths.writer_count, 2);
    assert_ends_with_defaults(&paths);
    paths = candidates("", fixture_directory);
    assert_int_equal(paths.count, 3);
    assert_int_equal(paths.writer_count, 3);
    assert_string_equal(paths.paths[0], session);
    assert_int_equal(paths.chosen_count, 0);
    assert_false(paths.is_chosen);
    paths = candidates("/chosen", fixture_directory);
    assert_int_equal(paths.count, 5);
    assert_int_equal(paths.writer_count, 1);
    assert_int_equal(paths.chosen_count, 2);
    assert_true(paths.is_chosen);
    assert_string_equal(paths.paths[0], "/chosen");
    assert_string_equal(paths.paths[2], session);
    assert_ends_with_defaults(&paths);
}

/* What is written to where `mode` (and owner, if it can be set) is that of the directory chosen. */
static void assert_written_to(mode_t mode, uid_t owner, bool inside_it) {
    const char *path = path_of("volume");
    char ours[160];
    snprintf(ours, sizeof ours, "%s/tachograph-%u", path, (unsigned)geteuid());
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, mode), 0);
    assert_int_equal(chown(path, owner, (gid_t)-1), 0);
    struct tg_runtime_paths paths = candidates(path, NULL);
    assert_int_equal(paths.chosen_count, 2);
    assert_string_equal(paths.paths[0], inside_it ? ours : path);
    assert_string_equal(paths.paths[1], inside_it ? path : ours); /* a reader looks there, too */
    rmdir(path);
}

/* A container's volume is seldom the user's alone. */
static void a_shared_directory_gets_one_of_ours(void **state) {
    (void)state;
    uid_t self = geteuid();
    assert_written_to(0700, self, false);
    assert_written_to(0755, self, true);
    assert_written_to(0775, self, true);
    assert_written_to(02775, self, true);
    assert_written_to(01777, self, true);
    assert_written_to(0777, self, false); /* to be refused: anybody could rename ours */
    if (self == 0) {
        assert_written_to(0755, 12345, false);
        assert_written_to(01777, 12345, false);
    }
}

static void a_link_is_followed_to_what_is_shared(void **state) {
    (void)state;
    char link[128];
    char ours[160];
    assert_int_equal(mkdir(path_of("real"), 0700), 0);
    snprintf(link, sizeof link, "%s/link", fixture_directory);
    snprintf(ours, sizeof ours, "%s/tachograph-%u", link, (unsigned)geteuid());
    assert_int_equal(symlink(inside, link), 0);
    struct tg_runtime_paths paths = candidates(link, NULL);
    assert_string_equal(paths.paths[0], ours);
    if (geteuid() == 0) { /* not where somebody else's leads */
        assert_int_equal(lchown(link, 12345, 12345), 0);
        assert_string_equal(candidates(link, NULL).paths[0], link);
    }
    unlink(link);
    rmdir(inside);
}

static void unusable_candidates_are_left_out(void **state) {
    (void)state;
    char longest[TG_RUNTIME_PATH_SIZE + 1];
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[TG_RUNTIME_PATH_SIZE] = '\0';
    struct tg_runtime_paths paths = candidates(longest, longest);
    assert_int_equal(paths.count, 2);
    assert_int_equal(paths.writer_count, 0); /* not somewhere else than was asked for */
    longest[TG_RUNTIME_PATH_SIZE - 1] = '\0';
    paths = candidates(longest, NULL);
    assert_int_equal(paths.writer_count, 1);
    assert_string_equal(paths.paths[0], longest);
    paths = candidates("relative/path", "also/relative");
    assert_int_equal(paths.count, 2);
    assert_int_equal(paths.writer_count, 0);
    assert_int_equal(paths.chosen_count, 0);
    assert_true(paths.is_chosen);
    assert_ends_with_defaults(&paths);
}

/* Under sudo $XDG_RUNTIME_DIR may still be another user's: nothing of root's is to be left there. */
static void a_session_of_another_user_is_left_out(void **state) {
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(chown(fixture_directory, 12345, 12345), 0);
    assert_int_equal(candidates(NULL, fixture_directory).count, 2);
    assert_int_equal(chown(fixture_directory, 0, 0), 0);
    assert_int_equal(candidates(NULL, fixture_directory).count, 3);
}

static enum tg_status try_open(const char *path, bool create, struct tg_error *err) {
    int fd = -1;
    enum tg_status status = tg_runtime_open(path, create, &fd, err);
    if (status == TG_OK) {
        struct stat by_fd;
        struct stat by_path;
        assert_int_equal(fstat(fd, &by_fd), 0);
        assert_int_equal(stat(path, &by_path), 0);
        assert_int_equal(by_fd.st_ino, by_path.st_ino);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    } else {
        assert_int_equal(fd, -1);
    }
    return status;
}

static void a_directory_is_made_private(void **state) {
    (void)state;
    const char *path = path_of("new");
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(try_open(path, false, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(try_open(path, true, NULL), TG_OK);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    assert_int_equal(try_open(path, true, NULL), TG_OK); /* again */
    assert_int_equal(try_open(path, false, NULL), TG_OK);
    rmdir(path);
    assert_int_equal(try_open(path_of("missing/new"), true, &err), TG_ERROR_NOT_FOUND);
}

static void a_directory_open_to_others_is_refused(void **state) {
    (void)state;
    const char *path = path_of("open");
    static const mode_t modes[] = {0755, 0710, 0701, 0770, 0704, 01777};
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(try_open(path, true, &err), TG_ERROR_PERMISSION);
        assert_non_null(strstr(err.message, "chmod 700"));
    }
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(try_open(path, true, &err), TG_ERROR_PERMISSION);
    assert_non_null(strstr(err.message, "everybody can replace"));
    rmdir(path);
}

static void a_link_is_refused(void **state) {
    (void)state;
    char link[128];
    assert_int_equal(mkdir(path_of("real"), 0700), 0);
    snprintf(link, sizeof link, "%s/link", fixture_directory);
    assert_int_equal(symlink(inside, link), 0);
    assert_int_not_equal(try_open(link, true, NULL), TG_OK);
    assert_int_equal(try_open(inside, true, NULL), TG_OK);
    unlink(link);
    assert_int_equal(symlink("/nowhere/at/all", link), 0);
    assert_int_not_equal(try_open(link, true, NULL), TG_OK);
    unlink(link);
    rmdir(inside);
}

static void a_file_is_refused(void **state) {
    (void)state;
    const char *path = path_of("file");
    close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_not_equal(try_open(path, true, NULL), TG_OK);
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_not_equal(try_open(path, true, NULL), TG_OK); /* and does not wait for a writer */
    unlink(path);
}

static void another_users_directory_is_refused(void **state) {
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    const char *path = path_of("theirs");
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(try_open(path, true, &err), TG_ERROR_PERMISSION);
    assert_non_null(strstr(err.message, "12345"));
    rmdir(path);
}

int main(void) {
#define WITH_DIRECTORY(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(candidates_best_first),
        WITH_DIRECTORY(a_shared_directory_gets_one_of_ours),
        WITH_DIRECTORY(a_link_is_followed_to_what_is_shared),
        WITH_DIRECTORY(unusable_candidates_are_left_out),
        WITH_DIRECTORY(a_session_of_another_user_is_left_out),
        WITH_DIRECTORY(a_directory_is_made_private),
        WITH_DIRECTORY(a_directory_open_to_others_is_refused),
        WITH_DIRECTORY(a_link_is_refused),
        WITH_DIRECTORY(a_file_is_refused),
        WITH_DIRECTORY(another_users_directory_is_refused),
    };
    return cmocka_run_group_tests_name("runtime", tests, NULL, NULL);
}
