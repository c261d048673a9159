/*
 * interrupt: reads the stack of a running thread of another process in one instant (instant.h), which proves that what
 * was read stood there together.
 *
 * There is no program counter; up to 3.12 the chain is checked in another way: tg_walk_has_entered(). What had not been
 * provided for, and so is not in the instant, makes the look one in vain. The thread's task is not looked for.
 *
 * Threads: all is called by one thread, the sampler's.
 */
#ifndef TG_INTERRUPT_H
#define TG_INTERRUPT_H

#include "sample/instant.h"
#include "sample/threads.h"
#include "sample/walk.h"

/* As tg_walk() of a stopped thread, which then runs on: its stack's mode is RUNNING. NOT_HELD: instants cannot be
 * taken here, or the thread was on no processor. */
enum tg_walk_result tg_interrupt_walk(struct tg_instant *instant, struct tg_walker *walker, struct tg_thread *thread);

#endif
