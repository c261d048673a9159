/*
 * heat_json: how durations were spread, for programs: "tachograph-latency" of docs/formats/history-json.md.
 */
#ifndef TG_HEAT_JSON_H
#define TG_HEAT_JSON_H

#include "analyze/heat.h"
#include "analyze/scope.h"
#include "base/strbuf.h"

void tg_heat_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                         const struct tg_store_selection *selection, const char *function, const struct tg_heat *heat);

#endif
