/* What failed, in a history. */
#include "store/store.h"

#include "store/schema.h"
#include "store_exceptions_fixture.h"

#include <sys/prctl.h>
#include <sys/wait.h>

static void come_back_as_they_were(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    struct tg_batch_failure_sample sample = exception_sample(0, "no such item", "[1]");
    history_commit(store, exception_batch(1, 1, 10, &group, 1, &sample, 1));
    history_commit(store, history_batch(1, 2, 20, NULL, 0)); /* nothing failed */
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.count, 1);
    assert_int_equal(exceptions.lost_count, 0);
    const struct tg_store_exception *one = &exceptions.items[0];
    assert_string_equal(one->function, "m::f");
    assert_string_equal(one->type, "ValueError");
    assert_int_equal(one->count, 3);
    assert_int_equal(one->fingerprint, 7);
    assert_int_equal(one->first_wall_ns, group.first_wall_ns);
    assert_int_equal(one->last_wall_ns, group.last_wall_ns);

    struct tg_store_exception_samples samples = exception_samples_of(store, &everything, one->id, 0, 10);
    assert_int_equal(samples.count, 1);
    assert_int_equal(samples.kept_count, 1);
    const struct tg_store_exception_sample *kept = &samples.items[0];
    assert_int_equal(kept->iteration, 0);
    assert_int_equal(kept->wall_ns, sample.wall_ns);
    assert_int_equal(kept->native_id, 4711);
    assert_int_equal(kept->pid, 1001);
    assert_string_equal(kept->host, "host");
    assert_string_equal(kept->version, "1.0");
    assert_string_equal(kept->thread, "worker");
    assert_string_equal(kept->message, "no such item");
    assert_string_equal(kept->traceback, "File \"shop.py\", line 3, in f\n");
    assert_string_equal(kept->args, "[1]");
    assert_string_equal(kept->kwargs, "{}");
    assert_string_equal(kept->rebound, "x, y");
    tg_store_exception_samples_release(&samples);
    tg_store_exception_samples_release(&samples);
    tg_store_exceptions_release(&exceptions);
    tg_store_exceptions_release(&exceptions);
    history_verify(store);
    tg_store_close(store);
}

static void are_stored_once(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    struct tg_batch_failure_sample sample = exception_sample(0, "no", "[]");
    struct tg_batch batch = exception_batch(1, 1, 10, &group, 1, &sample, 1);
    batch.failures.lost_count = 2;
    assert_int_equal(history_commit_all(store, &batch, 1).stored_count, 1);
    assert_int_equal(history_commit_all(store, &batch, 1).known_count, 1);
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.count, 1);
    assert_int_equal(exceptions.items[0].count, 3);
    assert_int_equal(exceptions.lost_count, 2);
    struct tg_store_exception_samples samples = exception_samples_of(store, &everything, exceptions.items[0].id, 0, 10);
    assert_int_equal(samples.count, 1);
    tg_store_exception_samples_release(&samples);
    tg_store_exceptions_release(&exceptions);
    tg_store_close(store);
}

/* All of a batch, or nothing: the table that is written last is not there. */
static void in_the_batchs_transaction(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store_commit result;
    struct tg_store *store = history_open();
    struct tg_sql *sql = fixture_open(history_url, 2000);
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    struct tg_batch_failure_sample sample = exception_sample(0, "no", "[]");
    struct tg_batch batch = exception_batch(1, 1, 10, &group, 1, &sample, 1);
    fixture_execute(sql, "ALTER TABLE events RENAME TO elsewhere");
    assert_int_not_equal(tg_store_commit(store, &batch, 1, &result, &err), TG_OK);
    fixture_execute(sql, "ALTER TABLE elsewhere RENAME TO events");
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM exceptions"), 0);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM exception_samples"), 0);
    history_commit(store, batch);
    assert_int_equal(fixture_query_integer(sql, "SELECT SUM(count) FROM exception_counts"), 3);
    sql->driver->close(sql);
    history_verify(store);
    tg_store_close(store);
}

