/* The part of a sample that reads stacks: names and lines, on a stack made by hand whose thread moves between looks. */
#include "sample/sampler_read.h"

#include "cmocka_all.h"
#include "made_stack.h"

#include <stdalign.h>
#include <stdlib.h>
#include <unistd.h>

#define MADE_GIL         57344
#define MADE_RUNTIME     49152
#define MADE_INTERPRETER 32768

#define FIRST_LINE 4 /* of the first code unit; each has one of its own */

static alignas(4096) uint8_t memory[MADE_BYTES];

struct fixture {
    struct made_stack made;
    struct tg_budget budget;
    struct tg_symbols symbols;
    struct tg_sampler sampler;
    struct tg_thread *thread;
};

/* A name that is empty, and a table of lines: one code unit each, without columns. */
static void make_texts(const struct made_stack *made, uint64_t code) {
    const struct tg_layout_unicode *unicode = &made->layout->unicode;
    uint32_t state = unicode->compact_mask | unicode->ascii_mask | UINT32_C(1) << unicode->kind_shift;
    uint64_t table = code + 768;
    made_put_int(made, code + 512 + unicode->state, state);
    made_put_int(made, code + 640 + unicode->state, state);
    made_put(made, table + made->layout->bytes.count, 2 * (uint64_t)MADE_UNITS);
    for (uint64_t i = 0; i < MADE_UNITS; i++) {
        made->bytes[table + made->layout->bytes.data + 2 * i] = 0x80 | 13 << 3;
        made->bytes[table + made->layout->bytes.data + 2 * i + 1] = 1 << 1;
    }
}

/* Who has the lock, or had it last. */
static void hand_lock(const struct made_stack *made, uint64_t holder, bool is_locked) {
    static uint32_t switch_number;
    made_put(made, MADE_GIL + made->layout->gil.holder, holder);
    made_put_int(made, MADE_GIL + made->layout->gil.switch_number, ++switch_number);
    made_put_int(made, MADE_GIL + made->layout->gil.locked, is_locked);
}

static void set_locked(const struct made_stack *made, bool is_locked) {
    hand_lock(made, made->base, is_locked);
}

/* Has this frame be the thread's current one. */
static void enter(const struct made_stack *made, int frame) {
    const struct tg_layout_thread *thread = &made->layout->thread;
    bool has_cframe = thread->cframe != TG_LAYOUT_NONE;
    uint64_t place = has_cframe ? MADE_CFRAME + made->layout->cframe.current_frame : thread->current_frame;
    made_put(made, place, made->base + made->frames[frame]);
    made_put(made, thread->datastack_top, made->base + made->frames[frame] + 8 * (uint64_t)MADE_FRAME_WORDS);
}

static void stand(const struct made_stack *made, int frame, uint64_t unit) {
    uint64_t code = made->base + MADE_CODE + (uint64_t)frame * 1024;
    made_put(made, made->frames[frame] + made->layout->frame.instruction, code + made->layout->code.size + 2 * unit);
}

/* Instead of a stop: the thread has made a call by then, and stands in it. */
static enum tg_walk_result walk_in_call(void *context, struct tg_walker *walker, struct tg_thread *thread) {
    const struct made_stack *made = context;
    enter(made, 2);
    return tg_walk(walker, &thread->stack, TG_WALK_STOPPED, 0);
}

static void let_go(void *context) {
    (void)context;
}

static const struct tg_stop_ops stop_in_call = {.walk = walk_in_call, .let_go = let_go};

static void open_fixture(struct fixture *fixture, unsigned minor) {
    uint64_t base = (uint64_t)(uintptr_t)memory;
    struct tg_sampler *sampler = &fixture->sampler;
    *fixture = (struct fixture){.budget = {.limit_bytes = 1 << 20}};
    made_stack_make(&fixture->made, tg_layout_find(minor), memory, base);
    for (uint64_t i = 0; i < MADE_FRAMES; i++) {
        make_texts(&fixture->made, MADE_CODE + i * 1024);
    }
    sampler->process = (struct tg_python_process){.pid = getpid(), .memory = {.pid = getpid(), .fd = -1}};
    sampler->process.layout = *tg_layout_find(minor);
    sampler->process.code_type = base + MADE_TYPE;
    sampler->process.eval_frame = base; /* where no thread is */
    sampler->options.stop = &stop_in_call;
    sampler->options.stop_context = &fixture->made;
    sampler->tasks.process = &sampler->process;
    tg_symbols_init(&fixture->symbols, &fixture->budget);
    tg_code_cache_init(&sampler->cache, &sampler->process, &fixture->symbols, 1 << 20);
    assert_int_equal(tg_walker_init(&sampler->walker, &sampler->process, NULL), TG_OK);
    sampler->walker.is_old = tg_code_cache_is_old;
    sampler->walker.context = &sampler->cache;
    assert_int_equal(tg_threads_init(&sampler->threads, &sampler->process, NULL), TG_OK);
    fixture->thread = calloc(1, sizeof *fixture->thread);
    assert_non_null(fixture->thread);
    fixture->thread->address = base;
    fixture->thread->clock.fd = -1;
    tg_stack_init(&fixture->thread->stack, base);
    sampler->threads.items[sampler->threads.count++] = fixture->thread;
    sampler->threads.gils[sampler->threads.gil_count++] = (struct tg_gil){.address = base + MADE_GIL, .holder = base};
}

