/*
 * A request between two threads: each is taken once, or taken back, and each answer is that of its request.
 */
#include "sample/slot.h"

#include "await_sleep.h"
#include "cmocka_all.h"

#include <pthread.h>
#include <sys/syscall.h>

#define ROUNDS      100000
#define SHORT_NS    INT64_C(50000)
#define LONG_NS     INT64_C(100000000000)
#define LAST_NUMBER (UINT32_MAX >> 2)

/* What the other thread is asked, and what it says. */
struct request {
    struct tg_slot slot;
    atomic_int tid; /* of who answers */
    uint32_t question;
    uint32_t answer;
    uint32_t answered_number;
    uint32_t answer_count;
    bool is_end;
};

static pthread_t start(void *(*answer)(void *context), struct request *request) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, answer, request), 0);
    return thread;
}

static void *answer_each(void *context) {
    struct request *request = context;
    bool is_end = false;
    atomic_store(&request->tid, (int)syscall(SYS_gettid));
    while (!is_end) {
        uint32_t number = tg_slot_take_next(&request->slot);
        is_end = request->is_end;
        request->answer = 3 * request->question + 1;
        request->answered_number = number;
        request->answer_count++;
        tg_slot_finish(&request->slot, number);
    }
    return NULL;
}

static void sent_taken_and_answered(void **state) {
    (void)state;
    struct tg_slot slot = {0};
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_EMPTY);
    uint32_t number = tg_slot_send(&slot);
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_SENT);
    assert_true(tg_slot_take(&slot, number));
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_TAKEN);
    assert_false(tg_slot_take(&slot, number)); /* not twice */
    tg_slot_finish(&slot, number);
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_DONE);
    assert_int_equal(tg_slot_wait(&slot, 0), TG_SLOT_DONE);
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_EMPTY);
    uint32_t next = tg_slot_send(&slot);
    assert_int_not_equal(next, number);
    assert_false(tg_slot_take(&slot, number));
    assert_true(tg_slot_take(&slot, next));
}

static void who_waits_in_vain_learns_how_far_it_is(void **state) {
    (void)state;
    static const tg_ns patience_ns[] = {0, 1, SHORT_NS, SHORT_NS}; /* the last: where it was in vain before */
    struct tg_slot slot = {0};
    uint32_t number = tg_slot_send(&slot);
    for (size_t i = 0; i < sizeof patience_ns / sizeof patience_ns[0]; i++) {
        assert_int_equal(tg_slot_wait(&slot, patience_ns[i]), TG_SLOT_SENT);
    }
    assert_true(tg_slot_take(&slot, number));
    for (size_t i = 0; i < sizeof patience_ns / sizeof patience_ns[0]; i++) {
        assert_int_equal(tg_slot_wait(&slot, patience_ns[i]), TG_SLOT_TAKEN);
    }
    tg_slot_finish(&slot, number);
    assert_int_equal(tg_slot_wait(&slot, SHORT_NS), TG_SLOT_DONE);
}

static void taken_back(void **state) {
    (void)state;
    struct tg_slot slot = {0};
    assert_false(tg_slot_withdraw(&slot)); /* nothing is out */
    uint32_t number = tg_slot_send(&slot);
    assert_true(tg_slot_withdraw(&slot));
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_EMPTY);
    assert_false(tg_slot_withdraw(&slot));
    assert_false(tg_slot_take(&slot, number));
    number = tg_slot_send(&slot);
    assert_true(tg_slot_take(&slot, number));
    assert_false(tg_slot_withdraw(&slot));
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_TAKEN);
    tg_slot_finish(&slot, number);
    assert_false(tg_slot_withdraw(&slot));
    assert_int_equal(tg_slot_wait(&slot, 0), TG_SLOT_DONE);
}

static void emptied_whatever_is_out(void **state) {
    (void)state;
    struct tg_slot slot = {0};
    for (enum tg_slot_state reached = TG_SLOT_EMPTY; reached <= TG_SLOT_DONE; reached++) {
        uint32_t number = reached >= TG_SLOT_SENT ? tg_slot_send(&slot) : 0;
        assert_true(reached < TG_SLOT_TAKEN || tg_slot_take(&slot, number));
        if (reached == TG_SLOT_DONE) {
            tg_slot_finish(&slot, number);
        }
        tg_slot_reset(&slot);
        assert_int_equal(tg_slot_state(&slot), TG_SLOT_EMPTY);
        assert_false(tg_slot_take(&slot, number));
        uint32_t next = tg_slot_send(&slot);
        assert_int_not_equal(next, number);
        assert_true(tg_slot_withdraw(&slot));
    }
}

