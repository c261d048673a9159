#include "sample/sampler_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Tries without a stop (see calm.h), and for a process in which nobody can be stopped. */
#define TRIES           2
#define TRIES_AT_A_LOSS 6
/* So often who was to be stopped and has escaped is stopped again. */
#define ESCAPES 3
/* The threads are listed anew at least so often, and after a refusal stopping is tried again. */
#define LIST_AGAIN_NS INT64_C(1000000000)
/* What they are called is read anew so often; where threads begin, at once, if that is not more often than so many
 * times in a second. */
#define NAME_AGAIN_NS INT64_C(1000000000)
#define NAMINGS       20
#define REFUSED_NS    INT64_C(1000000000)

/* --- Names --- */

static bool reserve_frames(struct tg_thread *thread, uint32_t count) {
    if (count <= thread->frame_capacity) {
        return true;
    }
    uint32_t capacity = count > 64 ? 2 * count : 128;
    struct tg_frame *frames = realloc(thread->frames, capacity * sizeof *frames);
    if (frames) {
        thread->frames = frames;
        thread->frame_capacity = capacity;
    }
    return frames;
}

/* Whether the cache stands by the name that a frame was given. */
static bool is_still_named(const struct tg_sampler *sampler, struct tg_raw_frame *raw) {
    if (raw->is_known || tg_raw_frame_is_hidden(raw)) {
        raw->is_known = true;
        return true;
    }
    const struct tg_code *code = tg_code_cache_find(&sampler->cache, &raw->header.identity);
    raw->is_known = code && !tg_code_is_young(&sampler->cache, code);
    return code;
}

/* Keeps the names of the outermost frames, so many of which are as they were. Of how many they are still right. */
static uint32_t keep_names(const struct tg_sampler *sampler, struct tg_thread *thread, uint32_t same_count) {
    struct tg_stack *stack = &thread->stack;
    uint32_t count = 0;
    for (thread->frame_count = 0; count < same_count; count++) {
        struct tg_raw_frame *raw = &stack->frames[stack->frame_count - 1 - count];
        if (!is_still_named(sampler, raw)) {
            break;
        }
        thread->frame_count += !tg_raw_frame_is_hidden(raw);
    }
    return count;
}

/* Instructions of no line, as those that time a call, are taken for the first. */
static uint32_t line_of(const struct tg_code *code, int32_t unit) {
    uint32_t line = tg_code_line(code, unit);
    return line ? line : tg_code_line(code, -1);
}

/* Whether a thread runs a loop of asyncio, or is about to: `run`, `Runner.run`, `BaseEventLoop.run_forever`. */
static bool runs_asyncio(const struct tg_sampler *sampler, const struct tg_thread *thread) {
    for (uint32_t i = 0; i < thread->frame_count; i++) {
        struct tg_symbol symbol = tg_symbols_get(sampler->cache.symbols, thread->frames[i].symbol);
        if (strstr(symbol.file, "/asyncio/") && strstr(symbol.name, "run")) {
            return true;
        }
    }
    return false;
}

/* So many outermost frames keep their names. A walk that was whole may have been passed over: then `same_count` is of
 * frames that were not named. */
static uint32_t count_named(const struct tg_thread *thread) {
    const struct tg_stack *stack = &thread->stack;
    return thread->named_walk && thread->named_walk + 1 == stack->walk_count ? stack->same_count : 0;
}

/* Gives names and lines to the frames of a whole stack. *is_new: code was read for that, which the caller must know to
 * have been there all the time. */
