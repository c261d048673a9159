/*
 * family: samples a process, or several, and on request those that they start, all by one thread and at one rate.
 *
 * A member that runs no Python, or not yet, is looked at again and again until it does: a program under a shell, one
 * that executes another, one that has just been forked. What can never be sampled is told (`refusal`).
 *
 * Threads: all is called by one thread, but for tg_family_end(), tg_family_suspend() and tg_family_resumed(). Units:
 * nanoseconds of CLOCK_MONOTONIC.
 */
#ifndef TG_FAMILY_H
#define TG_FAMILY_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "profile/symbol.h"
#include "sample/foreign.h"
#include "sample/instant.h"
#include "sample/pace.h"
#include "sample/sampler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* More members are not sampled, and counted. */
#define TG_FAMILY_MAX ((size_t)256)

/* As tg_sample_sink, with the process. */
typedef void tg_family_sink(void *context, pid_t pid, const struct tg_sample *sample);

struct tg_family_options {
    double rate_hz;
    enum tg_sampler_mode mode;
    bool tells_idle;
    bool follows; /* samples the children of members, too */
    bool no_bpf;  /* has the kernel run no program (instant.h) */
    tg_family_sink *sink;
    void *context;
};

struct tg_family {
    struct tg_family_options options;
    struct tg_symbols *symbols; /* borrowed */
    struct tg_family_member **members;
    size_t count;
    size_t capacity;
    struct tg_instant instant;     /* for all members, */
    struct tg_displacer displacer; /* likewise */
    struct tg_pace pace;
    bool is_pacing;                    /* somebody is sampled */
    struct tg_sampler_quality quality; /* of members that are gone, and of the ticks; see tg_family_quality() */
    uint64_t sampled_count;            /* processes that were sampled */
    uint64_t look_count;               /* looks at one of them that saw its threads, whatever became of their stacks */
    uint64_t left_out_count;           /* processes beyond the maximum */
    struct tg_error said;              /* of the last attempt that failed, also of one that waits for its Python */
    char ran[64];                      /* what the first one was last seen to run in place of a Python; "": nothing */
    uint64_t refused_count;            /* members that could not be sampled, whatever they waited for */
    struct tg_error refusal;           /* why; the last one */
    tg_ns look_ns;                     /* when members are looked after next */
    tg_ns wait_ns;                     /* until when tg_family_run() waited last; 0: not since it rested */
    struct tg_foreign_time foreign;    /* what has come to an end of it; see tg_family_foreign() */
    tg_ns suspended_ns;                /* in which there was something to do, and we were suspended */
    atomic_uint suspensions;           /* goes up when one begins, and when it ends */
    unsigned suspensions_seen;
    int end_fd;
};

/* `symbols` are borrowed until the release, and get all functions seen. */
TG_NODISCARD enum tg_status tg_family_init(struct tg_family *family, const struct tg_family_options *options,
                                           struct tg_symbols *symbols, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_family_release(struct tg_family *family);

/* A process that is to be sampled now; fails where that cannot be. */
TG_NODISCARD enum tg_status tg_family_add(struct tg_family *family, pid_t pid, struct tg_error *err);
/* A process that is to be sampled as soon as it can be. TG_ERROR_MEMORY, TG_ERROR_FULL. */
TG_NODISCARD enum tg_status tg_family_expect(struct tg_family *family, pid_t pid, struct tg_error *err);

/* Lets go of all members, once nobody is to be sampled any more: no thread is held from then on. What is known of them
 * stays until the release. */
void tg_family_close(struct tg_family *family);

/* Samples until `until_ns` (0: for ever), until tg_family_end(), or until all members have ended or can never be
 * sampled; where children are followed, until they have ended. */
enum tg_sampler_ending tg_family_run(struct tg_family *family, tg_ns until_ns);
/* Ends tg_family_run(), now or when it is called next. For any thread and for signal handlers. */
void tg_family_end(struct tg_family *family);

/* The next tg_family_run() begins after a rest: nothing was missed meanwhile. */
void tg_family_rest(struct tg_family *family);

/* This process is about to be suspended (Ctrl-Z), or goes on. No look has been missed meanwhile. For any thread. */
void tg_family_suspend(struct tg_family *family, bool begins);
/* It goes on, as its SIGCONT says; the same for who did not know of the beginning. For signal handlers of the thread
 * that runs the family. */
void tg_family_resumed(struct tg_family *family);

/* Lets go of threads that have stopped too late for their sample; to be called while waiting for the next
 * tg_family_run(). How long that may take at most: until `deadline_ns`, or less while there are such threads. */
tg_ns tg_family_settle(struct tg_family *family, tg_ns deadline_ns);

/* How long members ran what they had executed and is no Python, until now. */
struct tg_foreign_time tg_family_foreign(const struct tg_family *family, tg_ns now_ns);

/* How well it went, of all members together. `watched_ns` is of the ticks, as if there were one member: a thread that
 * always works has as much, whichever member it is of. A tick counts if one member or more was read at it. */
struct tg_sampler_quality tg_family_quality(const struct tg_family *family);

#endif
