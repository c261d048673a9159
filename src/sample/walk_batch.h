/*
 * walk_batch: the parts of a walk that ask for memory; for walk.c alone.
 */
#ifndef TG_WALK_BATCH_H
#define TG_WALK_BATCH_H

#include "sample/walk.h"

#include <string.h>

/* A word, a number of 32 bits, at any address of ours. */
static inline uint64_t tg_word(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

/* So often what a running thread may change is read again (see walk.h). Each round takes most of a microsecond, in
 * which a thread that seldom calls may do so: more would have more trials fail. */
#define TG_WALK_ROUNDS 2

/* Memory of this process. */
static inline const uint8_t *tg_in_place(uint64_t address) {
    return (const uint8_t *)(uintptr_t)address; /* NOLINT(performance-no-int-to-ptr): read out of memory as a number */
}

/* Reads one more piece at once, behind the batch; where it is, or UINT32_MAX. */
uint32_t tg_walker_read_now(struct tg_walker *walker, uint64_t address, uint32_t size);

/* Whether what was read of the newest chunk reached to its top; the next time it will. */
bool tg_stack_fit(struct tg_stack *stack, uint64_t top);

/* Adds what a running thread may have changed, and the current frame, to the batch once more. */
bool tg_stack_plan_again(struct tg_walker *walker, struct tg_stack *stack);

/* Makes space for more frames. */
bool tg_stack_grow(struct tg_stack *stack);

#endif
