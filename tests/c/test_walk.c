/* The walk's checks, on stacks made by hand: what is whole is believed, and each way to be wrong has its name. */
#include "sample/walk.h"

#include "cmocka_all.h"
#include "made_stack.h"
#include "sample/walk_batch.h"

#include <stdalign.h>
#include <unistd.h>

#define NOWHERE UINT64_C(0x10000)

static alignas(4096) uint8_t memory[MADE_BYTES];

struct fixture {
    struct tg_python_process process;
    struct tg_walker walker;
    struct tg_stack stack;
    struct made_stack made;
};

static void open_fixture(struct fixture *fixture, unsigned minor) {
    uint64_t base = (uint64_t)(uintptr_t)memory;
    *fixture = (struct fixture){.process = {.pid = getpid(), .memory = {.pid = getpid(), .fd = -1}}};
    fixture->process.layout = *tg_layout_find(minor);
    fixture->process.code_type = base + MADE_TYPE;
    fixture->process.eval_frame = base; /* where no thread is */
    made_stack_make(&fixture->made, tg_layout_find(minor), memory, base);
    assert_int_equal(tg_walker_init(&fixture->walker, &fixture->process, NULL), TG_OK);
    tg_stack_init(&fixture->stack, base);
}

static void close_fixture(struct fixture *fixture) {
    tg_stack_release(&fixture->stack);
    tg_walker_release(&fixture->walker);
}

static enum tg_walk_result walk(struct fixture *fixture, enum tg_walk_mode mode) {
    fixture->walker.now_ns++;
    return tg_walk(&fixture->walker, &fixture->stack, mode, 0);
}

/* What the walk says of a stack that was spoilt, in each version and when its thread is stopped. */
static void expect(void (*spoil)(const struct made_stack *made), enum tg_walk_mode mode, enum tg_walk_result result) {
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        spoil(&fixture.made);
        assert_int_equal(walk(&fixture, mode), result);
        close_fixture(&fixture);
    }
}

static uint64_t of_frame(const struct made_stack *made, int frame, uint32_t member) {
    return made->frames[frame] + member;
}

static void a_stack_that_is_whole(void **state) {
    (void)state;
    static const enum tg_walk_mode modes[] = {TG_WALK_STOPPED, TG_WALK_RUNNING, TG_WALK_AT_REST};
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (size_t i = 0; i < 3; i++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            assert_int_equal(walk(&fixture, modes[i]), TG_WALK_WHOLE);
            assert_int_equal(fixture.stack.frame_count, MADE_FRAMES);
            for (uint32_t k = 0; k < MADE_FRAMES; k++) {
                const struct tg_raw_frame *frame = &fixture.stack.frames[k];
                assert_int_equal(frame->address, fixture.made.base + fixture.made.frames[MADE_FRAMES - 1 - k]);
                assert_int_equal(frame->code, fixture.made.base + MADE_CODE + (MADE_FRAMES - 1 - k) * 1024);
            }
            assert_int_equal(walk(&fixture, modes[i]), TG_WALK_WHOLE); /* by what is known of it now */
            close_fixture(&fixture);
        }
    }
}

static void end_early(const struct made_stack *made) {
    made_put(made, of_frame(made, 1, made->layout->frame.previous), 0);
}

static void go_round(const struct made_stack *made) {
    made_put(made, of_frame(made, 0, made->layout->frame.previous), made->base + made->frames[2]);
}

static void lead_nowhere(const struct made_stack *made) {
    made_put(made, of_frame(made, 1, made->layout->frame.previous), NOWHERE);
}

static void lead_between_words(const struct made_stack *made) {
    made_put(made, of_frame(made, 1, made->layout->frame.previous), made->base + made->frames[0] + 4);
}

static void own_by_nobody(const struct made_stack *made) {
    made->bytes[of_frame(made, 1, made->layout->frame.owner)] = 0x7F;
}

static void run_no_code(const struct made_stack *made) {
    made_put(made, MADE_CODE + 1024 + made->layout->object.type, made->base + 8);
}

static void run_beyond_the_code(const struct made_stack *made) {
    made_put(made, of_frame(made, 1, made->layout->frame.instruction),
             made->base + MADE_CODE + 1024 + made->layout->code.size + 2 * MADE_UNITS + 2);
}

static void leave_the_top(const struct made_stack *made) {
    made_put(made, made->layout->thread.datastack_top, made->base + made->frames[2] + 8 * MADE_FRAME_WORDS + 8);
}