static void of_two_processes_are_one(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure early = exception_of("m::f", "ValueError", UINT64_MAX, 3);
    struct tg_batch_failure late = exception_of("m::f", "ValueError", UINT64_MAX, 4);
    struct tg_batch_failure_sample one = exception_sample(0, "one", "[1]");
    struct tg_batch_failure_sample other = exception_sample(0, "other", "[2]");
    early.first_wall_ns -= HISTORY_S;
    late.last_wall_ns += HISTORY_S;
    history_commit(store, exception_batch(2, 1, 10, &late, 1, &other, 1)); /* stored first */
    history_commit(store, exception_batch(1, 1, 10, &early, 1, &one, 1));
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.count, 1);
    assert_int_equal(exceptions.items[0].count, 7);
    assert_int_equal(exceptions.items[0].fingerprint, UINT64_MAX);
    assert_int_equal(exceptions.items[0].first_wall_ns, early.first_wall_ns);
    assert_int_equal(exceptions.items[0].last_wall_ns, late.last_wall_ns);
    struct tg_store_exception_points points = exception_points_of(store, &everything, exceptions.items[0].id);
    assert_int_equal(points.count, 1);
    assert_int_equal(points.items[0].count, 7);
    struct tg_store_exception_samples samples = exception_samples_of(store, &everything, exceptions.items[0].id, 0, 10);
    assert_int_equal(samples.count, 2);
    assert_int_equal(samples.items[0].pid, 1001); /* the one that was stored last */
    assert_int_equal(samples.items[1].pid, 1002);
    tg_store_exception_samples_release(&samples);
    tg_store_exception_points_release(&points);
    tg_store_exceptions_release(&exceptions);
    history_verify(store);
    tg_store_close(store);
}

enum { WORKERS = 4, BATCHES = 10 };

/* A process that stores exceptions of one kind, as others do at the same time. */
static int work(uint8_t number) {
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    const struct tg_store_options options = {.timeout_ns = 60 * HISTORY_S, .create = true};
    enum tg_status status = TG_ERROR_BUSY;
    while (status == TG_ERROR_BUSY || status == TG_ERROR_IO) { /* as the collector: others make the tables */
        status = tg_store_open(&store, history_url, &options, &err);
    }
    for (uint64_t seq = 1; seq <= BATCHES && status == TG_OK; seq++) {
        struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 1);
        struct tg_batch_failure_sample sample = exception_sample(0, "no", "[]");
        struct tg_batch batch = exception_batch(number, seq, (int64_t)seq * 10, &group, 1, &sample, 1);
        struct tg_store_commit result;
        do {
            status = tg_store_commit(store, &batch, 1, &result, &err);
        } while (status == TG_ERROR_BUSY);
    }
    tg_store_close(store);
    return status == TG_OK ? 0 : 1;
}

static void of_processes_at_the_same_time(void **state) {
    (void)state;
    pid_t workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = fork_for_test();
        assert_true(workers[i] >= 0);
        if (workers[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(work((uint8_t)(i + 1)));
        }
    }
    for (int i = 0; i < WORKERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_int_equal(status, 0);
    }
    struct tg_store *store = history_open();
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.count, 1);
    assert_int_equal(exceptions.items[0].count, WORKERS * BATCHES);
    tg_store_exceptions_release(&exceptions);
    history_verify(store);
    tg_store_close(store);
}

