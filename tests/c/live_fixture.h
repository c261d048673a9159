/*
 * What the tests of live views and of top share: figures as a refresh would have left them, made by hand.
 */
#ifndef TG_LIVE_FIXTURE_H
#define TG_LIVE_FIXTURE_H

#include "profile/live_view.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURE_SECOND INT64_C(1000000000)

/* A second between two refreshes, and no process. */
static inline void fixture_live_init(struct tg_live *live) {
    tg_live_init(live, &(struct tg_live_options){.path_count = 0});
    live->refresh_count = 2;
    live->interval_ns = FIXTURE_SECOND;
}

/* Threads 1 and 2 of the kernel's ids `pid` and `pid` + 1, "main" and "worker"; and those that have ended. */
static inline struct tg_live_process *fixture_process(struct tg_live *live, uint64_t pid, const char *program) {
    struct tg_live_process *process = calloc(1, sizeof *process);
    struct tg_snapshot_thread *threads = calloc(3, sizeof *threads);
    struct tg_live_process **processes = realloc(live->processes, (live->process_count + 1) * sizeof *live->processes);
    assert_true(process && threads && processes);
    threads[1] = (struct tg_snapshot_thread){.native_id = pid, .name = "main"};
    threads[2] = (struct tg_snapshot_thread){.native_id = pid + 1, .name = "worker"};
    process->number = ++live->next_number;
    process->pid = pid;
    process->alive = true;
    process->threads = threads;
    process->thread_count = 3;
    snprintf(process->program, sizeof process->program, "%s", program);
    live->processes = processes;
    live->processes[live->process_count++] = process;
    return process;
}

struct fixture_part {
    const char *name;
    uint32_t thread;     /* 0: those that have ended */
    uint64_t calls;      /* since, */
    uint64_t ns;         /* each of which took so long */
    uint64_t self_ns;    /* since, of all */
    uint64_t errors;     /* since */
    uint64_t ever_calls; /* before that, as long */
    int64_t running;
};

static inline void fixture_part(struct tg_live *live, struct tg_live_process *process, struct fixture_part made) {
    struct tg_snapshot_row row = {.name = made.name, .name_bytes = strlen(made.name), .file = "f.py", .file_bytes = 4};
    struct tg_live_part part = {.thread = made.thread, .thread_id = process->threads[made.thread].native_id};
    struct tg_histogram histogram = {{0}};
    struct tg_strbuf serial = TG_STRBUF_INIT;
    assert_int_equal(tg_live_names_intern(&live->names, &row, &part.name), TG_OK);
    tg_measures_init(&part.since);
    tg_measures_init(&part.ever);
    part.since.call_count = made.calls;
    part.since.total_ns = made.calls * made.ns;
    part.since.self_ns = made.self_ns;
    part.since.error_count = made.errors;
    part.since.minimum_ns = part.since.maximum_ns = made.ns;
    part.ever.call_count = made.calls + made.ever_calls;
    part.ever.total_ns = part.ever.call_count * made.ns;
    part.ever.self_ns = part.ever.total_ns;
    part.ever.error_count = made.errors;
    part.ever.running_count = made.running;
    if (made.calls) {
        assert_int_equal(tg_histogram_add(&histogram, made.ns, made.calls), TG_OK);
        tg_histogram_encode(&histogram, &serial);
        part.since_histogram.bytes = malloc(serial.length);
        part.since_histogram.length = serial.length;
        assert_non_null(part.since_histogram.bytes);
        memcpy(part.since_histogram.bytes, tg_strbuf_text(&serial), serial.length);
        tg_strbuf_release(&serial);
    }
    struct tg_live_parts *parts = &process->parts;
    parts->items = realloc(parts->items, (parts->count + 1) * sizeof *parts->items);
    assert_non_null(parts->items);
    parts->items[parts->count++] = part;
    parts->capacity = parts->count;
}

/* Two processes of a shop, one that was killed, and one idle function. */
static inline void fixture_shop(struct tg_live *live) {
    fixture_live_init(live);
    struct tg_live_process *first = fixture_process(live, 4711, "shop.py --fast");
    struct tg_live_process *second = fixture_process(live, 4712, "shop.py --slow");
    struct tg_live_process *killed = fixture_process(live, 4700, "old.py");
    killed->alive = false;
    fixture_part(live, first, (struct fixture_part){"shop.cart::add", 1, 1000, 2000, 2000000, 3, 500, 0});
    fixture_part(live, first, (struct fixture_part){"shop.cart::add", 2, 500, 4000, 1500000, 0, 0, 1});
    fixture_part(live, first, (struct fixture_part){"shop::main", 1, 0, 0, 0, 0, 0, 1});
    fixture_part(live, second, (struct fixture_part){"shop.cart::add", 1, 10, 90000, 500000, 0, 0, 0});
    fixture_part(live, second, (struct fixture_part){"shop.orders::Orders.search", 1, 4, 1500000, 6000000, 1, 0, 0});
    fixture_part(live, second, (struct fixture_part){"shop.orders::idle", 1, 0, 3000, 0, 0, 7, 0});
    fixture_part(live, killed, (struct fixture_part){"old::work", 1, 0, 5000, 0, 0, 20, 1});
}

#endif
