/* Call trees small enough to draw: of one side or two, by thread, and a function's callers and callees. */
#include "analyze/sampled_tree.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define ROOMY ((size_t)64 << 20U)

static uint64_t wall_of(const struct tg_weight *weight) {
    return weight->wall_ns;
}

/* Adds so much time of a stack, "main;work;leaf"; a frame's line is where its function begins. */
static void add(struct tg_profile *profile, const char *thread, const char *stack, uint32_t first_line, uint64_t ns) {
    struct tg_frame frames[8];
    size_t depth = 0;
    for (const char *at = stack; *at;) {
        size_t length = strcspn(at, ";");
        frames[depth++] = (struct tg_frame){
            .symbol = tg_symbols_intern(&profile->symbols, at, length, "shop.py", 7, first_line), .line = 3};
        at += length + (at[length] == ';');
    }
    const struct tg_weight weight = {.sample_count = 1, .wall_ns = ns};
    tg_calltree_add(&tg_profile_thread(profile, 1, strlen(thread), thread)->tree, frames, depth, &weight);
}

static void begin(struct tg_sampled_tree *tree, bool compares, const char *thread) {
    const struct tg_sampled_question question = {.figure = wall_of, .thread = thread, .compares = compares};
    tg_sampled_tree_init(tree, &question);
}

static const char *name_of(const struct tg_sampled_tree *tree, size_t node) {
    return tg_symbols_get(&tree->symbols, tree->frames[tree->nodes[node].frame]).name;
}

static void check_node(const struct tg_sampled_tree *tree, size_t node, uint32_t parent, const char *name,
                       uint64_t total_ns, uint64_t self_ns) {
    assert_int_equal(tree->nodes[node].parent, parent);
    assert_int_equal(tree->nodes[node].total_ns[0], total_ns);
    assert_int_equal(tree->nodes[node].self_ns[0], self_ns);
    assert_int_equal(tree->nodes[node].is_rest, name == NULL && node > 0);
    if (name) {
        assert_string_equal(name_of(tree, node), name);
    }
}

static void make(struct tg_profile *profile) {
    tg_profile_init(profile, ROOMY, true);
    add(profile, "MainThread", "main;work;leaf", 1, 50);
    add(profile, "MainThread", "main;work", 1, 10);
    add(profile, "MainThread", "main;idle", 1, 5);
    add(profile, "MainThread", "main;rare;leaf", 1, 3);
    add(profile, "MainThread", "", 1, 2);
    add(profile, "worker", "run;work", 1, 30);
}

static void all_of_it(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_sampled_tree tree;
    make(&profile);
    begin(&tree, false, NULL);
    assert_int_equal(tg_sampled_tree_add(&tree, 0, &profile, NULL), TG_OK);
    assert_int_equal(tg_sampled_tree_draw(&tree, 100, NULL), TG_OK);
    assert_int_equal(tree.node_count, 9);
    assert_int_equal(tree.merged_count, 0);
    check_node(&tree, 0, 0, NULL, 100, 2);
    check_node(&tree, 1, 0, "main", 68, 0);
    check_node(&tree, 2, 1, "work", 60, 10);
    check_node(&tree, 3, 2, "leaf", 50, 50);
    assert_int_equal(tree.thread_count, 2);
    assert_string_equal(tree.threads[0].name, "MainThread");
    assert_int_equal(tree.threads[0].total_ns[0], 70);
    assert_int_equal(tree.threads[1].total_ns[0], 30);
    tg_sampled_tree_release(&tree);
    tg_sampled_tree_release(&tree);
    tg_profile_release(&profile);
}

/* The largest nodes stay, and every nanosecond of the others is in a rest. */
static void a_part_of_it(void **state) {
    (void)state;
    struct tg_profile profile;
    make(&profile);
    for (size_t limit = 1; limit <= 10; limit++) {
        struct tg_sampled_tree tree;
        begin(&tree, false, NULL);
        assert_int_equal(tg_sampled_tree_add(&tree, 0, &profile, NULL), TG_OK);
        assert_int_equal(tg_sampled_tree_draw(&tree, limit, NULL), TG_OK);
        assert_in_range(tree.node_count, 1, 2 * limit);
        uint64_t sum = 0;
        for (size_t i = 0; i < tree.node_count; i++) {
            sum += tree.nodes[i].self_ns[0];
            assert_true(i == 0 || tree.nodes[i].parent < i);
        }
        assert_int_equal(sum, 100);
        if (limit == 3) {
            assert_int_equal(tree.node_count, 6);
            check_node(&tree, 2, 1, "work", 60, 10);
            check_node(&tree, 3, 2, NULL, 50, 50);
            check_node(&tree, 4, 1, NULL, 8, 8);
            check_node(&tree, 5, 0, NULL, 30, 30);
            assert_int_equal(tree.merged_count, 6);
        }
        tg_sampled_tree_release(&tree);
    }
    tg_profile_release(&profile);
}

