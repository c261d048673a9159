/*
 * Reading a thread of another process in interrupts: it is read whole or not at all, wherever it runs.
 */
#include "made_process.h"
#include "may_interrupt.h"

#include "sample/interrupt.h"

struct fixture {
    struct made_process child;
    struct tg_instant instant;
};

static void close_fixture(struct fixture *fixture) {
    tg_instant_end(&fixture->instant);
    made_process_close(&fixture->child);
}

/* `entered`: as of made_process_open(). */
static void open_fixture(struct fixture *fixture, unsigned minor, int entered,
                         void (*run)(const struct made_stack *made)) {
    *fixture = (struct fixture){0};
    if (!may_interrupt()) {
        skip();
    }
    assert_true(tg_instant_begin(&fixture->instant));
    made_process_open(&fixture->child, minor, entered, run);
    fixture->child.thread.shown.tid = fixture->child.thread.number = fixture->child.pid;
    fixture->child.thread.processor = -1;
}

static enum tg_walk_result walk(struct fixture *fixture) {
    struct made_process *child = &fixture->child;
    return tg_interrupt_walk(&fixture->instant, &child->walker, &child->thread);
}

static enum tg_walk_result look(void *context) {
    struct fixture *fixture = context;
    struct tg_thread *thread = &fixture->child.thread;
    fixture->child.walker.now_ns++;
    thread->was_interrupted = false;
    thread->missed = (struct tg_escapes){.count = 1}; /* no more: it may be on the processor that we are on */
    enum tg_walk_result result = walk(fixture);
    assert_int_equal(thread->was_interrupted, result == TG_WALK_WHOLE);
    assert_int_equal(thread->missed.count, result == TG_WALK_WHOLE ? 0 : 2);
    assert_null(fixture->child.walker.instant);
    if (result == TG_WALK_NOT_HELD) {
        step_aside(&fixture->child);
    }
    return result;
}

static enum tg_walk_result look_at_last(struct fixture *fixture) {
    enum tg_walk_result result = look(fixture);
    for (int i = 0; i < MADE_CALLS && result == TG_WALK_NOT_HELD; i++) {
        result = look(fixture);
    }
    return result;
}

static void read_whole_in_each_version(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, 2, spin);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
            expect_frames(&fixture.child);
            assert_int_equal(fixture.child.thread.stack.frames[0].header.identity.first_line, 3);
        }
        close_fixture(&fixture);
    }
}

/* Frames that are known are left out, as long as they stand as they stood; after a while all are read again. */
static void known_frames_are_believed(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, spin);
    struct tg_stack *stack = &fixture.child.thread.stack;
    assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
    for (uint32_t i = 0; i < MADE_FRAMES; i++) {
        stack->frames[i].is_known = true;
    }
    tg_ns checked_ns = stack->checked_ns;
    assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
    assert_int_equal(stack->checked_ns, checked_ns);
    assert_int_equal(stack->same_count, MADE_FRAMES);
    stack->frames[MADE_FRAMES - 1].instruction += 2; /* it stood elsewhere */
    assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
    assert_true(stack->checked_ns > checked_ns);
    for (uint32_t i = 0; i < MADE_FRAMES; i++) {
        stack->frames[i].is_known = true;
    }
    checked_ns = stack->checked_ns;
    fixture.child.walker.now_ns += TG_WALK_BELIEVED_NS;
    assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
    assert_true(stack->checked_ns > checked_ns);
    expect_frames(&fixture.child);
    close_fixture(&fixture);
}

/* Up to 3.12: C code has called Python since its C frame was looked for. */
static void the_c_frame_may_be_another(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, 2, spin);
        struct tg_stack *stack = &fixture.child.thread.stack;
        assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
        uint64_t cframe = stack->cframe, place = stack->place.address;
        stack->cframe += 8;
        stack->place.address += 8;
        stack->chunks[0].size += 8; /* until it is learned anew, which would find the C frame, too */
        uint32_t size = stack->chunks[0].size;
        assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
        assert_int_equal(stack->cframe, cframe);
        assert_int_equal(stack->place.address, place);
        assert_int_equal(stack->chunks[0].size, size);
        expect_frames(&fixture.child);
        close_fixture(&fixture);
    }
}

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
        pin(0, processors[(i + 1) % 2]); /* who is on its processor finds nobody but himself there */
        pin(fixture.child.pid, processors[i % 2]);
        assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
        assert_int_equal(fixture.child.thread.processor, processors[i % 2]);
        expect_frames(&fixture.child);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    close_fixture(&fixture);
}

/* --- One that changes --- */

static void never_a_mixture(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 13; minor += 2) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, 2, change);
        expect_no_mixture(&fixture.child, look, &fixture);
        close_fixture(&fixture);
    }
}

static void never_a_mixture_with_the_current_frame(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, change_current);
    expect_no_mixture_of_current(&fixture.child, look, &fixture);
    close_fixture(&fixture);
}

/* --- What is not as it should be --- */

/* Up to 3.12. */
static void who_is_about_to_enter_is_not_whole(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, -1, spin);
        assert_int_equal(look_at_last(&fixture), TG_WALK_PC);
        close_fixture(&fixture);
    }
}

static void refused_for_a_while_where_it_is_in_vain(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, spin);
    assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
    assert_int_equal(kill(fixture.child.pid, SIGSTOP), 0);
    int status;
    assert_int_equal(waitpid(fixture.child.pid, &status, WUNTRACED), fixture.child.pid);
    struct tg_escapes *missed = &fixture.child.thread.missed;
    *missed = (struct tg_escapes){.count = 6};
    assert_int_equal(walk(&fixture), TG_WALK_NOT_HELD);
    assert_int_equal(missed->count, 7);
    assert_int_equal(missed->pause, 8);
    for (uint32_t i = 8; i > 0; i--) {
        assert_int_equal(walk(&fixture), TG_WALK_NOT_HELD);
        assert_int_equal(missed->count, 7); /* it was not even tried */
        assert_int_equal(missed->pause, i - 1);
    }
    assert_int_equal(kill(fixture.child.pid, SIGCONT), 0);
    assert_int_equal(look_at_last(&fixture), TG_WALK_WHOLE);
    close_fixture(&fixture);
}

static void not_where_it_may_not_be(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, spin);
    tg_instant_end(&fixture.instant);
    tg_instant_refuse(&fixture.instant);
    assert_int_equal(walk(&fixture), TG_WALK_NOT_HELD);
    assert_int_equal(fixture.child.thread.missed.count, 0);
    close_fixture(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_whole_in_each_version),
        cmocka_unit_test(known_frames_are_believed),
        cmocka_unit_test(the_c_frame_may_be_another),
        cmocka_unit_test(found_where_it_has_gone),
        cmocka_unit_test(never_a_mixture),
        cmocka_unit_test(never_a_mixture_with_the_current_frame),
        cmocka_unit_test(who_is_about_to_enter_is_not_whole),
        cmocka_unit_test(refused_for_a_while_where_it_is_in_vain),
        cmocka_unit_test(not_where_it_may_not_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
