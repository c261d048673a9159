/* What stays of the samples of exceptions, in a history that goes on. */
#include "store/store.h"

#include "store_exceptions_fixture.h"

enum {
    INTERVALS_OF_HOUR = 360, /* of ten seconds */
    FIRST = 5,               /* that stay of an hour, */
    LAST = 5,
};

/* Second 0 is at 22:13:20: the intervals that end from here on begin a new hour. */
#define HOUR_BEGIN_S INT64_C(2800)

/* The messages that are kept of a kind, the newest first. */
static void expect_messages(struct tg_store *store, const struct tg_store_selection *selection, size_t kind,
                            const char *expected) {
    struct tg_strbuf found = TG_STRBUF_INIT;
    struct tg_store_exceptions exceptions = exceptions_of(store, selection);
    assert_true(kind < exceptions.count);
    struct tg_store_exception_samples samples =
        exception_samples_of(store, selection, exceptions.items[kind].id, 0, SIZE_MAX);
    assert_int_equal(samples.kept_count, samples.count);
    for (size_t i = 0; i < samples.count; i++) {
        tg_strbuf_printf(&found, "%s%s", i ? " " : "", samples.items[i].message);
    }
    assert_string_equal(tg_strbuf_text(&found), expected);
    tg_strbuf_release(&found);
    tg_store_exception_samples_release(&samples);
    tg_store_exceptions_release(&exceptions);
}

/* A kind that fails three times in an interval; the samples say which interval and which of it. */
static void store_failures(struct tg_store *store, uint8_t number, uint64_t seq, int64_t end_s, const char *name) {
    enum { SAMPLES = 3 };
    char messages[SAMPLES][40];
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, SAMPLES);
    struct tg_batch_failure_sample samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        snprintf(messages[i], sizeof messages[i], "%s%d", name, i + 1);
        samples[i] = exception_sample(0, messages[i], "[]");
    }
    history_commit(store, exception_batch(number, seq, end_s, &group, 1, samples, SAMPLES));
}

static void the_first_and_the_last_of_an_hour(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    store_failures(store, 1, 1, HOUR_BEGIN_S - 10, "z"); /* of the hour before */
    store_failures(store, 1, 2, HOUR_BEGIN_S, "a");
    store_failures(store, 1, 3, HOUR_BEGIN_S + 10, "b");
    store_failures(store, 1, 4, HOUR_BEGIN_S + 20, "c");
    struct tg_store_selection everything = history_everything(store);
    expect_messages(store, &everything, 0, "c3 c2 c1 b3 b2 b1 a3 a2 a1 z3 z2 z1");
    store_failures(store, 1, 5, HOUR_BEGIN_S + 3000, "d"); /* twelve are too many */
    expect_messages(store, &everything, 0, "d3 d2 d1 c3 c2 b2 b1 a3 a2 a1 z3 z2 z1");
    store_failures(store, 2, 1, HOUR_BEGIN_S + 3590, "e"); /* of whatever process */
    expect_messages(store, &everything, 0, "e3 e2 e1 d3 d2 b2 b1 a3 a2 a1 z3 z2 z1");
    store_failures(store, 1, 6, HOUR_BEGIN_S + 3600, "f"); /* the hour after */
    expect_messages(store, &everything, 0, "f3 f2 f1 e3 e2 e1 d3 d2 b2 b1 a3 a2 a1 z3 z2 z1");
    history_verify(store);
    tg_store_close(store);
}

/* What comes late has its place in time, and what makes room for it is of the middle. */
static void of_late_batches(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint64_t seq = 1; seq <= 4; seq++) {
        static const char *const names[] = {"c", "d", "e", "f"};
        store_failures(store, 1, seq, HOUR_BEGIN_S + 100 * (int64_t)seq, names[seq - 1]);
    }
    struct tg_store_selection everything = history_everything(store);
    expect_messages(store, &everything, 0, "f3 f2 f1 e3 e2 d2 d1 c3 c2 c1");
    store_failures(store, 2, 1, HOUR_BEGIN_S + 10, "a");
    expect_messages(store, &everything, 0, "f3 f2 f1 e3 e2 c2 c1 a3 a2 a1");
    store_failures(store, 2, 2, HOUR_BEGIN_S + 250, "b"); /* of the middle itself */
    expect_messages(store, &everything, 0, "f3 f2 f1 e3 e2 c2 c1 a3 a2 a1");
    history_verify(store);
    tg_store_close(store);
}

