/* Samples are given once, whoever fills and takes at the same time. */
#include "profile/handover.h"

#include "cmocka_all.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#define ROOMY ((size_t)64 << 20U)
#define TICKS 20000

static void fill(struct tg_handover *handover) {
    struct tg_profile *profile = tg_handover_begin(handover);
    const struct tg_frame frame = {.symbol = tg_symbols_intern(&profile->symbols, "f", 1, "app.py", 6, 1)};
    struct tg_weight weight = {.sample_count = 1};
    tg_calltree_add(&tg_profile_thread(profile, 1, 100, "thread")->tree, &frame, 1, &weight);
    profile->quality.taken_count++;
    tg_handover_end(handover, true);
}

static uint64_t take(struct tg_handover *handover, uint64_t *look_count) {
    struct tg_profile *profile = NULL;
    assert_int_equal(tg_handover_take(handover, &profile, look_count, NULL), TG_OK);
    uint64_t samples = tg_profile_weight(profile).sample_count;
    assert_int_equal(profile->quality.taken_count, samples);
    return samples;
}

static void what_is_accepted_does_not_come_again(void **state) {
    (void)state;
    struct tg_handover handover;
    uint64_t looks = 0;
    tg_handover_init(&handover, ROOMY, false);
    assert_int_equal(take(&handover, &looks), 0);
    assert_int_equal(looks, 0);
    fill(&handover);
    fill(&handover);
    assert_int_equal(take(&handover, &looks), 2);
    assert_int_equal(looks, 2);
    fill(&handover);
    tg_handover_accept(&handover);
    assert_int_equal(take(&handover, &looks), 1);
    assert_int_equal(looks, 1);
    tg_handover_accept(&handover);
    assert_int_equal(take(&handover, &looks), 0);
    tg_handover_begin(&handover);
    tg_handover_end(&handover, false); /* paused */
    assert_int_equal(take(&handover, &looks), 0);
    assert_int_equal(looks, 0);
    tg_handover_release(&handover);
}

static void what_is_not_accepted_does(void **state) {
    (void)state;
    struct tg_handover handover;
    uint64_t looks = 0;
    tg_handover_init(&handover, ROOMY, true);
    for (uint64_t i = 1; i <= 5; i++) {
        fill(&handover);
        assert_int_equal(take(&handover, &looks), i);
        assert_int_equal(looks, i);
    }
    assert_int_equal(take(&handover, &looks), 5);
    tg_handover_accept(&handover);
    assert_int_equal(take(&handover, &looks), 0);
    tg_handover_release(&handover);
}

struct filler {
    struct tg_handover *handover;
    atomic_bool done;
};

static void *fill_often(void *context) {
    struct filler *filler = context;
    for (int i = 0; i < TICKS; i++) {
        fill(filler->handover);
    }
    atomic_store(&filler->done, true);
    return NULL;
}

static void nothing_is_lost_between_two_threads(void **state) {
    (void)state;
    struct tg_handover handover;
    struct filler filler = {.handover = &handover};
    uint64_t sum = 0;
    uint64_t looks = 0;
    unsigned round = 0;
    pthread_t thread;
    tg_handover_init(&handover, ROOMY, false);
    assert_int_equal(pthread_create(&thread, NULL, fill_often, &filler), 0);
    bool last = false;
    while (!last) {
        last = atomic_load(&filler.done);
        uint64_t taken = take(&handover, &looks);
        assert_int_equal(looks, taken);
        if (last || round++ % 3 != 0) {
            sum += taken;
            tg_handover_accept(&handover);
        }
        sched_yield();
    }
    pthread_join(thread, NULL);
    assert_int_equal(sum, TICKS);
    tg_handover_release(&handover);
}

static void a_child_begins_anew(void **state) {
    (void)state;
    struct tg_handover handover;
    uint64_t looks = 0;
    tg_handover_init(&handover, 12345, true);
    struct tg_handover before = handover; /* keeps what the child leaves alone, for the leak checker */
    fill(&handover);
    before = handover;
    before.filling = &before.profiles[0];
    tg_handover_after_fork_in_child(&handover);
    assert_int_equal(take(&handover, &looks), 0);
    fill(&handover);
    assert_int_equal(take(&handover, &looks), 1);
    assert_int_equal(handover.profiles[0].budget.limit_bytes, 12345);
    assert_true(handover.profiles[1].by_line);
    tg_handover_release(&handover);
    tg_handover_release(&before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_accepted_does_not_come_again),
        cmocka_unit_test(what_is_not_accepted_does),
        cmocka_unit_test(nothing_is_lost_between_two_threads),
        cmocka_unit_test(a_child_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
