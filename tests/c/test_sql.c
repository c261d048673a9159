/* What every driver does alike, on each engine. */
#include "store/sql.h"

#include "store/dialect.h"

#include "store_fixture.h"

#include <float.h>
#include <limits.h>

struct engine {
    char url[256];
};

static int set_up_sqlite(void **state) {
    static struct engine engine;
    static int count; /* a file for each test: one that fails leaves its locks behind */
    snprintf(engine.url, sizeof engine.url, "sqlite:///%s/test%d.db", fixture_directory, ++count);
    *state = &engine;
    return 0;
}

static int set_up_mysql(void **state) {
    static struct engine engine;
    snprintf(engine.url, sizeof engine.url, "%s", fixture_mysql_url());
    *state = &engine;
    return 0;
}

/* A connection to a database in which there is a new, empty table. */
static struct tg_sql *open_with_table(void **state) {
    const struct engine *engine = *state;
    struct tg_sql *sql = fixture_open(engine->url, 2000);
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_dialect_expand(&text, sql->driver->dialect,
                      "DROP TABLE IF EXISTS things; CREATE TABLE things (k BIGINT NOT NULL PRIMARY KEY,"
                      " i BIGINT, r DOUBLE, t LONGTEXT, b LONGBLOB) $table");
    fixture_execute(sql, tg_strbuf_text(&text));
    tg_strbuf_release(&text);
    return sql;
}

static const char insert_thing[] = "INSERT INTO things (k, i, r, t, b) VALUES (?, ?, ?, ?, ?)";

static void check_same(const struct tg_sql_value *is, const struct tg_sql_value *expected) {
    assert_int_equal(is->kind, expected->kind);
    switch (expected->kind) {
    case TG_SQL_NULL:
        break;
    case TG_SQL_INTEGER:
        assert_true(is->integer == expected->integer);
        break;
    case TG_SQL_REAL:
        assert_true(is->real == expected->real);
        break;
    case TG_SQL_TEXT:
    case TG_SQL_BLOB:
        assert_int_equal(is->length, expected->length);
        assert_memory_equal(is->bytes, expected->bytes, expected->length);
        break;
    }
}

enum { LONG_BYTES = 3000000 };

/* Rows of every kind of value, for the columns i, r, t and b. */
static size_t make_rows(struct tg_sql_value (*rows)[5], char *long_text) {
    static const char hostile[] = "'\"`\\%_;--\n\r\t\x1a\\' \xF0\x9F\x90\x8C \xC3\xA9 \0 behind a zero ";
    static const char bytes[] = {'\0', '\x80', '\xFF', '\'', '\\', '\0'};
    memset(long_text, 'x', LONG_BYTES);
    const struct tg_sql_value made[][5] = {
        {{0},
         fixture_integer(0),
         fixture_real(0.0),
         fixture_text(""),
         {.kind = TG_SQL_BLOB, .bytes = bytes, .length = 0}},
        {{0}, fixture_null(), fixture_null(), fixture_null(), fixture_null()},
        {{0},
         fixture_integer(INT64_MAX),
         fixture_real(DBL_MAX),
         {.kind = TG_SQL_TEXT, .bytes = hostile, .length = sizeof hostile - 1},
         {.kind = TG_SQL_BLOB, .bytes = bytes, .length = sizeof bytes}},
        {{0},
         fixture_integer(INT64_MIN),
         fixture_real(-DBL_MIN),
         {.kind = TG_SQL_TEXT, .bytes = long_text, .length = 10000},
         {.kind = TG_SQL_BLOB, .bytes = long_text, .length = 255}},
        {{0},
         fixture_integer(-1),
         fixture_real(0.1),
         {.kind = TG_SQL_TEXT, .bytes = long_text, .length = LONG_BYTES},
         {.kind = TG_SQL_BLOB, .bytes = long_text, .length = 256}},
        {{0}, fixture_integer(1), fixture_real(1e-300), fixture_text("short again"), fixture_null()},
    };
    size_t count = sizeof made / sizeof made[0];
    for (size_t i = 0; i < count; i++) {
        memcpy(rows[i], made[i], sizeof made[i]);
        rows[i][0] = fixture_integer((int64_t)i);
    }
    return count;
}

