/*
 * calltree: stacks laid on top of each other. Each node is a frame with the frames above it; samples of the same stack
 * add up in one node.
 *
 * Node 0 is the root, which is no frame: its own weight is that of samples without a stack. Every other node stands
 * after its parent, so a walk from the end to the beginning meets children before parents, and no walk needs to recur:
 * stacks are as deep as somebody's recursion.
 *
 * By line, frames of a function that execute different lines are different nodes; otherwise a node's line is 0.
 *
 * The budget bounds the nodes. A stack that finds no space is not cut, which would give its weight to a function that
 * did not have it: it counts in `lost` and nowhere else.
 *
 * Threads: values belong to their owner. One tree is one thread's samples, or what several merged give.
 */
#ifndef TG_CALLTREE_H
#define TG_CALLTREE_H

#include "base/attributes.h"
#include "base/budget.h"
#include "base/error.h"
#include "profile/symbol.h"
#include "profile/weight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_CALLTREE_ROOT UINT32_C(0)

struct tg_calltree_node {
    struct tg_frame frame;
    uint32_t parent;       /* of the root: the root */
    uint32_t first_child;  /* the newest; 0: none */
    uint32_t next_sibling; /* 0: none */
    struct tg_weight self; /* of samples whose innermost frame this is */
};

struct tg_calltree {
    struct tg_calltree_node *nodes; /* NULL while there are no samples */
    uint32_t count;
    uint32_t capacity;
    uint32_t *slots; /* nodes by parent and frame: open addressing, at most half full; 0: free */
    size_t slot_count;
    uint32_t *path; /* the nodes of the stack that was added last, root first */
    size_t path_length;
    size_t path_capacity;
    struct tg_budget *budget; /* borrowed */
    size_t taken_bytes;       /* of it */
    bool by_line;
    struct tg_weight lost; /* of stacks that found no space */
};

/* `budget` is borrowed until the release. */
void tg_calltree_init(struct tg_calltree *tree, struct tg_budget *budget, bool by_line);
/* NULL and a second call are fine. */
void tg_calltree_release(struct tg_calltree *tree);

/* Adds a stack, its outermost frame first. A stack like the one before costs a comparison for each frame. */
void tg_calltree_add(struct tg_calltree *tree, const struct tg_frame *frames, size_t depth,
                     const struct tg_weight *weight);

/* Adds all stacks of `from`, whose symbol s is symbols[s] here (NULL: the same numbers). Lines come along where `into`
 * is by line. TG_ERROR_MEMORY leaves `into` as it was. */
TG_NODISCARD enum tg_status tg_calltree_merge(struct tg_calltree *into, const struct tg_calltree *from,
                                              const uint32_t *symbols, struct tg_error *err);

/* The child of a node with this frame, which is new or known; 0: there is no space. For decoders: with parents before
 * their children it makes the same nodes again. */
uint32_t tg_calltree_child(struct tg_calltree *tree, uint32_t parent, struct tg_frame frame);

/* Writes what each node weighs with all that was called from it, for all `count` nodes. */
void tg_calltree_totals(const struct tg_calltree *tree, struct tg_weight *totals);

/* What all samples weigh, those that found no space included. */
struct tg_weight tg_calltree_weight(const struct tg_calltree *tree);

#endif
