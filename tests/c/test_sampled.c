/* What samplers saw in a part of a history, added up. */
#include "analyze/sampled.h"

#include "store_history.h"

#define ROOMY ((size_t)64 << 20U)

/* A batch with so many samples of a function. */
static void commit(struct tg_store *store, uint8_t number, uint64_t seq, const char *name, uint64_t samples) {
    struct tg_profile profile;
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    tg_profile_init(&profile, ROOMY, true);
    const struct tg_frame frame = {.symbol = tg_symbols_intern(&profile.symbols, name, strlen(name), "shop.py", 7, 1),
                                   .line = 2};
    struct tg_weight weight = {.sample_count = samples, .wall_ns = samples * 10};
    tg_calltree_add(&tg_profile_thread(&profile, 1000U + number, 1, "MainThread")->tree, &frame, 1, &weight);
    assert_int_equal(tg_profile_encode(&profile, &bytes, NULL), TG_OK);
    struct tg_batch batch = history_batch(number, seq, (int64_t)seq * 10, NULL, 0);
    batch.sampling = (struct tg_batch_sampling){
        .rate_hz = 100,
        .look_count = samples + 3,
        .missed_count = 2,
        .sample_count = samples,
        .torn_count = 1,
        .thread_count = 1,
        .tree = {.data = tg_strbuf_text(&bytes), .length = bytes.length},
    };
    history_commit(store, batch);
    tg_strbuf_release(&bytes);
    tg_profile_release(&profile);
}

static void read_sampled(struct tg_sampled *sampled, struct tg_store *store,
                         const struct tg_store_selection *selection) {
    struct tg_error err = TG_ERROR_INIT;
    if (tg_sampled_read(sampled, store, selection, TG_SAMPLED_LIMIT_BYTES, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
}

static void all_and_parts(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    commit(store, 1, 1, "f", 5);
    commit(store, 1, 2, "g", 7);
    commit(store, 2, 2, "f", 11);
    struct tg_store_selection selection = history_everything(store);
    struct tg_sampled sampled;
    read_sampled(&sampled, store, &selection);
    assert_int_equal(sampled.interval_count, 3);
    assert_int_equal(sampled.sample_count, 23);
    assert_int_equal(sampled.look_count, 32);
    assert_int_equal(sampled.missed_count, 6);
    assert_int_equal(sampled.torn_count, 3);
    assert_int_equal(sampled.damaged_count, 0);
    assert_int_equal(sampled.profile.thread_count, 2); /* of two processes */
    assert_int_equal(tg_profile_weight(&sampled.profile).sample_count, 23);
    assert_int_equal(tg_symbols_count(&sampled.profile.symbols), 3);
    tg_sampled_release(&sampled);
    selection.last_iteration = 0;
    read_sampled(&sampled, store, &selection);
    assert_int_equal(tg_profile_weight(&sampled.profile).sample_count, 5);
    tg_sampled_release(&sampled);
    tg_sampled_release(&sampled);
    tg_sampled_release(NULL);
    tg_store_close(store);
}

static void nothing_sampled(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    history_commit_calls(store, 1, 1, 10, "f", 1, 100);
    struct tg_store_selection selection = history_everything(store);
    struct tg_sampled sampled;
    read_sampled(&sampled, store, &selection);
    assert_int_equal(sampled.interval_count, 0);
    assert_int_equal(tg_profile_weight(&sampled.profile).sample_count, 0);
    tg_sampled_release(&sampled);
    tg_store_close(store);
}

/* What cannot be read is counted, and what can is added up. */
static void damage(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    commit(store, 1, 1, "f", 5);
    struct tg_batch batch = history_batch(1, 2, 20, NULL, 0);
    batch.sampling = (struct tg_batch_sampling){.rate_hz = 1, .sample_count = 9, .tree = history_bytes("\x01nonsense")};
    history_commit(store, batch);
    batch = history_batch(1, 3, 30, NULL, 0);
    batch.sampling = (struct tg_batch_sampling){.rate_hz = 1, .sample_count = 9};
    history_commit(store, batch);
    struct tg_store_selection selection = history_everything(store);
    struct tg_sampled sampled;
    read_sampled(&sampled, store, &selection);
    assert_int_equal(sampled.interval_count, 3);
    assert_int_equal(sampled.damaged_count, 1);
    assert_int_equal(sampled.without_tree_count, 1);
    assert_int_equal(tg_profile_weight(&sampled.profile).sample_count, 5);
    tg_sampled_release(&sampled);
    tg_store_close(store);
}

/* Written by a newer one: that is not damage, and says what to do. */
static void of_another_version(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sampled sampled;
    struct tg_store *store = history_open();
    struct tg_batch batch = history_batch(1, 1, 10, NULL, 0);
    batch.sampling = (struct tg_batch_sampling){.rate_hz = 1, .sample_count = 9, .tree = history_bytes("\x7f")};
    history_commit(store, batch);
    struct tg_store_selection selection = history_everything(store);
    assert_int_equal(tg_sampled_read(&sampled, store, &selection, TG_SAMPLED_LIMIT_BYTES, &err), TG_ERROR_VERSION);
    assert_non_null(strstr(err.message, "version"));
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_and_parts, history_set_up),
        cmocka_unit_test_setup(nothing_sampled, history_set_up),
        cmocka_unit_test_setup(damage, history_set_up),
        cmocka_unit_test_setup(of_another_version, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
