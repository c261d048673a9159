/* Hostile bytes as the memory of another process: a thread with its stack, variables, tasks. See made_stack.h. */
#include "../c/made_stack.h"
#include "sample/asyncio_tasks.h"
#include "sample/python_value.h"
#include "sample/running_task.h"
#include "sample/walk.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* At an address that an input can name, with nothing around it. */
#define MEMORY_ADDRESS UINT64_C(0x200000000000)

static uint8_t *memory;

static void map_memory(void) {
    if (!memory) {
        memory = mmap((void *)(uintptr_t)MEMORY_ADDRESS, MADE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (memory == MAP_FAILED) {
            abort();
        }
    }
}

static void take_local(void *context, const char *name, const struct tg_python_value *value) {
    if (strlen(name) >= TG_LOCAL_NAME_BYTES || value->size > sizeof value->text) {
        abort();
    }
    ++*(size_t *)context;
}

static void take_task(void *context, const struct tg_asyncio_task *task) {
    if (strlen(task->name) >= TG_ASYNCIO_NAME_BYTES || task->depth > TG_ASYNCIO_DEPTH_MAX) {
        abort();
    }
    ++*(size_t *)context;
}

static void look_at_frames(const struct tg_python_process *process, const struct tg_stack *stack) {
    if (stack->frame_count > TG_WALK_MAX_FRAMES) {
        abort();
    }
    for (uint32_t i = 0; i < stack->frame_count && i < 4; i++) {
        size_t locals = 0;
        if (stack->frames[i].owner >= process->layout.owner_count) {
            abort();
        }
        tg_python_locals_read(process, stack->frames[i].address, stack->frames[i].code, take_local, &locals);
        if (locals > TG_LOCALS_MAX) {
            abort();
        }
    }
}

static void look_at_task(const struct tg_python_process *process, const struct tg_stack *stack) {
    struct tg_running_tasks tasks = {.process = process, .is_found = true, .current = MEMORY_ADDRESS + MADE_CHUNK};
    struct tg_running_task task;
    if (tg_running_task_read(&tasks, stack, &task)
        && ((task.frame != TG_RUNNING_TASK_NONE && task.frame >= stack->frame_count)
            || strlen(task.name) >= sizeof task.name)) {
        abort();
    }
}

static void walk(struct tg_walker *walker) {
    struct tg_stack stack;
    tg_stack_init(&stack, MEMORY_ADDRESS);
    for (int mode = TG_WALK_RUNNING; mode <= TG_WALK_STOPPED; mode++) {
        walker->now_ns++;
        if (tg_walk(walker, &stack, (enum tg_walk_mode)mode, 0) == TG_WALK_WHOLE) {
            look_at_frames(walker->process, &stack);
            look_at_task(walker->process, &stack);
        }
    }
    tg_stack_release(&stack);
}

static void read_tasks(const struct tg_python_process *process) {
    struct tg_budget budget = {.limit_bytes = 1 << 20};
    struct tg_symbols symbols;
    struct tg_code_cache cache;
    size_t count = 0;
    tg_symbols_init(&symbols, &budget);
    tg_code_cache_init(&cache, process, &symbols, 1 << 20);
    tg_code_cache_begin(&cache, 1);
    (void)tg_asyncio_tasks_read(&cache, MEMORY_ADDRESS, INT64_MAX, take_task, &count);
    tg_code_cache_release(&cache);
    tg_symbols_release(&symbols);
    if (count > TG_ASYNCIO_TASKS_MAX) {
        abort();
    }
}

#define FIRST_MINOR 11
#define VERSIONS    4

/* A walker takes a while to make: each version has one. */
static struct tg_python_process processes[VERSIONS];
static struct tg_walker walkers[VERSIONS];

static void open_versions(void) {
    for (unsigned i = 0; i < VERSIONS && !walkers[i].process; i++) {
        processes[i] = (struct tg_python_process){
            .pid = getpid(),
            .memory = {.pid = getpid(), .fd = -1},
            .layout = *tg_layout_find(FIRST_MINOR + i),
            .code_type = MEMORY_ADDRESS + MADE_TYPE,
            .eval_frame = MEMORY_ADDRESS, /* where no thread is */
            .runtime = MEMORY_ADDRESS + MADE_CHUNK,
        };
        if (tg_walker_init(&walkers[i], &processes[i], NULL) != TG_OK) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    map_memory();
    open_versions();
    memset(memory, 0, MADE_BYTES);
    memcpy(memory, bytes, count < MADE_BYTES ? count : MADE_BYTES);
    for (unsigned i = 0; i < VERSIONS; i++) {
        walk(&walkers[i]);
        read_tasks(&processes[i]);
    }
    return 0;
}
