/*
 * weight: what samples say in numbers. Sums saturate.
 *
 * Units: nanoseconds, and samples.
 */
#ifndef TG_WEIGHT_H
#define TG_WEIGHT_H

#include <stdint.h>

struct tg_weight {
    uint64_t sample_count;
    uint64_t wall_ns; /* that the samples stand for */
    uint64_t cpu_ns;  /* on a processor, by clocks; of a few samples maybe more than that */
    uint64_t gil_ns;  /* of it, holding the interpreter's lock */
};

static inline uint64_t tg_weight_sum(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline void tg_weight_add(struct tg_weight *to, const struct tg_weight *from) {
    to->sample_count = tg_weight_sum(to->sample_count, from->sample_count);
    to->wall_ns = tg_weight_sum(to->wall_ns, from->wall_ns);
    to->cpu_ns = tg_weight_sum(to->cpu_ns, from->cpu_ns);
    to->gil_ns = tg_weight_sum(to->gil_ns, from->gil_ns);
}

#endif
