#include "profile/profile.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define ROOMY ((size_t)64 << 20U)

static struct tg_frame frame(struct tg_profile *profile, const char *name, uint32_t line) {
    const char file[] = "shop/cart.py";
    return (struct tg_frame){
        .symbol = tg_symbols_intern(&profile->symbols, name, strlen(name), file, sizeof file - 1, 3),
        .line = line,
    };
}

static void add(struct tg_profile *profile, uint64_t thread_id, const char *thread_name, const char *leaf,
                uint64_t samples) {
    const struct tg_frame frames[] = {frame(profile, "<module>", 90), frame(profile, "main", 70),
                                      frame(profile, leaf, 12)};
    struct tg_weight weight = {.sample_count = samples, .wall_ns = samples * 10, .cpu_ns = samples, .gil_ns = 1};
    struct tg_profile_thread *thread = tg_profile_thread(profile, 4711, thread_id, thread_name);
    assert_non_null(thread);
    tg_calltree_add(&thread->tree, frames, 3, &weight);
    profile->quality.taken_count += samples;
}

static void fill(struct tg_profile *profile, bool by_line) {
    tg_profile_init(profile, ROOMY, by_line);
    frame(profile, "not in any tree", 1);
    add(profile, 100, "MainThread", "Cart.add", 5);
    add(profile, 100, "MainThread", "caf\xC3\xA9", 2);
    add(profile, 101, "worker", "Cart.add", 1);
    tg_calltree_add(&tg_profile_thread(profile, 4711, 102, "idle")->tree, NULL, 0, &(struct tg_weight){.wall_ns = 7});
    profile->began_wall_ns = INT64_C(1700000000000000000);
    profile->duration_ns = 30000000000;
    profile->period_ns = 10000000;
    profile->refused_count = 4;
    profile->homeless.sample_count = 3;
    profile->quality.missed_count = 6;
    profile->quality.torn_count = 7;
    profile->quality.preempted_count = 8;
}

static struct tg_weight encode_and_decode(struct tg_profile *profile, struct tg_profile *again,
                                          struct tg_strbuf *bytes) {
    assert_int_equal(tg_profile_encode(profile, bytes, NULL), TG_OK);
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_profile_decode(again, ROOMY, tg_strbuf_text(bytes), bytes->length, &err), TG_OK);
    return tg_profile_weight(again);
}

static void threads_have_their_own_trees(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_calltree all;
    fill(&profile, false);
    assert_int_equal(profile.thread_count, 3);
    assert_string_equal(profile.threads[1]->name, "worker");
    assert_int_equal(tg_calltree_weight(&profile.threads[0]->tree).sample_count, 7);
    assert_int_equal(tg_calltree_weight(&profile.threads[1]->tree).sample_count, 1);
    tg_calltree_init(&all, &profile.budget, false);
    assert_int_equal(tg_profile_merge_threads(&profile, &all, NULL), TG_OK);
    assert_int_equal(tg_calltree_weight(&all).sample_count, 11);
    assert_int_equal(all.count, 1 + 4);
    assert_int_equal(tg_profile_weight(&profile).sample_count, 11);
    assert_int_equal(tg_profile_lost(&profile).sample_count, 3);
    tg_calltree_release(&all);
    add(&profile, 100, "another with the same id", "Cart.add", 1);
    assert_int_equal(profile.thread_count, 4);
    tg_profile_release(&profile);
    tg_profile_release(&profile);
    tg_profile_release(NULL);
    assert_int_equal(profile.budget.used_bytes, 0);
}

static void threads_that_are_too_many_share_an_entry(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_profile again;
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    tg_profile_init(&profile, ROOMY, false);
    for (uint64_t i = 0; i < 3 * TG_PROFILE_THREADS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "Thread-%u", (unsigned)i);
        add(&profile, i + 1, name, "run", 1);
    }
    assert_int_equal(profile.thread_count, TG_PROFILE_THREADS_MAX + 1);
    const struct tg_profile_thread *others = profile.threads[TG_PROFILE_THREADS_MAX];
    assert_int_equal(others->thread_id, 0);
    assert_int_equal(tg_calltree_weight(&others->tree).sample_count, 2 * TG_PROFILE_THREADS_MAX);
    assert_int_equal(encode_and_decode(&profile, &again, &bytes).sample_count, 3 * TG_PROFILE_THREADS_MAX);
    assert_int_equal(again.thread_count, TG_PROFILE_THREADS_MAX + 1);
    tg_profile_release(&again);
    tg_profile_release(&profile);
    tg_strbuf_release(&bytes);
}

