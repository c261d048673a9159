/*
 * commit_codes: when a function's code became another. See commit.h.
 *
 * There is a row for each change, so that an edit that is undone makes two. A code is in force from the iteration of
 * its row to that of the function's next one. A row is written when a process takes up another code than is in force:
 *
 * - it ran another one before, so the function was reloaded in it, at some moment of the interval; or
 * - nothing is known of what it ran before, and it began after what is in force was taken up. Of a process that began
 *   in the interval of a reload nobody knows; it brings what the function never had.
 *
 * So what is in force is what the process runs that began or was reloaded last. Processes with different codes at the
 * same time, as in a deployment that is rolled out, change nothing by going on: the old ones run what they ran.
 *
 * Two minor versions of Python compile a source to different codes: each has rows of its own. Rows of version 1 of the
 * tables, whose Python is not known, are those of all.
 *
 * Codes that live side by side for good, as of a canary, or of two functions with one name, would make a row with each
 * process that begins: one that comes back adds none where the function has had RETURNS_PER_DAY rows within a day. Of
 * all rows the newest CODES_KEPT are kept, and nobody edits a function that often in a day: it gets none either.
 */
#include "store/commit.h"

#define CODES_KEPT      100
#define RETURNS_PER_DAY 10
#define DAY_NS          INT64_C(86400000000000)

/* A row; it was taken up at some time between the two. */
struct code_row {
    int64_t id;
    int64_t first_iteration;
    uint64_t code_hash;
    int64_t process_id;
    int64_t after_ns;
    int64_t until_ns;
};

/* The newest ones of a function. */
struct code_rows {
    struct code_row items[CODES_KEPT];
    size_t count;
};

/* Those up to the batch's iteration: the first is in force. */
struct code_view {
    const struct code_row *items;
    size_t count;
};

static enum tg_status read_rows(struct tg_commit *commit, const struct tg_commit_place *place, int64_t function_id,
                                struct code_rows *rows, struct tg_error *err) {
    const struct tg_sql_value key[] = {tg_value_integer(function_id), tg_value_integer(place->python),
                                       tg_value_integer(CODES_KEPT)};
    struct tg_sql_value values[6];
    bool found = true;
    rows->count = 0;
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_NEWEST_CODES, key, 3, err);
    while (status == TG_OK && rows->count < CODES_KEPT) {
        status = tg_store_fetch(commit->store, TG_QUERY_NEWEST_CODES, values, 6, &found, err);
        if (status != TG_OK || !found) {
            break;
        }
        rows->items[rows->count++] = (struct code_row){
            .id = tg_value_to_integer(&values[0]),
            .first_iteration = tg_value_to_integer(&values[1]),
            .code_hash = (uint64_t)tg_value_to_integer(&values[2]),
            .process_id = tg_value_to_integer(&values[3]),
            .after_ns = tg_value_to_integer(&values[4]),
            .until_ns = tg_value_to_integer(&values[5]),
        };
    }
    tg_store_reset(commit->store, TG_QUERY_NEWEST_CODES);
    return status;
}

static struct code_view view_until(const struct code_rows *rows, int64_t iteration) {
    size_t later = 0;
    while (later < rows->count && rows->items[later].first_iteration > iteration) {
        later++;
    }
    return (struct code_view){.items = rows->items + later, .count = rows->count - later};
}

/* The code that the process itself took up last; 0: none. */
static uint64_t own_code(const struct code_view *view, int64_t process_id) {
    for (size_t i = 0; i < view->count; i++) {
        if (view->items[i].process_id == process_id) {
            return view->items[i].code_hash;
        }
    }
    return 0;
}

static bool has_had(const struct code_view *view, uint64_t code_hash) {
    for (size_t i = 0; i < view->count; i++) {
        if (view->items[i].code_hash == code_hash) {
            return true;
        }
    }
    return false;
}