static bool name_frames(struct tg_sampler *sampler, struct tg_thread *thread, bool *is_new) {
    struct tg_stack *stack = &thread->stack;
    uint64_t reads = sampler->cache.counts.read_count;
    if (!reserve_frames(thread, stack->frame_count)) {
        return false;
    }
    uint32_t same = keep_names(sampler, thread, count_named(thread));
    thread->named_walk = 0;
    for (uint32_t k = same + 1; k <= stack->frame_count; k++) {
        struct tg_raw_frame *raw = &stack->frames[stack->frame_count - k];
        if (tg_raw_frame_is_hidden(raw)) {
            raw->is_known = true;
            continue;
        }
        const struct tg_code *code = tg_code_cache_resolve(&sampler->cache, &raw->header.identity);
        if (!code) {
            return false;
        }
        raw->is_known = !tg_code_is_young(&sampler->cache, code);
        thread->frames[thread->frame_count++] =
            (struct tg_frame){.symbol = code->symbol, .line = line_of(code, raw->unit)};
    }
    thread->named_walk = stack->walk_count;
    *is_new = sampler->cache.counts.read_count != reads;
    if (*is_new && !sampler->tasks.is_wanted) {
        sampler->tasks.is_wanted = runs_asyncio(sampler, thread);
    }
    return true;
}

/* What was read in vain is not to be believed. */
static void doubt_names(struct tg_sampler *sampler, struct tg_thread *thread) {
    struct tg_stack *stack = &thread->stack;
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        const struct tg_code_identity *identity = &stack->frames[i].header.identity;
        const struct tg_code *code = tg_code_cache_find(&sampler->cache, identity);
        if (code && code->read_at_ns == sampler->walker.now_ns) {
            tg_code_cache_doubt(&sampler->cache, identity);
        }
    }
    thread->named_walk = 0;
}

/* A task without a name has that of its coroutine: of the frame that is so many from the innermost. */
static void name_task(const struct tg_sampler *sampler, struct tg_thread *thread) {
    struct tg_running_task *task = &thread->task;
    uint32_t shown = 0;
    if (task->frame == TG_RUNNING_TASK_NONE || task->name[0]) {
        return;
    }
    for (uint32_t i = 0; i <= task->frame; i++) {
        shown += !tg_raw_frame_is_hidden(&thread->stack.frames[i]);
    }
    const struct tg_frame *frame = &thread->frames[thread->frame_count - shown];
    snprintf(task->name, sizeof task->name, "%s", tg_symbols_get(sampler->cache.symbols, frame->symbol).name);
}

/* --- Outcomes --- */

static void fail(struct tg_sampler *sampler, struct tg_thread *thread, enum tg_walk_result why) {
    sampler->quality.trouble[why]++;
    thread->result = why;
    thread->is_read = false;
}

/* The end of a walk: names. `can_change`: its thread was neither stopped nor at rest. Whether code was read. */
static bool settle(struct tg_sampler *sampler, struct tg_thread *thread, enum tg_walk_result result, bool can_change) {
    bool is_new = false;
    if (result == TG_WALK_WHOLE && !name_frames(sampler, thread, &is_new)) {
        result = TG_WALK_UNNAMED;
    }
    if (result == TG_WALK_WHOLE && !can_change && sampler->options.inspect) {
        sampler->options.inspect(sampler->options.sink_context, sampler, thread);
        is_new = true; /* whether it rested meanwhile is to be asked again */
    }
    if (result == TG_WALK_WHOLE && !thread->task.is_known
        && tg_running_task_read(&sampler->tasks, &thread->stack, &thread->task)) {
        is_new = true;
        can_change = thread->stack.mode == TG_WALK_RUNNING;
    }
    if (result == TG_WALK_WHOLE && is_new && can_change && !tg_walk_still(&sampler->walker, &thread->stack)) {
        doubt_names(sampler, thread);
        result = TG_WALK_UNNAMED;
    }
    if (result == TG_WALK_WHOLE) {
        name_task(sampler, thread);
        thread->is_due = false;
        thread->is_read = true;
    } else {
        fail(sampler, thread, result);
    }
    return is_new;
}

/* --- A batch --- */

static bool is_holder(const struct tg_sampler *sampler, const struct tg_thread *thread) {
    return sampler->threads.gils[thread->gil].holder == thread->address;
}

static bool can_stop(const struct tg_sampler *sampler) {
    return sampler->options.stop && sampler->options.stop->walk
           && (!sampler->refused_ns || sampler->walker.now_ns - sampler->refused_ns > REFUSED_NS);
}

/* Whether a thread is to be stopped without a trial. One that has let go of the lock is not: it waits, would only be
 * woken, and then seem to have been at work. */