static void check_rows(struct tg_sql *sql, struct tg_sql_value (*rows)[5], size_t count) {
    struct tg_sql_statement *query = fixture_prepare(sql, "SELECT k, i, r, t, b FROM things ORDER BY k");
    for (int again = 0; again < 2; again++) {
        struct tg_sql_value values[5];
        fixture_run(sql, query, NULL, 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(fixture_fetch(sql, query, values, 5));
            for (size_t j = 0; j < 5; j++) {
                check_same(&values[j], &rows[i][j]);
            }
        }
        assert_false(fixture_fetch(sql, query, values, 5));
        assert_false(fixture_fetch(sql, query, values, 5));
    }
    sql->driver->finalize(query);
}

static void values_come_back_as_they_were(void **state) {
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql_statement *insert = fixture_prepare(sql, insert_thing);
    struct tg_sql_value rows[8][5];
    char *long_text = malloc(LONG_BYTES);
    assert_non_null(long_text);
    size_t count = make_rows(rows, long_text);
    for (size_t i = 0; i < count; i++) {
        fixture_run(sql, insert, rows[i], 5);
        assert_int_equal(sql->driver->changed_rows(sql), 1);
    }
    check_rows(sql, rows, count);
    sql->driver->finalize(insert);
    sql->driver->close(sql);
    free(long_text);
}

static void rows_come_back_as_they_were(void **state) {
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql_statement *insert = fixture_prepare(sql, insert_thing);
    struct tg_sql_value rows[8][5];
    char *long_text = malloc(LONG_BYTES);
    assert_non_null(long_text);
    size_t count = make_rows(rows, long_text);
    fixture_run_rows(sql, insert, rows[0], 5, count);
    check_rows(sql, rows, count);
    sql->driver->finalize(insert);
    sql->driver->close(sql);
    free(long_text);
}

/* As many as a batch of a large program has, some of them again and again with the same statement. */
static void many_rows(void **state) {
    enum { COUNT = 40000 };
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql_statement *insert = fixture_prepare(sql, insert_thing);
    struct tg_sql_value(*rows)[5] = calloc(COUNT, sizeof *rows);
    assert_non_null(rows);
    for (int i = 0; i < COUNT; i++) {
        rows[i][0] = fixture_integer(i);
        rows[i][1] = i % 3 ? fixture_integer(i) : fixture_null();
        rows[i][2] = i < COUNT / 2 ? fixture_null() : fixture_real(i);
        rows[i][3] = fixture_text(i % 2 ? "a text that is not so short" : "");
    }
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_run_rows(sql, insert, rows[0], 5, 0);
    fixture_run_rows(sql, insert, rows[0], 5, 1);
    fixture_run_rows(sql, insert, rows[1], 5, 2);
    fixture_run(sql, insert, rows[3], 5);
    fixture_run_rows(sql, insert, rows[4], 5, COUNT - 4);
    assert_int_equal(sql->driver->commit(sql, NULL), TG_OK);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), COUNT);
    assert_int_equal(fixture_query_integer(sql, "SELECT SUM(k) FROM things"), (int64_t)COUNT * (COUNT - 1) / 2);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE i IS NULL"), (COUNT + 2) / 3);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE r = k AND t <> ''"), COUNT / 4);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE b IS NOT NULL"), 0);
    sql->driver->finalize(insert);
    sql->driver->close(sql);
    free(rows);
}

/* What arrays cannot hold goes row by row: nobody need know. */
static void rows_of_mixed_kinds(void **state) {
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql_statement *insert = fixture_prepare(sql, "INSERT INTO things (k, r) VALUES (?, ?)");
    const struct tg_sql_value rows[] = {
        fixture_integer(1), fixture_integer(7), fixture_integer(2),
        fixture_real(0.5),  fixture_integer(3), fixture_null(),
    };
    fixture_run_rows(sql, insert, rows, 2, 3);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 3);
    assert_true(fixture_query(sql, "SELECT SUM(r) FROM things").real == 7.5);
    sql->driver->finalize(insert);
    sql->driver->close(sql);
}

