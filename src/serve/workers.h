/*
 * workers: a few threads that answer what takes time, so that the thread with the connections never waits.
 *
 * What waits is bounded: a job that finds no room is refused at once, which the client hears; one that waited for too
 * long is told so, because whoever asked has given up by then. Jobs start in the order in which they came.
 *
 * Each worker has a context of its own (a connection to the store) that no other touches.
 */
#ifndef TG_WORKERS_H
#define TG_WORKERS_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"

#include <stdbool.h>
#include <stddef.h>

/* Part of a larger struct, which the submitter keeps alive until the job has run. */
struct tg_job {
    /* Called once, by a worker; `late`: only to say that it came too late. */
    void (*run)(struct tg_job *job, void *context, bool late);
    struct tg_job *next;
    tg_ns submitted_ns;
};

struct tg_workers_options {
    size_t count;
    size_t queue_max;  /* jobs that wait */
    tg_ns patience_ns; /* for which one waits */
    /* A worker's context, made in its thread and freed there. NULL: no memory. */
    void *(*new_context)(void *shared);
    void (*free_context)(void *context);
    void *shared;
};

struct tg_workers;

TG_NODISCARD enum tg_status tg_workers_start(struct tg_workers **workers, const struct tg_workers_options *options,
                                             struct tg_error *err);

/* False: no room. Any thread. */
TG_NODISCARD bool tg_workers_submit(struct tg_workers *workers, struct tg_job *job);

/* Runs what waits as late, and waits until `grace_ns` is over for what runs. False: something still does: the workers
 * are then left as they are, and the process has to end. NULL is fine. */
bool tg_workers_stop(struct tg_workers *workers, tg_ns grace_ns);

#endif
