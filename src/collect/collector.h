/*
 * collector: a thread of this process that turns its recording into batches, every interval, and brings them to a
 * store.
 *
 * There is one in a process. It never takes Python's lock, never calls Python, blocks all signals, and waits for nobody
 * who waits for it. What it cannot bring to the store waits in the spool; what it cannot spool stays in the recording,
 * and the interval goes on: counts are exact in any case. The first failure is said, and the recovery, and nothing in
 * between.
 *
 * Intervals end in the middle of the slots of their length, on the process's own time: wall clock at its start plus
 * monotonic time since. So a thread that wakes a little late still ends its interval in the slot meant, and a clock
 * that is set back moves nothing.
 *
 * Fork: tg_collector_before_fork() ends the thread (Python warns of forks with threads alive), or leaves it alone when
 * it is in the middle of something longer than a tenth of a second: the first fork meanwhile waits for so long, the
 * next ones not at all. After it the parent has a thread again at once, and the child, which collects its own
 * recording, at its first timed call, or after its first sample: one that goes on to exec at once has none. A child of
 * another thread than the process's first has none: it may end by the return of that thread, when no thread is left,
 * and ours would keep it alive; it is collected when it has ended. Call them around each fork, from Python's own hooks.
 *
 * Exit: tg_collector_stop() waits for a bounded time; what is left is in the spool or the recording, for whoever
 * collects next (collect/orphans.h).
 */
#ifndef TG_COLLECTOR_H
#define TG_COLLECTOR_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"

#include <stdbool.h>

#define TG_COLLECTOR_INTERVAL_NS     INT64_C(10000000000)
#define TG_COLLECTOR_INTERVAL_MIN_NS INT64_C(10000000)       /* 10 ms */
#define TG_COLLECTOR_INTERVAL_MAX_NS INT64_C(86400000000000) /* a day */

struct tg_collector_options {
    const char *store_url; /* the strings are copied */
    const char *service;
    const char *service_version; /* may be NULL */
    tg_ns interval_ns;           /* 0: TG_COLLECTOR_INTERVAL_NS */
    /* Gets a line for the program's log, without an end of line. Called from the collector's thread; NULL: silence. */
    void (*say)(const char *line);
};

/* Starts collecting what the process has recorded since its start. TG_ERROR_INVALID: an option cannot be used (the
 * URL's password is not in the message). TG_ERROR_EXISTS: it runs already, or has run for another store. That the store
 * is there is not asked: the program may start before it. */
TG_NODISCARD enum tg_status tg_collector_start(const struct tg_collector_options *options, struct tg_error *err);
bool tg_collector_is_running(void);

/* Closes the interval now and waits, at most `patience_ns`, until all of it is stored. TG_ERROR_BUSY: it takes longer;
 * other statuses: why it is not stored yet. */
TG_NODISCARD enum tg_status tg_collector_flush(tg_ns patience_ns, struct tg_error *err);

/* A last batch, then the end of the thread. `ending`: nothing will be counted any more in this process. Waits at most
 * `patience_ns`. Statuses of tg_collector_flush(); without a collector TG_OK. */
TG_NODISCARD enum tg_status tg_collector_stop(bool ending, tg_ns patience_ns, struct tg_error *err);

/* Takes a start back that was made a moment ago: no batch is made, and another start may name another store. */
void tg_collector_abandon(void);

void tg_collector_before_fork(void);
void tg_collector_after_fork_in_parent(void);
void tg_collector_after_fork_in_child(void);

#endif
