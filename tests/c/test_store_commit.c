/* Storing batches: each once, in its place in time, with everything that is kept up beside it. */
#include "store/store.h"

#include "store_history.h"

#include <math.h>
#include <sys/wait.h>

#define FUNCTION_COUNT  600 /* and so many iterations that the sums are made (fold.c) */
#define ITERATION_COUNT 44
#define MANY_PROCESSES  130 /* so many of the largest figures that their sum is no integer of SQL */

static void a_batch_is_stored_once(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function function = history_calls("shop::buy", 4, 100);
    struct tg_batch batches[] = {
        history_batch(1, 1, 10, &function, 1),
        history_batch(1, 2, 20, &function, 1),
        history_batch(1, 1, 10, &function, 1),
    };
    struct tg_store_commit result = history_commit_all(store, batches, 3);
    assert_int_equal(result.stored_count, 2);
    assert_int_equal(result.known_count, 1);
    result = history_commit_all(store, batches, 2);
    assert_int_equal(result.stored_count, 0);
    assert_int_equal(result.known_count, 2);
    tg_store_close(store);

    store = history_open(); /* nor by another connection */
    result = history_commit_all(store, batches, 1);
    assert_int_equal(result.known_count, 1);
    struct tg_store_function figures = history_function(store, "shop::buy");
    assert_int_equal(figures.call_count, 8);
    assert_int_equal(figures.error_count, 4);
    assert_int_equal(figures.total_ns, 800);
    assert_int_equal(figures.cumulative_ns, 802);
    assert_int_equal(figures.self_ns, 400);
    assert_int_equal(figures.active_ns, 200);
    assert_int_equal(figures.minimum_ns, 100);
    assert_int_equal(figures.maximum_ns, 100);
    assert_int_equal(figures.line, 12);
    history_verify(store);
    tg_store_close(store);
}

/* The cases of docs/adr/0007. */
static void iterations_follow_the_clock(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    history_commit_calls(store, 1, 1, 13, "f", 1, 100);  /* the first: iteration 0, from second 10 to 20 */
    history_commit_calls(store, 1, 2, 23, "f", 1, 200);  /* 1 */
    history_commit_calls(store, 1, 3, 103, "f", 1, 300); /* idle for a while: 9 */
    history_commit_calls(store, 2, 1, 28, "f", 3, 400);  /* another process, late: 1 too */
    history_commit_calls(store, 2, 2, 5, "f", 1, 500);   /* from before the first: -1 */
    struct tg_batch_function function = history_calls("f", 1, 600);
    struct tg_batch batch = history_batch(3, 1, 131, &function, 1); /* another interval: the slots stay */
    batch.interval_ns = 60 * HISTORY_S;
    batch.began_wall_ns -= 50 * HISTORY_S;
    history_commit(store, batch);

    struct tg_store_service service = history_service(store, "shop");
    assert_int_equal(service.base_interval_ns, 10 * HISTORY_S);
    assert_int_equal(service.first_slot, HISTORY_BEGIN_NS / (10 * HISTORY_S) + 1);
    assert_int_equal(service.last_iteration, 12);
    assert_int_equal(service.last_ended_ns, HISTORY_BEGIN_NS + 131 * HISTORY_S);
    assert_int_equal(service.process_count, 3);

    struct tg_store_series series = history_series(store, "f", 0);
    static const int64_t iterations[] = {-1, 0, 1, 9, 12};
    static const uint64_t totals[] = {500, 100, 1400, 300, 600};
    assert_int_equal(series.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(series.items[i].iteration, iterations[i]);
        assert_int_equal(series.items[i].total_ns, totals[i]);
    }
    assert_int_equal(series.items[2].call_count, 4);
    tg_store_series_release(&series);

    /* A point is the average of an iteration's calls in all processes. */
    struct tg_store_sums sums = history_function(store, "f").sums;
    assert_int_equal(sums.iteration_count, 5);
    assert_int_equal(sums.first_iteration, -1);
    assert_int_equal(sums.last_iteration, 12);
    assert_float_equal(sums.origin_y + sums.sum_y / 5, (500 + 100 + 350 + 300 + 600) / 5.0, 1e-9);
    assert_float_equal(sums.origin_x + sums.sum_x / 5, (-1 + 0 + 1 + 9 + 12) / 5.0, 1e-9);
    history_verify(store);
    tg_store_close(store);
}

