/* What of a calm thread's stack is loaded without the system, and what never is: whatever may not be there. */
#include "sample/walk.h"

#include "cmocka_all.h"
#include "made_stack.h"
#include "sample/arena_hook.h"
#include "sample/walk_batch.h"

#include <stdalign.h>
#include <sys/mman.h>

#define OTHER_CHUNK 32768 /* where nothing of the made stack lies */
#define CHUNK_BYTES 8192

static alignas(4096) uint8_t memory[MADE_BYTES];

/* The interpreter's allocator. */
static struct tg_arena_allocator current;

struct fixture {
    struct tg_python_process process;
    struct tg_own_memory own;
    struct tg_walker walker;
    struct tg_stack stack;
    struct made_stack made;
};

static void free_nothing(void *context, void *address, size_t bytes) {
    (void)context, (void)address, (void)bytes;
}

static void get(struct tg_arena_allocator *allocator) {
    *allocator = current;
}

static void set(struct tg_arena_allocator *allocator) {
    current = *allocator;
}

static const struct tg_arena_access access_to_current = {.get = get, .set = set};

static struct tg_own_range range(const void *begin, size_t bytes) {
    return (struct tg_own_range){(uint64_t)(uintptr_t)begin, (uint64_t)(uintptr_t)begin + bytes};
}

/* A stack that has been walked once, of a thread that is calm, with its state where memory stays. */
static void open_fixture(struct fixture *fixture, unsigned minor) {
    struct tg_own_range data = range(&current, sizeof current);
    uint64_t base = (uint64_t)(uintptr_t)memory;
    *fixture = (struct fixture){.process = {.pid = getpid(), .memory = {.pid = getpid(), .fd = -1}}};
    fixture->process.layout = *tg_layout_find(minor);
    fixture->process.code_type = base + MADE_TYPE;
    fixture->process.eval_frame = base; /* where no thread is */
    made_stack_make(&fixture->made, tg_layout_find(minor), memory, base);
    assert_int_equal(tg_walker_init(&fixture->walker, &fixture->process, NULL), TG_OK);
    fixture->own = (struct tg_own_memory){.pid = getpid(), .data = range(memory, MADE_CHUNK)};
    fixture->walker.own = &fixture->own;
    tg_stack_init(&fixture->stack, base);
    fixture->stack.is_calm = true;
    current = (struct tg_arena_allocator){.free = free_nothing};
    assert_true(tg_arena_hook_install(&access_to_current, &data));
}

static void close_fixture(struct fixture *fixture) {
    tg_stack_release(&fixture->stack);
    tg_walker_release(&fixture->walker);
    tg_arena_hook_remove(&access_to_current);
}

static enum tg_walk_result walk(struct fixture *fixture, enum tg_walk_mode mode) {
    fixture->walker.now_ns++;
    return tg_walk(&fixture->walker, &fixture->stack, mode, 0);
}

static void a_calm_stack_is_read_in_place(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        for (uint64_t count = 1; count <= 3; count++) {
            assert_int_equal(walk(&fixture, TG_WALK_RUNNING), TG_WALK_WHOLE);
            assert_int_equal(fixture.walker.in_place_count, count);
            assert_int_equal(fixture.stack.frame_count, MADE_FRAMES);
            for (uint32_t k = 0; k < MADE_FRAMES; k++) {
                assert_int_equal(fixture.stack.frames[k].address,
                                 fixture.made.base + fixture.made.frames[MADE_FRAMES - 1 - k]);
            }
        }
        assert_true(tg_arena_hook_hold(getpid())); /* it has let go */
        tg_arena_hook_let_go();
        close_fixture(&fixture);
    }
}

/* What keeps a stack from being read in place. */

static void is_not_calm(struct fixture *fixture) {
    fixture->stack.is_calm = false;
}

static void is_on_the_heap(struct fixture *fixture) {
    fixture->own.data.begin += 8;
}

static void is_not_all_there(struct fixture *fixture) {
    fixture->own.data.end = fixture->own.data.begin + fixture->process.layout.thread.size - 1;
}

