/*
 * handler: has a thread of this process look at its own stack, which is then at rest.
 *
 * For the one moment that reading from outside cannot settle: the thread that holds the interpreter's lock is sent a
 * SIGURG of its own, and the handler calls what the request names, on that thread. SIGURG because its default is to be
 * ignored: one that is still on its way at an exec() does no harm. The system calls that it breaks into go on
 * (SA_RESTART), but for those that never do, such as poll().
 *
 * One request is out at a time. It carries a number, so a signal that arrives after its request was given up finds
 * nothing to do. SIGURGs of others are passed on to the handler that was there before.
 *
 * Threads: install, remove, send, wait and give_up belong to one thread, the sampler's. tg_handler_is_ours() and the
 * counts are for any. What a request names runs in a signal handler: no allocation, no lock, errno is kept for it.
 */
#ifndef TG_HANDLER_H
#define TG_HANDLER_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tg_handler_request {
    pid_t tid;
    void (*look)(void *context, uint64_t pc); /* `pc`: of the instruction that the thread was about to execute */
    void *context;                            /* may be touched by nobody else until wait or give_up says so */
};

enum tg_handler_result {
    TG_HANDLER_DONE,     /* it has looked; what `context` holds may be read */
    TG_HANDLER_WAITING,  /* not yet: the thread has not run since, or cannot take the signal */
    TG_HANDLER_GONE,     /* there is no such thread any more */
    TG_HANDLER_BLOCKED,  /* the thread blocks SIGURG */
    TG_HANDLER_HIJACKED, /* somebody has put another handler for SIGURG in the place of ours */
    TG_HANDLER_LATE,     /* the thread could take the signal, but has not run for too long */
};

/* Since the process began; for the quality of what is sampled. */
struct tg_handler_counts {
    uint64_t sent;
    uint64_t done;
    uint64_t gone;
    uint64_t blocked;
    uint64_t hijacked;
    uint64_t late;
    uint64_t stale;     /* signals that arrived after their request was given up */
    uint64_t passed_on; /* SIGURGs of others */
};

/* Puts the handler in place; again is fine. */
TG_NODISCARD enum tg_status tg_handler_install(struct tg_error *err);

/* Puts back what was there before, unless somebody has put another in its place since. */
void tg_handler_remove(void);

/* Whether SIGURG is handled by us. */
bool tg_handler_is_ours(void);

/* Sends the signal. WAITING: it is on its way; GONE, HIJACKED: it is not. No request may be out. */
TG_NODISCARD enum tg_handler_result tg_handler_send(const struct tg_handler_request *request);

/* Waits for the request that is out, at most `patience_ns` (0: only looks). DONE, or still WAITING. */
TG_NODISCARD enum tg_handler_result tg_handler_wait(tg_ns patience_ns);

/* Why the request that is out cannot arrive: BLOCKED, HIJACKED, GONE; WAITING: it can. */
TG_NODISCARD enum tg_handler_result tg_handler_obstacle(void);

/* Whether a request is out. */
bool tg_handler_is_waiting(void);

/* Ends waiting. DONE: it has looked in this very moment; WAITING: it is looking now, ask again; else why not. */
TG_NODISCARD enum tg_handler_result tg_handler_give_up(void);

struct tg_handler_counts tg_handler_counts(void);

/* In a child, where no signal of the parent's arrives. The handler stays. */
void tg_handler_after_fork_in_child(void);

#endif
