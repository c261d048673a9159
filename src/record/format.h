/*
 * format: the layout of a recording, version 1.  This header is its specification.
 *
 * A recording is one file, mapped shared by the process that writes it and read by anyone of the same user at the same
 * time.  It is made of 64-byte units; a *place* is a unit number (offset / 64), and place 0, the header, stands for
 * "none" everywhere else.  All numbers have the machine's byte order (see tg_header.byte_order); times are nanoseconds
 * unless a name says ticks.  Space is handed out upwards and never given back or moved, so a place stays good for the
 * life of the file.
 *
 *   header (64 units)
 *   +-- function_chunks[64] --> chunk of 1024 places --> struct tg_function_entry, its name, its file
 *   +-- thread_chunks[64]   --> chunk of   64 places --> struct tg_thread_entry
 *                                                         +-- counters_chunks[512] --> chunk of 128 places
 *                                                                --> struct tg_counters --> struct tg_buckets
 *   +-- events --> struct tg_event_entry[64], a ring (event_log.h)
 *
 * Function f lies in chunk f / 1024 at index f % 1024; the other tables work alike.  Function 0 and thread 0 exist in
 * every recording: function 0 stands for those past the limit, whose calls are counted in tg_thread_entry.overflow;
 * thread 0 takes the counts of threads that ended.
 *
 * Who writes what.  A tg_counters and the buckets behind it are written by the one thread that owns the tg_thread_entry
 * (thread 0 by a thread that ends, one at a time); everything is read at any moment.  Writers never wait:
 *   - a writer makes tg_counters.sequence odd, stores, makes it even; a reader copies the block and tries again while
 *     the sequence was odd or has changed.  A sequence left odd by a killed writer is accepted as it is: at most the
 *     call then ending is half in.
 *   - buckets are counted one by one outside that rule: percentiles use the buckets' own sum.
 *   - `running` is counted when a call begins, outside the sequence; it belongs to the thread in which that happens, so
 *     one thread's value may be negative and only the sum over threads means something.
 *   - a place is stored (release) after what it points at is complete.
 *
 * Ended threads.  When a thread ends, its counts move to thread 0, function by function: a new block with the sum is
 * built, with tg_counters.absorbed set to the ended thread's occupancy, and replaces thread 0's place in one store.
 * From that store on the old block counts no more, so a kill in the middle neither loses nor doubles:
 *   - a reader skips the block of thread T, function f, while thread 0's block of f has absorbed T's occupancy;
 *   - it reads a function's blocks in all threads again when thread 0's place or what that has absorbed has changed
 *     meanwhile (each occupancy is taken in once, so the same pair means nothing has happened).
 * Then the old blocks are cleared and the entry's occupancy becomes 0: free for the next thread.  The overflow block
 * stays with the entry and goes on counting for its next thread.
 *
 * Extremes.  Minimum and maximum do not subtract, so a collector advances tg_header.epoch, and a writer keeps them for
 * the current epoch and the one before, in slot epoch % 2; tg_counters.epoch says which epoch it last saw.  The
 * lifetime pair takes in what leaves the two slots.
 *
 * Histogram.  Buckets as in measure/histogram.h, 32 bits each, given to a block at its second call (the only call of a
 * block with TG_PLACE_NONE is in last_ns).  A bucket that would wrap carries into a second array of the same shape,
 * while carry_sequence is odd.
 *
 * Failures.  tg_header.failures leads to a tg_failure_area: groups of exceptions that are alike, with exact counts, and
 * samples of them, in chunks that are used over and over.
 *   - what is written is written under the tracer's lock; groups are only ever added, their counts only rise. Group 0
 *     takes what finds no group of its own.
 *   - a sample is complete before its chunk's used_bytes and then the area's serial say so; serials rise by one.
 *   - a chunk is emptied for its next use only when all samples in it are taken: the collector, and nobody else, raises
 *     taken_serial, once they are in the spool. Samples for which there is no chunk are not kept, but counted.
 *
 * A reader takes nothing for granted: it checks the header once (tg_reader_open) and every place it follows against
 * the bytes it has mapped, and counts what it had to leave out.
 */
#ifndef TG_RECORD_FORMAT_H
#define TG_RECORD_FORMAT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "measure/histogram.h"

#define TG_RECORDING_MAGIC      UINT64_C(0x0a31504152474154) /* "TAGRAP1\n", least significant byte first */
#define TG_RECORDING_VERSION    1
#define TG_RECORDING_BYTE_ORDER UINT32_C(0x01020304)

#define TG_UNIT_BYTES    64
#define TG_HEADER_BYTES  4096
#define TG_PLACE_NONE    0
#define TG_PLACE_REFUSED UINT32_MAX /* asked for and not had */

