/*
 * Samples a process and prints what was seen, for tests and measurements of the sampler itself:
 *
 *     sample_stacks PID SECONDS RATE [wall|cpu|gil] [idle] [nostop] [nointerrupt] [time]
 *
 * "time" gives stacks in microseconds, of the processor's in mode cpu, instead of samples. At the rate "burst" it takes
 * one sample after the other without a pause, to measure what one costs.
 *
 * Folded stacks go to standard output, each frame as file:function:line, under the thread's name; a line of JSON with
 * the sampler's quality and its own cost goes to standard error.
 */
#include "sample/sampler.h"

#include "may_interrupt.h"

#include "base/budget.h"
#include "base/hash.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STACKS_MAX (1U << 16)

struct stack {
    uint64_t hash;
    uint64_t count;
    uint64_t ns;
    size_t depth;
    struct tg_frame *frames;
    char thread[TG_THREAD_NAME_BYTES];
};

struct seen {
    struct tg_symbols *symbols;
    struct stack stacks[STACKS_MAX];
    size_t count;
    uint64_t dropped;
};

static struct tg_sampler sampler;
static struct seen seen;

static void end(int signal) {
    (void)signal;
    tg_sampler_end(&sampler); /* NOLINT(bugprone-signal-handler,cert-sig30-c): one write() */
}

static struct stack *find(uint64_t hash) {
    size_t i = (size_t)hash % STACKS_MAX;
    while (seen.stacks[i].frames && seen.stacks[i].hash != hash) {
        i = (i + 1) % STACKS_MAX;
    }
    return &seen.stacks[i];
}

static void take(void *context, const struct tg_sample *sample) {
    (void)context;
    size_t bytes = sample->depth * sizeof *sample->frames;
    uint64_t hash = tg_hash_bytes(TG_HASH_INIT, sample->thread->name, strlen(sample->thread->name));
    struct stack *stack = find(tg_hash_bytes(hash, sample->frames, bytes));
    if (!stack->frames && seen.count < STACKS_MAX / 2) {
        *stack = (struct stack){.hash = tg_hash_bytes(hash, sample->frames, bytes), .depth = sample->depth};
        stack->frames = malloc(bytes + 1);
        if (bytes) {
            memcpy(stack->frames, sample->frames, bytes);
        }
        memcpy(stack->thread, sample->thread->name, sizeof stack->thread);
        seen.count++;
    }
    if (!stack->frames) {
        seen.dropped++;
        return;
    }
    stack->count++;
    bool is_cpu = sampler.options.mode == TG_SAMPLER_CPU;
    stack->ns += (uint64_t)(is_cpu ? sample->cpu_ns : sample->wall_ns);
}

static void print_stacks(bool as_time) {
    for (size_t i = 0; i < STACKS_MAX; i++) {
        const struct stack *stack = &seen.stacks[i];
        if (!stack->frames) {
            continue;
        }
        printf("%s", stack->thread);
        for (size_t k = 0; k < stack->depth; k++) {
            struct tg_symbol symbol = tg_symbols_get(seen.symbols, stack->frames[k].symbol);
            printf(";%s:%s:%" PRIu32, symbol.file, symbol.name, stack->frames[k].line);
        }
        printf(" %" PRIu64 "\n", as_time ? stack->ns / 1000 : stack->count);
    }
}

static void print_counts(const char *name, const uint64_t *counts) {
    fprintf(stderr, ", \"%s\": {", name);
    const char *separator = "";
    for (int i = 0; i < TG_WALK_RESULTS; i++) {
        if (counts[i]) {
            fprintf(stderr, "%s\"%s\": %" PRIu64, separator, tg_walk_result_name((enum tg_walk_result)i), counts[i]);
            separator = ", ";
        }
    }
    fprintf(stderr, "}");
}

