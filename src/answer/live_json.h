/*
 * live_json: what processes do now, for programs, specified in docs/formats/top-json.md.
 */
#ifndef TG_LIVE_JSON_H
#define TG_LIVE_JSON_H

#include "base/json.h"
#include "base/strbuf.h"
#include "profile/live_view.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_LIVE_JSON_VERSION 1

/* Appends one document on a line, with the first `limit` rows (0: all). `with_paths`: says where recordings lie; who
 * asks from elsewhere has the processes' uuids. */
void tg_live_json_append(struct tg_strbuf *out, const struct tg_live *live, const struct tg_live_view *view,
                         const struct tg_live_query *query, size_t limit, bool with_paths);

/* Writes what a sampler does, as a value. */
void tg_live_json_write_sampler(struct tg_json *json, const struct tg_sampler_status *sampler);

#endif
