/*
 * diff_view: the answer of `tachograph diff` as text; as JSON it is answer/diff_json.h.
 */
#ifndef TG_DIFF_VIEW_H
#define TG_DIFF_VIEW_H

#include "analyze/diff.h"
#include "answer/diff_json.h"
#include "cli/history_command.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_diff_view {
    struct tg_diff diff;
    bool was_chosen; /* by --per, of what figures are */
    size_t limit;    /* rows to show; 0: all */
    bool has_limit;  /* the verdict is one */
    struct tg_diff_verdict verdict;
};

void tg_diff_print_text(struct tg_history_question *question, const struct tg_diff_view *view);

#endif