static void services_are_apart(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function function = history_calls("f", 1, 100);
    struct tg_batch batches[] = {
        history_batch(1, 1, 10, &function, 1),
        history_batch(2, 1, 500, &function, 1),
        history_batch(1, 2, 20, &function, 1),
    };
    batches[1].process.service = history_bytes("bank");
    batches[1].interval_ns = HISTORY_S;
    assert_int_equal(history_commit_all(store, batches, 3).stored_count, 3);
    struct tg_store_services services;
    assert_int_equal(tg_store_services(store, &services, NULL), TG_OK);
    assert_int_equal(services.count, 2);
    assert_string_equal(services.items[0].name, "bank"); /* written to last */
    assert_int_equal(services.items[0].base_interval_ns, HISTORY_S);
    assert_int_equal(services.items[0].last_iteration, 0);
    assert_string_equal(services.items[1].name, "shop");
    assert_int_equal(services.items[1].last_iteration, 1);
    tg_store_services_release(&services);
    tg_store_services_release(&services);
    assert_int_equal(history_function(store, "f").call_count, 2);

    /* A process stays where its first batch was. */
    struct tg_batch moved = history_batch(1, 3, 30, &function, 1);
    moved.process.service = history_bytes("bank");
    history_commit(store, moved);
    assert_int_equal(history_function(store, "f").call_count, 3);
    history_verify(store);
    tg_store_close(store);
}

static void all_batches_or_none(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store_commit result;
    struct tg_batch_function function = history_calls("f", 1, 100);
    struct tg_batch_function other = history_calls("g", 1, 100);
    struct tg_batch batches[] = {history_batch(1, 1, 10, &function, 1), history_batch(1, 0, 20, &function, 1)};
    assert_int_equal(tg_store_commit(store, batches, 2, &result, &err), TG_ERROR_INVALID);
    assert_int_equal(result.stored_count, 0);
    struct tg_store_services services;
    assert_int_equal(tg_store_services(store, &services, NULL), TG_OK);
    assert_int_equal(services.count, 0);
    tg_store_services_release(&services);

    /* The ids of the names of that transaction are void: another name may have got them. */
    struct tg_batch_function both[] = {other, function};
    history_commit(store, history_batch(1, 1, 10, both, 2));
    assert_int_equal(history_function(store, "g").total_ns, 100);
    assert_int_equal(history_function(store, "f").total_ns, 100);
    history_verify(store);
    tg_store_close(store);
}

static void functions_of_one_name_are_one(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function functions[] = {
        history_calls("b", 1, 100),
        history_calls("a", 2, 1000),
        history_calls("b", 3, 5000),
        history_calls("b", 1, 100),
    };
    functions[2].file = history_bytes("/srv/other.py");
    history_commit(store, history_batch(1, 1, 10, functions, 4));
    struct tg_store_function figures = history_function(store, "b");
    assert_int_equal(figures.call_count, 5);
    assert_int_equal(figures.total_ns, 15200);
    assert_int_equal(figures.minimum_ns, 100);
    assert_int_equal(figures.maximum_ns, 5000);
    assert_int_equal(figures.sums.iteration_count, 1);
    struct tg_store_series series = history_series(store, "b", 0);
    assert_int_equal(series.count, 1);
    assert_in_range(series.items[0].p50_ns, 4700, 5000); /* three of five */
    tg_store_series_release(&series);
    history_verify(store);
    tg_store_close(store);
}

/* What tg_store_functions() finds, by any name. */
static void expect_names(struct tg_store *store, const char *const *names, size_t count) {
    struct tg_store_selection selection = history_everything(store);
    struct tg_store_functions functions = history_functions(store, &selection);
    assert_int_equal(functions.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(functions.items[i].name, names[i]);
    }
    tg_store_functions_release(&functions);
    tg_store_functions_release(&functions);
}

