/* What a history answers: parts of it, one function's course, points in time, its state and its wholeness. */
#include "store/store.h"

#include "store/schema.h"

#include "store_history.h"

#include <time.h>

/* Three processes: 1 and 2 of version 1.0, 3 of 1.1; the function takes 100, 200 and 400 ns. */
static struct tg_store *open_with_versions(void) {
    struct tg_store *store = history_open();
    for (uint64_t i = 1; i <= 10; i++) {
        struct tg_batch_function function = history_calls("f", 1, 100);
        struct tg_batch_function slower = history_calls("f", 3, 200);
        struct tg_batch_function functions[] = {history_calls("f", 1, 400), history_calls("new", 1, 1)};
        struct tg_batch batches[] = {
            history_batch(1, i, (int64_t)i * 10, &function, 1),
            history_batch(2, i, (int64_t)i * 10, &slower, 1),
            history_batch(3, i, (int64_t)i * 10 + 50, functions, 2),
        };
        batches[2].process.service_version = history_bytes("1.1");
        assert_int_equal(history_commit_all(store, batches, 3).stored_count, 3);
    }
    return store;
}

static uint64_t calls_in(struct tg_store *store, const struct tg_store_selection *selection, const char *name) {
    struct tg_store_functions functions;
    uint64_t calls = 0;
    assert_int_equal(tg_store_functions(store, selection, name, false, &functions, NULL), TG_OK);
    for (size_t i = 0; i < functions.count; i++) {
        calls += functions.items[i].call_count;
    }
    tg_store_functions_release(&functions);
    return calls;
}

static void parts_of_a_history(void **state) {
    (void)state;
    struct tg_store *store = open_with_versions();
    struct tg_store_selection selection = history_everything(store);
    assert_int_equal(calls_in(store, &selection, NULL), 10 + 30 + 10 + 10);
    assert_int_equal(calls_in(store, &selection, "f"), 50);
    assert_int_equal(calls_in(store, &selection, "no such"), 0);
    selection.first_iteration = 5;
    assert_int_equal(calls_in(store, &selection, "f"), 5 * 4 + 10);
    selection.last_iteration = 6;
    assert_int_equal(calls_in(store, &selection, "f"), 2 * 4 + 2);
    assert_int_equal(calls_in(store, &selection, NULL), 2 * 4 + 2 + 2);
    selection.version = "1.0";
    assert_int_equal(calls_in(store, &selection, "f"), 8);
    assert_int_equal(calls_in(store, &selection, NULL), 8);
    selection.version = "";
    assert_int_equal(calls_in(store, &selection, NULL), 0);

    selection = history_everything(store);
    selection.version = "1.1";
    assert_int_equal(calls_in(store, &selection, NULL), 20);
    selection.version = NULL;
    memcpy(selection.run, "02020000000000000000000000000000", sizeof selection.run);
    assert_int_equal(calls_in(store, &selection, NULL), 30);
    assert_int_equal(calls_in(store, &selection, "f"), 30);
    selection.version = "1.1";
    assert_int_equal(calls_in(store, &selection, "f"), 0);

    struct tg_store_functions functions;
    struct tg_error err = TG_ERROR_INIT;
    static const char *const no_runs[] = {"0202", "0202000000000000000000000000000g", "g"};
    for (size_t i = 0; i < sizeof no_runs / sizeof no_runs[0]; i++) {
        snprintf(selection.run, sizeof selection.run, "%s", no_runs[i]);
        assert_int_equal(tg_store_functions(store, &selection, NULL, false, &functions, &err), TG_ERROR_INVALID);
        assert_int_equal(functions.count, 0);
    }
    selection = history_everything(store);
    selection.service_id += 1000;
    assert_int_equal(tg_store_functions(store, &selection, NULL, false, &functions, &err), TG_ERROR_NOT_FOUND);
    tg_store_close(store);
}

