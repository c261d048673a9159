/*
 * chart_json: what is drawn of a history, for programs: "tachograph-series" and "tachograph-slices" of
 * docs/formats/history-json.md.
 */
#ifndef TG_CHART_JSON_H
#define TG_CHART_JSON_H

#include "analyze/chart.h"
#include "analyze/scope.h"
#include "base/strbuf.h"

/* Appends the answer; `schema` is one of the two above. */
void tg_chart_json_append(struct tg_strbuf *out, const struct tg_scope *scope, const char *schema,
                          const struct tg_chart *chart, const struct tg_chart_question *question);

#endif