/* Groups of one batch that the history has as one: those past a process's limit of groups, and a damaged spool's. */
static void twice_in_a_batch_is_added_up(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    const struct tg_batch_failure groups[] = {
        exception_of("m::f", "ValueError", 7, 3),
        exception_of("m::f", "ValueError", 7, 4),
        exception_of("m::f", "ValueError", 7, UINT64_MAX),
        exception_of("m::g", "ValueError", 8, 1),
    };
    const struct tg_batch_failure_sample samples[] = {
        exception_sample(0, "first", "[]"),
        exception_sample(1, "second", "[]"),
    };
    history_commit(store, exception_batch(1, 1, 10, groups, 2, samples, 2));
    history_commit(store, exception_batch(1, 2, 20, groups, 4, NULL, 0));
    struct tg_store_selection everything = history_everything(store);
    everything.last_iteration = 0;
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.count, 1);
    assert_int_equal(exceptions.items[0].count, 7);
    struct tg_store_exception_samples samples_of_both =
        exception_samples_of(store, &everything, exceptions.items[0].id, 0, 10);
    assert_int_equal(samples_of_both.count, 2);
    tg_store_exception_samples_release(&samples_of_both);
    tg_store_exceptions_release(&exceptions);
    everything.last_iteration = INT64_MAX;
    exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.count, 2);
    assert_int_equal(exceptions.items[0].count, (UINT64_C(1) << 56) + 7); /* as much as an interval can have */
    tg_store_exceptions_release(&exceptions);
    history_verify(store);
    tg_store_close(store);
}

static void expect_part(struct tg_store *store, const struct tg_store_selection *selection, uint64_t count,
                        uint64_t lost_count, size_t sample_count) {
    struct tg_store_exceptions exceptions = exceptions_of(store, selection);
    assert_int_equal(exceptions.lost_count, lost_count);
    assert_int_equal(exceptions.count, count > 0);
    if (count > 0) {
        struct tg_store_exception_points points = exception_points_of(store, selection, exceptions.items[0].id);
        struct tg_store_exception_samples samples =
            exception_samples_of(store, selection, exceptions.items[0].id, 0, 100);
        uint64_t sum = 0;
        for (size_t i = 0; i < points.count; i++) {
            sum += points.items[i].count;
        }
        assert_int_equal(exceptions.items[0].count, count);
        assert_int_equal(sum, count);
        assert_int_equal(samples.count, sample_count);
        assert_int_equal(samples.kept_count, sample_count);
        tg_store_exception_samples_release(&samples);
        tg_store_exception_points_release(&points);
    }
    tg_store_exceptions_release(&exceptions);
}

/* A sample that came late: its exception was counted in the interval before. */
static void a_sample_without_a_count(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure counted = exception_of("m::f", "ValueError", 7, 1);
    struct tg_batch_failure late = exception_of("m::f", "ValueError", 7, 0);
    struct tg_batch_failure_sample sample = exception_sample(0, "late", "[]");
    history_commit(store, exception_batch(1, 1, 10, &counted, 1, NULL, 0));
    history_commit(store, exception_batch(1, 2, 20, &late, 1, &sample, 1));
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.items[0].count, 1);
    assert_int_equal(exceptions.items[0].last_iteration, 0);
    struct tg_store_exception_points points = exception_points_of(store, &everything, exceptions.items[0].id);
    assert_int_equal(points.count, 1);
    assert_int_equal(points.items[0].iteration, 0);
    struct tg_store_exception_samples samples = exception_samples_of(store, &everything, exceptions.items[0].id, 0, 1);
    assert_int_equal(samples.items[0].iteration, 1);
    tg_store_exception_samples_release(&samples);
    tg_store_exception_points_release(&points);
    tg_store_exceptions_release(&exceptions);
    everything.first_iteration = 1; /* where it is not said to have happened 0 times */
    expect_part(store, &everything, 0, 0, 0);
    history_verify(store);
    tg_store_close(store);
}

static void of_a_part(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint8_t number = 1; number <= 2; number++) {
        for (uint64_t seq = 1; seq <= 3; seq++) {
            struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, number * 10U + seq);
            struct tg_batch_failure_sample sample = exception_sample(0, "no", "[]");
            struct tg_batch batch = exception_batch(number, seq, (int64_t)seq * 10, &group, 1, &sample, 1);
            batch.process.service_version = history_bytes(number == 1 ? "1.0" : "1.1");
            batch.failures.lost_count = number;
            history_commit(store, batch);
        }
    }
    struct tg_store_selection selection = history_everything(store);
    expect_part(store, &selection, 102, 9, 6);
    selection.first_iteration = 1;
    selection.last_iteration = 1;
    expect_part(store, &selection, 34, 3, 2);
    selection.version = "1.1";
    expect_part(store, &selection, 22, 2, 1);
    selection.version = "2.0";
    expect_part(store, &selection, 0, 0, 0);
    selection = history_everything(store);
    snprintf(selection.run, sizeof selection.run, "0102%028d", 0); /* of process 1 */
    expect_part(store, &selection, 36, 3, 3);
    snprintf(selection.run, sizeof selection.run, "%032d", 0);
    expect_part(store, &selection, 0, 0, 0);
    selection.run[1] = 'x';
    struct tg_store_exceptions exceptions;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_store_exceptions(store, &selection, &exceptions, &err), TG_ERROR_INVALID);
    selection = history_everything(store);
    selection.service_id++;
    expect_part(store, &selection, 0, 0, 0);
    tg_store_close(store);
}

