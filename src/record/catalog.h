/*
 * catalog: which recordings there are.
 *
 * Looks into every candidate directory (runtime.h) that is ours, or into one that is named, and at the header of each
 * recording there. What cannot be read as a recording is left out: the directory is shared with processes that are just
 * starting.
 *
 * Threads: a catalog belongs to one thread.
 */
#ifndef TG_CATALOG_H
#define TG_CATALOG_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_catalog_entry {
    char *path; /* owned by the catalog */
    uint64_t pid;
    int64_t started_wall_ns;
    uint8_t run_uuid[16]; /* zero: of no run */
    bool alive;           /* when it was looked at */
    bool chosen;          /* lies where TACHOGRAPH_RUNTIME_DIR says, or that is not set */
};

struct tg_catalog {
    struct tg_catalog_entry *entries; /* the one started last comes first */
    size_t count;
    size_t capacity;
};

/* All recordings of the user, or with `since_wall_ns` those begun since then (and older ones that have grown since):
 * the others are not even opened. None at all is an empty catalog. */
TG_NODISCARD enum tg_status tg_catalog_read(struct tg_catalog *catalog, int64_t since_wall_ns, struct tg_error *err);
/* Those in one directory, whoever owns it. */
TG_NODISCARD enum tg_status tg_catalog_read_directory(struct tg_catalog *catalog, const char *path,
                                                      struct tg_error *err);
/* NULL and a second call are fine. */
void tg_catalog_release(struct tg_catalog *catalog);

/* Whether the entry belongs to the run; a zero `run_uuid` is no run. */
bool tg_catalog_is_of_run(const struct tg_catalog_entry *entry, const uint8_t run_uuid[16]);

#endif
