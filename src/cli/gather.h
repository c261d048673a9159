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

struct tg_gathered {
    size_t process_count;  /* all of which is stored now */
    size_t batch_count;    /* stored by this call */
    size_t waiting_count;  /* processes of which something waits on */
    char waiting_for[512]; /* why: of the store that failed first */
};

/* What cannot be stored now is brought to disk, and waits there. A failure is one of listing what there is. */
TG_NODISCARD enum tg_status tg_gather(const struct tg_gather_options *options, struct tg_gathered *gathered,
                                      struct tg_error *err);

#endif
