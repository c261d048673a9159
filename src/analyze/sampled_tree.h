/*
 * sampled_tree: what samplers saw in one part of a history, or in two that are compared, as one call tree that is small
 * enough to be drawn; and of one function, who called it and whom it called.
 *
 * Functions are told apart by name, file and first line; of two parts by name and file, because lines move from version
 * to version. Lines within functions are not. Threads of one name are one, whatever their process: workers come and go.
 *
 * Of a tree with too many nodes those with the largest values stay, which are always whole paths from the root; what
 * else was called from a node is one node there, the rest. No value is lost by it.
 *
 * Memory: three times TG_SAMPLED_TREE_LIMIT_BYTES, because a server makes several at once; what finds no space is lost,
 * and counted.
 *
 * Threads: values belong to their owner. Values are nanoseconds, of the figure that the caller chooses.
 */
#ifndef TG_SAMPLED_TREE_H
#define TG_SAMPLED_TREE_H

#include "analyze/sampled.h"
#include "base/attributes.h"
#include "base/error.h"
#include "profile/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_SAMPLED_SIDES            2
#define TG_SAMPLED_TREE_LIMIT_BYTES ((size_t)32 << 20U)

typedef uint64_t tg_sampled_figure(const struct tg_weight *weight);

struct tg_sampled_question {
    tg_sampled_figure *figure;
    const char *thread; /* only those of this name; NULL: all */
    bool compares;      /* two sides, not one */
};

static inline size_t tg_sampled_side_count(const struct tg_sampled_question *question) {
    return question->compares ? TG_SAMPLED_SIDES : 1;
}

struct tg_sampled_node {
    uint32_t parent; /* place in the nodes, before its own; of the first, the root: 0 */
    uint32_t frame;  /* place in the frames, of those that have one; the root and the rests have none */
    bool is_rest;    /* what else was called from the parent */
    uint64_t self_ns[TG_SAMPLED_SIDES];
    uint64_t total_ns[TG_SAMPLED_SIDES];
};

struct tg_sampled_thread {
    char name[TG_PROFILE_THREAD_NAME_BYTES + 1];
    uint64_t total_ns[TG_SAMPLED_SIDES];
};

struct tg_sampled_tree {
    struct tg_sampled_question question;
    struct tg_budget budget;
    struct tg_symbols symbols;
    struct tg_calltree tree;             /* all that was added; its weights are in: */
    uint64_t *self_ns[TG_SAMPLED_SIDES]; /* of each node; owned */
    struct tg_sampled_thread *threads;   /* all there are, largest first; owned */
    size_t thread_count;
    struct tg_sampled sampled[TG_SAMPLED_SIDES]; /* its counts alone: the profiles are empty */
    uint64_t lost_count;                         /* samples that found no space */
    struct tg_sampled_node *nodes;               /* of the drawing; owned */
    size_t node_count;
    uint32_t *frames; /* symbols of the functions that are drawn, each once; owned */
    size_t frame_count;
    size_t merged_count; /* nodes that are in a rest */
};

/* Stays where it is initialised. Released also after a failure; NULL and twice are fine. */
void tg_sampled_tree_init(struct tg_sampled_tree *tree, const struct tg_sampled_question *question);
void tg_sampled_tree_release(struct tg_sampled_tree *tree);

/* Adds what a side's profile has. */
TG_NODISCARD enum tg_status tg_sampled_tree_add(struct tg_sampled_tree *tree, size_t side,
                                                const struct tg_profile *profile, struct tg_error *err);

/* Reads one side from a history and adds it. */
TG_NODISCARD enum tg_status tg_sampled_tree_read(struct tg_sampled_tree *tree, size_t side, struct tg_store *store,
                                                 const struct tg_store_selection *selection, struct tg_error *err);

/* Whether a thread of the name that was asked for was seen, or none was asked for. */
bool tg_sampled_tree_has_thread(const struct tg_sampled_tree *tree);

/* Makes the drawing: `limit` nodes, 1 or more, and a rest for each at most. */
TG_NODISCARD enum tg_status tg_sampled_tree_draw(struct tg_sampled_tree *tree, size_t limit, struct tg_error *err);

/* Which function is meant. */
struct tg_sampled_function {
    const char *name; /* as frames have it: "Orders.search" */
    const char *file; /* NULL or "": whichever */
};

struct tg_sampled_neighbour {
    uint32_t symbol; /* of a caller TG_SYMBOL_UNKNOWN: called by nobody, first on its stack */
    uint64_t ns;
};

/* The time of a function that its callers had from it, and that it had from those it called. Each sample counts once,
 * however often the function recurs: by who called it first, and whom it called last. */
struct tg_sampled_calls {
    uint32_t symbol; /* the function; of several that the question means the one with the most time */
    uint64_t self_ns;
    uint64_t total_ns;                    /* the sum of the callers', and of self and the callees' */
    struct tg_sampled_neighbour *callers; /* largest first; owned, as the callees */
    size_t caller_count;
    struct tg_sampled_neighbour *callees;
    size_t callee_count;
};

/* Of the first side. TG_ERROR_NOT_FOUND: no such function was sampled. Released also after a failure. */
TG_NODISCARD enum tg_status tg_sampled_calls_make(struct tg_sampled_calls *calls, const struct tg_sampled_tree *tree,
                                                  const struct tg_sampled_function *function, struct tg_error *err);
void tg_sampled_calls_release(struct tg_sampled_calls *calls);

#endif