/* The same fingerprint in two services is two kinds. */
static void each_service_has_its_own(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    history_commit(store, exception_batch(1, 1, 10, &group, 1, NULL, 0));
    struct tg_batch batch = exception_batch(2, 1, 10, &group, 1, NULL, 0);
    batch.process.service = history_bytes("other");
    history_commit(store, batch);
    struct tg_store_selection everything = history_everything(store);
    expect_part(store, &everything, 3, 0, 0);
    everything.service_id = history_service(store, "other").id;
    expect_part(store, &everything, 3, 0, 0);
    history_verify(store);
    tg_store_close(store);
}

static void page_by_page_the_newest_first(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        const struct tg_batch_failure_sample samples[] = {
            exception_sample(0, "a", "[]"),
            exception_sample(0, "b", "[]"),
        };
        history_commit(store, exception_batch(1, seq, (int64_t)seq * 10, &group, 1, samples, 2));
    }
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    static const struct {
        size_t offset;
        size_t limit;
        size_t count;
        int64_t iteration;
        const char *message;
    } pages[] = {{0, 1, 1, 2, "b"},  {0, 4, 4, 2, "b"}, {1, 2, 2, 2, "a"},
                 {5, 10, 1, 0, "a"}, {6, 10, 0, 0, ""}, {SIZE_MAX, SIZE_MAX, 0, 0, ""}};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct tg_store_exception_samples samples =
            exception_samples_of(store, &everything, exceptions.items[0].id, pages[i].offset, pages[i].limit);
        assert_int_equal(samples.kept_count, 6);
        assert_int_equal(samples.count, pages[i].count);
        if (samples.count > 0) {
            assert_int_equal(samples.items[0].iteration, pages[i].iteration);
            assert_string_equal(samples.items[0].message, pages[i].message);
        }
        tg_store_exception_samples_release(&samples);
    }
    tg_store_exceptions_release(&exceptions);
    tg_store_close(store);
}

/* Texts that would be SQL to a careless program, that are no UTF-8, and that are longer than a table takes. */
static void texts_of_every_kind(void **state) {
    (void)state;
    enum { LONG = 100000 };
    static char long_text[LONG + 1];
    memset(long_text, 'x', LONG);
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::'; DROP TABLE exceptions; --", "E'\"\\%_", 7, 1);
    struct tg_batch_failure_sample samples[] = {
        exception_sample(0, "'; DROP TABLE exception_samples; -- \xF0\x9F\x90\x8C", "[\"\\u0000\"]"),
        exception_sample(0, long_text, long_text),
        exception_sample(0, "", ""),
    };
    samples[2].message = (struct tg_bytes){.data = "a\0b\xff", .length = 4};
    samples[2].thread = (struct tg_bytes){.data = NULL};
    history_commit(store, exception_batch(1, 1, 10, &group, 1, samples, 3));
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_string_equal(exceptions.items[0].function, "m::'; DROP TABLE exceptions; --");
    assert_string_equal(exceptions.items[0].type, "E'\"\\%_");
    struct tg_store_exception_samples kept = exception_samples_of(store, &everything, exceptions.items[0].id, 0, 10);
    assert_int_equal(kept.count, 3);
    assert_string_equal(kept.items[0].message, "a\xef\xbf\xbd"
                                               "b\xef\xbf\xbd");
    assert_string_equal(kept.items[0].thread, "");
    assert_int_equal(strlen(kept.items[1].message), 60000);
    assert_string_equal(kept.items[2].message, "'; DROP TABLE exception_samples; -- \xF0\x9F\x90\x8C");
    assert_string_equal(kept.items[2].args, "[\"\\u0000\"]");
    tg_store_exception_samples_release(&kept);
    tg_store_exceptions_release(&exceptions);
    history_verify(store);
    tg_store_close(store);
}