/* Process 4 is of the run of process 3, 5 of none, and 6 has called nothing. */
static void runs_are_processes_together(void **state) {
    (void)state;
    struct tg_store *store = open_with_versions();
    struct tg_store_runs runs;
    struct tg_batch_function function = history_calls("f", 1, 100);
    struct tg_batch last[] = {history_batch(4, 1, 200, &function, 1), history_batch(5, 1, 20, &function, 1),
                              history_batch(6, 1, 20, NULL, 0), history_batch(3, 11, 160, NULL, 0)};
    memcpy(last[0].process.run_uuid, last[3].process.run_uuid, 16);
    memset(last[1].process.run_uuid, 0, 16);
    last[3].end = TG_BATCH_ENDED;
    assert_int_equal(history_commit_all(store, last, 4).stored_count, 4);
    struct tg_store_selection selection = history_everything(store);
    assert_int_equal(tg_store_runs(store, &selection, &runs, NULL), TG_OK);
    assert_int_equal(runs.count, 4);
    const struct tg_store_run *run = &runs.items[2];
    assert_string_equal(run->id, "03020000000000000000000000000000");
    assert_string_equal(run->version, "1.1");
    assert_int_equal(run->pid, 1003);
    assert_int_equal(run->started_wall_ns, HISTORY_BEGIN_NS + 3);
    assert_int_equal(run->ended_wall_ns, HISTORY_BEGIN_NS + 200 * HISTORY_S);
    assert_int_equal(run->end, TG_STORE_EVENT_END);
    assert_int_equal(run->process_count, 2);
    assert_int_equal(run->last_iteration - run->first_iteration, 14);
    int64_t process_4_iteration = run->last_iteration;
    assert_string_equal(runs.items[3].id, "05010000000000000000000000000000");
    assert_int_equal(runs.items[3].end, 0);
    memcpy(selection.run, runs.items[3].id, sizeof selection.run);
    assert_int_equal(calls_in(store, &selection, NULL), 1);
    tg_store_runs_release(&runs);

    selection = history_everything(store);
    selection.version = "1.0";
    selection.last_iteration = 1;
    assert_int_equal(tg_store_runs(store, &selection, &runs, NULL), TG_OK);
    assert_int_equal(runs.count, 3);
    tg_store_runs_release(&runs);

    selection = history_everything(store);
    selection.first_iteration = process_4_iteration;
    assert_int_equal(tg_store_runs(store, &selection, &runs, NULL), TG_OK);
    assert_int_equal(runs.count, 1);
    assert_int_equal(runs.items[0].process_count, 2);
    assert_int_equal(runs.items[0].started_wall_ns, HISTORY_BEGIN_NS + 3);
    tg_store_runs_release(&runs);
    tg_store_close(store);
}

static void distributions_on_request(void **state) {
    (void)state;
    struct tg_store *store = open_with_versions();
    struct tg_store_selection selection = history_everything(store);
    static const char *const names[] = {NULL, "f"};
    for (size_t i = 0; i < 2; i++) {
        struct tg_store_functions functions;
        assert_int_equal(tg_store_functions(store, &selection, names[i], true, &functions, NULL), TG_OK);
        assert_int_equal(functions.count, names[i] ? 1 : 2);
        const struct tg_store_function *f = &functions.items[0];
        assert_string_equal(f->name, "f");
        assert_string_equal(f->file, "/srv/shop.py");
        assert_non_null(f->histogram);
        assert_int_equal(tg_histogram_count(f->histogram), 50);
        assert_int_equal(f->histogram->counts[tg_histogram_index(200)], 30);
        assert_int_equal(f->sums.iteration_count, 15);
        tg_store_functions_release(&functions);
    }
    selection.version = "1.1";
    struct tg_store_functions functions;
    assert_int_equal(tg_store_functions(store, &selection, NULL, true, &functions, NULL), TG_OK);
    assert_int_equal(functions.items[0].histogram->counts[tg_histogram_index(400)], 10);
    assert_int_equal(tg_histogram_count(functions.items[0].histogram), 10);
    tg_store_functions_release(&functions);
    tg_store_close(store);
}

