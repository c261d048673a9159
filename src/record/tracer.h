/*
 * tracer: the life of a timed call, from enter to exit. It knows nothing of Python.
 *
 * There is one tracer in a process, because there is one recording. A call is a struct tg_call in the caller's memory
 * that lives from enter to exit; what it measured goes into the counters of (function, thread) in the recording.
 *
 *   total       exit - enter
 *   active      total without the times between pause and resume
 *   self        active without the active time of timed calls made from this one
 *   cumulative  total, of calls that left the stack while no other call of the function was on it
 * With the cpu clock total is active: a pause has no processor time of its own.
 *
 * Calls nest on a *stack*. A thread has one, and one more for each greenlet; which of them runs is told by a stack key,
 * any number but UINTPTR_MAX that differs whenever the stack does and may also change on the same one (the caller's
 * stack_root turns keys into what identifies the stack). The calls of a stack that does not run are not active. A
 * paused call is on no stack, and may be resumed on another, in another thread.
 *
 * Hot path: enter, exit, pause and resume take no lock and allocate nothing, except the first time a thread calls a
 * function, when space is reserved for the pair. They cannot fail: what finds no space is counted as such.
 *
 * Threads: any thread may call anything at any time after tg_tracer_open(), but the calls of one stack are for one
 * thread at a time, and so are the calls of a paused one (Python's lock sees to that). Fork: the child has no recording
 * until its first timed call, which makes one; calls begun before the fork record nothing in the child. Interpreter
 * shutdown: nothing to do, the recording is complete at every moment.
 */
#ifndef TG_TRACER_H
#define TG_TRACER_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "record/event_log.h"
#include "record/function_registry.h"
#include "record/recording.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_stack;

/* Opaque; here so that callers can hold it in their own memory. Zero-filled means: records nothing. */
struct tg_call {
    uint64_t started_ticks;
    uint64_t resumed_ticks; /* start of the active time now running */
    uint64_t active_ticks;  /* of the active times before that */
    uint64_t child_ticks;   /* active time of timed calls made from here */
    struct tg_counters *counters;
    struct tg_stack *stack; /* NULL: paused */
    struct tg_call *parent; /* the call below on the same stack */
    struct tg_call *above;  /* paused: calls that were paused with this one, top first */
    struct tg_call *paused_with;
    uint64_t occupancy; /* of the thread in which the call ran last */
    uint32_t function;
    bool outermost;
    bool was_paused;
};

struct tg_tracer_options {
    struct tg_recording_options recording;
    struct tg_clock clock;
    /* What identifies the stack that `key` belongs to; NULL: the key itself. Called without a lock. */
    uintptr_t (*stack_root)(uintptr_t key);
    bool alone; /* forked children record nothing */
};

/* Opens the process's recording. `note` as in tg_recording_open(). The strings of the options are copied. A second
 * open without a close is TG_ERROR_EXISTS. */
TG_NODISCARD enum tg_status tg_tracer_open(const struct tg_tracer_options *options, struct tg_error *note,
                                           struct tg_error *err);
/* For tests: lets the recording go, forgets functions and threads. No call may be active. */
void tg_tracer_close(void);
bool tg_tracer_is_open(void);

/* What may change while the process lives; forked children inherit it. The strings are copied; NULL: as it was. */
struct tg_tracer_description {
    const char *service;
    const char *service_version;
    const char *store_url;
    tg_ns interval_ns;
    /* Called in a forked child once its first timed call, or tg_tracer_continue(), has made its recording: from within
     * that, with no lock of the tracer. */
    void (*reopened)(void);
};
void tg_tracer_describe(const struct tg_tracer_description *description);

/* The function's id, for tg_tracer_enter(); TG_FUNCTION_OVERFLOW past the limits (counted). */
uint32_t tg_tracer_function(const struct tg_function_source *source);

/* The function of that name runs other code from now on (code_hash, line); ignored where there is none. */
void tg_tracer_function_changed(const struct tg_function_source *source);

/* Something happened to this process: kept with the recording, where there is one. A longer text is cut. */
void tg_tracer_event(enum tg_event_kind kind, const char *text, size_t length);

void tg_tracer_enter(struct tg_call *call, uint32_t function, uintptr_t stack_key);
/* `failed`: the call ends with an exception; not believed of a paused call. */
void tg_tracer_exit(struct tg_call *call, bool failed);
/* The same, sooner, of most calls that do not fail. False: nothing has happened, tg_tracer_exit() is due. `has_failed`
 * is asked only of the call that the calling thread is in. */
bool tg_tracer_return(struct tg_call *call, bool (*has_failed)(const struct tg_call *call));
/* Pausing a paused call and resuming a running one do nothing. */
void tg_tracer_pause(struct tg_call *call);
void tg_tracer_resume(struct tg_call *call, uintptr_t stack_key);

/* In a forked child: makes its recording now, and not at its first timed call. Elsewhere it does nothing. For any
 * thread. */
void tg_tracer_continue(void);

/* The recording, for readers in this process; its path is "" when it lives in anonymous memory. NULL: none. Until
 * tg_tracer_let_go(), which is due in either case, threads that end wait with handing over their counts, and forks
 * wait: take no lock in between that a forking thread may have, Python's for one. */
const struct tg_recording *tg_tracer_hold(void);
void tg_tracer_let_go(void);

#endif