static void lost_ones_are_found(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    struct tg_batch_failure_sample sample = exception_sample(0, "no", "[]");
    history_commit(store, exception_batch(1, 1, 10, &group, 1, &sample, 1));
    history_commit(store, exception_batch(1, 2, 20, &group, 1, &sample, 1));
    static const struct {
        const char *damage;
        const char *repair;
        const char *told;
    } cases[] = {
        {"UPDATE exception_counts SET interval_id = interval_id + 100",
         "UPDATE exception_counts SET interval_id = interval_id - 100",
         "2 counts of exceptions belong to no interval or exception"},
        {"UPDATE exception_samples SET exception_id = exception_id + 100 WHERE iteration = 0",
         "UPDATE exception_samples SET exception_id = exception_id - 100 WHERE iteration = 0",
         "1 samples of exceptions belong to no interval or exception"},
        {"UPDATE exceptions SET function_id = function_id + 100",
         "UPDATE exceptions SET function_id = function_id - 100", "1 exceptions belong to no function"},
    };
    struct tg_sql *sql = fixture_open(history_url, 1000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_strbuf report = TG_STRBUF_INIT;
        struct tg_error err = TG_ERROR_INIT;
        fixture_execute(sql, cases[i].damage);
        assert_int_equal(tg_store_verify(store, &report, &err), TG_ERROR_FORMAT);
        if (!strstr(tg_strbuf_text(&report), cases[i].told)) {
            fail_msg("%s", tg_strbuf_text(&report));
        }
        tg_strbuf_release(&report);
        fixture_execute(sql, cases[i].repair);
        history_verify(store);
    }
    sql->driver->close(sql);
    tg_store_close(store);
}

/* A history of before there were any. */
static void tables_are_made_where_there_are_none(void **state) {
    (void)state;
    const struct tg_schema before = {.steps = tg_schema_current.steps, .count = 2};
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store *store = NULL;
    struct tg_sql *sql = fixture_open(history_url, 5000);
    assert_int_equal(tg_schema_migrate(sql, &before, &err), TG_OK);
    const struct tg_store_options reading = {.read_only = true};
    assert_int_equal(tg_store_open(&store, history_url, &reading, &err), TG_ERROR_VERSION);
    assert_non_null(strstr(err.message, "store migrate"));
    store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 3);
    history_commit(store, exception_batch(1, 1, 10, &group, 1, NULL, 0));
    struct tg_store_selection everything = history_everything(store);
    expect_part(store, &everything, 3, 0, 0);
    history_verify(store);
    tg_store_close(store);
    sql->driver->close(sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(come_back_as_they_were, history_set_up),
        cmocka_unit_test_setup(are_stored_once, history_set_up),
        cmocka_unit_test_setup(in_the_batchs_transaction, history_set_up),
        cmocka_unit_test_setup(of_two_processes_are_one, history_set_up),
        cmocka_unit_test_setup(of_processes_at_the_same_time, history_set_up),
        cmocka_unit_test_setup(twice_in_a_batch_is_added_up, history_set_up),
        cmocka_unit_test_setup(a_sample_without_a_count, history_set_up),
        cmocka_unit_test_setup(of_a_part, history_set_up),
        cmocka_unit_test_setup(each_service_has_its_own, history_set_up),
        cmocka_unit_test_setup(page_by_page_the_newest_first, history_set_up),
        cmocka_unit_test_setup(texts_of_every_kind, history_set_up),
        cmocka_unit_test_setup(lost_ones_are_found, history_set_up),
        cmocka_unit_test_setup(tables_are_made_where_there_are_none, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
