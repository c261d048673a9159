/* sampled_tree: see sampled_tree.h. */
#include "analyze/sampled_tree.h"

#include <stdlib.h>
#include <string.h>

#define NOT_DRAWN UINT32_MAX

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for a call tree: ask for a shorter period");
}

void tg_sampled_tree_init(struct tg_sampled_tree *tree, const struct tg_sampled_question *question) {
    *tree = (struct tg_sampled_tree){.question = *question, .budget = {.limit_bytes = TG_SAMPLED_TREE_LIMIT_BYTES}};
    tg_symbols_init(&tree->symbols, &tree->budget);
    tg_calltree_init(&tree->tree, &tree->budget, false);
}

void tg_sampled_tree_release(struct tg_sampled_tree *tree) {
    if (!tree) {
        return;
    }
    for (size_t side = 0; side < TG_SAMPLED_SIDES; side++) {
        free(tree->self_ns[side]);
        tree->self_ns[side] = NULL;
    }
    free(tree->threads);
    tree->threads = NULL;
    free(tree->nodes);
    tree->nodes = NULL;
    free(tree->frames);
    tree->frames = NULL;
    tg_calltree_release(&tree->tree);
    tg_symbols_release(&tree->symbols);
}

/* One profile on its way into the tree. */
struct adding {
    struct tg_sampled_tree *into;
    size_t side;
    const struct tg_profile *profile;
    uint32_t *symbols; /* of the profile's functions here, and 1 more; 0: not asked yet */
};

static uint32_t symbol_here(struct adding *adding, uint32_t number) {
    uint32_t *known = &adding->symbols[number];
    if (*known == 0) {
        struct tg_symbol symbol = tg_symbols_get(&adding->profile->symbols, number);
        uint32_t line = adding->into->question.compares ? 0 : symbol.first_line;
        *known =
            1
            + (number == TG_SYMBOL_UNKNOWN ? TG_SYMBOL_UNKNOWN
                                           : tg_symbols_intern(&adding->into->symbols, symbol.name, strlen(symbol.name),
                                                               symbol.file, strlen(symbol.file), line));
    }
    return *known - 1;
}

/* Room for the weights of all nodes; those of new ones are 0. */
static bool grow_weights(struct tg_sampled_tree *tree, size_t before) {
    size_t count = tree->tree.count;
    for (size_t side = 0; side < tg_sampled_side_count(&tree->question) && count > before; side++) {
        uint64_t *weights = realloc(tree->self_ns[side], count * sizeof *weights);
        if (!weights) {
            return false;
        }
        memset(weights + before, 0, (count - before) * sizeof *weights);
        tree->self_ns[side] = weights;
    }
    return true;
}

/* `here` is where each node of `from` is in our tree; NOT_DRAWN: there is no space for it. */
static void place_nodes(struct adding *adding, const struct tg_calltree *from, uint32_t *here) {
    struct tg_calltree *tree = &adding->into->tree;
    here[TG_CALLTREE_ROOT] = TG_CALLTREE_ROOT;
    for (uint32_t i = 1; i < from->count; i++) {
        const struct tg_calltree_node *node = &from->nodes[i];
        struct tg_frame frame = {.symbol = symbol_here(adding, node->frame.symbol)};
        uint32_t parent = here[node->parent];
        uint32_t place = parent == NOT_DRAWN ? 0 : tg_calltree_child(tree, parent, frame);
        here[i] = place ? place : NOT_DRAWN;
    }
}

static enum tg_status add_tree(struct adding *adding, const struct tg_calltree *from, struct tg_error *err) {
    struct tg_sampled_tree *into = adding->into;
    size_t before = into->self_ns[0] ? into->tree.count : 0;
    if (from->count == 0) {
        return TG_OK;
    }
    uint32_t *here = malloc(from->count * sizeof *here);
    if (!here) {
        return no_memory(err);
    }
    tg_calltree_add(&into->tree, NULL, 0, &(struct tg_weight){.sample_count = 0}); /* makes the root */
    place_nodes(adding, from, here);
    enum tg_status status = into->tree.count > 0 && grow_weights(into, before) ? TG_OK : TG_ERROR_MEMORY;
    for (uint32_t i = 0; i < from->count && status == TG_OK; i++) {
        const struct tg_weight *weight = &from->nodes[i].self;
        if (here[i] == NOT_DRAWN) {
            into->lost_count += weight->sample_count;
        } else {
            uint64_t *self_ns = &into->self_ns[adding->side][here[i]];
            *self_ns = tg_weight_sum(*self_ns, into->question.figure(weight));
        }
    }
    free(here);
    return status == TG_OK ? TG_OK : no_memory(err);
}

