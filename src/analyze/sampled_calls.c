/* sampled_calls: who called a function, and whom it called. See sampled_tree.h. */
#include "analyze/sampled_tree.h"

#include <stdlib.h>
#include <string.h>

/* What is known of each node; by its number. */
struct walk {
    const struct tg_sampled_tree *tree;
    const bool *is_meant; /* by symbol */
    bool *is_below;       /* a node that is meant is on the way to it */
    uint64_t *until_next; /* with what was called from there, up to the next node that is meant */
    uint64_t *total_ns;   /* with all that was called from there */
    uint64_t *of_callers; /* by symbol, as the next */
    uint64_t *of_callees;
    uint64_t *of_functions; /* which of those meant has how much */
};

static bool is_function(const struct tg_symbol *symbol, const struct tg_sampled_function *wanted) {
    return strcmp(symbol->name, wanted->name) == 0
           && (!wanted->file || !*wanted->file || strcmp(symbol->file, wanted->file) == 0);
}

/* From the innermost frames outwards. */
static void add_up(const struct walk *walk) {
    const struct tg_calltree *tree = &walk->tree->tree;
    memcpy(walk->total_ns, walk->tree->self_ns[0], tree->count * sizeof *walk->total_ns);
    memcpy(walk->until_next, walk->tree->self_ns[0], tree->count * sizeof *walk->until_next);
    for (uint32_t i = tree->count - 1; i > 0; i--) {
        uint32_t parent = tree->nodes[i].parent;
        walk->total_ns[parent] = tg_weight_sum(walk->total_ns[parent], walk->total_ns[i]);
        if (!walk->is_meant[tree->nodes[i].frame.symbol]) {
            walk->until_next[parent] = tg_weight_sum(walk->until_next[parent], walk->until_next[i]);
        }
    }
}

/* From the outermost frames inwards. */
static void share_out(const struct walk *walk, struct tg_sampled_calls *calls) {
    const struct tg_calltree *tree = &walk->tree->tree;
    for (uint32_t i = 1; i < tree->count; i++) {
        const struct tg_calltree_node *node = &tree->nodes[i];
        uint32_t symbol = node->frame.symbol;
        bool parent_is_meant =
            node->parent != TG_CALLTREE_ROOT && walk->is_meant[tree->nodes[node->parent].frame.symbol];
        walk->is_below[i] = walk->is_below[node->parent] || parent_is_meant;
        if (walk->is_meant[symbol]) {
            walk->of_functions[symbol] = tg_weight_sum(walk->of_functions[symbol], walk->total_ns[i]);
            calls->self_ns = tg_weight_sum(calls->self_ns, walk->tree->self_ns[0][i]);
        } else if (parent_is_meant) {
            walk->of_callees[symbol] = tg_weight_sum(walk->of_callees[symbol], walk->until_next[i]);
        }
        if (walk->is_meant[symbol] && !walk->is_below[i]) {
            uint32_t caller =
                node->parent == TG_CALLTREE_ROOT ? TG_SYMBOL_UNKNOWN : tree->nodes[node->parent].frame.symbol;
            walk->of_callers[caller] = tg_weight_sum(walk->of_callers[caller], walk->total_ns[i]);
            calls->total_ns = tg_weight_sum(calls->total_ns, walk->total_ns[i]);
        }
    }
}

static int by_time(const void *one, const void *other) {
    const struct tg_sampled_neighbour *a = one;
    const struct tg_sampled_neighbour *b = other;
    return a->ns != b->ns ? (a->ns < b->ns) - (a->ns > b->ns) : (a->symbol > b->symbol) - (a->symbol < b->symbol);
}

/* NULL: no memory. */
static struct tg_sampled_neighbour *collect(const uint64_t *times, uint32_t symbol_count, size_t *count) {
    struct tg_sampled_neighbour *neighbours = malloc(((size_t)symbol_count + 1) * sizeof *neighbours);
    *count = 0;
    for (uint32_t symbol = 0; symbol < symbol_count && neighbours; symbol++) {
        if (times[symbol] > 0) {
            neighbours[(*count)++] = (struct tg_sampled_neighbour){.symbol = symbol, .ns = times[symbol]};
        }
    }
    if (neighbours) {
        qsort(neighbours, *count, sizeof *neighbours, by_time);
    }
    return neighbours;
}

static enum tg_status walk_tree(struct tg_sampled_calls *calls, const struct tg_sampled_tree *tree,
                                const bool *is_meant) {
    uint32_t symbol_count = tg_symbols_count(&tree->symbols);
    size_t node_count = tree->tree.count;
    uint64_t *room = calloc(2 * node_count + 3 * (size_t)symbol_count, sizeof *room);
    bool *is_below = calloc(node_count, sizeof *is_below);
    enum tg_status status = TG_ERROR_MEMORY;
    if (room && is_below) {
        const struct walk walk = {
            .tree = tree,
            .is_meant = is_meant,
            .is_below = is_below,
            .until_next = room,
            .total_ns = room + node_count,
            .of_callers = room + 2 * node_count,
            .of_callees = room + 2 * node_count + symbol_count,
            .of_functions = room + 2 * node_count + 2 * (size_t)symbol_count,
        };
        add_up(&walk);
        share_out(&walk, calls);
        for (uint32_t symbol = 0; symbol < symbol_count; symbol++) {
            bool is_larger = walk.of_functions[symbol] > walk.of_functions[calls->symbol];
            calls->symbol = is_meant[symbol] && is_larger ? symbol : calls->symbol;
        }
        calls->callers = collect(walk.of_callers, symbol_count, &calls->caller_count);
        calls->callees = collect(walk.of_callees, symbol_count, &calls->callee_count);
        status = calls->callers && calls->callees ? TG_OK : TG_ERROR_MEMORY;
    }
    free(room);
    free(is_below);
    return status;
}

enum tg_status tg_sampled_calls_make(struct tg_sampled_calls *calls, const struct tg_sampled_tree *tree,
                                     const struct tg_sampled_function *function, struct tg_error *err) {
    uint32_t symbol_count = tg_symbols_count(&tree->symbols);
    bool *is_meant = calloc(symbol_count, sizeof *is_meant);
    enum tg_status status = TG_ERROR_NOT_FOUND;
    *calls = (struct tg_sampled_calls){.symbol = TG_SYMBOL_UNKNOWN};
    for (uint32_t symbol = 1; symbol < symbol_count && is_meant; symbol++) {
        struct tg_symbol here = tg_symbols_get(&tree->symbols, symbol);
        is_meant[symbol] = is_function(&here, function);
        calls->symbol = is_meant[symbol] && !calls->symbol ? symbol : calls->symbol;
    }
    if (!is_meant) {
        status = TG_ERROR_MEMORY;
    } else if (calls->symbol && tree->tree.count > 0) {
        status = walk_tree(calls, tree, is_meant);
    }
    free(is_meant);
    if (status == TG_ERROR_NOT_FOUND) {
        return tg_error_set(err, status, "no function '%s' was sampled there", function->name);
    }
    return status == TG_OK ? TG_OK : tg_error_set(err, status, "not enough memory to add up the callers of a function");
}

void tg_sampled_calls_release(struct tg_sampled_calls *calls) {
    if (calls) {
        free(calls->callers);
        calls->callers = NULL;
        free(calls->callees);
        calls->callees = NULL;
    }
}
