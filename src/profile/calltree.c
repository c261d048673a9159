/* calltree: see calltree.h. */
#include "profile/calltree.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)64)
#define NODES_MAX      ((size_t)1 << 30U)

void tg_calltree_init(struct tg_calltree *tree, struct tg_budget *budget, bool by_line) {
    *tree = (struct tg_calltree){.budget = budget, .by_line = by_line};
}

void tg_calltree_release(struct tg_calltree *tree) {
    if (!tree) {
        return;
    }
    if (tree->taken_bytes) {
        tg_budget_return(tree->budget, tree->taken_bytes);
    }
    free(tree->nodes);
    free(tree->slots);
    free(tree->path);
    tg_calltree_init(tree, tree->budget, tree->by_line);
}

/* As realloc, from `old_bytes` to `bytes`. NULL: there is no space, and the old memory stays. */
static void *resize(struct tg_calltree *tree, void *old, size_t old_bytes, size_t bytes) {
    if (!tg_budget_take(tree->budget, bytes - old_bytes)) {
        return NULL;
    }
    void *larger = realloc(old, bytes);
    if (!larger) {
        tg_budget_return(tree->budget, bytes - old_bytes);
        return NULL;
    }
    tree->taken_bytes += bytes - old_bytes;
    return larger;
}

static bool is_frame(struct tg_frame a, struct tg_frame b) {
    return a.symbol == b.symbol && a.line == b.line;
}

static size_t hash_of(uint32_t parent, struct tg_frame frame) {
    uint64_t hash = ((uint64_t)parent << 32U | frame.symbol) * UINT64_C(0x9E3779B97F4A7C15);
    hash = (hash ^ hash >> 29U ^ frame.line) * UINT64_C(0xBF58476D1CE4E5B9);
    return (size_t)(hash ^ hash >> 32U);
}

/* The slot that holds the child, or the free one where it belongs. */
static uint32_t *find_slot(const struct tg_calltree *tree, uint32_t parent, struct tg_frame frame) {
    size_t at = hash_of(parent, frame) & (tree->slot_count - 1);
    for (;;) {
        uint32_t number = tree->slots[at];
        const struct tg_calltree_node *node = &tree->nodes[number];
        if (number == 0 || (node->parent == parent && is_frame(node->frame, frame))) {
            return &tree->slots[at];
        }
        at = (at + 1) & (tree->slot_count - 1);
    }
}

static bool grow_slots(struct tg_calltree *tree, size_t slot_count) {
    size_t slot_bytes = sizeof *tree->slots;
    uint32_t *slots = resize(tree, tree->slots, tree->slot_count * slot_bytes, slot_count * slot_bytes);
    if (!slots) {
        return false;
    }
    memset(slots, 0, slot_count * slot_bytes);
    tree->slots = slots;
    tree->slot_count = slot_count;
    for (uint32_t i = 1; i < tree->count; i++) {
        *find_slot(tree, tree->nodes[i].parent, tree->nodes[i].frame) = i;
    }
    return true;
}

/* Room for one more node, and for the root before it. */
static bool make_room(struct tg_calltree *tree) {
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? (size_t)tree->capacity * 2 : FIRST_CAPACITY;
        size_t node_bytes = sizeof *tree->nodes;
        struct tg_calltree_node *nodes =
            capacity > NODES_MAX ? NULL : resize(tree, tree->nodes, tree->capacity * node_bytes, capacity * node_bytes);
        if (!nodes) {
            return false;
        }
        tree->nodes = nodes;
        tree->capacity = (uint32_t)capacity;
    }
    if (tree->count == 0) {
        tree->nodes[tree->count++] = (struct tg_calltree_node){.parent = TG_CALLTREE_ROOT};
    }
    return (size_t)tree->capacity * 2 == tree->slot_count || grow_slots(tree, (size_t)tree->capacity * 2);
}

