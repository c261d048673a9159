/* The store as a whole, the same on each engine: what is committed is read back, once, whatever happens meanwhile. */
#include "store/store.h"

#include "history_fixture.h"

#include <sys/mman.h>

static struct tg_store_commit commit(struct tg_store *store, const struct made *made) {
    struct tg_store_commit result = {.stored_count = 0};
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_commit(store, &made->batch, 1, &result, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return result;
}

static void store_intervals(struct tg_store *store, uint64_t process, uint64_t count) {
    for (uint64_t seq = 1; seq <= count; seq++) {
        struct made made;
        make(&made, process, seq);
        assert_int_equal(commit(store, &made).stored_count, 1);
        release(&made);
    }
}

static struct tg_store_status status_of(struct tg_store *store) {
    struct tg_store_status status;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_status(store, &status, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return status;
}

static void check_sound(struct tg_store *store) {
    struct tg_strbuf report = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_verify(store, &report, &err) != TG_OK) {
        fail_msg("%s: %s", err.message, tg_strbuf_text(&report));
    }
    tg_strbuf_release(&report);
}

static struct tg_store_selection all_of_first_service(struct tg_store *store) {
    struct tg_store_services services;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_services(store, &services, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(services.count, 1);
    assert_string_equal(services.items[0].name, "shop");
    struct tg_store_selection selection = {
        .service_id = services.items[0].id,
        .first_iteration = INT64_MIN,
        .last_iteration = INT64_MAX,
    };
    tg_store_services_release(&services);
    return selection;
}

/* The figures of each function are those of `process_count` processes, each with `seq_count` intervals. */
static void check_figures(struct tg_store *store, uint64_t process_count, uint64_t seq_count) {
    struct tg_store_selection selection = all_of_first_service(store);
    struct tg_store_functions functions;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_functions(store, &selection, NULL, true, &functions, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(functions.count, FUNCTION_COUNT);
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        const struct tg_store_function *is = NULL;
        uint64_t calls = 0;
        for (size_t j = 0; j < functions.count; j++) {
            is = strcmp(functions.items[j].name, names[i]) == 0 ? &functions.items[j] : is;
        }
        assert_non_null(is);
        for (uint64_t process = 1; process <= process_count; process++) {
            for (uint64_t seq = 1; seq <= seq_count; seq++) {
                calls += calls_of(process, seq, i);
            }
        }
        assert_int_equal(is->call_count, calls);
        assert_int_equal(is->error_count, i * process_count * seq_count);
        assert_int_equal(is->total_ns, calls * 1000000);
        assert_int_equal(is->cumulative_ns, calls * 1000000);
        assert_int_equal(is->self_ns, calls * 600000);
        assert_int_equal(is->active_ns, calls * 900000);
        assert_int_equal(is->minimum_ns, 500000);
        assert_int_equal(is->maximum_ns, 2000000 + seq_count);
        assert_string_equal(is->file, "/srv/shop.py");
        assert_int_equal(is->line, 10 + i);
        assert_int_equal(is->sums.iteration_count, seq_count);
        assert_int_equal(tg_histogram_count(is->histogram), calls);
    }
    tg_store_functions_release(&functions);
}

static void what_is_committed_is_read_back(void **state) {
    const char *url = *state;
    struct tg_store *store = open_store(url);
    store_intervals(store, 1, 40); /* long enough to be summed up on the way */
    check_figures(store, 1, 40);
    tg_store_close(store);
    store = open_store(url);
    check_figures(store, 1, 40);

    struct tg_store_selection selection = all_of_first_service(store);
    struct tg_store_series series;
    assert_int_equal(tg_store_series(store, &selection, names[1], 10, &series, NULL), TG_OK);
    assert_int_equal(series.count, 10);
    for (size_t i = 0; i < series.count; i++) {
        assert_int_equal(series.items[i].iteration, 30 + i);
        assert_int_equal(series.items[i].call_count, calls_of(1, 31 + i, 1));
        assert_in_range(series.items[i].p50_ns, 900000, 1100000);
    }
    tg_store_series_release(&series);
    assert_int_equal(tg_store_series(store, &selection, "no::function", 0, &series, NULL), TG_ERROR_NOT_FOUND);

    struct tg_store_status status = status_of(store);
    assert_int_equal(status.service_count, 1);
    assert_int_equal(status.process_count, 1);
    assert_int_equal(status.function_count, FUNCTION_COUNT);
    assert_int_equal(status.interval_count, 40);
    assert_int_equal(status.row_count, 40 * FUNCTION_COUNT);
    assert_int_equal(status.schema_version, status.newest_schema_version);
    assert_non_null(strstr(status.engine, strncmp(url, "mysql", 5) == 0 ? "MariaDB" : "SQLite"));
    check_sound(store);
    tg_store_close(store);
}

static void events_and_versions(void **state) {
    struct tg_store *store = open_store(*state);
    struct made made;
    make(&made, 1, 1);
    commit(store, &made);
    release(&made);
    make(&made, 2, 2);
    made.batch.process.service_version = bytes_of("2.0 \"\xC3\xA9\"");
    made.batch.process.started_wall_ns += INTERVAL_NS;
    made.batch.seq = 1;
    made.batch.end = TG_BATCH_FOUND;
    commit(store, &made);
    release(&made);

    struct tg_store_selection selection = all_of_first_service(store);
    struct tg_store_events events;
    int seen[5] = {0};
    assert_int_equal(tg_store_events(store, &selection, &events, NULL), TG_OK);
    for (size_t i = 0; i < events.count; i++) {
        seen[events.items[i].kind]++;
    }
    assert_int_equal(seen[TG_STORE_EVENT_START], 2);
    assert_int_equal(seen[TG_STORE_EVENT_FOUND], 1);
    assert_int_equal(seen[TG_STORE_EVENT_VERSION], 1);
    assert_int_equal(seen[TG_STORE_EVENT_END], 0);
    tg_store_events_release(&events);

    struct tg_store_versions versions;
    assert_int_equal(tg_store_versions(store, selection.service_id, &versions, NULL), TG_OK);
    assert_int_equal(versions.count, 2);
    assert_string_equal(versions.items[0].version, "1.0");
    assert_string_equal(versions.items[1].version, "2.0 \"\xC3\xA9\"");
    tg_store_versions_release(&versions);
    tg_store_close(store);
}

/* A marker is of no process: it is there where all of a service is asked for, and nowhere else. */
static void markers(void **state) {
    const char *text = "deployed 1.4 \xE2\x9C\x93 \"'%_";
    char long_text[TG_STORE_EVENT_BYTES_MAX + 2];
    struct tg_store *store = open_store(*state);
    struct tg_store_services services;
    struct tg_store_events events;
    struct tg_error err = TG_ERROR_INIT;
    int64_t iteration = 0;
    struct made made;
    make(&made, 1, 1);
    commit(store, &made);
    release(&made);
    assert_int_equal(tg_store_services(store, &services, NULL), TG_OK);
    const struct tg_store_service *service = &services.items[0];
    int64_t wall_ns = EPOCH_NS + 4 * INTERVAL_NS + 1;
    assert_int_equal(tg_store_add_marker(store, service, wall_ns, text, &iteration, &err), TG_OK);
    assert_int_equal(iteration, 3); /* the first batch ended in slot 1 */
    assert_int_equal(tg_store_add_marker(store, service, EPOCH_NS - 1, "before", &iteration, &err), TG_OK);
    assert_int_equal(iteration, -2);
    memset(long_text, 'x', sizeof long_text);
    long_text[TG_STORE_EVENT_BYTES_MAX + 1] = '\0';
    const char *const refused[] = {"", " \n", "\xFF", long_text};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(tg_store_add_marker(store, service, wall_ns, refused[i], &iteration, &err), TG_ERROR_INVALID);
    }
    tg_store_services_release(&services);

