#include "sample/outside_stop.h"

#include "sample/interrupt.h"

#include <time.h>

/* Who was stopped while his stack is being changed is let go for a moment, so often. */
#define INSTANTS   4
#define INSTANT_NS 20000

static enum tg_walk_result hold_and_walk(struct tg_stop *stop, struct tg_walker *walker, struct tg_thread *thread) {
    uint64_t pc = 0, *wanted = tg_walker_needs_pc(walker) ? &pc : NULL;
    switch (tg_stop_hold(stop, thread->shown.tid, wanted)) {
    case TG_STOP_HELD:
        thread->rseq = tg_stop_rseq(stop);
        thread->rseq_tid = thread->shown.tid;
        return tg_walk(walker, &thread->stack, TG_WALK_STOPPED, pc);
    case TG_STOP_REFUSED:
        return TG_WALK_REFUSED;
    default:
        return TG_WALK_NOT_HELD;
    }
}

static enum tg_walk_result walk_held(struct tg_stop *stop, struct tg_walker *walker, struct tg_thread *thread) {
    enum tg_walk_result result = hold_and_walk(stop, walker, thread);
    for (int i = 0; i < INSTANTS && tg_walk_is_passing(result); i++) {
        tg_stop_release(stop);
        nanosleep(&(struct timespec){.tv_nsec = INSTANT_NS}, NULL);
        result = hold_and_walk(stop, walker, thread);
    }
    return result;
}

#if defined(__x86_64__)
#define CAN_DISPLACE 1
#else
#define CAN_DISPLACE 0
#endif

/* Whether a thread can be displaced, and its stack is all that is wanted: what had no name yet takes more time. */
static bool can_displace(const struct tg_sampler *sampler, const struct tg_thread *thread) {
    bool is_brief = !sampler->options.inspect && thread->result != TG_WALK_UNNAMED;
    return CAN_DISPLACE && is_brief && thread->rseq && thread->rseq_tid == thread->shown.tid;
}

/* Whether a thread can be read in an interrupt: its stack, and code whose name is known. */
static bool can_interrupt(const struct tg_sampler *sampler, const struct tg_thread *thread) {
    return !sampler->options.inspect && !sampler->tasks.is_found && thread->result != TG_WALK_UNNAMED;
}

static struct tg_instant *instant_of(struct tg_sampler *sampler) {
    return sampler->options.instant ? sampler->options.instant : &sampler->instant;
}

static struct tg_displacer *displacer_of(struct tg_sampler *sampler) {
    return sampler->options.displacer ? sampler->options.displacer : &sampler->displacer;
}

static enum tg_walk_result walk(void *context, struct tg_walker *walker, struct tg_thread *thread) {
    struct tg_sampler *sampler = context;
    if (!thread->shown.tid) {
        return TG_WALK_NOT_HELD;
    }
    if (can_interrupt(sampler, thread) && tg_interrupt_walk(instant_of(sampler), walker, thread) == TG_WALK_WHOLE) {
        return TG_WALK_WHOLE;
    }
    if (can_displace(sampler, thread)
        && tg_displacer_walk(displacer_of(sampler), walker, &sampler->tasks, thread) == TG_WALK_WHOLE) {
        return TG_WALK_WHOLE;
    }
    return walk_held(&sampler->stop, walker, thread);
}

static void let_go(void *context) {
    struct tg_sampler *sampler = context;
    tg_stop_release(&sampler->stop);
}

const struct tg_stop_ops tg_stop_from_outside = {.walk = walk, .let_go = let_go};
