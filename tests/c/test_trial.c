#include "base/trial.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static int set_up(void **state) {
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/tg-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return rmdir(directory); /* nothing has been left in it */
}

static void a_directory_is_tried(void **state) {
    (void)state;
    assert_int_equal(tg_trial_directory(directory), 0);
    assert_int_equal(tg_trial_directory("/proc"), ENOENT); /* which permissions let root write to */
    assert_int_equal(tg_trial_directory("/none"), ENOENT);
    assert_int_not_equal(tg_trial_directory("/dev/null"), 0);
}

static void expect_existing(const char *path, const char *expected) {
    struct tg_strbuf found = TG_STRBUF_INIT;
    tg_strbuf_append(&found, ">");
    tg_trial_append_existing(&found, path);
    assert_string_equal(tg_strbuf_text(&found) + 1, expected);
    tg_strbuf_release(&found);
}

static void the_nearest_directory_is_found(void **state) {
    (void)state;
    char path[128];
    expect_existing(directory, directory);
    snprintf(path, sizeof path, "%s/a/b/c.db", directory);
    expect_existing(path, directory);
    expect_existing("/none/a.db", "/");
    expect_existing("/", "/");
    expect_existing("none/a.db", ".");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_is_tried),
        cmocka_unit_test(the_nearest_directory_is_found),
    };
    return cmocka_run_group_tests_name("trial", tests, set_up, tear_down);
}
