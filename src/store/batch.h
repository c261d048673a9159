/*
 * batch: what one process did in one interval, as it travels from a recording through the spool into a store.
 *
 * A batch is complete in itself: it names its process, its functions and its place in time, so it can wait for days and
 * be stored by anyone. Its identity is (process uuid, seq); storing it twice is storing it once. Figures are
 * differences: the batches of a process, added up, are all it ever counted.
 *
 * Serial form, version 4. Integers are LEB128 varints (base/varint.h), signed ones zigzag; texts and byte strings are a
 * varint length and the bytes, a uuid is its 16 bytes:
 *     version
 *     process    uuid, run uuid, pid, parent pid, Python version, signed start, service, its version, host, program
 *     seq, signed begin, signed end, signed interval, enum tg_batch_end
 *     quality    the fields of struct tg_batch_quality, in their order
 *     count of functions, and for each the fields of struct tg_batch_function, in their order
 *     0, or 1 and the fields of struct tg_batch_sampling, in their order; version 1 ends before this
 *     count of exception groups, and the fields of each; count of samples, and theirs; the last serial; what was lost
 *     (struct tg_batch_failures); version 2 ends before this
 *     count of events, and the fields of each; the last serial (struct tg_batch_events); version 3 ends before this
 * The end is where the bytes end. Untrusted input: everything is checked.
 *
 * Times are nanoseconds; wall times since 1970 UTC. Ownership: a batch owns nothing; texts, functions and histograms
 * are borrowed from whatever it was made from, which for a decoded one is the bytes and the struct tg_batch_storage.
 */
#ifndef TG_BATCH_H
#define TG_BATCH_H

#include "base/attributes.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "record/event_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_BATCH_VERSION 4

/* One function in the interval; a batch has one for each name. */
struct tg_batch_function {
    struct tg_bytes name; /* UTF-8, "module::qualname" */
    struct tg_bytes file;
    uint64_t code_hash; /* 0: not known */
    uint32_t line;
    uint64_t call_count; /* calls that ended in the interval */
    uint64_t error_count;
    uint64_t total_ns;
    uint64_t cumulative_ns;
    uint64_t self_ns;
    uint64_t active_ns;
    uint64_t minimum_ns; /* of the interval; UINT64_MAX: no call ended */
    uint64_t maximum_ns;
    struct tg_bytes histogram; /* serial form of measure/histogram.h; may be empty */
};

/* What the figures of the interval do not show (record/snapshot.h), and what making them took. */
struct tg_batch_quality {
    uint64_t overflow_call_count;
    uint64_t unrecorded_call_count;
    uint64_t refused_function_count;
    uint64_t torn_count;
    uint64_t damaged_count;
    uint64_t collector_cpu_ns; /* processor time the collector spent since the batch before */
};

/* What a sampler of the process saw in the interval. A look is one round over the threads; a sample is one thread's
 * stack in it. */
struct tg_batch_sampling {
    uint32_t rate_hz; /* that was asked for, of looks; 0: nothing was sampled, and the rest means nothing */
    uint32_t mode;    /* which threads count: enum tg_batch_sampling_mode */
    uint64_t look_count;
    uint64_t missed_count; /* looks that came too late to be taken */
    uint64_t sample_count; /* stacks proven whole */
    uint64_t torn_count;   /* stacks that could not be proven whole, and are in no tree */
    uint64_t thread_count; /* that had a sample */
    struct tg_bytes tree;  /* the stacks: serial form of profile/profile.h; may be empty */
};

enum tg_batch_sampling_mode {
    TG_BATCH_SAMPLING_WALL = 0,
    TG_BATCH_SAMPLING_CPU = 1, /* threads on a processor */
    TG_BATCH_SAMPLING_GIL = 2, /* the thread that holds Python's lock */
};

/* Exceptions that are alike, in the interval. */
struct tg_batch_failure {
    uint64_t fingerprint; /* the same in every process; 0: of exceptions past the limit of groups */
    struct tg_bytes name; /* of the function that they left, as in struct tg_batch_function */
    struct tg_bytes file;
    struct tg_bytes type;
    uint64_t count;        /* may be 0 where a sample came late */
    int64_t first_wall_ns; /* of all that the process has had */
    int64_t last_wall_ns;
};

