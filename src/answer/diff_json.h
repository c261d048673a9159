/*
 * diff_json: two parts of a history compared, for programs: "tachograph-diff" of docs/formats/history-json.md.
 */
#ifndef TG_DIFF_JSON_H
#define TG_DIFF_JSON_H

#include "analyze/diff.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* What --fail-over has found. */
struct tg_diff_verdict {
    double limit_ratio;
    bool failed;
    const char *function; /* that failed, borrowed; NULL: none */
};

/* Appends the answer with `limit` rows (0: all) from `first` on. `verdict` NULL: nobody asked for one. */
void tg_diff_json_append(struct tg_strbuf *out, const struct tg_scope *scope, const struct tg_diff *diff, size_t first,
                         size_t limit, const struct tg_diff_verdict *verdict);

#endif
