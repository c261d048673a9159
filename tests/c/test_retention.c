/* Retention: what goes, in which order, and what never goes. */
#include "record/retention.h"

#include "recording_fixture.h"

#include <sys/time.h>

#define HOUR_S 3600

static int open_directory(void) {
    int fd = open(fixture_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void make_file(const char *name, int age_s, size_t bytes) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", fixture_directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)bytes), 0);
    struct timeval times[2];
    assert_int_equal(gettimeofday(&times[0], NULL), 0);
    times[0].tv_sec -= age_s;
    times[1] = times[0];
    assert_int_equal(futimes(fd, times), 0);
    close(fd);
}

static bool exists(const char *name) {
    int directory_fd = open_directory();
    bool found = faccessat(directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    close(directory_fd);
    return found;
}

static struct tg_retention trim(size_t files_max, uint64_t bytes_max) {
    int directory_fd = open_directory();
    struct tg_retention result = tg_retention_trim(directory_fd, files_max, bytes_max, NULL);
    close(directory_fd);
    return result;
}

static void make_old_files(int count) {
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d-a.tgr", i);
        make_file(name, HOUR_S * (i + 1), 4096); /* the higher the number, the older */
    }
}

static void test_below_the_bounds_nothing_goes(void **state) {
    (void)state;
    make_old_files(8);
    struct tg_retention result = trim(8, 1 << 20);
    assert_int_equal(result.removed_count, 0);
    assert_int_equal(result.file_count, 8);
}

static void test_the_oldest_go_first(void **state) {
    (void)state;
    make_old_files(9);
    struct tg_retention result = trim(8, 1 << 20);
    assert_int_equal(result.file_count, 6);
    assert_int_equal(result.removed_count, 3);
    assert_true(exists("5-a.tgr"));
    assert_false(exists("6-a.tgr"));
    assert_false(exists("8-a.tgr"));
}

static void test_fresh_ones_stay_unless_bytes_are_too_many(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d-a.tgr", i);
        make_file(name, i, 8192);
    }
    assert_int_equal(trim(4, 1 << 20).removed_count, 0);
    struct tg_retention result = trim(100, 32768);
    assert_true(result.removed_count >= 4);
    assert_true(exists("0-a.tgr"));
    assert_false(exists("7-a.tgr"));
}

static void test_other_files_are_not_touched(void **state) {
    (void)state;
    make_old_files(8);
    make_file("notes.txt", HOUR_S * 100, 4096);
    make_file(".1-young.tgr", 1, 4096);
    make_file(".1-old.tgr", HOUR_S * 100, 4096);
    assert_true(trim(1, 1 << 20).removed_count > 0);
    assert_true(exists("notes.txt"));
    assert_true(exists(".1-young.tgr"));
    assert_false(exists(".1-old.tgr"));
}

static void test_a_living_process_keeps_its_recording(void **state) {
    (void)state;
    struct tg_recording recording;
    struct tg_recording_options options = {.service = "alive"};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    struct timeval times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(futimes(recording.fd, times), 0); /* the oldest of all */
    make_old_files(4);
    assert_int_equal(trim(0, 0).removed_count, 4);
    assert_int_equal(access(recording.path, F_OK), 0);
    tg_recording_close(&recording);
    assert_int_equal(trim(0, 0).removed_count, 1);
}

static void test_a_run_keeps_its_recordings(void **state) {
    (void)state;
    static const uint8_t run[16] = {1, 2, 3};
    struct tg_recording recording;
    struct tg_recording_options options = {.service = "child", .run_uuid = run};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    tg_recording_close(&recording);
    int directory_fd = open_directory();
    assert_int_equal(tg_retention_trim(directory_fd, 0, 0, run).removed_count, 0);
    static const uint8_t other[16] = {1, 2, 4};
    assert_int_equal(tg_retention_trim(directory_fd, 0, 0, other).removed_count, 1);
    close(directory_fd);
}

/* Older than all others and not yet in its store: it goes when there is no other way, or after a week. */
static void test_what_is_not_collected_goes_last(void **state) {
    (void)state;
    struct tg_recording recording;
    struct tg_recording_options options = {.service = "shop", .store_url = "sqlite:///a.db", .interval_ns = 1};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    struct timeval now;
    assert_int_equal(gettimeofday(&now, NULL), 0);
    struct timeval times[2] = {{.tv_sec = now.tv_sec - 100 * HOUR_S}, {.tv_sec = now.tv_sec - 100 * HOUR_S}};
    assert_int_equal(futimes(recording.fd, times), 0);
    char path[sizeof recording.path];
    memcpy(path, recording.path, sizeof path);
    tg_recording_close(&recording);
    make_old_files(8);
    assert_int_equal(trim(4, 1 << 20).removed_count, 6);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(trim(0, 1 << 20).removed_count, 2);
    assert_int_equal(access(path, F_OK), 0);
    times[0].tv_sec = times[1].tv_sec = now.tv_sec - TG_RETENTION_UNCOLLECTED_S - 1;
    assert_int_equal(utimes(path, times), 0);
    assert_int_equal(trim(0, 1 << 20).removed_count, 1);

    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    tg_recording_close(&recording);
    assert_int_equal(trim(100, 1).removed_count, 1); /* no space: it is that or no new recording */
}

static void test_a_new_recording_trims(void **state) {
    (void)state;
    make_old_files(TG_RETENTION_FILES + 1);
    struct tg_recording recording;
    struct tg_recording_options options = {.service = "new"};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    struct tg_retention result = trim(TG_RETENTION_FILES, TG_RETENTION_BYTES);
    assert_int_equal(result.file_count, TG_RETENTION_FILES / 4 * 3 + 1);
    tg_recording_close(&recording);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_below_the_bounds_nothing_goes, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_the_oldest_go_first, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_fresh_ones_stay_unless_bytes_are_too_many, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_other_files_are_not_touched, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_living_process_keeps_its_recording, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_run_keeps_its_recordings, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_collected_goes_last, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_recording_trims, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
