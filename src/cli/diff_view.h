/*
 * diff_view: two sides of a history compared, and the answer of `tachograph diff` as text and as JSON.
 *
 * What takes part in the comparison are functions called 10 times or more on one side. Another's time is that of how
 * long the program was left running, as that of a main, which waits most of it: beside it nothing else would have a
 * share worth naming. Such functions come last. In runs, and where there are no others, all take part.
 */
#ifndef TG_DIFF_VIEW_H
#define TG_DIFF_VIEW_H

#include "analyze/compare.h"
#include "cli/diff_side.h"
#include "cli/history_command.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_diff {
    struct tg_diff_side a;
    struct tg_diff_side b;
    struct tg_compare compare; /* of what takes part */
    struct tg_compare others;
    struct tg_store_function *parts; /* what both were made of, borrowed from the sides; the array is owned */
    bool whole;                      /* figures are those of the whole sides; else of one iteration */
    size_t limit;                    /* rows to show; 0: all */
    /* What --fail-over has found; borrowed from compare. */
    bool has_limit;
    double limit_ratio;
    bool failed;
    const struct tg_compare_row *worst; /* whose calls got slower most, of those that take part; NULL: none did */
};

/* Compares the sides, which have been read. Released also after a failure; the sides by whoever has read them. */
TG_NODISCARD enum tg_status tg_diff_compare(struct tg_diff *diff, struct tg_error *err);
void tg_diff_release(struct tg_diff *diff);

/* Rows, those that take part first. */
size_t tg_diff_row_count(const struct tg_diff *diff);
const struct tg_compare_row *tg_diff_row(const struct tg_diff *diff, size_t index);

void tg_diff_print_text(struct tg_history_question *question, const struct tg_diff *diff);
void tg_diff_print_json(struct tg_history_question *question, const struct tg_diff *diff);

#endif
