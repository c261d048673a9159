/*
 * Displacing a thread of another process: a child with a stack made by hand, which it shares with us by its address.
 * It is read whole or not at all, wherever it runs.
 */
#include "sample/displace.h"

#include "cmocka_all.h"
#include "made_stack.h"

#include "sample/stop.h"

#include <dirent.h>
#include <linux/rseq.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define NOWHERE UINT64_C(0x10000)
/* Enough for some hundred that are not refused. */
#define CALLS   1000000
#define LOOKS   3000
#define ESCAPES 4 /* in a row, then it pauses */

#define FIRST_LINE 100
/* Something like a struct rseq that is none. */
#define NONSENSE 3072

static alignas(4096) uint8_t memory[MADE_BYTES];

struct fixture {
    struct tg_python_process process;
    struct tg_walker walker;
    struct tg_running_tasks tasks;
    struct tg_thread thread;
    struct tg_displacer displacer;
    struct made_stack made;
    pid_t pid;
};

static void spin(const struct made_stack *made) {
    (void)made;
    for (volatile unsigned n = 0;; n++) {
    }
}

static pid_t start_child(void (*run)(const struct made_stack *made), const struct made_stack *made) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (write(ready[1], "", 1) == 1) {
            run(made);
        }
        _exit(99);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

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
    tg_stack_release(&fixture->thread.stack);
    tg_walker_release(&fixture->walker);
    kill(fixture->pid, SIGKILL);
    assert_int_equal(waitpid(fixture->pid, NULL, 0), fixture->pid);
}

/* `entered`: the frame that C code called; -1: none was linked, up to 3.12. */
static void open_fixture(struct fixture *fixture, unsigned minor, int entered,
                         void (*run)(const struct made_stack *made)) {
    uint64_t base = (uint64_t)(uintptr_t)memory;
    *fixture = (struct fixture){.process = {.layout = *tg_layout_find(minor), .code_type = base + MADE_TYPE}};
    fixture->process.eval_frame = base; /* where no thread is */
    fixture->tasks.process = &fixture->process;
    made_stack_make(&fixture->made, tg_layout_find(minor), memory, base);
    if (entered >= 0) {
        made_stack_enter(&fixture->made, entered);
    }
    assert_int_equal(tg_walker_init(&fixture->walker, &fixture->process, NULL), TG_OK);
    tg_stack_init(&fixture->thread.stack, base);
    fixture->pid = start_child(run, &fixture->made);
    fixture->process.pid = fixture->pid;
    fixture->process.memory = (struct tg_memory){.pid = fixture->pid, .fd = -1};
    fixture->thread.rseq = rseq_of(fixture->pid);
    if (!fixture->thread.rseq) {
        close_fixture(fixture);
        skip();
    }
}

static enum tg_walk_result displace(struct fixture *fixture) {
    struct tg_thread *thread = &fixture->thread;
    fixture->walker.now_ns++;
    thread->was_displaced = false;
    thread->task.is_known = false;
    enum tg_walk_result result = tg_displacer_walk(&fixture->displacer, &fixture->walker, &fixture->tasks, thread);
    assert_int_equal(thread->was_displaced, result == TG_WALK_WHOLE);
    return result;
}

static enum tg_walk_result displace_at_last(struct fixture *fixture) {
    enum tg_walk_result result = displace(fixture);
    for (int i = 0; i < CALLS && result == TG_WALK_NOT_HELD; i++) {
        result = displace(fixture);
    }
    return result;
}

static void expect_frames(const struct fixture *fixture) {
    const struct tg_stack *stack = &fixture->thread.stack;
    assert_int_equal(stack->mode, TG_WALK_RUNNING);
    assert_int_equal(stack->frame_count, MADE_FRAMES);
    for (uint32_t i = 0; i < MADE_FRAMES; i++) {
        assert_int_equal(stack->frames[i].address, fixture->made.base + fixture->made.frames[MADE_FRAMES - 1 - i]);
    }
}

/* The first two processors that we may use; false: there is but one. */
static bool find_processors(int found[2]) {
    cpu_set_t set;
    int count = 0;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    for (int i = 0; i < CPU_SETSIZE && count < 2; i++) {
        if (CPU_ISSET(i, &set)) {
            found[count++] = i;
        }
    }
    return count == 2;
}

/* `pid` 0: the calling thread. */
static void pin(pid_t pid, int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    assert_int_equal(sched_setaffinity(pid, sizeof set, &set), 0);
}

static void read_whole_in_each_version(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        open_fixture(&fixture, minor, 2, spin);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
            expect_frames(&fixture);
            assert_true(fixture.thread.task.is_known);
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
    fixture->walker.is_old = believe;
    fixture->walker.context = belief;
}

