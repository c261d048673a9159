/*
 * Fills a history with batches such as a collector makes, and says what storing them took. A library, so that it is
 * measured in the process, and between the rounds, of what is held against it.
 *
 * One process, an interval of a second, the same functions in every batch, all of them called. Averages differ from
 * function to function by up to 2^14, vary by some percent from interval to interval, and drift in every hundredth.
 * Histograms are bells over some 25 buckets. Everything follows from the seed of the random numbers.
 */
#include "base/error.h"
#include "base/strbuf.h"
#include "measure/clock.h"
#include "measure/histogram.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S        INT64_C(1000000000)
#define INTERVAL_NS     NS_PER_S
#define BEGIN_NS        (INT64_C(1700000000) * INTERVAL_NS)
#define NAME_BYTES      64
#define HISTOGRAM_BYTES 160

/* Of 1,000 calls, how many fall into each bucket around the middle. */
static const uint64_t bell[] = {1,  2,  3,  5,  8,  12, 18, 27, 38, 50, 62, 73, 80, 84,
                                80, 73, 62, 50, 38, 27, 18, 12, 8,  5,  3,  2,  1};
#define BELL_BUCKETS (sizeof bell / sizeof bell[0])

struct tg_fill_source {
    char name[NAME_BYTES];
    uint8_t histogram[HISTOGRAM_BYTES];
    uint64_t average_ns;
    uint64_t drift_ns; /* for each 1,000 intervals */
};

struct tg_fill {
    struct tg_store *store;
    size_t function_count;
    struct tg_fill_source *sources;
    struct tg_batch_function *functions;
    uint64_t random;
    uint64_t seq;
    int64_t cpu_ns; /* of storing what was added last */
};

/* xorshift64 (Marsaglia, 2003); `least` to `most`, both included. */
static uint64_t draw(struct tg_fill *fill, uint64_t least, uint64_t most) {
    fill->random ^= fill->random << 13U;
    fill->random ^= fill->random >> 7U;
    fill->random ^= fill->random << 17U;
    return least + fill->random % (most - least + 1);
}

static struct tg_bytes bytes_of(const char *text) {
    return (struct tg_bytes){.data = text, .length = strlen(text)};
}

static void make_sources(struct tg_fill *fill) {
    for (size_t i = 0; i < fill->function_count; i++) {
        struct tg_fill_source *source = &fill->sources[i];
        snprintf(source->name, sizeof source->name, "shop.module_%02zu::Class_%02zu.method_%zu", i / 50, i / 10 % 5,
                 i % 10);
        source->average_ns = draw(fill, 256, 511) << draw(fill, 0, 13);
        source->drift_ns = i % 100 == 0 ? source->average_ns / 4 : 0;
        fill->functions[i] = (struct tg_batch_function){
            .name = bytes_of(source->name),
            .file = bytes_of("/srv/shop/module.py"),
            .code_hash = i + 1,
            .line = (uint32_t)(10 * i + 1),
        };
    }
}

/* A bell around the average, whose widest end is less than twice of it away; counts its calls. */
static uint64_t make_histogram(struct tg_fill *fill, struct tg_histogram *histogram, uint64_t average_ns) {
    size_t first = tg_histogram_index(average_ns) - BELL_BUCKETS / 2;
    uint64_t per_mille = draw(fill, 100, 4000);
    uint64_t calls = 0;
    *histogram = (struct tg_histogram){.counts = {0}};
    for (size_t i = 0; i < BELL_BUCKETS; i++) {
        uint64_t count = (bell[i] * per_mille + draw(fill, 0, 999)) / 1000;
        histogram->counts[first + i] = count;
        calls += count;
    }
    return calls;
}

static void make_figures(struct tg_fill *fill, struct tg_strbuf *serial, size_t number) {
    struct tg_fill_source *source = &fill->sources[number];
    struct tg_batch_function *function = &fill->functions[number];
    struct tg_histogram histogram;
    uint64_t average_ns = source->average_ns * draw(fill, 970, 1030) / 1000 + source->drift_ns * fill->seq / 1000;
    uint64_t calls = make_histogram(fill, &histogram, average_ns);
    function->call_count = calls;
    function->total_ns = calls * average_ns + draw(fill, 0, average_ns);
    function->cumulative_ns = function->total_ns;
    function->self_ns = function->total_ns / 3;
    function->active_ns = function->total_ns;
    function->minimum_ns = average_ns / 3;
    function->maximum_ns = average_ns * 3;
    tg_strbuf_truncate(serial, 0);
    tg_histogram_encode(&histogram, serial);
    function->histogram.length = serial->length < HISTOGRAM_BYTES ? serial->length : 0;
    function->histogram.data = (const char *)source->histogram;
    memcpy(source->histogram, tg_strbuf_text(serial), function->histogram.length);
}