/* Also in an array: then none of it is kept, in a transaction. */
static void a_key_exists_once(void **state) {
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql_statement *insert = fixture_prepare(sql, "INSERT INTO things (k, i) VALUES (?, ?)");
    struct tg_sql_value rows[2000];
    struct tg_error err = TG_ERROR_INIT;
    for (int i = 0; i < 2000; i++) {
        rows[i] = fixture_integer(i == 1998 ? 0 : i);
    }
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    assert_int_equal(sql->driver->run_rows(insert, rows, 2, 1000, &err), TG_ERROR_EXISTS);
    sql->driver->rollback(sql);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 0);
    fixture_run(sql, insert, rows, 2);
    assert_int_equal(sql->driver->run(insert, rows, 2, &err), TG_ERROR_EXISTS);
    fixture_run_rows(sql, insert, rows + 2, 2, 998); /* the statement can be used further */
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 999);
    sql->driver->finalize(insert);
    sql->driver->close(sql);
}

static void sums_are_integers(void **state) {
    struct tg_sql *sql = open_with_table(state);
    assert_int_equal(fixture_query(sql, "SELECT SUM(i) FROM things").kind, TG_SQL_NULL);
    fixture_execute(sql, "INSERT INTO things (k, i, r) VALUES (1, 9007199254740993, 0.25), (2, 2, 0.25), (3, -5, 1)");
    assert_true(fixture_query_integer(sql, "SELECT SUM(i) FROM things") == 9007199254740990);
    assert_true(fixture_query_integer(sql, "SELECT -SUM(i) FROM things WHERE k = 1") == -9007199254740993);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 3);
    assert_int_equal(fixture_query_integer(sql, "SELECT MAX(i) - MIN(i) FROM things WHERE k > 1"), 7);
    struct tg_sql_value sum = fixture_query(sql, "SELECT SUM(r) FROM things");
    assert_int_equal(sum.kind, TG_SQL_REAL);
    assert_true(sum.real == 1.5);
    struct tg_sql_value average = fixture_query(sql, "SELECT AVG(i) FROM things WHERE k > 1");
    assert_int_equal(average.kind, TG_SQL_REAL);
    assert_true(average.real == -1.5);
    sql->driver->close(sql);
}

static void sql_means_the_same(void **state) {
    struct tg_sql *sql = open_with_table(state);
    fixture_execute(sql, "INSERT INTO things (k, i, t) VALUES (1, 5, 'a'), (2, 6, 'A'), (3, 7, '\\n')");
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE t = 'a'"), 1);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE 'x' || t || 'y' = 'xAy'"), 1);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE \"k\" = 2"), 1);
    assert_int_equal(fixture_query_integer(sql, "SELECT LENGTH(t) FROM things WHERE k = 3"), 2);
    assert_int_equal(fixture_query(sql, "SELECT i / 0 FROM things WHERE k = 1").kind, TG_SQL_NULL);
    assert_int_equal(fixture_query_integer(sql, "SELECT k FROM things ORDER BY t DESC LIMIT 1"), 1);
    /* An update counts what it found, also where nothing changed. */
    struct tg_sql_statement *update = fixture_prepare(sql, "UPDATE things SET i = ? WHERE k < ?");
    fixture_run(sql, update, (struct tg_sql_value[]){fixture_integer(5), fixture_integer(3)}, 2);
    assert_int_equal(sql->driver->changed_rows(sql), 2);
    fixture_run(sql, update, (struct tg_sql_value[]){fixture_integer(5), fixture_integer(0)}, 2);
    assert_int_equal(sql->driver->changed_rows(sql), 0);
    sql->driver->finalize(update);
    sql->driver->close(sql);
}

static void two_queries_at_once(void **state) {
    struct tg_sql *sql = open_with_table(state);
    fixture_execute(sql, "INSERT INTO things (k, i) VALUES (1, 2), (2, 3), (3, 1)");
    struct tg_sql_statement *outer = fixture_prepare(sql, "SELECT k, i FROM things ORDER BY k");
    struct tg_sql_statement *inner = fixture_prepare(sql, "SELECT i FROM things WHERE k = ?");
    struct tg_sql_value row[2];
    struct tg_sql_value value;
    int64_t sum = 0;
    fixture_run(sql, outer, NULL, 0);
    while (fixture_fetch(sql, outer, row, 2)) {
        fixture_run(sql, inner, &row[1], 1);
        assert_true(fixture_fetch(sql, inner, &value, 1));
        sum = sum * 10 + value.integer;
    }
    assert_int_equal(sum, 312);
    fixture_run(sql, outer, NULL, 0); /* and leave it before its end */
    assert_true(fixture_fetch(sql, outer, row, 2));
    sql->driver->finalize(inner);
    sql->driver->finalize(outer);
    sql->driver->close(sql);
}

