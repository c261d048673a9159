/*
 * tracer_stack: calls that do not simply nest: greenlets, which change the stack under a thread; spans left open when
 * their generator pauses or closed out of order; calls that end in another thread.
 *
 * A stack that does not run is at rest: its calls' active time stands still and they are not in counters.depth. Both
 * change when the tracer first hears of the other stack; that costs time in proportion to the calls on the two, and
 * only where greenlets really switch. What passed since the true switch counts for the stack that left.
 */
#include "record/tracer_state.h"

#include <stdlib.h>

static void rest(const struct tg_stack *stack, uint64_t now_ticks) {
    for (struct tg_call *call = stack->top; call; call = call->parent) {
        tg_call_stop(call, now_ticks);
        call->was_paused = true;
    }
}

static void wake(const struct tg_stack *stack, uint64_t now_ticks) {
    for (struct tg_call *call = stack->top; call; call = call->parent) {
        TG_ADD(call->counters->depth, 1);
        call->resumed_ticks = now_ticks;
    }
}

/* Thousands of greenlets may rest at once, so they are kept in many lists. Roots are addresses of chunks of 16 KiB. */
static struct tg_stack **resting_list(struct tg_thread *thread, uintptr_t root) {
    return &thread->resting[(root ^ root >> 12 ^ root >> 20) % TG_RESTING_LISTS];
}

static void unlink_resting(struct tg_thread *thread, struct tg_stack *stack) {
    for (struct tg_stack **link = resting_list(thread, stack->root); *link; link = &(*link)->next) {
        if (*link == stack) {
            *link = stack->next;
            return;
        }
    }
}

/* A stack without calls has nothing to remember. The first one is part of the thread and is kept for the next need. */
static void put_to_rest(struct tg_thread *thread, struct tg_stack *stack) {
    if (stack->top) {
        struct tg_stack **list = resting_list(thread, stack->root);
        stack->next = *list;
        *list = stack;
    } else if (stack == &thread->first_stack) {
        stack->root = 0;
    } else {
        free(stack);
    }
}

static void switch_to(struct tg_thread *thread, struct tg_stack *stack, uint64_t now_ticks) {
    if (stack == thread->stack) {
        return;
    }
    unlink_resting(thread, stack);
    rest(thread->stack, now_ticks);
    put_to_rest(thread, thread->stack);
    wake(stack, now_ticks);
    thread->stack = stack;
    thread->stack_key = TG_STACK_KEY_UNKNOWN;
}

static struct tg_stack *find_resting(struct tg_thread *thread, uintptr_t root) {
    struct tg_stack *stack = *resting_list(thread, root);
    while (stack && stack->root != root) {
        stack = stack->next;
    }
    return stack;
}

static struct tg_stack *new_stack(struct tg_thread *thread) {
    bool first_is_free = thread->stack != &thread->first_stack && !thread->first_stack.top;
    return first_is_free ? &thread->first_stack : calloc(1, sizeof(struct tg_stack));
}

void tg_stack_switch_key(struct tg_thread *thread, uintptr_t key) {
    uintptr_t root = tg_tracer.stack_root ? tg_tracer.stack_root(key) : key;
    struct tg_stack *stack = thread->stack;
    if (stack->root != root) {
        struct tg_stack *known = find_resting(thread, root);
        if (known || stack->top) { /* else there is nothing to tell apart, and the running one takes the name */
            stack = known ? known : new_stack(thread);
        }
        if (stack) { /* no memory: the calls go on where they are */
            stack->root = root;
            switch_to(thread, stack, tg_clock_ticks(&tg_tracer.clock));
        }
    }
    thread->stack_key = key;
}

void tg_stack_leave_paused(struct tg_call *call) {
    struct tg_call *owner = call->paused_with;
    struct tg_call **link = &owner->above;
    while (*link != call && *link != owner) {
        link = &(*link)->parent;
    }
    if (*link == call) {
        *link = call->parent;
    }
    call->paused_with = NULL;
}

static void remove_paused(struct tg_call *call) {
    for (struct tg_call *above = call->above; above && above != call; above = above->parent) {
        above->paused_with = NULL;
    }
    if (call->paused_with) {
        tg_stack_leave_paused(call);
    }
}

/* Takes a call out of its stack. The call above goes on as one of the parent's, so its active time is split here. */
static void unlink_call(struct tg_call *call, uint64_t now_ticks, bool is_running) {
    struct tg_call *above = NULL;
    for (struct tg_call *other = call->stack->top; other != call; other = other->parent) {
        if (!other) {
            return;
        }
        above = other;
    }
    if (above) {
        above->parent = call->parent;
    } else {
        call->stack->top = call->parent;
    }
    if (above && is_running) {
        uint64_t segment_ticks = tg_ticks_between(above->resumed_ticks, now_ticks);
        above->active_ticks += segment_ticks;
        above->resumed_ticks = now_ticks;
        call->child_ticks += segment_ticks;
    }
}

/* A call of another thread: ended by whoever finalises what was running there. The lock keeps that thread from ending
 * meanwhile; where it has, its stacks and counters are no longer to be touched. */
static void remove_from_other_thread(struct tg_call *call, uint64_t now_ticks) {
    pthread_mutex_lock(&tg_tracer.lock);
    const struct tg_thread *owner = tg_tracer.threads;
    while (owner && owner->occupancy != call->occupancy) {
        owner = owner->next;
    }
    if (owner) {
        bool is_running = owner->stack == call->stack;
        unlink_call(call, now_ticks, is_running);
        if (is_running) {
            tg_call_stop(call, now_ticks);
        }
    } else {
        call->was_paused = true;
        call->outermost = true;
    }
    pthread_mutex_unlock(&tg_tracer.lock);
}

void tg_stack_remove(struct tg_call *call, uint64_t now_ticks) {
    struct tg_thread *thread = tg_this_thread;
    if (!call->stack) {
        remove_paused(call);
        return;
    }
    if (!thread || thread->occupancy != call->occupancy) {
        remove_from_other_thread(call, now_ticks);
    } else {
        switch_to(thread, call->stack, now_ticks);
        unlink_call(call, now_ticks, true);
        tg_call_stop(call, now_ticks);
    }
    call->stack = NULL;
}

void tg_stack_pause(struct tg_thread *thread, struct tg_call *call, uint64_t now_ticks) {
    struct tg_stack *stack = call->stack;
    switch_to(thread, stack, now_ticks);
    struct tg_call *top = stack->top;
    for (struct tg_call *above = top;; above = above->parent) {
        tg_call_stop(above, now_ticks);
        above->stack = NULL;
        above->was_paused = true;
        if (above == call) {
            break;
        }
        above->paused_with = call;
    }
    stack->top = call->parent;
    call->above = top == call ? NULL : top;
}