static void tasks_are_apart_until_they_are_too_many(void **state) {
    struct tg_profile profile;
    (void)state;
    tg_profile_init(&profile, ROOMY, false);
    struct tg_profile_thread *thread = tg_profile_thread(&profile, 1, 2, "main");
    assert_ptr_equal(tg_profile_task(&profile, 1, 2, "main", NULL), thread);
    struct tg_profile_thread *task = tg_profile_task(&profile, 1, 2, "main", "fetch");
    assert_string_equal(task->name, "main, task fetch");
    assert_int_equal(task->thread_id, 2);
    assert_ptr_equal(tg_profile_task(&profile, 1, 2, "main", "fetch"), task);
    assert_string_equal(tg_profile_task(&profile, 1, 3, "", "fetch")->name, "task fetch");
    assert_int_equal(tg_profile_count_threads(&profile), 2);
    for (int i = 0; i < 2 * (int)TG_PROFILE_THREADS_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "request %d", i);
        assert_int_equal(tg_profile_task(&profile, 1, 2, "main", name)->thread_id, 2);
    }
    assert_int_equal(profile.thread_count, TG_PROFILE_THREADS_MAX / 2);
    assert_ptr_equal(tg_profile_task(&profile, 1, 2, "main", "one more"), thread);
    assert_ptr_equal(tg_profile_task(&profile, 1, 2, "main", "fetch"), task);
    assert_string_equal(tg_profile_thread(&profile, 1, 4, "a thread")->name, "a thread"); /* has space all the same */
    assert_int_equal(tg_profile_count_threads(&profile), 3);
    tg_profile_release(&profile);
}

static void long_names_of_threads_are_cut_and_found_again(void **state) {
    (void)state;
    struct tg_profile profile;
    char name[TG_PROFILE_THREAD_NAME_BYTES + 8];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    memcpy(name + TG_PROFILE_THREAD_NAME_BYTES - 1, "\xC3\xA9", 2);
    tg_profile_init(&profile, ROOMY, false);
    struct tg_profile_thread *thread = tg_profile_thread(&profile, 1, 2, name);
    assert_int_equal(strlen(thread->name), TG_PROFILE_THREAD_NAME_BYTES - 1);
    assert_ptr_equal(tg_profile_thread(&profile, 1, 2, name), thread);
    tg_profile_release(&profile);
}

static void assert_same_trees(const struct tg_profile *a, const struct tg_profile *b) {
    assert_int_equal(a->thread_count, b->thread_count);
    for (size_t i = 0; i < a->thread_count; i++) {
        const struct tg_calltree *one = &a->threads[i]->tree;
        const struct tg_calltree *other = &b->threads[i]->tree;
        assert_string_equal(a->threads[i]->name, b->threads[i]->name);
        assert_int_equal(a->threads[i]->thread_id, b->threads[i]->thread_id);
        assert_int_equal(a->threads[i]->process_id, b->threads[i]->process_id);
        assert_int_equal(one->count, other->count);
        for (uint32_t j = 0; j < one->count; j++) {
            assert_int_equal(one->nodes[j].parent, other->nodes[j].parent);
            assert_int_equal(one->nodes[j].frame.line, other->nodes[j].frame.line);
            assert_memory_equal(&one->nodes[j].self, &other->nodes[j].self, sizeof one->nodes[j].self);
            struct tg_symbol symbol = tg_symbols_get(&a->symbols, one->nodes[j].frame.symbol);
            struct tg_symbol same = tg_symbols_get(&b->symbols, other->nodes[j].frame.symbol);
            assert_string_equal(symbol.name, same.name);
            assert_string_equal(symbol.file, same.file);
            assert_int_equal(symbol.first_line, same.first_line);
        }
    }
}

static void a_profile_comes_back_from_its_bytes(void **state) {
    (void)state;
    for (int by_line = 0; by_line < 2; by_line++) {
        struct tg_profile profile;
        struct tg_profile again;
        struct tg_strbuf bytes = TG_STRBUF_INIT;
        fill(&profile, by_line);
        assert_int_equal(encode_and_decode(&profile, &again, &bytes).sample_count, 11);
        assert_same_trees(&profile, &again);
        assert_int_equal(again.by_line, by_line);
        assert_int_equal(again.began_wall_ns, profile.began_wall_ns);
        assert_int_equal(again.duration_ns, profile.duration_ns);
        assert_int_equal(again.period_ns, profile.period_ns);
        assert_int_equal(tg_profile_refused_count(&again), 4);
        assert_int_equal(again.homeless.sample_count, 3);
        assert_memory_equal(&again.quality, &profile.quality, sizeof again.quality);
        assert_int_equal(tg_symbols_count(&again.symbols), tg_symbols_count(&profile.symbols) - 1); /* only used ones */
        struct tg_strbuf twice = TG_STRBUF_INIT;
        assert_int_equal(tg_profile_encode(&again, &twice, NULL), TG_OK);
        assert_int_equal(twice.length, bytes.length);
        assert_memory_equal(tg_strbuf_text(&twice), tg_strbuf_text(&bytes), bytes.length);
        tg_strbuf_release(&twice);
        tg_strbuf_release(&bytes);
        tg_profile_release(&again);
        tg_profile_release(&profile);
    }
}

