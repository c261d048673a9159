/*
 * slot: a request that one thread of this process makes of another one, and its answer; one is out at a time.
 *
 * EMPTY -> SENT -> TAKEN -> DONE -> EMPTY. Who asks makes the first and the last step, and SENT -> EMPTY when it gives
 * up; who is asked, the two in between. The number of the request is in the word, so that one compare-and-swap takes
 * exactly the one that was meant. What a request consists of is the caller's: it is written before tg_slot_send(),
 * belongs to who has taken it until tg_slot_finish(), and may be read again after DONE.
 *
 * Nobody is woken by an answer: who answers may be in the midst of somebody's program, which has better to do than to
 * wake another processor. Who asks looks again, without a pause at first, and then after longer and longer ones.
 *
 * Threads: send, wait, withdraw and reset for who asks, one thread; take and finish for who is asked. These two may be
 * called in a signal handler.
 */
#ifndef TG_SLOT_H
#define TG_SLOT_H

#include "base/attributes.h"
#include "measure/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeros are an empty one. */
struct tg_slot {
    _Atomic uint32_t word;   /* a number of 30 bits, and where its request stands */
    atomic_bool is_deserted; /* who is asked sleeps until the word changes */
    uint8_t doubts;          /* so many answers are not looked out for at once, since one was long in coming */
};

enum tg_slot_state {
    TG_SLOT_EMPTY,
    TG_SLOT_SENT,
    TG_SLOT_TAKEN,
    TG_SLOT_DONE,
};

/* A request is out. Its number. */
uint32_t tg_slot_send(struct tg_slot *slot);

/* Waits for its end, at most `patience_ns` (0: only looks). DONE: the slot is empty again; else how far it is. */
TG_NODISCARD enum tg_slot_state tg_slot_wait(struct tg_slot *slot, tg_ns patience_ns);

/* Takes back a request that nobody has taken. False: somebody has. */
bool tg_slot_withdraw(struct tg_slot *slot);

/* How far the request that is out is, if one is. */
enum tg_slot_state tg_slot_state(struct tg_slot *slot);

/* Empties it, where nobody is left who could be asked: in the child of a fork. */
void tg_slot_reset(struct tg_slot *slot);

/* Takes this request. False: it was taken back. */
TG_NODISCARD bool tg_slot_take(struct tg_slot *slot, uint32_t number);

/* Waits for a request, and takes it. Its number. Not in a signal handler. */
uint32_t tg_slot_take_next(struct tg_slot *slot);

/* Answers the request that was taken. */
void tg_slot_finish(struct tg_slot *slot, uint32_t number);

#endif
