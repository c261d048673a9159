#include "profile/calltree.h"
#include "profile/flat.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

enum { FN_A = 1, FN_B, FN_C, FN_D };

#define ROOMY ((size_t)64 << 20U)

/* Adds a stack of one-letter functions, outermost first: "abd". */
static void add(struct tg_calltree *tree, const char *stack, uint64_t samples) {
    struct tg_frame frames[16];
    size_t depth = strlen(stack);
    for (size_t i = 0; i < depth; i++) {
        frames[i] = (struct tg_frame){.symbol = (uint32_t)(stack[i] - 'a' + 1), .line = 10 * (uint32_t)(i + 1)};
    }
    struct tg_weight weight = {.sample_count = samples, .wall_ns = samples * 100, .cpu_ns = samples * 10};
    tg_calltree_add(tree, frames, depth, &weight);
}

/* The node of a stack; its frames' lines as add() gives them, or 0. */
static uint32_t find(const struct tg_calltree *tree, const char *stack) {
    uint32_t node = TG_CALLTREE_ROOT;
    for (size_t i = 0; stack[i]; i++) {
        uint32_t child = tree->nodes[node].first_child;
        uint32_t line = tree->by_line ? 10 * (uint32_t)(i + 1) : 0;
        while (child
               && (tree->nodes[child].frame.symbol != (uint32_t)(stack[i] - 'a' + 1)
                   || tree->nodes[child].frame.line != line)) {
            child = tree->nodes[child].next_sibling;
        }
        assert_int_not_equal(child, 0);
        node = child;
    }
    return node;
}

static uint64_t total(const struct tg_calltree *tree, const char *stack) {
    struct tg_weight totals[64];
    assert_true(tree->count <= 64);
    tg_calltree_totals(tree, totals);
    return totals[find(tree, stack)].sample_count;
}

static uint64_t self(const struct tg_calltree *tree, const char *stack) {
    return tree->nodes[find(tree, stack)].self.sample_count;
}

static struct tg_flat_row flat_row(const struct tg_calltree *tree, uint32_t symbol) {
    struct tg_flat flat;
    struct tg_flat_row row = {.frame = {.symbol = 0}};
    assert_int_equal(tg_flat_make(&flat, tree, false, NULL), TG_OK);
    for (size_t i = 0; i < flat.count; i++) {
        row = flat.rows[i].frame.symbol == symbol ? flat.rows[i] : row;
    }
    tg_flat_release(&flat);
    assert_int_equal(row.frame.symbol, symbol);
    return row;
}

static void assert_flat(const struct tg_calltree *tree, uint32_t symbol, uint64_t self_samples, uint64_t samples) {
    struct tg_flat_row row = flat_row(tree, symbol);
    assert_int_equal(row.self.sample_count, self_samples);
    assert_int_equal(row.total.sample_count, samples);
}

/* "Write your own statistical thread profiler": T1 is in fn_a, fn_b, fn_c, T2 in fn_a, fn_b, fn_d and T3 in fn_a, fn_d;
 * the dictionary counts each function, the tree each way to it. */
static void three_threads_of_the_talk(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = ROOMY};
    struct tg_calltree threads[3];
    struct tg_calltree all;
    const char *const stacks[] = {"abc", "abd", "ad"};
    tg_calltree_init(&all, &budget, false);
    for (size_t i = 0; i < 3; i++) {
        tg_calltree_init(&threads[i], &budget, false);
        add(&threads[i], stacks[i], 1);
        assert_int_equal(tg_calltree_merge(&all, &threads[i], NULL, NULL), TG_OK);
        assert_int_equal(total(&all, "a"), i + 1); /* as the slides count: fn_a=1, fn_a=2, fn_a=3 */
    }
    assert_int_equal(all.count, 1 + 5);
    assert_int_equal(total(&all, "a"), 3);
    assert_int_equal(total(&all, "ab"), 2);
    assert_int_equal(total(&all, "abc"), 1);
    assert_int_equal(total(&all, "abd"), 1);
    assert_int_equal(total(&all, "ad"), 1);
    assert_int_equal(self(&all, "a") + self(&all, "ab"), 0);
    assert_int_equal(self(&all, "ad"), 1);
    assert_flat(&all, FN_A, 0, 3);
    assert_flat(&all, FN_B, 0, 2);
    assert_flat(&all, FN_C, 1, 1);
    assert_flat(&all, FN_D, 2, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tg_calltree_weight(&threads[i]).sample_count, 1); /* merging takes nothing away */
        tg_calltree_release(&threads[i]);
    }
    tg_calltree_release(&all);
    assert_int_equal(budget.used_bytes, 0);
}

