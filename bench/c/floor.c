/*
 * What a call costs in the tracer alone, without Python: enter and exit against the floor (straight_record.c), in
 * interleaved rounds of one process, with each clock. Prints JSON; times are medians, in nanoseconds for each call.
 *
 *     cc -O2 -std=c11 -D_GNU_SOURCE -Isrc bench/c/floor.c bench/c/straight_record.c libtachograph_core.a -lpthread
 */
#include "base/json.h"
#include "record/tracer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROUNDS = 301, CALLS = 10000 };

bool tg_floor_init(const char *clock_name);
void tg_floor_calls(int count);

static uint32_t outer;
static uint32_t inner;

/* As in the extension: calls lie in memory of their own, and the tracer is entered through its functions. */
static struct tg_call calls[3];

static void call_flat(int count) {
    for (int i = 0; i < count; i++) {
        tg_tracer_enter(&calls[0], inner, 1);
        tg_tracer_exit(&calls[0], false);
    }
}

/* Pairs of calls, one inside the other. */
static void call_nested(int count) {
    for (int i = 0; i < count; i += 2) {
        tg_tracer_enter(&calls[0], outer, 1);
        tg_tracer_enter(&calls[1], inner, 1);
        tg_tracer_exit(&calls[1], false);
        tg_tracer_exit(&calls[0], false);
    }
}

/* A generator that yields once for each call. */
static void call_paused(int count) {
    for (int i = 0; i < count; i++) {
        tg_tracer_enter(&calls[0], inner, 1);
        tg_tracer_pause(&calls[0]);
        tg_tracer_resume(&calls[0], 1);
        tg_tracer_exit(&calls[0], false);
    }
}

struct contender {
    const char *name;
    void (*run)(int count);
    double ns[ROUNDS];
};

static int compare(const void *a, const void *b) {
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static void measure(struct contender *contenders, size_t count) {
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            struct contender *contender = &contenders[(i + (size_t)round) % count];
            tg_ns start_ns = tg_clock_monotonic_ns();
            contender->run(CALLS);
            contender->ns[round] = (double)(tg_clock_monotonic_ns() - start_ns) / CALLS;
        }
    }
    for (size_t i = 0; i < count; i++) {
        qsort(contenders[i].ns, ROUNDS, sizeof contenders[i].ns[0], compare);
    }
}

static bool measure_with(const char *clock_name, struct tg_json *json) {
    static struct contender contenders[] = {{.name = "floor", .run = tg_floor_calls},
                                            {.name = "call", .run = call_flat},
                                            {.name = "nested", .run = call_nested},
                                            {.name = "paused", .run = call_paused}};
    struct tg_tracer_options options = {.stack_root = NULL};
    enum tg_clock_kind kind;
    if (!tg_floor_init(clock_name) || tg_clock_parse(clock_name, &kind, NULL) != TG_OK
        || tg_clock_init(&options.clock, kind, NULL) != TG_OK || tg_tracer_open(&options, NULL, NULL) != TG_OK) {
        return false;
    }
    outer = tg_tracer_function(&(struct tg_function_source){.name = "bench::outer", .name_bytes = 12});
    inner = tg_tracer_function(&(struct tg_function_source){.name = "bench::inner", .name_bytes = 12});
    measure(contenders, sizeof contenders / sizeof contenders[0]);
    tg_json_key(json, clock_name);
    tg_json_begin_object(json);
    double floor_ns = contenders[0].ns[ROUNDS / 2];
    for (size_t i = 0; i < sizeof contenders / sizeof contenders[0]; i++) {
        tg_json_key(json, contenders[i].name);
        tg_json_begin_object(json);
        tg_json_key(json, "ns");
        tg_json_double(json, contenders[i].ns[ROUNDS / 2]);
        tg_json_key(json, "floors");
        tg_json_double(json, contenders[i].ns[ROUNDS / 2] / floor_ns);
        tg_json_end_object(json);
    }
    tg_json_end_object(json);
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording->path[0]) {
        unlink(recording->path);
    }
    tg_tracer_let_go();
    tg_tracer_close();
    return true;
}

int main(void) {
    struct tg_strbuf buf;
    struct tg_json json;
    tg_strbuf_init(&buf);
    tg_json_init(&json, &buf);
    tg_json_begin_object(&json);
    bool measured = measure_with("monotonic", &json);
    measure_with("tsc", &json); /* not every machine has it */
    tg_json_end_object(&json);
    puts(tg_strbuf_text(&buf));
    tg_strbuf_release(&buf);
    return measured ? 0 : 1;
}
