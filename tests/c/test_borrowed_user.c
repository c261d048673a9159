/* Files are touched as another process's user, and only as long as that was borrowed. */
#include "cli/borrowed_user.h"

#include "cmocka_all.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

static char directory[64];

/* A process of another user that waits, and which may not be dumped: the owner of its /proc/PID is root. */
static pid_t start_other(void) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork_for_test();
    if (child == 0) {
        bool is_other = setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0;
        prctl(PR_SET_DUMPABLE, 0);
        (void)!write(ready[1], is_other ? "y" : "n", 1);
        pause();
        _exit(0);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(byte, 'y');
    return child;
}

static void stop_other(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int make_file(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static uid_t owner_of(int fd) {
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    close(fd);
    return status.st_uid;
}

static void files_are_that_users(void **state) {
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    struct tg_borrowed_user self;
    pid_t other = start_other();
    assert_int_equal(tg_borrow_user(&self, other, NULL), TG_OK);
    int refused = make_file("a");
    assert_int_equal(chmod(directory, 0777), -1);
    tg_return_user(&self);
    assert_int_equal(refused, -1);
    assert_int_equal(owner_of(make_file("b")), 0);

    assert_int_equal(chmod(directory, 0777), 0);
    assert_int_equal(tg_borrow_user(&self, other, NULL), TG_OK);
    int theirs = make_file("c");
    tg_return_user(&self);
    assert_int_equal(owner_of(theirs), NOBODY);
    stop_other(other);
}

static void ones_own_user_stays(void **state) {
    (void)state;
    struct tg_borrowed_user self;
    assert_int_equal(tg_borrow_user(&self, getpid(), NULL), TG_OK);
    assert_false(self.is_borrowed);
    tg_return_user(&self);
}

static void who_has_ended_is_nobody(void **state) {
    (void)state;
    struct tg_borrowed_user self;
    struct tg_error err = TG_ERROR_INIT;
    pid_t child = fork_for_test();
    if (child == 0) {
        _exit(0);
    }
    waitpid(child, NULL, 0);
    assert_int_equal(tg_borrow_user(&self, child, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "has ended"));
}

static int make_directory(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/tg-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    char path[128];
    for (const char *name = "abc"; *name; name++) {
        snprintf(path, sizeof path, "%s/%c", directory, *name);
        unlink(path);
    }
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_that_users, make_directory, remove_directory),
        cmocka_unit_test(ones_own_user_stays),
        cmocka_unit_test(who_has_ended_is_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