static bool is_restless(const struct tg_sampler *sampler, const struct tg_thread *thread) {
    return !tg_calm_may_try(&thread->calm) && sampler->threads.gils[thread->gil].is_locked && can_stop(sampler);
}

/* Whether a thread belongs into the next batch. Holders that ran when they were read last are left to be stopped. */
static bool is_wanted(const struct tg_sampler *sampler, const struct tg_thread *thread, bool with_holders) {
    if (!is_holder(sampler, thread)) {
        return thread->is_due && sampler->options.mode != TG_SAMPLER_GIL;
    }
    bool is_inspected = sampler->options.inspect && can_stop(sampler);
    return thread->is_due && with_holders && !is_restless(sampler, thread) && !is_inspected;
}

static void plan_thread(struct tg_sampler *sampler, struct tg_thread *thread) {
    struct tg_stack *stack = &thread->stack;
    if (!stack->is_learned && !tg_stack_learn(&sampler->walker, stack)) {
        fail(sampler, thread, TG_WALK_UNREADABLE);
        sampler->has_list = false; /* it has ended, as a rule */
        return;
    }
    enum tg_walk_mode mode = is_holder(sampler, thread) ? TG_WALK_RUNNING : TG_WALK_AT_REST;
    thread->task.is_known = false;
    stack->is_calm = tg_calm_is_sure(&thread->calm) && can_stop(sampler);
    thread->is_planned = tg_walk_plan(&sampler->walker, stack, mode);
    if (!thread->is_planned) {
        fail(sampler, thread, TG_WALK_DEEP);
    }
}

/* Adds the threads that are due. Whether there are some that should be at rest. */
static bool plan_threads(struct tg_sampler *sampler, bool with_holders) {
    bool has_resting = false;
    for (size_t i = 0; i < sampler->threads.count; i++) {
        struct tg_thread *thread = sampler->threads.items[i];
        thread->is_planned = false;
        if (is_wanted(sampler, thread, with_holders)) {
            plan_thread(sampler, thread);
        }
        has_resting = has_resting || (thread->is_planned && thread->stack.mode == TG_WALK_AT_REST);
    }
    return has_resting;
}

/* Takes over what the batch says of the GILs. Where one has changed hands, all its threads are due. */
static void take_gils(struct tg_sampler *sampler) {
    struct tg_threads *threads = &sampler->threads;
    for (size_t i = 0; i < threads->gil_count; i++) {
        struct tg_gil now = tg_gil_read(threads, &sampler->walker, &threads->gils[i], threads->gils[i].copy);
        bool stayed = tg_gil_stayed(&threads->gils[i], &now);
        threads->gils[i] = now;
        for (size_t k = 0; !stayed && k < threads->count; k++) {
            if (threads->items[k]->gil == i) {
                threads->items[k]->is_due = true;
                threads->items[k]->is_read = false;
                threads->items[k]->has_rested = false;
                threads->items[k]->result = TG_WALK_SWITCHED;
            }
        }
    }
}

/* Whether the threads of the batch, as far as it could be read, are those that were listed. */
static bool is_list_current(const struct tg_sampler *sampler, bool has_resting) {
    const struct tg_threads *threads = &sampler->threads;
    const struct tg_walker *walker = &sampler->walker;
    bool is_whole = walker->read_count == walker->byte_count;
    bool is_current = !has_resting || !is_whole || tg_threads_are_current(threads, walker);
    for (size_t i = 0; i < threads->count && is_current; i++) {
        const struct tg_thread *thread = threads->items[i];
        bool was_read = thread->is_planned && thread->stack.ends_at <= walker->read_count;
        is_current = !was_read || tg_thread_is_current(threads, walker, thread);
    }
    return is_current;
}

/* Proves the stacks of the batch and names their frames. Whether more was read for that of threads at rest, so that
 * whether they rested is to be asked again. */
