/* run_totals: see run_totals.h. */
#include "profile/run_totals.h"

#include "base/pattern.h"
#include "record/format.h"

#include <stdlib.h>
#include <string.h>

const char *const tg_run_sort_names[] = {"total", "self", "cumulative", "average", "p50",
                                         "p99",   "max",  "calls",      "errors",  NULL};

/* A row is some 2.5 KB with its histogram. */
#define UNMERGED_ROWS 2048

/* What is sorted: rows are large, so only these move until the order is known. */
struct item {
    uint64_t key;
    struct tg_run_row *row;
};

void tg_run_totals_init(struct tg_run_totals *totals, bool by_thread) {
    *totals = (struct tg_run_totals){.by_thread = by_thread};
}

void tg_run_totals_release(struct tg_run_totals *totals) {
    if (!totals) {
        return;
    }
    for (size_t i = 0; i < totals->row_count; i++) {
        tg_measures_release(&totals->rows[i].measures);
    }
    free(totals->rows);
    tg_run_totals_init(totals, totals->by_thread);
}

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to sum up the recordings");
}

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static enum tg_status make_room(struct tg_run_totals *totals, size_t more, struct tg_error *err) {
    if (more <= totals->row_capacity - totals->row_count) {
        return TG_OK;
    }
    size_t capacity = totals->row_count + more;
    struct tg_run_row *rows = realloc(totals->rows, capacity * sizeof *rows);
    if (!rows) {
        return no_memory(err);
    }
    totals->rows = rows;
    totals->row_capacity = capacity;
    return TG_OK;
}

static void take_row(struct tg_run_row *row, struct tg_snapshot_row *from, const struct tg_snapshot *snapshot,
                     uint64_t pid) {
    *row = (struct tg_run_row){
        .name = from->name,
        .name_bytes = from->name_bytes,
        .file = from->file,
        .file_bytes = from->file_bytes,
        .line = from->line,
        .measures = from->measures,
    };
    tg_measures_init(&from->measures);
    if (from->thread < snapshot->thread_count) {
        const struct tg_snapshot_thread *thread = &snapshot->threads[from->thread];
        row->pid = pid;
        row->thread_id = thread->native_id;
        memcpy(row->thread_name, thread->name, sizeof row->thread_name);
    }
}

