/* flat: see flat.h. The tree is walked from parents to children and back, and it is counted how often each row is on
 * the way: only the outermost adds to a row's total. */
#include "profile/flat.h"

#include <stdint.h>
#include <stdlib.h>

struct keyed {
    struct tg_frame frame;
    uint32_t node;
};

static int compare_numbers(uint32_t a, uint32_t b) {
    return (a > b) - (a < b);
}

static int by_frame(const void *one, const void *other) {
    const struct keyed *a = one;
    const struct keyed *b = other;
    int order = compare_numbers(a->frame.symbol, b->frame.symbol);
    return order ? order : compare_numbers(a->frame.line, b->frame.line);
}

/* Gives each node its row, and makes the rows. */
static enum tg_status number_rows(struct tg_flat *flat, uint32_t *row_of, const struct tg_calltree *tree,
                                  bool by_line) {
    size_t count = tree->count - 1;
    struct keyed *keys = malloc(count * sizeof *keys);
    if (!keys) {
        return TG_ERROR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        struct tg_frame frame = tree->nodes[i + 1].frame;
        frame.line = by_line ? frame.line : 0;
        keys[i] = (struct keyed){.frame = frame, .node = (uint32_t)i + 1};
    }
    qsort(keys, count, sizeof *keys, by_frame);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_frame(&keys[i - 1], &keys[i]) != 0) {
            flat->rows[flat->count++] = (struct tg_flat_row){.frame = keys[i].frame};
        }
        row_of[keys[i].node] = (uint32_t)flat->count - 1;
    }
    free(keys);
    return TG_OK;
}

/* The next node of a walk in which every node comes between its parent and its children. What is left behind is
 * counted off in `depths`. */
static uint32_t step(const struct tg_calltree *tree, uint32_t node, const uint32_t *row_of, uint32_t *depths) {
    if (tree->nodes[node].first_child) {
        return tree->nodes[node].first_child;
    }
    while (node != TG_CALLTREE_ROOT) {
        depths[row_of[node]]--;
        if (tree->nodes[node].next_sibling) {
            return tree->nodes[node].next_sibling;
        }
        node = tree->nodes[node].parent;
    }
    return TG_CALLTREE_ROOT;
}

static void add_up(struct tg_flat *flat, const struct tg_calltree *tree, const struct tg_weight *totals,
                   const uint32_t *row_of, uint32_t *depths) {
    uint32_t node = step(tree, TG_CALLTREE_ROOT, row_of, depths);
    while (node != TG_CALLTREE_ROOT) {
        struct tg_flat_row *row = &flat->rows[row_of[node]];
        tg_weight_add(&row->self, &tree->nodes[node].self);
        if (depths[row_of[node]]++ == 0) {
            tg_weight_add(&row->total, &totals[node]);
        }
        node = step(tree, node, row_of, depths);
    }
}

enum tg_status tg_flat_make(struct tg_flat *flat, const struct tg_calltree *tree, bool by_line, struct tg_error *err) {
    *flat = (struct tg_flat){.rows = NULL};
    if (tree->count < 2) {
        return TG_OK;
    }
    struct tg_weight *totals = malloc(tree->count * sizeof *totals);
    uint32_t *row_of = malloc(tree->count * sizeof *row_of);
    uint32_t *depths = calloc(tree->count, sizeof *depths);
    flat->rows = malloc(tree->count * sizeof *flat->rows);
    enum tg_status status = totals && row_of && depths && flat->rows ? TG_OK : TG_ERROR_MEMORY;
    if (status == TG_OK) {
        status = number_rows(flat, row_of, tree, by_line);
    }
    if (status == TG_OK) {
        tg_calltree_totals(tree, totals);
        add_up(flat, tree, totals, row_of, depths);
    } else {
        tg_flat_release(flat);
        tg_error_set(err, status, "not enough memory to add up the functions of a call tree");
    }
    free(totals);
    free(row_of);
    free(depths);
    return status;
}

void tg_flat_release(struct tg_flat *flat) {
    if (!flat) {
        return;
    }
    free(flat->rows);
    *flat = (struct tg_flat){.rows = NULL};
}