#define TG_FUNCTION_CHUNKS 64
#define TG_FUNCTION_CHUNK  1024
#define TG_FUNCTIONS_MAX   (TG_FUNCTION_CHUNKS * TG_FUNCTION_CHUNK)
#define TG_THREAD_CHUNKS   64
#define TG_THREAD_CHUNK    64
#define TG_THREADS_MAX     (TG_THREAD_CHUNKS * TG_THREAD_CHUNK)
#define TG_COUNTERS_CHUNK  128
#define TG_EVENTS          64
#define TG_COUNTERS_CHUNKS (TG_FUNCTIONS_MAX / TG_COUNTERS_CHUNK)

#define TG_FAILURE_GROUP_CHUNKS 16
#define TG_FAILURE_GROUP_CHUNK  64
#define TG_FAILURE_GROUPS_MAX   (TG_FAILURE_GROUP_CHUNKS * TG_FAILURE_GROUP_CHUNK)
#define TG_FAILURE_CHUNKS       236 /* with all groups, no more than 16 MiB */
#define TG_FAILURE_CHUNK_BYTES  65536
#define TG_FAILURE_NAME_BYTES   1000 /* longer texts of a group are cut */
#define TG_FAILURE_SAMPLES      10   /* of a group in an epoch */

#define TG_NAME_MAX_BYTES 16384 /* longer names and paths are cut at a character */

typedef _Atomic uint32_t tg_place;

/* One function in one thread: see "Who writes what" above.  The first 128 bytes change with every call. */
struct tg_counters {
    _Atomic uint32_t sequence;
    _Atomic uint32_t function;
    _Atomic uint64_t call_count;
    _Atomic uint64_t total_ns;
    _Atomic uint64_t cumulative_ns;
    _Atomic uint64_t self_ns;
    _Atomic uint64_t active_ns;
    _Atomic uint64_t last_ns;
    _Atomic uint64_t last_end_ticks; /* of the writer's clock: to compare with other blocks of this file only */

    _Atomic uint64_t error_count;
    _Atomic uint64_t minimum_ns[2]; /* UINT64_MAX: none */
    _Atomic uint64_t maximum_ns[2];
    _Atomic uint32_t epoch;
    _Atomic int32_t running_count;
    tg_place buckets;
    tg_place carry_buckets;
    _Atomic uint32_t carry_sequence;
    _Atomic uint32_t depth; /* calls of the function on the writer's current stack: the writer's own note */

    _Atomic uint64_t lifetime_minimum_ns;
    _Atomic uint64_t lifetime_maximum_ns;
    _Atomic uint64_t absorbed; /* thread 0 only: occupancy of the thread taken in last */
    uint64_t reserved[5];
};

struct tg_buckets {
    _Atomic uint32_t counts[TG_HISTOGRAM_BUCKETS];
};

struct tg_function_entry {
    _Atomic uint64_t code_hash; /* 0: not known; this and the line change when code is reloaded */
    _Atomic uint32_t line;      /* of the definition; 0: not known */
    uint32_t name_bytes;
    uint32_t file_bytes;
    uint32_t reserved;
    /* name_bytes of UTF-8, "module::qualname", then file_bytes of UTF-8; neither ends with a zero byte */
};

struct tg_thread_entry {
    _Atomic uint64_t occupancy; /* unique for each thread that ever held the entry; 0: free */
    _Atomic uint64_t native_id; /* the kernel's thread id */
    _Atomic uint64_t started_monotonic_ns;
    _Atomic char name[32]; /* as the kernel knew it when the thread made its first timed call */
    uint64_t reserved;
    struct tg_counters overflow; /* calls for which there was no space: their number and times, no names */
    tg_place counters_chunks[TG_COUNTERS_CHUNKS];
};

/* Exceptions that are alike, as far as their fingerprint tells. */
struct tg_failure_group {
    _Atomic uint64_t count;
    _Atomic int64_t first_wall_ns;
    _Atomic int64_t last_wall_ns;
    _Atomic uint32_t sampled_epoch; /* the writer's own notes: so many samples in that epoch */
    _Atomic uint32_t sampled_count;
    uint64_t fingerprint; /* 0: of group 0 */
    uint32_t name_bytes;
    uint32_t file_bytes;
    uint32_t type_bytes;
    uint32_t reserved[3];
    /* the function's name and file, as in struct tg_function_entry, and the exception's type */
};

/* One exception. */
struct tg_failure_sample {
    uint32_t bytes; /* of it all, a multiple of 8 */
    uint32_t group;
    uint64_t serial; /* from 1 */
    int64_t wall_ns;
    uint64_t native_id;     /* of the thread */
    uint32_t text_bytes[6]; /* enum tg_failure_text; the texts follow, UTF-8 */
};

struct tg_failure_chunk {
    _Atomic uint64_t last_serial;
    _Atomic uint32_t used_bytes; /* of the samples, which follow */
    _Atomic uint32_t reuses;     /* goes up before samples are written over */
    uint32_t reserved[12];
};