static void names_of_all_kinds(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    static char long_name[10001];
    memset(long_name, 'x', sizeof long_name - 1);
    /* In the order of their bytes, which is not that of any language: case and accents differ. */
    static const char *const names[] = {"",
                                        " '; DROP TABLE functions; --",
                                        "$name \"quoted\" %s",
                                        "A",
                                        "a",
                                        "a\nb",
                                        "a ",
                                        long_name,
                                        "\xc3\xa0",
                                        "\xf0\x9f\x90\x8d"};
    struct tg_batch_function functions[9];
    for (size_t i = 1; i < 10; i++) {
        functions[i - 1] = history_calls(names[i], i, 100);
    }
    history_commit(store, history_batch(1, 1, 10, functions, 9));
    expect_names(store, names + 1, 9);
    tg_store_close(store);
    store = history_open();
    history_commit(store, history_batch(1, 2, 20, functions, 9));
    expect_names(store, names + 1, 9);
    for (size_t i = 1; i < 10; i++) {
        assert_int_equal(history_function(store, names[i]).call_count, 2 * i);
    }
    history_verify(store);
    tg_store_close(store);
}

static void bytes_that_are_no_text(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    static char endless[40000];
    memset(endless, 'y', sizeof endless);
    struct tg_batch_function functions[] = {
        history_calls("z", 1, 100),
        history_calls("z", 2, 100),
        history_calls("z", 4, 100),
        history_calls("z", 8, 100),
    };
    functions[0].name = (struct tg_bytes){.data = "a\0b", .length = 3};
    functions[1].name = (struct tg_bytes){.data = "a\xff\xfe", .length = 3};
    functions[2].name = (struct tg_bytes){.data = endless, .length = sizeof endless};
    functions[3].name = (struct tg_bytes){.data = endless, .length = sizeof endless - 1};
    functions[0].file = functions[1].name;
    struct tg_batch batch = history_batch(1, 1, 10, functions, 4);
    batch.process.host = functions[0].name;
    batch.process.program = functions[2].name;
    batch.process.service_version = functions[1].name;
    history_commit(store, batch);
    endless[16384] = '\0';
    const char *const names[] = {"a\xef\xbf\xbd\x62", "a\xef\xbf\xbd\xef\xbf\xbd", endless};
    expect_names(store, names, 3);
    assert_int_equal(history_function(store, endless).call_count, 12); /* alike in what fits */
    history_verify(store);
    tg_store_close(store);
}

static void figures_beyond_all_bounds(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function function = history_calls("f", 1, 100);
    function.call_count = UINT64_MAX;
    function.total_ns = UINT64_MAX;
    function.minimum_ns = UINT64_MAX;
    function.maximum_ns = UINT64_MAX;
    struct tg_batch batch = history_batch(1, INT64_MAX, 10, &function, 1);
    batch.quality.torn_count = UINT64_MAX;
    batch.process.pid = UINT64_MAX;
    history_commit(store, batch);
    batch = history_batch(2, 1, 10, &function, 1);
    batch.ended_wall_ns = INT64_MAX - TG_BATCH_INTERVAL_MAX_NS;
    batch.interval_ns = TG_BATCH_INTERVAL_MAX_NS;
    history_commit(store, batch);
    batch.ended_wall_ns++;
    struct tg_store_commit result;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_store_commit(store, &batch, 1, &result, &err), TG_ERROR_INVALID);
    struct tg_store_function figures = history_function(store, "f");
    assert_true(figures.call_count > UINT64_C(1) << 56U);
    assert_true(figures.minimum_ns == UINT64_MAX);
    assert_int_equal(figures.sums.iteration_count, 2);

    /* More in one iteration than SQL has integers for: the view answers, and the history is whole. */
    for (uint8_t number = 3; number < 3 + MANY_PROCESSES; number++) {
        history_commit(store, history_batch(number, 1, 10, &function, 1));
    }
    struct tg_sql *sql = fixture_open(history_url, 5000);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM function_statistics WHERE call_count > 9.2e18"
                                                " AND total_time > 9.2e9 AND average_time = 1e-9 AND id > 0"),
                     1);
    assert_int_equal(fixture_query_integer(sql, "SELECT call_count FROM function_statistics WHERE iteration <> 0"),
                     INT64_C(1) << 56U);
    sql->driver->close(sql);
    struct tg_strbuf report = TG_STRBUF_INIT;
    assert_int_equal(tg_store_verify(store, &report, &err), TG_ERROR_FORMAT);
    assert_string_equal(tg_strbuf_text(&report), "process 72057594037927936 on host: 9223372036854775806 of its first"
                                                 " 9223372036854775807 batches are missing\n");
    tg_strbuf_release(&report);
    tg_store_close(store);
}

