/*
 * commit_codes: when a function's code became another. See commit.h.
 *
 * There is a row for each change, so that an edit that is undone makes two. A code is in force from the iteration of
 * its row to that of the function's next one. A row is written when a process takes up a code:
 *
 * - it ran another one before, so the function was reloaded in it; or
 * - nothing is known of what it ran before, another code is in force, and the process began after that was taken up: by
 *   its beginning, or in the interval in which it was reloaded.
 *
 * So what is in force is what the process runs that began or was reloaded last. Processes with different codes at the
 * same time, as in a deployment that is rolled out, change nothing by going on: the old ones run what they ran. Where
 * old and new ones are begun in turns there is a row for each such beginning, but never one for each interval. Rows
 * with the code of the row before them say the same thing once more, as of the workers that a reload comes to one after
 * the other, or of batches that came late; who reads leaves them out (store_codes.c).
 *
 * A process takes up CHANGES_MAX codes of a function at most: nobody edits it more often.
 */
#include "store/commit.h"

#define CHANGES_MAX 1000

static enum tg_status add_change(struct tg_commit *commit, const struct tg_commit_place *place, int64_t function_id,
                                 const struct tg_batch_function *function, int64_t taken_ns, struct tg_error *err) {
    const struct tg_sql_value change[] = {
        tg_value_integer(function_id),
        tg_value_integer(place->iteration),
        tg_value_integer((int64_t)function->code_hash),
        tg_value_integer(function->line),
        tg_value_integer(place->process_id),
        tg_value_integer(taken_ns),
    };
    return tg_store_run(commit->store, TG_QUERY_ADD_CODE, change, 6, err);
}

/* The codes that the process itself has taken up: how many, and the newest. */
static enum tg_status ask_own(struct tg_commit *commit, const struct tg_commit_place *place, int64_t function_id,
                              int *count, uint64_t *newest, struct tg_error *err) {
    const struct tg_sql_value key[] = {tg_value_integer(function_id), tg_value_integer(place->iteration),
                                       tg_value_integer(place->process_id)};
    struct tg_sql_value hash;
    bool found = true;
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_CODE_OF_PROCESS, key, 3, err);
    while (status == TG_OK && found && *count < CHANGES_MAX) {
        status = tg_store_fetch(commit->store, TG_QUERY_CODE_OF_PROCESS, &hash, 1, &found, err);
        if (status == TG_OK && found && (*count)++ == 0) {
            *newest = (uint64_t)tg_value_to_integer(&hash);
        }
    }
    tg_store_reset(commit->store, TG_QUERY_CODE_OF_PROCESS);
    return status;
}

/* Whether the process brings a code, as far as what is in force tells. */
static enum tg_status ask_in_force(struct tg_commit *commit, const struct tg_commit_place *place, int64_t function_id,
                                   uint64_t code_hash, bool *is_brought, struct tg_error *err) {
    const struct tg_sql_value key[] = {tg_value_integer(function_id), tg_value_integer(place->iteration)};
    struct tg_sql_value values[2];
    bool found = false;
    enum tg_status status = tg_store_run(commit->store, TG_QUERY_CODE_IN_FORCE, key, 2, err);
    if (status == TG_OK) {
        status = tg_store_fetch(commit->store, TG_QUERY_CODE_IN_FORCE, values, 2, &found, err);
    }
    *is_brought = !found
                  || ((uint64_t)tg_value_to_integer(&values[0]) != code_hash
                      && tg_value_to_integer(&values[1]) <= place->started_ns);
    tg_store_reset(commit->store, TG_QUERY_CODE_IN_FORCE);
    return status;
}

/* `before`: the code that the process is known to have had; 0: what is stored is asked. */
static enum tg_status note_change(struct tg_commit *commit, const struct tg_commit_place *place, int64_t function_id,
                                  const struct tg_batch_function *function, uint64_t before, struct tg_error *err) {
    int own_count = 0;
    uint64_t own = 0;
    enum tg_status status = place->is_new ? TG_OK : ask_own(commit, place, function_id, &own_count, &own, err);
    before = before ? before : own;
    bool is_change = before != function->code_hash && own_count < CHANGES_MAX;
    if (status == TG_OK && before == 0) {
        status = ask_in_force(commit, place, function_id, function->code_hash, &is_change, err);
    }
    int64_t taken_ns = before ? place->ended_ns : place->started_ns;
    return status == TG_OK && is_change ? add_change(commit, place, function_id, function, taken_ns, err) : status;
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
    return before == function->code_hash ? TG_OK
                                         : note_change(commit, place, known->function_id, function, before, err);
}