static void what_is_wrong_has_its_name(void **state) {
    (void)state;
    expect(end_early, TG_WALK_STOPPED, TG_WALK_ROOT);
    expect(go_round, TG_WALK_STOPPED, TG_WALK_DEEP);
    expect(lead_nowhere, TG_WALK_STOPPED, TG_WALK_UNREADABLE);
    expect(lead_between_words, TG_WALK_STOPPED, TG_WALK_OWNER);
    expect(own_by_nobody, TG_WALK_STOPPED, TG_WALK_OWNER);
    expect(run_no_code, TG_WALK_STOPPED, TG_WALK_CODE);
    expect(run_beyond_the_code, TG_WALK_STOPPED, TG_WALK_INSTRUCTION);
    expect(leave_the_top, TG_WALK_RUNNING, TG_WALK_TOP);
    expect(leave_the_top, TG_WALK_STOPPED, TG_WALK_WHOLE); /* it is about to call, and cannot go on with it */
}

/* Reads a stack that has been read before, as of a thread that runs. */
static void read_running(struct fixture *fixture) {
    assert_int_equal(walk(fixture, TG_WALK_RUNNING), TG_WALK_WHOLE);
    tg_walker_begin(&fixture->walker);
    assert_true(tg_walk_plan(&fixture->walker, &fixture->stack, TG_WALK_RUNNING));
    assert_true(tg_walker_read(&fixture->walker));
}

/* Changes a word of what was read again of a piece, in one of the rounds. */
static void change_again(struct fixture *fixture, const struct tg_walk_piece *piece, uint64_t address, uint32_t round) {
    uint64_t word = UINT64_C(0x1234), at = address - (piece->address + piece->size - piece->again);
    uint8_t *copy = fixture->walker.bytes + piece->second + (size_t)round * fixture->stack.round_bytes + at;
    memcpy(copy, &word, sizeof word);
}

/* One reading that differs is enough, whatever those before and after it say: the thread was elsewhere meanwhile. */
static void who_comes_back_is_not_believed(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (uint32_t round = 0; round < TG_WALK_ROUNDS; round++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            const struct tg_stack *stack = &fixture.stack;
            uint64_t member = fixture.made.layout->frame.instruction, base = fixture.made.base;
            read_running(&fixture);
            change_again(&fixture, &stack->chunks[0], base + of_frame(&fixture.made, 2, (uint32_t)member), round);
            assert_int_not_equal(tg_walk_follow(&fixture.walker, &fixture.stack),
                                 TG_WALK_TORN); /* goes on in its code */
            read_running(&fixture);
            change_again(&fixture, &stack->chunks[0], base + of_frame(&fixture.made, 1, (uint32_t)member), round);
            assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_TORN);
            read_running(&fixture);
            change_again(&fixture, &stack->place, stack->place.address, round);
            assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_MOVED);
            close_fixture(&fixture);
        }
    }
}

/* The same stack, spoilt after it was known: what was proven before does not stand for it. */
static void what_is_known_is_not_believed_for_ever(void **state) {
    (void)state;
    static void (*const spoils[])(const struct made_stack *made) = {end_early, own_by_nobody, run_beyond_the_code};
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
            spoils[i](&fixture.made);
            assert_int_not_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
            close_fixture(&fixture);
        }
    }
}

/* A generator's frame was on the stack at the last look, and is gone with its memory. */
static void what_lay_elsewhere_may_be_gone(void **state) {
    (void)state;
    static const enum tg_walk_mode modes[] = {TG_WALK_STOPPED, TG_WALK_RUNNING, TG_WALK_AT_REST};
    for (size_t i = 0; i < 3; i++) {
        struct fixture fixture;
        open_fixture(&fixture, 13);
        assert_int_equal(walk(&fixture, modes[i]), TG_WALK_WHOLE);
        fixture.stack.apart[0] = (struct tg_walk_piece){.address = NOWHERE, .size = 72};
        fixture.stack.apart_count = fixture.stack.apart_used = 1;
        assert_int_equal(walk(&fixture, modes[i]), TG_WALK_WHOLE);
        assert_int_equal(fixture.stack.apart_used, 0);
        close_fixture(&fixture);
    }
}