static bool conclude(struct tg_sampler *sampler) {
    const struct tg_threads *threads = &sampler->threads;
    bool read_more = false;
    for (size_t i = 0; i < threads->count; i++) {
        struct tg_thread *thread = threads->items[i];
        if (thread->is_planned) {
            thread->result = tg_walk_follow(&sampler->walker, &thread->stack);
        }
    }
    for (size_t i = 0; i < threads->count; i++) {
        struct tg_thread *thread = threads->items[i];
        if (thread->is_planned && thread->stack.mode == TG_WALK_RUNNING && is_restless(sampler, thread)) {
            thread->is_planned = false; /* it has the lock again, as the batch says */
        }
        if (!thread->is_planned) {
            continue;
        }
        bool is_resting = thread->stack.mode == TG_WALK_AT_REST, is_unproven = thread->result == TG_WALK_UNPROVEN;
        enum tg_walk_result result = is_unproven ? tg_walk_prove(&sampler->walker, &thread->stack) : thread->result;
        bool is_new = settle(sampler, thread, result, !is_resting);
        read_more = read_more || (is_resting && (is_unproven || is_new));
        if (!is_resting && result != TG_WALK_WHOLE) {
            tg_calm_fail(&thread->calm);
        }
    }
    return read_more;
}

/* Whoever was to be at rest was it only if no other thread has taken the GIL meanwhile, and he does not have it. */
static void check_rest(struct tg_sampler *sampler, bool is_known, bool read_more) {
    struct tg_threads *threads = &sampler->threads;
    if (read_more) {
        tg_walker_begin_more(&sampler->walker);
        is_known = tg_threads_plan_gils_again(threads, &sampler->walker) && tg_walker_read(&sampler->walker);
    }
    for (size_t i = 0; i < threads->count; i++) {
        struct tg_thread *thread = threads->items[i];
        const struct tg_gil *before = &threads->gils[thread->gil];
        if (!thread->is_planned || !thread->is_read || thread->stack.mode != TG_WALK_AT_REST) {
            continue;
        }
        struct tg_gil after = *before;
        if (is_known) {
            after = tg_gil_read(threads, &sampler->walker, before, before->again);
        }
        if (!is_known || !tg_gil_stayed(before, &after) || before->holder == thread->address) {
            doubt_names(sampler, thread);
            fail(sampler, thread, TG_WALK_SWITCHED);
            thread->is_due = true;
        }
    }
}

/* Reads the stacks that are due. False: the list of threads is no longer true. */
static bool read_batch(struct tg_sampler *sampler, bool with_holders) {
    struct tg_threads *threads = &sampler->threads;
    struct tg_walker *walker = &sampler->walker;
    tg_walker_begin(walker);
    bool fits = tg_threads_plan_gils(threads, walker);
    size_t least = walker->byte_count;
    bool has_resting = plan_threads(sampler, with_holders);
    fits = fits && (!has_resting || tg_threads_plan_lists(threads, walker));
    fits = fits && (!has_resting || tg_threads_plan_gils_again(threads, walker));
    bool is_whole = tg_walker_read(walker);
    if (walker->read_count < least || !fits) {
        return false;
    }
    take_gils(sampler);
    if (!is_list_current(sampler, has_resting)) {
        return false;
    }
    bool read_more = conclude(sampler);
    if (has_resting) {
        check_rest(sampler, is_whole, read_more);
    }
    return sampler->has_list;
}

/* --- With a stop --- */

static bool is_any_due(const struct tg_sampler *sampler, size_t gil) {
    for (size_t i = 0; i < sampler->threads.count; i++) {
        const struct tg_thread *thread = sampler->threads.items[i];
        bool counts = sampler->options.mode != TG_SAMPLER_GIL || is_holder(sampler, thread);
        if (thread->is_due && counts && (gil == SIZE_MAX || thread->gil == gil)) {
            return true;
        }
    }
    return false;
}

/* A thread that does not stop does not run, either: it waits for a processor, or in the system. Then it can be read as
 * it is, and to prefer calm moments is no question. */
static enum tg_walk_result walk_late(struct tg_sampler *sampler, struct tg_thread *holder) {
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    for (int i = 0; i < TRIES && result != TG_WALK_WHOLE; i++) {
        result = tg_walk(&sampler->walker, &holder->stack, TG_WALK_RUNNING, 0);
    }
    return result == TG_WALK_WHOLE ? result : TG_WALK_NOT_HELD;
}