static void close_fixture(struct fixture *fixture) {
    tg_threads_release(&fixture->sampler.threads);
    tg_walker_release(&fixture->sampler.walker);
    tg_code_cache_release(&fixture->sampler.cache);
    tg_symbols_release(&fixture->symbols);
}

/* A look at this time, in seconds. The list of threads, and what they are called, are as they were. */
static void look(struct fixture *fixture, double seconds) {
    struct tg_sampler *sampler = &fixture->sampler;
    tg_ns now_ns = (tg_ns)(seconds * 1e9);
    sampler->has_list = true;
    sampler->listed_ns = sampler->named_ns = sampler->walker.now_ns = now_ns;
    tg_code_cache_begin(&sampler->cache, now_ns);
    assert_true(tg_sampler_read(sampler));
    assert_true(fixture->thread->is_read);
}

/* A trial is passed over when it turns out that its thread has the lock again. The walk after it, at the same place but
 * for a call, finds the caller as it was in that trial, which named nothing. */
static void names_are_not_those_of_the_walk_before_the_last(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        enter(&fixture.made, 1);
        set_locked(&fixture.made, false);
        look(&fixture, 1);
        look(&fixture, 3); /* the code has been known for a while */
        assert_int_equal(fixture.thread->frame_count, 2);
        assert_int_equal(fixture.thread->frames[1].line, FIRST_LINE + 1);
        stand(&fixture.made, 1, 7);
        set_locked(&fixture.made, true);
        fixture.thread->calm.saved = -1;
        look(&fixture, 3.001);
        assert_true(fixture.thread->was_stopped);
        assert_int_equal(fixture.thread->frame_count, 3);
        assert_int_equal(fixture.thread->frames[1].line, FIRST_LINE + 7);
        close_fixture(&fixture);
    }
}

/* Who had the lock last has ended, so that all who are listed rest, until one of them takes it. */
static void who_takes_the_lock_from_one_that_has_ended_is_seen(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        set_locked(&fixture.made, true);
        look(&fixture, 1);
        assert_int_equal(fixture.sampler.quality.listing_count, 0);
        hand_lock(&fixture.made, fixture.made.base + 8, false);
        for (int i = 0; i < 3; i++) {
            look(&fixture, 1.001 + 0.001 * i);
            assert_int_equal(fixture.sampler.threads.gils[0].holder, fixture.made.base + 8);
            assert_int_equal(fixture.thread->frames[0].line, FIRST_LINE);
        }
        stand(&fixture.made, 0, 7);
        set_locked(&fixture.made, true);
        look(&fixture, 1.01);
        assert_int_equal(fixture.sampler.threads.gils[0].holder, fixture.made.base);
        assert_int_equal(fixture.thread->frames[0].line, FIRST_LINE + 7);
        close_fixture(&fixture);
    }
}

/* An interpreter with one thread, as the list of threads has it. */
static void make_interpreter(struct fixture *fixture) {
    const struct tg_layout *layout = fixture->made.layout;
    uint64_t base = fixture->made.base, interpreter = MADE_INTERPRETER;
    fixture->sampler.process.runtime = base + MADE_RUNTIME;
    made_put(&fixture->made, MADE_RUNTIME + layout->runtime.interpreters_head, base + interpreter);
    made_put(&fixture->made, interpreter + layout->interpreter.threads_head, base);
    made_put(&fixture->made, layout->thread.interpreter, base + interpreter);
    if (layout->interpreter.gil != TG_LAYOUT_NONE) {
        made_put(&fixture->made, interpreter + layout->interpreter.gil, base + MADE_GIL);
    } else {
        fixture->sampler.process.layout.runtime.gil = MADE_GIL - MADE_RUNTIME;
    }
}

/* Who has the lock and is not listed is looked for once; and once more when another one has it. */
static void who_cannot_be_listed_is_not_looked_for_at_each_look(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        make_interpreter(&fixture);
        set_locked(&fixture.made, true);
        look(&fixture, 1);
        for (uint64_t other = 1; other <= 2; other++) {
            hand_lock(&fixture.made, fixture.made.base + 8 * other, true);
            for (int i = 0; i < 5; i++) {
                look(&fixture, 1 + 0.01 * (double)other + 0.001 * i);
            }
            assert_int_equal(fixture.sampler.threads.count, 1);
            assert_int_equal(fixture.sampler.quality.listing_count, other);
        }
        stand(&fixture.made, 0, 7);
        set_locked(&fixture.made, true);
        look(&fixture, 1.1);
        assert_int_equal(fixture.thread->frames[0].line, FIRST_LINE + 7);
        assert_int_equal(fixture.sampler.quality.listing_count, 2);
        close_fixture(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_not_those_of_the_walk_before_the_last),
        cmocka_unit_test(who_takes_the_lock_from_one_that_has_ended_is_seen),
        cmocka_unit_test(who_cannot_be_listed_is_not_looked_for_at_each_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
