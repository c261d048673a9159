/*
 * store_overview: what a history holds, for `tachograph store status`.
 */
#ifndef TG_STORE_OVERVIEW_H
#define TG_STORE_OVERVIEW_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/terminal.h"
#include "store/store.h"

#include <stddef.h>

struct tg_store_overview {
    const char *place;                   /* to show; borrowed */
    const struct tg_strbuf *other_files; /* that could have been meant; borrowed */
    struct tg_store_status status;
    struct tg_store_services services;
    struct tg_store_versions *versions; /* of each service */
    size_t waiting_count;               /* ended processes of which something may not be in there yet */
};

/* Released also after a failure. */
TG_NODISCARD enum tg_status tg_store_overview_read(struct tg_store_overview *overview, struct tg_store *store,
                                                   const char *url, struct tg_error *err);
void tg_store_overview_release(struct tg_store_overview *overview);

void tg_store_overview_print_text(const struct tg_store_overview *overview, const struct tg_terminal *terminal,
                                  struct tg_strbuf *out);
void tg_store_overview_print_json(const struct tg_store_overview *overview, struct tg_strbuf *out);

/* Begins an object about a store, and writes what all of them have. */
void tg_store_overview_begin_json(struct tg_strbuf *out, struct tg_json *json, const char *schema, const char *place);

#endif
