/*
 * trends: which functions of a service get slower, little by little or at once: the questions behind `trend`.
 *
 * Whether there is a trend, rank.h says; whether it is rather a step that a version or new code made, step.h does.
 */
#ifndef TG_TRENDS_H
#define TG_TRENDS_H

#include "analyze/rank.h"
#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stddef.h>

/* One function through its points. */
struct tg_trend_one {
    struct tg_store_function function; /* its name, file and line, and the calls of the selection; owned */
    struct tg_store_series series;
    struct tg_rank_trend row; /* ranked, by itself; with the function above */
    struct tg_store_codes codes;
};

/* `name`: whole, or an end of one that is no other's (function_name.h). `limit`: of its last iterations (0: all).
 * Released also after a failure. */
TG_NODISCARD enum tg_status tg_trend_one_read(struct tg_trend_one *one, const struct tg_scope *scope,
                                              const struct tg_store_selection *selection, const char *name,
                                              size_t limit, const struct tg_rank_evidence *evidence,
                                              struct tg_error *err);
void tg_trend_one_release(struct tg_trend_one *one);

/* All functions. */
struct tg_trends {
    struct tg_store_functions functions;
    struct tg_rank_trend *rows;     /* one for each function, ranked */
    struct tg_store_series *series; /* by place of the function in `functions`; only of those that were looked at */
    struct tg_store_codes codes;    /* of all */
};

/* What looks evident by its sums is looked at point by point, because outliers and steps may do that, too; and so is
 * what has new code. */
TG_NODISCARD enum tg_status tg_trends_read(struct tg_trends *trends, const struct tg_scope *scope,
                                           const struct tg_store_selection *selection,
                                           const struct tg_rank_evidence *evidence, struct tg_error *err);
void tg_trends_release(struct tg_trends *trends);

/* The points of a row's function; none where nobody looked. */
const struct tg_store_series *tg_trends_series(const struct tg_trends *trends, const struct tg_rank_trend *row);

#endif