/* Since 3.12, when code has a version. */
static void code_is_read_when_it_has_gone_on(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        static struct fixture fixture; /* what goes on after a failure finds it */
        struct belief belief = {.is_old = true};
        open_believer(&fixture, minor, 2, spin, &belief);
        assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
        expect_frames(&fixture);
        assert_int_equal(fixture.thread.stack.frames[0].header.identity.first_line, 3);
        assert_int_equal(belief.places > 0, minor >= 12);
        assert_true(belief.headers >= MADE_FRAMES);
        assert_int_equal(fixture.thread.task.is_known, minor < 12); /* else it is for the caller */
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
        assert_int_equal(fixture.thread.escape_count, 0);
        int places = belief.places;
        while (fixture.thread.prompt_count > 1) {
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
    assert_true(fixture.thread.task.is_known);
    assert_int_equal(belief.places, 0);
    close_fixture(&fixture);
}

/* The C frame before has gone, with its part of the C stack: what lies behind it in the batch has not been read. */
static void the_processor_is_asked_again_where_the_batch_ended_early(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    struct belief belief = {.is_old = true};
    open_believer(&fixture, 12, 2, spin, &belief);
    memset(fixture.walker.bytes, 0x7F, MADE_BYTES); /* no processor */
    enum tg_walk_result result = TG_WALK_NOT_HELD;
    for (int i = 0; i < CALLS && result == TG_WALK_NOT_HELD; i++) {
        fixture.thread.stack.caller = NOWHERE;
        result = displace(&fixture);
    }
    assert_int_equal(result, TG_WALK_WHOLE);
    assert_int_not_equal(fixture.thread.stack.caller, NOWHERE);
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
        pin(fixture.pid, processor);
        pin(0, processors[i / 2 % 2]);
        enum tg_walk_result result = TG_WALK_NOT_HELD;
        for (int k = 0; k < CALLS && (result != TG_WALK_WHOLE || fixture.displacer.processor != processor); k++) {
            result = displace(&fixture); /* where it was it has been displaced, too, until it goes on here */
        }
        assert_int_equal(result, TG_WALK_WHOLE);
        assert_int_equal(fixture.displacer.processor, processor);
        expect_frames(&fixture);
    }
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    close_fixture(&fixture);
}

/* --- One that changes --- */

/* The unit that the innermost frame is at, and the first line of its code, say the same; while they are changed one
 * after the other, the frame before is none. What is read apart is read in two system calls. */
static void change(const struct made_stack *made) {
    const struct tg_layout *layout = made->layout;
    uint64_t code = MADE_CODE + 2 * 1024;
    volatile uint8_t *owner = made->bytes + made->frames[1] + layout->frame.owner;
    volatile uint64_t *instruction = (void *)(made->bytes + made->frames[2] + layout->frame.instruction);
    volatile uint32_t *first_line = (void *)(made->bytes + code + layout->code.first_line);
    for (unsigned n = 0;; n++) {
        *owner = 0x7F;
        *instruction = made->base + code + layout->code.size + (n % 2 ? 2 : 4);
        *first_line = FIRST_LINE + n % 2;
        *owner = 0;
        for (volatile int i = 0; i < 50; i++) {
        }
    }
}

/* The unit that goes with each line. */
static int32_t unit_of_line(const struct fixture *fixture, int32_t line) {
    int32_t unit = -1;
    struct tg_code_identity identity = {.address = fixture->made.base + MADE_CODE + 2 * 1024, .unit_count = MADE_UNITS};
    uint64_t instructions = identity.address + fixture->process.layout.code.size;
    assert_true(
        tg_code_unit_of(&identity, &fixture->process.layout, instructions + (line == FIRST_LINE + 1 ? 2 : 4), &unit));
    return unit;
}

static void never_a_mixture(void **state) {
    (void)state;
    int processors[2] = {0, 0}, wholes = 0, lines[2] = {0, 0};
    bool can_move = find_processors(processors);
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, change);
    int i = 0;
    for (; i < LOOKS || (i < CALLS && !(lines[0] && lines[1])); i++) { /* many are refused on a busy machine */
        if (can_move && i % 3 == 0) {                                  /* so that it is looked for where it is not */
            pin(fixture.pid, processors[i / 3 % 2]);
        }
        enum tg_walk_result result = displace(&fixture);
        const struct tg_raw_frame *innermost = &fixture.thread.stack.frames[0];
        if (result == TG_WALK_WHOLE && innermost->header.identity.first_line >= FIRST_LINE) { /* it has begun */
            int32_t line = innermost->header.identity.first_line;
            assert_int_equal(innermost->unit, unit_of_line(&fixture, line));
            wholes++;
            lines[line - FIRST_LINE]++;
        }
    }
    close_fixture(&fixture);
    print_message("%d of %d looks were whole, %d and %d\n", wholes, i, lines[0], lines[1]);
    assert_true(lines[0] > 0 && lines[1] > 0);
}