static void print_quality(enum tg_sampler_ending ending, tg_ns cpu_ns) {
    static const char *const endings[] = {"time", "asked", "exited", "lost"};
    struct tg_sampler_quality quality = tg_sampler_quality(&sampler);
    fprintf(stderr,
            "{\"ending\": \"%s\", \"ticks\": %" PRIu64 ", \"missed\": %" PRIu64 ", \"taken\": %" PRIu64
            ", \"rested\": %" PRIu64 ", \"idle\": %" PRIu64 ", \"stopped\": %" PRIu64 ", \"displaced\": %" PRIu64
            ", \"interrupted\": %" PRIu64 ", \"may_interrupt\": %s, \"lost\": %" PRIu64 ", \"threads\": %" PRIu64
            ", \"listings\": %" PRIu64 ", \"codes\": %" PRIu64 ", \"dropped\": %" PRIu64
            ", \"preempted_ms\": %.3f, \"unwatched_ms\": %.3f, \"us_per_tick\": %.3f",
            endings[ending], quality.tick_count, quality.missed_count, quality.taken_count, quality.rested_count,
            quality.idle_count, quality.stopped_count, quality.displaced_count, quality.interrupted_count,
            may_interrupt() ? "true" : "false", quality.lost_count, quality.thread_count, quality.listing_count,
            sampler.cache.counts.read_count, seen.dropped, (double)quality.preempted_ns / 1e6,
            (double)quality.unwatched_ns / 1e6,
            quality.tick_count ? (double)cpu_ns / 1e3 / (double)quality.tick_count : 0.0);
    print_counts("lost_for", quality.lost);
    print_counts("trouble", quality.trouble);
    fprintf(stderr, "}\n");
}

static tg_ns own_clock(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (tg_ns)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct tg_sampler_options parse(int count, char **arguments) {
    bool is_burst = strcmp(arguments[3], "burst") == 0;
    struct tg_sampler_options options = {.rate_hz = is_burst ? 1000 : strtod(arguments[3], NULL), .sink = take};
    static const struct tg_stop_ops nobody;
    static struct tg_instant refused;
    tg_instant_refuse(&refused);
    for (int i = 4; i < count; i++) {
        const char *word = arguments[i];
        options.mode = strcmp(word, "cpu") == 0   ? TG_SAMPLER_CPU
                       : strcmp(word, "gil") == 0 ? TG_SAMPLER_GIL
                                                  : options.mode;
        options.tells_idle = options.tells_idle || strcmp(word, "idle") == 0;
        options.stop = strcmp(word, "nostop") == 0 ? &nobody : options.stop;
        options.instant = strcmp(word, "nointerrupt") == 0 ? &refused : options.instant;
    }
    return options;
}

static enum tg_sampler_ending burst(tg_ns until_ns) {
    for (tg_ns before_ns = 0, now_ns = tg_clock_monotonic_ns(); now_ns < until_ns; now_ns = tg_clock_monotonic_ns()) {
        tg_sampler_tick(&sampler, now_ns, before_ns ? now_ns - before_ns : 0, 0);
        before_ns = now_ns;
    }
    return TG_SAMPLER_GOES_ON;
}

int main(int count, char **arguments) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_budget budget = {.limit_bytes = (size_t)256 << 20};
    struct tg_symbols symbols;
    if (count < 4) {
        fprintf(stderr, "usage: sample_stacks PID SECONDS RATE [wall|cpu|gil] [idle] [nostop] [nointerrupt] [time]\n");
        return 2;
    }

    tg_symbols_init(&symbols, &budget);
    seen.symbols = &symbols;
    struct tg_sampler_options options = parse(count, arguments);
    if (tg_sampler_open(&sampler, (pid_t)strtol(arguments[1], NULL, 10), &options, &symbols, &err) != TG_OK) {
        fprintf(stderr, "sample_stacks: %s\n", err.message);
        return 1;
    }
    signal(SIGINT, end);
    double seconds = strtod(arguments[2], NULL);
    tg_ns before_ns = own_clock(), until_ns = tg_clock_monotonic_ns() + (tg_ns)(seconds * 1e9);
    enum tg_sampler_ending ending =
        strcmp(arguments[3], "burst") == 0 ? burst(until_ns) : tg_sampler_run(&sampler, seconds > 0 ? until_ns : 0);
    print_quality(ending, own_clock() - before_ns);
    print_stacks(strcmp(arguments[count - 1], "time") == 0);
    tg_sampler_close(&sampler);
    tg_symbols_release(&symbols);
    return 0;
}