static void the_course_of_a_function(void **state) {
    (void)state;
    struct tg_store *store = open_with_versions();
    struct tg_store_series series = history_series(store, "f", 12);
    assert_int_equal(series.count, 12);
    assert_int_equal(series.items[0].iteration, 3); /* 0 to 14 in all */
    assert_int_equal(series.items[11].iteration, 14);
    const struct tg_store_point *point = &series.items[3]; /* all three processes */
    assert_int_equal(point->iteration, 6);
    assert_int_equal(point->call_count, 5);
    assert_int_equal(point->total_ns, 100 + 600 + 400);
    assert_int_equal(point->minimum_ns, 100);
    assert_int_equal(point->maximum_ns, 400);
    assert_in_range(point->p50_ns, 192, 208);
    assert_int_equal(point->p90_ns, 400);
    assert_int_equal(point->p99_ns, 400);
    tg_store_series_release(&series);
    tg_store_series_release(&series);
    series = history_series(store, "f", 1);
    assert_int_equal(series.count, 1);
    assert_int_equal(series.items[0].iteration, 14);
    tg_store_series_release(&series);
    series = history_series(store, "f", 0);
    assert_int_equal(series.count, 15);
    tg_store_series_release(&series);

    struct tg_store_selection selection = history_everything(store);
    selection.version = "1.0";
    selection.last_iteration = 8;
    assert_int_equal(tg_store_series(store, &selection, "f", 4, &series, NULL), TG_OK);
    assert_int_equal(series.count, 4);
    assert_int_equal(series.items[0].iteration, 5);
    assert_int_equal(series.items[0].call_count, 4);
    tg_store_series_release(&series);
    assert_int_equal(tg_store_series(store, &selection, "new", 0, &series, NULL), TG_OK);
    assert_int_equal(series.count, 0);
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_store_series(store, &selection, "no such", 0, &series, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no such"));
    tg_store_close(store);
}

/* Called once, long ago, in a history with gaps: found however far back. */
static void a_function_called_rarely(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    history_commit_calls(store, 1, 1, 10, "rare", 1, 100);
    for (uint64_t i = 2; i <= 60; i++) {
        history_commit_calls(store, 1, i, (int64_t)i * 1000, "often", 1, 100);
    }
    history_commit_calls(store, 1, 61, 61000, "rare", 1, 100);
    struct tg_store_series series = history_series(store, "rare", 2);
    assert_int_equal(series.count, 2);
    assert_int_equal(series.items[0].iteration, 0);
    assert_int_equal(series.items[1].iteration, 6099);
    tg_store_series_release(&series);
    series = history_series(store, "often", 5);
    assert_int_equal(series.count, 5);
    assert_int_equal(series.items[0].iteration, 5599);
    tg_store_series_release(&series);
    tg_store_close(store);
}

static void the_state_of_a_history(void **state) {
    (void)state;
    struct tg_store *store = open_with_versions();
    struct tg_store_status status;
    assert_int_equal(tg_store_status(store, &status, NULL), TG_OK);
    assert_true(strncmp(status.engine, "SQLite 3.", 9) == 0 || strstr(status.engine, "MariaDB")
                || strncmp(status.engine, "MySQL ", 6) == 0);
    assert_int_equal(status.schema_version, (int64_t)tg_schema_current.count);
    assert_int_equal(status.newest_schema_version, (int64_t)tg_schema_current.count);
    assert_int_equal(status.service_count, 1);
    assert_int_equal(status.process_count, 3);
    assert_int_equal(status.function_count, 2);
    assert_int_equal(status.interval_count, 30);
    assert_int_equal(status.row_count, 40);
    assert_true(status.size_bytes > 4096);
    assert_null(strstr(status.engine, "journal"));
    tg_store_close(store);
    if (strncmp(status.engine, "SQLite", 6) == 0) { /* as on a file system that has no shared memory */
        struct tg_sql *sql = fixture_open_with(history_url, (struct tg_sql_options){.read_only = false});
        fixture_execute(sql, "PRAGMA journal_mode=DELETE");
        sql->driver->close(sql);
        const struct tg_store_options reading = {.read_only = true};
        assert_int_equal(tg_store_open(&store, history_url, &reading, NULL), TG_OK);
        assert_int_equal(tg_store_status(store, &status, NULL), TG_OK);
        assert_non_null(strstr(status.engine, "journal mode delete (readers and writers wait for each other)"));
        tg_store_close(store);
    }
}

/* By what happened in them, not by when their processes began: 1.0's first process waits long for its first call. */
static void versions_in_the_order_of_their_appearance(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function function = history_calls("f", 1, 100);
    struct tg_batch batch = history_batch(2, 1, 10, &function, 1);
    batch.process.service_version = history_bytes("1.1");
    history_commit(store, batch);
    batch = history_batch(1, 1, 110, &function, 1);
    assert_true(batch.process.started_wall_ns < HISTORY_BEGIN_NS + 2);
    history_commit(store, batch);
    struct tg_store_versions versions;
    assert_int_equal(tg_store_versions(store, history_service(store, "shop").id, &versions, NULL), TG_OK);
    assert_int_equal(versions.count, 2);
    assert_string_equal(versions.items[0].version, "1.1");
    assert_int_equal(versions.items[0].first_iteration, 0);
    assert_string_equal(versions.items[1].version, "1.0");
    assert_int_equal(versions.items[1].first_iteration, 10);
    tg_store_versions_release(&versions);
    tg_store_close(store);
}

static void expect_problem(struct tg_store *store, const char *text) {
    struct tg_strbuf report = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_store_verify(store, &report, &err), TG_ERROR_FORMAT);
    if (!strstr(tg_strbuf_text(&report), text)) {
        fail_msg("not \"%s\" but: %s", text, tg_strbuf_text(&report));
    }
    tg_strbuf_release(&report);
}