static struct tg_batch make_batch(struct tg_fill *fill) {
    struct tg_strbuf serial = TG_STRBUF_INIT;
    fill->seq++;
    for (size_t i = 0; i < fill->function_count; i++) {
        make_figures(fill, &serial, i);
    }
    tg_strbuf_release(&serial);
    int64_t ended_ns = BEGIN_NS + (int64_t)fill->seq * INTERVAL_NS + INTERVAL_NS / 2;
    return (struct tg_batch){
        .process = {.uuid = {1},
                    .pid = 1000,
                    .parent_pid = 1,
                    .python_version = 0x030b07f0,
                    .started_wall_ns = BEGIN_NS,
                    .service = bytes_of("shop"),
                    .service_version = bytes_of("1.0"),
                    .host = bytes_of("host"),
                    .program = bytes_of("shop.py")},
        .seq = fill->seq,
        .began_wall_ns = ended_ns - INTERVAL_NS,
        .ended_wall_ns = ended_ns,
        .interval_ns = INTERVAL_NS,
        .functions = fill->functions,
        .function_count = fill->function_count,
    };
}

static int64_t thread_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* NULL is fine. */
void tg_fill_close(struct tg_fill *fill);
void tg_fill_close(struct tg_fill *fill) {
    if (fill) {
        tg_store_close(fill->store);
        free(fill->functions);
        free(fill->sources);
        free(fill);
    }
}

/* A store without a history. NULL: it cannot be opened, and the reason is printed. */
struct tg_fill *tg_fill_open(const char *url, int function_count);
struct tg_fill *tg_fill_open(const char *url, int function_count) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_fill *fill = calloc(1, sizeof *fill);
    if (!fill) {
        return NULL;
    }
    fill->random = 88172645463325252;
    fill->function_count = (size_t)function_count;
    fill->sources = calloc(fill->function_count, sizeof *fill->sources);
    fill->functions = calloc(fill->function_count, sizeof *fill->functions);
    const struct tg_store_options options = {.create = true};
    if (!fill->sources || !fill->functions || tg_store_open(&fill->store, url, &options, &err) != TG_OK) {
        fprintf(stderr, "%s\n", err.message);
        tg_fill_close(fill);
        return NULL;
    }
    make_sources(fill);
    return fill;
}

/* Borrowed. */
const char *tg_fill_name(const struct tg_fill *fill, int number);
const char *tg_fill_name(const struct tg_fill *fill, int number) {
    return fill->sources[number].name;
}

/* Bytes of a histogram, on average, in the batch stored last. */
double tg_fill_histogram_bytes(const struct tg_fill *fill);
double tg_fill_histogram_bytes(const struct tg_fill *fill) {
    size_t bytes = 0;
    for (size_t i = 0; i < fill->function_count; i++) {
        bytes += fill->functions[i].histogram.length;
    }
    return (double)bytes / (double)fill->function_count;
}

/* Stores the next batches, each in a transaction of its own as the collector does. The nanoseconds that storing took,
 * without making them; -1: it failed, and the reason is printed. */
int64_t tg_fill_add(struct tg_fill *fill, int batch_count);
int64_t tg_fill_add(struct tg_fill *fill, int batch_count) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store_commit result;
    tg_ns taken_ns = 0;
    fill->cpu_ns = 0;
    for (int i = 0; i < batch_count; i++) {
        struct tg_batch batch = make_batch(fill);
        int64_t began_cpu_ns = thread_cpu_ns();
        tg_ns started_ns = tg_clock_monotonic_ns();
        if (tg_store_commit(fill->store, &batch, 1, &result, &err) != TG_OK) {
            fprintf(stderr, "%s\n", err.message);
            return -1;
        }
        taken_ns += tg_clock_monotonic_ns() - started_ns;
        fill->cpu_ns += thread_cpu_ns() - began_cpu_ns;
    }
    return taken_ns;
}

/* Of that, the processor time in this process: what was left of it by other programs does not matter. */
int64_t tg_fill_cpu_ns(const struct tg_fill *fill);
int64_t tg_fill_cpu_ns(const struct tg_fill *fill) {
    return fill->cpu_ns;
}
