/* Orders to a sampler through its process's recording. */
#include "record/control.h"

#include "recording_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define PATIENCE_NS INT64_C(20000000000)

static struct tg_header *own_header(void) {
    struct tg_header *header = tg_tracer_hold()->header;
    tg_tracer_let_go();
    return header;
}

static char path[640];

static int set_up(void **state) {
    if (fixture_set_up(state) != 0) {
        return -1;
    }
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    snprintf(path, sizeof path, "%s", tg_tracer_hold()->path);
    tg_tracer_let_go();
    return 0;
}

/* A sampler that does nothing but obey. */
struct obeying {
    struct tg_header *header;
    struct tg_sampler_status status;
    atomic_bool stop;
    size_t order_count;
};

static void *obey(void *context) {
    struct obeying *obeying = context;
    struct tg_control_order order;
    while (!atomic_load(&obeying->stop)) {
        if (tg_control_next(obeying->header, &order)) {
            obeying->order_count++;
            obeying->status.tick_count++;
            if (order.kind == TG_CONTROL_RATE) {
                obeying->status.rate_hz = order.rate_hz;
            } else {
                obeying->status.state = order.kind == TG_CONTROL_PAUSE ? TG_SAMPLER_PAUSED : TG_SAMPLER_RUNNING;
            }
            tg_control_answer(obeying->header, &order, &obeying->status);
        }
        sched_yield();
    }
    return NULL;
}

static enum tg_status give(enum tg_control_kind kind, uint32_t rate_hz, struct tg_sampler_status *status,
                           struct tg_error *err) {
    return tg_control_give(path, &(struct tg_control_order){.kind = kind, .rate_hz = rate_hz}, PATIENCE_NS, status,
                           err);
}

static void orders_are_carried_out(void **state) {
    (void)state;
    struct obeying obeying = {.header = own_header(), .status = {.state = TG_SAMPLER_RUNNING, .rate_hz = 100}};
    struct tg_sampler_status now;
    pthread_t thread;
    tg_control_show(obeying.header, &obeying.status);
    assert_int_equal(pthread_create(&thread, NULL, obey, &obeying), 0);
    assert_int_equal(give(TG_CONTROL_PAUSE, 0, &now, NULL), TG_OK);
    assert_int_equal(now.state, TG_SAMPLER_PAUSED);
    assert_int_equal(now.rate_hz, 100);
    assert_int_equal(give(TG_CONTROL_PAUSE, 0, &now, NULL), TG_OK); /* the same again is an order of its own */
    assert_int_equal(now.tick_count, 2);
    assert_int_equal(give(TG_CONTROL_RATE, TG_SAMPLER_RATE_MAX_HZ, &now, NULL), TG_OK);
    assert_int_equal(now.rate_hz, TG_SAMPLER_RATE_MAX_HZ);
    assert_int_equal(now.state, TG_SAMPLER_PAUSED);
    assert_int_equal(give(TG_CONTROL_UNPAUSE, 0, &now, NULL), TG_OK);
    assert_int_equal(now.state, TG_SAMPLER_RUNNING);
    atomic_store(&obeying.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(obeying.order_count, 4);
}

static void a_process_without_a_sampler(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sampler_status now;
    assert_int_equal(give(TG_CONTROL_PAUSE, 0, &now, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "sample_hz"));
    assert_int_equal(atomic_load(&own_header()->sampler_order), 0);
}

/* The order stands: it is obeyed when the process runs again. */
static void a_process_that_does_not_answer(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sampler_status now = {.state = TG_SAMPLER_RUNNING, .rate_hz = 10};
    struct tg_control_order order = {.kind = TG_CONTROL_PAUSE};
    tg_control_show(own_header(), &now);
    assert_false(tg_control_next(own_header(), &order));
    assert_int_equal(tg_control_give(path, &order, 1000000, &now, &err), TG_ERROR_BUSY);
    assert_int_equal(now.state, TG_SAMPLER_RUNNING);
    order.kind = TG_CONTROL_RATE;
    order.rate_hz = 7;
    assert_int_equal(tg_control_give(path, &order, 1000000, &now, &err), TG_ERROR_BUSY);
    struct tg_control_order found;
    assert_true(tg_control_next(own_header(), &found)); /* the last one */
    assert_int_equal(found.kind, TG_CONTROL_RATE);
    assert_int_equal(found.rate_hz, 7);
    tg_control_answer(own_header(), &found, &now);
    assert_false(tg_control_next(own_header(), &found));
}

/* What anybody may have written there. */
static void nonsense_is_dropped(void **state) {
    (void)state;
    static const uint64_t nonsense[] = {
        UINT64_MAX,
        1,                                           /* no kind */
        UINT64_C(1) << 32 | 4U << 28,                /* no such kind */
        UINT64_C(2) << 32 | 3U << 28,                /* no rate */
        UINT64_C(3) << 32 | 3U << 28 | (10000U + 1), /* too high a rate */
    };
    struct tg_header *header = own_header();
    struct tg_control_order order;
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        atomic_store(&header->sampler_order, nonsense[i]);
        assert_false(tg_control_next(header, &order));
        assert_int_equal(atomic_load(&header->sampler_answer), nonsense[i]);
    }
    atomic_store(&header->sampler_state, 99);
    assert_int_equal(tg_control_status(header).state, TG_SAMPLER_NONE);
}

