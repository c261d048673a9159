/*
 * remote: has another process run a script in one of its threads, by the facility that CPython has for it since 3.14
 * (PEP 768, sys.remote_exec): the script's path is written beside the thread's state, and the thread told to look up
 * from its work. It does so as soon as it runs Python code; no code is injected.
 *
 * The thread is held while that is written, for a moment: its state is its own to free, so what is written lands there
 * and nowhere else.
 *
 * Threads: one, which must be the one that called tg_remote_open() (stop.h).
 */
#ifndef TG_REMOTE_H
#define TG_REMOTE_H

#include "base/attributes.h"
#include "base/error.h"
#include "sample/python_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where an order lies. */
struct tg_remote {
    const struct tg_python_process *process; /* borrowed */
    uint64_t thread;                         /* the address of its state, */
    uint64_t id;                             /* which has this number, never used twice */
    pid_t tid;
};

/* Chooses the thread: one that has the interpreter's lock within the next third of a second, else the main one.
 * TG_ERROR_UNSUPPORTED: a version that cannot do that. TG_ERROR_PERMISSION: the process refuses scripts. The messages
 * say what to do instead. */
TG_NODISCARD enum tg_status tg_remote_open(struct tg_remote *remote, const struct tg_python_process *process,
                                           struct tg_error *err);

/* Asks for the script, a path as that process sees it. TG_ERROR_BUSY: another one waits to be run, or the thread has
 * ended or cannot be held now. TG_ERROR_PERMISSION: it may not be held. */
TG_NODISCARD enum tg_status tg_remote_ask(const struct tg_remote *remote, const char *script, struct tg_error *err);

/* Takes the order back, unless the thread has begun to carry it out, or has ended. */
void tg_remote_withdraw(const struct tg_remote *remote);

#endif