static void weights_add_up_in_all_units(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = ROOMY};
    struct tg_calltree tree;
    struct tg_frame frame = {.symbol = FN_A};
    struct tg_weight weight = {.sample_count = 2, .wall_ns = 20, .cpu_ns = 7, .gil_ns = 5};
    tg_calltree_init(&tree, &budget, false);
    assert_int_equal(tg_calltree_weight(&tree).sample_count, 0);
    tg_calltree_add(&tree, &frame, 1, &weight);
    tg_calltree_add(&tree, NULL, 0, &weight); /* a thread without Python frames */
    tg_calltree_add(&tree, &frame, 1, &weight);
    struct tg_weight all = tg_calltree_weight(&tree);
    assert_int_equal(all.sample_count, 6);
    assert_int_equal(all.wall_ns, 60);
    assert_int_equal(all.cpu_ns, 21);
    assert_int_equal(all.gil_ns, 15);
    assert_int_equal(self(&tree, ""), 2);
    assert_int_equal(self(&tree, "a"), 4);
    weight.wall_ns = UINT64_MAX;
    tg_calltree_add(&tree, &frame, 1, &weight);
    assert_int_equal(tg_calltree_weight(&tree).wall_ns, UINT64_MAX);
    tg_calltree_release(&tree);
    tg_calltree_release(&tree);
    tg_calltree_release(NULL);
}

static void recursion_counts_once_for_each_sample(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = ROOMY};
    struct tg_calltree tree;
    tg_calltree_init(&tree, &budget, false);
    add(&tree, "abaa", 3);
    add(&tree, "aba", 2);
    add(&tree, "ba", 1);
    add(&tree, "cab", 4);
    assert_flat(&tree, FN_A, 6, 10);
    assert_flat(&tree, FN_B, 4, 10);
    assert_flat(&tree, FN_C, 0, 4);
    assert_int_equal(total(&tree, "ab"), 5);
    tg_calltree_release(&tree);
}

static void lines_are_kept_on_request(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = ROOMY};
    struct tg_calltree by_line;
    struct tg_calltree by_function;
    struct tg_flat flat;
    struct tg_weight one = {.sample_count = 1};
    const struct tg_frame at_12[] = {{.symbol = FN_A, .line = 5}, {.symbol = FN_B, .line = 12}};
    const struct tg_frame at_13[] = {{.symbol = FN_A, .line = 5}, {.symbol = FN_B, .line = 13}};
    tg_calltree_init(&by_line, &budget, true);
    tg_calltree_init(&by_function, &budget, false);
    for (size_t i = 0; i < 4; i++) {
        tg_calltree_add(&by_line, i ? at_12 : at_13, 2, &one);
        tg_calltree_add(&by_function, i ? at_12 : at_13, 2, &one);
    }
    assert_int_equal(by_line.count, 1 + 3);
    assert_int_equal(by_function.count, 1 + 2);
    assert_int_equal(by_function.nodes[2].frame.line, 0);
    assert_int_equal(tg_flat_make(&flat, &by_line, true, NULL), TG_OK);
    assert_int_equal(flat.count, 3);
    assert_int_equal(flat.rows[1].frame.line, 12);
    assert_int_equal(flat.rows[1].self.sample_count, 3);
    assert_int_equal(flat.rows[2].frame.line, 13);
    tg_flat_release(&flat);
    assert_flat(&by_line, FN_B, 4, 4);
    assert_int_equal(tg_calltree_merge(&by_function, &by_line, NULL, NULL), TG_OK);
    assert_int_equal(by_function.count, 1 + 2);
    assert_flat(&by_function, FN_B, 8, 8);
    tg_calltree_release(&by_line);
    tg_calltree_release(&by_function);
}

