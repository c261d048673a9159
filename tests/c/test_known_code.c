/* Code objects that are freed are counted; and what is known of those that live is known for just as long. */
#include "sample/known_code.h"

#include "cmocka_all.h"
#include "made_stack.h"
#include "sample/code_hook.h"
#include "sample/walk.h"

#include <limits.h>
#include <pthread.h>
#include <stdalign.h>

#define MADE_LOCK    3072
#define MADE_TO_LOCK 3328 /* since 3.12: where the interpreter says where the lock is */

/* The type's slot, and who is in it. */

static tg_code_deallocator *slot;
static int freed_count;

static void free_code(struct _object *code) {
    (void)code;
    freed_count++;
}

static tg_code_deallocator *behind;

static void free_in_front(struct _object *code) {
    behind(code);
}

static int set_up(void **state) {
    (void)state;
    slot = free_code;
    freed_count = 0;
    return tg_code_hook_install(&slot) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tg_code_hook_remove();
    return slot == free_code ? 0 : -1;
}

static uint64_t count_now(void) {
    uint64_t count = 0;
    assert_true(tg_code_hook_count(&count));
    return count;
}

static void each_one_is_counted_and_freed(void **state) {
    (void)state;
    uint64_t before = count_now();
    slot(NULL);
    slot(NULL);
    assert_true(count_now() != before);
    assert_int_equal(freed_count, 2);
}

static uint64_t during;

static void free_and_look(struct _object *code) {
    (void)code;
    assert_true(tg_code_hook_count(&during));
}

/* So that what is read of one that is just being freed is not believed afterwards. */
static void it_is_another_count_after_it(void **state) {
    (void)state;
    uint64_t before = count_now();
    tg_code_hook_remove();
    slot = free_and_look;
    assert_true(tg_code_hook_install(&slot));
    slot(NULL);
    assert_true(during != before);
    assert_true(count_now() != during);
    tg_code_hook_remove();
    slot = free_code;
}

static void to_install_again_changes_nothing(void **state) {
    (void)state;
    tg_code_deallocator *ours = slot;
    uint64_t before = count_now();
    assert_true(tg_code_hook_install(&slot));
    assert_ptr_equal(slot, ours);
    assert_int_equal(count_now(), before);
    slot(NULL);
    assert_int_equal(freed_count, 1);
}

static void nobody_counts_where_it_was_removed(void **state) {
    (void)state;
    uint64_t before = count_now(), count = 1;
    tg_code_hook_remove();
    assert_ptr_equal(slot, free_code);
    assert_false(tg_code_hook_count(&count));
    slot(NULL);
    assert_true(tg_code_hook_install(&slot));
    assert_true(count_now() != before); /* who was freed meanwhile was not seen */
}

static void nobody_counts_behind_another(void **state) {
    (void)state;
    uint64_t count;
    tg_code_deallocator *ours = slot;
    behind = slot;
    slot = free_in_front;
    assert_false(tg_code_hook_count(&count));
    assert_false(tg_code_hook_install(&slot));
    tg_code_hook_remove();
    assert_ptr_equal(slot, free_in_front); /* which leads to ours, so that stays */
    slot(NULL);
    assert_int_equal(freed_count, 1);
    slot = ours;
    assert_true(tg_code_hook_count(&count));
}

/* What is known. */

static struct tg_code_header header_at(uint64_t address) {
    return (struct tg_code_header){.identity = {.address = address, .unit_count = 7}, .frame_bytes = 160};
}

static void what_is_kept_is_found(void **state) {
    (void)state;
    static struct tg_known_code known;
    struct tg_code_header header = header_at(4096), found;
    assert_false(tg_known_code_find(&known, 4096, 1, 1000, &found));
    tg_known_code_keep(&known, &header, 1, 1000);
    assert_true(tg_known_code_find(&known, 4096, 1, 1000 + TG_KNOWN_CODE_NS - 1, &found));
    assert_memory_equal(&found, &header, sizeof header);
    assert_false(tg_known_code_find(&known, 4096, 1, 1000 + TG_KNOWN_CODE_NS, &found)); /* long ago */
    assert_false(tg_known_code_find(&known, 4096, 2, 1000, &found));                    /* one was freed */
    assert_false(tg_known_code_find(&known, 4112, 1, 1000, &found));                    /* another */
}

