/*
 * sampler: looks at all threads of a process at a rate, this process or another one, and tells a sink what each is
 * doing.
 *
 * In each sample, the thread that has an interpreter's lock (GIL) is read; the others only when the lock has changed
 * hands, since else they are as they were. Who runs calls while he is read is made to rest for it, and who does so
 * often, at once: to try first and do so only where the trial fails would see the calm moments of a program too often
 * (calm.h). From outside his processor is taken for that, or he is stopped (outside_stop.h); inside he is sent a signal
 * (signal_stop.h).
 *
 * A sample stands for the interval that was planned, however late it is taken. Time on a processor is what the thread's
 * clock has moved; what belongs to intervals that nobody watched is told as preempted. Where the thread is found
 * waiting it was not spent there, unless it has stayed there since the sample before: samples that find it running get
 * it, each a little more than the interval that it stands for.
 *
 * Idle is a thread which neither has the GIL nor is on a processor, nor was there since the sample before where it
 * still is: it waits, for the GIL too.
 *
 * Modes: WALL tells of every thread in each sample; CPU of those that were on a processor; GIL of those that have it.
 *
 * Threads: all is called by one thread, which is also the only one that may trace, but for tg_sampler_end(). It starts
 * another one that reads for it where it is told to (displace.h). Units: nanoseconds.
 */
#ifndef TG_SAMPLER_H
#define TG_SAMPLER_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "profile/symbol.h"
#include "record/control.h"
#include "sample/code_cache.h"
#include "sample/displace.h"
#include "sample/instant.h"
#include "sample/pace.h"
#include "sample/stop.h"
#include "sample/threads.h"
#include "sample/walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TG_SAMPLER_HZ_MAX 20000

/* What one thread was doing. Borrowed for the sink's call. */
struct tg_sample {
    const struct tg_sampled_thread *thread;
    const char *task;              /* the asyncio task that it is in: its name, or its coroutine's; NULL: none */
    const struct tg_frame *frames; /* the outermost first; none: no Python code */
    size_t depth;
    tg_ns at_ns;   /* of CLOCK_MONOTONIC */
    tg_ns wall_ns; /* that it stands for */
    tg_ns cpu_ns;  /* that it has on a processor; maybe more than that, to make up for samples that found it waiting */
    bool has_gil;
    bool is_idle;
    bool has_rested; /* since the sample before, and was not read for this one */
};

/* Takes a sample; runs between two of them, so it should be quick. */
typedef void tg_sample_sink(void *context, const struct tg_sample *sample);

struct tg_sampler;

/* Looks at more of a thread whose stack is whole, while it is stopped or rests. What it finds is true if a sample of
 * the thread is told next, and to be thrown away if it is called for the thread again before. */
typedef void tg_sample_inspection(void *context, struct tg_sampler *sampler, const struct tg_thread *thread);

/* How a thread that does not rest is read. */
struct tg_stop_ops {
    /* Walks the stack of a thread while it is at rest: as tg_walk(), or NOT_HELD, REFUSED. One that will not be for
     * longer reads its task, too, and the stack's mode is then RUNNING. */
    enum tg_walk_result (*walk)(void *context, struct tg_walker *walker, struct tg_thread *thread);
    /* Lets it go; called after each walk(). Between the two, code that is new is read. When it could not be, since the
     * thread ran on, it is walked again with its `result` UNNAMED. */
    void (*let_go)(void *context);
};

struct tg_sampler_options {
    double rate_hz;
    enum tg_sampler_mode mode;
    bool tells_idle; /* of idle threads, too */
    tg_sample_sink *sink;
    void *sink_context;
    tg_sample_inspection
        *inspect; /* NULL: none; its context is the sink's. Threads are then not tried without a stop */
    const struct tg_stop_ops *stop; /* NULL: tg_stop_from_outside; in the own process, nobody is made to rest */
    void *stop_context;
    /* For tg_stop_from_outside, borrowed until the close; NULL: of its own. */
    struct tg_instant *instant;
    struct tg_displacer *displacer;
};