/* One of them. Texts as in record/failures.h. */
struct tg_batch_failure_sample {
    uint32_t failure; /* index of its group in the batch */
    int64_t wall_ns;
    uint64_t native_id;
    struct tg_bytes message;
    struct tg_bytes traceback;
    struct tg_bytes args;
    struct tg_bytes kwargs;
    struct tg_bytes rebound;
    struct tg_bytes thread;
};

struct tg_batch_failures {
    const struct tg_batch_failure *groups;
    size_t group_count;
    const struct tg_batch_failure_sample *samples;
    size_t sample_count;
    uint64_t serial;     /* of the last sample that this batch or one before it has */
    uint64_t lost_count; /* samples that found no space */
};

/* What has happened to the process, as its recording tells (record/event_log.h). */
struct tg_batch_event {
    enum tg_event_kind kind;
    int64_t wall_ns;
    struct tg_bytes text;
};

struct tg_batch_events {
    const struct tg_batch_event *items;
    size_t count;
    uint64_t serial; /* of the last event that this batch or one before it has */
};

/* A tree takes no more than this in a batch, as databases and their connections have limits of their own. */
#define TG_BATCH_TREE_BYTES_MAX (UINT64_C(4) << 20)

struct tg_batch_process {
    uint8_t uuid[16];
    uint8_t run_uuid[16]; /* zero: of no run */
    uint64_t pid;
    uint64_t parent_pid;
    uint32_t python_version; /* as CPython's own version number, 0x030b07f0 for 3.11.7; 0: not Python */
    int64_t started_wall_ns;
    struct tg_bytes service;
    struct tg_bytes service_version; /* empty: not told */
    struct tg_bytes host;
    struct tg_bytes program;
};

/* How the process ended, in its last batch. */
enum tg_batch_end {
    TG_BATCH_GOES_ON = 0,
    TG_BATCH_ENDED = 1, /* its own collector said so */
    TG_BATCH_FOUND = 2, /* it was found dead */
};

struct tg_batch {
    struct tg_batch_process process;
    uint64_t seq;          /* 1 is the process's first */
    int64_t began_wall_ns; /* process start + monotonic time since: a clock set back does not move them */
    int64_t ended_wall_ns;
    int64_t interval_ns; /* that the process was told to keep */
    enum tg_batch_end end;
    struct tg_batch_quality quality;
    const struct tg_batch_function *functions; /* those with calls that ended in the interval */
    size_t function_count;
    struct tg_batch_sampling sampling;
    struct tg_batch_failures failures;
    struct tg_batch_events events;
};

/* No process is told to keep a longer interval: a day. */
#define TG_BATCH_INTERVAL_MAX_NS INT64_C(86400000000000)

/* Whether the batch can be in a history: seq counts from 1, the interval is longer than nothing and no longer than a
 * day, does not end before it begins or begin before 1970, and ends so early that the end of its slot is a time as
 * well; service and functions have names; no tree is too large; samples of exceptions have groups; and events are of a
 * known kind. */
bool tg_batch_is_valid(const struct tg_batch *batch);

/* Appends the serial form; running out of memory shows in the buffer's status. */
void tg_batch_encode(const struct tg_batch *batch, struct tg_strbuf *out);

/* What a decoded batch points into, beside the bytes themselves. */
struct tg_batch_storage {
    struct tg_batch_function *functions;
    size_t capacity;
    struct tg_batch_failure *failures;
    size_t failure_capacity;
    struct tg_batch_failure_sample *samples;
    size_t sample_capacity;
    struct tg_batch_event *events;
    size_t event_capacity;
};

/* Reads `length` bytes, all of them; they are borrowed by the batch. The storage may be used again and again, one batch
 * at a time. TG_ERROR_VERSION, TG_ERROR_FORMAT, TG_ERROR_MEMORY. */
TG_NODISCARD enum tg_status tg_batch_decode(struct tg_batch *batch, struct tg_batch_storage *storage, const void *bytes,
                                            size_t length, struct tg_error *err);
void tg_batch_storage_release(struct tg_batch_storage *storage);

#endif
