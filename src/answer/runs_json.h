/*
 * runs_json: the runs of a history, for programs: "tachograph-runs" of docs/formats/history-json.md.
 */
#ifndef TG_RUNS_JSON_H
#define TG_RUNS_JSON_H

#include "analyze/run_list.h"
#include "analyze/scope.h"
#include "base/strbuf.h"

/* Appends the answer. */
void tg_runs_json_append(struct tg_strbuf *out, const struct tg_scope *scope, const struct tg_run_list *list);

#endif