static void one_thread(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_sampled_tree tree;
    make(&profile);
    begin(&tree, false, "worker");
    assert_int_equal(tg_sampled_tree_add(&tree, 0, &profile, NULL), TG_OK);
    assert_true(tg_sampled_tree_has_thread(&tree));
    assert_int_equal(tg_sampled_tree_draw(&tree, 100, NULL), TG_OK);
    assert_int_equal(tree.node_count, 3);
    check_node(&tree, 0, 0, NULL, 30, 0);
    check_node(&tree, 2, 1, "work", 30, 30);
    assert_int_equal(tree.thread_count, 2); /* those there are, all the same */
    tg_sampled_tree_release(&tree);
    begin(&tree, false, "nobody");
    assert_int_equal(tg_sampled_tree_add(&tree, 0, &profile, NULL), TG_OK);
    assert_false(tg_sampled_tree_has_thread(&tree));
    assert_int_equal(tg_sampled_tree_draw(&tree, 100, NULL), TG_OK);
    assert_int_equal(tree.node_count, 1);
    tg_sampled_tree_release(&tree);
    tg_profile_release(&profile);
}

/* A function that begins elsewhere in the next version is the same; what only one side has is 0 on the other. */
static void two_sides(void **state) {
    (void)state;
    struct tg_profile before;
    struct tg_profile after;
    struct tg_sampled_tree tree;
    make(&before);
    tg_profile_init(&after, ROOMY, true);
    add(&after, "MainThread", "main;work;leaf", 9, 500);
    add(&after, "MainThread", "main;new", 9, 7);
    begin(&tree, true, NULL);
    assert_int_equal(tg_sampled_tree_add(&tree, 0, &before, NULL), TG_OK);
    assert_int_equal(tg_sampled_tree_add(&tree, 1, &after, NULL), TG_OK);
    assert_int_equal(tg_sampled_tree_draw(&tree, 100, NULL), TG_OK);
    assert_int_equal(tree.node_count, 10);
    check_node(&tree, 3, 2, "leaf", 50, 50);
    assert_int_equal(tree.nodes[3].total_ns[1], 500);
    assert_int_equal(tree.nodes[0].total_ns[1], 507);
    assert_string_equal(name_of(&tree, 9), "new");
    assert_int_equal(tree.nodes[9].total_ns[0], 0);
    assert_int_equal(tree.nodes[9].total_ns[1], 7);
    tg_sampled_tree_release(&tree);
    tg_profile_release(&before);
    tg_profile_release(&after);
}

static void check_neighbour(const struct tg_sampled_tree *tree, const struct tg_sampled_neighbour *neighbour,
                            const char *name, uint64_t ns) {
    assert_string_equal(tg_symbols_get(&tree->symbols, neighbour->symbol).name, name);
    assert_int_equal(neighbour->ns, ns);
}

static void callers_and_callees(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_sampled_tree tree;
    struct tg_sampled_calls calls;
    struct tg_error err = TG_ERROR_INIT;
    make(&profile);
    add(&profile, "worker", "work;work;leaf;work;deep", 1, 1000); /* recurs, directly and not */
    begin(&tree, false, NULL);
    assert_int_equal(tg_sampled_tree_add(&tree, 0, &profile, NULL), TG_OK);
    struct tg_sampled_function work = {.name = "work", .file = "shop.py"};
    assert_int_equal(tg_sampled_calls_make(&calls, &tree, &work, NULL), TG_OK);
    assert_string_equal(tg_symbols_get(&tree.symbols, calls.symbol).name, "work");
    assert_int_equal(calls.total_ns, 1090);
    assert_int_equal(calls.self_ns, 40);
    assert_int_equal(calls.caller_count, 3);
    assert_int_equal(calls.callers[0].symbol, TG_SYMBOL_UNKNOWN);
    assert_int_equal(calls.callers[0].ns, 1000);
    check_neighbour(&tree, &calls.callers[1], "main", 60);
    check_neighbour(&tree, &calls.callers[2], "run", 30);
    assert_int_equal(calls.callee_count, 2);
    check_neighbour(&tree, &calls.callees[0], "deep", 1000);
    check_neighbour(&tree, &calls.callees[1], "leaf", 50);
    tg_sampled_calls_release(&calls);
    tg_sampled_calls_release(&calls);
    work.file = "other.py";
    assert_int_equal(tg_sampled_calls_make(&calls, &tree, &work, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "'work'"));
    tg_sampled_calls_release(&calls);
    tg_sampled_tree_release(&tree);
    tg_profile_release(&profile);
}

static void nothing_at_all(void **state) {
    (void)state;
    struct tg_sampled_tree tree;
    struct tg_sampled_calls calls;
    const struct tg_sampled_function any = {.name = "f"};
    begin(&tree, false, NULL);
    assert_int_equal(tg_sampled_tree_draw(&tree, 5, NULL), TG_OK);
    assert_int_equal(tree.node_count, 1);
    assert_int_equal(tg_sampled_calls_make(&calls, &tree, &any, NULL), TG_ERROR_NOT_FOUND);
    tg_sampled_calls_release(&calls);
    tg_sampled_tree_release(&tree);
    tg_sampled_tree_release(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it), cmocka_unit_test(a_part_of_it),        cmocka_unit_test(one_thread),
        cmocka_unit_test(two_sides), cmocka_unit_test(callers_and_callees), cmocka_unit_test(nothing_at_all),
    };
    return cmocka_run_group_tests_name("sampled_tree", tests, NULL, NULL);
}