#define MANY 50

/* Of each number from 1, the functions that are its multiples. */
static size_t multiples(size_t number, struct tg_batch_function *functions) {
    static char names[MANY][16];
    size_t count = 0;
    for (size_t i = 0; i < MANY; i += number) {
        snprintf(names[i], sizeof names[i], "many::f%02zu", i);
        functions[count++] = history_calls(names[i], number, 100 * (i + 1));
    }
    return count;
}

/* How many rows SQL finds of a function that was called once, and took so long. */
static int64_t count_histograms(struct tg_sql *sql, int64_t function_id, uint64_t each_ns) {
    struct tg_batch_function function = history_calls("", 1, each_ns);
    struct tg_strbuf query = TG_STRBUF_INIT;
    tg_strbuf_printf(&query,
                     "SELECT COUNT(*) FROM function_intervals WHERE function_id = %" PRId64 " AND HEX(histogram) = '",
                     function_id);
    for (size_t i = 0; i < function.histogram.length; i++) {
        tg_strbuf_printf(&query, "%02X", (unsigned char)function.histogram.data[i]);
    }
    tg_strbuf_append(&query, "'");
    int64_t count = fixture_query_integer(sql, tg_strbuf_text(&query));
    tg_strbuf_release(&query);
    return count;
}

/* More functions than one block has, not the same ones in all processes, in one iteration; and what SQL sees of it. */
static void many_functions_of_many_processes(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint8_t number = 1; number <= 4; number++) {
        struct tg_batch_function functions[MANY];
        size_t count = multiples(number, functions);
        history_commit(store, history_batch(number, 1, 5, functions, count));
        history_commit(store, history_batch(number, 2, 15, functions, count / 2));
    }
    struct tg_store_selection selection = history_everything(store);
    struct tg_store_functions functions;
    assert_int_equal(tg_store_functions(store, &selection, NULL, true, &functions, NULL), TG_OK);
    assert_int_equal(functions.count, MANY);
    char query[160];
    struct tg_sql *sql = fixture_open(history_url, 5000);
    for (size_t i = 0; i < MANY; i++) {
        const struct tg_store_function *function = &functions.items[i];
        uint64_t calls = 0;
        for (size_t number = 1; number <= 4; number++) {
            size_t count = (MANY + number - 1) / number;
            calls += i % number == 0 ? number : 0;
            calls += i % number == 0 && i / number < count / 2 ? number : 0;
        }
        assert_int_equal(function->call_count, calls);
        assert_int_equal(function->total_ns, calls * 100 * (i + 1));
        assert_int_equal(function->histogram->counts[tg_histogram_index(100 * (i + 1))], calls);
        struct tg_store_series series = history_series(store, function->name, 0);
        assert_int_equal(series.count, i < MANY / 2 ? 2 : 1);
        tg_store_series_release(&series);
        snprintf(query, sizeof query, "SELECT SUM(total_ns) FROM function_intervals WHERE function_id = %" PRId64,
                 function->id);
        assert_int_equal(fixture_query_integer(sql, query), function->total_ns);
        snprintf(query, sizeof query, "SELECT SUM(call_count) FROM function_statistics WHERE function_name = '%s'",
                 function->name);
        assert_int_equal(fixture_query_integer(sql, query), calls);
        assert_int_equal(count_histograms(sql, function->id, 100 * (i + 1)), i < MANY / 2 ? 2 : 1);
    }
    const int64_t rows = 50 + 25 + 25 + 12 + 17 + 8 + 13 + 6;
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM function_intervals"), rows);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM function_statistics WHERE iteration = 0"), MANY);
    assert_int_equal(fixture_query_integer(sql, "SELECT SUM(maximum_ns - minimum_ns) FROM function_intervals"), 0);
    sql->driver->close(sql);
    tg_store_functions_release(&functions);
    history_verify(store);
    tg_store_close(store);
}