/* What hinders is told with a remedy; what this version does not know is nothing. */
static void hindrances(void **state) {
    (void)state;
    struct tg_sampler_status shown = {.state = TG_SAMPLER_RUNNING, .rate_hz = 10, .hindrance = TG_HINDRANCE_BLOCKED};
    tg_control_show(own_header(), &shown);
    assert_int_equal(tg_control_status(own_header()).hindrance, TG_HINDRANCE_BLOCKED);
    atomic_store(&own_header()->sampler_hindrance, 99);
    assert_int_equal(tg_control_status(own_header()).hindrance, TG_HINDRANCE_NONE);
    for (int i = TG_HINDRANCE_NONE; i < TG_HINDRANCE_COUNT; i++) {
        struct tg_hindrance_words words = tg_hindrance_words((enum tg_sampler_hindrance)i);
        assert_int_equal(words.what[0] != '\0', i != TG_HINDRANCE_NONE);
        assert_int_equal(words.remedy[0] != '\0', i != TG_HINDRANCE_NONE);
    }
}

static void modes(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_sampler_mode mode = TG_SAMPLER_MODE_COUNT;
    for (int i = TG_SAMPLER_WALL; i < TG_SAMPLER_MODE_COUNT; i++) {
        assert_int_equal(tg_sampler_mode_parse(tg_sampler_mode_name((enum tg_sampler_mode)i), &mode, &err), TG_OK);
        assert_int_equal(mode, i);
    }
    assert_int_equal(tg_sampler_mode_parse("walls", &mode, &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "wall, cpu or gil"));
}

static void a_process_that_has_ended(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sampler_status now = {.state = TG_SAMPLER_RUNNING, .rate_hz = 10};
    tg_control_show(own_header(), &now);
    char copy[680];
    char command[1400];
    snprintf(copy, sizeof copy, "%s.copy", path);
    snprintf(command, sizeof command, "cp '%s' '%s'", path, copy); /* nobody holds it */
    assert_int_equal(system(command), 0);
    struct tg_control_order order = {.kind = TG_CONTROL_PAUSE};
    assert_int_equal(tg_control_give(copy, &order, PATIENCE_NS, &now, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "has ended"));
    assert_int_equal(tg_control_give("/nonexistent.tgr", &order, PATIENCE_NS, &now, &err), TG_ERROR_NOT_FOUND);
}

/* Each giver waits for its own order, or for one that came after it. */
static void several_at_once(void **state) {
    (void)state;
    struct obeying obeying = {.header = own_header(), .status = {.state = TG_SAMPLER_RUNNING, .rate_hz = 100}};
    pthread_t thread;
    tg_control_show(obeying.header, &obeying.status);
    pid_t children[4];
    for (uint32_t i = 0; i < 4; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct tg_sampler_status now;
            bool good = true;
            for (uint32_t k = 1; k <= 50 && good; k++) {
                good = give(TG_CONTROL_RATE, i * 50 + k, &now, NULL) == TG_OK;
            }
            _exit(good ? 0 : 1);
        }
    }
    assert_int_equal(pthread_create(&thread, NULL, obey, &obeying), 0);
    for (size_t i = 0; i < 4; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    atomic_store(&obeying.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&obeying.header->sampler_order) >> 32, 200);
}

#define WITH_RECORDING(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, fixture_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RECORDING(orders_are_carried_out),
        WITH_RECORDING(a_process_without_a_sampler),
        WITH_RECORDING(a_process_that_does_not_answer),
        WITH_RECORDING(nonsense_is_dropped),
        WITH_RECORDING(a_process_that_has_ended),
        WITH_RECORDING(several_at_once),
        WITH_RECORDING(hindrances),
        cmocka_unit_test(modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
