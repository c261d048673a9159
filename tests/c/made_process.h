/*
 * made_process: another process, whose only thread has a stack made by hand, at an address at which we have it, too:
 * for tests of what reads a thread that runs.
 */
#ifndef MADE_PROCESS_H
#define MADE_PROCESS_H

#include "cmocka_all.h"
#include "made_stack.h"

#include "sample/task.h"
#include "sample/threads.h"
#include "sample/walk.h"

#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first line of code that changes, or the next one. */
#define MADE_FIRST_LINE 100
/* Looks at what changes; and enough of them for some hundred that are not refused. */
#define MADE_LOOKS 3000
#define MADE_CALLS 1000000

struct made_process {
    struct tg_python_process process;
    struct tg_walker walker;
    struct tg_thread thread;
    struct made_stack made;
    pid_t pid;
};

static alignas(4096) uint8_t memory[MADE_BYTES];

/* --- The process --- */

static inline void spin(const struct made_stack *made) {
    (void)made;
    for (volatile unsigned n = 0;; n++) {
    }
}

static inline pid_t start_child(void (*run)(const struct made_stack *made), const struct made_stack *made) {
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

static void made_process_close(struct made_process *child) {
    tg_stack_release(&child->thread.stack);
    tg_walker_release(&child->walker);
    kill(child->pid, SIGKILL);
    assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
}

/* `entered`: the frame that C code called; -1: none was linked, up to 3.12. */
static void made_process_open(struct made_process *child, unsigned minor, int entered,
                              void (*run)(const struct made_stack *made)) {
    uint64_t base = (uint64_t)(uintptr_t)memory;
    *child = (struct made_process){.process = {.layout = *tg_layout_find(minor), .code_type = base + MADE_TYPE}};
    child->process.eval_frame = base; /* where no thread is */
    made_stack_make(&child->made, tg_layout_find(minor), memory, base);
    if (entered >= 0) {
        made_stack_enter(&child->made, entered);
    }
    assert_int_equal(tg_walker_init(&child->walker, &child->process, NULL), TG_OK);
    tg_stack_init(&child->thread.stack, base);
    child->pid = start_child(run, &child->made);
    child->process.pid = child->pid;
    child->process.memory = (struct tg_memory){.pid = child->pid, .fd = -1};
}

static inline void expect_frames(const struct made_process *child) {
    const struct tg_stack *stack = &child->thread.stack;
    assert_int_equal(stack->mode, TG_WALK_RUNNING);
    assert_int_equal(stack->frame_count, MADE_FRAMES);
    for (uint32_t i = 0; i < MADE_FRAMES; i++) {
        assert_int_equal(stack->frames[i].address, child->made.base + child->made.frames[MADE_FRAMES - 1 - i]);
    }
}

/* The first two processors that we may use; false: there is but one. */
static inline bool find_processors(int found[2]) {
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
static inline void pin(pid_t pid, int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    assert_int_equal(sched_setaffinity(pid, sizeof set, &set), 0);
}

/* Goes to another processor than the one that it is on, if there is one: who runs where it is waits for it in vain. */
static inline void step_aside(const struct made_process *child) {
    cpu_set_t before, set;
    int processor = tg_task_processor(child->pid, child->pid);
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    set = before;
    if (processor >= 0) {
        CPU_CLR(processor, &set);
    }
    if (CPU_COUNT(&set) > 0) {
        assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
        assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    }
}

/* --- What it does --- */

/* The unit that the innermost frame is at, and the first line of its code, say the same; while they are changed one
 * after the other, the frame before is none. What is read apart is read in two system calls. */
static inline void change(const struct made_stack *made) {
    const struct tg_layout *layout = made->layout;
    uint64_t code = MADE_CODE + 2 * 1024;
    volatile uint8_t *owner = made->bytes + made->frames[1] + layout->frame.owner;
    volatile uint64_t *instruction = (void *)(made->bytes + made->frames[2] + layout->frame.instruction);
    volatile uint32_t *first_line = (void *)(made->bytes + code + layout->code.first_line);
    for (unsigned n = 0;; n++) {
        *owner = 0x7F;
        *instruction = made->base + code + layout->code.size + (n % 2 ? 2 : 4);
        *first_line = MADE_FIRST_LINE + n % 2;
        *owner = 0;
        for (volatile int i = 0; i < 50; i++) {
        }
    }
}

/* The unit that goes with each line. */
static inline int32_t unit_of_line(const struct made_process *child, int32_t line) {
    int32_t unit = -1;
    struct tg_code_identity identity = {.address = child->made.base + MADE_CODE + 2 * 1024, .unit_count = MADE_UNITS};
    uint64_t instructions = identity.address + child->process.layout.code.size;
    assert_true(tg_code_unit_of(&identity, &child->process.layout, instructions + (line == MADE_FIRST_LINE + 1 ? 2 : 4),
                                &unit));
    return unit;
}

/* Looks at one that change()s until both have been seen. */
static inline void expect_no_mixture(struct made_process *child, enum tg_walk_result (*look)(void *), void *context) {
    int processors[2] = {0, 0}, wholes = 0, lines[2] = {0, 0}, i = 0;
    bool can_move = find_processors(processors);
    for (; i < MADE_LOOKS || (i < MADE_CALLS && !(lines[0] && lines[1]));
         i++) {                       /* many are refused on a busy machine */
        if (can_move && i % 3 == 0) { /* so that it is looked for where it is not */
            pin(child->pid, processors[i / 3 % 2]);
        }
        enum tg_walk_result result = look(context);
        const struct tg_raw_frame *innermost = &child->thread.stack.frames[0];
        if (result == TG_WALK_WHOLE && innermost->header.identity.first_line >= MADE_FIRST_LINE) { /* it has begun */
            int32_t line = innermost->header.identity.first_line;
            assert_int_equal(innermost->unit, unit_of_line(child, line));
            wholes++;
            lines[line - MADE_FIRST_LINE]++;
        }
    }
    print_message("%d of %d looks were whole, %d and %d\n", wholes, i, lines[0], lines[1]);
    assert_true(lines[0] > 0 && lines[1] > 0);
}

/* Which frame is the current one, and the unit that its caller is at, say the same; both are read one after
 * the other. */
static inline void change_current(const struct made_stack *made) {
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

/* The same of one that runs change_current(). */
static inline void expect_no_mixture_of_current(struct made_process *child, enum tg_walk_result (*look)(void *),
                                                void *context) {
    int processors[2] = {0, 0}, counts[2] = {0, 0};
    int32_t units[2] = {-1, -1};
    bool can_move = find_processors(processors);
    for (int i = 0; i < MADE_LOOKS || (i < MADE_CALLS && !(counts[0] && counts[1])); i++) {
        if (can_move && i % 3 == 0) {
            pin(child->pid, processors[i / 3 % 2]);
        }
        if (look(context) == TG_WALK_WHOLE) {
            const struct tg_stack *stack = &child->thread.stack;
            int which = stack->frame_count == MADE_FRAMES;
            int32_t unit = stack->frames[which].unit;
            assert_int_equal(stack->frames[which].address, child->made.base + child->made.frames[1]);
            assert_true(units[which] < 0 || units[which] == unit);
            units[which] = unit;
            counts[which]++;
        }
    }
    print_message("%d and %d looks were whole\n", counts[0], counts[1]);
    assert_true(counts[0] > 0 && counts[1] > 0);
    assert_int_not_equal(units[0], units[1]);
}

#endif
