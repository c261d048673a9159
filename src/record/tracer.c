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

/* Makes a call that has just begun one that records nothing. */
TG_SELDOM static void take_back(struct tg_call *call) {
    call->stack->top = call->parent;
    TG_ADD(call->counters->running_count, -1);
    TG_ADD(call->counters->depth, -1);
    call->counters = NULL;
    call->stack = NULL;
}

/* The part of enter that every call goes through. */
static inline void begin(struct tg_call *call, struct tg_thread *thread, uint32_t function) {
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
    uint64_t now_ticks = tg_clock_ticks(&tg_tracer.clock);
    call->resumed_ticks = call->started_ticks = now_ticks;
    if (TG_UNLIKELY(now_ticks >= TG_LOAD(tg_tracer.look_ticks)) && tg_switch_look()) {
        take_back(call);
    }
}

/* A thread's first call of a function, or its first on a stack. */
TG_SELDOM static void enter_unprepared(struct tg_call *call, uint32_t function, uintptr_t stack_key) {
    if (TG_LOAD(tg_tracer.is_off) && tg_switch_look()) {
        call->counters = NULL;
        call->stack = NULL;
        return;
    }
    struct tg_thread *thread = tg_thread_prepare(function);
    if (!thread) {
        call->counters = NULL;
        call->stack = NULL;
        tg_thread_count_unrecorded();
        return;
    }
    if (stack_key != thread->stack_key) {
        tg_stack_switch_key(thread, stack_key);
    }
    begin(call, thread, function);
}