static void the_later_one_has_the_place(void **state) {
    (void)state;
    static struct tg_known_code known;
    struct tg_code_header found;
    uint64_t kept = 0;
    for (uint64_t i = 0; i < (uint64_t)4 * TG_KNOWN_CODE_COUNT; i++) {
        struct tg_code_header header = header_at(4096 + 16 * i);
        tg_known_code_keep(&known, &header, 1, 0);
        assert_true(tg_known_code_find(&known, 4096 + 16 * i, 1, 0, &found));
    }
    for (uint64_t i = 0; i < (uint64_t)4 * TG_KNOWN_CODE_COUNT; i++) {
        bool is_found = tg_known_code_find(&known, 4096 + 16 * i, 1, 0, &found);
        assert_true(!is_found || found.identity.address == 4096 + 16 * i);
        kept += is_found;
    }
    assert_in_range(kept, 1, TG_KNOWN_CODE_COUNT);
}

/* The walk in the handler. */

static alignas(4096) uint8_t memory[MADE_BYTES];

struct fixture {
    struct tg_python_process process;
    struct tg_walker walker;
    struct tg_stack stack;
    struct made_stack made;
    struct tg_known_code known;
};

static void *own_state(void) {
    return memory;
}

/* A thread that has its interpreter's lock. */
static void open_fixture(struct fixture *fixture, unsigned minor) {
    uint64_t base = (uint64_t)(uintptr_t)memory;
    *fixture = (struct fixture){.process = {.pid = getpid(), .memory = {.pid = getpid(), .fd = -1}}};
    const struct tg_layout *layout = tg_layout_find(minor);
    fixture->process.layout = *layout;
    fixture->process.code_type = base + MADE_TYPE;
    fixture->process.eval_frame = base; /* where no thread is */
    made_stack_make(&fixture->made, layout, memory, base);
    if (layout->interpreter.gil == TG_LAYOUT_NONE) {
        fixture->process.runtime = base + MADE_LOCK - layout->runtime.gil;
    } else {
        made_put(&fixture->made, layout->thread.interpreter, base + MADE_TO_LOCK - layout->interpreter.gil);
        made_put(&fixture->made, MADE_TO_LOCK, base + MADE_LOCK);
    }
    made_put(&fixture->made, MADE_LOCK + layout->gil.holder, base);
    made_put_int(&fixture->made, MADE_LOCK + layout->gil.locked, 1);
    assert_int_equal(tg_walker_init(&fixture->walker, &fixture->process, NULL), TG_OK);
    fixture->walker.own_state = own_state;
    fixture->walker.known = &fixture->known;
    tg_stack_init(&fixture->stack, base);
    assert_int_equal(tg_stack_reserve(&fixture->stack, 128, NULL), TG_OK);
}

static void close_fixture(struct fixture *fixture) {
    tg_stack_release(&fixture->stack);
    tg_walker_release(&fixture->walker);
}

static enum tg_walk_result walk_own(struct fixture *fixture) {
    fixture->walker.now_ns++;
    return tg_walk_own(&fixture->walker, &fixture->stack, fixture->made.base + MADE_LOCK, 0);
}

/* What is there is no code object any more, for whoever reads it. */
static void spoil(struct fixture *fixture) {
    made_put(&fixture->made, MADE_CODE + fixture->process.layout.object.type, fixture->made.base);
}

/* The stack as it was, read as a whole; then what it is made of is spoilt. */
static void walk_and_spoil(struct fixture *fixture) {
    made_put_code(&fixture->made, MADE_CODE);
    assert_int_equal(walk_own(fixture), TG_WALK_WHOLE);
    spoil(fixture);
    assert_int_equal(walk_own(fixture), TG_WALK_WHOLE);
}

static void code_that_lives_is_not_read_again(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        walk_and_spoil(&fixture);
        assert_int_equal(fixture.stack.frame_count, MADE_FRAMES);
        for (uint32_t k = 0; k < MADE_FRAMES; k++) {
            uint64_t code = fixture.made.base + MADE_CODE + (uint64_t)(MADE_FRAMES - 1 - k) * 1024;
            assert_int_equal(fixture.stack.frames[k].header.identity.address, code);
        }
        close_fixture(&fixture);
    }
}

