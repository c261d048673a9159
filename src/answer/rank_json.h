/*
 * rank_json: functions by how much they matter, for programs: "tachograph-rank" of docs/formats/history-json.md.
 */
#ifndef TG_RANK_JSON_H
#define TG_RANK_JSON_H

#include "analyze/rank.h"
#include "analyze/scope.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the answer. `function_count`: functions there are, of which the ranking may have less. `by`: what it is
 * ordered by. Percentiles are of functions read with their histograms. */
void tg_rank_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                         const struct tg_store_selection *selection, const struct tg_ranking *ranking,
                         size_t function_count, const char *by, bool with_percentiles);

#endif
