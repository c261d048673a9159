/*
 * snapshot: the figures of a recording at one moment, while it is being written.
 *
 * Each function's figures are consistent in themselves (format.h says how); figures of different functions are of
 * moments a little apart. What cannot be read whole is left out or taken as it stands, and counted.
 *
 * Threads: any number of readers; none stops the writer.
 */
#ifndef TG_SNAPSHOT_H
#define TG_SNAPSHOT_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/measures.h"
#include "record/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_ALL_THREADS   UINT32_MAX
#define TG_ENDED_THREADS 0

struct tg_snapshot_row {
    uint32_t function;
    uint32_t thread;  /* index into threads, or TG_ALL_THREADS */
    const char *name; /* borrowed from the recording; not ended by a zero byte */
    size_t name_bytes;
    const char *file;
    size_t file_bytes;
    uint32_t line;
    uint64_t code_hash; /* 0: not known */
    struct tg_measures measures;
};

struct tg_snapshot_thread {
    uint64_t native_id; /* 0: TG_ENDED_THREADS, all that have ended */
    char name[32];
};

struct tg_snapshot {
    struct tg_snapshot_row *rows; /* functions that were called, or run */
    size_t row_count;
    size_t row_capacity;
    struct tg_snapshot_thread *threads; /* only where asked for by thread */
    size_t thread_count;
    /* What the figures above do not show: */
    uint64_t overflow_call_count;   /* calls of functions for which there was no space */
    uint64_t unrecorded_call_count; /* calls of threads for which there was no space */
    uint64_t refused_function_count;
    uint64_t lost_child_count; /* forked children whose calls are in no recording */
    uint64_t torn_count;       /* blocks taken while being written, after several tries (or left so by a killed writer),
                               and those younger than the view */
    uint64_t damaged_count;    /* places that lead nowhere */
};

/* Reads all functions, summed over threads or, with `by_thread`, one row for each function and thread. The rows borrow
 * names from the view: keep it mapped. */
TG_NODISCARD enum tg_status tg_snapshot_take(struct tg_snapshot *snapshot, const struct tg_view *view, bool by_thread,
                                             struct tg_error *err);
/* The same, one function at a time: `visit` sees each row once and may take its measures over; the snapshot ends
 * without rows. Another status than TG_OK ends the visit and is returned. */
typedef enum tg_status tg_snapshot_visitor(void *context, struct tg_snapshot_row *row);
TG_NODISCARD enum tg_status tg_snapshot_visit(struct tg_snapshot *snapshot, const struct tg_view *view, bool by_thread,
                                              tg_snapshot_visitor *visit, void *context, struct tg_error *err);
void tg_snapshot_release(struct tg_snapshot *snapshot);

#endif
