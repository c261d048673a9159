/*
 * inside: samples the process that it is in, from a thread of its own, into one profile.
 *
 * There is one in a process. Its thread has no Python state, never takes Python's lock, blocks all signals, and never
 * waits for anybody who waits for it. A stack that changes while it is read is read by its own thread (handler.h). What
 * the main thread's stack is made of is loaded in place while the caller has arena_hook.h installed.
 *
 * Fork: call before_fork() and after_fork_*() around each, from Python's own hooks. The child begins with an empty
 * profile and a thread of its own. A child of a fork without them begins as one that was never sampled. Exit: stop it
 * before the interpreter is taken down, from `atexit`; should nobody do that, the thread sees the interpreter finalize
 * and ends by itself.
 *
 * Threads: all of it is for any thread; answers are of the moment.
 */
#ifndef TG_INSIDE_H
#define TG_INSIDE_H

#include "base/attributes.h"
#include "base/error.h"
#include "profile/profile.h"
#include "sample/sampler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Functions and trees take no more than this; what does not fit is counted. */
#define TG_INSIDE_BYTES_MAX ((size_t)64 << 20)

/* A frame as Python itself knows it, to compare with what is read. */
struct tg_inside_frame {
    uint64_t code; /* the address of the code object */
    int32_t instruction;
};

/* How to sample. */
struct tg_inside_options {
    double hz;
    enum tg_sampler_mode mode;
    bool is_paused;
    bool is_silent; /* sends no signal: what changes while it is read, and cannot be proven, is torn */
};

struct tg_inside_state {
    struct tg_inside_options options; /* as they are now, or were last */
    bool is_running;
    enum tg_sampler_hindrance hindrance;
    struct tg_profile_quality quality;
    uint64_t thread_count;
    uint64_t signal_count;
};

/* Finds the interpreter of this process, and walks the calling thread's stack, which must be at rest: it holds the
 * interpreter's lock. `thread` is its PyThreadState. The frames are Python's own word for it, the innermost first.
 * TG_OK: they agree. Else it must not be sampled, and the message says why. */
TG_NODISCARD enum tg_status tg_inside_check(const void *thread, const struct tg_inside_frame *frames, size_t count,
                                            struct tg_error *err);

/* Starts sampling; one that runs goes on in the new way. TG_ERROR_INVALID: the rate. Others: the process cannot be
 * sampled. */
TG_NODISCARD enum tg_status tg_inside_start(const struct tg_inside_options *options, struct tg_error *err);
/* The profile stays. */
void tg_inside_stop(void);
void tg_inside_pause(bool paused);
void tg_inside_state(struct tg_inside_state *state);

/* Copies what was seen so far; the copy is the caller's to release. */
TG_NODISCARD enum tg_status tg_inside_copy(struct tg_profile *copy, struct tg_error *err);

/* What was seen since it was accepted last, for a history: the taker's until accept or the next take; `options` are
 * those of the latest look. False: nothing. For one thread. */
bool tg_inside_take(struct tg_profile **profile, uint64_t *look_count, struct tg_inside_options *options);
/* It is stored. */
void tg_inside_accept(const struct tg_profile *profile);

void tg_inside_before_fork(void);
void tg_inside_after_fork_in_parent(void);
void tg_inside_after_fork_in_child(void);

#endif
