/*
 * tracer_state: what the tracer's files share, and nobody else includes but a test that steps through them.
 *
 * Locks, in this order: fold_lock (thread 0's counts), lock (space of the recording, the registry, the thread list).
 * Everything a hot path reads changes only while no hot path can run (open, close, the child side of a fork) or belongs
 * to the reading thread.
 */
#ifndef TG_TRACER_STATE_H
#define TG_TRACER_STATE_H

#include "record/runtime.h"
#include "record/tracer.h"

#include <pthread.h>

/* No caller's key: look again. */
#define TG_STACK_KEY_UNKNOWN UINTPTR_MAX

struct tg_stack {
    uintptr_t root;
    struct tg_call *top;
    struct tg_stack *next; /* of the thread's other stacks that hold calls */
};

#define TG_RESTING_LISTS 256

struct tg_thread {
    struct tg_stack *stack;        /* the one that runs */
    uintptr_t stack_key;           /* the last one seen on it */
    struct tg_counters **counters; /* by function; NULL: not yet called here */
    uint32_t counters_capacity;
    uint64_t occupancy; /* generation << 32 | serial number */
    struct tg_thread_entry *entry;
    struct tg_stack *resting[TG_RESTING_LISTS]; /* other stacks that hold calls, by root (tracer_stack.c) */
    struct tg_stack first_stack;
    struct tg_thread *next;
};

struct tg_tracer {
    struct tg_clock clock;
    _Atomic uint64_t look_ticks; /* when the next call is to look whether hooks are on */
    _Atomic bool is_off;
    struct tg_recording recording;
    uintptr_t (*stack_root)(uintptr_t key);
    uint64_t generation; /* of the recording: open and fork begin a new one */
    bool open;
    bool alone;                          /* no child makes one */
    bool inherited;                      /* a fork took the recording away: the next call makes one */
    struct tg_recording_options options; /* its strings are those below: a forked child needs them again */
    char service[128];
    char service_version[64];
    char program[512];
    char store_url[sizeof((struct tg_header *)0)->store_url];
    uint8_t run_uuid[16];
    char switch_path[TG_RUNTIME_PATH_SIZE]; /* of the file that turns hooks off; "": the recording has no directory */
    _Atomic int64_t look_ns;                /* look_ticks by the monotonic clock */
    char parent_path[sizeof((struct tg_recording *)0)->path]; /* of the recording that a fork took away */
    void (*reopened)(void);                                   /* may be NULL; see struct tg_tracer_description */
    struct tg_function_registry registry;
    struct tg_thread *threads;
    uint64_t occupancy_serial;
    struct tg_thread_entry *ended; /* thread 0 */
    uint32_t spare_counters;       /* place of a cleared block for the next hand-over, or none */
    uint32_t free_entries;         /* thread entries without a thread */
    bool prepared;                 /* key and fork handlers are set up, once for the process */
    pthread_key_t thread_key;
    pthread_mutex_t fold_lock;
    pthread_mutex_t lock;
};

/* Kept out of the functions that call it, which then need neither its registers nor its stack. */
#define TG_SELDOM __attribute__((cold, noinline))

extern struct tg_tracer tg_tracer;

#if defined(__GNUC__) && defined(__PIC__)
#define TG_THREAD_LOCAL _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define TG_THREAD_LOCAL _Thread_local
#endif
extern TG_THREAD_LOCAL struct tg_thread *tg_this_thread;

/* Calls between two attempts to get space that was refused. */
#define TG_RETRY_CALLS 1024

/* tracer_process.c, with the lock held: the recording of a forked child, if this is one. False: there is none. */
bool tg_tracer_reopen(void);

/* tracer_switch.c: whether hooks are off. Looks now and then; to be asked when look_ticks has come, and with every call
 * while they are off. */
TG_SELDOM bool tg_switch_look(void);
/* For a new recording. */
void tg_switch_reset(void);

/* tracer_thread.c: the calling thread's state with counters for `function`, or NULL when there is no space even for the
 * thread; the caller counts what that loses. */
TG_SELDOM struct tg_thread *tg_thread_prepare(uint32_t function);
TG_SELDOM void tg_thread_count_unrecorded(void);
/* Frees a thread's state. Calls that are still on its stacks are told by their occupancy, and never look at them. */
void tg_thread_free(struct tg_thread *thread);
/* A block as a function's first call finds it; its histogram, if any, is kept and emptied. */
void tg_counters_clear(struct tg_counters *counters, uint32_t function);
/* Where a block's buckets may be other than 0: between those of its extremes, which are few of the many. */
struct tg_bucket_range {
    unsigned first;
    unsigned end;
};
struct tg_bucket_range tg_counters_range(const struct tg_counters *counters);
/* The slot for the place of a function's block in a thread entry, or NULL when there is no space for the table. The
 * lock is held. */
tg_place *tg_counters_slot(struct tg_thread_entry *entry, uint32_t function);
/* Gives a block of this thread its histogram; the call before is included when it was the only one. False: there is
 * none to be had. */
TG_SELDOM bool tg_thread_add_buckets(struct tg_counters *counters, uint32_t function);
/* Adds to a bucket that stands at its largest value. */
TG_SELDOM void tg_thread_carry(struct tg_counters *counters, unsigned bucket);

/* tracer_fold.c: thread-specific-data destructor. */
void tg_thread_end(void *ending);

/* tracer_stack.c: makes the stack of `key` the one that runs. */
TG_SELDOM void tg_stack_switch_key(struct tg_thread *thread, uintptr_t key);
/* Takes a call out of wherever it stands, when it is not simply the top of the running stack. */
void tg_stack_remove(struct tg_call *call, uint64_t now_ticks);
/* Pauses `call` of this thread and, with it, what stands above it on its stack. */
void tg_stack_pause(struct tg_thread *thread, struct tg_call *call, uint64_t now_ticks);
/* A call that was paused with another one goes its own way. */
void tg_stack_leave_paused(struct tg_call *call);

/* Relaxed access: each field has one writer, and readers go by the sequence (format.h). */
#define TG_LOAD(FIELD)         atomic_load_explicit(&(FIELD), memory_order_relaxed)
#define TG_STORE(FIELD, VALUE) atomic_store_explicit(&(FIELD), (VALUE), memory_order_relaxed)
#define TG_ADD(FIELD, VALUE)   TG_STORE((FIELD), TG_LOAD(FIELD) + (VALUE))

#define TG_LIKELY(CONDITION)   __builtin_expect(!!(CONDITION), 1)
#define TG_UNLIKELY(CONDITION) __builtin_expect(!!(CONDITION), 0)

static inline uint64_t tg_ticks_between(uint64_t start, uint64_t end) {
    /* A clock may step back between processors, and a thread's processor time differs from another thread's. */
    return TG_LIKELY(end > start) ? end - start : 0;
}

/* Ends the active time that runs in `call`, which leaves the stack that runs. */
static inline void tg_call_stop(struct tg_call *call, uint64_t now_ticks) {
    uint64_t segment_ticks = tg_ticks_between(call->resumed_ticks, now_ticks);
    call->active_ticks += segment_ticks;
    if (call->parent) {
        call->parent->child_ticks += segment_ticks;
    }
    uint32_t depth = TG_LOAD(call->counters->depth) - 1;
    TG_STORE(call->counters->depth, depth);
    call->outermost = depth == 0;
}

#endif
