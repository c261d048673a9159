/*
 * trend_verdict: what a trend means, in one sentence.
 */
#ifndef TG_TREND_VERDICT_H
#define TG_TREND_VERDICT_H

#include "analyze/rank.h"
#include "base/strbuf.h"
#include "store/store.h"

/* What slopes of a period are said for: the largest unit that it is as long as, since a slope for each hour of a
 * history of seconds is a guess. */
struct tg_trend_unit {
    const char *name;  /* "hour" */
    const char *title; /* "per hour" */
    double ns;
};
const struct tg_trend_unit *tg_trend_unit_of(double span_ns);

/* Appends "gets slower: from 3.10 ms to 5.00 ms (+61 %), +1.20 ms per hour (averages of the first and last quarter of
 * 42 iterations)", or what changed it at once, or why nothing is said. The row has been ranked. */
void tg_trend_append_verdict(struct tg_strbuf *out, const struct tg_rank_trend *row,
                             const struct tg_store_service *service, const struct tg_rank_evidence *evidence);

#endif
