/* commit_rows: the functions of a batch. See commit.h. */
#include "store/commit.h"

#include "base/hash.h"
#include "measure/histogram.h"
#include "store/function_rows.h"
#include "store/stored_name.h"

#include <stdlib.h>
#include <string.h>

/* Functions of one name in one batch, added up. */
struct tg_commit_merged {
    struct tg_commit_merged *next;
    struct tg_batch_function function;
    struct tg_strbuf histogram;
};

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to store a batch");
}

void tg_commit_clear_rows(struct tg_commit *commit) {
    while (commit->merged) {
        struct tg_commit_merged *merged = commit->merged;
        commit->merged = merged->next;
        tg_strbuf_release(&merged->histogram);
        free(merged);
    }
    commit->row_count = 0;
}

/* Asks for the id of a name, and makes one if there is none. */
static enum tg_status find_function(struct tg_commit *commit, int64_t service_id, struct tg_bytes stored_name,
                                    const struct tg_batch_function *function, int64_t *id, struct tg_error *err) {
    struct tg_store *store = commit->store;
    struct tg_sql_value value = {.kind = TG_SQL_NULL};
    bool found = false;
    struct tg_bytes name = tg_store_clean_text(stored_name, TG_STORE_NAME_BYTES_MAX, &commit->text);
    const struct tg_sql_value key[] = {tg_value_integer(service_id), tg_value_text(name)};
    enum tg_status status = tg_store_run(store, TG_QUERY_FUNCTION, key, 2, err);
    if (status == TG_OK) {
        status = tg_store_fetch(store, TG_QUERY_FUNCTION, &value, 1, &found, err);
    }
    *id = found ? tg_value_to_integer(&value) : 0;
    tg_store_reset(store, TG_QUERY_FUNCTION);
    if (status == TG_OK && !found) {
        struct tg_strbuf text = TG_STRBUF_INIT;
        const struct tg_sql_value parameters[] = {
            key[0],
            key[1],
            tg_value_text(tg_store_clean_text(function->file, TG_STORE_TEXT_BYTES_MAX, &text)),
            tg_value_integer(function->line),
        };
        status = tg_store_run(store, TG_QUERY_ADD_FUNCTION, parameters, 4, err);
        *id = store->driver->last_id(store->sql);
        tg_strbuf_release(&text);
    }
    return status;
}

/* Where the function is; never 0. */
static uint64_t source_of(const struct tg_batch_function *function) {
    uint64_t hash = tg_hash_bytes(TG_HASH_INIT, function->file.data, function->file.length);
    return tg_hash_bytes(hash, &function->line, sizeof function->line) | 1U;
}

/* The function's file or line is another than in the batch before. */
static enum tg_status note_source(struct tg_commit *commit, int64_t function_id,
                                  const struct tg_batch_function *function, struct tg_error *err) {
    const struct tg_sql_value source[] = {
        tg_value_text(tg_store_clean_text(function->file, TG_STORE_TEXT_BYTES_MAX, &commit->text)),
        tg_value_integer(function->line),
        tg_value_integer(function_id),
    };
    return tg_store_run(commit->store, TG_QUERY_SET_SOURCE, source, 3, err);
}

static enum tg_status find_name(struct tg_commit *commit, const struct tg_commit_place *place,
                                const struct tg_batch_function *function, struct tg_interned **found, int64_t *id,
                                struct tg_error *err) {
    struct tg_interning *interning = &commit->store->interning;
    int64_t service_id = place->service->id;
    struct tg_bytes name;
    if (tg_stored_name(&name, function->name, function->file, &commit->name) != TG_OK) {
        return no_memory(err);
    }
    struct tg_interned *known = tg_interning_find(interning, service_id, name);
    if (!known) {
        enum tg_status status = find_function(commit, service_id, name, function, id, err);
        if (status != TG_OK) {
            return status;
        }
        known = tg_interning_add(interning, service_id, name, *id);
        if (!known) {
            return no_memory(err);
        }
    }
    *id = known->function_id;
    *found = known;
    return TG_OK;
}

enum tg_status tg_commit_function(struct tg_commit *commit, const struct tg_commit_place *place, struct tg_bytes name,
                                  struct tg_bytes file, int64_t *id, struct tg_error *err) {
    const struct tg_batch_function function = {.name = name, .file = file};
    struct tg_interned *known;
    return find_name(commit, place, &function, &known, id, err);
}

