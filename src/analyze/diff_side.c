/* diff_side: see diff_side.h. */
#include "analyze/diff_side.h"

#include "base/strbuf.h"

#include <inttypes.h>
#include <string.h>

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
                        "'%s' is no part of a history: write version:1.4.2, run:UUID, iteration:10..20 or a range of "
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
    side->selection.run = after(word, run_prefix);
    side->is_run = side->selection.run != NULL;
    if (side->selection.version) {
        return tg_scope_find_version(scope, side->selection.version, &version, err);
    }
    return side->is_run ? TG_OK : select_period(side, scope, word, err);
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

enum tg_status tg_diff_side_read(struct tg_diff_side *side, const struct tg_scope *scope,
                                 const struct tg_scope_words *within, const char *word, struct tg_error *err) {
    *side = (struct tg_diff_side){.word = word, .is_run = within->run != NULL};
    enum tg_status status = tg_scope_select(scope, within, &side->selection, err);
    if (status == TG_OK && word) {
        status = select_word(side, scope, word, err);
    }
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
    return status;
}

void tg_diff_side_release(struct tg_diff_side *side) {
    if (side) {
        tg_store_functions_release(&side->functions);
    }
}
