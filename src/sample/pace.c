#include "sample/pace.h"

/* A sample that took longer may have been interrupted, and the next one should not wait for as long again. */
#define PUT_OFF_PERIODS 4

/* From 0 to below `end_ns`. */
static tg_ns draw(struct tg_pace *pace, tg_ns end_ns) {
    /* xorshift64, Marsaglia 2003: good enough to be out of step. */
    pace->random ^= pace->random << 13;
    pace->random ^= pace->random >> 7;
    pace->random ^= pace->random << 17;
    return end_ns > 0 ? (tg_ns)(pace->random % (uint64_t)end_ns) : 0;
}

static tg_ns plan(struct tg_pace *pace) {
    return pace->period_ns / 2 + draw(pace, pace->period_ns);
}

void tg_pace_init(struct tg_pace *pace, double rate_hz, uint64_t seed, tg_ns now_ns) {
    *pace = (struct tg_pace){.random = seed ? seed : 1};
    tg_pace_set(pace, rate_hz, now_ns);
}

void tg_pace_set(struct tg_pace *pace, double rate_hz, tg_ns now_ns) {
    pace->period_ns = (tg_ns)(1e9 / rate_hz);
    pace->interval_ns = plan(pace);
    pace->due_ns = now_ns + pace->interval_ns;
    pace->fallen_ns = 0;
}

/* Samples that were due fell out. */
static void fall_out(struct tg_pace *pace, tg_ns late_ns) {
    pace->missed += (uint64_t)(late_ns / pace->period_ns);
    pace->unwatched_ns += late_ns;
    pace->fallen_ns += late_ns;
    pace->due_ns += late_ns;
}

tg_ns tg_pace_take(struct tg_pace *pace, tg_ns now_ns) {
    tg_ns stands_for = pace->interval_ns, late_ns = now_ns - pace->due_ns;
    if (late_ns >= pace->period_ns) {
        fall_out(pace, late_ns);
    }
    pace->late_ns = pace->fallen_ns;
    pace->fallen_ns = 0;
    pace->taken_ns = now_ns;
    pace->interval_ns = plan(pace);
    pace->due_ns += pace->interval_ns;
    return stands_for;
}

/* Within which the next sample comes, where this one took until it was due. */
static tg_ns window_of(const struct tg_pace *pace, tg_ns took_ns) {
    tg_ns most_ns = PUT_OFF_PERIODS * pace->period_ns;
    return took_ns < pace->period_ns ? pace->period_ns : took_ns < most_ns ? took_ns : most_ns;
}

void tg_pace_end(struct tg_pace *pace, tg_ns now_ns) {
    tg_ns late_ns = now_ns - pace->due_ns;
    if (late_ns >= 0) {
        tg_ns longer_ns = draw(pace, window_of(pace, now_ns - pace->taken_ns));
        if (late_ns >= pace->period_ns) {
            fall_out(pace, late_ns);
        } else {
            longer_ns += late_ns;
        }
        pace->interval_ns += longer_ns;
        pace->due_ns += longer_ns;
    }
}