static enum tg_status intern(struct tg_commit *commit, const struct tg_commit_place *place,
                             const struct tg_batch_function *function, int64_t *id, struct tg_error *err) {
    struct tg_interned *known;
    enum tg_status status = find_name(commit, place, function, &known, id, err);
    if (status != TG_OK) {
        return status;
    }
    uint64_t source = source_of(function);
    if (known->seen != source) {
        known->seen = source;
        status = note_source(commit, *id, function, err);
    }
    return status == TG_OK ? tg_commit_note_code(commit, place, known, function, err) : status;
}

static int by_id(const void *one, const void *other) {
    const struct tg_commit_row *a = one;
    const struct tg_commit_row *b = other;
    return (a->function_id > b->function_id) - (a->function_id < b->function_id);
}

static uint64_t saturating_add(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* Buckets that are full stay full. */
static enum tg_status merge_histogram(struct tg_commit_merged *merged, struct tg_bytes bytes, struct tg_error *err) {
    struct tg_histogram one = {.counts = {0}};
    struct tg_histogram other = {.counts = {0}};
    struct tg_bytes before = merged->function.histogram;
    enum tg_status status = TG_OK;
    if (before.length > 0) {
        status = tg_histogram_decode(&one, (const uint8_t *)before.data, before.length, err);
    }
    if (status == TG_OK && bytes.length > 0) {
        status = tg_histogram_decode(&other, (const uint8_t *)bytes.data, bytes.length, err);
    }
    if (status != TG_OK) {
        return status;
    }
    enum tg_status ignored = tg_histogram_merge(&one, &other);
    (void)ignored;
    tg_strbuf_truncate(&merged->histogram, 0);
    tg_histogram_encode(&one, &merged->histogram);
    merged->function.histogram =
        (struct tg_bytes){.data = tg_strbuf_text(&merged->histogram), .length = merged->histogram.length};
    return tg_strbuf_status(&merged->histogram) == TG_OK ? TG_OK : no_memory(err);
}

static enum tg_status merge(struct tg_commit_merged *merged, const struct tg_batch_function *other,
                            struct tg_error *err) {
    struct tg_batch_function *one = &merged->function;
    one->call_count = saturating_add(one->call_count, other->call_count);
    one->error_count = saturating_add(one->error_count, other->error_count);
    one->total_ns = saturating_add(one->total_ns, other->total_ns);
    one->cumulative_ns = saturating_add(one->cumulative_ns, other->cumulative_ns);
    one->self_ns = saturating_add(one->self_ns, other->self_ns);
    one->active_ns = saturating_add(one->active_ns, other->active_ns);
    one->minimum_ns = other->minimum_ns < one->minimum_ns ? other->minimum_ns : one->minimum_ns;
    one->maximum_ns = other->maximum_ns > one->maximum_ns ? other->maximum_ns : one->maximum_ns;
    return merge_histogram(merged, other->histogram, err);
}

/* Makes one row of those with one id; they are sorted. */
static enum tg_status merge_rows(struct tg_commit *commit, struct tg_error *err) {
    size_t kept = 0;
    struct tg_commit_merged *merged = NULL; /* what the row kept last is made of */
    enum tg_status status = TG_OK;
    for (size_t i = 1; i < commit->row_count && status == TG_OK; i++) {
        struct tg_commit_row *last = &commit->rows[kept];
        const struct tg_commit_row *row = &commit->rows[i];
        if (row->function_id != last->function_id) {
            commit->rows[++kept] = *row;
            merged = NULL;
            continue;
        }
        if (!merged) {
            merged = calloc(1, sizeof *merged);
            if (!merged) {
                return no_memory(err);
            }
            merged->function = *last->function;
            merged->next = commit->merged;
            commit->merged = merged;
            last->function = &merged->function;
        }
        status = merge(merged, row->function, err);
    }
    commit->row_count = commit->row_count > 0 ? kept + 1 : 0;
    return status;
}

enum tg_status tg_commit_find_rows(struct tg_commit *commit, const struct tg_commit_place *place,
                                   const struct tg_batch *batch, struct tg_error *err) {
    tg_commit_clear_rows(commit);
    if (batch->function_count > commit->row_capacity) {
        struct tg_commit_row *rows = realloc(commit->rows, batch->function_count * sizeof *rows);
        commit->rows = rows ? rows : commit->rows;
        struct tg_figures_row *figures = realloc(commit->figures, batch->function_count * sizeof *figures);
        commit->figures = figures ? figures : commit->figures;
        if (!rows || !figures) {
            return no_memory(err);
        }
        commit->row_capacity = batch->function_count;
    }
    bool is_sorted = true;
    for (size_t i = 0; i < batch->function_count; i++) {
        struct tg_commit_row *row = &commit->rows[i];
        row->function = &batch->functions[i];
        enum tg_status status = intern(commit, place, row->function, &row->function_id, err);
        if (status != TG_OK) {
            return status;
        }
        is_sorted = is_sorted && (i == 0 || row[-1].function_id < row->function_id);
    }
    commit->row_count = batch->function_count;
    if (is_sorted) {
        return TG_OK;
    }
    qsort(commit->rows, commit->row_count, sizeof *commit->rows, by_id);
    return merge_rows(commit, err);
}

/* What is stored of the functions, in commit->figures. */
static void make_figures(struct tg_commit *commit, int64_t iteration) {
    for (size_t i = 0; i < commit->row_count; i++) {
        const struct tg_batch_function *function = commit->rows[i].function;
        commit->figures[i] = (struct tg_figures_row){
            .iteration = iteration,
            .function_id = commit->rows[i].function_id,
            .call_count = function->call_count,
            .error_count = function->error_count,
            .total_ns = function->total_ns,
            .cumulative_ns = function->cumulative_ns,
            .self_ns = function->self_ns,
            .active_ns = function->active_ns,
            .minimum_ns = function->minimum_ns,
            .maximum_ns = function->maximum_ns,
            .histogram = function->histogram,
        };
    }
}

/* A row in an iteration that is in the sums already: its figures are added, and the iteration's point is replaced. */
static enum tg_status add_late(struct tg_commit_service *service, const struct tg_figures_row *row,
                               uint64_t calls_before, uint64_t total_before, struct tg_error *err) {
    enum tg_status status = tg_figures_add(&service->changes, row, err);
    uint64_t calls = saturating_add(calls_before, row->call_count);
    if (status != TG_OK || calls == 0) {
        return status;
    }
    struct tg_store_sums *sums = &tg_figures_get(&service->changes, row->function_id)->sums;
    uint64_t total = saturating_add(total_before, row->total_ns);
    tg_sums_add(sums, row->iteration, (double)total / (double)calls);
    if (calls_before > 0) {
        tg_sums_remove(sums, row->iteration, (double)total_before / (double)calls_before);
    }
    return TG_OK;
}

/* What each function has in the iteration already. Reads it side by side with the rows: both are sorted by id. */
static enum tg_status add_all_late(struct tg_commit *commit, const struct tg_commit_place *place,
                                   struct tg_error *err) {
    const struct tg_sql_value range[] = {tg_value_integer(place->service->id), tg_value_integer(place->iteration),
                                         tg_value_integer(place->iteration)};
    struct tg_function_rows there;
    struct tg_figures_row before;
    bool found = false;
    enum tg_status status = tg_function_rows_run(&there, commit->store, TG_QUERY_ROWS, range, 3, err);
    if (status == TG_OK) {
        status = tg_function_rows_next(&there, &before, &found, err);
    }
    for (size_t i = 0; i < commit->row_count && status == TG_OK; i++) {
        const struct tg_figures_row *row = &commit->figures[i];
        uint64_t calls = 0;
        uint64_t total = 0;
        while (found && status == TG_OK && before.function_id <= row->function_id) {
            if (before.function_id == row->function_id) {
                calls = saturating_add(calls, before.call_count);
                total = saturating_add(total, before.total_ns);
            }
            status = tg_function_rows_next(&there, &before, &found, err);
        }
        if (status == TG_OK) {
            status = add_late(place->service, row, calls, total, err);
        }
    }
    tg_function_rows_end(&there);
    return status;
}

enum tg_status tg_commit_add_rows(struct tg_commit *commit, const struct tg_commit_place *place, struct tg_error *err) {
    enum tg_status status = TG_OK;
    make_figures(commit, place->iteration);
    if (place->iteration <= place->service->folded_until) {
        status = add_all_late(commit, place, err);
    } else {
        place->service->unfolded_count += (int64_t)commit->row_count;
    }
    if (status == TG_OK) {
        status = tg_function_rows_write(commit->store, place->service->id, place->interval_id, commit->figures,
                                        commit->row_count, err);
    }
    return status;
}
