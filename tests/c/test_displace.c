/*
 * Displacing a thread of another process: it is read whole or not at all, wherever it runs.
 */
#include "sample/displace.h"

#include "made_process.h"

#include "sample/stop.h"

#include <dirent.h>
#include <linux/rseq.h>

#define NOWHERE UINT64_C(0x10000)
#define ESCAPES 4 /* in a row, then it pauses */

/* Something like a struct rseq that is none. */
#define NONSENSE 3072

struct fixture {
    struct made_process child;
    struct tg_running_tasks tasks;
    struct tg_displacer displacer;
};

/* Where the child is told its processor; 0: nowhere. */
static uint64_t rseq_of(pid_t pid) {
    struct tg_stop stop = {0};
    while (tg_stop_hold(&stop, pid, NULL) == TG_STOP_LATE) { /* this machine is busy */
    }
    assert_int_equal(stop.held, pid);
    uint64_t rseq = tg_stop_rseq(&stop);
    tg_stop_end(&stop);
    return rseq;
}

static void close_fixture(struct fixture *fixture) {
    tg_displacer_end(&fixture->displacer);
    made_process_close(&fixture->child);
}

static void open_fixture(struct fixture *fixture, unsigned minor, int entered,
                         void (*run)(const struct made_stack *made)) {
    *fixture = (struct fixture){0};
    made_process_open(&fixture->child, minor, entered, run);
    fixture->tasks.process = &fixture->child.process;
    fixture->child.thread.rseq = rseq_of(fixture->child.pid);
    if (!fixture->child.thread.rseq) {
        close_fixture(fixture);
        skip();
    }
}

static enum tg_walk_result displace(struct fixture *fixture) {
    struct tg_thread *thread = &fixture->child.thread;
    fixture->child.walker.now_ns++;
    thread->was_displaced = false;
    thread->task.is_known = false;
    enum tg_walk_result result =
        tg_displacer_walk(&fixture->displacer, &fixture->child.walker, &fixture->tasks, thread);
    assert_int_equal(thread->was_displaced, result == TG_WALK_WHOLE);
    return result;
}

static enum tg_walk_result displace_at_last(struct fixture *fixture) {
    enum tg_walk_result result = displace(fixture);
    for (int i = 0; i < MADE_CALLS && result == TG_WALK_NOT_HELD; i++) {
        result = displace(fixture);
    }
    return result;
}

static void read_whole_in_each_version(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, 2, spin);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
            expect_frames(&fixture.child);
            assert_true(fixture.child.thread.task.is_known);
        }
        close_fixture(&fixture);
    }
}

/* --- What waits until it has gone on --- */

/* What is asked of code, and what is said of it where it lies, and when it was read. On the displacer's thread, too. */
struct belief {
    int places, headers;
    bool is_old;
    bool is_confused;
};

static bool believe(void *context, uint64_t address, const struct tg_code_identity *identity) {
    struct belief *belief = context;
    belief->is_confused = belief->is_confused || (identity && identity->address != address);
    *(identity ? &belief->headers : &belief->places) += 1;
    return !identity || belief->is_old;
}

static void open_believer(struct fixture *fixture, unsigned minor, int entered,
                          void (*run)(const struct made_stack *made), struct belief *belief) {
    open_fixture(fixture, minor, entered, run);
    fixture->child.walker.is_old = believe;
    fixture->child.walker.context = belief;
}

/* Since 3.12, when code has a version. */
static void code_is_read_when_it_has_gone_on(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        struct belief belief = {.is_old = true};
        open_believer(&fixture, minor, 2, spin, &belief);
        assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
        expect_frames(&fixture.child);
        assert_int_equal(fixture.child.thread.stack.frames[0].header.identity.first_line, 3);
        assert_int_equal(belief.places > 0, minor >= 12);
        assert_true(belief.headers >= MADE_FRAMES);
        assert_int_equal(fixture.child.thread.task.is_known, minor < 12); /* else it is for the caller */
        assert_false(belief.is_confused);
        close_fixture(&fixture);
    }
}

/* Another one may have lain there a moment ago. That is found out when it is too late, and then no more for a while. */
static void code_that_is_not_what_was_known(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    struct belief belief = {0};
    open_believer(&fixture, 13, -1, spin, &belief);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(displace_at_last(&fixture), TG_WALK_CODE);
        assert_int_equal(fixture.child.thread.escapes.count, 0);
        int places = belief.places;
        while (fixture.child.thread.prompt_count > 1) {
            enum tg_walk_result result = displace(&fixture);
            assert_true(result == TG_WALK_WHOLE || result == TG_WALK_NOT_HELD);
        }
        assert_int_equal(belief.places, places);
    }
    close_fixture(&fixture);
}

/* A task is read while its thread rests, and for that the stack has to be whole. */
static void nothing_waits_where_there_are_tasks(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    struct belief belief = {0};
    open_believer(&fixture, 13, -1, spin, &belief);
    fixture.tasks.is_found = true;
    assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
    assert_true(fixture.child.thread.task.is_known);
    assert_int_equal(belief.places, 0);
    close_fixture(&fixture);
}

/* The C frame before has gone, with its part of the C stack: what lies behind it in the batch has not been read. */
static void the_processor_is_asked_again_where_the_batch_ended_early(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    struct belief belief = {.is_old = true};
    open_believer(&fixture, 12, 2, spin, &belief);
    memset(fixture.child.walker.bytes, 0x7F, MADE_BYTES); /* no processor */
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    for (int i = 0; i < MADE_CALLS && result == TG_WALK_NOT_HELD; i++) {
        fixture.child.thread.stack.caller = NOWHERE;
        result = displace(&fixture);
    }
    assert_int_equal(result, TG_WALK_WHOLE);
    assert_int_not_equal(fixture.child.thread.stack.caller, NOWHERE);
    close_fixture(&fixture);
}

