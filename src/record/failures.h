/*
 * failures: exceptions in a recording, as one process writes them and any reads them. The layout is in format.h; what
 * the texts say is decided by who makes them.
 *
 * Writing is two steps, so that what only needs to be counted costs no more: tg_failure_count() counts, and says
 * whether a sample is wanted, which tg_failure_keep() then takes. A group has at most TG_FAILURE_SAMPLES samples in an
 * epoch; counts go on.
 *
 * Threads: any thread may write, under the tracer's lock; readers take none. The collector alone says what is taken, so
 * nothing that it reads changes meanwhile. For other readers a walk ends where a chunk is used again, but the texts of
 * the last sample may be written over: of a living process nobody else reads them. A forked child begins with none, in
 * a recording of its own.
 */
#ifndef TG_FAILURES_H
#define TG_FAILURES_H

#include "base/attributes.h"
#include "record/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_failure_text {
    TG_FAILURE_MESSAGE,
    TG_FAILURE_TRACEBACK,
    TG_FAILURE_ARGS,    /* JSON, an array */
    TG_FAILURE_KWARGS,  /* JSON, an object */
    TG_FAILURE_REBOUND, /* names of parameters that the code binds anew, with ", " between them */
    TG_FAILURE_THREAD,  /* the thread's name */
    TG_FAILURE_TEXTS,
};

struct tg_failure_bytes {
    const char *data;
    size_t length;
};

/* What makes a group. Texts longer than TG_FAILURE_NAME_BYTES are cut at a character. */
struct tg_failure_source {
    uint64_t fingerprint; /* not 0 */
    struct tg_failure_bytes name;
    struct tg_failure_bytes file;
    struct tg_failure_bytes type;
};

enum tg_failure_answer {
    TG_FAILURE_COUNTED,
    TG_FAILURE_WANTED,  /* counted, and a sample is wanted */
    TG_FAILURE_UNKNOWN, /* not counted: there is no such group yet */
};

/* Counts one exception, now. `source` may be NULL, and is then asked for with TG_FAILURE_UNKNOWN. `*group` is for
 * tg_failure_keep(). Where nothing is recorded it is counted nowhere. */
enum tg_failure_answer tg_failure_count(uint64_t fingerprint, const struct tg_failure_source *source, uint32_t *group);

struct tg_failure_texts {
    struct tg_failure_bytes texts[TG_FAILURE_TEXTS];
};

/* Keeps a sample, unless there is no space for it (counted). A sample larger than TG_FAILURE_CHUNK_BYTES is none. */
void tg_failure_keep(uint32_t group, const struct tg_failure_texts *texts);

/* What is taken of the recording that is held (tg_tracer_hold): chunks may be used again. */
void tg_failure_take(const struct tg_recording *recording, uint64_t serial);

/* A group as it is read; texts are borrowed from the view. */
struct tg_failure_row {
    uint32_t group;
    uint64_t fingerprint;
    uint64_t count;
    int64_t first_wall_ns;
    int64_t last_wall_ns;
    struct tg_failure_bytes name;
    struct tg_failure_bytes file;
    struct tg_failure_bytes type;
};

struct tg_failure_sample_row {
    uint32_t group;
    uint64_t serial;
    int64_t wall_ns;
    uint64_t native_id;
    struct tg_failure_bytes texts[TG_FAILURE_TEXTS]; /* borrowed from the view */
};

/* A look at the failures of a recording. */
struct tg_failures {
    const struct tg_view *view;
    const struct tg_failure_area *area; /* NULL: there are none */
    uint32_t group_count;
    uint64_t serial; /* of the last sample that is looked at: what comes meanwhile is left to the next look */
    uint64_t lost_count;
};

/* Looks. What a sample's group counts includes the sample. */
void tg_failures_open(struct tg_failures *failures, const struct tg_view *view);
/* One group, by index; false: it cannot be read. */
bool tg_failures_group(const struct tg_failures *failures, uint32_t group, struct tg_failure_row *row);

/* A walk over the samples after one serial, in no order. */
struct tg_failure_cursor {
    uint64_t after_serial;
    uint32_t chunk;
    uint32_t at_bytes;
    uint32_t reuses; /* of the chunk when the walk came to it */
};
bool tg_failures_next(const struct tg_failures *failures, struct tg_failure_cursor *cursor,
                      struct tg_failure_sample_row *row);

#endif
