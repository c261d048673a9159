/*
 * tracer: the hot path. Everything that happens seldom is in tracer_thread.c, tracer_stack.c and tracer_process.c; what
 * stays here runs twice in every timed call, so it is straight-line code over three cache lines: the call, the thread,
 * the counters.
 */
#include "record/tracer.h"

#include "record/tracer_state.h"

#include <stddef.h>

static uint64_t no_time(void) {
    return 0;
}

struct tg_tracer tg_tracer = {
    .clock = {.read = no_time}, /* calls may come where nothing is recorded, before an open and without one */
    .fold_lock = PTHREAD_MUTEX_INITIALIZER,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};
TG_THREAD_LOCAL struct tg_thread *tg_this_thread;

void tg_tracer_enter(struct tg_call *call, uint32_t function, uintptr_t stack_key) {
    struct tg_thread *thread = tg_this_thread;
    if (TG_UNLIKELY(!thread || function >= thread->counters_capacity || !thread->counters[function])) {
        thread = tg_thread_prepare(function);
        if (!thread) {
            call->counters = NULL;
            tg_thread_count_unrecorded();
            return;
        }
    }
    if (TG_UNLIKELY(stack_key != thread->stack_key)) {
        tg_stack_switch_key(thread, stack_key);
    }
    struct tg_counters *counters = thread->counters[function];
    struct tg_stack *stack = thread->stack;
    call->active_ticks = 0;
    call->child_ticks = 0;
    call->counters = counters;
    call->stack = stack;
    call->parent = stack->top;
    call->above = NULL;
    call->paused_with = NULL;
    call->occupancy = thread->occupancy;
    call->function = function;
    call->was_paused = false;
    stack->top = call;
    TG_ADD(counters->running_count, 1);
    TG_ADD(counters->depth, 1);
    call->resumed_ticks = call->started_ticks = tg_clock_ticks(&tg_tracer.clock);
}

TG_SELDOM static void rotate_extremes(struct tg_counters *counters, uint32_t epoch) {
    uint32_t passed = epoch - TG_LOAD(counters->epoch);
    for (uint32_t i = 1; i <= 2 && i <= passed; i++) {
        uint32_t slot = (TG_LOAD(counters->epoch) + i) & 1;
        uint64_t minimum_ns = TG_LOAD(counters->minimum_ns[slot]);
        uint64_t maximum_ns = TG_LOAD(counters->maximum_ns[slot]);
        if (minimum_ns < TG_LOAD(counters->lifetime_minimum_ns)) {
            TG_STORE(counters->lifetime_minimum_ns, minimum_ns);
        }
        if (maximum_ns > TG_LOAD(counters->lifetime_maximum_ns)) {
            TG_STORE(counters->lifetime_maximum_ns, maximum_ns);
        }
        TG_STORE(counters->minimum_ns[slot], UINT64_MAX);
        TG_STORE(counters->maximum_ns[slot], 0);
    }
    TG_STORE(counters->epoch, epoch);
}

static inline void count_in_bucket(struct tg_counters *counters, uint32_t place, uint64_t total_ns) {
    struct tg_buckets *buckets = tg_recording_at(&tg_tracer.recording, place);
    unsigned index = tg_histogram_index(total_ns);
    uint32_t count = TG_LOAD(buckets->counts[index]);
    if (TG_UNLIKELY(count == UINT32_MAX)) {
        tg_thread_carry(counters, index);
    } else {
        TG_STORE(buckets->counts[index], count + 1);
    }
}

/* For a block without buckets: gets some at the second call, and tries again now and then where they were refused. */
TG_SELDOM static void count_without_bucket(struct tg_counters *counters, uint32_t function, uint64_t total_ns) {
    uint64_t call_count = TG_LOAD(counters->call_count);
    bool refused = TG_LOAD(counters->buckets) == TG_PLACE_REFUSED;
    if (refused ? call_count % TG_RETRY_CALLS == 0 : call_count > 0) {
        if (tg_thread_add_buckets(counters, function)) {
            count_in_bucket(counters, TG_LOAD(counters->buckets), total_ns);
        }
    }
}

