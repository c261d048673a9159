/*
 * stop: holds one thread of another process for the moment in which its stack is read.
 *
 * The thread is seized, interrupted, and let go again each time, with the signal that was on its way to it: a thread
 * that stayed seized would freeze at its next signal until somebody looks. It runs on when we are killed while it is
 * held, and a terminal's signals that suspend us (Ctrl-Z) wait until we hold nobody. SIGSTOP does not wait: who is held
 * then stays so until we go on or are killed. What cannot be stopped at once, in an uninterruptible sleep, is let go
 * when it stops at last, and the end of one that is killed while it is held is taken note of, for which its parent has
 * to wait; see tg_stop_settle().
 *
 * Threads: one thread of ours, which is the tracer, calls all of it, for as many stops as it likes. Nobody else in this
 * process may wait for the target or for any child (waitpid(-1)) but with __WNOTHREAD, or he takes away what tells of
 * the stop.
 */
#ifndef TG_STOP_H
#define TG_STOP_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tg_stop {
    pid_t process;  /* whose threads are held; 0: one of them that executes another program may stay traced */
    pid_t held;     /* the thread that is stopped; 0 none */
    pid_t pending;  /* the thread that was asked to stop, or killed when held, and has not stopped or ended; 0 none */
    int signal;     /* that it gets when it is let go */
    bool is_steady; /* for this one we are not to be suspended now */
};

enum tg_stop_result {
    TG_STOP_HELD,
    TG_STOP_LATE,    /* it does not stop now, or another one has not stopped yet */
    TG_STOP_REFUSED, /* no right to, or somebody else traces it; errno says which */
    TG_STOP_GONE,
};

/* Stops a thread. HELD: *pc is the instruction that it is about to execute, 0 when that is not known; may be NULL. */
TG_NODISCARD enum tg_stop_result tg_stop_hold(struct tg_stop *stop, pid_t tid, uint64_t *pc);

/* Where the thread that is held has the kernel tell it the processor that it runs on: its struct rseq, as it or the C
 * library for it has registered it; 0: nowhere, or that is not known. */
uint64_t tg_stop_rseq(const struct tg_stop *stop);

/* Lets it go. Who was killed meanwhile is late, too. */
void tg_stop_release(struct tg_stop *stop);

/* Lets go who was late, if he has stopped or ended by now. False: not yet. */
bool tg_stop_settle(struct tg_stop *stop);

/* Lets go of all. Who is late has a moment to stop; then tg_stop_look_after() has to be called. */
void tg_stop_end(struct tg_stop *stop);

/* Lets go of whom stops of this thread have left since they were late, as far as they have stopped or ended by now. So
 * does tg_stop_settle(). The kernel does when this thread ends. */
void tg_stop_look_after(void);

#endif