/* Which frame is the current one, and the unit that its caller is at, say the same; both are read by one system call,
 * one after the other. */
static void change_current(const struct made_stack *made) {
    const struct tg_layout *layout = made->layout;
    uint64_t code = made->base + MADE_CODE + 1024 + layout->code.size;
    volatile uint8_t *owner = made->bytes + made->frames[0] + layout->frame.owner;
    volatile uint64_t *instruction = (void *)(made->bytes + made->frames[1] + layout->frame.instruction);
    volatile uint64_t *current = (void *)(made->bytes + layout->thread.current_frame);
    for (unsigned n = 0;; n++) {
        *owner = 0x7F;
        *instruction = code + (n % 2 ? 4 : 2);
        *current = made->base + made->frames[n % 2 ? 1 : 2];
        *owner = 0;
        for (volatile int i = 0; i < 50; i++) {
        }
    }
}

static void never_a_mixture_of_one_batch(void **state) {
    (void)state;
    int processors[2] = {0, 0}, counts[2] = {0, 0};
    int32_t units[2] = {-1, -1};
    bool can_move = find_processors(processors);
    static struct fixture fixture; /* what goes on after a failure finds it */
    struct belief belief = {.is_old = true};
    open_believer(&fixture, 13, -1, change_current, &belief);
    for (int i = 0; i < LOOKS || (i < CALLS && !(counts[0] && counts[1])); i++) {
        if (can_move && i % 3 == 0) {
            pin(fixture.pid, processors[i / 3 % 2]);
        }
        if (displace(&fixture) == TG_WALK_WHOLE) {
            const struct tg_stack *stack = &fixture.thread.stack;
            int which = stack->frame_count == MADE_FRAMES;
            int32_t unit = stack->frames[which].unit;
            assert_int_equal(stack->frames[which].address, fixture.made.base + fixture.made.frames[1]);
            assert_true(units[which] < 0 || units[which] == unit);
            units[which] = unit;
            counts[which]++;
        }
    }
    close_fixture(&fixture);
    print_message("%d and %d looks were whole\n", counts[0], counts[1]);
    assert_true(counts[0] > 0 && counts[1] > 0);
    assert_int_not_equal(units[0], units[1]);
    assert_true(belief.places > 0);
}

/* --- What is not as it should be --- */

/* Nothing of it stays: neither names nor a task. */
static void expect_failure(struct fixture *fixture) {
    uint32_t before = fixture->thread.escape_count;
    assert_int_equal(fixture->thread.escape_pause, 0);
    assert_int_equal(displace(fixture), TG_WALK_NOT_HELD);
    assert_int_equal(fixture->thread.escape_count, before + 1);
}

static void refused_for_a_while_where_it_is_in_vain(void **state) {
    (void)state;
    static struct fixture fixture; /* what goes on after a failure finds it */
    open_fixture(&fixture, 13, -1, spin);
    uint64_t rseq = fixture.thread.rseq;
    fixture.thread.rseq = NOWHERE;
    for (int i = 0; i < ESCAPES; i++) {
        expect_failure(&fixture);
    }
    for (uint32_t pause = 1; pause <= 2048; pause *= 2) {
        uint32_t refusals = 0, failures = fixture.thread.escape_count;
        for (; fixture.thread.escape_pause; refusals++) {
            assert_int_equal(displace(&fixture), TG_WALK_NOT_HELD);
        }
        assert_int_equal(refusals, pause < 1024 ? pause : 1024);
        assert_int_equal(fixture.thread.escape_count, failures); /* it was not even tried */
        if (pause < 2048) {
            expect_failure(&fixture);
        }
    }
    fixture.thread.rseq = rseq;
    assert_int_equal(displace_at_last(&fixture), TG_WALK_WHOLE);
    assert_int_equal(fixture.thread.escape_count, 0);
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
        made_put_int(&fixture.made, at, nonsense[i]);
        fixture.process.memory.pid = getpid(); /* the child's is as it was */
        fixture.thread.rseq = fixture.made.base + NONSENSE;
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
        assert_int_not_equal(fixture.thread.escape_count, 0); /* one that never has entered is not displaced for ever */
        assert_false(fixture.thread.task.is_known);
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
