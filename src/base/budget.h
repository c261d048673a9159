/*
 * budget: how many bytes a structure may take, or several together. Who is about to allocate takes the bytes first;
 * when they are refused, nothing is allocated, and the loss is counted by whoever it is a loss for.
 *
 * What counts is what grows with the input; the bookkeeping of malloc is not known. Threads: values belong to their
 * owner.
 */
#ifndef TG_BUDGET_H
#define TG_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

struct tg_budget {
    size_t used_bytes;
    size_t limit_bytes;
};

/* False: they would be too many, and none are taken. */
static inline bool tg_budget_take(struct tg_budget *budget, size_t bytes) {
    if (bytes > budget->limit_bytes || budget->used_bytes > budget->limit_bytes - bytes) {
        return false;
    }
    budget->used_bytes += bytes;
    return true;
}

/* Gives back what was taken. */
static inline void tg_budget_return(struct tg_budget *budget, size_t bytes) {
    budget->used_bytes -= bytes;
}

#endif