static struct tg_store_event event_at(const struct tg_store_events *events, size_t place, enum tg_store_event_kind kind,
                                      uint64_t pid) {
    assert_true(place < events->count);
    assert_int_equal(events->items[place].kind, kind);
    assert_int_equal(events->items[place].pid, pid);
    return events->items[place];
}

static void reloads_are_events_of_the_interval(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function function = history_calls("f", 1, 100);
    const struct tg_batch_event reloads[] = {
        {TG_EVENT_RELOAD, HISTORY_BEGIN_NS + 12 * HISTORY_S, history_bytes("shop: changed: f")},
        {TG_EVENT_REFUSED_RELOAD, HISTORY_BEGIN_NS + 13 * HISTORY_S, history_bytes("shop: line 1\xff")},
    };
    history_commit(store, history_batch(1, 1, 10, &function, 1));
    struct tg_batch batch = history_batch(1, 2, 20, NULL, 0);
    batch.events = (struct tg_batch_events){.items = reloads, .count = 2, .serial = 2};
    history_commit(store, batch);
    assert_int_equal(history_commit_all(store, &batch, 1).known_count, 1); /* once */
    struct tg_store_selection selection = history_everything(store);
    struct tg_store_events events;
    selection.version = "1.0";
    assert_int_equal(tg_store_events(store, &selection, &events, NULL), TG_OK);
    assert_int_equal(events.count, 3);
    event_at(&events, 0, TG_STORE_EVENT_START, 1001);
    struct tg_store_event event = event_at(&events, 1, TG_STORE_EVENT_RELOAD, 1001);
    assert_int_equal(event.wall_ns, reloads[0].wall_ns);
    assert_int_equal(event.iteration, 1);
    assert_string_equal(event.version, "1.0");
    assert_string_equal(event.detail, "shop: changed: f");
    event = event_at(&events, 2, TG_STORE_EVENT_REFUSED_RELOAD, 1001);
    assert_string_equal(event.detail, "shop: line 1\xef\xbf\xbd");
    tg_store_events_release(&events);
    assert_string_equal(tg_store_event_kind_name(TG_STORE_EVENT_RELOAD), "reload");
    assert_string_equal(tg_store_event_kind_name(TG_STORE_EVENT_REFUSED_RELOAD), "refused reload");
    assert_string_equal(tg_store_event_kind_name(TG_STORE_EVENT_REFUSED_RELOAD + 1), "unknown");
    tg_store_close(store);
}

static void starts_ends_and_versions_are_events(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function function = history_calls("f", 1, 100);
    struct tg_batch batch = history_batch(1, 1, 10, &function, 1);
    history_commit(store, batch);
    batch = history_batch(1, 2, 20, &function, 1);
    batch.end = TG_BATCH_ENDED;
    history_commit(store, batch);
    batch = history_batch(3, 1, 30, &function, 1);
    batch.process.service_version = history_bytes("1.1");
    history_commit(store, batch);
    batch.seq = 2;
    batch.end = TG_BATCH_FOUND;
    batch.ended_wall_ns += 10 * HISTORY_S;
    history_commit(store, batch);
    history_commit(store, history_batch(2, 1, 20, &function, 1)); /* of the old version, begun before the new one */
    batch = history_batch(4, 1, 50, &function, 1);
    batch.process.service_version = history_bytes("1.1");
    history_commit(store, batch);

    struct tg_store_selection selection = history_everything(store);
    struct tg_store_events events;
    assert_int_equal(tg_store_events(store, &selection, &events, NULL), TG_OK);
    assert_int_equal(events.count, 7);
    event_at(&events, 0, TG_STORE_EVENT_START, 1001);
    event_at(&events, 1, TG_STORE_EVENT_START, 1002);
    struct tg_store_event event = event_at(&events, 2, TG_STORE_EVENT_VERSION, 1003);
    assert_string_equal(event.version, "1.1");
    assert_string_equal(event.detail, "1.0");
    assert_string_equal(event.host, "host");
    assert_int_equal(event.iteration, 2);
    assert_int_equal(event.wall_ns, HISTORY_BEGIN_NS + 3);
    event_at(&events, 3, TG_STORE_EVENT_START, 1003);
    event_at(&events, 4, TG_STORE_EVENT_START, 1004);
    event = event_at(&events, 5, TG_STORE_EVENT_END, 1001);
    assert_int_equal(event.wall_ns, HISTORY_BEGIN_NS + 20 * HISTORY_S);
    event = event_at(&events, 6, TG_STORE_EVENT_FOUND, 1003);
    assert_int_equal(event.iteration, 3);
    tg_store_events_release(&events);
    tg_store_events_release(&events);

    selection.version = "1.0";
    assert_int_equal(tg_store_events(store, &selection, &events, NULL), TG_OK);
    assert_int_equal(events.count, 3);
    tg_store_events_release(&events);

    struct tg_store_versions versions;
    assert_int_equal(tg_store_versions(store, selection.service_id, &versions, NULL), TG_OK);
    assert_int_equal(versions.count, 2);
    assert_string_equal(versions.items[0].version, "1.0");
    assert_int_equal(versions.items[0].first_iteration, 0);
    assert_int_equal(versions.items[0].last_iteration, 1);
    assert_int_equal(versions.items[0].process_count, 2);
    assert_string_equal(versions.items[1].version, "1.1");
    assert_int_equal(versions.items[1].last_iteration, 4);
    tg_store_versions_release(&versions);
    tg_store_versions_release(&versions);
    tg_store_close(store);
}