static void transactions(void **state) {
    const struct engine *engine = *state;
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql *other = fixture_open(engine->url, 2000);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_execute(sql, "INSERT INTO things (k) VALUES (1)");
    assert_int_equal(fixture_query_integer(other, "SELECT COUNT(*) FROM things"), 0);
    sql->driver->rollback(sql);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 0);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_execute(sql, "INSERT INTO things (k) VALUES (2)");
    assert_int_equal(sql->driver->commit(sql, NULL), TG_OK);
    assert_int_equal(fixture_query_integer(other, "SELECT k FROM things"), 2);
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_execute(sql, "INSERT INTO things (k) VALUES (3)");
    sql->driver->close(sql); /* takes it back */
    assert_int_equal(other->driver->begin(other, NULL), TG_OK);
    fixture_execute(other, "INSERT INTO things (k) VALUES (3)");
    assert_int_equal(other->driver->commit(other, NULL), TG_OK);
    assert_int_equal(fixture_query_integer(other, "SELECT COUNT(*) FROM things"), 2);
    other->driver->close(other);
}

static tg_ns now(void) {
    return tg_clock_monotonic_ns();
}

/* Whoever comes second is told so within the time-out, and gets his turn afterwards. */
static void a_row_that_another_writes_is_busy(void **state) {
    const struct engine *engine = *state;
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql *other = fixture_open(engine->url, 1000);
    struct tg_error err = TG_ERROR_INIT;
    fixture_execute(sql, "INSERT INTO things (k, i) VALUES (1, 1)");
    assert_int_equal(sql->driver->begin(sql, NULL), TG_OK);
    fixture_execute(sql, "UPDATE things SET i = 2 WHERE k = 1");
    tg_ns before = now();
    enum tg_status status = other->driver->begin(other, &err);
    if (status == TG_OK) {
        status = other->driver->execute(other, "UPDATE things SET i = i + 10 WHERE k = 1", &err);
        other->driver->rollback(other);
    }
    assert_int_equal(status, TG_ERROR_BUSY);
    assert_in_range(now() - before, 300000000, 2500000000);
    assert_int_equal(sql->driver->commit(sql, NULL), TG_OK);
    assert_int_equal(other->driver->begin(other, &err), TG_OK);
    fixture_execute(other, "UPDATE things SET i = i + 10 WHERE k = 1");
    assert_int_equal(other->driver->commit(other, NULL), TG_OK);
    assert_int_equal(fixture_query_integer(sql, "SELECT i FROM things"), 12);
    other->driver->close(other);
    sql->driver->close(sql);
}

static void the_stores_lock_is_held_once(void **state) {
    const struct engine *engine = *state;
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql *other = fixture_open(engine->url, 1000);
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(sql->driver->lock(sql, &err), TG_OK);
    assert_int_equal(other->driver->lock(other, &err), TG_ERROR_BUSY);
    sql->driver->unlock(sql);
    assert_int_equal(other->driver->lock(other, &err), TG_OK);
    assert_int_equal(sql->driver->lock(sql, &err), TG_ERROR_BUSY);
    other->driver->close(other);
    assert_int_equal(sql->driver->lock(sql, &err), TG_OK);
    sql->driver->unlock(sql);
    sql->driver->close(sql);
}

static void read_only_reads_only(void **state) {
    const struct engine *engine = *state;
    struct tg_sql *sql = open_with_table(state);
    struct tg_error err = TG_ERROR_INIT;
    fixture_execute(sql, "INSERT INTO things (k, i) VALUES (1, 1)");
    struct tg_sql *reader = fixture_open_with(engine->url, (struct tg_sql_options){.read_only = true});
    assert_int_equal(fixture_query_integer(reader, "SELECT i FROM things"), 1);
    assert_int_equal(reader->driver->execute(reader, "DELETE FROM things", &err), TG_ERROR_PERMISSION);
    assert_int_equal(fixture_query_integer(reader, "SELECT i FROM things"), 1);
    reader->driver->close(reader);
    sql->driver->close(sql);
}

