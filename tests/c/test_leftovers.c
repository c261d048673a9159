/* What the command line cannot be made to meet in time: files whose state changes between the list and the removal. */
#include "collect/leftovers.h"

#include "recording_fixture.h"

static char path[256];

static int set_up(void **state) {
    int failed = fixture_set_up(state);
    setenv("TACHOGRAPH_SPOOL_DIR", fixture_directory, 1);
    return failed;
}

/* A recording of a process that has ended, for a store or none. */
static void leave_recording(const char *store_url) {
    pid_t child = fork_for_test();
    if (child == 0) {
        fixture_open_with((struct tg_tracer_options){.recording.store_url = store_url});
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The only file there is. */
static struct tg_leftovers find_one(enum tg_leftover_state expected) {
    struct tg_leftovers leftovers;
    assert_int_equal(tg_leftovers_find(&leftovers, NULL), TG_OK);
    assert_int_equal(leftovers.count, 1);
    assert_int_equal(leftovers.items[0].state, expected);
    snprintf(path, sizeof path, "%s/%s", fixture_directory, leftovers.items[0].name);
    return leftovers;
}

static void file_that_somebody_holds_by_now_stays(void **state) {
    (void)state;
    leave_recording(NULL);
    struct tg_leftovers leftovers = find_one(TG_LEFTOVER_DONE);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_false(tg_leftover_remove(&leftovers, &leftovers.items[0], true));
    assert_int_equal(access(path, F_OK), 0);
    close(fd);
    assert_true(tg_leftover_remove(&leftovers, &leftovers.items[0], false));
    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(tg_leftover_remove(&leftovers, &leftovers.items[0], false)); /* gone */
    tg_leftovers_release(&leftovers);
    tg_leftovers_release(&leftovers);
}

static void recording_that_waits_by_now_stays(void **state) {
    (void)state;
    leave_recording("sqlite:////nowhere/h.db");
    struct tg_leftovers leftovers = find_one(TG_LEFTOVER_WAITING);
    assert_string_equal(leftovers.items[0].store_url, "sqlite:////nowhere/h.db");
    assert_false(tg_leftover_remove(&leftovers, &leftovers.items[0], false));
    leftovers.items[0].state = TG_LEFTOVER_DONE; /* as if it had been listed before */
    assert_false(tg_leftover_remove(&leftovers, &leftovers.items[0], false));
    assert_true(tg_leftover_remove(&leftovers, &leftovers.items[0], true));
    tg_leftovers_release(&leftovers);
}

static void directory_that_is_others_by_now_is_left_alone(void **state) {
    (void)state;
    leave_recording(NULL);
    struct tg_leftovers leftovers = find_one(TG_LEFTOVER_DONE);
    assert_int_equal(chmod(fixture_directory, 0777), 0);
    assert_false(tg_leftover_remove(&leftovers, &leftovers.items[0], false));
    assert_int_equal(chmod(fixture_directory, 0700), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_false(tg_leftover_remove(&leftovers, &leftovers.items[0], true));
    tg_leftovers_release(&leftovers);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_that_somebody_holds_by_now_stays, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(recording_that_waits_by_now_stays, set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(directory_that_is_others_by_now_is_left_alone, set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
