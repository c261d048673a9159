/*
 * The floor: what timing one call costs when there is nothing around it. Two readings of the clock and the full record
 * (every figure a recording keeps of a call), in straight-line C: no token, no stack of calls, no look-up, no Python.
 *
 * A library, so that the floor is measured in the process, and between the rounds, of what is held against it.
 */
#include "measure/clock.h"
#include "measure/histogram.h"
#include "record/format.h"

#include <stdbool.h>
#include <stddef.h>

#define LOAD(FIELD)         atomic_load_explicit(&(FIELD), memory_order_relaxed)
#define STORE(FIELD, VALUE) atomic_store_explicit(&(FIELD), (VALUE), memory_order_relaxed)
#define ADD(FIELD, VALUE)   STORE((FIELD), LOAD(FIELD) + (VALUE))

static struct tg_clock clock_in_use;
static struct tg_buckets buckets;
static struct tg_counters counters;
static _Atomic uint32_t epoch;

__attribute__((noinline)) static void record(uint64_t started_ticks, uint64_t ended_ticks) {
    uint64_t ns = tg_clock_to_ns(&clock_in_use, ended_ticks - started_ticks);
    ADD(buckets.counts[tg_histogram_index(ns)], 1);
    uint32_t sequence = LOAD(counters.sequence);
    STORE(counters.sequence, sequence + 1);
    atomic_thread_fence(memory_order_release);
    ADD(counters.call_count, 1);
    ADD(counters.total_ns, ns);
    ADD(counters.cumulative_ns, ns);
    ADD(counters.active_ns, ns);
    ADD(counters.self_ns, ns);
    STORE(counters.last_ns, ns);
    STORE(counters.last_end_ticks, ended_ticks);
    unsigned slot = LOAD(epoch) & 1;
    if (ns < LOAD(counters.minimum_ns[slot])) {
        STORE(counters.minimum_ns[slot], ns);
    }
    if (ns > LOAD(counters.maximum_ns[slot])) {
        STORE(counters.maximum_ns[slot], ns);
    }
    atomic_store_explicit(&counters.sequence, sequence + 2, memory_order_release);
}

/* False: this machine has no such clock. */
bool tg_floor_init(const char *clock_name);
bool tg_floor_init(const char *clock_name) {
    enum tg_clock_kind kind = TG_CLOCK_AUTO;
    STORE(counters.minimum_ns[0], UINT64_MAX);
    return tg_clock_parse(clock_name, &kind, NULL) == TG_OK && tg_clock_init(&clock_in_use, kind, NULL) == TG_OK;
}

/* Times nothing, `count` times. */
void tg_floor_calls(int count);
void tg_floor_calls(int count) {
    for (int i = 0; i < count; i++) {
        uint64_t started_ticks = tg_clock_ticks(&clock_in_use);
        atomic_signal_fence(memory_order_seq_cst);
        record(started_ticks, tg_clock_ticks(&clock_in_use));
    }
}
