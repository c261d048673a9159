/*
 * flat: a call tree without its calls: what each function, or each line of one, weighs by itself and with what it
 * calls. A function that is in a stack several times, because it recurs, counts once for each sample.
 *
 * Threads: values belong to their owner.
 */
#ifndef TG_FLAT_H
#define TG_FLAT_H

#include "base/attributes.h"
#include "base/error.h"
#include "profile/calltree.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_flat_row {
    struct tg_frame frame; /* line 0, unless it is asked for by line */
    struct tg_weight self;
    struct tg_weight total;
};

struct tg_flat {
    struct tg_flat_row *rows; /* owned; by symbol, then line */
    size_t count;
};

TG_NODISCARD enum tg_status tg_flat_make(struct tg_flat *flat, const struct tg_calltree *tree, bool by_line,
                                         struct tg_error *err);
/* NULL and a second call are fine. */
void tg_flat_release(struct tg_flat *flat);

#endif
