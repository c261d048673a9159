/*
 * live_json: what processes do now, for programs, specified in docs/formats/top-json.md.
 */
#ifndef TG_LIVE_JSON_H
#define TG_LIVE_JSON_H

#include "base/strbuf.h"
#include "profile/live_view.h"

#include <stddef.h>

#define TG_LIVE_JSON_VERSION 1

/* Appends one document on a line, with the first `limit` rows (0: all). */
void tg_live_json_append(struct tg_strbuf *out, const struct tg_live *live, const struct tg_live_view *view,
                         const struct tg_live_query *query, size_t limit);

#endif
