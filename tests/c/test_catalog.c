#include "record/catalog.h"

#include "record/recording.h"

#include "cmocka_all.h"
#include "recording_fixture.h"

static const uint8_t run_uuid[16] = {1, 2, 3};
static const uint8_t no_uuid[16] = {0};

static void record(struct tg_recording *recording, const uint8_t *run) {
    struct tg_recording_options options = {.clock = {.kind = TG_CLOCK_MONOTONIC}, .run_uuid = run};
    assert_int_equal(tg_recording_open(recording, &options, NULL, NULL), TG_OK);
}

/* The entry of a path; other candidate directories may hold recordings of other programs. */
static const struct tg_catalog_entry *find(const struct tg_catalog *catalog, const char *path, size_t *place) {
    for (size_t i = 0; i < catalog->count; i++) {
        if (strcmp(catalog->entries[i].path, path) == 0) {
            *place = i;
            return &catalog->entries[i];
        }
    }
    return NULL;
}

static void lists_recordings_newest_first(void **state) {
    (void)state;
    struct tg_recording older;
    struct tg_recording newer;
    struct tg_catalog catalog;
    size_t older_place = 0;
    size_t newer_place = 0;
    record(&older, run_uuid);
    record(&newer, NULL);
    newer.header->started_wall_ns = older.header->started_wall_ns + 1;
    assert_int_equal(tg_catalog_read(&catalog, 0, NULL), TG_OK);
    const struct tg_catalog_entry *entry = find(&catalog, older.path, &older_place);
    assert_non_null(entry);
    assert_int_equal(entry->pid, getpid());
    assert_true(entry->alive);
    assert_true(tg_catalog_is_of_run(entry, run_uuid));
    assert_false(tg_catalog_is_of_run(entry, no_uuid));
    entry = find(&catalog, newer.path, &newer_place);
    assert_non_null(entry);
    assert_false(tg_catalog_is_of_run(entry, run_uuid));
    assert_false(tg_catalog_is_of_run(entry, no_uuid)); /* none is no run to belong to */
    assert_true(newer_place < older_place);
    tg_catalog_release(&catalog);
    tg_catalog_release(&catalog);
    assert_int_equal(catalog.count, 0);
    tg_recording_close(&older);
    tg_recording_close(&newer);
}

static void lists_each_once_and_only_recordings(void **state) {
    (void)state;
    struct tg_recording recording;
    struct tg_catalog catalog;
    char other[128];
    record(&recording, NULL);
    tg_recording_close(&recording);
    static const char *const names[] = {"a.tgr", ".1-hidden.tgr", "note.txt", ".tgr"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(other, sizeof other, "%s/%s", fixture_directory, names[i]);
        FILE *file = fopen(other, "w");
        assert_non_null(file);
        assert_true(fputs("no recording", file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    assert_int_equal(tg_catalog_read_directory(&catalog, fixture_directory, NULL), TG_OK);
    assert_int_equal(catalog.count, 1);
    assert_false(catalog.entries[0].alive);
    tg_catalog_release(&catalog);

    /* The same directory as two candidates. */
    char session[128];
    snprintf(session, sizeof session, "%s/tachograph", fixture_directory);
    assert_int_equal(mkdir(session, 0700), 0);
    setenv("XDG_RUNTIME_DIR", fixture_directory, 1);
    setenv("TACHOGRAPH_RUNTIME_DIR", session, 1);
    record(&recording, NULL);
    size_t place = 0;
    assert_int_equal(tg_catalog_read(&catalog, 0, NULL), TG_OK);
    assert_non_null(find(&catalog, recording.path, &place));
    assert_true(place + 1 == catalog.count || strcmp(catalog.entries[place + 1].path, recording.path) != 0);
    tg_catalog_release(&catalog);
    tg_recording_close(&recording);
    unsetenv("XDG_RUNTIME_DIR");
    setenv("TACHOGRAPH_RUNTIME_DIR", fixture_directory, 1);
    fixture_remove(session);
}

/* Those where TACHOGRAPH_RUNTIME_DIR says, or in the directory of ours there, are the ones that are meant. */
static void says_which_lie_where_was_chosen(void **state) {
    (void)state;
    struct tg_recording elsewhere;
    struct tg_recording inside;
    struct tg_catalog catalog;
    size_t place = 0;
    char volume[128];
    char ours[192];
    snprintf(volume, sizeof volume, "%s/volume", fixture_directory);
    snprintf(ours, sizeof ours, "%s/tachograph-%u", volume, (unsigned)geteuid());
    assert_int_equal(mkdir(volume, 0755), 0);
    unsetenv("TACHOGRAPH_RUNTIME_DIR");
    setenv("XDG_RUNTIME_DIR", fixture_directory, 1);
    record(&elsewhere, NULL);
    assert_int_equal(tg_catalog_read(&catalog, 0, NULL), TG_OK);
    assert_true(find(&catalog, elsewhere.path, &place)->chosen);
    tg_catalog_release(&catalog);

    setenv("TACHOGRAPH_RUNTIME_DIR", volume, 1);
    record(&inside, NULL);
    assert_memory_equal(inside.path, ours, strlen(ours));
    assert_int_equal(chmod(volume, 0700), 0); /* it would now be written to directly */
    assert_int_equal(tg_catalog_read(&catalog, 0, NULL), TG_OK);
    assert_true(find(&catalog, inside.path, &place)->chosen);
    assert_false(find(&catalog, elsewhere.path, &place)->chosen);
    tg_catalog_release(&catalog);

    tg_recording_close(&inside);
    tg_recording_close(&elsewhere);
    unsetenv("XDG_RUNTIME_DIR");
    setenv("TACHOGRAPH_RUNTIME_DIR", fixture_directory, 1);
    fixture_remove(ours);
    fixture_remove(volume);
    snprintf(ours, sizeof ours, "%s/tachograph", fixture_directory);
    fixture_remove(ours);
}

static void older_ones_can_be_left_out(void **state) {
    (void)state;
    struct tg_recording recording;
    struct tg_catalog catalog;
    size_t place = 0;
    int64_t before_ns = tg_clock_wall_ns();
    record(&recording, NULL);
    assert_int_equal(tg_catalog_read(&catalog, before_ns, NULL), TG_OK);
    assert_non_null(find(&catalog, recording.path, &place));
    tg_catalog_release(&catalog);
    assert_int_equal(tg_catalog_read(&catalog, before_ns + INT64_C(10000000000), NULL), TG_OK);
    assert_null(find(&catalog, recording.path, &place));
    tg_catalog_release(&catalog);
    tg_recording_close(&recording);
}

static void a_directory_that_is_not_there_is_an_error_only_by_name(void **state) {
    (void)state;
    struct tg_catalog catalog;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_catalog_read_directory(&catalog, "/nowhere", &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "/nowhere"));
    setenv("TACHOGRAPH_RUNTIME_DIR", "/nowhere", 1);
    assert_int_equal(tg_catalog_read(&catalog, 0, NULL), TG_OK);
    tg_catalog_release(&catalog);
    setenv("TACHOGRAPH_RUNTIME_DIR", fixture_directory, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_recordings_newest_first, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(lists_each_once_and_only_recordings, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(says_which_lie_where_was_chosen, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(older_ones_can_be_left_out, fixture_set_up, fixture_tear_down),
        cmocka_unit_test_setup_teardown(a_directory_that_is_not_there_is_an_error_only_by_name, fixture_set_up,
                                        fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
