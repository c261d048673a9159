/*
 * escapes: how often in a row something was tried with a thread in vain, so that it is tried less and less often.
 */
#ifndef TG_ESCAPES_H
#define TG_ESCAPES_H

#include <stdbool.h>
#include <stdint.h>

/* After so many in a row the next tries are refused: one, then twice as many each time, up to a limit. */
#define TG_ESCAPES_FREE      4
#define TG_ESCAPES_PAUSE_MAX UINT32_C(1024)

/* Zeros are none. */
struct tg_escapes {
    uint32_t count; /* in a row */
    uint32_t pause; /* so many tries are refused at once */
};

/* Whether this try is one of those. */
static inline bool tg_escapes_refuse(struct tg_escapes *escapes) {
    bool refuses = escapes->pause > 0;
    escapes->pause -= refuses;
    return refuses;
}

static inline void tg_escapes_note(struct tg_escapes *escapes, bool went_well) {
    escapes->count = went_well ? 0 : escapes->count + 1;
    if (escapes->count >= TG_ESCAPES_FREE) {
        uint32_t doublings = escapes->count - TG_ESCAPES_FREE;
        escapes->pause = doublings < 10 ? UINT32_C(1) << doublings : TG_ESCAPES_PAUSE_MAX;
    }
}

#endif
