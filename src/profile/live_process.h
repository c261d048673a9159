/*
 * live_process: one recording, read again and again: what its functions counted ever, and since the last time.
 *
 * The unit is a *part*: a function in a thread. Threads that end hand their counts to the recording's thread 0, so what
 * thread 0 has counted since is what it has now, without what it and the threads that are gone had before.
 *
 * The recording is opened anew each time, and nothing of it is kept mapped: it may grow, be replaced, be removed, or be
 * cut short once its process has ended. Of a process that has ended it is read once more, and then no more.
 *
 * Memory: some 300 bytes for each part. Threads: values belong to their owner. Units: nanoseconds.
 */
#ifndef TG_LIVE_PROCESS_H
#define TG_LIVE_PROCESS_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "profile/live_names.h"
#include "record/catalog.h"
#include "record/control.h"
#include "record/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A histogram in its serial form (measure/histogram.h): small, since most buckets are empty. */
struct tg_live_histogram {
    uint8_t *bytes; /* owned; NULL: empty */
    size_t length;
};

struct tg_live_part {
    uint32_t function; /* its id in the recording */
    uint32_t thread;   /* index into the process's threads */
    uint64_t thread_id;
    uint32_t name;            /* number in the names */
    struct tg_measures ever;  /* without histogram, */
    struct tg_measures since; /* which both have here: */
    struct tg_live_histogram ever_histogram;
    struct tg_live_histogram since_histogram;
};

struct tg_live_parts {
    struct tg_live_part *items; /* by function, then by thread */
    size_t count;
    size_t capacity;
};

struct tg_live_process {
    uint64_t number; /* of this process alone, whatever comes and goes */
    char *path;      /* of the recording; owned */
    uint64_t pid;
    uint64_t parent_pid;
    int64_t started_wall_ns;
    int64_t started_monotonic_ns;
    uint8_t uuid[16];
    uint8_t run_uuid[16];
    char program[513]; /* texts of the recording's header; end with a zero byte */
    char service[129];
    char service_version[65];
    bool alive;
    bool is_new;    /* not read yet */
    bool is_read;   /* all that it will ever have counted is here */
    bool is_seen;   /* the owner's mark */
    bool truncated; /* the file is shorter than it says */
    struct tg_sampler_status sampler;
    struct tg_live_parts parts;
    struct tg_snapshot_thread *threads;
    size_t thread_count;
    uint32_t *name_numbers; /* by function id; TG_LIVE_NO_NAME: not known yet */
    size_t name_capacity;
    struct tg_snapshot quality; /* its counts alone */
};

/* A process that is in a catalog. TG_ERROR_MEMORY. */
TG_NODISCARD enum tg_status tg_live_process_new(struct tg_live_process **process, const struct tg_catalog_entry *entry,
                                                struct tg_error *err);
/* NULL is fine. */
void tg_live_process_free(struct tg_live_process *process);

/* Reads the recording. With `anew`, what it holds now is where counting since begins: the figures since are zero. Fails
 * as tg_reader_open() does; the figures are then those of before, and none since. TG_ERROR_NOT_FOUND also when another
 * process's recording has taken its place. */
TG_NODISCARD enum tg_status tg_live_process_read(struct tg_live_process *process, struct tg_live_names *names,
                                                 bool anew, struct tg_error *err);

/* Whether it ended while calls were running: it was killed, or had threads that were not waited for. */
bool tg_live_process_is_cut_off(const struct tg_live_process *process);

#endif
