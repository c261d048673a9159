/*
 * control_family: the samplers of a server's workers: the processes that were started by the same parent as this one,
 * for the same service and as the same program, this one among them.
 *
 * Threads: as control.h, from outside.
 */
#ifndef TG_CONTROL_FAMILY_H
#define TG_CONTROL_FAMILY_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "record/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tg_control_member {
    char *path; /* of its recording; owned */
    uint64_t pid;
    struct tg_sampler_status status;
    bool obeyed; /* the last order */
};

struct tg_control_family {
    struct tg_control_member *members; /* by process id; only those that sample, or pause */
    size_t count;
};

/* Those of the process that writes the recording at `path`. */
TG_NODISCARD enum tg_status tg_control_family_find(struct tg_control_family *family, const char *path,
                                                   struct tg_error *err);
/* NULL and a second call are fine. */
void tg_control_family_release(struct tg_control_family *family);

/* Gives an order to each, as tg_control_give(); one that fails is told by `obeyed`. */
void tg_control_family_give(struct tg_control_family *family, const struct tg_control_order *order, tg_ns patience_ns);

#endif