/* Version 1 as it was written first; every later build reads it. */
static void version_1_stays_readable(void **state) {
    (void)state;
    static const uint8_t bytes[] = {
        1, 1,  5,   6, 7,   0,   3,   0,   0, 0, 0, 0, 0, 0,           /* head, by line, three samples taken */
        2, 1,  'f', 4, 'a', '.', 'p', 'y', 1, 1, 2, 9,                 /* two texts, one symbol: f in a.py, line 9 */
        1, 42, 43,  1, 'M', 0,   0,   0,   0, 3, 0, 0, 0, 0, 2, 1, 10, /* thread 43 of 42, "M"; root; f at line 10 */
        3, 1,  11,  3, 30,  20,  0, /* f at line 11 in it: 3 samples, 30 ns, 20 on cpu */
    };
    struct tg_profile profile;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_profile_decode(&profile, ROOMY, bytes, sizeof bytes, &err), TG_OK);
    assert_int_equal(profile.threads[0]->thread_id, 43);
    const struct tg_calltree *tree = &profile.threads[0]->tree;
    assert_int_equal(tree->count, 3);
    assert_int_equal(tree->nodes[2].parent, 1);
    assert_int_equal(tree->nodes[2].self.cpu_ns, 20);
    assert_string_equal(tg_symbols_get(&profile.symbols, tree->nodes[2].frame.symbol).file, "a.py");
    struct tg_strbuf again = TG_STRBUF_INIT;
    assert_int_equal(tg_profile_encode(&profile, &again, NULL), TG_OK);
    assert_int_equal(again.length, sizeof bytes);
    assert_memory_equal(tg_strbuf_text(&again), bytes, sizeof bytes);
    tg_strbuf_release(&again);
    tg_profile_release(&profile);
}

static void refuses_what_is_cut_or_changed(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_profile again;
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    fill(&profile, true);
    assert_int_equal(tg_profile_encode(&profile, &bytes, NULL), TG_OK);
    tg_profile_release(&profile);
    for (size_t length = 0; length < bytes.length; length++) {
        assert_int_equal(tg_profile_decode(&again, ROOMY, tg_strbuf_text(&bytes), length, &err), TG_ERROR_FORMAT);
    }
    for (size_t i = 1; i < bytes.length; i++) {
        bytes.data[i] = (char)(bytes.data[i] ^ 0x55);
        if (tg_profile_decode(&again, ROOMY, tg_strbuf_text(&bytes), bytes.length, &err) == TG_OK) {
            tg_profile_release(&again);
        }
        assert_int_equal(again.budget.used_bytes, 0);
        bytes.data[i] = (char)(bytes.data[i] ^ 0x55);
    }
    tg_strbuf_append_char(&bytes, 0);
    assert_int_equal(tg_profile_decode(&again, ROOMY, tg_strbuf_text(&bytes), bytes.length, &err), TG_ERROR_FORMAT);
    tg_strbuf_truncate(&bytes, bytes.length - 1);
    assert_int_equal(tg_profile_decode(&again, 1000, tg_strbuf_text(&bytes), bytes.length, &err), TG_ERROR_FULL);
    bytes.data[0] = 2;
    assert_int_equal(tg_profile_decode(&again, ROOMY, tg_strbuf_text(&bytes), bytes.length, &err), TG_ERROR_VERSION);
    assert_non_null(strstr(err.message, "version 2"));
    tg_strbuf_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_have_their_own_trees),
        cmocka_unit_test(threads_that_are_too_many_share_an_entry),
        cmocka_unit_test(tasks_are_apart_until_they_are_too_many),
        cmocka_unit_test(long_names_of_threads_are_cut_and_found_again),
        cmocka_unit_test(a_profile_comes_back_from_its_bytes),
        cmocka_unit_test(version_1_stays_readable),
        cmocka_unit_test(refuses_what_is_cut_or_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
