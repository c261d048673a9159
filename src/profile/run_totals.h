/*
 * run_totals: the functions of one run, summed over the processes (and threads) that recorded it.
 *
 * A function is its name and its file: `__main__::main` of two programs of one run stays two functions. Usage: init,
 * add each recording's snapshot, merge, then keep and sort as often as wanted, release.
 *
 * Names are borrowed from the recordings: they stay mapped until release. Threads: values belong to their owner.
 * Units: nanoseconds.
 */
#ifndef TG_RUN_TOTALS_H
#define TG_RUN_TOTALS_H

#include "base/attributes.h"
#include "base/error.h"
#include "record/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tg_run_sort {
    TG_RUN_SORT_TOTAL,
    TG_RUN_SORT_SELF,
    TG_RUN_SORT_CUMULATIVE,
    TG_RUN_SORT_AVERAGE,
    TG_RUN_SORT_P50,
    TG_RUN_SORT_P99,
    TG_RUN_SORT_MAXIMUM,
    TG_RUN_SORT_CALLS,
    TG_RUN_SORT_ERRORS,
};

/* Their names on a command line, by enum tg_run_sort, ended by NULL. */
extern const char *const tg_run_sort_names[];

struct tg_run_row {
    const char *name; /* "module::qualname"; not ended by a zero byte */
    size_t name_bytes;
    const char *file;
    size_t file_bytes;
    uint32_t line;
    /* By thread only: */
    uint64_t pid;
    uint64_t thread_id; /* the kernel's; 0: all that have ended */
    char thread_name[32];
    struct tg_measures measures;
};

struct tg_run_totals {
    struct tg_run_row *rows;
    size_t row_count;
    size_t row_capacity;
    size_t merged_count; /* rows that the last merge left */
    bool by_thread;      /* a row is a function in a thread */
    /* What the rows do not show, over all recordings (snapshot.h): */
    uint64_t overflow_call_count;
    uint64_t unrecorded_call_count;
    uint64_t refused_function_count;
    uint64_t lost_child_count;
    uint64_t torn_count;
    uint64_t damaged_count;
};

void tg_run_totals_init(struct tg_run_totals *totals, bool by_thread);
void tg_run_totals_release(struct tg_run_totals *totals);

/* Adds the snapshot of process `pid`, taken by thread if the totals are. Takes ownership of the measures: the
 * snapshot's rows are left without. Merges when much has come together, so that many processes take no more memory than
 * a few. */
TG_NODISCARD enum tg_status tg_run_totals_add(struct tg_run_totals *totals, struct tg_snapshot *snapshot, uint64_t pid,
                                              struct tg_error *err);

/* Makes one row of those that mean the same; after the last add. */
TG_NODISCARD enum tg_status tg_run_totals_merge(struct tg_run_totals *totals, struct tg_error *err);

/* Drops the rows whose name none of the patterns (base/pattern.h) matches. */
void tg_run_totals_keep(struct tg_run_totals *totals, const char *const *patterns, size_t pattern_count);

/* Largest first; equal ones by total, then by name. */
TG_NODISCARD enum tg_status tg_run_totals_sort(struct tg_run_totals *totals, enum tg_run_sort key,
                                               struct tg_error *err);

#endif
