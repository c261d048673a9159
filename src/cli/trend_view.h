/*
 * trend_view: the two answers of `tachograph trend`: one function, iteration by iteration, and all functions whose
 * trend is evident.
 */
#ifndef TG_TREND_VIEW_H
#define TG_TREND_VIEW_H

#include "analyze/rank.h"
#include "cli/history_command.h"
#include "store/store.h"

#include <stddef.h>

struct tg_trend_one {
    struct tg_store_selection selection;
    const struct tg_store_function *function; /* borrowed */
    struct tg_rank_trend row;                 /* ranked, by itself */
    struct tg_store_series series;            /* of the selection; owned by whoever filled it in */
    const struct tg_rank_evidence *evidence;  /* borrowed */
    size_t limit;                             /* points to show; 0: all */
};
void tg_trend_one_print(struct tg_history_question *question, const struct tg_trend_one *one);

struct tg_trend_all {
    struct tg_store_selection selection;
    struct tg_store_functions functions;
    struct tg_rank_trend *rows;              /* ranked, one for each function */
    struct tg_store_series *series;          /* by the place of the function in `functions`; only of evident ones */
    const struct tg_rank_evidence *evidence; /* borrowed */
    size_t limit;                            /* rows to show; 0: all */
};
void tg_trend_all_print(struct tg_history_question *question, const struct tg_trend_all *all);

#endif
