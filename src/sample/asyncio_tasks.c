#include "sample/asyncio_tasks.h"

#include "sample/python_dict.h"
#include "sample/python_text.h"
#include "sample/python_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table of more entries is none. */
#define MAX_TABLE ((uint64_t)1 << 20)

struct set_entry {
    uint64_t key;
    uint64_t hash;
};

struct search {
    struct tg_code_cache *cache;
    const struct tg_python_process *process;
    tg_asyncio_visit *visit;
    void *context;
    size_t count;
    bool is_whole;
};

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

/* --- One task --- */

static bool read_name(const struct tg_python_process *process, uint64_t task, char *name, size_t size) {
    uint64_t object, number;
    bool negative;
    if (!read_at(process, task + process->layout.task.name, &object)) {
        return false;
    }
    if (tg_python_is_a(process, object, "str")) {
        return tg_python_text_read(&process->memory, &process->layout, object, name, size);
    }
    if (!tg_python_is_a(process, object, "int") || !tg_python_integer_read(process, object, &number, &negative)) {
        return false;
    }
    snprintf(name, size, "Task-%" PRIu64, number); /* as the task itself makes it when it is asked */
    return true;
}

/* What the frame says that it runs; false: that cannot be. */
static bool read_frame(struct search *search, uint64_t address, struct tg_frame *frame) {
    const struct tg_python_process *process = search->process;
    const struct tg_layout *layout = &process->layout;
    unsigned char bytes[TG_LAYOUT_MAX_READ_BYTES];
    struct tg_code_header header;
    uint64_t code, instruction;
    int32_t unit;
    if (!read_at(process, address + layout->frame.code, &code)
        || !read_at(process, address + layout->frame.instruction, &instruction)) {
        return false;
    }
    code &= ~(uint64_t)layout->tag_mask;
    if (!tg_memory_read(&process->memory, code, bytes, layout->code.size)
        || !tg_code_header_parse(&header, layout, process->code_type, code, bytes)
        || !tg_code_unit_of(&header.identity, layout, instruction, &unit)) {
        return false;
    }
    const struct tg_code *known = tg_code_cache_resolve(search->cache, &header.identity);
    if (known) {
        uint32_t line = tg_code_line(known, unit);
        *frame = (struct tg_frame){.symbol = known->symbol, .line = line ? line : tg_code_line(known, -1)};
    }
    return known;
}

/* What a suspended frame awaits: it lies on the top of its stack. 0: nothing that has frames. */
static uint64_t awaited_by(const struct tg_python_process *process, uint64_t frame) {
    const struct tg_layout *layout = &process->layout;
    uint64_t top, object;
    int32_t words;
    if (layout->tag_mask) { /* 3.14 */
        if (!read_at(process, frame + layout->frame.stack_top, &top)) {
            return 0;
        }
    } else if (tg_memory_read(&process->memory, frame + layout->frame.stack_top, &words, sizeof words) && words > 0) {
        top = frame + layout->frame.locals + (uint64_t)words * sizeof object;
    } else {
        return 0;
    }
    if (!read_at(process, top - sizeof object, &object)) {
        return 0;
    }
    object &= ~(uint64_t)layout->tag_mask;
    return tg_python_is_a(process, object, "coroutine") || tg_python_is_a(process, object, "generator") ? object : 0;
}

/* Whether a coroutine is suspended (-1), runs (0) or has ended (1). */
static int state_of(const struct tg_python_process *process, uint64_t coroutine) {
    int8_t state;
    if (!tg_memory_read(&process->memory, coroutine + process->layout.generator.state, &state, sizeof state)) {
        return 1;
    }
    return (state > 0) - (state < 0);
}

static void tell_task(struct search *search, uint64_t address) {
    const struct tg_python_process *process = search->process;
    struct tg_asyncio_task task = {.depth = 0};
    if (!tg_python_is_called(process, address, "_asyncio.Task")
        || !read_at(process, address + process->layout.task.coroutine, &task.coroutine)
        || !tg_python_is_a(process, task.coroutine, "coroutine") || state_of(process, task.coroutine) > 0
        || !read_name(process, address, task.name, sizeof task.name)) {
        return; /* it has ended, or is of another kind */
    }
    task.is_running = state_of(process, task.coroutine) == 0;
    uint64_t coroutine = task.is_running ? 0 : task.coroutine;
    while (coroutine && task.depth < TG_ASYNCIO_DEPTH_MAX) {
        uint64_t frame = coroutine + process->layout.generator.frame;
        if (!read_frame(search, frame, &task.frames[task.depth])) {
            break;
        }
        task.depth++;
        coroutine = awaited_by(process, frame);
    }
    search->is_whole = search->is_whole && search->count < TG_ASYNCIO_TASKS_MAX;
    if (search->count++ < TG_ASYNCIO_TASKS_MAX) {
        search->visit(search->context, &task);
    }
}

/* --- All of them --- */

/* Up to 3.13: a WeakSet, which is a set of weak references. */
static bool search_set(struct search *search) {
    const struct tg_python_process *process = search->process;
    const struct tg_layout *layout = &process->layout;
    uint64_t tasks, set, mask, table, task;
    if (!tg_python_module_find(process, "asyncio.tasks", "_scheduled_tasks", &tasks)
        && !tg_python_module_find(process, "asyncio.tasks", "_all_tasks", &tasks)) {
        return true; /* no asyncio */
    }
    if (!tg_python_attribute_find(process, tasks, "data", &set) || !tg_python_is_a(process, set, "set")
        || !read_at(process, set + layout->set.mask, &mask) || mask >= MAX_TABLE
        || !read_at(process, set + layout->set.table, &table)) {
        return false;
    }
    struct set_entry *entries = malloc((size_t)(mask + 1) * sizeof *entries);
    if (!entries || !tg_memory_read(&process->memory, table, entries, (size_t)(mask + 1) * sizeof *entries)) {
        free(entries);
        return false;
    }
    for (uint64_t i = 0; i <= mask; i++) {
        if (tg_python_is_a(process, entries[i].key, "weakref.ReferenceType")
            && read_at(process, entries[i].key + layout->weak.object, &task)) {
            tell_task(search, task);
        }
    }
    free(entries);
    return search->is_whole;
}

/* Since 3.14: a list that each thread has. */
static bool search_list(struct search *search, uint64_t thread) {
    const struct tg_python_process *process = search->process;
    const struct tg_layout *layout = &process->layout;
    uint64_t head = thread + layout->thread.asyncio_tasks, node;
    if (!read_at(process, head, &node)) {
        return false;
    }
    for (uint64_t i = 0; node != head && node; i++) {
        tell_task(search, node - layout->task.node);
        if (i >= MAX_TABLE || !read_at(process, node, &node)) {
            return false;
        }
    }
    return search->is_whole;
}

bool tg_asyncio_tasks_read(struct tg_code_cache *cache, uint64_t thread, tg_asyncio_visit *visit, void *context) {
    struct search search = {
        .cache = cache, .process = cache->process, .visit = visit, .context = context, .is_whole = true};
    return cache->process->layout.task.node == TG_LAYOUT_NONE ? search_set(&search) : search_list(&search, thread);
}