/* Each damage is done and undone. */
static void damage_is_found(void **state) {
    (void)state;
    const struct {
        const char *harm;
        const char *repair;
        const char *words;
    } damages[] = {
        {"UPDATE intervals SET seq = 21 WHERE seq = 10", "UPDATE intervals SET seq = 10 WHERE seq = 21",
         "batches are missing"},
        {"UPDATE intervals SET function_count = 9 WHERE seq = 10 AND process_id = 1",
         "UPDATE intervals SET function_count = 1 WHERE seq = 10 AND process_id = 1", "functions, not 9"},
        {getenv("TEST_MYSQL_URL") ? "UPDATE function_blocks SET block = 77 WHERE iteration = 2"
                                  : "UPDATE function_intervals SET function_id = 77 WHERE iteration = 2",
         getenv("TEST_MYSQL_URL") ? "UPDATE function_blocks SET block = 0 WHERE block = 77"
                                  : "UPDATE function_intervals SET function_id = 1 WHERE function_id = 77",
         "belong to no interval or function"},
        {"UPDATE services SET unfolded_count = unfolded_count + 3",
         "UPDATE services SET unfolded_count = unfolded_count - 3", "rows are not in the sums"},
        {"UPDATE services SET folded_until = 7, unfolded_count = 25",
         "UPDATE services SET folded_until = -1, unfolded_count = 40", "sums of 2 functions"},
        {"INSERT INTO function_sums SELECT 1, 77, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1",
         "DELETE FROM function_sums", "sums of 1 functions"},
    };
    struct tg_store *store = open_with_versions();
    struct tg_sql *sql = fixture_open(history_url, 5000);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        history_verify(store);
        fixture_execute(sql, damages[i].harm);
        expect_problem(store, damages[i].words);
        fixture_execute(sql, damages[i].repair);
    }
    history_verify(store);
    sql->driver->close(sql);
    tg_store_close(store);
}

/* What questions stumble over is found in all rows: in those that are in the sums, and in those that are not. */
static void rows_that_cannot_be_read_are_found(void **state) {
    (void)state;
    static const struct {
        const char *harm;
        const char *words;
    } of_rows[] = {{"histogram = x'ffff'", "1 histograms cannot be read, first that of function 1 in iteration 2"},
                   {"histogram = x'0103'", "1 histograms cannot be read"}},
      of_blocks[] = {{"total_ns = 'x1'", "block 0 of iteration 2 cannot be read"},
                     {"histogram_bounds = '99'", "block 0 of iteration 2 cannot be read"},
                     {"histograms = REPEAT(x'ff', LENGTH(histograms))", "histograms cannot be read"}};
    bool is_server = getenv("TEST_MYSQL_URL") != NULL;
    size_t count = is_server ? sizeof of_blocks / sizeof of_blocks[0] : sizeof of_rows / sizeof of_rows[0];
    for (size_t i = 0; i < count; i++) {
        char text[200];
        history_set_up(NULL);
        struct tg_store *store = open_with_versions();
        struct tg_sql *sql = fixture_open(history_url, 5000);
        history_verify(store);
        if (i == 1) { /* then the sums are wrong as well */
            fixture_execute(sql, "UPDATE services SET folded_until = 7, unfolded_count = 25");
        }
        snprintf(text, sizeof text,
                 "UPDATE %s SET %s WHERE iteration = 2 AND interval_id ="
                 " (SELECT MIN(id) FROM intervals WHERE iteration = 2)",
                 is_server ? "function_blocks" : "function_intervals", is_server ? of_blocks[i].harm : of_rows[i].harm);
        fixture_execute(sql, text);
        expect_problem(store, is_server ? of_blocks[i].words : of_rows[i].words);
        sql->driver->close(sql);
        tg_store_close(store);
    }
}

