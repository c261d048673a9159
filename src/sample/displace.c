#include "sample/displace.h"

#include <linux/rseq.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_BYTES ((size_t)256 << 10)

/* Who runs is displaced within microseconds. Where that takes longer the thread itself may have chosen the moment, such
 * as a system call, and samples would be of such moments: then it is not worth the wait. */
#define PATIENCE_NS INT64_C(100000)
/* For a look that is under way. Then ours has been displaced itself, and goes on elsewhere. */
#define LOOKING_NS INT64_C(1000000)

/* The shortest slice that there is. */
#define SLICE_NS UINT64_C(100000)

/* After code that was left for later was in vain, so many looks leave none. */
#define PROMPT_LOOKS 128

/* --- The thread that displaces --- */

/* How often the calling thread has left its processor. */
static long departures(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw + usage.ru_nivcsw : -1;
}

/* Where a thread is told the processor that it went on at last. */
static uint64_t processor_place(const struct tg_thread *thread) {
    return thread->rseq + offsetof(struct rseq, cpu_id);
}

static int processor_in(const uint8_t *copy) {
    uint32_t processor;
    memcpy(&processor, copy, sizeof processor);
    return processor < CPU_SETSIZE ? (int)processor : -1;
}

/* The processor that a thread went on at last, as the kernel told it; -1 not known. */
static int processor_of(const struct tg_walker *walker, const struct tg_thread *thread) {
    uint8_t copy[sizeof(uint32_t)];
    atomic_thread_fence(memory_order_seq_cst); /* what was read before was there before */
    bool is_known = tg_memory_read(&walker->process->memory, processor_place(thread), copy, sizeof copy);
    return is_known ? processor_in(copy) : -1;
}

/* Whether what is left to prove can wait until the target goes on, and costs it nothing. Not for a task, which is read
 * of a whole stack and at rest; and not where it was in vain a while ago. */
static bool can_be_late(const struct tg_displacer *displacer) {
    const struct tg_thread *target = displacer->target;
    return !displacer->tasks->is_found && target->prompt_count == 0
           && tg_walk_can_be_late(displacer->walker, &target->stack);
}

/* What there is to know of a stack that was followed. */
static enum tg_walk_result end_walk(struct tg_displacer *displacer, enum tg_walk_result result, bool *reads) {
    struct tg_walker *walker = displacer->walker;
    struct tg_thread *target = displacer->target;
    bool is_unproven = result == TG_WALK_UNPROVEN;
    if ((is_unproven || result == TG_WALK_WHOLE) && !tg_walk_has_entered(walker, &target->stack)) {
        return TG_WALK_PC;
    }
    if (is_unproven && !can_be_late(displacer)) {
        *reads = true;
        result = tg_walk_prove(walker, &target->stack);
    }
    if (result == TG_WALK_WHOLE && tg_running_task_read(displacer->tasks, &target->stack, &target->task)) {
        *reads = true;
    }
    return result;
}

/* Reads the target's stack, and after all else its processor: as a rule in one system call, which takes one piece after
 * the other, each with a locked operation on its pages. */
static enum tg_walk_result read_target(struct tg_displacer *displacer, int *processor) {
    struct tg_walker *walker = displacer->walker;
    struct tg_thread *target = displacer->target;
    struct tg_stack *stack = &target->stack;
    if (!stack->is_learned && !tg_stack_learn(walker, stack)) {
        return TG_WALK_UNREADABLE;
    }
    tg_walker_begin(walker);
    bool fits = tg_walk_plan(walker, stack, TG_WALK_STOPPED) && tg_walk_plan_entry(walker, stack);
    uint32_t copy = fits ? tg_walker_add(walker, processor_place(target), sizeof(uint32_t)) : UINT32_MAX;
    size_t planned = walker->byte_count;
    if (copy == UINT32_MAX) {
        return TG_WALK_DEEP;
    }
    bool reads = !tg_walker_read(walker);
    enum tg_walk_result result = end_walk(displacer, tg_walk_follow(walker, stack), &reads);
    reads = reads || walker->byte_count != planned;
    *processor = reads ? processor_of(walker, target) : processor_in(walker->bytes + copy);
    return result;
}

static void look(struct tg_displacer *displacer) {
    struct tg_stack *stack = &displacer->target->stack;
    long before = departures();
    int processor = -1;
    enum tg_walk_result result = read_target(displacer, &processor);
    if (result != TG_WALK_WHOLE && result != TG_WALK_UNPROVEN && !stack->is_learned) {
        result = read_target(displacer, &processor); /* its chunks were not where they were */
    }
    displacer->result = result;
    displacer->has_rested = processor >= 0 && processor == sched_getcpu() && before >= 0 && departures() == before;
}

/* Has the scheduler prefer the calling thread to who runs: since Linux 6.12 a thread that only ever takes short slices
 * may displace one in the middle of its own. Where that is not known nothing changes. */