enum tg_status tg_run_totals_add(struct tg_run_totals *totals, struct tg_snapshot *snapshot, uint64_t pid,
                                 struct tg_error *err) {
    enum tg_status status = make_room(totals, snapshot->row_count, err);
    if (status != TG_OK) {
        return status;
    }
    for (size_t i = 0; i < snapshot->row_count; i++) {
        take_row(&totals->rows[totals->row_count++], &snapshot->rows[i], snapshot, pid);
    }
    totals->overflow_call_count = saturating_add(totals->overflow_call_count, snapshot->overflow_call_count);
    totals->unrecorded_call_count = saturating_add(totals->unrecorded_call_count, snapshot->unrecorded_call_count);
    totals->refused_function_count = saturating_add(totals->refused_function_count, snapshot->refused_function_count);
    totals->lost_child_count = saturating_add(totals->lost_child_count, snapshot->lost_child_count);
    totals->torn_count = saturating_add(totals->torn_count, snapshot->torn_count);
    totals->damaged_count = saturating_add(totals->damaged_count, snapshot->damaged_count);
    bool is_much = totals->row_count > UNMERGED_ROWS && totals->row_count / 2 > totals->merged_count;
    return is_much ? tg_run_totals_merge(totals, err) : TG_OK;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static int compare_texts(const char *a, size_t a_bytes, const char *b, size_t b_bytes) {
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order ? order : compare_numbers(a_bytes, b_bytes);
}

/* Equal when the rows mean the same. */
static int compare_identities(const struct tg_run_row *a, const struct tg_run_row *b) {
    int order = compare_texts(a->name, a->name_bytes, b->name, b->name_bytes);
    order = order ? order : compare_texts(a->file, a->file_bytes, b->file, b->file_bytes);
    order = order ? order : compare_numbers(a->pid, b->pid);
    return order ? order : compare_numbers(a->thread_id, b->thread_id);
}

static int by_identity(const void *one, const void *other) {
    const struct item *a = one;
    const struct item *b = other;
    return compare_identities(a->row, b->row);
}

static int by_key(const void *one, const void *other) {
    const struct item *a = one;
    const struct item *b = other;
    int order = compare_numbers(b->key, a->key);
    order = order ? order : compare_numbers(b->row->measures.total_ns, a->row->measures.total_ns);
    return order ? order : compare_identities(a->row, b->row);
}

static uint64_t key_of(const struct tg_measures *measures, enum tg_run_sort key) {
    switch (key) {
    case TG_RUN_SORT_TOTAL:
        return measures->total_ns;
    case TG_RUN_SORT_SELF:
        return measures->self_ns;
    case TG_RUN_SORT_CUMULATIVE:
        return measures->cumulative_ns;
    case TG_RUN_SORT_AVERAGE:
        return tg_measures_average_ns(measures);
    case TG_RUN_SORT_P50:
        return tg_measures_percentile(measures, 50);
    case TG_RUN_SORT_P99:
        return tg_measures_percentile(measures, 99);
    case TG_RUN_SORT_MAXIMUM:
        return measures->maximum_ns;
    case TG_RUN_SORT_CALLS:
        return measures->call_count;
    case TG_RUN_SORT_ERRORS:
        return measures->error_count;
    }
    return 0;
}

/* Puts the rows into the order of `compare`. */
static enum tg_status reorder(struct tg_run_totals *totals, enum tg_run_sort key,
                              int (*compare)(const void *, const void *), struct tg_error *err) {
    if (totals->row_count == 0) {
        return TG_OK;
    }
    struct item *items = calloc(totals->row_count, sizeof *items);
    struct tg_run_row *rows = calloc(totals->row_count, sizeof *rows);
    enum tg_status status = items && rows ? TG_OK : no_memory(err);
    if (status == TG_OK) {
        for (size_t i = 0; i < totals->row_count; i++) {
            items[i] = (struct item){.key = key_of(&totals->rows[i].measures, key), .row = &totals->rows[i]};
        }
        qsort(items, totals->row_count, sizeof *items, compare);
        for (size_t i = 0; i < totals->row_count; i++) {
            rows[i] = *items[i].row;
        }
        free(totals->rows);
        totals->rows = rows;
        totals->row_capacity = totals->row_count;
        rows = NULL;
    }
    free(rows);
    free(items);
    return status;
}

enum tg_status tg_run_totals_merge(struct tg_run_totals *totals, struct tg_error *err) {
    enum tg_status status = reorder(totals, TG_RUN_SORT_TOTAL, by_identity, err);
    if (status != TG_OK || totals->row_count == 0) {
        return status;
    }
    size_t kept = 0;
    for (size_t i = 1; i < totals->row_count; i++) {
        struct tg_run_row *row = &totals->rows[i];
        if (compare_identities(&totals->rows[kept], row) != 0) {
            totals->rows[++kept] = *row;
            continue;
        }
        if (status == TG_OK && tg_measures_add(&totals->rows[kept].measures, &row->measures) == TG_ERROR_MEMORY) {
            status = no_memory(err);
        }
        tg_measures_release(&row->measures);
    }
    totals->row_count = kept + 1;
    totals->merged_count = totals->row_count;
    return status;
}

static bool is_meant(const struct tg_run_row *row, const char *const *patterns, size_t pattern_count) {
    char name[TG_NAME_MAX_BYTES + 1];
    size_t bytes = row->name_bytes < sizeof name ? row->name_bytes : sizeof name - 1;
    memcpy(name, row->name, bytes);
    name[bytes] = '\0';
    for (size_t i = 0; i < pattern_count; i++) {
        if (tg_pattern_match(patterns[i], name)) {
            return true;
        }
    }
    return false;
}

void tg_run_totals_keep(struct tg_run_totals *totals, const char *const *patterns, size_t pattern_count) {
    size_t kept = 0;
    for (size_t i = 0; i < totals->row_count; i++) {
        if (is_meant(&totals->rows[i], patterns, pattern_count)) {
            totals->rows[kept++] = totals->rows[i];
        } else {
            tg_measures_release(&totals->rows[i].measures);
        }
    }
    totals->row_count = kept;
}

enum tg_status tg_run_totals_sort(struct tg_run_totals *totals, enum tg_run_sort key, struct tg_error *err) {
    return reorder(totals, key, by_key, err);
}
