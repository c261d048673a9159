/*
 * live_source: what the processes of this machine do now, for all who ask: one picture, refreshed when somebody asks
 * and it is old, so that many who look cost no more than one.
 *
 * Threads: any; one looks at a time.
 */
#ifndef TG_LIVE_SOURCE_H
#define TG_LIVE_SOURCE_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "profile/live_view.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct tg_live_source {
    pthread_mutex_t lock;
    struct tg_live live;
};

void tg_live_source_init(struct tg_live_source *source);
void tg_live_source_release(struct tg_live_source *source);

/* Appends "tachograph-top" with `limit` rows (0: all). */
TG_NODISCARD enum tg_status tg_live_source_append_json(struct tg_live_source *source, struct tg_strbuf *out,
                                                       const struct tg_live_query *query, size_t limit,
                                                       struct tg_error *err);

/* Appends where the living process of a uuid (32 hexadecimal digits) is recorded. TG_ERROR_NOT_FOUND: there is none. */
TG_NODISCARD enum tg_status tg_live_source_find(struct tg_live_source *source, const char *uuid, struct tg_strbuf *path,
                                                uint64_t *pid, struct tg_error *err);
/* Its sampler does something else from now on: the next answer has that, however soon it is asked for. */
void tg_live_source_note(struct tg_live_source *source, const char *uuid, const struct tg_sampler_status *sampler);

#endif