static inline void record_end(const struct tg_call *call, struct tg_counters *counters, uint64_t now_ticks,
                              bool failed) {
    const struct tg_clock *clock = &tg_tracer.clock;
    uint64_t active_ns = tg_clock_to_ns(clock, call->active_ticks);
    uint64_t total_ns = active_ns;
    if (TG_UNLIKELY(clock->kind == TG_CLOCK_CPU)) {
        now_ticks = (uint64_t)tg_clock_monotonic_ns(); /* threads' processor times cannot tell which call was last */
    } else if (TG_UNLIKELY(call->was_paused)) {
        total_ns = tg_clock_to_ns(clock, tg_ticks_between(call->started_ticks, now_ticks));
    }
    uint64_t self_ns = tg_clock_to_ns(clock, tg_ticks_between(call->child_ticks, call->active_ticks));
    uint32_t place = TG_LOAD(counters->buckets);
    if (TG_LIKELY(place != TG_PLACE_NONE && place != TG_PLACE_REFUSED)) {
        count_in_bucket(counters, place, total_ns);
    } else {
        count_without_bucket(counters, call->function, total_ns);
    }
    uint32_t sequence = TG_LOAD(counters->sequence);
    TG_STORE(counters->sequence, sequence + 1);
    atomic_thread_fence(memory_order_release);
    TG_ADD(counters->call_count, 1);
    TG_ADD(counters->total_ns, total_ns);
    TG_ADD(counters->active_ns, active_ns);
    TG_ADD(counters->self_ns, self_ns);
    if (call->outermost) {
        TG_ADD(counters->cumulative_ns, total_ns);
    }
    TG_STORE(counters->last_ns, total_ns);
    TG_STORE(counters->last_end_ticks, now_ticks);
    if (TG_UNLIKELY(failed)) {
        TG_ADD(counters->error_count, 1);
    }
    uint32_t epoch = TG_LOAD(tg_tracer.recording.header->epoch);
    if (TG_UNLIKELY(epoch != TG_LOAD(counters->epoch))) {
        rotate_extremes(counters, epoch);
    }
    if (TG_UNLIKELY(total_ns < TG_LOAD(counters->minimum_ns[epoch & 1]))) {
        TG_STORE(counters->minimum_ns[epoch & 1], total_ns);
    }
    if (TG_UNLIKELY(total_ns > TG_LOAD(counters->maximum_ns[epoch & 1]))) {
        TG_STORE(counters->maximum_ns[epoch & 1], total_ns);
    }
    atomic_store_explicit(&counters->sequence, sequence + 2, memory_order_release);
    TG_ADD(counters->running_count, -1);
}

/* A call that ends anywhere but on top of the running stack of the thread that ran it last. */
TG_SELDOM static void exit_elsewhere(struct tg_call *call, uint64_t now_ticks, bool failed) {
    if (!call->counters || call->occupancy >> 32 != tg_tracer.generation) {
        return;
    }
    bool was_active = call->stack != NULL;
    tg_stack_remove(call, now_ticks);
    struct tg_thread *thread = tg_thread_prepare(call->function);
    if (!thread) {
        tg_thread_count_unrecorded();
        return;
    }
    record_end(call, thread->counters[call->function], now_ticks, failed && was_active);
}

void tg_tracer_exit(struct tg_call *call, bool failed) {
    uint64_t now_ticks = tg_clock_ticks(&tg_tracer.clock);
    struct tg_thread *thread = tg_this_thread;
    struct tg_stack *stack = call->stack;
    if (TG_UNLIKELY(!call->counters || !thread || stack != thread->stack || stack->top != call)) {
        exit_elsewhere(call, now_ticks, failed);
        return;
    }
    stack->top = call->parent;
    tg_call_stop(call, now_ticks);
    record_end(call, call->counters, now_ticks, failed);
}

void tg_tracer_pause(struct tg_call *call) {
    uint64_t now_ticks = tg_clock_ticks(&tg_tracer.clock);
    struct tg_thread *thread = tg_this_thread;
    struct tg_stack *stack = call->stack;
    if (TG_UNLIKELY(!call->counters || !stack || !thread || call->occupancy != thread->occupancy)) {
        return;
    }
    if (TG_UNLIKELY(stack != thread->stack || stack->top != call)) {
        tg_stack_pause(thread, call, now_ticks);
        return;
    }
    stack->top = call->parent;
    tg_call_stop(call, now_ticks);
    call->stack = NULL;
    call->was_paused = true;
}

/* Puts back what was paused with a call, on top of it. */
static void resume_above(struct tg_call *call) {
    struct tg_call *top = call->above; /* `call` itself when all of them have gone their own way */
    for (struct tg_call *above = top; above != call; above = above->parent) {
        if (above->occupancy != call->occupancy) {
            struct tg_thread *thread = tg_thread_prepare(above->function);
            above->counters = thread ? thread->counters[above->function] : call->counters;
            above->occupancy = call->occupancy;
        }
        above->stack = call->stack;
        above->paused_with = NULL;
        above->resumed_ticks = call->resumed_ticks;
        TG_ADD(above->counters->depth, 1);
    }
    call->stack->top = top;
    call->above = NULL;
}

void tg_tracer_resume(struct tg_call *call, uintptr_t stack_key) {
    if (TG_UNLIKELY(!call->counters || call->stack || call->occupancy >> 32 != tg_tracer.generation)) {
        return;
    }
    struct tg_thread *thread = tg_this_thread;
    if (TG_UNLIKELY(!thread || call->occupancy != thread->occupancy)) {
        thread = tg_thread_prepare(call->function);
        if (!thread) {
            return;
        }
        call->occupancy = thread->occupancy;
        call->counters = thread->counters[call->function];
    }
    if (TG_UNLIKELY(stack_key != thread->stack_key)) {
        tg_stack_switch_key(thread, stack_key);
    }
    if (TG_UNLIKELY(call->paused_with)) {
        tg_stack_leave_paused(call);
    }
    struct tg_stack *stack = thread->stack;
    call->stack = stack;
    call->parent = stack->top;
    stack->top = call;
    TG_ADD(call->counters->depth, 1);
    call->resumed_ticks = tg_clock_ticks(&tg_tracer.clock);
    if (TG_UNLIKELY(call->above)) {
        resume_above(call);
    }
}