/* One that was not held went on while its names were looked up. */
static bool has_escaped(const struct tg_thread *holder) {
    return !holder->is_read && holder->result == TG_WALK_UNNAMED && holder->stack.mode == TG_WALK_RUNNING;
}

/* Stops a thread and takes over what its stack was. */
static enum tg_walk_result take_stopped(struct tg_sampler *sampler, struct tg_thread *holder) {
    const struct tg_stop_ops *stop = sampler->options.stop;
    holder->task.is_known = false;
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    if (tg_thread_is_alone(&sampler->threads, holder)) {
        result = stop->walk(sampler->options.stop_context, &sampler->walker, holder);
    }
    if (result == TG_WALK_WHOLE && !tg_thread_is_same(&sampler->threads, &sampler->walker, holder)) {
        result = TG_WALK_UNREADABLE; /* it has ended */
    }
    bool is_late = result == TG_WALK_NOT_HELD;
    sampler->refused_ns = result == TG_WALK_REFUSED ? sampler->walker.now_ns : 0;
    result = is_late ? walk_late(sampler, holder) : result;
    bool runs_on = holder->stack.mode == TG_WALK_RUNNING;
    settle(sampler, holder, result, runs_on);
    holder->was_stopped = holder->is_read && !runs_on;
    holder->was_displaced = holder->is_read && holder->was_displaced;
    holder->was_interrupted = holder->is_read && holder->was_interrupted;
    return result;
}

/* Reads the thread that has a GIL while it is stopped, and who else is due. */
static bool read_stopped(struct tg_sampler *sampler, struct tg_thread *holder) {
    const struct tg_stop_ops *stop = sampler->options.stop;
    void *context = sampler->options.stop_context;
    bool is_current = true;
    enum tg_walk_result result = take_stopped(sampler, holder);
    for (int i = 0; i < ESCAPES && has_escaped(holder); i++) {
        stop->let_go(context);
        result = take_stopped(sampler, holder);
    }
    if (result != TG_WALK_REFUSED && is_any_due(sampler, holder->gil)) {
        is_current = read_batch(sampler, false);
    }
    stop->let_go(context);
    return is_current;
}

/* --- All --- */

/* Whether who has a GIL, or had it last, is none of the threads listed: it began a moment ago, or has ended. All others
 * rest then, and if nobody is looked at, nobody sees the GIL change hands. */
static bool is_holder_unknown(const struct tg_sampler *sampler, const struct tg_gil *gil) {
    return gil->holder && !tg_threads_find(&sampler->threads, gil->holder);
}

static bool is_any_holder_unknown(const struct tg_sampler *sampler) {
    bool is_unknown = false;
    for (size_t i = 0; i < sampler->threads.gil_count && !is_unknown; i++) {
        is_unknown = is_holder_unknown(sampler, &sampler->threads.gils[i]);
    }
    return is_unknown;
}

/* Whether somebody has a GIL who is not listed, and might be if the threads were listed now. */
static bool is_worth_a_listing(const struct tg_sampler *sampler) {
    const struct tg_threads *threads = &sampler->threads;
    bool is_worth = false;
    for (size_t i = 0; i < threads->gil_count && !is_worth && !threads->left_out; i++) {
        const struct tg_gil *gil = &threads->gils[i];
        bool was_sought =
            gil->is_sought && gil->sought_holder == gil->holder && gil->sought_number == gil->switch_number;
        is_worth = gil->is_locked && !was_sought && is_holder_unknown(sampler, gil);
    }
    return is_worth;
}

static void note_sought(struct tg_sampler *sampler) {
    for (size_t i = 0; i < sampler->threads.gil_count; i++) {
        struct tg_gil *gil = &sampler->threads.gils[i];
        gil->is_sought = is_holder_unknown(sampler, gil);
        gil->sought_holder = gil->holder;
        gil->sought_number = gil->switch_number;
    }
}

