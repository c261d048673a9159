/*
 * trend_view: the two answers of `tachograph trend`: one function, iteration by iteration, and all functions that
 * changed evidently.
 */
#ifndef TG_TREND_VIEW_H
#define TG_TREND_VIEW_H

#include "analyze/trends.h"
#include "cli/history_command.h"
#include "store/store.h"

#include <stddef.h>

struct tg_trend_one_view {
    struct tg_store_selection selection;
    struct tg_trend_one one;
    const struct tg_rank_evidence *evidence; /* borrowed */
    size_t limit;                            /* points to show; 0: all */
    struct tg_store_events events;           /* of the selection; of text only */
};
void tg_trend_one_print(struct tg_history_question *question, const struct tg_trend_one_view *view);

struct tg_trend_all_view {
    struct tg_store_selection selection;
    struct tg_trends trends;
    const struct tg_rank_evidence *evidence; /* borrowed */
    size_t limit;                            /* rows to show; 0: all */
};
void tg_trend_all_print(struct tg_history_question *question, const struct tg_trend_all_view *view);

#endif
