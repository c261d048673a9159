#include "sample/interrupt.h"

#include "sample/instant_block.h"
#include "sample/task.h"

#include <sched.h>

/* Instants at which the stack is being changed are passed over, so many. */
#define TRIES 3

/* Tells what need not be read if it stands as it stood. */
static void tell_known(struct tg_instant *instant, const struct tg_walker *walker, const struct tg_stack *stack) {
    struct tg_instant_known known[TG_INSTANT_KNOWN];
    uint32_t count = tg_walk_count_believed(walker, stack), i = 0;
    for (; i < count && i < TG_INSTANT_KNOWN; i++) {
        const struct tg_raw_frame *frame = &stack->frames[stack->frame_count - count + i];
        known[i] = (struct tg_instant_known){frame->address, frame->instruction};
    }
    tg_instant_know(instant, known, i);
}

/* Asks for a stack that has been planned. */
static bool ask(struct tg_instant *instant, const struct tg_walker *walker, const struct tg_thread *thread) {
    const struct tg_layout *layout = &walker->process->layout;
    const struct tg_stack *stack = &thread->stack;
    struct tg_instant_request request = {
        .layout = layout,
        .pid = walker->process->memory.pid,
        .number = thread->number,
        .processor = thread->processor,
        .current_at = stack->place.first,
        .cframe_at = tg_walker_needs_pc(walker) ? stack->state.first + layout->thread.cframe : UINT32_MAX,
    };
    return tg_instant_ask(instant, &request);
}

/* What there is to know of the stack, all of which was read. */
static enum tg_walk_result follow(struct tg_walker *walker, struct tg_stack *stack) {
    enum tg_walk_result result = tg_walk_follow(walker, stack);
    if ((result == TG_WALK_WHOLE || result == TG_WALK_UNPROVEN) && !tg_walk_has_entered(walker, stack)) {
        return TG_WALK_PC;
    }
    return result == TG_WALK_UNPROVEN ? tg_walk_prove(walker, stack) : result;
}

/* `believes`: frames that stand as they stood, and all outside of them, are not read again. */
static enum tg_walk_result walk_instant(struct tg_instant *instant, struct tg_walker *walker, struct tg_thread *thread,
                                        bool believes) {
    struct tg_stack *stack = &thread->stack;
    if (!stack->is_learned && !tg_stack_learn(walker, stack)) {
        return TG_WALK_UNREADABLE;
    }
    tg_walker_begin(walker);
    if (!tg_walk_plan(walker, stack, TG_WALK_STOPPED)) {
        return TG_WALK_DEEP;
    }
    if (!ask(instant, walker, thread)) {
        return TG_WALK_NOT_HELD;
    }
    if (believes) {
        tell_known(instant, walker, stack);
    }
    walker->instant = instant;
    tg_walker_read(walker);
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    if (tg_instant_is_taken(instant)) {
        tg_stack_follow_cframe(walker, stack);
        result = follow(walker, stack);
    }
    walker->instant = NULL;
    return result;
}

/* The same where the thread is, which may not be where it was. Where we are it does not run. */
static enum tg_walk_result find_and_walk(struct tg_instant *instant, struct tg_walker *walker, struct tg_thread *thread,
                                         bool believes) {
    bool may_be_here = thread->processor < 0 || thread->processor == sched_getcpu();
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    if (!may_be_here) {
        result = walk_instant(instant, walker, thread, believes);
    }
    if (may_be_here || (result == TG_WALK_NOT_HELD && tg_instant_was_elsewhere(instant))) {
        int processor = tg_task_processor(walker->process->memory.pid, thread->shown.tid);
        if (processor >= 0 && processor != thread->processor) {
            thread->processor = processor;
            result = walk_instant(instant, walker, thread, believes);
        }
    }
    return result;
}

enum tg_walk_result tg_interrupt_walk(struct tg_instant *instant, struct tg_walker *walker, struct tg_thread *thread) {
    if (!tg_instant_begin(instant) || tg_escapes_refuse(&thread->missed)) {
        return TG_WALK_NOT_HELD;
    }
    thread->task.is_known = false;
    bool believes = true, is_worth_another = true;
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    for (int i = 0; i < TRIES && is_worth_another; i++) {
        result = find_and_walk(instant, walker, thread, believes);
        /* What was not read may lie outside of a frame that stood as it stood. */
        is_worth_another = tg_walk_is_passing(result) && (believes || result != TG_WALK_UNREADABLE);
        believes = result != TG_WALK_UNREADABLE;
    }
    thread->was_interrupted = result == TG_WALK_WHOLE;
    if (thread->was_interrupted) {
        thread->stack.mode = TG_WALK_RUNNING;
    }
    tg_escapes_note(&thread->missed, thread->was_interrupted);
    return result;
}
