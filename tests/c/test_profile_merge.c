/* Profiles made of others. */
#include "profile/profile.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define ROOMY ((size_t)64 << 20U)

static void add(struct tg_profile *profile, uint64_t thread_id, const char *name, uint64_t samples) {
    const struct tg_frame frames[] = {
        {.symbol = tg_symbols_intern(&profile->symbols, "main", 4, "app.py", 6, 1)},
        {.symbol = tg_symbols_intern(&profile->symbols, name, strlen(name), "app.py", 6, 9)},
    };
    struct tg_weight weight = {.sample_count = samples, .wall_ns = samples * 10};
    tg_calltree_add(&tg_profile_thread(profile, 1, thread_id, "thread")->tree, frames, 2, &weight);
    profile->quality.taken_count += samples;
}

/* The samples whose innermost frame is this function, in one thread. */
static uint64_t samples_in(const struct tg_profile *profile, size_t thread, const char *name) {
    const struct tg_calltree *tree = &profile->threads[thread]->tree;
    uint64_t samples = 0;
    for (uint32_t i = 1; i < tree->count; i++) {
        struct tg_symbol symbol = tg_symbols_get(&profile->symbols, tree->nodes[i].frame.symbol);
        samples += strcmp(symbol.name, name) == 0 ? tree->nodes[i].self.sample_count : 0;
    }
    return samples;
}

static void thread_by_thread(void **state) {
    (void)state;
    struct tg_profile one;
    struct tg_profile other;
    tg_profile_init(&one, ROOMY, false);
    tg_profile_init(&other, ROOMY, false);
    add(&one, 100, "f", 3);
    add(&other, 101, "g", 4); /* so that numbers of symbols differ */
    add(&other, 100, "f", 5);
    add(&other, 100, "g", 6);
    one.period_ns = other.period_ns = 1000;
    one.duration_ns = 7;
    other.duration_ns = 8;
    one.began_wall_ns = 20;
    other.began_wall_ns = 10;
    other.quality.missed_count = 1;
    other.quality.torn_count = 2;
    other.quality.preempted_count = 3;
    other.homeless.sample_count = 9;
    assert_int_equal(tg_profile_merge(&one, &other, NULL), TG_OK);
    assert_int_equal(one.thread_count, 2);
    assert_int_equal(samples_in(&one, 0, "f"), 8);
    assert_int_equal(samples_in(&one, 0, "g"), 6);
    assert_int_equal(samples_in(&one, 1, "g"), 4);
    assert_int_equal(one.quality.taken_count, 18);
    assert_int_equal(one.quality.missed_count, 1);
    assert_int_equal(one.quality.torn_count, 2);
    assert_int_equal(one.quality.preempted_count, 3);
    assert_int_equal(one.duration_ns, 15);
    assert_int_equal(one.began_wall_ns, 10);
    assert_int_equal(one.period_ns, 1000);
    assert_int_equal(tg_profile_weight(&one).sample_count, 18 + 9);
    other.period_ns = 999;
    assert_int_equal(tg_profile_merge(&one, &other, NULL), TG_OK);
    assert_int_equal(one.period_ns, 0);
    tg_profile_release(&one);
    tg_profile_release(&other);
}

static void into_an_empty_one(void **state) {
    (void)state;
    struct tg_profile empty;
    struct tg_profile other;
    tg_profile_init(&empty, ROOMY, false);
    tg_profile_init(&other, ROOMY, false);
    add(&other, 100, "f", 5);
    other.period_ns = 1000;
    assert_int_equal(tg_profile_merge(&empty, &other, NULL), TG_OK);
    assert_int_equal(empty.period_ns, 1000);
    assert_int_equal(samples_in(&empty, 0, "f"), 5);
    tg_profile_release(&other); /* nothing is borrowed from it */
    assert_int_equal(samples_in(&empty, 0, "f"), 5);
    tg_profile_release(&empty);
}

/* The sum stays, whatever finds no space. */
static void without_space(void **state) {
    (void)state;
    struct tg_profile small;
    struct tg_profile other;
    tg_profile_init(&small, 2048, false);
    tg_profile_init(&other, ROOMY, false);
    for (int i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        add(&other, 100 + (uint64_t)i % 3, name, 1);
    }
    assert_int_equal(tg_profile_merge(&small, &other, NULL), TG_OK);
    assert_int_equal(tg_profile_weight(&small).sample_count, 1000);
    assert_true(tg_profile_lost(&small).sample_count > 0);
    assert_true(small.budget.used_bytes <= 2048);
    tg_profile_release(&small);
    tg_profile_release(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thread_by_thread),
        cmocka_unit_test(into_an_empty_one),
        cmocka_unit_test(without_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
