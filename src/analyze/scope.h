/*
 * scope: what questions to a history are about: a service of it, and which part of that, as people name them.
 *
 * A moment is what tg_store_iteration_of() reads, or "version:1.4.2": where that version begins, or for the end of a
 * period, where it ends.
 *
 * Threads: any; a scope belongs to its owner, and its store serves one at a time.
 */
#ifndef TG_SCOPE_H
#define TG_SCOPE_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_scope {
    struct tg_store *store; /* borrowed, as the next */
    const char *place;      /* of the store, for messages */
    struct tg_store_services services;
    struct tg_store_versions versions;      /* of the service */
    const struct tg_store_service *service; /* one of them */
};

/* Both ends are included. */
struct tg_period {
    int64_t first_iteration; /* INT64_MIN: from the start */
    int64_t last_iteration;  /* INT64_MAX: to the end */
};

/* Reads the services of a store; none of them is chosen yet. Released also after a failure. */
TG_NODISCARD enum tg_status tg_scope_init(struct tg_scope *scope, struct tg_store *store, const char *place,
                                          struct tg_error *err);
void tg_scope_release(struct tg_scope *scope);

/* Chooses a service; NULL: the one written to last. TG_ERROR_NOT_FOUND: there is none, or none of that name, and the
 * message has those there are. */
TG_NODISCARD enum tg_status tg_scope_choose(struct tg_scope *scope, const char *service, struct tg_error *err);
/* Whether there is a service of that name. */
bool tg_scope_has(const struct tg_scope *scope, const char *service);
/* NULL: the only one. TG_ERROR_INVALID: there are several. */
TG_NODISCARD enum tg_status tg_scope_choose_only(struct tg_scope *scope, const char *service, struct tg_error *err);

/* The version of that name; TG_ERROR_NOT_FOUND says which ones there are. Borrowed from the scope. */
TG_NODISCARD enum tg_status tg_scope_find_version(const struct tg_scope *scope, const char *name,
                                                  const struct tg_store_version **version, struct tg_error *err);

TG_NODISCARD enum tg_status tg_scope_moment(const struct tg_scope *scope, const char *text, bool is_end,
                                            int64_t *iteration, struct tg_error *err);

/* "MOMENT..MOMENT", either of which may be left out; a number after iteration:N.. is an iteration too.
 * TG_ERROR_INVALID: no range, or one that ends before it begins. */
TG_NODISCARD enum tg_status tg_scope_range(const struct tg_scope *scope, const char *text, struct tg_period *period,
                                           struct tg_error *err);

/* Which part of the service's history, as it was said; NULL: not said, and all of it. */
struct tg_scope_words {
    const char *since;
    const char *until;
    const char *version;
    const char *run;    /* as tg_run_name_select() has it */
    const char *dashes; /* what messages write before the names of these: "--" of a command line; NULL: nothing */
};

/* The version of the selection is borrowed from the words. */
TG_NODISCARD enum tg_status tg_scope_select(const struct tg_scope *scope, const struct tg_scope_words *words,
                                            struct tg_store_selection *selection, struct tg_error *err);

/* All of the service's history. */
struct tg_store_selection tg_scope_everything(const struct tg_scope *scope);

/* The part of a selection in which the service has a history; it ends before it begins where there is none. */
struct tg_period tg_scope_bounds(const struct tg_scope *scope, const struct tg_store_selection *selection);

/* When an iteration of a service begins, since 1970 UTC. */
int64_t tg_scope_time_ns(const struct tg_store_service *service, int64_t iteration);

#endif
