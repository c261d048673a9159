/* How tables of one version become those of the next. */
#include "store/schema.h"

#include "store/dialect.h"

#include "store_fixture.h"

#include <sys/wait.h>

static const char *const first_statements[] = {
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY) $table",
    "CREATE TABLE IF NOT EXISTS things (id $id, a $integer) $table",
    "INSERT INTO things (a) VALUES (1)",
    NULL,
};
static const char *const second_statements[] = {
    "ALTER TABLE things ADD COLUMN b BIGINT",
    "UPDATE things SET b = a + 1",
    NULL,
};
static const char *const failing_statements[] = {
    "INSERT INTO things (a) VALUES (99)",
    "INSERT INTO nowhere (a) VALUES (1)",
    NULL,
};
static const struct tg_schema_step first_and_second[] = {{first_statements}, {second_statements}};
static const struct tg_schema_step first_and_failing[] = {{first_statements}, {failing_statements}};
static const struct tg_schema older = {.steps = first_and_second, .count = 1};
static const struct tg_schema newer = {.steps = first_and_second, .count = 2};
static const struct tg_schema failing = {.steps = first_and_failing, .count = 2};

static char url[160];

static int set_up(void **state) {
    static int count;
    (void)state;
    snprintf(url, sizeof url, "sqlite:///%s/schema%d.db", fixture_directory, ++count);
    return 0;
}

static int64_t version_of(struct tg_sql *sql) {
    int64_t version = -1;
    assert_int_equal(tg_schema_read_version(sql, &version, NULL), TG_OK);
    return version;
}

static void steps_are_taken_once(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_int_equal(version_of(sql), 0);
    assert_int_equal(tg_schema_check(sql, &older, &err), TG_ERROR_NOT_FOUND);
    assert_int_equal(tg_schema_migrate(sql, &older, NULL), TG_OK);
    assert_int_equal(tg_schema_migrate(sql, &older, NULL), TG_OK);
    assert_int_equal(version_of(sql), 1);
    assert_int_equal(tg_schema_check(sql, &older, NULL), TG_OK);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 1);

    assert_int_equal(tg_schema_check(sql, &newer, &err), TG_ERROR_VERSION);
    assert_non_null(strstr(err.message, "store migrate"));
    assert_int_equal(tg_schema_migrate(sql, &newer, NULL), TG_OK);
    assert_int_equal(version_of(sql), 2);
    assert_int_equal(fixture_query_integer(sql, "SELECT b FROM things"), 2);
    assert_int_equal(tg_schema_check(sql, &newer, NULL), TG_OK);

    assert_int_equal(tg_schema_check(sql, &older, &err), TG_ERROR_VERSION);
    assert_non_null(strstr(err.message, "newer tachograph"));
    assert_int_equal(tg_schema_migrate(sql, &older, &err), TG_ERROR_VERSION);
    assert_int_equal(version_of(sql), 2);
    sql->driver->close(sql);
}

static void a_step_that_fails_is_not_taken(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_int_equal(tg_schema_migrate(sql, &older, NULL), TG_OK);
    assert_int_not_equal(tg_schema_migrate(sql, &failing, &err), TG_OK);
    assert_non_null(strstr(err.message, "version 2"));
    assert_non_null(strstr(err.message, "nowhere"));
    assert_int_equal(version_of(sql), 1);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 1);
    assert_int_equal(tg_schema_migrate(sql, &newer, NULL), TG_OK);
    sql->driver->close(sql);
}

static void many_migrate_at_once(void **state) {
    (void)state;
    pid_t children[6];
    for (size_t i = 0; i < 6; i++) {
        children[i] = fork_for_test();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct tg_sql *sql = fixture_open(url, 10000);
            enum tg_status status = tg_schema_migrate(sql, &newer, NULL);
            sql->driver->close(sql);
            _exit(status == TG_OK ? 0 : 1);
        }
    }
    for (size_t i = 0; i < 6; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct tg_sql *sql = fixture_open(url, 1000);
    assert_int_equal(version_of(sql), 2);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 1);
    sql->driver->close(sql);
}

static void words_become_each_engines(void **state) {
    (void)state;
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_dialect_expand(&text, TG_SQL_DIALECT_SQLITE, "a $integer,$text;$for_update");
    assert_string_equal(tg_strbuf_text(&text), "a INTEGER NOT NULL,TEXT NOT NULL;");
    tg_strbuf_truncate(&text, 0);
    tg_dialect_expand(&text, TG_SQL_DIALECT_MYSQL, "a $integer$for_update b");
    assert_string_equal(tg_strbuf_text(&text), "a BIGINT NOT NULLFOR UPDATE b");
    tg_strbuf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(steps_are_taken_once, set_up),
        cmocka_unit_test_setup(a_step_that_fails_is_not_taken, set_up),
        cmocka_unit_test_setup(many_migrate_at_once, set_up),
        cmocka_unit_test(words_become_each_engines),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
