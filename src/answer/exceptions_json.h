/*
 * exceptions_json: what failed, for programs: "tachograph-exceptions" and "tachograph-exception" of
 * docs/formats/history-json.md.
 */
#ifndef TG_EXCEPTIONS_JSON_H
#define TG_EXCEPTIONS_JSON_H

#include "analyze/scope.h"
#include "base/strbuf.h"
#include "store/store.h"

#include <stddef.h>

/* A group with what belongs to it. */
struct tg_exception_row {
    const struct tg_store_exception *exception;
    struct tg_store_exception_points points;
    struct tg_store_exception_sample sample; /* the newest; id 0: none */
};

/* Each appends an answer. `total` is how many groups there are, `rows` those that are shown. */
void tg_exceptions_json_append(struct tg_strbuf *out, const struct tg_scope *scope,
                               const struct tg_store_selection *selection, const struct tg_exception_row *rows,
                               size_t row_count, size_t total, uint64_t lost_count);
void tg_exceptions_json_append_one(struct tg_strbuf *out, const struct tg_scope *scope,
                                   const struct tg_store_selection *selection, const struct tg_exception_row *row);

#endif