static void merging_translates_symbols(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = ROOMY};
    struct tg_calltree from;
    struct tg_calltree into;
    const uint32_t symbols[] = {0, FN_C, FN_A, 0, 0};
    tg_calltree_init(&from, &budget, false);
    tg_calltree_init(&into, &budget, false);
    add(&from, "ab", 3);
    add(&into, "ca", 4);
    assert_int_equal(tg_calltree_merge(&into, &from, symbols, NULL), TG_OK);
    assert_int_equal(into.count, 1 + 2);
    assert_int_equal(self(&into, "ca"), 7);
    tg_calltree_release(&from);
    tg_calltree_release(&into);
}

/* Many different stacks into a small budget: what is kept is right, the rest is counted, none is given to others. */
static void what_finds_no_space_is_lost_whole(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = 40000};
    struct tg_budget roomy = {.limit_bytes = ROOMY};
    struct tg_calltree tree;
    struct tg_calltree whole;
    struct tg_weight one = {.sample_count = 1, .wall_ns = 100};
    tg_calltree_init(&tree, &budget, false);
    tg_calltree_init(&whole, &roomy, false);
    for (uint32_t i = 0; i < 10000; i++) {
        const struct tg_frame frames[] = {{.symbol = FN_A}, {.symbol = 1 + i % 3000}, {.symbol = FN_B}};
        tg_calltree_add(&tree, frames, 3, &one);
        tg_calltree_add(&whole, frames, 3, &one);
    }
    assert_true(budget.used_bytes <= budget.limit_bytes);
    assert_in_range(tree.lost.sample_count, 5000, 9990);
    assert_int_equal(whole.lost.sample_count, 0);
    assert_int_equal(tg_calltree_weight(&tree).sample_count, 10000);
    assert_int_equal(self(&tree, "a"), 0);
    assert_int_equal(self(&tree, "acb"), self(&whole, "acb"));
    assert_int_equal(tg_calltree_merge(&tree, &whole, NULL, NULL), TG_OK);
    assert_int_equal(tg_calltree_weight(&tree).wall_ns, 2000000);
    assert_int_equal(self(&tree, "a"), 0);
    tg_calltree_release(&tree);
    tg_calltree_release(&whole);
    budget.limit_bytes = 0;
    add(&tree, "ab", 2);
    assert_int_equal(tree.lost.sample_count, 2);
    assert_int_equal(tg_calltree_merge(&tree, &tree, NULL, NULL), TG_OK);
    tg_calltree_release(&tree);
}

static void stacks_may_be_very_deep(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = ROOMY};
    struct tg_calltree tree;
    struct tg_weight one = {.sample_count = 1};
    size_t depth = 200000;
    struct tg_frame *frames = calloc(depth, sizeof *frames);
    assert_non_null(frames);
    for (size_t i = 0; i < depth; i++) {
        frames[i].symbol = FN_A;
    }
    tg_calltree_init(&tree, &budget, false);
    tg_calltree_add(&tree, frames, depth, &one);
    tg_calltree_add(&tree, frames, depth, &one);
    tg_calltree_add(&tree, frames, depth / 2, &one);
    assert_int_equal(tree.count, depth + 1);
    assert_flat(&tree, FN_A, 3, 3);
    tg_calltree_release(&tree);
    free(frames);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_threads_of_the_talk),
        cmocka_unit_test(weights_add_up_in_all_units),
        cmocka_unit_test(recursion_counts_once_for_each_sample),
        cmocka_unit_test(lines_are_kept_on_request),
        cmocka_unit_test(merging_translates_symbols),
        cmocka_unit_test(what_finds_no_space_is_lost_whole),
        cmocka_unit_test(stacks_may_be_very_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