/* `before`: what the process ran; 0: not known. */
static bool is_change(const struct code_view *view, uint64_t before, const struct code_row *row) {
    if (view->count == 0) {
        return true;
    }
    const struct code_row *in_force = &view->items[0];
    bool returns = has_had(view, row->code_hash);
    size_t limit = returns ? RETURNS_PER_DAY : CODES_KEPT;
    bool is_often = view->count >= limit && view->items[limit - 1].until_ns > row->until_ns - DAY_NS;
    if (before == row->code_hash || in_force->code_hash == row->code_hash || is_often) {
        return false;
    }
    return before != 0 || row->after_ns >= (returns ? in_force->until_ns : in_force->after_ns);
}

/* Adds it, and removes the oldest one if it finds no space. One that is older than all that are kept is not added. */
static enum tg_status add_row(struct tg_commit *commit, const struct tg_commit_place *place, int64_t function_id,
                              uint32_t line, const struct code_rows *rows, const struct code_row *row,
                              struct tg_error *err) {
    const struct tg_sql_value change[] = {
        tg_value_integer(function_id),   tg_value_integer(row->first_iteration),
        tg_value_integer(place->python), tg_value_integer((int64_t)row->code_hash),
        tg_value_integer(line),          tg_value_integer(row->process_id),
        tg_value_integer(row->after_ns), tg_value_integer(row->until_ns),
    };
    if (rows->count == CODES_KEPT) {
        const struct code_row *oldest = &rows->items[CODES_KEPT - 1];
        const struct tg_sql_value id = tg_value_integer(oldest->id);
        if (row->first_iteration < oldest->first_iteration) {
            return TG_OK;
        }
        enum tg_status status = tg_store_run(commit->store, TG_QUERY_REMOVE_CODE, &id, 1, err);
        if (status != TG_OK) {
            return status;
        }
    }
    return tg_store_run(commit->store, TG_QUERY_ADD_CODE, change, 8, err);
}

/* What is in force stays true until the end of the transaction. */
static void remember_newest(struct tg_commit *commit, const struct tg_commit_place *place, struct tg_interned *known,
                            const struct code_row *newest) {
    known->newest_transaction = commit->store->transaction;
    known->newest_python = place->python;
    known->newest_iteration = newest->first_iteration;
    known->newest_code = newest->code_hash;
}

static bool is_newest(const struct tg_commit *commit, const struct tg_commit_place *place,
                      const struct tg_interned *known, uint64_t code_hash) {
    return known->newest_transaction == commit->store->transaction && known->newest_python == place->python
           && known->newest_iteration <= place->iteration && known->newest_code == code_hash;
}

/* `before`: the code that the process is known to have had; 0: what is stored tells. */
static enum tg_status note_change(struct tg_commit *commit, const struct tg_commit_place *place,
                                  struct tg_interned *known, const struct tg_batch_function *function, uint64_t before,
                                  struct tg_error *err) {
    struct code_rows rows;
    enum tg_status status = read_rows(commit, place, known->function_id, &rows, err);
    if (status != TG_OK) {
        return status;
    }
    struct code_view view = view_until(&rows, place->iteration);
    before = before ? before : own_code(&view, place->process_id);
    const struct code_row row = {
        .first_iteration = place->iteration,
        .code_hash = function->code_hash,
        .process_id = place->process_id,
        .after_ns = before ? place->began_ns : place->started_ns,
        .until_ns = before ? place->ended_ns : place->started_ns,
    };
    const struct code_row *newest = rows.count ? &rows.items[0] : &row;
    if (is_change(&view, before, &row)) {
        status = add_row(commit, place, known->function_id, function->line, &rows, &row, err);
        newest = row.first_iteration >= newest->first_iteration ? &row : newest;
    }
    remember_newest(commit, place, known, newest);
    return status;
}

enum tg_status tg_commit_note_code(struct tg_commit *commit, const struct tg_commit_place *place,
                                   struct tg_interned *known, const struct tg_batch_function *function,
                                   struct tg_error *err) {
    if (function->code_hash == 0) {
        return TG_OK;
    }
    bool is_known = known->seen_process == place->process_id && place->iteration >= known->seen_iteration;
    uint64_t before = is_known ? known->seen_code : 0;
    known->seen_process = place->process_id;
    known->seen_iteration = place->iteration;
    known->seen_code = function->code_hash;
    return before == function->code_hash || is_newest(commit, place, known, function->code_hash)
               ? TG_OK
               : note_change(commit, place, known, function, before, err);
}
