/*
 * sampled_json: what samplers saw, for programs: "tachograph-call-tree", "tachograph-call-tree-diff" and
 * "tachograph-calls" of docs/formats/history-json.md.
 */
#ifndef TG_SAMPLED_JSON_H
#define TG_SAMPLED_JSON_H

#include "analyze/diff_side.h"
#include "analyze/sampled_tree.h"
#include "analyze/scope.h"
#include "base/strbuf.h"

#include <stddef.h>

/* Each appends an answer; `measure` names the figure. The tree is drawn. */
void tg_sampled_json_append_tree(struct tg_strbuf *out, const struct tg_scope *scope,
                                 const struct tg_store_selection *selection, const struct tg_sampled_tree *tree,
                                 const char *measure);
void tg_sampled_json_append_diff(struct tg_strbuf *out, const struct tg_scope *scope,
                                 const struct tg_diff_side sides[TG_SAMPLED_SIDES], const struct tg_sampled_tree *tree,
                                 const char *measure);
/* The `limit` largest callers, and callees. */
void tg_sampled_json_append_calls(struct tg_strbuf *out, const struct tg_scope *scope,
                                  const struct tg_store_selection *selection, const struct tg_sampled_tree *tree,
                                  const char *measure, const struct tg_sampled_calls *calls, size_t limit);

#endif