static enum tg_status add_thread(struct adding *adding, const struct tg_profile_thread *from, struct tg_error *err) {
    struct tg_sampled_tree *into = adding->into;
    struct tg_weight weight = tg_calltree_weight(&from->tree);
    size_t at = 0;
    while (at < into->thread_count && strcmp(into->threads[at].name, from->name) != 0) {
        at++;
    }
    if (at == into->thread_count) {
        struct tg_sampled_thread *threads = realloc(into->threads, (at + 1) * sizeof *threads);
        if (!threads) {
            return no_memory(err);
        }
        into->threads = threads;
        threads[into->thread_count++] = (struct tg_sampled_thread){.name = ""};
        memcpy(threads[at].name, from->name, sizeof threads[at].name);
    }
    uint64_t *total_ns = &into->threads[at].total_ns[adding->side];
    *total_ns = tg_weight_sum(*total_ns, into->question.figure(&weight));
    return TG_OK;
}

static int by_total(const void *one, const void *other) {
    const struct tg_sampled_thread *a = one;
    const struct tg_sampled_thread *b = other;
    uint64_t x = tg_weight_sum(a->total_ns[0], a->total_ns[1]);
    uint64_t y = tg_weight_sum(b->total_ns[0], b->total_ns[1]);
    return x != y ? (x < y) - (x > y) : strcmp(a->name, b->name);
}

enum tg_status tg_sampled_tree_add(struct tg_sampled_tree *tree, size_t side, const struct tg_profile *profile,
                                   struct tg_error *err) {
    struct adding adding = {.into = tree, .side = side, .profile = profile};
    const char *wanted = tree->question.thread;
    enum tg_status status = TG_OK;
    adding.symbols = calloc(tg_symbols_count(&profile->symbols), sizeof *adding.symbols);
    if (!adding.symbols) {
        return no_memory(err);
    }
    for (size_t i = 0; i < profile->thread_count && status == TG_OK; i++) {
        const struct tg_profile_thread *thread = profile->threads[i];
        status = add_thread(&adding, thread, err);
        if (status == TG_OK && (!wanted || strcmp(thread->name, wanted) == 0)) {
            status = add_tree(&adding, &thread->tree, err);
        }
    }
    tree->lost_count += tg_profile_lost(profile).sample_count;
    if (tree->thread_count > 0) {
        qsort(tree->threads, tree->thread_count, sizeof *tree->threads, by_total);
    }
    free(adding.symbols);
    return status;
}

enum tg_status tg_sampled_tree_read(struct tg_sampled_tree *tree, size_t side, struct tg_store *store,
                                    const struct tg_store_selection *selection, struct tg_error *err) {
    struct tg_sampled sampled;
    enum tg_status status = tg_sampled_read(&sampled, store, selection, TG_SAMPLED_TREE_LIMIT_BYTES, err);
    if (status == TG_OK) {
        status = tg_sampled_tree_add(tree, side, &sampled.profile, err);
        tg_sampled_release(&sampled);
        tree->sampled[side] = sampled;
        tree->sampled[side].profile = (struct tg_profile){.threads = NULL};
    }
    return status;
}

bool tg_sampled_tree_has_thread(const struct tg_sampled_tree *tree) {
    const char *wanted = tree->question.thread;
    bool has = !wanted;
    for (size_t i = 0; i < tree->thread_count && !has; i++) {
        has = strcmp(tree->threads[i].name, wanted) == 0;
    }
    return has;
}

/* A node of the whole tree on its way into the drawing. */
struct candidate {
    double share; /* of the sides' time, added up */
    uint32_t node;
};

/* Parents come before their children: they have as much at least, and lower numbers. */
static int by_share(const void *one, const void *other) {
    const struct candidate *a = one;
    const struct candidate *b = other;
    return a->share != b->share ? (a->share < b->share) - (a->share > b->share)
                                : (a->node > b->node) - (a->node < b->node);
}

/* What a drawing is made of. */
struct drawing {
    struct tg_sampled_tree *tree;
    uint64_t *total_ns[TG_SAMPLED_SIDES];
    struct candidate *candidates;
    uint32_t *place; /* of each node in the drawing; NOT_DRAWN */
    uint32_t *rest;  /* of each node in the drawing, the place of its rest; 0: none */
    uint32_t *frame; /* of each symbol, its place in the frames, and 1 more; 0: none yet */
};

static void release_drawing(struct drawing *drawing) {
    for (size_t side = 0; side < TG_SAMPLED_SIDES; side++) {
        free(drawing->total_ns[side]);
    }
    free(drawing->candidates);
    free(drawing->place);
    free(drawing->rest);
    free(drawing->frame);
}

static bool add_up(struct drawing *drawing) {
    const struct tg_sampled_tree *tree = drawing->tree;
    for (size_t side = 0; side < tg_sampled_side_count(&tree->question); side++) {
        uint64_t *totals = malloc(tree->tree.count * sizeof *totals);
        drawing->total_ns[side] = totals;
        if (!totals) {
            return false;
        }
        memcpy(totals, tree->self_ns[side], tree->tree.count * sizeof *totals);
        for (uint32_t i = tree->tree.count - 1; i > 0; i--) {
            uint64_t *parent = &totals[tree->tree.nodes[i].parent];
            *parent = tg_weight_sum(*parent, totals[i]);
        }
    }
    return true;
}

