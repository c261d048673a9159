/*
 * displace: has a thread of another process rest for a moment, without a stop: a thread of ours takes the processor
 * that it runs on, reads its stack there, and goes to sleep again.
 *
 * That it rested is proven by where it runs. The kernel tells a thread its processor before the thread goes on there
 * (struct rseq). Ours has not left its processor meanwhile (getrusage() counts every switch), and the last word that
 * the thread had of the kernel, which is read last, is still our processor: so it has not gone on, neither here, where
 * we were, nor elsewhere. That needs stores to be seen in their order, so it is done on x86-64 only; a program that
 * writes into the kernel's struct deceives itself. One that did go on has to be stopped by the caller.
 *
 * It rests for as long as it takes to read its stack. Since 3.12, code that has been known for long is compared with
 * what is known when it has gone on; other code, and its task, are read while it rests.
 *
 * Of a displaced thread there is no program counter. Up to 3.12, where a new C frame is current for some instructions
 * before the Python frame is in it, the chain is checked in another way: tg_walk_has_entered().
 *
 * Threads: all is called by one thread, the sampler's; it starts the one that displaces. That one runs for microseconds
 * at a time, and does nothing unless it is asked.
 */
#ifndef TG_DISPLACE_H
#define TG_DISPLACE_H

#include "sample/slot.h"
#include "sample/threads.h"
#include "sample/walk.h"

#include <pthread.h>
#include <sched.h>

/* Zeros are one that has not begun. */
struct tg_displacer {
    struct tg_slot slot;
    pthread_t thread;
    bool has_begun;
    cpu_set_t everywhere; /* where ours may run */
    int processor;        /* that it is pinned to; -1 none */

    /* The request. */
    struct tg_walker *walker;
    struct tg_running_tasks *tasks;
    struct tg_thread *target;
    bool is_end;
    bool has_rested;
    enum tg_walk_result result;
};

/* As tg_walk() of a stopped thread, which then runs on: its stack's mode is RUNNING. NOT_HELD: it did not rest.
 * `thread->task` is known afterwards if it was read, which it is where there are tasks. */
enum tg_walk_result tg_displacer_walk(struct tg_displacer *displacer, struct tg_walker *walker,
                                      struct tg_running_tasks *tasks, struct tg_thread *thread);

/* A second call is fine. */
void tg_displacer_end(struct tg_displacer *displacer);

#endif
