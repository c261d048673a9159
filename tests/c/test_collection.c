/* From a recording to batches: that they add up to what was counted, whatever happens in between. */
#include "collect/collection.h"

#include "measure/histogram.h"
#include "recording_fixture.h"

#include <pthread.h>
#include <signal.h>

static struct tg_collection collection;
static tg_ns now_monotonic_ns;
static char spool_directory[64];

static int set_up(void **state) {
    snprintf(spool_directory, sizeof spool_directory, "/tmp/tg-test-XXXXXX");
    if (!mkdtemp(spool_directory) || fixture_set_up_tracer(state) != 0) {
        return -1;
    }
    tg_tracer_describe(&(struct tg_tracer_description){
        .service = "shop", .service_version = "1", .store_url = "sqlite:///a.db", .interval_ns = 1000});
    now_monotonic_ns = tg_tracer_hold()->header->started_monotonic_ns;
    tg_tracer_let_go();
    return 0;
}

static int tear_down(void **state) {
    tg_collection_close(&collection);
    fixture_remove(spool_directory);
    return fixture_tear_down(state);
}

static struct tg_view hold_view(void) {
    return tg_view_of_recording(tg_tracer_hold());
}

static void open_collection(void) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_view view = hold_view();
    if (tg_collection_open(&collection, &view, "/nowhere", spool_directory, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_tracer_let_go();
}

/* As the collector does it: a new epoch, then the look. */
static void close_interval(enum tg_batch_end end) {
    struct tg_error err = TG_ERROR_INIT;
    atomic_fetch_add(&tg_tracer_hold()->header->epoch, 1);
    tg_tracer_let_go();
    struct tg_view view = hold_view();
    now_monotonic_ns += 1000;
    if (tg_collection_close_interval(&collection, &view, now_monotonic_ns, end, 5, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_tracer_let_go();
}

struct sum {
    uint64_t call_count;
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t self_ns;
    uint64_t minimum_ns;
    uint64_t maximum_ns;
    uint64_t in_histogram;
    size_t batch_count;
    enum tg_batch_end end;
    struct tg_batch_function last;
};

static void add(struct sum *sum, const struct tg_batch_function *function) {
    struct tg_histogram histogram;
    assert_int_equal(
        tg_histogram_decode(&histogram, (const uint8_t *)function->histogram.data, function->histogram.length, NULL),
        TG_OK);
    sum->call_count += function->call_count;
    sum->error_count += function->error_count;
    sum->total_ns += function->total_ns;
    sum->self_ns += function->self_ns;
    sum->minimum_ns = function->minimum_ns < sum->minimum_ns ? function->minimum_ns : sum->minimum_ns;
    sum->maximum_ns = function->maximum_ns > sum->maximum_ns ? function->maximum_ns : sum->maximum_ns;
    sum->in_histogram += tg_histogram_count(&histogram);
    sum->last = *function;
    sum->last.name.data = sum->last.file.data = sum->last.histogram.data = NULL; /* they do not outlive the walk */
}

/* What all records of the spool say of one function. */
static struct sum sum_of(const char *name) {
    struct sum sum = {.minimum_ns = UINT64_MAX};
    struct tg_spool_cursor cursor;
    tg_spool_cursor_init(&cursor, &collection.spool, false);
    for (uint64_t seq = 0;;) {
        struct tg_batch batch;
        bool found;
        assert_int_equal(tg_spool_next(&collection.spool, &cursor, &batch, &found, NULL), TG_OK);
        if (!found) {
            break;
        }
        assert_true(cursor.kind == TG_SPOOL_SUM || batch.seq == seq + 1);
        seq = batch.seq;
        assert_true(tg_batch_is_valid(&batch));
        sum.batch_count++;
        sum.end = batch.end;
        for (size_t i = 0; i < batch.function_count; i++) {
            if (batch.functions[i].name.length == strlen(name)
                && memcmp(batch.functions[i].name.data, name, strlen(name)) == 0) {
                add(&sum, &batch.functions[i]);
            }
        }
    }
    tg_spool_cursor_release(&cursor);
    return sum;
}

static void assert_all_taken(const char *name) {
    struct sum sum = sum_of(name);
    struct tg_measures figures = fixture_figures(name);
    assert_int_equal(sum.call_count, figures.call_count);
    assert_int_equal(sum.error_count, figures.error_count);
    assert_int_equal(sum.total_ns, figures.total_ns);
    assert_int_equal(sum.self_ns, figures.self_ns);
    assert_int_equal(sum.in_histogram, figures.call_count);
    assert_true(sum.minimum_ns == figures.minimum_ns);
    assert_true(sum.maximum_ns == figures.maximum_ns);
}

static void batches_are_differences(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    open_collection();
    fixture_call(f, 10);
    fixture_call(f, 30);
    close_interval(TG_BATCH_GOES_ON);
    assert_int_equal(sum_of("m::f").last.call_count, 2);
    assert_int_equal(sum_of("m::f").last.total_ns, 40);
    fixture_call(f, 500);
    fixture_call(g, 7);
    close_interval(TG_BATCH_GOES_ON);
    struct sum sum = sum_of("m::f");
    assert_int_equal(sum.last.call_count, 1);
    assert_int_equal(sum.last.total_ns, 500);
    assert_int_equal(sum.last.minimum_ns, 500);
    assert_int_equal(sum.last.maximum_ns, 500);
    close_interval(TG_BATCH_GOES_ON); /* nothing happened: there is no batch */
    assert_int_equal(sum_of("m::f").batch_count, 2);
    close_interval(TG_BATCH_ENDED); /* the end is told, once */
    close_interval(TG_BATCH_ENDED);
    assert_int_equal(sum_of("m::f").batch_count, 3);
    assert_int_equal(sum_of("m::f").end, TG_BATCH_ENDED);
    assert_all_taken("m::f");
    assert_all_taken("m::g");
}

static void a_process_without_calls_tells_nothing(void **state) {
    (void)state;
    fixture_function("m::f");
    open_collection();
    close_interval(TG_BATCH_GOES_ON);
    close_interval(TG_BATCH_ENDED);
    assert_int_equal(sum_of("m::f").batch_count, 0);
}

/* Extremes are exact, of the interval, and of the calls counted in it. */
static void extremes_are_of_the_interval(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    open_collection();
    fixture_call(f, 1);
    fixture_call(f, 1000000);
    close_interval(TG_BATCH_GOES_ON);
    for (uint64_t i = 0; i < 20; i++) {
        fixture_call(f, 101 + i);
        fixture_call(f, 5003 + i);
        fixture_call(f, 90001 + i);
        close_interval(TG_BATCH_GOES_ON);
        struct sum sum = sum_of("m::f");
        assert_int_equal(sum.last.minimum_ns, 101 + i);
        assert_int_equal(sum.last.maximum_ns, 90001 + i);
    }
    assert_all_taken("m::f");
}

/* A call that ends after the epoch was advanced and before its block was read counts in this interval: it must not be
 * the extreme of the next. */
static void a_call_between_epoch_and_look_is_no_extreme_twice(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    open_collection();
    fixture_call(f, 100);
    close_interval(TG_BATCH_GOES_ON);
    fixture_call(f, 200);
    atomic_fetch_add(&tg_tracer_hold()->header->epoch, 1);
    tg_tracer_let_go();
    fixture_call(f, 9000); /* in the new epoch */
    struct tg_view view = hold_view();
    assert_int_equal(
        tg_collection_close_interval(&collection, &view, now_monotonic_ns += 1000, TG_BATCH_GOES_ON, 0, NULL), TG_OK);
    tg_tracer_let_go();
    assert_int_equal(sum_of("m::f").last.maximum_ns, 9000);
    fixture_call(f, 300);
    close_interval(TG_BATCH_GOES_ON);
    struct sum sum = sum_of("m::f");
    assert_int_equal(sum.last.call_count, 1);
    assert_in_range(sum.last.maximum_ns, 300 - 19, 300 + 19); /* to 6.25 % */
    assert_all_taken("m::f");
}

static void *call_in_thread(void *function) {
    fixture_call((uint32_t)(uintptr_t)function, 40);
    fixture_call((uint32_t)(uintptr_t)function, 60);
    return NULL;
}

/* Random calls, threads that end, restarts of the collector, spools made small: the sums stay right. */
static void everything_adds_up(void **state) {
    (void)state;
    static const char *const names[] = {"m::a", "m::b", "m::c", "m::d", "m::e"};
    uint32_t functions[5];
    unsigned seed = 12345;
    for (int i = 0; i < 5; i++) {
        functions[i] = fixture_function(names[i]);
    }
    open_collection();
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 20; i++) {
            fixture_call(functions[(unsigned)rand_r(&seed) % 4], (uint64_t)rand_r(&seed) % 100000);
        }
        if (round % 7 == 0) {
            pthread_t thread;
            assert_int_equal(pthread_create(&thread, NULL, call_in_thread, (void *)(uintptr_t)functions[4]), 0);
            assert_int_equal(pthread_join(thread, NULL), 0);
        }
        if (round % 3 == 0) {
            close_interval(TG_BATCH_GOES_ON);
        }
        if (round % 10 == 0) {
            tg_collection_close(&collection);
            open_collection();
        }
    }
    close_interval(TG_BATCH_GOES_ON);
    for (int i = 0; i < 5; i++) {
        struct sum sum = sum_of(names[i]);
        struct tg_measures figures = fixture_figures(names[i]);
        assert_int_equal(sum.call_count, figures.call_count);
        assert_int_equal(sum.total_ns, figures.total_ns);
        assert_int_equal(sum.in_histogram, figures.call_count);
        assert_true(sum.call_count > 50);
    }
}

static void a_sum_continues_where_batches_ended(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    open_collection();
    for (uint64_t i = 1; i <= 30; i++) {
        fixture_call(f, 100 * i);
        close_interval(TG_BATCH_GOES_ON);
    }
    struct tg_spool *spool = &collection.spool;
    assert_int_equal(tg_spool_mark_stored(spool, spool->last_seq, spool->end_bytes, NULL), TG_OK);
    struct tg_view view = hold_view();
    struct tg_draft draft;
    assert_int_equal(tg_interval_sum(&collection.interval, &view, &draft, NULL), TG_OK);
    assert_int_equal(tg_spool_compact(spool, &draft.batch, NULL), TG_OK);
    tg_draft_release(&draft);
    tg_tracer_let_go();
    assert_all_taken("m::f");
    tg_collection_close(&collection);
    open_collection();
    fixture_call(f, 55);
    close_interval(TG_BATCH_GOES_ON);
    struct sum sum = sum_of("m::f");
    assert_int_equal(sum.batch_count, 2);
    assert_int_equal(sum.last.call_count, 1);
    assert_int_equal(sum.last.total_ns, 55);
    assert_all_taken("m::f");
}

/* Without room the interval goes on. */
static void no_room_makes_a_longer_interval(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    open_collection();
    fixture_call(f, 10);
    close_interval(TG_BATCH_GOES_ON);
    collection.spool.bytes_max = collection.spool.end_bytes;
    fixture_call(f, 20);
    struct tg_view view = hold_view();
    assert_int_equal(tg_collection_close_interval(&collection, &view, now_monotonic_ns + 1, TG_BATCH_GOES_ON, 0, NULL),
                     TG_ERROR_FULL);
    tg_tracer_let_go();
    fixture_call(f, 30);
    collection.spool.bytes_max = TG_SPOOL_BYTES_MAX;
    close_interval(TG_BATCH_GOES_ON);
    assert_int_equal(sum_of("m::f").last.call_count, 2);
    assert_int_equal(sum_of("m::f").last.total_ns, 50);
    assert_all_taken("m::f");
}

/* What a killed process had not yet given out is what the next collector finds, and it ends when its last call did. */
static void a_dead_process_is_taken_to_the_last_call(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    pid_t child = fork_for_test();
    if (child == 0) {
        fixture_at(2000);
        fixture_call(f, 100);
        struct tg_view view = hold_view();
        const struct tg_header *header = (const struct tg_header *)(const void *)view.base;
        bool good = tg_collection_open(&collection, &view, "/nowhere", spool_directory, NULL) == TG_OK
                    && tg_collection_close_interval(&collection, &view, header->started_monotonic_ns + 1500,
                                                    TG_BATCH_GOES_ON, 0, NULL)
                           == TG_OK;
        tg_tracer_let_go();
        fixture_call(f, 3000);
        fixture_call(f, 4000); /* ends at 2000 + 100 + 3000 + 4000 */
        kill(getpid(), good ? SIGKILL : SIGTERM);
    }
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    char path[512];
    struct tg_reader reader;
    fixture_find_recording(path, sizeof path, tg_tracer_hold()->path);
    tg_tracer_let_go();
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_false(reader.alive);
    for (int again = 0; again < 2; again++) { /* the second time there is nothing new */
        assert_int_equal(tg_collection_open(&collection, &reader.view, path, spool_directory, NULL), TG_OK);
        assert_int_equal(tg_collection_close_interval(&collection, &reader.view, 0, TG_BATCH_FOUND, 0, NULL), TG_OK);
        struct sum sum = sum_of("m::f");
        assert_int_equal(sum.batch_count, 2);
        assert_int_equal(sum.call_count, 3);
        assert_int_equal(sum.last.call_count, 2);
        assert_int_equal(sum.last.total_ns, 7000);
        assert_int_equal(sum.end, TG_BATCH_FOUND);
        assert_int_equal(collection.interval.ended_wall_ns - reader.header->started_wall_ns,
                         9100 - (int64_t)reader.header->started_ticks);
        tg_collection_close(&collection);
    }
    tg_reader_close(&reader);
}

/* Of a process that told its end, the last interval goes up to that; one without calls is told of where wanted. */
static void an_end_that_was_told_counts(void **state) {
    (void)state;
    struct tg_view view = hold_view();
    struct tg_header *header = (struct tg_header *)(void *)view.base;
    atomic_store(&header->ended_monotonic_ns, header->started_monotonic_ns + 5000);
    tg_tracer_let_go();
    for (int wanted = 0; wanted < 2; wanted++) {
        open_collection();
        collection.tells_silence = wanted;
        view = hold_view();
        assert_int_equal(tg_collection_close_interval(&collection, &view, 0, TG_BATCH_ENDED, 0, NULL), TG_OK);
        tg_tracer_let_go();
        assert_int_equal(collection.spool.last_seq, wanted);
        tg_collection_close(&collection);
    }
    open_collection();
    assert_int_equal(sum_of("m::f").end, TG_BATCH_ENDED);
    assert_int_equal(collection.interval.ended_wall_ns - header->started_wall_ns, 5000);
}

static void tell(enum tg_event_kind kind, const char *text) {
    tg_tracer_event(kind, text, strlen(text));
}

/* The texts of all events in the spool, one after the other. */
static void assert_told(const char *expected) {
    struct tg_strbuf told = TG_STRBUF_INIT;
    struct tg_spool_cursor cursor;
    bool found = true;
    tg_spool_cursor_init(&cursor, &collection.spool, false);
    while (found) {
        struct tg_batch batch;
        assert_int_equal(tg_spool_next(&collection.spool, &cursor, &batch, &found, NULL), TG_OK);
        for (size_t i = 0; found && i < batch.events.count; i++) {
            const struct tg_batch_event *event = &batch.events.items[i];
            tg_strbuf_append(&told, event->kind == TG_EVENT_RELOAD ? "+" : "-");
            tg_strbuf_append_bytes(&told, event->text.data, event->text.length);
            tg_strbuf_append_char(&told, '\n');
        }
    }
    tg_spool_cursor_release(&cursor);
    assert_string_equal(tg_strbuf_text(&told), expected);
    tg_strbuf_release(&told);
}

/* Each is in one batch, also when that is all that happened, and when another collector goes on. */
static void events_are_told_once(void **state) {
    (void)state;
    open_collection();
    tell(TG_EVENT_RELOAD, "a");
    close_interval(TG_BATCH_GOES_ON);
    close_interval(TG_BATCH_GOES_ON);
    assert_int_equal(collection.spool.last_seq, 1);
    tell(TG_EVENT_REFUSED_RELOAD, "b");
    tell(TG_EVENT_RELOAD, "c");
    tell((enum tg_event_kind)99, "of a newer tachograph");
    close_interval(TG_BATCH_GOES_ON);
    tg_collection_close(&collection);
    open_collection();
    tell(TG_EVENT_RELOAD, "d");
    close_interval(TG_BATCH_GOES_ON);
    assert_told("+a\n-b\n+c\n+d\n");
    struct tg_spool *spool = &collection.spool;
    struct tg_draft draft;
    assert_int_equal(tg_spool_mark_stored(spool, spool->last_seq, spool->end_bytes, NULL), TG_OK);
    struct tg_view view = hold_view();
    assert_int_equal(tg_collection_sum(&collection, &view, &draft, NULL), TG_OK);
    tg_tracer_let_go();
    assert_int_equal(tg_collection_compact(&collection, &draft, NULL), TG_OK);
    tg_collection_close(&collection);
    open_collection();
    tell(TG_EVENT_RELOAD, "e");
    close_interval(TG_BATCH_GOES_ON);
    assert_told("+e\n"); /* those before are stored */
}

static void events_that_are_lost_are_counted(void **state) {
    (void)state;
    open_collection();
    tell(TG_EVENT_RELOAD, "a");
    close_interval(TG_BATCH_GOES_ON);
    for (int i = 0; i < TG_EVENTS + 3; i++) {
        tell(TG_EVENT_RELOAD, "");
    }
    close_interval(TG_BATCH_GOES_ON);
    struct tg_strbuf expected = TG_STRBUF_INIT;
    tg_strbuf_append(&expected, "+a\n+earlier events that are not kept: 3\n");
    for (int i = 0; i < TG_EVENTS; i++) {
        tg_strbuf_append(&expected, "+\n");
    }
    assert_told(tg_strbuf_text(&expected));
    tg_strbuf_release(&expected);
}

int main(void) {
#define WITH_TRACER(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRACER(batches_are_differences),
        WITH_TRACER(a_process_without_calls_tells_nothing),
        WITH_TRACER(extremes_are_of_the_interval),
        WITH_TRACER(a_call_between_epoch_and_look_is_no_extreme_twice),
        WITH_TRACER(everything_adds_up),
        WITH_TRACER(a_sum_continues_where_batches_ended),
        WITH_TRACER(no_room_makes_a_longer_interval),
        WITH_TRACER(a_dead_process_is_taken_to_the_last_call),
        WITH_TRACER(an_end_that_was_told_counts),
        WITH_TRACER(events_are_told_once),
        WITH_TRACER(events_that_are_lost_are_counted),
    };
    return cmocka_run_group_tests_name("collection", tests, NULL, NULL);
}
