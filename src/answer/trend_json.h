/*
 * trend_json: how functions change, for programs: "tachograph-trend" and "tachograph-trend-all" of
 * docs/formats/history-json.md.
 */
#ifndef TG_TREND_JSON_H
#define TG_TREND_JSON_H

#include "analyze/scope.h"
#include "analyze/trends.h"
#include "base/strbuf.h"

#include <stddef.h>

/* Appends the answer about one function, with its last `limit` points (0: all). */
void tg_trend_json_append_one(struct tg_strbuf *out, const struct tg_scope *scope,
                              const struct tg_store_selection *selection, const struct tg_trend_one *one, size_t limit);

/* Appends the answer about all, with `limit` functions (0: all) from `first` on. */
void tg_trend_json_append_all(struct tg_strbuf *out, const struct tg_scope *scope,
                              const struct tg_store_selection *selection, const struct tg_trends *trends,
                              const struct tg_rank_evidence *evidence, size_t first, size_t limit);

#endif