static void a_thread_that_runs_nothing(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        const struct tg_layout *layout = fixture.made.layout;
        bool has_cframe = layout->thread.cframe != TG_LAYOUT_NONE;
        made_put(&fixture.made, has_cframe ? MADE_CFRAME + layout->cframe.current_frame : layout->thread.current_frame,
                 0);
        assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
        assert_int_equal(fixture.stack.frame_count, 0);
        close_fixture(&fixture);
    }
}

/* Of the innermost frame, called from C code, which was called by another frame that C code had called. */
static void enter(const struct made_stack *made) {
    if (made->layout->frame.is_entry != TG_LAYOUT_NONE) {
        made->bytes[of_frame(made, 0, made->layout->frame.is_entry)] = 1;
    }
    made_stack_enter(made, 2);
}

static void set_current(const struct made_stack *made, uint64_t frame) {
    made_put(made, MADE_CFRAME + made->layout->cframe.current_frame, frame);
}

/* Takes back what makes the innermost frame's call one of C code: it lies ready, and has not been linked. */
static void detach(const struct made_stack *made, uint64_t stale) {
    if (made->layout->frame.is_entry != TG_LAYOUT_NONE) {
        made->bytes[of_frame(made, 2, made->layout->frame.is_entry)] = 0;
    }
    made_put(made, of_frame(made, 2, made->layout->frame.previous), stale);
}

static void has_the_caller(const struct made_stack *made) {
    set_current(made, made->base + made->frames[1]);
}

static void has_the_outermost(const struct made_stack *made) {
    set_current(made, made->base + made->frames[0]);
}

static void has_nothing(const struct made_stack *made) {
    set_current(made, 0);
}

static void is_linked_to_the_caller_by_chance(const struct made_stack *made) {
    detach(made, made->base + made->frames[1]);
}

static void is_linked_to_another(const struct made_stack *made) {
    detach(made, made->base + made->frames[0]);
}

/* 3.12: the frame beneath it is that of the call before. 3.11: it was C code's, too. */
static void was_called_by_another(const struct made_stack *made) {
    bool has_shim = made->layout->frame.is_entry == TG_LAYOUT_NONE;
    made_put(made, (has_shim ? MADE_SHIM : made->frames[2]) + made->layout->frame.previous,
             made->base + made->frames[0]);
}

/* All of it is as it was, but that it is no longer on the stack: a generator, which is not, is about to be entered. */
static void has_one_that_has_returned(const struct made_stack *made) {
    made_put(made, made->layout->thread.datastack_top, made->base + made->frames[2]);
}

static void comes_from_nowhere(const struct made_stack *made) {
    made_put(made, MADE_CFRAME + made->layout->cframe.previous, NOWHERE);
}

static void comes_from_nothing(const struct made_stack *made) {
    made_put(made, MADE_CFRAME + made->layout->cframe.previous, 0);
}

static void who_has_entered_is_linked(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (int frame = 0; frame < MADE_FRAMES; frame++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            made_stack_enter(&fixture.made, frame);
            for (int i = 0; i < 2; i++) { /* the second time by what is known of it */
                assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
                assert_int_equal(fixture.stack.frame_count, MADE_FRAMES);
                assert_true(tg_walk_has_entered(&fixture.walker, &fixture.stack));
            }
            close_fixture(&fixture);
        }
    }
}

static void who_is_about_to_enter_is_not(void **state) {
    (void)state;
    static void (*const stale[])(const struct made_stack *made) = {
        has_the_caller,
        has_the_outermost,
        has_nothing,
        is_linked_to_the_caller_by_chance,
        is_linked_to_another,
        was_called_by_another,
        comes_from_nowhere,
        comes_from_nothing,
        has_one_that_has_returned,
    };
    for (unsigned minor = 11; minor <= 12; minor++) {
        for (size_t i = 0; i < sizeof stale / sizeof stale[0]; i++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            enter(&fixture.made);
            stale[i](&fixture.made);
            enum tg_walk_result result = walk(&fixture, TG_WALK_STOPPED);
            assert_true(result == TG_WALK_TORN || result == TG_WALK_WHOLE); /* all else is as it should be */
            assert_false(result == TG_WALK_WHOLE && tg_walk_has_entered(&fixture.walker, &fixture.stack));
            close_fixture(&fixture);
        }
    }
}

