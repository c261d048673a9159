/*
 * Which part of a history is asked about: a service, a range of time, a version, a run, as people name them. Without
 * Python, so that it runs without the GIL.
 */
#ifndef TG_HISTORY_PART_H
#define TG_HISTORY_PART_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

/* As it was said; strings are borrowed, NULL: not said. A moment is what tg_store_iteration_of() reads, or
 * "version:1.4.2": where that version begins, or as `until`, where it ends. */
struct tg_history_words {
    const char *service; /* not said: the only one */
    const char *since;   /* both ends are included */
    const char *until;
    const char *version;
    const char *run;
};

/* As it was found. */
struct tg_history_part {
    struct tg_store_services services;      /* owned, as the next */
    struct tg_store_versions versions;      /* of the service */
    const struct tg_store_service *service; /* one of those */
    struct tg_store_selection selection;    /* borrows from the words */
};

/* TG_ERROR_NOT_FOUND: no such service or version, or none at all. TG_ERROR_INVALID: several services and none named, or
 * no point in time. */
TG_NODISCARD enum tg_status tg_history_part_find(struct tg_history_part *part, struct tg_store *store,
                                                 const struct tg_history_words *words, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_history_part_release(struct tg_history_part *part);

#endif