void tg_tracer_enter(struct tg_call *call, uint32_t function, uintptr_t stack_key) {
    struct tg_thread *thread = tg_this_thread;
    if (TG_UNLIKELY(TG_LOAD(tg_tracer.is_off) || !thread || stack_key != thread->stack_key
                    || function >= thread->counters_capacity || !thread->counters[function])) {
        enter_unprepared(call, function, stack_key);
        return;
    }
    begin(call, thread, function);
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

/* What a call that ends adds to its block. */
struct addition {
    uint64_t total_ns;
    uint64_t active_ns;
    uint64_t self_ns;
    uint64_t end_ticks;
    bool outermost;
    bool failed;
    uint32_t epoch;
};

/* Everything but the bucket. `is_usual`, a constant: it has not failed, and the block is of its epoch. */
static inline void add_to_block(struct tg_counters *counters, const struct addition *with, bool is_usual) {
    uint32_t sequence = TG_LOAD(counters->sequence);
    TG_STORE(counters->sequence, sequence + 1);
    atomic_thread_fence(memory_order_release);
    TG_ADD(counters->call_count, 1);
    TG_ADD(counters->total_ns, with->total_ns);
    TG_ADD(counters->active_ns, with->active_ns);
    TG_ADD(counters->self_ns, with->self_ns);
    if (with->outermost) {
        TG_ADD(counters->cumulative_ns, with->total_ns);
    }
    TG_STORE(counters->last_ns, with->total_ns);
    TG_STORE(counters->last_end_ticks, with->end_ticks);
    if (!is_usual) {
        TG_ADD(counters->error_count, with->failed);
        if (with->epoch != TG_LOAD(counters->epoch)) {
            rotate_extremes(counters, with->epoch);
        }
    }
    unsigned slot = with->epoch & 1;
    if (TG_UNLIKELY(with->total_ns < TG_LOAD(counters->minimum_ns[slot]))) {
        TG_STORE(counters->minimum_ns[slot], with->total_ns);
    }
    if (TG_UNLIKELY(with->total_ns > TG_LOAD(counters->maximum_ns[slot]))) {
        TG_STORE(counters->maximum_ns[slot], with->total_ns);
    }
    atomic_store_explicit(&counters->sequence, sequence + 2, memory_order_release);
    TG_ADD(counters->running_count, -1);
}

/* Any call that has left its stack. */
static void record_end(const struct tg_call *call, struct tg_counters *counters, uint64_t now_ticks, bool failed) {
    const struct tg_clock *clock = &tg_tracer.clock;
    struct addition addition = {
        .active_ns = tg_clock_to_ns(clock, call->active_ticks),
        .self_ns = tg_clock_to_ns(clock, tg_ticks_between(call->child_ticks, call->active_ticks)),
        .end_ticks = now_ticks,
        .outermost = call->outermost,
        .failed = failed,
        .epoch = TG_LOAD(tg_tracer.recording.header->epoch),
    };
    addition.total_ns = addition.active_ns;
    if (clock->kind == TG_CLOCK_CPU) {
        /* threads' processor times cannot tell which call was last */
        addition.end_ticks = (uint64_t)tg_clock_monotonic_ns();
    } else if (call->was_paused) {
        addition.total_ns = tg_clock_to_ns(clock, tg_ticks_between(call->started_ticks, now_ticks));
    }
    uint32_t place = TG_LOAD(counters->buckets);
    if (place != TG_PLACE_NONE && place != TG_PLACE_REFUSED) {
        count_in_bucket(counters, place, addition.total_ns);
    } else {
        count_without_bucket(counters, call->function, addition.total_ns);
    }
    add_to_block(counters, &addition, false);
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

/* The call is the one that the calling thread is in. */
static inline bool is_innermost(const struct tg_call *call) {
    const struct tg_thread *thread = tg_this_thread;
    return thread && call->stack == thread->stack && call->stack->top == call;
}

/* The end of any call, in any state. */
TG_SELDOM static void exit_any(struct tg_call *call, uint64_t now_ticks, bool failed) {
    if (!is_innermost(call)) {
        exit_elsewhere(call, now_ticks, failed);
        return;
    }
    call->stack->top = call->parent;
    tg_call_stop(call, now_ticks);
    record_end(call, call->counters, now_ticks, failed);
}

/*
 * The end of the usual call: the innermost one, never paused, of a block that has its histogram. It calls nothing, so
 * that no register has to be saved. False: it is not a usual one, and nothing has been stored.
 */
static inline bool exit_usual(struct tg_call *call, uint64_t now_ticks, bool (*has_failed)(const struct tg_call *)) {
    const struct tg_clock *clock = &tg_tracer.clock;
    if (TG_UNLIKELY(!is_innermost(call) || has_failed(call) || call->was_paused || clock->kind == TG_CLOCK_CPU)) {
        return false;
    }
    struct tg_counters *counters = call->counters;
    uint32_t place = TG_LOAD(counters->buckets);
    uint32_t epoch = TG_LOAD(tg_tracer.recording.header->epoch);
    if (TG_UNLIKELY(place == TG_PLACE_NONE || place == TG_PLACE_REFUSED || epoch != TG_LOAD(counters->epoch))) {
        return false;
    }
    uint64_t ns = tg_clock_to_ns(clock, call->active_ticks + tg_ticks_between(call->resumed_ticks, now_ticks));
    struct tg_buckets *buckets = tg_recording_at(&tg_tracer.recording, place);
    _Atomic uint32_t *bucket = &buckets->counts[tg_histogram_index(ns)];
    uint32_t bucket_count = TG_LOAD(*bucket);
    if (TG_UNLIKELY(bucket_count == UINT32_MAX)) {
        return false;
    }
    call->stack->top = call->parent;
    tg_call_stop(call, now_ticks);
    TG_STORE(*bucket, bucket_count + 1);
    struct addition addition = {
        .total_ns = ns,
        .active_ns = ns,
        .self_ns = tg_clock_to_ns(clock, tg_ticks_between(call->child_ticks, call->active_ticks)),
        .end_ticks = now_ticks,
        .outermost = call->outermost,
        .epoch = epoch,
    };
    add_to_block(counters, &addition, true);
    return true;
}

bool tg_tracer_return(struct tg_call *call, bool (*has_failed)(const struct tg_call *)) {
    if (TG_UNLIKELY(!call->counters)) {
        return true; /* it records nothing */
    }
    return exit_usual(call, tg_clock_ticks(&tg_tracer.clock), has_failed);
}

static bool has_returned(const struct tg_call *call) {
    (void)call;
    return false;
}

void tg_tracer_exit(struct tg_call *call, bool failed) {
    uint64_t now_ticks = tg_clock_ticks(&tg_tracer.clock);
    if (TG_UNLIKELY(failed || !exit_usual(call, now_ticks, has_returned))) {
        exit_any(call, now_ticks, failed);
    }
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
