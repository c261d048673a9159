/*
 * diff_view: the answer of `tachograph diff`, as text and as JSON.
 */
#ifndef TG_DIFF_VIEW_H
#define TG_DIFF_VIEW_H

#include "analyze/diff.h"
#include "cli/history_command.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_diff_view {
    struct tg_diff diff;
    size_t limit; /* rows to show; 0: all */
    /* What --fail-over has found. */
    bool has_limit;
    double limit_ratio;
    bool failed;
};

void tg_diff_print_text(struct tg_history_question *question, const struct tg_diff_view *view);
void tg_diff_print_json(struct tg_history_question *question, const struct tg_diff_view *view);

#endif
