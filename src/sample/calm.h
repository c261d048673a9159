/*
 * calm: whether a thread's stack is worth a trial, or its thread is stopped for it without one.
 *
 * Trials prefer calm moments: where one fails, the sample is taken in another moment than the one it was meant for. So
 * each that fails is paid for with 129 samples of the thread, and who is in debt is stopped without a trial. A thread
 * that is calm pays in advance, for up to eight: where one trial in two hundred fails, chance lets two follow one
 * another soon, and nobody need be stopped for that. In any number of samples no more than one in 129, and those eight,
 * are taken in another moment.
 *
 * Pure.
 */
#ifndef TG_CALM_H
#define TG_CALM_H

#include <stdbool.h>
#include <stdint.h>

#define TG_CALM_PRICE   129
#define TG_CALM_ADVANCE 8

struct tg_calm {
    int32_t saved; /* samples; below 0: owed */
};

/* Another sample of the thread was taken. */
void tg_calm_count(struct tg_calm *calm);
/* A trial has failed. */
void tg_calm_fail(struct tg_calm *calm);

static inline bool tg_calm_may_try(const struct tg_calm *calm) {
    return calm->saved >= 0;
}

/* Whether none has failed for as long as can be paid for. */
static inline bool tg_calm_is_sure(const struct tg_calm *calm) {
    return calm->saved == TG_CALM_ADVANCE * TG_CALM_PRICE;
}

#endif