/* How well it went. Samples are counted for each thread. */
struct tg_sampler_quality {
    uint64_t tick_count;
    uint64_t missed_count;             /* ticks that fell out since the sampler did not run */
    uint64_t taken_count;              /* samples, told or not */
    uint64_t rested_count;             /* of these, without reading: the thread had not run */
    uint64_t idle_count;               /* of these, of idle threads */
    uint64_t stopped_count;            /* of these, of a thread that was stopped */
    uint64_t displaced_count;          /* of these, of a thread whose processor was taken for it */
    uint64_t interrupted_count;        /* of these, of a thread that was read in an interrupt of its processor */
    uint64_t lost_count;               /* samples that could not be proven */
    uint64_t lost[TG_WALK_RESULTS];    /* why */
    uint64_t trouble[TG_WALK_RESULTS]; /* of single readings; most of them did well in the end */
    uint64_t thread_count;             /* threads seen */
    uint64_t left_out_count;           /* threads that are not sampled, being too many */
    uint64_t listing_count;
    tg_ns watched_ns;   /* that ticks which saw its threads stand for: a thread that always works has as much */
    tg_ns unwatched_ns; /* that passed in the ticks that fell out */
    tg_ns preempted_ns; /* of that, and of what no sample found running, threads were on a processor */
};

enum tg_sampler_ending {
    TG_SAMPLER_GOES_ON, /* the time is up */
    TG_SAMPLER_ASKED,   /* tg_sampler_end() */
    TG_SAMPLER_EXITED,  /* the process has ended */
    TG_SAMPLER_LOST,    /* there is no Python to be found any more: it ends, or executes another program */
};

struct tg_sampler {
    struct tg_sampler_options options;
    struct tg_python_process process;
    struct tg_threads threads;
    struct tg_own_memory own;
    struct tg_known_code *known; /* of this process; NULL: of another one, or there is no memory for it */
    struct tg_walker walker;
    struct tg_code_cache cache;
    struct tg_running_tasks tasks;
    struct tg_pace pace;
    struct tg_stop stop;
    struct tg_instant instant;
    struct tg_displacer displacer;
    struct tg_sampler_quality quality;
    int process_fd; /* of another process: readable when it has ended; else -1 */
    int end_fd;     /* readable when asked to end */
    bool has_list;
    tg_ns listed_ns;
    tg_ns named_ns;        /* when names were due last; 0: not yet */
    uint32_t naming_count; /* since */
    tg_ns refused_ns;      /* when we were refused to stop a thread last; 0 never */
    uint32_t list_failures;
    tg_ns process_clock_ns;
    tg_ns unread_ns; /* on processors, by threads whose clocks were not read */
};

/* Opens a process. `symbols` are borrowed until the close, and get all functions seen. */
TG_NODISCARD enum tg_status tg_sampler_open(struct tg_sampler *sampler, pid_t pid,
                                            const struct tg_sampler_options *options, struct tg_symbols *symbols,
                                            struct tg_error *err);
/* NULL and a second call are fine. */
void tg_sampler_close(struct tg_sampler *sampler);

/* Samples until `until_ns` of CLOCK_MONOTONIC (0: for ever), the process's end, or tg_sampler_end(). */
enum tg_sampler_ending tg_sampler_run(struct tg_sampler *sampler, tg_ns until_ns);

/* Ends tg_sampler_run(), now or when it is called next. For any thread and for signal handlers. */
void tg_sampler_end(struct tg_sampler *sampler);

/* One sample of each thread, standing for `wall_ns`, taken `late_ns` late. False: there is nothing to be read. */
bool tg_sampler_tick(struct tg_sampler *sampler, tg_ns now_ns, tg_ns wall_ns, tg_ns late_ns);

/* Lets go of a thread that has stopped too late for its sample; to be called while waiting for the next one. How long
 * that may take at most: until `due_ns`, or less while there is such a thread. */
tg_ns tg_sampler_settle(struct tg_sampler *sampler, tg_ns due_ns);

/* What has been counted since the opening. */
struct tg_sampler_quality tg_sampler_quality(const struct tg_sampler *sampler);

/* Another rate, from now on; also for going on after a pause. */
void tg_sampler_set_rate(struct tg_sampler *sampler, double rate_hz);

#endif