/* Fails unless two ways of asking give the same figures; and the straight line through the points. */
static void expect_same(struct tg_store *store) {
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_selection all_rows = history_all_rows(store);
    struct tg_store_functions kept = history_functions(store, &everything);
    struct tg_store_functions made = history_functions(store, &all_rows);
    assert_int_equal(kept.count, made.count);
    for (size_t i = 0; i < kept.count; i++) {
        const struct tg_store_function *a = &kept.items[i];
        const struct tg_store_function *b = &made.items[i];
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->call_count, b->call_count);
        assert_int_equal(a->error_count, b->error_count);
        assert_int_equal(a->total_ns, b->total_ns);
        assert_int_equal(a->cumulative_ns, b->cumulative_ns);
        assert_int_equal(a->minimum_ns, b->minimum_ns);
        assert_int_equal(a->maximum_ns, b->maximum_ns);
        assert_int_equal(a->sums.iteration_count, b->sums.iteration_count);
        assert_int_equal(a->sums.first_iteration, b->sums.first_iteration);
        assert_int_equal(a->sums.last_iteration, b->sums.last_iteration);
        double n = (double)a->sums.iteration_count;
        double average = b->sums.origin_y + b->sums.sum_y / n;
        assert_float_equal(a->sums.origin_y + a->sums.sum_y / n, average, 1e-9 * average);
        double slope_a =
            (n * a->sums.sum_xy - a->sums.sum_x * a->sums.sum_y) / (n * a->sums.sum_xx - a->sums.sum_x * a->sums.sum_x);
        double slope_b =
            (n * b->sums.sum_xy - b->sums.sum_x * b->sums.sum_y) / (n * b->sums.sum_xx - b->sums.sum_x * b->sums.sum_x);
        assert_float_equal(slope_a, slope_b, 1e-6 * (fabs(slope_b) + 1));
    }
    tg_store_functions_release(&kept);
    tg_store_functions_release(&made);
    history_verify(store);
}

static char many_names[FUNCTION_COUNT][16];
static uint64_t many_seqs[8];

static int set_up_many(void **state) {
    memset(many_seqs, 0, sizeof many_seqs);
    return history_set_up(state);
}

/* Every `step`th function in an iteration, as the next batch of a process. A call takes longer each iteration. */
static void commit_many(struct tg_store *store, uint8_t number, int64_t iteration, uint64_t calls, size_t step) {
    static struct tg_batch_function functions[FUNCTION_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < FUNCTION_COUNT; i += step) {
        snprintf(many_names[i], sizeof many_names[i], "many::f%zu", i);
        functions[count] = history_calls(many_names[i], calls, (i + 1) * 1000 + 10 * (uint64_t)(iteration + 5));
        functions[count++].histogram.length = 0; /* more than the pool has */
    }
    history_commit(store, history_batch(number, ++many_seqs[number], 10 * (iteration + 1), functions, count));
}

static int64_t folded_count(void) {
    struct tg_sql *sql = fixture_open(history_url, 5000);
    int64_t count = fixture_query_integer(sql, "SELECT COUNT(*) FROM function_sums");
    sql->driver->close(sql);
    return count;
}