uint32_t tg_calltree_child(struct tg_calltree *tree, uint32_t parent, struct tg_frame frame) {
    frame.line = tree->by_line ? frame.line : 0;
    if (tree->slot_count > 0) {
        uint32_t known = *find_slot(tree, parent, frame);
        if (known) {
            return known;
        }
    }
    if (!make_room(tree)) {
        return 0;
    }
    uint32_t number = tree->count++;
    tree->nodes[number] = (struct tg_calltree_node){
        .frame = frame,
        .parent = parent,
        .next_sibling = tree->nodes[parent].first_child,
    };
    tree->nodes[parent].first_child = number;
    *find_slot(tree, parent, frame) = number;
    return number;
}

/* How many of the first frames are those of the stack before. */
static size_t count_common(const struct tg_calltree *tree, const struct tg_frame *frames, size_t depth) {
    size_t limit = depth < tree->path_length ? depth : tree->path_length;
    for (size_t i = 0; i < limit; i++) {
        struct tg_frame frame = {.symbol = frames[i].symbol, .line = tree->by_line ? frames[i].line : 0};
        if (!is_frame(tree->nodes[tree->path[i]].frame, frame)) {
            return i;
        }
    }
    return limit;
}

/* The path is an aid: where there is no space for it, all is found without. */
static bool make_path_room(struct tg_calltree *tree, size_t depth) {
    if (depth <= tree->path_capacity) {
        return true;
    }
    size_t capacity = depth + depth / 2 + FIRST_CAPACITY;
    uint32_t *path = resize(tree, tree->path, tree->path_capacity * sizeof *tree->path, capacity * sizeof *tree->path);
    if (path) {
        tree->path = path;
        tree->path_capacity = capacity;
    }
    return path;
}

void tg_calltree_add(struct tg_calltree *tree, const struct tg_frame *frames, size_t depth,
                     const struct tg_weight *weight) {
    if (tree->count == 0 && !make_room(tree)) {
        tg_weight_add(&tree->lost, weight);
        return;
    }
    bool with_path = make_path_room(tree, depth);
    size_t common = count_common(tree, frames, depth);
    uint32_t node = common > 0 ? tree->path[common - 1] : TG_CALLTREE_ROOT;
    tree->path_length = common;
    for (size_t i = common; i < depth; i++) {
        node = tg_calltree_child(tree, node, frames[i]);
        if (!node) {
            tg_weight_add(&tree->lost, weight);
            return;
        }
        if (with_path) {
            tree->path[tree->path_length++] = node;
        }
    }
    tg_weight_add(&tree->nodes[node].self, weight);
}

enum tg_status tg_calltree_merge(struct tg_calltree *into, const struct tg_calltree *from, const uint32_t *symbols,
                                 struct tg_error *err) {
    uint32_t *places = calloc((size_t)from->count + 1, sizeof *places); /* 0 but for the root: there is no space */
    if (!places) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to merge call trees");
    }
    tg_weight_add(&into->lost, &from->lost);
    bool has_root = into->count > 0 || make_room(into);
    for (uint32_t i = 0; i < from->count; i++) {
        const struct tg_calltree_node *node = &from->nodes[i];
        bool parent_is_lost = node->parent != TG_CALLTREE_ROOT && places[node->parent] == 0;
        if (i != TG_CALLTREE_ROOT && has_root && !parent_is_lost) {
            struct tg_frame frame = node->frame;
            frame.symbol = symbols ? symbols[frame.symbol] : frame.symbol;
            places[i] = tg_calltree_child(into, places[node->parent], frame);
        }
        bool is_lost = !has_root || (i != TG_CALLTREE_ROOT && places[i] == 0);
        tg_weight_add(is_lost ? &into->lost : &into->nodes[places[i]].self, &node->self);
    }
    free(places);
    return TG_OK;
}

void tg_calltree_totals(const struct tg_calltree *tree, struct tg_weight *totals) {
    for (uint32_t i = 0; i < tree->count; i++) {
        totals[i] = tree->nodes[i].self;
    }
    for (uint32_t i = tree->count; i-- > 1;) {
        tg_weight_add(&totals[tree->nodes[i].parent], &totals[i]);
    }
}

struct tg_weight tg_calltree_weight(const struct tg_calltree *tree) {
    struct tg_weight weight = tree->lost;
    for (uint32_t i = 0; i < tree->count; i++) {
        tg_weight_add(&weight, &tree->nodes[i].self);
    }
    return weight;
}