/* Each kind has its own ten, and so has each service. */
static void each_kind_for_itself(void **state) {
    (void)state;
    enum { KINDS = 2, SAMPLES = 24 };
    struct tg_store *store = history_open();
    struct tg_batch_failure groups[KINDS] = {
        exception_of("m::f", "ValueError", 7, SAMPLES),
        exception_of("m::f", "KeyError", 8, 1),
    };
    struct tg_batch_failure_sample samples[SAMPLES];
    char messages[SAMPLES][16];
    for (uint32_t i = 0; i < SAMPLES; i++) {
        snprintf(messages[i], sizeof messages[i], "%u", i);
        samples[i] = exception_sample(i % 12 ? 0 : 1, messages[i], "[]"); /* numbers 0 and 12 are of the other */
    }
    struct tg_batch batch = exception_batch(1, 1, 10, groups, KINDS, samples, SAMPLES);
    struct tg_batch elsewhere = exception_batch(2, 1, 10, groups, KINDS, samples, SAMPLES);
    elsewhere.process.service = history_bytes("other");
    history_commit(store, batch);
    history_commit(store, elsewhere);
    assert_int_equal(history_commit_all(store, &batch, 1).known_count, 1);
    struct tg_store_selection everything = history_everything(store);
    for (int i = 0; i < 2; i++) {
        expect_messages(store, &everything, 0, "23 22 21 20 19 5 4 3 2 1");
        expect_messages(store, &everything, 1, "12 0");
        everything.service_id = history_service(store, "other").id;
    }
    history_verify(store);
    tg_store_close(store);
}

/* Of a service whose intervals last two hours, each has its own. */
static void of_an_interval_longer_than_an_hour(void **state) {
    (void)state;
    enum { SAMPLES = 11, BATCHES = 3 };
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, SAMPLES);
    struct tg_batch_failure_sample samples[SAMPLES];
    for (uint32_t i = 0; i < SAMPLES; i++) {
        samples[i] = exception_sample(0, i == FIRST ? "middle" : "x", "[]");
    }
    for (uint64_t seq = 1; seq <= BATCHES; seq++) {
        struct tg_batch batch = exception_batch(1, seq, (int64_t)seq * 7200, &group, 1, samples, SAMPLES);
        batch.interval_ns = 7200 * HISTORY_S;
        history_commit(store, batch);
    }
    struct tg_store_selection everything = history_everything(store);
    expect_messages(store, &everything, 0,
                    "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x"); /* ten times three */
    history_verify(store);
    tg_store_close(store);
}

/* The intervals of ten hours, in each of which it fails: counts are of all of them, samples are as many as of ten. */
static void of_thousands_of_intervals(void **state) {
    (void)state;
    enum { HOURS = 10, SAMPLES = 2, AT_ONCE = 90 };
    static struct tg_batch batches[AT_ONCE];
    static struct tg_batch_failure_sample samples[AT_ONCE][SAMPLES];
    static char messages[AT_ONCE][24];
    struct tg_store *store = history_open();
    struct tg_batch_failure group = exception_of("m::f", "ValueError", 7, 1000);
    for (uint64_t done = 0; done < (uint64_t)HOURS * INTERVALS_OF_HOUR; done += AT_ONCE) {
        for (uint64_t i = 0; i < AT_ONCE; i++) {
            snprintf(messages[i], sizeof messages[i], "%" PRIu64, (done + i) % INTERVALS_OF_HOUR);
            samples[i][0] = exception_sample(0, messages[i], "[]");
            samples[i][1] = samples[i][0];
            batches[i] = exception_batch(1, done + i + 1, HOUR_BEGIN_S + (int64_t)(done + i) * 10, &group, 1,
                                         samples[i], SAMPLES);
        }
        assert_int_equal(history_commit_all(store, batches, AT_ONCE).stored_count, AT_ONCE);
    }
    struct tg_store_selection everything = history_everything(store);
    struct tg_store_exceptions exceptions = exceptions_of(store, &everything);
    assert_int_equal(exceptions.items[0].count, UINT64_C(1000) * HOURS * INTERVALS_OF_HOUR);
    int64_t id = exceptions.items[0].id;
    tg_store_exceptions_release(&exceptions);
    struct tg_store_exception_points points = exception_points_of(store, &everything, id);
    assert_int_equal(points.count, HOURS * INTERVALS_OF_HOUR);
    tg_store_exception_points_release(&points);
    struct tg_store_exception_samples kept = exception_samples_of(store, &everything, id, 0, SIZE_MAX);
    assert_int_equal(kept.count, HOURS * (FIRST + LAST));
    tg_store_exception_samples_release(&kept);
    for (int64_t hour = 0; hour < HOURS; hour++) {
        everything.first_iteration = hour * INTERVALS_OF_HOUR;
        everything.last_iteration = everything.first_iteration + INTERVALS_OF_HOUR - 1;
        expect_messages(store, &everything, 0, "359 359 358 358 357 2 1 1 0 0");
    }
    history_verify(store);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_and_the_last_of_an_hour, history_set_up),
        cmocka_unit_test_setup(of_late_batches, history_set_up),
        cmocka_unit_test_setup(each_kind_for_itself, history_set_up),
        cmocka_unit_test_setup(of_an_interval_longer_than_an_hour, history_set_up),
        cmocka_unit_test_setup(of_thousands_of_intervals, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
