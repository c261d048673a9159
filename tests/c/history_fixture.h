/*
 * What the tests of a whole history share: an empty one on each engine, batches of known figures, and bringing them as
 * the collector does.
 */
#ifndef TG_HISTORY_FIXTURE_H
#define TG_HISTORY_FIXTURE_H

#include "store/store.h"

#include "store_fixture.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define ON(SET_UP, TEST)                                                                                               \
    { #TEST " (" #SET_UP ")", TEST, SET_UP, NULL, NULL }
#define ON_BOTH(TEST) ON(set_up_sqlite, TEST), ON(set_up_mysql, TEST)

#define SECOND      1000000000LL
#define INTERVAL_NS (10 * SECOND)
#define EPOCH_NS    (1700000000 * SECOND) /* a whole number of intervals */

enum { FUNCTION_COUNT = 3, URL_SIZE = 512 };

static int database_count;

/* A history of each test's own. */
static inline int set_up_sqlite(void **state) {
    static char url[URL_SIZE];
    snprintf(url, sizeof url, "sqlite:///%s/history%d.db", fixture_directory, ++database_count);
    *state = url;
    return 0;
}

static inline int set_up_mysql(void **state) {
    static char text[URL_SIZE];
    struct tg_store_url url = fixture_mysql_parts();
    snprintf(text, sizeof text, "mysql://%s:%s@%s:%u/history%d", url.user, url.password, url.host, (unsigned)url.port,
             ++database_count);
    tg_store_url_release(&url);
    *state = text;
    return 0;
}

static const struct tg_store_options writing = {.timeout_ns = 2 * SECOND, .create = true};

static inline struct tg_store *open_store(const char *url) {
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_open(&store, url, &writing, &err) != TG_OK || !store) {
        fail_msg("%s: %s", url, err.message);
        abort(); /* fail_msg does not return, which analyzers do not know */
    }
    return store;
}

static inline struct tg_bytes bytes_of(const char *text) {
    return (struct tg_bytes){.data = text, .length = strlen(text)};
}

/* What process `process` (from 1) did in its interval `seq` (from 1). Function f was called process * seq + f times,
 * for a millisecond each. */
struct made {
    struct tg_batch batch;
    struct tg_batch_function functions[FUNCTION_COUNT];
    struct tg_strbuf histograms[FUNCTION_COUNT];
};

static const char *const names[FUNCTION_COUNT] = {"shop.cart::add", "shop.cart::Cart.total", "shop::main"};

static inline uint64_t calls_of(uint64_t process, uint64_t seq, uint64_t function) {
    return process * seq + function;
}

static inline void make(struct made *made, uint64_t process, uint64_t seq) {
    *made = (struct made){
        .batch =
            {
                .process =
                    {
                        .uuid = {(uint8_t)process, 1},
                        .run_uuid = {7},
                        .pid = 1000 + process,
                        .parent_pid = 1,
                        .python_version = 0x030b07f0,
                        .started_wall_ns = EPOCH_NS,
                        .service = bytes_of("shop"),
                        .service_version = bytes_of("1.0"),
                        .host = bytes_of("host"),
                        .program = bytes_of("shop.py"),
                    },
                .seq = seq,
                .began_wall_ns = EPOCH_NS + (int64_t)(seq - 1) * INTERVAL_NS,
                .ended_wall_ns = EPOCH_NS + (int64_t)seq * INTERVAL_NS,
                .interval_ns = INTERVAL_NS,
                .functions = made->functions,
                .function_count = FUNCTION_COUNT,
            },
    };
    for (uint64_t i = 0; i < FUNCTION_COUNT; i++) {
        struct tg_histogram histogram = {.counts = {0}};
        uint64_t calls = calls_of(process, seq, i);
        assert_int_equal(tg_histogram_add(&histogram, 1000000, calls), TG_OK);
        tg_histogram_encode(&histogram, &made->histograms[i]);
        made->functions[i] = (struct tg_batch_function){
            .name = bytes_of(names[i]),
            .file = bytes_of("/srv/shop.py"),
            .code_hash = 0xC0DEC0DEC0DEC0DE + i,
            .line = (uint32_t)(10 + i),
            .call_count = calls,
            .error_count = i,
            .total_ns = calls * 1000000,
            .cumulative_ns = calls * 1000000,
            .self_ns = calls * 600000,
            .active_ns = calls * 900000,
            .minimum_ns = 500000,
            .maximum_ns = 2000000 + seq,
            .histogram = {tg_strbuf_text(&made->histograms[i]), made->histograms[i].length},
        };
    }
}

static inline void release(struct made *made) {
    for (size_t i = 0; i < FUNCTION_COUNT; i++) {
        tg_strbuf_release(&made->histograms[i]);
    }
}

static inline void pause_between_attempts(void) {
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

/* Brings it to the store as the collector does: again, until it is known to be there. */
static inline bool bring(const char *url, const struct tg_batch *batches, size_t count, atomic_int *failures) {
    struct tg_store *store = NULL;
    struct tg_store_commit result;
    enum tg_status status = TG_ERROR_BUSY;
    tg_ns deadline = tg_clock_monotonic_ns() + 100 * SECOND;
    while (status != TG_OK && tg_clock_monotonic_ns() < deadline) {
        struct tg_error err = TG_ERROR_INIT;
        status = store ? TG_OK : tg_store_open(&store, url, &writing, &err);
        if (status == TG_OK) {
            status = tg_store_commit(store, batches, count, &result, &err);
        }
        if (status != TG_OK && status != TG_ERROR_BUSY && status != TG_ERROR_IO) {
            fprintf(stderr, "%s\n", err.message);
            break;
        }
        if (status == TG_ERROR_IO) {
            tg_store_close(store);
            store = NULL;
        }
        if (status != TG_OK) {
            atomic_fetch_add(failures, 1);
            pause_between_attempts();
        }
    }
    tg_store_close(store);
    return status == TG_OK;
}

static inline bool bring_intervals(const char *url, uint64_t process, uint64_t count) {
    bool good = true;
    atomic_int failures = 0;
    for (uint64_t seq = 1; seq <= count && good; seq++) {
        struct made made;
        make(&made, process, seq);
        good = bring(url, &made.batch, 1, &failures);
        release(&made);
    }
    return good;
}

enum { WORKERS = 4, WORKER_INTERVALS = 10 };

static inline void expect_workers(const pid_t workers[WORKERS]) {
    for (size_t i = 0; i < WORKERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

/* All at once, from an empty database on: the first also makes the tables. */
static inline void run_workers(const char *url) {
    pid_t workers[WORKERS];
    for (uint64_t i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
            _exit(bring_intervals(url, i + 1, WORKER_INTERVALS) ? 0 : 1);
        }
    }
    expect_workers(workers);
}

#endif