    struct tg_store_selection selection = all_of_first_service(store);
    assert_int_equal(tg_store_events(store, &selection, &events, NULL), TG_OK);
    assert_int_equal(events.count, 3);
    assert_string_equal(events.items[0].detail, "before");
    assert_int_equal(events.items[1].kind, TG_STORE_EVENT_START);
    const struct tg_store_event *marker = &events.items[2];
    assert_int_equal(marker->kind, TG_STORE_EVENT_MARKER);
    assert_string_equal(marker->detail, text);
    assert_string_equal(marker->host, "");
    assert_int_equal(marker->process_id, 0);
    assert_int_equal(marker->wall_ns, wall_ns);
    tg_store_events_release(&events);
    selection.version = "1.0";
    assert_int_equal(tg_store_events(store, &selection, &events, NULL), TG_OK);
    assert_int_equal(events.count, 1);
    tg_store_events_release(&events);
    check_sound(store);
    tg_store_close(store);

    const struct tg_store_options reading = {.read_only = true};
    const struct tg_store_service any = {.base_interval_ns = INTERVAL_NS};
    assert_int_equal(tg_store_open(&store, *state, &reading, NULL), TG_OK);
    assert_int_equal(tg_store_add_marker(store, &any, wall_ns, text, &iteration, &err), TG_ERROR_PERMISSION);
    tg_store_close(store);
}

static void twice_is_once(void **state) {
    struct tg_store *store = open_store(*state);
    struct tg_store *other = open_store(*state);
    struct made made;
    make(&made, 1, 1);
    assert_int_equal(commit(store, &made).stored_count, 1);
    assert_int_equal(commit(store, &made).known_count, 1);
    struct tg_store_commit result = commit(other, &made);
    assert_int_equal(result.known_count, 1);
    assert_int_equal(result.stored_count, 0);
    struct tg_batch both[] = {made.batch, made.batch};
    both[1].seq = 2;
    both[1].began_wall_ns += INTERVAL_NS;
    both[1].ended_wall_ns += INTERVAL_NS;
    assert_int_equal(tg_store_commit(other, both, 2, &result, NULL), TG_OK);
    assert_int_equal(result.known_count, 1);
    assert_int_equal(result.stored_count, 1);
    assert_int_equal(status_of(store).interval_count, 2);
    release(&made);
    check_sound(store);
    tg_store_close(other);
    tg_store_close(store);
}

/* The table that is written last is not there: what was written before it is taken back. */
static void all_or_none(void **state) {
    struct tg_store *store = open_store(*state);
    struct tg_sql *sql = fixture_open(*state, 2000);
    struct made made[2];
    struct tg_store_commit result;
    struct tg_error err = TG_ERROR_INIT;
    make(&made[0], 1, 1);
    make(&made[1], 1, 2);
    struct tg_batch batches[] = {made[0].batch, made[1].batch};
    batches[1].seq = 0; /* damaged */
    assert_int_equal(tg_store_commit(store, batches, 2, &result, &err), TG_ERROR_INVALID);
    assert_int_equal(status_of(store).interval_count, 0);
    assert_int_equal(status_of(store).function_count, 0);
    batches[1].seq = 2;
    fixture_execute(sql, "ALTER TABLE events RENAME TO elsewhere");
    assert_int_not_equal(tg_store_commit(store, batches, 2, &result, &err), TG_OK);
    assert_int_equal(result.stored_count, 0);
    fixture_execute(sql, "ALTER TABLE elsewhere RENAME TO events");
    assert_int_equal(status_of(store).interval_count, 0);
    assert_int_equal(status_of(store).row_count, 0);
    assert_int_equal(status_of(store).service_count, 0);
    if (tg_store_commit(store, batches, 2, &result, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(result.stored_count, 2);
    check_figures(store, 1, 2);
    check_sound(store);
    release(&made[0]);
    release(&made[1]);
    sql->driver->close(sql);
    tg_store_close(store);
}

/* Names that are one and the same only to a careless engine, and such as would be SQL to a careless program. */
static void names_of_every_kind(void **state) {
    enum { COUNT = 16, LONG = 10240 };
    static char long_name[LONG + 1];
    static char longer_name[LONG + 1];
    memset(long_name, 'n', LONG);
    memset(longer_name, 'n', LONG);
    longer_name[LONG - 1] = 'm'; /* differs at its end only */
    const char *const hostile[COUNT] = {
        "m::'; DROP TABLE functions; --",
        "m::\"quoted\"",
        "m::back\\slash\\'",
        "m::line\nbreak\ttab\r",
        "m::\xF0\x9F\x90\x8C",
        "m::\xC3\xA9",
        "m::e",
        "m::E",
        "m::e ",
        "m::e  ",
        "m::%s_%n",
        "m::`x`",
        "m::?",
        "m::\x01\x1A",
        long_name,
        longer_name,
    };
    struct tg_store *store = open_store(*state);
    struct tg_batch_function functions[COUNT];
    struct made made;
    make(&made, 1, 1);
    for (size_t i = 0; i < COUNT; i++) {
        functions[i] = made.functions[0];
        functions[i].name = bytes_of(hostile[i]);
        functions[i].call_count = i + 1;
    }
    made.batch.functions = functions;
    made.batch.function_count = COUNT;
    commit(store, &made);
    tg_store_close(store);
    store = open_store(*state); /* nothing remembered */
    made.batch.seq = 2;
    commit(store, &made);
    assert_int_equal(status_of(store).function_count, COUNT);
    struct tg_store_selection selection = all_of_first_service(store);
    for (size_t i = 0; i < COUNT; i++) {
        struct tg_store_functions found;
        assert_int_equal(tg_store_functions(store, &selection, hostile[i], false, &found, NULL), TG_OK);
        assert_int_equal(found.count, 1);
        assert_string_equal(found.items[0].name, hostile[i]);
        assert_int_equal(found.items[0].call_count, 2 * (i + 1));
        tg_store_functions_release(&found);
    }
    check_sound(store);
    release(&made);
    tg_store_close(store);
}

static void a_newer_history_is_refused(void **state) {
    struct tg_store *store = open_store(*state);
    tg_store_close(store);
    struct tg_sql *sql = fixture_open(*state, 2000);
    struct tg_error err = TG_ERROR_INIT;
    fixture_execute(sql, "INSERT INTO schema_version (version) VALUES (99)");
    assert_int_equal(tg_store_open(&store, *state, &writing, &err), TG_ERROR_VERSION);
    assert_null(store);
    assert_non_null(strstr(err.message, "newer tachograph"));
    assert_int_equal(tg_store_open(&store, *state, &(struct tg_store_options){.read_only = true}, &err),
                     TG_ERROR_VERSION);
    fixture_execute(sql, "DELETE FROM schema_version WHERE version = 99");
    sql->driver->close(sql);
    tg_store_close(open_store(*state));
}

static void without_create_nothing_is_made(void **state) {
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_store_open(&store, *state, &(struct tg_store_options){.create = false}, &err),
                     TG_ERROR_NOT_FOUND);
    assert_int_equal(tg_store_open(&store, *state, &(struct tg_store_options){.read_only = true}, &err),
                     TG_ERROR_NOT_FOUND);
    tg_store_close(open_store(*state));
    struct made made;
    struct tg_store_commit result;
    make(&made, 1, 1);
    assert_int_equal(tg_store_open(&store, *state, &(struct tg_store_options){.read_only = true}, &err), TG_OK);
    assert_int_equal(tg_store_commit(store, &made.batch, 1, &result, &err), TG_ERROR_PERMISSION);
    assert_int_equal(status_of(store).interval_count, 0);
    release(&made);
    tg_store_close(store);
}

static void four_processes_at_once(void **state) {
    run_workers(*state);
    struct tg_store *store = open_store(*state);
    struct tg_store_status status = status_of(store);
    assert_int_equal(status.process_count, WORKERS);
    assert_int_equal(status.interval_count, WORKERS * WORKER_INTERVALS);
    assert_int_equal(status.function_count, FUNCTION_COUNT);
    check_figures(store, WORKERS, WORKER_INTERVALS);
    check_sound(store);
    tg_store_close(store);
}

/* Killing the server while four processes write, five times: they notice, and every batch is there once. */

enum { KILLS = 5, KILL_INTERVALS = 150, PHASE = KILL_INTERVALS / KILLS };

/* Between the processes. A worker stores PHASE intervals for each kill there was, and PHASE more: it is always under
 * way when the server is killed. */
struct progress {
    atomic_int kills;
    atomic_int stored;   /* batches, of all workers */
    atomic_int failures; /* of attempts */
};

static bool bring_through_kills(const char *url, uint64_t process, struct progress *progress) {
    bool good = true;
    for (int seq = 1; seq <= KILL_INTERVALS && good; seq++) {
        struct made made;
        while (seq > PHASE * (atomic_load(&progress->kills) + 1)) {
            pause_between_attempts();
        }
        make(&made, process, (uint64_t)seq);
        good = bring(url, &made.batch, 1, &progress->failures);
        atomic_fetch_add(&progress->stored, 1);
        release(&made);
    }
    return good;
}

static pid_t server_pid(void) {
    char path[256];
    char line[32] = "";
    snprintf(path, sizeof path, "%s/pid", getenv("TEST_MYSQL_DIR"));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    return (pid_t)strtol(line, NULL, 10);
}

static void a_server_killed_five_times(void **state) {
    const char *url = *state;
    pid_t workers[WORKERS];
    struct progress *progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(progress != MAP_FAILED);
    tg_store_close(open_store(url));
    for (uint64_t i = 0; i < WORKERS; i++) {
        workers[i] = fork_for_test();
        if (workers[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
            _exit(bring_through_kills(url, i + 1, progress) ? 0 : 1);
        }
    }
    for (int kills = 0; kills < KILLS; kills++) {
        while (atomic_load(&progress->stored) < (kills * PHASE + PHASE / 3) * WORKERS) {
            pause_between_attempts(); /* so it is up: they have stored something since */
        }
        assert_int_equal(kill(server_pid(), SIGKILL), 0);
        assert_true(atomic_load(&progress->stored) < (kills + 1) * PHASE * WORKERS);
        atomic_fetch_add(&progress->kills, 1);
    }
    expect_workers(workers);
    assert_true(atomic_load(&progress->failures) >= KILLS);
    munmap(progress, sizeof *progress);

    struct tg_store *store = open_store(url);
    assert_int_equal(status_of(store).interval_count, WORKERS * KILL_INTERVALS);
    check_figures(store, WORKERS, KILL_INTERVALS);
    check_sound(store);
    tg_store_close(store);
}

/* What the collector is told, so that it waits (IO) or says what to do (the others). */
static void a_server_that_refuses(void **state) {
    char url[URL_SIZE];
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store_url parts;
    assert_int_equal(tg_store_url_parse(&parts, *state, NULL), TG_OK);
    snprintf(url, sizeof url, "mysql://%s:wr0ng@%s:%u/%s", parts.user, parts.host, (unsigned)parts.port,
             parts.database);
    assert_int_equal(tg_store_open(&store, url, &writing, &err), TG_ERROR_PERMISSION);
    assert_null(store);
    assert_null(strstr(err.message, "wr0ng"));
    assert_null(strstr(err.message, parts.password));
    snprintf(url, sizeof url, "mysql://%s:%s@%s:1/%s", parts.user, parts.password, parts.host, parts.database);
    assert_int_equal(tg_store_open(&store, url, &writing, &err), TG_ERROR_IO);
    assert_null(store);
    assert_null(strstr(err.message, parts.password));
    tg_store_url_release(&parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(what_is_committed_is_read_back),
        ON_BOTH(events_and_versions),
        ON_BOTH(markers),
        ON_BOTH(twice_is_once),
        ON_BOTH(all_or_none),
        ON_BOTH(names_of_every_kind),
        ON_BOTH(a_newer_history_is_refused),
        ON_BOTH(without_create_nothing_is_made),
        ON_BOTH(four_processes_at_once),
        ON(set_up_mysql, a_server_killed_five_times),
        ON(set_up_mysql, a_server_that_refuses),
    };
    return cmocka_run_group_tests_name("store_engines", tests, fixture_set_up, fixture_tear_down);
}
