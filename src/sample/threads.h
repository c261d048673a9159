/*
 * threads: the threads of a process that run Python, its interpreters, and their locks.
 *
 * The lists are CPython's own, read without its lock: who changes them holds a lock of the interpreter (GIL), so they
 * are listed anew when a GIL has changed hands and what was read no longer hangs together.
 *
 * A GIL counts how often it went from one thread to another. While that number and its last holder are the same, no
 * other thread of its interpreters has run Python code: their stacks are as they were.
 *
 * Threads: belongs to one thread. Addresses are the target's.
 */
#ifndef TG_THREADS_H
#define TG_THREADS_H

#include "profile/symbol.h"
#include "sample/calm.h"
#include "sample/escapes.h"
#include "sample/running_task.h"
#include "sample/thread_clock.h"
#include "sample/thread_names.h"
#include "sample/walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Beyond these, threads are not sampled; how many were left out, at least, is counted. */
#define TG_THREADS_LISTED_MAX 4096
#define TG_INTERPRETERS_MAX   256

#define TG_THREAD_NAME_BYTES 64

/* What is told about a thread. */
struct tg_sampled_thread {
    pid_t tid;           /* as this process sees it; 0 not known */
    uint64_t id;         /* CPython's; never used twice in a process */
    int64_t interpreter; /* 0: the main one */
    char name[TG_THREAD_NAME_BYTES];
};

struct tg_gil {
    uint64_t address;
    uint64_t holder; /* the thread state that has it, or had it last */
    uint64_t switch_number;
    bool is_locked;
    bool is_sought;         /* the threads were listed to find out who this is, in vain: */
    uint64_t sought_holder; /* its `holder`, and ... */
    uint64_t sought_number; /* ... its `switch_number` then */
    uint32_t copy;          /* in the walker's bytes */
    uint32_t again;         /* likewise, read at the end of the batch */
};

struct tg_interpreter_state {
    uint64_t address;
    int64_t id;
    uint32_t gil;
    uint64_t first; /* its newest thread */
    uint64_t next;
    uint32_t copy;
};

struct tg_thread {
    struct tg_sampled_thread shown;
    uint64_t native_id; /* as its state says; for a moment, that of the thread which starts it (3.11) */
    uint64_t ident;     /* pthread_self(), by which the program knows it; likewise */
    uint8_t unnamed;    /* times that the program's name for it is still to be asked for */
    uint64_t address;   /* of its state */
    uint64_t next;      /* in its interpreter's list */
    uint32_t gil;
    bool is_listed;       /* the listing's own */
    const uint8_t *state; /* likewise: as just read; NULL: it was not */
    struct tg_stack stack;
    struct tg_running_task task; /* as it was when the stack was read; in the end named, whatever its name is */
    struct tg_thread_clock clock;
    pid_t number;              /* `shown.tid` as its process counts, in its own PID namespace */
    int processor;             /* that it was found on last; -1: it was not looked for */
    pid_t rseq_tid;            /* the thread that has this: */
    uint64_t rseq;             /* tg_stop_rseq() of it */
    struct tg_escapes missed;  /* from interrupts */
    struct tg_escapes escapes; /* from being displaced */
    uint32_t prompt_count;     /* displace.c's own: at so many looks all of its code is read while it rests */
    bool has_clock;

    /* What the sampler keeps. */
    bool is_due;                /* to be read in this sample */
    bool is_read;               /* its stack is known, from this sample or an earlier one since which it rests */
    bool is_planned;            /* in the batch under way */
    bool was_stopped;           /* for this sample */
    bool was_displaced;         /* likewise */
    bool was_interrupted;       /* likewise */
    bool has_rested;            /* since the sample before */
    struct tg_calm calm;        /* whether it is tried without a stop */
    enum tg_walk_result result; /* of the walk under way, or the last one: why it is not read */
    tg_ns clock_ns;             /* as read last */
    tg_ns owed_ns;              /* of it, not yet part of a sample */
    tg_ns carried_ns;           /* of it, from before the thread was found waiting, */
    tg_ns waited_ns;            /* when the clock of its whole process said this */
    struct tg_frame *frames;    /* resolved, the outermost first */
    uint32_t frame_count;
    uint32_t frame_capacity;
    uint64_t named_walk; /* `frames` are those of the stack's whole walk of this number; 0: of none */
};

struct tg_threads {
    const struct tg_python_process *process; /* borrowed */
    struct tg_thread **items;                /* in the order in which they were listed last */
    size_t count;
    struct tg_thread **listed; /* of the listing under way */
    size_t listed_count;
    struct iovec *pieces; /* the listing's own: the states of all threads known, */
    uint8_t *states;      /* and what was read of them: */
    size_t next;          /* where the next one is looked for first */
    struct tg_gil *gils;
    size_t gil_count;
    struct tg_interpreter_state *interpreters;
    size_t interpreter_count;
    uint64_t seen_count; /* threads, since the beginning */
    uint64_t left_out;   /* threads beyond the maximum, at the last listing */
    bool has_new;        /* threads whose name is still to be asked for */
    struct tg_thread_names names;
    uint32_t head_copy; /* of the list of interpreters, in the walker's bytes */
    bool has_own_pids;  /* the target has numbers of its own for its threads */
};

TG_NODISCARD enum tg_status tg_threads_init(struct tg_threads *threads, const struct tg_python_process *process,
                                            struct tg_error *err);
void tg_threads_release(struct tg_threads *threads);

/* Lists interpreters and threads. Those known before keep what is known of them. False: what is there does not hang
 * together, now. */
bool tg_threads_list(struct tg_threads *threads);

/* Gives threads the names that the program has for them: all, or those that have none of it yet, which is quick where
 * there are many others. Until then, and where it has none, they have the system's. */
void tg_threads_name(struct tg_threads *threads, bool all);

struct tg_thread *tg_threads_find(const struct tg_threads *threads, uint64_t address);

/* Adds the GILs, at its beginning or once more at its end, or the lists' heads to a batch. */
bool tg_threads_plan_gils(struct tg_threads *threads, struct tg_walker *walker);
bool tg_threads_plan_gils_again(struct tg_threads *threads, struct tg_walker *walker);
bool tg_threads_plan_lists(struct tg_threads *threads, struct tg_walker *walker);

/* What the batch says of a GIL; `copy` is its `copy` or `again`. */
struct tg_gil tg_gil_read(const struct tg_threads *threads, const struct tg_walker *walker, const struct tg_gil *gil,
                          uint32_t copy);
/* Whether no other thread took it between two readings. */
static inline bool tg_gil_stayed(const struct tg_gil *before, const struct tg_gil *after) {
    return before->holder == after->holder && before->switch_number == after->switch_number;
}
/* Whether the heads read in a batch are those that were listed. */
bool tg_threads_are_current(const struct tg_threads *threads, const struct tg_walker *walker);
/* Whether the state that was read is still the one of that thread, and not another's at the same address. */
bool tg_thread_is_same(const struct tg_threads *threads, const struct tg_walker *walker,
                       const struct tg_thread *thread);

/* Whether no other state has the same thread of the system, so that it is known which one of them it runs. */
bool tg_thread_is_alone(const struct tg_threads *threads, const struct tg_thread *thread);

/* Whether a thread state read in a batch is the one that was listed, where it was listed. */
bool tg_thread_is_current(const struct tg_threads *threads, const struct tg_walker *walker,
                          const struct tg_thread *thread);

#endif