static void sums_are_those_of_the_rows(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (int64_t i = 0; i < ITERATION_COUNT; i++) {
        commit_many(store, 1, i, 2, 1);
    }
    assert_int_equal(folded_count(), FUNCTION_COUNT); /* else the test tests nothing */
    expect_same(store);
    struct tg_store_sums sums = history_function(store, "many::f9").sums;
    double n = ITERATION_COUNT;
    assert_int_equal(sums.iteration_count, ITERATION_COUNT);
    assert_float_equal((n * sums.sum_xy - sums.sum_x * sums.sum_y) / (n * sums.sum_xx - sums.sum_x * sums.sum_x), 10,
                       1e-9);
    tg_store_close(store);
}

static void late_batches_find_their_way_into_the_sums(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (int64_t i = 0; i < ITERATION_COUNT; i++) {
        commit_many(store, 1, i, 2, i % 2 ? 1 : 2); /* in every other iteration, every other function */
    }
    assert_int_equal(folded_count(), FUNCTION_COUNT);
    commit_many(store, 2, 3, 10, 1);
    commit_many(store, 2, 4, 10, 1);
    commit_many(store, 3, 4, 1, 3);
    commit_many(store, 2, -2, 5, 1);
    commit_many(store, 3, -2, 5, 1);
    commit_many(store, 2, ITERATION_COUNT - 1, 5, 1);
    assert_int_equal(history_function(store, "many::f1").sums.iteration_count, ITERATION_COUNT / 2 + 2);
    expect_same(store);
    for (int64_t i = ITERATION_COUNT; i < 2 * ITERATION_COUNT; i++) {
        commit_many(store, 2, i, 2, 1);
    }
    expect_same(store);
    tg_store_close(store);
}

/* In several batches of one commit too. */
static void late_batches_of_one_commit_add_up(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (int64_t i = 0; i < ITERATION_COUNT; i++) {
        commit_many(store, 1, i, 2, 1);
    }
    assert_int_equal(folded_count(), FUNCTION_COUNT);
    struct tg_batch_function function = history_calls("many::f7", 3, 77);
    struct tg_batch batches[] = {
        history_batch(5, 1, 30, &function, 1),
        history_batch(6, 1, 30, &function, 1),
        history_batch(5, 2, 30, &function, 1),
        history_batch(6, 2, -100, &function, 1),
    };
    assert_int_equal(history_commit_all(store, batches, 4).stored_count, 4);
    expect_same(store);
    tg_store_close(store);
}

static void write_as_a_process(uint8_t number) {
    struct tg_store *store = history_open();
    for (uint64_t seq = 1; seq <= 25; seq++) {
        history_commit_calls(store, number, seq, (int64_t)seq * 10, "shared", 1, 100);
    }
    tg_store_close(store);
    _exit(0);
}

/* Also the opening: all make the tables at once. */
static void processes_write_at_once(void **state) {
    (void)state;
    pid_t children[4];
    for (uint8_t i = 0; i < 4; i++) {
        children[i] = fork_for_test();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            write_as_a_process((uint8_t)(i + 1));
        }
    }
    for (size_t i = 0; i < 4; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct tg_store *store = history_open();
    assert_int_equal(history_function(store, "shared").call_count, 100);
    assert_int_equal(history_function(store, "shared").sums.iteration_count, 25);
    assert_int_equal(history_service(store, "shop").process_count, 4);
    history_verify(store);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_batch_is_stored_once, history_set_up),
        cmocka_unit_test_setup(iterations_follow_the_clock, history_set_up),
        cmocka_unit_test_setup(services_are_apart, history_set_up),
        cmocka_unit_test_setup(all_batches_or_none, history_set_up),
        cmocka_unit_test_setup(functions_of_one_name_are_one, history_set_up),
        cmocka_unit_test_setup(names_of_all_kinds, history_set_up),
        cmocka_unit_test_setup(bytes_that_are_no_text, history_set_up),
        cmocka_unit_test_setup(figures_beyond_all_bounds, history_set_up),
        cmocka_unit_test_setup(starts_ends_and_versions_are_events, history_set_up),
        cmocka_unit_test_setup(reloads_are_events_of_the_interval, history_set_up),
        cmocka_unit_test_setup(sums_are_those_of_the_rows, set_up_many),
        cmocka_unit_test_setup(late_batches_find_their_way_into_the_sums, set_up_many),
        cmocka_unit_test_setup(late_batches_of_one_commit_add_up, set_up_many),
        cmocka_unit_test_setup(processes_write_at_once, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
