/* What samplers saw, in a history. */
#include "store/store.h"

#include "store_history.h"

#define TREES_MAX 16

/* What came out, in its order. */
struct taken {
    struct tg_store_call_tree items[TREES_MAX];
    char *trees[TREES_MAX];
    size_t count;
    size_t most; /* after which `take` says no */
};

static enum tg_status take(void *context, const struct tg_store_call_tree *tree, struct tg_error *err) {
    struct taken *taken = context;
    if (taken->count == taken->most) {
        return tg_error_set(err, TG_ERROR_FULL, "enough");
    }
    assert_true(taken->count < TREES_MAX);
    char *copy = malloc(tree->sampling.tree.length + 1);
    assert_non_null(copy);
    memcpy(copy, tree->sampling.tree.data, tree->sampling.tree.length);
    taken->trees[taken->count] = copy;
    taken->items[taken->count++] = *tree;
    return TG_OK;
}

static void forget(struct taken *taken) {
    while (taken->count > 0) {
        free(taken->trees[--taken->count]);
    }
}

static struct taken ask(struct tg_store *store, const struct tg_store_selection *selection) {
    struct taken taken = {.most = TREES_MAX};
    struct tg_error err = TG_ERROR_INIT;
    if (tg_store_call_trees(store, selection, take, &taken, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    return taken;
}

static struct tg_batch sampled(uint8_t number, uint64_t seq, int64_t end_s, const char *tree, size_t length) {
    struct tg_batch batch = history_batch(number, seq, end_s, NULL, 0);
    batch.sampling = (struct tg_batch_sampling){
        .rate_hz = 100,
        .mode = TG_BATCH_SAMPLING_GIL,
        .look_count = 1000,
        .missed_count = 2,
        .sample_count = 900 + number,
        .torn_count = 4,
        .thread_count = 5,
        .tree = {.data = tree, .length = length},
    };
    return batch;
}

static void come_back_as_they_were(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    history_commit(store, sampled(1, 1, 10, "a\0tree", 6));
    history_commit(store, history_batch(1, 2, 20, NULL, 0)); /* nobody sampled */
    struct tg_store_selection everything = history_everything(store);
    struct taken taken = ask(store, &everything);
    assert_int_equal(taken.count, 1);
    const struct tg_batch_sampling *sampling = &taken.items[0].sampling;
    assert_int_equal(taken.items[0].iteration, 0);
    assert_int_equal(taken.items[0].pid, 1001);
    assert_int_equal(sampling->rate_hz, 100);
    assert_int_equal(sampling->mode, TG_BATCH_SAMPLING_GIL);
    assert_int_equal(sampling->look_count, 1000);
    assert_int_equal(sampling->missed_count, 2);
    assert_int_equal(sampling->sample_count, 901);
    assert_int_equal(sampling->torn_count, 4);
    assert_int_equal(sampling->thread_count, 5);
    assert_int_equal(sampling->tree.length, 6);
    assert_memory_equal(taken.trees[0], "a\0tree", 6);
    forget(&taken);
    history_verify(store);
    tg_store_close(store);
}

static void are_stored_once(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch batch = sampled(1, 1, 10, "tree", 4);
    assert_int_equal(history_commit_all(store, &batch, 1).stored_count, 1);
    assert_int_equal(history_commit_all(store, &batch, 1).known_count, 1);
    struct tg_store_selection everything = history_everything(store);
    struct taken taken = ask(store, &everything);
    assert_int_equal(taken.count, 1);
    forget(&taken);
    tg_store_close(store);
}

static void of_a_part(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint8_t number = 1; number <= 2; number++) {
        for (uint64_t seq = 1; seq <= 3; seq++) {
            struct tg_batch batch = sampled(number, seq, (int64_t)seq * 10, "tree", 4);
            batch.process.service_version = history_bytes(number == 1 ? "1.0" : "1.1");
            history_commit(store, batch);
        }
    }
    struct tg_store_selection selection = history_everything(store);
    struct taken taken = ask(store, &selection);
    assert_int_equal(taken.count, 6);
    for (size_t i = 0; i < taken.count; i++) { /* in the order of time, and of their storing */
        assert_int_equal(taken.items[i].iteration, i / 2);
        assert_int_equal(taken.items[i].pid, 1001 + i % 2);
    }
    forget(&taken);
    selection.first_iteration = 1;
    selection.last_iteration = 1;
    taken = ask(store, &selection);
    assert_int_equal(taken.count, 2);
    forget(&taken);
    selection.version = "1.1";
    taken = ask(store, &selection);
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.items[0].pid, 1002);
    forget(&taken);
    tg_store_close(store);
}

/* As large as a batch may have: more than a connection's packet of old, or a MySQL BLOB. */
static void large_ones(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    char *large = malloc(TG_BATCH_TREE_BYTES_MAX);
    assert_non_null(large);
    for (size_t i = 0; i < TG_BATCH_TREE_BYTES_MAX; i++) {
        large[i] = (char)(i * 31 % 251);
    }
    history_commit(store, sampled(1, 1, 10, large, TG_BATCH_TREE_BYTES_MAX));
    struct tg_store_selection everything = history_everything(store);
    struct taken taken = ask(store, &everything);
    assert_int_equal(taken.count, 1);
    assert_int_equal(taken.items[0].sampling.tree.length, TG_BATCH_TREE_BYTES_MAX);
    assert_memory_equal(taken.trees[0], large, TG_BATCH_TREE_BYTES_MAX);
    forget(&taken);
    free(large);
    tg_store_close(store);
}

static void whoever_takes_may_stop(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store *store = history_open();
    history_commit(store, sampled(1, 1, 10, "one", 3));
    history_commit(store, sampled(1, 2, 20, "two", 3));
    struct tg_store_selection everything = history_everything(store);
    struct taken taken = {.most = 1};
    assert_int_equal(tg_store_call_trees(store, &everything, take, &taken, &err), TG_ERROR_FULL);
    assert_string_equal(err.message, "enough");
    forget(&taken);
    taken = ask(store, &everything); /* the statement is free again */
    assert_int_equal(taken.count, 2);
    forget(&taken);
    tg_store_close(store);
}

static void lost_ones_are_found(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf report = TG_STRBUF_INIT;
    struct tg_store *store = history_open();
    history_commit(store, sampled(1, 1, 10, "one", 3));
    history_commit(store, sampled(1, 2, 20, "two", 3));
    struct tg_sql *sql = fixture_open(history_url, 1000);
    assert_int_equal(sql->driver->execute(sql, "UPDATE call_trees SET interval_id = interval_id + 100", &err), TG_OK);
    sql->driver->close(sql);
    assert_int_equal(tg_store_verify(store, &report, &err), TG_ERROR_FORMAT);
    assert_non_null(strstr(tg_strbuf_text(&report), "2 call trees belong to no interval"));
    tg_strbuf_release(&report);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(come_back_as_they_were, history_set_up),
        cmocka_unit_test_setup(are_stored_once, history_set_up),
        cmocka_unit_test_setup(of_a_part, history_set_up),
        cmocka_unit_test_setup(large_ones, history_set_up),
        cmocka_unit_test_setup(whoever_takes_may_stop, history_set_up),
        cmocka_unit_test_setup(lost_ones_are_found, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