/* From another processor, where ours is asked; from the same, where whoever asks has displaced it already. */
static void found_where_it_has_gone(void **state) {
    (void)state;
    int processors[2];
    cpu_set_t before;
    static struct fixture fixture; /* what goes on after a failure finds it */
    if (!find_processors(processors)) {
        skip();
    }
    open_fixture(&fixture, 13, -1, spin);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (int i = 0; i < 16; i++) {
        int processor = processors[i % 2];
        pin(fixture.child.pid, processor);
        pin(0, processors[i / 2 % 2]);
        enum tg_walk_result result = TG_WALK_NOT_HELD;
        for (int k = 0; k < MADE_CALLS && (result != TG_WALK_WHOLE || fixture.displacer.processor != processor); k++) {
            result = displace(&fixture); /* where it was it has been displaced, too, until it goes on here */
        }
        assert_int_equal(result, TG_WALK_WHOLE);
        assert_int_equal(fixture.displacer.processor, processor);
        expect_frames(&fixture.child);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    close_fixture(&fixture);
}

/* --- One that changes, what is read apart in two system calls, and the other by one --- */

static enum tg_walk_result look(void *fixture) {
    return displace(fixture);
}

static void never_a_mixture(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, change);
    expect_no_mixture(&fixture.child, look, &fixture);
    close_fixture(&fixture);
}

static void never_a_mixture_of_one_batch(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    struct belief belief = {.is_old = true};
    open_believer(&fixture, 13, -1, change_current, &belief);
    expect_no_mixture_of_current(&fixture.child, look, &fixture);
    close_fixture(&fixture);
    assert_true(belief.places > 0);
}

/* --- What is not as it should be --- */

/* Nothing of it stays: neither names nor a task. */
static void expect_failure(struct fixture *fixture) {
    uint32_t before = fixture->child.thread.escapes.count;
    assert_int_equal(fixture->child.thread.escapes.pause, 0);
    assert_int_equal(displace(fixture), TG_WALK_NOT_HELD);
    assert_int_equal(fixture->child.thread.escapes.count, before + 1);
}

static void refused_for_a_while_where_it_is_in_vain(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, spin);
    uint64_t rseq = fixture.child.thread.rseq;
    fixture.child.thread.rseq = NOWHERE;
    for (int i = 0; i < ESCAPES; i++) {
        expect_failure(&fixture);
    }
    for (uint32_t pause = 1; pause <= 2048; pause *= 2) {
        uint32_t refusals = 0, failures = fixture.child.thread.escapes.count;
        for (; fixture.child.thread.escapes.pause; refusals++) {
            assert_int_equal(displace(&fixture), TG_WALK_NOT_HELD);
        }
        assert_int_equal(refusals, pause < 1024 ? pause : 1024);
        assert_int_equal(fixture.child.thread.escapes.count, failures); /* it was not even tried */
        if (pause < 2048) {
            expect_failure(&fixture);
        }
    }
    fixture.child.thread.rseq = rseq;
    assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
    assert_int_equal(fixture.child.thread.escapes.count, 0);
    close_fixture(&fixture);
}

static void nonsense_is_no_processor(void **state) {
    (void)state;
    static const uint32_t nonsense[] = {(uint32_t)RSEQ_CPU_ID_UNINITIALIZED, (uint32_t)RSEQ_CPU_ID_REGISTRATION_FAILED,
                                        INT32_MAX, CPU_SETSIZE, CPU_SETSIZE - 1};
    for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, 13, -1, spin);
        uint64_t at = NONSENSE + offsetof(struct rseq, cpu_id);
        made_put_int(&fixture.child.made, at, nonsense[i]);
        fixture.child.process.memory.pid = getpid(); /* the child's is as it was */
        fixture.child.thread.rseq = fixture.child.made.base + NONSENSE;
        for (int k = 0; k < ESCAPES; k++) {
            expect_failure(&fixture);
        }
        close_fixture(&fixture);
    }
}

/* Up to 3.12. */
static void who_is_about_to_enter_is_not_whole(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, -1, spin);
        assert_int_equal(displace_at_last(&fixture), TG_WALK_PC);
        assert_int_not_equal(fixture.child.thread.escapes.count,
                             0); /* one that never has entered is not displaced for ever */
        assert_false(fixture.child.thread.task.is_known);
        close_fixture(&fixture);
    }
}

/* --- Its thread --- */

static int count_threads(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/task");
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

static void ended_and_begun_again(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, spin);
    tg_displacer_end(&fixture.displacer); /* before it has begun */
    int before = count_threads();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
        assert_int_equal(count_threads(), before + 1);
        tg_displacer_end(&fixture.displacer);
        tg_displacer_end(&fixture.displacer);
        while (count_threads() != before) { /* the kernel lists it for a moment after its end */
        }
    }
    close_fixture(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_whole_in_each_version),
        cmocka_unit_test(code_is_read_when_it_has_gone_on),
        cmocka_unit_test(code_that_is_not_what_was_known),
        cmocka_unit_test(nothing_waits_where_there_are_tasks),
        cmocka_unit_test(the_processor_is_asked_again_where_the_batch_ended_early),
        cmocka_unit_test(found_where_it_has_gone),
        cmocka_unit_test(never_a_mixture),
        cmocka_unit_test(never_a_mixture_of_one_batch),
        cmocka_unit_test(refused_for_a_while_where_it_is_in_vain),
        cmocka_unit_test(nonsense_is_no_processor),
        cmocka_unit_test(who_is_about_to_enter_is_not_whole),
        cmocka_unit_test(ended_and_begun_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