static void what_is_wrong_with_a_statement_is_said(void **state) {
    struct tg_sql *sql = open_with_table(state);
    struct tg_sql_statement *statement = NULL;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_not_equal(sql->driver->execute(sql, "SELEKT 1", &err), TG_OK);
    assert_non_null(strstr(err.message, "SELEKT"));
    assert_int_not_equal(sql->driver->prepare(&statement, sql, "SELECT nothing FROM things", &err), TG_OK);
    assert_null(statement);
    assert_non_null(strstr(err.message, "nothing"));
    /* In several statements, what comes behind the one that fails is not done. */
    assert_int_not_equal(
        sql->driver->execute(sql, "INSERT INTO things (k) VALUES (1); SELEKT; INSERT INTO things (k) VALUES (2)", &err),
        TG_OK);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things WHERE k = 2"), 0);
    sql->driver->finalize(NULL);
    sql->driver->close(sql);
    sql = NULL;
}

/* What take_cell() saw. */
struct cells {
    char text[64];
};

static void take_cell(void *context, size_t count, char **values) {
    struct cells *cells = context;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(cells->text);
        snprintf(cells->text + length, sizeof cells->text - length, "%s%c", values[i] ? values[i] : "NULL",
                 i + 1 < count ? ',' : ';');
    }
}

static void rows_without_preparing(void **state) {
    struct tg_sql *sql = open_with_table(state);
    struct cells cells = {.text = ""};
    struct tg_error err = TG_ERROR_INIT;
    fixture_execute(sql, "INSERT INTO things (k, t) VALUES (1, 'one'), (2, 'two')");
    assert_int_equal(sql->driver->list(sql, "SELECT k, i, t FROM things ORDER BY k", take_cell, &cells, &err), TG_OK);
    assert_string_equal(cells.text, "1,NULL,one;2,NULL,two;");
    cells.text[0] = '\0';
    assert_int_equal(sql->driver->list(sql, "SELECT k FROM things WHERE k > 2", take_cell, &cells, &err), TG_OK);
    assert_string_equal(cells.text, "");
    assert_int_not_equal(sql->driver->list(sql, "SELECT nothing FROM things", take_cell, &cells, &err), TG_OK);
    assert_non_null(strstr(err.message, "nothing"));
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM things"), 2);
    sql->driver->close(sql);
}

static void keys_are_given(void **state) {
    struct tg_sql *sql = open_with_table(state);
    fixture_execute(sql, "DROP TABLE IF EXISTS numbered");
    fixture_execute(sql, sql->driver->dialect == TG_SQL_DIALECT_SQLITE
                             ? "CREATE TABLE numbered (id INTEGER PRIMARY KEY, i BIGINT)"
                             : "CREATE TABLE numbered (id BIGINT AUTO_INCREMENT PRIMARY KEY, i BIGINT)");
    struct tg_sql_statement *insert = fixture_prepare(sql, "INSERT INTO numbered (i) VALUES (?)");
    for (int i = 1; i <= 3; i++) {
        fixture_run(sql, insert, (struct tg_sql_value[]){fixture_integer(7)}, 1);
        assert_int_equal(sql->driver->last_id(sql), i);
    }
    sql->driver->finalize(insert);
    sql->driver->close(sql);
}

int main(void) {
#define ON(SET_UP, TEST)                                                                                               \
    { #TEST " (" #SET_UP ")", TEST, SET_UP, NULL, NULL }
#define ON_BOTH(TEST) ON(set_up_sqlite, TEST), ON(set_up_mysql, TEST)
    const struct CMUnitTest tests[] = {
        ON_BOTH(values_come_back_as_they_were),
        ON_BOTH(rows_come_back_as_they_were),
        ON_BOTH(many_rows),
        ON_BOTH(rows_of_mixed_kinds),
        ON_BOTH(a_key_exists_once),
        ON_BOTH(sums_are_integers),
        ON_BOTH(sql_means_the_same),
        ON_BOTH(two_queries_at_once),
        ON_BOTH(transactions),
        ON_BOTH(a_row_that_another_writes_is_busy),
        ON(set_up_mysql, the_stores_lock_is_held_once), /* SQLite needs none: its DDL is part of transactions */
        ON_BOTH(read_only_reads_only),
        ON_BOTH(what_is_wrong_with_a_statement_is_said),
        ON_BOTH(rows_without_preparing),
        ON_BOTH(keys_are_given),
    };
    return cmocka_run_group_tests_name("sql", tests, fixture_set_up, fixture_tear_down);
}
