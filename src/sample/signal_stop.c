/* signal_stop: see signal_stop.h. */
#include "sample/signal_stop.h"

#include "sample/handler.h"

#include <string.h>
#include <time.h>

/* A thread that runs answers within microseconds. One that was displaced from its processor answers when it is back,
 * which is worth waiting for: until then the stack stays as it is, and no other thread can run Python code. */
#define STEP_NS   INT64_C(5000000)
#define STEPS_MAX 20
/* A thread that was seen where it is about to change its stack is asked again a little later: asked at once, it would
 * not have moved. */
#define INSTANT_NS   30000
#define INSTANTS_MAX 8

/* A signal that arrives just after its thread has let go of the lock breaks into the system call that it did so for,
 * and not all of them go on. So only a thread is asked that has held the lock for a while, and is not about to let go.
 */
#define HELD_NS 100000

/* For a handler that runs: its thread may have been displaced, but it will be done. */
#define LOOKING_NS INT64_C(1000000000)

/* A handler does not allocate: so many frames find space at first, and twice as many where they do not. */
#define FIRST_FRAMES UINT32_C(4096)

/* A request, and what came of it. */
struct look {
    struct tg_walker *walker;
    struct tg_running_tasks *tasks;
    struct tg_thread *thread;
    uint64_t lock; /* the address of the interpreter's lock */
    enum tg_walk_result result;
};

/* Whether the thread holds the lock now. */
static bool has_lock(const struct look *look) {
    const struct tg_layout_gil *layout = &look->walker->process->layout.gil;
    uint8_t lock[TG_LAYOUT_MAX_READ_BYTES];
    uint64_t holder;
    int32_t locked;
    if (!tg_memory_read(&look->walker->process->memory, look->lock, lock, layout->size)) {
        return false;
    }
    memcpy(&locked, lock + layout->locked, sizeof locked);
    memcpy(&holder, lock + layout->holder, sizeof holder);
    return locked == 1 && holder == look->thread->address;
}

/* In the handler. The thread cannot let go of the lock while it is in here, so whether it had it is asked once. */
static void walk_own_stack(void *context, uint64_t pc) {
    struct look *look = context;
    look->result = tg_walk_own(look->walker, &look->thread->stack, look->lock, pc);
    if (look->result == TG_WALK_WHOLE) {
        tg_running_task_read(look->tasks, &look->thread->stack, &look->thread->task);
    }
}

/* Waits until nobody touches the request any more. */
static enum tg_handler_result finish(void) {
    enum tg_handler_result result = tg_handler_wait(STEP_NS);
    for (int i = 1; i < STEPS_MAX && result == TG_HANDLER_WAITING && tg_handler_obstacle() == TG_HANDLER_WAITING; i++) {
        result = tg_handler_wait(STEP_NS);
    }
    if (result == TG_HANDLER_WAITING) {
        result = tg_handler_give_up();
    }
    while (result == TG_HANDLER_WAITING) { /* it is looking */
        result = tg_handler_wait(LOOKING_NS);
    }
    return result;
}

static enum tg_walk_result result_of(struct look *look, enum tg_handler_result answer) {
    switch (answer) {
    case TG_HANDLER_DONE:
        if (look->result != TG_WALK_NOT_HELD) {
            return look->result;
        }
        look->thread->task.is_known = false;
        return tg_walk(look->walker, &look->thread->stack, TG_WALK_RUNNING, 0);
    case TG_HANDLER_BLOCKED:
    case TG_HANDLER_HIJACKED:
        return TG_WALK_REFUSED;
    default:
        return TG_WALK_NOT_HELD;
    }
}

/* One request, for as many frames as there is space for. */
static enum tg_walk_result ask(struct tg_sampler *sampler, struct tg_walker *walker, struct tg_thread *thread) {
    struct look look = {
        .walker = walker,
        .tasks = &sampler->tasks,
        .thread = thread,
        .lock = sampler->threads.gils[thread->gil].address,
        .result = TG_WALK_NOT_HELD,
    };
    struct tg_handler_request request = {.tid = thread->shown.tid, .look = walk_own_stack, .context = &look};
    if (has_lock(&look)) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = HELD_NS}, NULL);
    }
    if (!has_lock(&look)) {
        return result_of(&look, TG_HANDLER_DONE);
    }
    thread->stack.is_fixed = true;
    enum tg_handler_result answer = request.tid ? tg_handler_send(&request) : TG_HANDLER_GONE;
    answer = answer == TG_HANDLER_WAITING ? finish() : answer;
    thread->stack.is_fixed = false;
    return result_of(&look, answer);
}

static enum tg_walk_result ask_again(struct tg_sampler *sampler, struct tg_walker *walker, struct tg_thread *thread) {
    enum tg_walk_result result = ask(sampler, walker, thread);
    for (int i = 1; i < INSTANTS_MAX && tg_walk_is_passing(result); i++) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = i * INSTANT_NS}, NULL);
        result = ask(sampler, walker, thread);
    }
    return result;
}

static enum tg_walk_result walk(void *context, struct tg_walker *walker, struct tg_thread *thread) {
    struct tg_stack *stack = &thread->stack;
    enum tg_walk_result result = TG_WALK_DEEP;
    uint32_t capacity = stack->capacity < FIRST_FRAMES ? FIRST_FRAMES : stack->capacity;
    while (result == TG_WALK_DEEP && capacity <= TG_WALK_MAX_FRAMES) {
        if (stack->capacity < capacity && tg_stack_reserve(stack, capacity, NULL) != TG_OK) {
            break;
        }
        result = ask_again(context, walker, thread);
        capacity *= 2;
    }
    return result;
}

/* It has let itself go. */
static void let_go(void *context) {
    (void)context;
}

const struct tg_stop_ops tg_stop_by_signal = {.walk = walk, .let_go = let_go};
