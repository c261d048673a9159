/*
 * store_overview: what a history holds, and for programs "tachograph-store-status" of docs/formats/history-json.md.
 */
#ifndef TG_STORE_OVERVIEW_H
#define TG_STORE_OVERVIEW_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

struct tg_store_overview {
    const char *place; /* to show; borrowed */
    struct tg_store_status status;
    struct tg_store_services services;
    struct tg_store_versions *versions; /* of each service */
    size_t waiting_count;               /* ended processes of which something may not be in there yet */
};

/* Reads it of an open store. `place` is borrowed; `url` is what the store was opened by. Released also after a
 * failure. */
TG_NODISCARD enum tg_status tg_store_overview_read(struct tg_store_overview *overview, struct tg_store *store,
                                                   const char *url, const char *place, struct tg_error *err);
void tg_store_overview_release(struct tg_store_overview *overview);

/* The first iteration of a service with these versions. */
int64_t tg_store_overview_first_iteration(const struct tg_store_versions *versions);

void tg_store_overview_append_json(struct tg_strbuf *out, const struct tg_store_overview *overview);

#endif
