/*
 * What the tests of histories share: an empty history for each test, and batches in a few words.
 *
 * The history is in MariaDB where `tools/mariadb run` started the program, else in a file. Times are seconds; second 0
 * is HISTORY_BEGIN_NS, which is the beginning of a slot of ten seconds.
 */
#ifndef TG_STORE_HISTORY_H
#define TG_STORE_HISTORY_H

#include "measure/histogram.h"
#include "store/store.h"

#include "store_fixture.h"

#include <inttypes.h>

#define HISTORY_S        INT64_C(1000000000)
#define HISTORY_BEGIN_NS (INT64_C(1700000000) * HISTORY_S)
#define HISTORY_POOL     64

static char history_url[512];

/* cmocka setup: a place without a history. */
static inline int history_set_up(void **state) {
    static int count;
    (void)state;
    if (!getenv("TEST_MYSQL_URL")) {
        snprintf(history_url, sizeof history_url, "sqlite:///%s/history%d.db", fixture_directory, ++count);
        return 0;
    }
    /* A database of its own: a test that failed may have left locks on the one before. */
    snprintf(history_url, sizeof history_url, "%s_%d_%d", fixture_mysql_url(), (int)getpid(), ++count);
    return 0;
}

static inline struct tg_store *history_open(void) {
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    const struct tg_store_options options = {.create = true};
    if (tg_store_open(&store, history_url, &options, &err) != TG_OK || !store) {
        fail_msg("%s", err.message);
        abort();
    }
    return store;
}

static inline struct tg_bytes history_bytes(const char *text) {
    return (struct tg_bytes){.data = text, .length = strlen(text)};
}

/* Calls that all took the same time. The histogram lives until HISTORY_POOL more have been asked for. */
static inline struct tg_batch_function history_calls(const char *name, uint64_t count, uint64_t each_ns) {
    static uint8_t pool[HISTORY_POOL][64];
    static size_t next;
    struct tg_histogram histogram = {.counts = {0}};
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    uint8_t *place = pool[next++ % HISTORY_POOL];
    assert_int_equal(tg_histogram_add(&histogram, each_ns, count), TG_OK);
    tg_histogram_encode(&histogram, &bytes);
    size_t length = bytes.length;
    assert_true(length <= sizeof pool[0]);
    memcpy(place, tg_strbuf_text(&bytes), length);
    tg_strbuf_release(&bytes);
    return (struct tg_batch_function){
        .name = history_bytes(name),
        .file = history_bytes("/srv/shop.py"),
        .code_hash = 7,
        .line = 12,
        .call_count = count,
        .error_count = count / 2,
        .total_ns = count * each_ns,
        .cumulative_ns = count * each_ns + 1,
        .self_ns = count * each_ns / 2,
        .active_ns = count * each_ns / 4,
        .minimum_ns = each_ns,
        .maximum_ns = each_ns,
        .histogram = {.data = (const char *)place, .length = length},
    };
}

/* Batch `seq` of process `number`, whose interval of ten seconds ends at second `end_s`. */
static inline struct tg_batch history_batch(uint8_t number, uint64_t seq, int64_t end_s,
                                            const struct tg_batch_function *functions, size_t count) {
    return (struct tg_batch){
        .process = {.uuid = {number, 1},
                    .run_uuid = {number, 2},
                    .pid = 1000U + number,
                    .parent_pid = 1,
                    .python_version = 0x030b07f0,
                    .started_wall_ns = HISTORY_BEGIN_NS + number,
                    .service = history_bytes("shop"),
                    .service_version = history_bytes("1.0"),
                    .host = history_bytes("host"),
                    .program = history_bytes("shop.py")},
        .seq = seq,
        .began_wall_ns = HISTORY_BEGIN_NS + (end_s - 10) * HISTORY_S,
        .ended_wall_ns = HISTORY_BEGIN_NS + end_s * HISTORY_S,
        .interval_ns = 10 * HISTORY_S,
        .functions = functions,
        .function_count = count,
    };
}

static inline struct tg_store_commit history_commit_all(struct tg_store *store, const struct tg_batch *batches,
                                                        size_t count) {
    struct tg_store_commit result;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_commit(store, batches, count, &result, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return result;
}

static inline void history_commit(struct tg_store *store, struct tg_batch batch) {
    struct tg_store_commit result = history_commit_all(store, &batch, 1);
    assert_int_equal(result.stored_count, 1);
}

/* One function, called `count` times for `each_ns`. */
static inline void history_commit_calls(struct tg_store *store, uint8_t number, uint64_t seq, int64_t end_s,
                                        const char *name, uint64_t count, uint64_t each_ns) {
    struct tg_batch_function function = history_calls(name, count, each_ns);
    history_commit(store, history_batch(number, seq, end_s, &function, 1));
}

static inline struct tg_store_service history_service(struct tg_store *store, const char *name) {
    struct tg_store_services services;
    struct tg_store_service found = {.id = 0};
    assert_int_equal(tg_store_services(store, &services, NULL), TG_OK);
    for (size_t i = 0; i < services.count; i++) {
        if (strcmp(services.items[i].name, name) == 0) {
            found = services.items[i];
            found.name = NULL;
        }
    }
    tg_store_services_release(&services);
    assert_true(found.id != 0);
    return found;
}

static inline struct tg_store_selection history_everything(struct tg_store *store) {
    return (struct tg_store_selection){
        .service_id = history_service(store, "shop").id,
        .first_iteration = INT64_MIN,
        .last_iteration = INT64_MAX,
    };
}

/* The same by another way: all rows are read. */
static inline struct tg_store_selection history_all_rows(struct tg_store *store) {
    struct tg_store_selection selection = history_everything(store);
    selection.first_iteration = -1000000;
    return selection;
}

static inline struct tg_store_functions history_functions(struct tg_store *store,
                                                          const struct tg_store_selection *selection) {
    struct tg_store_functions functions;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_functions(store, selection, NULL, false, &functions, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return functions;
}

/* One function's figures over everything, without its texts. */
static inline struct tg_store_function history_function(struct tg_store *store, const char *name) {
    struct tg_store_selection selection = history_everything(store);
    struct tg_store_functions functions;
    struct tg_store_function function = {.id = 0};
    assert_int_equal(tg_store_functions(store, &selection, name, false, &functions, NULL), TG_OK);
    if (functions.count == 1) {
        function = functions.items[0];
        function.name = NULL;
        function.file = NULL;
    }
    tg_store_functions_release(&functions);
    return function;
}

static inline struct tg_store_series history_series(struct tg_store *store, const char *name, size_t limit) {
    struct tg_store_selection selection = history_everything(store);
    struct tg_store_series series;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_series(store, &selection, name, limit, &series, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return series;
}

/* Fails unless the history is whole. */
static inline void history_verify(struct tg_store *store) {
    struct tg_strbuf report = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_verify(store, &report, &err) != TG_OK) {
        fail_msg("%s\n%s", err.message, tg_strbuf_text(&report));
    }
    assert_int_equal(report.length, 0);
    tg_strbuf_release(&report);
}

#endif
