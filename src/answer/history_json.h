/*
 * history_json: what a history says besides figures of functions, for programs: "tachograph-services", "-versions",
 * "-events" and "-quality" of docs/formats/history-json.md.
 */
#ifndef TG_HISTORY_JSON_H
#define TG_HISTORY_JSON_H

#include "analyze/scope.h"
#include "base/strbuf.h"
#include "store/store.h"

#include <stddef.h>

/* Each appends an answer. */
void tg_history_json_append_services(struct tg_strbuf *out, const struct tg_scope *scope);
void tg_history_json_append_versions(struct tg_strbuf *out, const struct tg_scope *scope);
/* The last `limit` (0: all). */
void tg_history_json_append_events(struct tg_strbuf *out, const struct tg_scope *scope,
                                   const struct tg_store_selection *selection, const struct tg_store_events *events,
                                   size_t limit);
/* One that was just added: "tachograph-event". */
void tg_history_json_append_event(struct tg_strbuf *out, const struct tg_scope *scope,
                                  const struct tg_store_event *event);
void tg_history_json_append_quality(struct tg_strbuf *out, const struct tg_scope *scope,
                                    const struct tg_store_selection *selection, const struct tg_store_quality *quality);

#endif
