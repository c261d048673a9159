/*
 * pace: when the next sample is due. An interval is anything from half a period to one and a half, at random, so that a
 * program which does the same thing in each period is seen at all points of it, each as likely as the others; their
 * mean is the rate asked for.
 *
 * A sampler that did not run for several intervals takes one sample, not all that it missed; what passed beyond one
 * interval was not looked at by anybody, and is told as such.
 *
 * Units: nanoseconds of CLOCK_MONOTONIC. Pure; the caller waits.
 */
#ifndef TG_PACE_H
#define TG_PACE_H

#include "measure/clock.h"

#include <stdint.h>

struct tg_pace {
    tg_ns period_ns;    /* mean interval */
    tg_ns due_ns;       /* when the next sample is */
    tg_ns taken_ns;     /* when the last one was */
    tg_ns interval_ns;  /* what the sample that is due, or just taken, stands for */
    uint64_t random;    /* never 0 */
    uint64_t missed;    /* samples */
    tg_ns unwatched_ns; /* what they would have stood for */
    tg_ns late_ns;      /* of that, what passed right before the sample that was taken last */
    tg_ns fallen_ns;    /* ... and since */
};

/* The first sample is due one interval after `now_ns`. `seed`: any number. */
void tg_pace_init(struct tg_pace *pace, double rate_hz, uint64_t seed, tg_ns now_ns);

/* Another rate from now on; counts stay. Also for going on after a pause. */
void tg_pace_set(struct tg_pace *pace, double rate_hz, tg_ns now_ns);

/* The sample that was due is taken at `now_ns`. Returns what it stands for: the interval planned, however late it is;
 * and plans the next one. */
tg_ns tg_pace_take(struct tg_pace *pace, tg_ns now_ns);

/* The sample is done. If it took until the next one was due, that one is put off at random, by up to a period or what
 * the sample took, whichever is longer, and stands for as much more: samples that followed each other without a pause
 * would be in step with themselves, and could be in step with the program. Where it took so long that samples fell out,
 * that is counted here, and one that took more than four periods puts off no more than one of four. */
void tg_pace_end(struct tg_pace *pace, tg_ns now_ns);

#endif
