/*
 * diff_side: one of the two parts of a history that are compared: "version:1.4.2", "run:UUID", "iteration:10..20",
 * "-2h..-1h".
 */
#ifndef TG_DIFF_SIDE_H
#define TG_DIFF_SIDE_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/history_command.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_diff_side {
    const char *word; /* borrowed */
    struct tg_store_selection selection;
    struct tg_store_functions functions;
    bool is_run;
    int64_t iteration_count; /* in which anything was called: those of the function that was called in most */
    int64_t first_iteration; /* of them */
    int64_t last_iteration;
};

/* Reads what a word selects, within --since and --until, and the functions called in it. TG_ERROR_INVALID: the word is
 * none of these; TG_ERROR_NOT_FOUND: nothing was stored of it. Released also after a failure. */
TG_NODISCARD enum tg_status tg_diff_side_read(struct tg_diff_side *side, const struct tg_history *history,
                                              const struct tg_history_options *options, const char *word,
                                              struct tg_error *err);
void tg_diff_side_release(struct tg_diff_side *side);

/* Appends "version 1: iterations 0 to 41, 2026-11-21 10:00:00 to 10:00:42". */
void tg_diff_side_append(struct tg_strbuf *out, const struct tg_diff_side *side,
                         const struct tg_store_service *service);

#endif
