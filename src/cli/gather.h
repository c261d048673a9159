/*
 * gather: brings what ended processes left into the stores they were meant for, for `tachograph collect` and at the end
 * of `tachograph run`.
 */
#ifndef TG_GATHER_H
#define TG_GATHER_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_gather_options {
    const char *store;       /* for what is meant for this one, this URL with its password is used; may be NULL */
    const uint8_t *run_uuid; /* only processes of this run; NULL: of all */
    bool only_store;         /* leave alone what is for others */
};

/* A store for which something waits on. */
struct tg_waiting {
    char *store_url; /* owned; without a password */
    size_t process_count;
    struct tg_error err; /* why: the first failure */
};

struct tg_gathered {
    size_t process_count; /* of which something was stored by this call, and all is */
    size_t batch_count;   /* stored by this call */
    size_t waiting_count; /* processes of which something waits on */
    struct tg_waiting *waiting;
    size_t waiting_store_count;
};

/* What cannot be stored now is brought to disk, and waits there. A failure is one of listing what there is. Released
 * also after one. */
TG_NODISCARD enum tg_status tg_gather(const struct tg_gather_options *options, struct tg_gathered *gathered,
                                      struct tg_error *err);
void tg_gathered_release(struct tg_gathered *gathered);

#endif
