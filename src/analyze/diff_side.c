/* diff_side: see diff_side.h. */
#include "analyze/diff_side.h"

#include "analyze/run_name.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <string.h>

#define LONGEST_JOB_NS (INT64_C(24) * 3600 * 1000000000)

static const char version_prefix[] = "version:";
static const char run_prefix[] = "run:";
static const char iteration_prefix[] = "iteration:";

/* What follows the prefix, or NULL. */
static const char *after(const char *word, const char *prefix) {
    size_t length = strlen(prefix);
    return strncmp(word, prefix, length) == 0 ? word + length : NULL;
}

static enum tg_status refuse(const struct tg_scope *scope, const char *word, struct tg_error *err) {
    const struct tg_store_version *version = NULL;
    if (tg_scope_find_version(scope, word, &version, NULL) == TG_OK) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' may be many things; for the version write version:%s", word,
                            word);
    }
    return tg_error_set(err, TG_ERROR_INVALID,
                        "'%s' is no part of a history: write version:1.4.2, run:latest, iteration:10..20 or a range of "
                        "times such as -2h..-1h",
                        word);
}

static enum tg_status select_period(struct tg_diff_side *side, const struct tg_scope *scope, const char *word,
                                    struct tg_error *err) {
    struct tg_period period = {INT64_MIN, INT64_MAX};
    enum tg_status status = TG_OK;
    if (strstr(word, "..")) {
        status = tg_scope_range(scope, word, &period, err);
    } else if (after(word, iteration_prefix)) {
        status = tg_scope_moment(scope, word, false, &period.first_iteration, err);
        period.last_iteration = period.first_iteration;
    } else {
        int64_t moment = 0;
        if (tg_scope_moment(scope, word, false, &moment, NULL) != TG_OK) {
            return refuse(scope, word, err);
        }
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is a moment, and a range has two: write %s..now", word, word);
    }
    struct tg_store_selection *selection = &side->selection;
    if (period.first_iteration > selection->first_iteration) {
        selection->first_iteration = period.first_iteration;
    }
    if (period.last_iteration < selection->last_iteration) {
        selection->last_iteration = period.last_iteration;
    }
    return status;
}

static enum tg_status select_word(struct tg_diff_side *side, const struct tg_scope *scope, const char *word,
                                  struct tg_error *err) {
    const struct tg_store_version *version = NULL;
    side->selection.version = after(word, version_prefix);
    const char *run = after(word, run_prefix);
    if (side->selection.version) {
        return tg_scope_find_version(scope, side->selection.version, &version, err);
    }
    side->is_run = run != NULL;
    return run ? tg_run_name_select(scope, run, &side->selection, err) : select_period(side, scope, word, err);
}

/* Of the iterations in which a function was called. */
static void find_ends(struct tg_diff_side *side) {
    side->first_iteration = INT64_MAX;
    side->last_iteration = INT64_MIN;
    for (size_t i = 0; i < side->functions.count; i++) {
        const struct tg_store_sums *sums = &side->functions.items[i].sums;
        if (sums->first_iteration < side->first_iteration) {
            side->first_iteration = sums->first_iteration;
        }
        if (sums->last_iteration > side->last_iteration) {
            side->last_iteration = sums->last_iteration;
        }
    }
}

static bool is_within(const struct tg_store_run *run, const struct tg_store_selection *selection) {
    return run->first_iteration >= selection->first_iteration && run->last_iteration <= selection->last_iteration;
}

/* Runs come in the order in which they began. */
static void measure_runs(struct tg_diff_side *side, const struct tg_store_runs *runs) {
    bool are_jobs = true;
    int64_t busy_until_ns = INT64_MIN;
    for (size_t i = 0; i < runs->count; i++) {
        const struct tg_store_run *run = &runs->items[i];
        int64_t length_ns = run->ended_wall_ns - run->started_wall_ns;
        side->run_count++;
        side->ended_run_count += run->end == TG_STORE_EVENT_END;
        side->run_ns += (double)length_ns / (double)runs->count;
        are_jobs = are_jobs && length_ns <= LONGEST_JOB_NS && run->started_wall_ns >= busy_until_ns
                   && is_within(run, &side->selection);
        busy_until_ns = run->ended_wall_ns > busy_until_ns ? run->ended_wall_ns : busy_until_ns;
    }
    side->is_of_jobs = side->is_run || (are_jobs && 2 * side->ended_run_count > side->run_count);
    side->run_count += side->run_count == 0; /* a batch that is stored in between may add one */
}

static enum tg_status read_runs(struct tg_diff_side *side, const struct tg_scope *scope, struct tg_error *err) {
    struct tg_store_runs runs;
    enum tg_status status = tg_store_runs(scope->store, &side->selection, &runs, err);
    if (status == TG_OK) {
        measure_runs(side, &runs);
    }
    tg_store_runs_release(&runs);
    return status;
}

static enum tg_status refuse_empty(const struct tg_scope *scope, const char *word, struct tg_error *err) {
    const struct tg_store_selection everything = tg_scope_everything(scope);
    struct tg_period bounds = tg_scope_bounds(scope, &everything);
    struct tg_strbuf part = TG_STRBUF_INIT;
    if (word) {
        tg_strbuf_printf(&part, "'%s'", word);
    } else {
        tg_strbuf_append(&part, "one of the two parts");
    }
    tg_error_set(err, TG_ERROR_NOT_FOUND,
                 "nothing was stored of %s: service '%s' has iterations %" PRId64 " to %" PRId64, tg_strbuf_text(&part),
                 scope->service->name, bounds.first_iteration, bounds.last_iteration);
    tg_strbuf_release(&part);
    return TG_ERROR_NOT_FOUND;
}

enum tg_status tg_diff_side_select(struct tg_diff_side *side, const struct tg_scope *scope,
                                   const struct tg_scope_words *within, const char *word, struct tg_error *err) {
    *side = (struct tg_diff_side){.word = word, .is_run = within->run != NULL};
    enum tg_status status = tg_scope_select(scope, within, &side->selection, err);
    return status == TG_OK && word ? select_word(side, scope, word, err) : status;
}

enum tg_status tg_diff_side_read(struct tg_diff_side *side, const struct tg_scope *scope,
                                 const struct tg_scope_words *within, const char *word, struct tg_error *err) {
    enum tg_status status = tg_diff_side_select(side, scope, within, word, err);
    if (status == TG_OK) {
        status = tg_store_functions(scope->store, &side->selection, NULL, false, &side->functions, err);
    }
    if (status == TG_OK && side->functions.count == 0) {
        status = refuse_empty(scope, word, err);
    }
    if (status == TG_OK) {
        status = tg_store_count_iterations(scope->store, &side->selection, &side->iteration_count, err);
    }
    find_ends(side);
    return status == TG_OK ? read_runs(side, scope, err) : status;
}

void tg_diff_side_release(struct tg_diff_side *side) {
    if (side) {
        tg_store_functions_release(&side->functions);
    }
}