/* A frame is the current one before it is linked: then it has the caller of the one that was there before. */
static void who_is_not_linked_yet_is_torn(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        made_put(&fixture.made, fixture.made.frames[2] + fixture.made.layout->frame.previous,
                 fixture.made.base + fixture.made.frames[0]);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_TORN);
        }
        made_put(&fixture.made, fixture.made.frames[2] + fixture.made.layout->frame.previous,
                 fixture.made.base + fixture.made.frames[1]);
        assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
        close_fixture(&fixture);
    }
}

/* As who has a thread rest reads its stack: in one batch. */
static void read_resting(struct fixture *fixture) {
    tg_walker_begin(&fixture->walker);
    assert_true(tg_walk_plan(&fixture->walker, &fixture->stack, TG_WALK_STOPPED));
    assert_true(tg_walk_plan_entry(&fixture->walker, &fixture->stack));
    assert_true(tg_walker_read(&fixture->walker));
}

static void the_caller_is_read_along(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 12; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        uint64_t caller_at = MADE_CALLER + fixture.made.layout->cframe.current_frame;
        uint64_t caller = fixture.made.base + fixture.made.frames[1], moved_at = caller_at + 64;
        made_stack_enter(&fixture.made, 2);
        assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
        assert_true(tg_walk_has_entered(&fixture.walker, &fixture.stack)); /* now it is known where to ask */
        read_resting(&fixture);
        made_put(&fixture.made, caller_at, NOWHERE); /* when it has gone on */
        assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_UNPROVEN);
        assert_true(tg_walk_has_entered(&fixture.walker, &fixture.stack));
        read_resting(&fixture);
        assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_UNPROVEN);
        assert_false(tg_walk_has_entered(&fixture.walker, &fixture.stack));
        made_put(&fixture.made, caller_at, caller); /* but it is another C frame that is before the current one */
        made_put(&fixture.made, moved_at, NOWHERE);
        made_put(&fixture.made, MADE_CFRAME + fixture.made.layout->cframe.previous,
                 fixture.made.base + moved_at - fixture.made.layout->cframe.current_frame);
        read_resting(&fixture);
        assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_UNPROVEN);
        assert_false(tg_walk_has_entered(&fixture.walker, &fixture.stack));
        made_put(&fixture.made, moved_at, caller); /* which is known by now, and read along */
        read_resting(&fixture);
        assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_UNPROVEN);
        assert_true(tg_walk_has_entered(&fixture.walker, &fixture.stack));
        close_fixture(&fixture);
    }
}

/* What is said of code where it lies and of code that was read. */
static bool is_place_old, is_code_old;

static bool is_old(void *context, uint64_t address, const struct tg_code_identity *identity) {
    (void)context;
    (void)address;
    return identity ? is_code_old : is_place_old;
}

static void only_old_code_is_proven_late(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
        assert_false(tg_walk_can_be_late(&fixture.walker, &fixture.stack)); /* nobody can be asked */
        fixture.walker.is_old = is_old;
        for (int i = 0; i < 4; i++) {
            is_place_old = i & 1;
            is_code_old = i & 2;
            read_resting(&fixture);
            assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_UNPROVEN);
            assert_int_equal(tg_walk_can_be_late(&fixture.walker, &fixture.stack), is_place_old && minor >= 12);
            assert_int_equal(tg_walk_prove_late(&fixture.walker, &fixture.stack),
                             is_code_old ? TG_WALK_WHOLE : TG_WALK_CODE);
        }
        read_resting(&fixture);
        assert_int_equal(tg_walk_follow(&fixture.walker, &fixture.stack), TG_WALK_UNPROVEN);
        run_no_code(&fixture.made); /* it is freed as soon as its frame is left */
        assert_int_equal(tg_walk_prove_late(&fixture.walker, &fixture.stack), TG_WALK_CODE);
        close_fixture(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stack_that_is_whole),          cmocka_unit_test(what_is_wrong_has_its_name),
        cmocka_unit_test(who_comes_back_is_not_believed), cmocka_unit_test(what_is_known_is_not_believed_for_ever),
        cmocka_unit_test(what_lay_elsewhere_may_be_gone), cmocka_unit_test(a_thread_that_runs_nothing),
        cmocka_unit_test(who_is_not_linked_yet_is_torn),  cmocka_unit_test(who_has_entered_is_linked),
        cmocka_unit_test(who_is_about_to_enter_is_not),   cmocka_unit_test(the_caller_is_read_along),
        cmocka_unit_test(only_old_code_is_proven_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