struct tg_failure_area {
    _Atomic uint64_t serial;       /* of the sample written last; 0: none yet */
    _Atomic uint64_t taken_serial; /* samples up to this one are safe elsewhere */
    _Atomic uint64_t lost_count;   /* samples that found no space */
    _Atomic uint32_t group_count;
    uint32_t reserved;
    tg_place group_chunks[TG_FAILURE_GROUP_CHUNKS];
    tg_place chunks[TG_FAILURE_CHUNKS];
};

/* Something that happened to the process, for people: see record/event_log.h. */
struct tg_event_entry {
    _Atomic uint64_t serial; /* counts from 1; 0: not written, or being written */
    int64_t wall_ns;
    uint32_t kind; /* enum tg_event_kind */
    uint32_t text_bytes;
    char text[488]; /* UTF-8, without an end */
};

struct tg_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes;
    uint32_t byte_order;
    uint32_t counters_bytes;
    uint64_t capacity_bytes; /* the file never grows beyond */
    uint8_t uuid[16];        /* of this process */
    uint8_t run_uuid[16];    /* shared by the processes of one `tachograph run`; zero: none */
    uint64_t pid;
    uint64_t parent_pid;
    int64_t started_wall_ns;
    int64_t started_monotonic_ns;
    uint32_t clock_kind;
    uint32_t python_version; /* as CPython's own version number, 0x030b07f0 for 3.11.7; 0: not Python */
    uint8_t reserved_identity[24];
    char host[64]; /* the strings end with a zero byte and are cut where too long */
    char service[128];
    char service_version[64];
    char program[512];

    _Atomic uint64_t reserved_bytes; /* of the file: may be touched */
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t refused_count;     /* times space was asked for and not had */
    _Atomic uint64_t unrecorded_count;  /* calls that found not even a thread entry */
    _Atomic uint64_t refused_functions; /* times a function past TG_FUNCTIONS_MAX was named */
    _Atomic uint32_t epoch;
    _Atomic uint32_t function_count;
    _Atomic uint32_t thread_count; /* entries ever made, free ones included */
    _Atomic uint32_t told_end;     /* not 0: the process came to its end by itself, and said so */
    _Atomic uint64_t ended_thread_count;

    tg_place function_chunks[TG_FUNCTION_CHUNKS];
    tg_place thread_chunks[TG_THREAD_CHUNKS];

    /* To place the end of a call in time: wall = started_wall_ns + (ticks - started_ticks) * clock_scale / 2^32. A
     * scale of 0 says that this clock's ticks tell nothing of the kind. */
    uint64_t started_ticks;
    uint64_t clock_scale;

    /* Collection (collect/collector.h). */
    int64_t interval_ns;            /* between two batches; 0: nobody collects */
    _Atomic uint32_t collected;     /* not 0: all that the process will ever have counted is stored */
    _Atomic uint32_t lost_children; /* forked from here, found no file for a recording of their own */
    char store_url[1024];           /* where batches go, without a password; "": nowhere */
    char spool[512];                /* the directory in which they wait, as the collector says; "": none yet */

    /* The process's sampler and orders to it: record/control.h. The only fields that others write are the orders. */
    _Atomic uint64_t sampler_order;
    _Atomic uint64_t sampler_answer; /* the order that was carried out last */
    _Atomic uint64_t sampler_tick_count;
    _Atomic uint32_t sampler_state;     /* enum tg_sampler_state */
    _Atomic uint32_t sampler_rate_hz;   /* while it runs; of the last time it ran */
    _Atomic uint32_t sampler_hindrance; /* enum tg_sampler_hindrance */

    tg_place failures; /* the area of exceptions; none before the first */

    _Atomic int64_t ended_monotonic_ns; /* when the process came to its end (told_end); 0: not told */

    tg_place events; /* TG_EVENTS entries, made with the first event: the one of serial n at n % TG_EVENTS */
    _Atomic uint64_t event_count; /* ever; the last TG_EVENTS of them are there */
};

/* What later changes must not break: the file is read by programs built from other versions of this header. */
static_assert(sizeof(struct tg_counters) == 192, "a counters block is three cache lines");
static_assert(sizeof(struct tg_buckets) == 1224, "at most 1.2 KiB for a histogram");
static_assert(sizeof(struct tg_event_entry) == 512, "an event is eight units");
static_assert(sizeof(struct tg_thread_entry) == 2304, "a thread entry is 36 units");
static_assert(sizeof(struct tg_failure_group) == 64, "a group is a unit and its texts");
static_assert(sizeof(struct tg_failure_chunk) == TG_UNIT_BYTES, "samples begin at a unit");
static_assert(sizeof(struct tg_failure_sample) == 56, "no padding in the file");
static_assert(sizeof(struct tg_header) <= TG_HEADER_BYTES, "the header fits its page");
static_assert(_Alignof(struct tg_counters) <= TG_UNIT_BYTES, "a unit aligns a block");
static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(tg_place) == 4, "atomics add nothing to the layout");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a mapped file cannot hold a lock of ours");

#endif