static void ask_for_short_slices(void) {
    struct { /* sched_attr of <linux/sched/types.h>, which is at odds with <sched.h> */
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } attributes = {.size = sizeof attributes, .policy = SCHED_OTHER, .runtime_ns = SLICE_NS};
    attributes.nice = getpriority(PRIO_PROCESS, 0);
    if (sched_getscheduler(0) == SCHED_OTHER) {
        syscall(SYS_sched_setattr, 0, &attributes, 0);
    }
}

static void *run(void *context) {
    struct tg_displacer *displacer = context;
    bool is_end = false;
    prctl(PR_SET_NAME, "displacer");
    ask_for_short_slices();
    while (!is_end) {
        uint32_t number = tg_slot_take_next(&displacer->slot);
        is_end = displacer->is_end;
        if (!is_end) {
            look(displacer);
        }
        tg_slot_finish(&displacer->slot, number);
    }
    return NULL;
}

/* --- The sampler's thread --- */

/* Lets ours run anywhere: who is pinned to a processor may wait there for long. */
static void unpin(struct tg_displacer *displacer) {
    pthread_setaffinity_np(displacer->thread, sizeof displacer->everywhere, &displacer->everywhere);
    displacer->processor = -1;
}

static bool ask(struct tg_displacer *displacer) {
    (void)tg_slot_send(&displacer->slot);
    enum tg_slot_state state = tg_slot_wait(&displacer->slot, PATIENCE_NS);
    if (state != TG_SLOT_DONE && tg_slot_withdraw(&displacer->slot)) {
        return false;
    }
    while (state != TG_SLOT_DONE) {
        state = tg_slot_wait(&displacer->slot, LOOKING_NS);
        if (state != TG_SLOT_DONE) {
            unpin(displacer);
        }
    }
    return true;
}

/* Its signals are the program's affair. */
static bool begin(struct tg_displacer *displacer) {
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    displacer->processor = -1;
    displacer->has_begun = sched_getaffinity(0, sizeof displacer->everywhere, &displacer->everywhere) == 0
                           && pthread_create(&displacer->thread, &attributes, run, displacer) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return displacer->has_begun;
}

/* Sends ours to where the thread runs. False: it may not run there. */
static bool place(struct tg_displacer *displacer, int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (processor < 0) {
        return false;
    }
    CPU_SET(processor, &set);
    return pthread_setaffinity_np(displacer->thread, sizeof set, &set) == 0;
}

/* Whether ours is where the thread ran last. */
static bool is_placed(struct tg_displacer *displacer, const struct tg_walker *walker, const struct tg_thread *thread) {
    if (!displacer->has_begun && !begin(displacer)) {
        return false;
    }
    int processor = processor_of(walker, thread);
    if (processor != displacer->processor) {
        displacer->processor = place(displacer, processor) ? processor : -1;
    }
    return displacer->processor >= 0;
}

/* Whoever is on the thread's processor already has displaced it. */
static bool look_or_ask(struct tg_displacer *displacer) {
    if (sched_getcpu() == displacer->processor) {
        look(displacer);
        return true;
    }
    return ask(displacer);
}

/* Where it is in vain, short-lived code lies where code used to lie for long, and the next looks do not wait. */
static enum tg_walk_result prove_late(const struct tg_displacer *displacer) {
    struct tg_thread *target = displacer->target;
    enum tg_walk_result result = tg_walk_prove_late(displacer->walker, &target->stack);
    if (result != TG_WALK_WHOLE) {
        target->prompt_count = PROMPT_LOOKS;
    }
    return result;
}

static enum tg_walk_result displace(struct tg_displacer *displacer) {
    displacer->has_rested = false;
    bool has_looked = is_placed(displacer, displacer->walker, displacer->target) && look_or_ask(displacer);
    if (!has_looked || !displacer->has_rested) {
        return TG_WALK_NOT_HELD;
    }
    return displacer->result == TG_WALK_UNPROVEN ? prove_late(displacer) : displacer->result;
}

enum tg_walk_result tg_displacer_walk(struct tg_displacer *displacer, struct tg_walker *walker,
                                      struct tg_running_tasks *tasks, struct tg_thread *thread) {
    if (tg_escapes_refuse(&thread->escapes)) {
        return TG_WALK_NOT_HELD;
    }
    displacer->walker = walker;
    displacer->tasks = tasks;
    displacer->target = thread;
    thread->task.is_known = false;
    thread->prompt_count -= thread->prompt_count > 0;
    enum tg_walk_result result = displace(displacer);
    bool was_in_vain = thread->prompt_count == PROMPT_LOOKS; /* it did rest */
    thread->was_displaced = result == TG_WALK_WHOLE;
    tg_escapes_note(&thread->escapes, thread->was_displaced || was_in_vain);
    if (thread->was_displaced) {
        thread->stack.mode = TG_WALK_RUNNING;
    } else {
        thread->task.is_known = false; /* what was read, if anything, is of no moment */
    }
    return result;
}

void tg_displacer_end(struct tg_displacer *displacer) {
    if (displacer->has_begun) {
        displacer->has_begun = false;
        displacer->is_end = true;
        unpin(displacer);
        (void)tg_slot_send(&displacer->slot);
        pthread_join(displacer->thread, NULL);
        displacer->is_end = false;
        tg_slot_reset(&displacer->slot);
    }
}