/* Gives the largest `limit` nodes their places, in the order of the whole tree. */
static size_t choose(struct drawing *drawing, size_t limit) {
    size_t sides = tg_sampled_side_count(&drawing->tree->question);
    uint32_t count = drawing->tree->tree.count;
    for (uint32_t i = 0; i < count; i++) {
        drawing->candidates[i] = (struct candidate){.node = i};
        drawing->place[i] = NOT_DRAWN;
        for (size_t side = 0; side < sides; side++) {
            uint64_t all = drawing->total_ns[side][TG_CALLTREE_ROOT];
            drawing->candidates[i].share += all ? (double)drawing->total_ns[side][i] / (double)all : 0;
        }
    }
    qsort(drawing->candidates, count, sizeof *drawing->candidates, by_share);
    for (size_t i = 0; i < count && i < limit && (i == 0 || drawing->candidates[i].share > 0); i++) {
        drawing->place[drawing->candidates[i].node] = 0;
    }
    size_t drawn = 0;
    for (uint32_t i = 0; i < count; i++) {
        drawing->place[i] = drawing->place[i] == 0 ? (uint32_t)drawn++ : NOT_DRAWN;
    }
    return drawn;
}

static uint32_t frame_of(struct drawing *drawing, uint32_t symbol) {
    struct tg_sampled_tree *tree = drawing->tree;
    if (drawing->frame[symbol] == 0) {
        tree->frames[tree->frame_count++] = symbol;
        drawing->frame[symbol] = (uint32_t)tree->frame_count;
    }
    return drawing->frame[symbol] - 1;
}

static void draw_node(struct drawing *drawing, uint32_t node) {
    struct tg_sampled_tree *tree = drawing->tree;
    struct tg_sampled_node *drawn = &tree->nodes[drawing->place[node]];
    *drawn = (struct tg_sampled_node){
        .parent = drawing->place[tree->tree.nodes[node].parent],
        .frame = node == TG_CALLTREE_ROOT ? 0 : frame_of(drawing, tree->tree.nodes[node].frame.symbol),
    };
    for (size_t side = 0; side < tg_sampled_side_count(&tree->question); side++) {
        drawn->self_ns[side] = tree->self_ns[side][node];
        drawn->total_ns[side] = drawing->total_ns[side][node];
    }
}

/* Adds a node that is not drawn to the rest of its parent; those below it are in its total. */
static void merge_node(struct drawing *drawing, uint32_t node) {
    struct tg_sampled_tree *tree = drawing->tree;
    uint32_t parent = drawing->place[tree->tree.nodes[node].parent];
    bool is_empty = true;
    for (size_t side = 0; side < tg_sampled_side_count(&tree->question); side++) {
        is_empty = is_empty && drawing->total_ns[side][node] == 0;
    }
    tree->merged_count += !is_empty;
    if (is_empty || parent == NOT_DRAWN) {
        return;
    }
    if (drawing->rest[parent] == 0) {
        drawing->rest[parent] = (uint32_t)tree->node_count;
        tree->nodes[tree->node_count++] = (struct tg_sampled_node){.parent = parent, .is_rest = true};
    }
    struct tg_sampled_node *rest = &tree->nodes[drawing->rest[parent]];
    for (size_t side = 0; side < tg_sampled_side_count(&tree->question); side++) {
        uint64_t ns = drawing->total_ns[side][node];
        rest->total_ns[side] = tg_weight_sum(rest->total_ns[side], ns);
        rest->self_ns[side] = rest->total_ns[side];
    }
}

enum tg_status tg_sampled_tree_draw(struct tg_sampled_tree *tree, size_t limit, struct tg_error *err) {
    struct drawing drawing = {.tree = tree};
    uint32_t count = tree->tree.count;
    enum tg_status status = TG_OK;
    if (count == 0) { /* nothing was seen */
        tree->nodes = calloc(1, sizeof *tree->nodes);
        tree->node_count = tree->nodes ? 1 : 0;
        return tree->nodes ? TG_OK : no_memory(err);
    }
    drawing.candidates = malloc(count * sizeof *drawing.candidates);
    drawing.place = malloc(count * sizeof *drawing.place);
    if (!drawing.candidates || !drawing.place || !add_up(&drawing)) {
        status = no_memory(err);
        goto done;
    }
    tree->node_count = choose(&drawing, limit);
    drawing.rest = calloc(tree->node_count + 1, sizeof *drawing.rest);
    drawing.frame = calloc(tg_symbols_count(&tree->symbols), sizeof *drawing.frame);
    tree->nodes = malloc((2 * tree->node_count + 1) * sizeof *tree->nodes);
    tree->frames = malloc((tree->node_count + 1) * sizeof *tree->frames);
    if (!drawing.rest || !drawing.frame || !tree->nodes || !tree->frames) {
        status = no_memory(err);
        goto done;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (drawing.place[i] != NOT_DRAWN) {
            draw_node(&drawing, i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (drawing.place[i] == NOT_DRAWN) {
            merge_node(&drawing, i);
        }
    }
done:
    release_drawing(&drawing);
    return status;
}
