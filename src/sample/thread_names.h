/*
 * thread_names: what the program calls its threads, threading.Thread.name. The system knows these names only since
 * Python 3.14, so they are read out of threading._active, a dict of the thread's ident (pthread_self()) to its Thread.
 *
 * It is followed while the program goes on, through a module's and an instance's dict. A name is given only when the
 * entry that led to it was the same before and after, and is text either way; what is torn is left out and turns up
 * the next time. A program that never imported threading has no names.
 *
 * Threads: one; it allocates, so it is not for signal handlers. The first look at a process finds the dict (hundreds of
 * reads), later ones begin there.
 */
#ifndef TG_THREAD_NAMES_H
#define TG_THREAD_NAMES_H

#include "sample/python_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer names are cut. */
#define TG_PYTHON_THREAD_NAME_BYTES 128

struct tg_thread_names {
    const struct tg_python_process *process; /* borrowed */
    uint64_t active;                         /* the dict, once found */
    uint64_t dict_type;                      /* its type, which an object at its address must still have */
};

/* One thread of the program; `ident` is what PyThreadState.thread_id says. */
typedef void tg_thread_name_visit(void *context, uint64_t ident, const char *name);

/* `process` is borrowed for as long as the names are used. */
void tg_thread_names_init(struct tg_thread_names *names, const struct tg_python_process *process);

/* Whether a thread's name is asked for. */
typedef bool tg_thread_name_wanted(void *context, uint64_t ident);

/* Calls `visit` for each thread of the main interpreter that is wanted (NULL: all) and whose name could be read.
 * Returns how many. A name takes some ten reads; one that is not wanted a fraction of one. */
size_t tg_thread_names_read(struct tg_thread_names *names, tg_thread_name_wanted *wanted, tg_thread_name_visit *visit,
                            void *context);

#endif