/* What is not known of a stack is read, the rest is not; and what was read is what each frame gets. */
static void only_what_is_not_known_is_read(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (uint32_t unknown = 0; unknown < MADE_FRAMES; unknown++) {
            struct fixture fixture;
            open_fixture(&fixture, minor);
            assert_int_equal(walk_own(&fixture), TG_WALK_WHOLE);
            uint64_t address = fixture.made.base + MADE_CODE + (uint64_t)unknown * 1024;
            for (size_t i = 0; i < TG_KNOWN_CODE_COUNT; i++) {
                struct tg_known_header *known = &fixture.known.headers[i];
                known->header.identity.address =
                    known->header.identity.address == address ? 0 : known->header.identity.address;
            }
            for (uint32_t k = 0; k < MADE_FRAMES; k++) {
                uint64_t at = MADE_CODE + (uint64_t)k * 1024;
                if (k == unknown) {
                    made_put_int(&fixture.made, at + fixture.process.layout.code.first_line, 77);
                } else {
                    made_put(&fixture.made, at + fixture.process.layout.object.type, fixture.made.base);
                }
            }
            assert_int_equal(walk_own(&fixture), TG_WALK_WHOLE);
            for (uint32_t k = 0; k < MADE_FRAMES; k++) {
                const struct tg_code_identity *identity = &fixture.stack.frames[MADE_FRAMES - 1 - k].header.identity;
                assert_int_equal(identity->address, fixture.made.base + MADE_CODE + (uint64_t)k * 1024);
                assert_int_equal(identity->first_line, k == unknown ? 77 : 3);
            }
            close_fixture(&fixture);
        }
    }
}

/* Nor anything else: what is on the Python stack, and the frame that 3.12 has on the C stack, are there. */
static void the_system_is_not_asked(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        made_stack_enter(&fixture.made, MADE_FRAMES - 1);
        struct tg_own_range stack = {fixture.made.base + MADE_CFRAME, fixture.made.base + MADE_CHUNK};
        struct tg_own_memory own = {.pid = getpid(), .stack = stack};
        fixture.walker.own = &own;
        assert_int_equal(walk_own(&fixture), TG_WALK_WHOLE);
        fixture.process.memory.pid = INT_MAX; /* there is no such process */
        assert_int_equal(walk_own(&fixture), TG_WALK_WHOLE);
        assert_int_equal(fixture.stack.apart_used, minor == 12);
        own.stack.end = stack.begin + 8;
        assert_int_equal(walk_own(&fixture), minor == 12 ? TG_WALK_UNREADABLE : TG_WALK_WHOLE);
        close_fixture(&fixture);
    }
}

static void free_one(struct fixture *fixture) {
    (void)fixture;
    slot(NULL);
}

static void let_time_pass(struct fixture *fixture) {
    fixture->walker.now_ns += TG_KNOWN_CODE_NS;
}

static void take_the_hook_out(struct fixture *fixture) {
    (void)fixture;
    tg_code_hook_remove();
}

static void read_by_another(struct fixture *fixture) {
    fixture->walker.own_state = NULL; /* nobody knows whose thread it is */
    made_put(&fixture->made, fixture->process.layout.thread.thread_id, (uint64_t)pthread_self());
}

static void code_is_read_again_after(void **state) {
    (void)state;
    void (*const events[])(struct fixture *) = {free_one, let_time_pass, take_the_hook_out, read_by_another};
    for (unsigned minor = 11; minor <= 14; minor++) {
        for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
            struct fixture fixture;
            assert_true(tg_code_hook_install(&slot));
            open_fixture(&fixture, minor);
            walk_and_spoil(&fixture);
            events[i](&fixture);
            assert_int_equal(walk_own(&fixture), TG_WALK_CODE);
            close_fixture(&fixture);
        }
    }
}

static void nothing_is_known_while_nobody_counts(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        tg_code_hook_remove();
        assert_int_equal(walk_own(&fixture), TG_WALK_WHOLE);
        spoil(&fixture);
        assert_int_equal(walk_own(&fixture), TG_WALK_CODE);
        close_fixture(&fixture);
        assert_true(tg_code_hook_install(&slot));
    }
}

/* What did not prove to be a whole stack may name anything; and that which was whole before may have gone. */
static void what_is_not_whole_is_not_kept(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct fixture fixture;
        open_fixture(&fixture, minor);
        assert_int_equal(walk_own(&fixture), TG_WALK_WHOLE);
        free_one(&fixture);
        uint64_t instruction = fixture.made.frames[0] + fixture.process.layout.frame.instruction;
        made_put(&fixture.made, instruction, 1);
        assert_int_equal(walk_own(&fixture), TG_WALK_INSTRUCTION);
        made_put(&fixture.made, instruction, fixture.made.base + MADE_CODE + fixture.process.layout.code.size);
        spoil(&fixture);
        assert_int_equal(walk_own(&fixture), TG_WALK_CODE);
        close_fixture(&fixture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_one_is_counted_and_freed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_another_count_after_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(to_install_again_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_counts_where_it_was_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_counts_behind_another, set_up, tear_down),
        cmocka_unit_test(what_is_kept_is_found),
        cmocka_unit_test(the_later_one_has_the_place),
        cmocka_unit_test_setup_teardown(code_that_lives_is_not_read_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_what_is_not_known_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_system_is_not_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(code_is_read_again_after, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_known_while_nobody_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_whole_is_not_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
