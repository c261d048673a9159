/*
 * commit: storing batches in one transaction. tg_store_commit() (store.h) is the whole of it; this is what its parts
 * share: the services that are written to (commit_service.c), a batch's place among processes and intervals (commit.c),
 * its functions (commit_rows.c) and their codes (commit_codes.c), its exceptions (commit_failures.c), and the sums over
 * whole histories (fold.c).
 *
 * A service's row is locked from its first use to the end of the transaction. So whatever belongs to a service is
 * changed by one transaction at a time, and what was read once stays true.
 */
#ifndef TG_COMMIT_H
#define TG_COMMIT_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/figures.h"
#include "store/store_state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of services, as it is to be at the end of the transaction. */
struct tg_commit_service {
    int64_t id;
    int64_t base_interval_ns;
    int64_t first_slot;
    int64_t last_iteration;
    int64_t last_ended_ns;
    int64_t folded_until;
    int64_t unfolded_count;
    char *version; /* owned */
    int64_t version_ns;
    struct tg_figures changes; /* to be added to function_sums: iterations that are folded, and what came late */
};

struct tg_commit {
    struct tg_store *store;
    struct tg_commit_service **services; /* those locked; each owned */
    size_t service_count;
    struct tg_commit_row *rows; /* of the batch at hand */
    size_t row_count;
    size_t row_capacity;
    struct tg_figures_row *figures;  /* theirs, as they are stored; as much room */
    struct tg_commit_merged *merged; /* what some of them were made of; owned */
    struct tg_strbuf text;           /* for tg_store_clean_text() */
    struct tg_strbuf name;           /* for tg_stored_name() */
};

/* Where a batch belongs. */
struct tg_commit_place {
    struct tg_commit_service *service;
    int64_t process_id;
    int64_t started_ns; /* of the process */
    int64_t python;     /* its minor version, as 0x030b */
    int64_t began_ns;   /* of the interval */
    int64_t ended_ns;
    int64_t slot;
    int64_t iteration;
    int64_t interval_id;
};

void tg_commit_init(struct tg_commit *commit, struct tg_store *store);
void tg_commit_release(struct tg_commit *commit);

/* Locks a service, and makes it if this is its first batch. */
TG_NODISCARD enum tg_status tg_commit_lock_service(struct tg_commit *commit, const struct tg_batch *batch,
                                                   struct tg_commit_service **service, struct tg_error *err);
/* Locks one that is known to exist. */
TG_NODISCARD enum tg_status tg_commit_lock_service_by_id(struct tg_commit *commit, int64_t id,
                                                         struct tg_commit_service **service, struct tg_error *err);
/* Writes what has changed of the services; at the end. */
TG_NODISCARD enum tg_status tg_commit_write_services(struct tg_commit *commit, struct tg_error *err);

/* A function of the batch, and its id. */
struct tg_commit_row {
    int64_t function_id;
    const struct tg_batch_function *function;
};

/* Finds or makes the ids of the batch's functions: commit->rows, by id. Functions of one name are made one. */
TG_NODISCARD enum tg_status tg_commit_find_rows(struct tg_commit *commit, const struct tg_commit_place *place,
                                                const struct tg_batch *batch, struct tg_error *err);
/* Stores those rows. */
TG_NODISCARD enum tg_status tg_commit_add_rows(struct tg_commit *commit, const struct tg_commit_place *place,
                                               struct tg_error *err);
/* Forgets them. */
void tg_commit_clear_rows(struct tg_commit *commit);

/* The id of a function by name, found or made. */
TG_NODISCARD enum tg_status tg_commit_function(struct tg_commit *commit, const struct tg_commit_place *place,
                                               struct tg_bytes name, struct tg_bytes file, int64_t *id,
                                               struct tg_error *err);

/* Notes which code a function has in the batch (commit_codes.c). `known`: the function, as in the batch before. */
TG_NODISCARD enum tg_status tg_commit_note_code(struct tg_commit *commit, const struct tg_commit_place *place,
                                                struct tg_interned *known, const struct tg_batch_function *function,
                                                struct tg_error *err);

/* Stores the batch's exceptions (commit_failures.c). */
TG_NODISCARD enum tg_status tg_commit_add_failures(struct tg_commit *commit, const struct tg_commit_place *place,
                                                   const struct tg_batch_failures *failures, struct tg_error *err);

/* Brings function_sums up to date: with what came late, and with iterations that are over once there are enough. */
TG_NODISCARD enum tg_status tg_commit_fold(struct tg_commit *commit, struct tg_commit_service *service,
                                           struct tg_error *err);

#endif
