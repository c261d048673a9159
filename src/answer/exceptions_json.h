/*
 * exceptions_json: what failed, for programs: "tachograph-exceptions" and "tachograph-exception" of
 * docs/formats/history-json.md.
 */
#ifndef TG_EXCEPTIONS_JSON_H
#define TG_EXCEPTIONS_JSON_H

#include "analyze/exception_list.h"
#include "base/strbuf.h"

/* Each appends an answer: of a list the newest sample of each kind, of one kind all samples that were read. */
void tg_exceptions_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                               const struct tg_store_selection *selection, const struct tg_exception_list *list);
void tg_exceptions_json_append_one(struct tg_strbuf *out, const struct tg_scope *scope,
                                   const struct tg_store_selection *selection, const struct tg_exception_list *list);

#endif
