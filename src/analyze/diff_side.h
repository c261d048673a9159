/*
 * diff_side: one of the two parts of a history that are compared: "version:1.4.2", "run:3f2a91bc", "iteration:10..20",
 * "-2h..-1h".
 */
#ifndef TG_DIFF_SIDE_H
#define TG_DIFF_SIDE_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_diff_side {
    const char *word; /* borrowed; NULL: there is none */
    struct tg_store_selection selection;
    struct tg_store_functions functions;
    bool is_run;
    int64_t iteration_count; /* in which anything was called */
    int64_t first_iteration; /* of them */
    int64_t last_iteration;
    int64_t run_count;       /* that have a part in it, 1 or more */
    int64_t ended_run_count; /* of them: whose first process ended by itself, not killed and not going on */
    double run_ns;           /* how long they lasted on average */
    bool is_of_jobs;         /* its runs are those of a program that ends when its work is done */
};

/* What a word selects of what `within` does, and nothing of its figures. Statuses as the next. */
TG_NODISCARD enum tg_status tg_diff_side_select(struct tg_diff_side *side, const struct tg_scope *scope,
                                                const struct tg_scope_words *within, const char *word,
                                                struct tg_error *err);

/* Reads what a word selects of what `within` does (`word` NULL: all of that), and the functions called in it.
 * TG_ERROR_INVALID: the word is none of these; TG_ERROR_NOT_FOUND: nothing was stored of it. The words are borrowed.
 * Released also after a failure. */
TG_NODISCARD enum tg_status tg_diff_side_read(struct tg_diff_side *side, const struct tg_scope *scope,
                                              const struct tg_scope_words *within, const char *word,
                                              struct tg_error *err);
void tg_diff_side_release(struct tg_diff_side *side);

#endif