static void the_number_begins_again(void **state) {
    (void)state;
    struct tg_slot slot = {0};
    atomic_store(&slot.word, (LAST_NUMBER - 1) << 2 | TG_SLOT_EMPTY);
    assert_int_equal(tg_slot_send(&slot), LAST_NUMBER);
    assert_true(tg_slot_take(&slot, LAST_NUMBER));
    tg_slot_finish(&slot, LAST_NUMBER);
    assert_int_equal(tg_slot_wait(&slot, 0), TG_SLOT_DONE);
    assert_int_equal(tg_slot_send(&slot), 0);
    assert_false(tg_slot_take(&slot, LAST_NUMBER));
    assert_true(tg_slot_take(&slot, 0));
    tg_slot_finish(&slot, 0);
    assert_int_equal(tg_slot_wait(&slot, 0), TG_SLOT_DONE);
    atomic_store(&slot.word, LAST_NUMBER << 2 | TG_SLOT_EMPTY);
    tg_slot_reset(&slot);
    assert_int_equal(tg_slot_state(&slot), TG_SLOT_EMPTY);
    assert_int_equal(tg_slot_send(&slot), 1);
}

static void end(struct request *request, pthread_t thread) {
    request->is_end = true;
    (void)tg_slot_send(&request->slot);
    assert_int_equal(tg_slot_wait(&request->slot, LONG_NS), TG_SLOT_DONE);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void who_is_asked_sleeps_until_then(void **state) {
    (void)state;
    static struct request request;
    pthread_t thread = start(answer_each, &request);
    while (!atomic_load(&request.tid)) {
    }
    for (uint32_t i = 0; i < 20; i++) {
        await_sleep(atomic_load(&request.tid));
        assert_true(atomic_load(&request.slot.is_deserted));
        request.question = i;
        uint32_t number = tg_slot_send(&request.slot);
        assert_int_equal(tg_slot_wait(&request.slot, LONG_NS), TG_SLOT_DONE);
        assert_int_equal(request.answer, 3 * i + 1);
        assert_int_equal(request.answered_number, number);
    }
    end(&request, thread);
    assert_false(atomic_load(&request.slot.is_deserted));
}

/* Answers when who asks has stopped looking without a pause. */
static void *answer_late(void *context) {
    struct request *request = context;
    uint32_t number = tg_slot_take_next(&request->slot);
    await_sleep((int)getpid()); /* its first thread, which asks */
    request->answer = 42;
    tg_slot_finish(&request->slot, number);
    return NULL;
}

static void who_asks_looks_again_after_a_pause(void **state) {
    (void)state;
    static struct request request;
    for (int i = 0; i < 20; i++) {
        request.answer = 0;
        pthread_t thread = start(answer_late, &request);
        (void)tg_slot_send(&request.slot);
        assert_int_equal(tg_slot_wait(&request.slot, LONG_NS), TG_SLOT_DONE);
        assert_int_equal(request.answer, 42);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

/* What is asked now and then taken back at once has either been answered or never will be. */
static void each_answer_is_that_of_its_request(void **state) {
    (void)state;
    static struct request request;
    pthread_t thread = start(answer_each, &request);
    uint32_t answered = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        request.question = i;
        uint32_t number = tg_slot_send(&request.slot);
        if (i % 8 == 7 && tg_slot_withdraw(&request.slot)) {
            continue;
        }
        assert_int_equal(tg_slot_wait(&request.slot, LONG_NS), TG_SLOT_DONE);
        answered++;
        assert_int_equal(request.answered_number, number);
        assert_int_equal(request.answer, 3 * i + 1);
        assert_int_equal(request.answer_count, answered);
    }
    end(&request, thread);
    assert_int_equal(request.answer_count, answered + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sent_taken_and_answered),
        cmocka_unit_test(who_waits_in_vain_learns_how_far_it_is),
        cmocka_unit_test(taken_back),
        cmocka_unit_test(emptied_whatever_is_out),
        cmocka_unit_test(the_number_begins_again),
        cmocka_unit_test(who_is_asked_sleeps_until_then),
        cmocka_unit_test(who_asks_looks_again_after_a_pause),
        cmocka_unit_test(each_answer_is_that_of_its_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