static void is_not_of_this_process(struct fixture *fixture) {
    fixture->walker.own = NULL;
}

static void has_no_hook(struct fixture *fixture) {
    (void)fixture;
    tg_arena_hook_remove(&access_to_current);
}

static struct tg_arena_allocator behind;

static void free_in_front(void *context, void *address, size_t bytes) {
    behind.free(context, address, bytes);
}

static void has_another_in_front(struct fixture *fixture) {
    (void)fixture;
    behind = current;
    current.free = free_in_front;
}

static void is_looked_at_by_another(struct fixture *fixture) {
    (void)fixture;
    assert_true(tg_arena_hook_hold(getpid()));
}

static void read_by_the_system_for_the_same(void **state) {
    (void)state;
    static void (*const changes[])(struct fixture *) = {
        is_not_calm, is_on_the_heap,       is_not_all_there,        is_not_of_this_process,
        has_no_hook, has_another_in_front, is_looked_at_by_another,
    };
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            changes[i](&fixture);
            for (int k = 0; k < 2; k++) {
                assert_int_equal(walk(&fixture, TG_WALK_RUNNING), TG_WALK_WHOLE);
                assert_int_equal(fixture.walker.in_place_count, 0);
            }
            if (changes[i] == is_looked_at_by_another) {
                tg_arena_hook_let_go();
            }
            if (changes[i] == has_another_in_front) {
                current = behind;
            }
            close_fixture(&fixture);
        }
    }
}

static void who_rests_is_read_by_the_system(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 13);
    assert_int_equal(walk(&fixture, TG_WALK_AT_REST), TG_WALK_WHOLE);
    assert_int_equal(walk(&fixture, TG_WALK_STOPPED), TG_WALK_WHOLE);
    assert_int_equal(fixture.walker.in_place_count, 0);
    close_fixture(&fixture);
}

/* What a chunk may become between two looks. */

static void is_another(const struct made_stack *made) {
    made_put(made, made->layout->thread.datastack_chunk, made->base + OTHER_CHUNK);
}

static void is_none(const struct made_stack *made) {
    made_put(made, made->layout->thread.datastack_chunk, 0);
}

static void is_shorter(const struct made_stack *made) {
    made_put(made, MADE_CHUNK + made->layout->chunk.size, CHUNK_BYTES / 2);
}

static void is_longer(const struct made_stack *made) {
    made_put(made, MADE_CHUNK + made->layout->chunk.size, 2 * CHUNK_BYTES);
}

static void has_one_behind_it(const struct made_stack *made) {
    made_put(made, MADE_CHUNK + made->layout->chunk.previous, made->base + OTHER_CHUNK);
}

static void a_chain_that_has_changed_is_not_loaded(void **state) {
    (void)state;
    static void (*const changes[])(const struct made_stack *) = {is_another, is_none, is_shorter, is_longer,
                                                                 has_one_behind_it};
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            assert_true(tg_stack_learn(&fixture.walker, &fixture.stack));
            tg_walker_begin(&fixture.walker);
            assert_true(tg_walk_plan(&fixture.walker, &fixture.stack, TG_WALK_RUNNING));
            changes[i](&fixture.made);
            tg_walker_read(&fixture.walker);
            assert_int_equal(fixture.walker.in_place_count, 0);
            assert_true(tg_arena_hook_hold(getpid())); /* it has let go */
            tg_arena_hook_let_go();
            close_fixture(&fixture);
        }
    }
}

/* A chunk that is gone, which whoever loads it would die of. */
static void a_chunk_that_is_gone_is_not_touched(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 13);
    assert_int_equal(walk(&fixture, TG_WALK_RUNNING), TG_WALK_WHOLE);
    is_another(&fixture.made);
    assert_int_equal(mprotect(memory + MADE_CHUNK, CHUNK_BYTES, PROT_NONE), 0);
    enum tg_walk_result result = walk(&fixture, TG_WALK_RUNNING);
    assert_int_equal(mprotect(memory + MADE_CHUNK, CHUNK_BYTES, PROT_READ | PROT_WRITE), 0);
    assert_int_not_equal(result, TG_WALK_WHOLE);
    assert_int_equal(fixture.walker.in_place_count, 1); /* the first */
    close_fixture(&fixture);
}