static bool list_threads(struct tg_sampler *sampler) {
    tg_ns now_ns = sampler->walker.now_ns;
    bool is_old =
        sampler->options.inspect || now_ns - sampler->listed_ns >= LIST_AGAIN_NS || is_worth_a_listing(sampler);
    if (sampler->has_list && !is_old) { /* who is stopped to be inspected should be who has the lock now */
        return true;
    }
    sampler->has_list = tg_threads_list(&sampler->threads);
    note_sought(sampler);
    for (size_t i = 0; i < sampler->threads.count; i++) {
        sampler->threads.items[i]->is_read = false; /* the GILs were looked at, so what they said before is gone */
    }
    sampler->listed_ns = now_ns;
    sampler->quality.listing_count++;
    return sampler->has_list;
}

/* A name costs a few reads, and threads that live for a moment may come by the hundred. */
static void name_threads(struct tg_sampler *sampler) {
    bool is_due = sampler->named_ns == 0 || sampler->walker.now_ns - sampler->named_ns >= NAME_AGAIN_NS;
    if (is_due) {
        sampler->named_ns = sampler->walker.now_ns;
        sampler->naming_count = 0;
    }
    if (is_due || (sampler->threads.has_new && sampler->naming_count < NAMINGS)) {
        sampler->naming_count++;
        tg_threads_name(&sampler->threads, is_due);
    }
}

static void mark_due(struct tg_sampler *sampler) {
    for (size_t i = 0; i < sampler->threads.count; i++) {
        struct tg_thread *thread = sampler->threads.items[i];
        bool holds = is_holder(sampler, thread);
        thread->was_stopped = false;
        thread->was_displaced = false;
        thread->was_interrupted = false;
        thread->result = TG_WALK_SWITCHED; /* unless something else is found out */
        thread->is_due = holds || !thread->is_read;
        thread->has_rested = !thread->is_due;
        thread->is_read = thread->is_read && !holds;
    }
}

/* Looks who has the GILs, where nobody is due who would be read with them. */
static bool read_gils(struct tg_sampler *sampler) {
    tg_walker_begin(&sampler->walker);
    if (!tg_threads_plan_gils(&sampler->threads, &sampler->walker) || !tg_walker_read(&sampler->walker)) {
        return false;
    }
    take_gils(sampler);
    return true;
}

/* Reads who is due as it is, some times. False: the list of threads is no longer true. */
static bool read_unstopped(struct tg_sampler *sampler) {
    int tries = can_stop(sampler) ? TRIES : TRIES_AT_A_LOSS;
    if (!is_any_due(sampler, SIZE_MAX) && is_any_holder_unknown(sampler) && !read_gils(sampler)) {
        return false;
    }
    for (int i = 0; i < tries && is_any_due(sampler, SIZE_MAX); i++) {
        if (!read_batch(sampler, true)) {
            return false;
        }
    }
    return true;
}

/* Reads who is due while the threads that have the GILs are stopped. False: as above. */
static bool read_all_stopped(struct tg_sampler *sampler) {
    const struct tg_threads *threads = &sampler->threads;
    for (size_t gil = 0; gil < threads->gil_count; gil++) {
        struct tg_thread *holder = tg_threads_find(threads, threads->gils[gil].holder);
        if (holder && can_stop(sampler) && is_any_due(sampler, gil) && !read_stopped(sampler, holder)) {
            return false;
        }
    }
    return true;
}

/* To inspect takes so long that the lock has changed hands by then, or a thread begun, where nobody is stopped: the
 * stop is first then. */
static bool read_all(struct tg_sampler *sampler) {
    return sampler->options.inspect ? read_all_stopped(sampler) && read_unstopped(sampler)
                                    : read_unstopped(sampler) && read_all_stopped(sampler);
}

bool tg_sampler_read(struct tg_sampler *sampler) {
    bool is_current = false;
    for (int i = 0; i < TRIES && !is_current; i++) {
        if (!list_threads(sampler)) {
            return false;
        }
        name_threads(sampler);
        tg_running_tasks_find(&sampler->tasks, sampler->walker.now_ns);
        mark_due(sampler);
        is_current = read_all(sampler);
        sampler->has_list = is_current;
    }
    return true;
}