static void expect_iteration(const char *text, int64_t expected) {
    const struct tg_store_service service = {.base_interval_ns = 10 * HISTORY_S, .first_slot = 170000000};
    struct tg_error err = TG_ERROR_INIT;
    int64_t iteration = 0;
    if (tg_store_iteration_of(&service, text, HISTORY_BEGIN_NS + 3605 * HISTORY_S, &iteration, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(iteration, expected);
}

/* Second 0 is 2023-11-14T22:13:20Z. */
static void points_in_time(void **state) {
    (void)state;
    expect_iteration("now", 360);
    expect_iteration("iteration:120", 120);
    expect_iteration("iteration:-3", -3);
    expect_iteration("-5s", 360);
    expect_iteration("-6s", 359);
    expect_iteration("-60m", 0);
    expect_iteration("-1h", 0);
    expect_iteration("-1d", 360 - 8640);
    expect_iteration("-1w", 360 - 60480);
    expect_iteration("2023-11-14T22:13:20Z", 0);
    expect_iteration("2023-11-14T22:13:19Z", -1);
    expect_iteration("2023-11-14 22:14Z", 4);
    expect_iteration("2023-11-14T23:13:20+01:00", 0);
    expect_iteration("2023-11-14T17:43:20-0430", 0);
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    expect_iteration("2023-11-14T23:13:20", 0);
    expect_iteration("2023-11-15", 280);
    setenv("TZ", "UTC", 1);
    tzset();
    expect_iteration("2023-11-15", 640);
}

static void what_is_no_point_in_time(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "yesterday",
        "1h",
        "-",
        "-h",
        "-1",
        "-1y",
        "-1hh",
        "--1h",
        "-99999999999999999999h",
        "iteration:",
        "iteration: 1",
        "iteration:x",
        "2023",
        "2023-13-01",
        "2023-02-30",
        "2023-01-01T",
        "2023-1-1",
        "2023-01-01T24:00",
        "2023-01-01T10:00+",
        "2023-01-01T10:00:00.5",
        "2023-01-01T10:00Zx",
        "2023-01-01T10:00+15:00",
    };
    const struct tg_store_service service = {.base_interval_ns = HISTORY_S};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tg_error err = TG_ERROR_INIT;
        int64_t iteration = 0;
        if (tg_store_iteration_of(&service, texts[i], 0, &iteration, &err) != TG_ERROR_INVALID) {
            fail_msg("\"%s\" became %lld", texts[i], (long long)iteration);
        }
        assert_non_null(strstr(err.message, texts[i]));
    }
}

static void only_questions_where_only_reading(void **state) {
    (void)state;
    struct tg_store *store = open_with_versions();
    tg_store_close(store);
    struct tg_error err = TG_ERROR_INIT;
    const struct tg_store_options options = {.read_only = true};
    assert_int_equal(tg_store_open(&store, history_url, &options, &err), TG_OK);
    assert_int_equal(history_function(store, "f").call_count, 50);
    struct tg_batch batch = history_batch(9, 1, 10, NULL, 0);
    struct tg_store_commit result;
    assert_int_equal(tg_store_commit(store, &batch, 1, &result, &err), TG_ERROR_PERMISSION);
    history_verify(store);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(parts_of_a_history, history_set_up),
        cmocka_unit_test_setup(runs_are_processes_together, history_set_up),
        cmocka_unit_test_setup(distributions_on_request, history_set_up),
        cmocka_unit_test_setup(the_course_of_a_function, history_set_up),
        cmocka_unit_test_setup(a_function_called_rarely, history_set_up),
        cmocka_unit_test_setup(the_state_of_a_history, history_set_up),
        cmocka_unit_test_setup(versions_in_the_order_of_their_appearance, history_set_up),
        cmocka_unit_test_setup(many_functions_of_many_processes, history_set_up),
        cmocka_unit_test_setup(damage_is_found, history_set_up),
        cmocka_unit_test(rows_that_cannot_be_read_are_found),
        cmocka_unit_test(points_in_time),
        cmocka_unit_test(what_is_no_point_in_time),
        cmocka_unit_test_setup(only_questions_where_only_reading, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