/* What is there and what is not come by turns. */
static void in_the_order_of_the_batch(void **state) {
    (void)state;
    static const char elsewhere[] = "elsewhere";
    struct fixture fixture;
    open_fixture(&fixture, 13);
    struct tg_walker *walker = &fixture.walker;
    uint64_t there = fixture.made.base, else_where = (uint64_t)(uintptr_t)elsewhere;
    assert_true(tg_stack_learn(walker, &fixture.stack));
    tg_walker_begin(walker);
    walker->calm = &fixture.stack;
    uint32_t of_state = tg_walker_add(walker, there, 64), of_else = tg_walker_add(walker, else_where, 9);
    uint32_t of_chunk = tg_walker_add(walker, there + MADE_CHUNK + 8, 32);
    uint32_t again = tg_walker_add(walker, else_where, 4), more = tg_walker_add(walker, else_where + 4, 5);
    assert_true(tg_walker_read(walker));
    assert_int_equal(walker->in_place_count, 1);
    assert_memory_equal(walker->bytes + of_state, memory, 64);
    assert_memory_equal(walker->bytes + of_else, elsewhere, 9);
    assert_memory_equal(walker->bytes + of_chunk, memory + MADE_CHUNK + 8, 32);
    assert_memory_equal(walker->bytes + again, elsewhere, 4);
    assert_memory_equal(walker->bytes + more, elsewhere + 4, 5);
    close_fixture(&fixture);
}

/* Others' stacks are read along: then it takes too long for somebody to wait. */
static void not_in_a_batch_of_many_pieces(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 13);
    assert_true(tg_stack_learn(&fixture.walker, &fixture.stack));
    tg_walker_begin(&fixture.walker);
    assert_true(tg_walk_plan(&fixture.walker, &fixture.stack, TG_WALK_RUNNING));
    for (int i = 0; i < 100; i++) {
        tg_walker_add(&fixture.walker, fixture.made.base, 8);
    }
    assert_true(tg_walker_read(&fixture.walker));
    assert_int_equal(fixture.walker.in_place_count, 0);
    close_fixture(&fixture);
}

/* The batch ends there. A piece that goes on behind the chunk is for the system, too. */
static void up_to_what_is_not_there(void **state) {
    (void)state;
    struct fixture fixture;
    open_fixture(&fixture, 13);
    struct tg_walker *walker = &fixture.walker;
    uint64_t there = fixture.made.base;
    assert_true(tg_stack_learn(walker, &fixture.stack));
    tg_walker_begin(walker);
    walker->calm = &fixture.stack;
    tg_walker_add(walker, there, 64);
    tg_walker_add(walker, there + MADE_CHUNK + CHUNK_BYTES - 8, 16);
    tg_walker_add(walker, there, 64);
    assert_int_equal(mprotect(memory + MADE_CHUNK + CHUNK_BYTES, 4096, PROT_NONE), 0);
    bool is_whole = tg_walker_read(walker);
    assert_int_equal(mprotect(memory + MADE_CHUNK + CHUNK_BYTES, 4096, PROT_READ | PROT_WRITE), 0);
    assert_false(is_whole);
    assert_int_equal(walker->in_place_count, 1);
    assert_in_range(walker->read_count, 64, 64 + 15);
    close_fixture(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_calm_stack_is_read_in_place),
        cmocka_unit_test(read_by_the_system_for_the_same),
        cmocka_unit_test(who_rests_is_read_by_the_system),
        cmocka_unit_test(a_chain_that_has_changed_is_not_loaded),
        cmocka_unit_test(a_chunk_that_is_gone_is_not_touched),
        cmocka_unit_test(in_the_order_of_the_batch),
        cmocka_unit_test(up_to_what_is_not_there),
        cmocka_unit_test(not_in_a_batch_of_many_pieces),
    };
#if !defined(__x86_64__)
    return 77; /* skipped, in Meson's words: nothing is read in place there */
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
