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

/* Types that are asked for again and again. */
enum kind {
    TASK,
    COROUTINE,
    GENERATOR,
    WEAK,
    TEXT,
    INTEGER,
    KINDS,
};

struct search {
    struct tg_code_cache *cache;
    const struct tg_python_process *process;
    tg_asyncio_visit *visit;
    void *context;
    tg_ns until_ns;
    uint64_t types[KINDS]; /* their addresses, once known */
    uint64_t other_type;   /* what was awaited last and has no frames */
    size_t count;
    bool is_whole;
};

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

static uint64_t word_at(const unsigned char *bytes, uint32_t offset) {
    uint64_t word;
    memcpy(&word, bytes + offset, sizeof word);
    return word;
}

/* Reads an object up to the end of a word in it: each read is a system call, while the program stands still. */
static bool copy_object(const struct tg_python_process *process, uint64_t object, uint32_t last, unsigned char *bytes) {
    size_t size = last + sizeof(uint64_t);
    return object && size <= TG_LAYOUT_MAX_READ_BYTES && tg_memory_read(&process->memory, object, bytes, size);
}

/* Whether an object of that type is of that kind. */
static bool is_kind(struct search *search, enum kind kind, uint64_t object, uint64_t type) {
    static const char *const names[] = {
        [TASK] = "_asyncio.Task",
        [COROUTINE] = "coroutine",
        [GENERATOR] = "generator",
        [WEAK] = "weakref.ReferenceType",
        [TEXT] = "str",
        [INTEGER] = "int",
    };
    if (type && search->types[kind] == type) {
        return true;
    }
    bool is_it = kind == TASK ? tg_python_is_called(search->process, object, names[kind])
                              : tg_python_is_a(search->process, object, names[kind]);
    if (is_it) {
        search->types[kind] = type;
    }
    return is_it;
}

/* --- One task --- */

static bool read_name(struct search *search, uint64_t object, char *name, size_t size) {
    const struct tg_python_process *process = search->process;
    uint64_t type, number;
    bool negative;
    if (!object || !read_at(process, object + process->layout.object.type, &type)) {
        return false;
    }
    if (is_kind(search, TEXT, object, type)) {
        return tg_python_text_read(&process->memory, &process->layout, object, name, size);
    }
    if (!is_kind(search, INTEGER, object, type) || !tg_python_integer_read(process, object, &number, &negative)) {
        return false;
    }
    snprintf(name, size, "Task-%" PRIu64, number); /* as the task itself makes it when it is asked */
    return true;
}

/* What the frame says that it runs; false: that cannot be. */
static bool read_frame(struct search *search, const unsigned char *copy, struct tg_frame *frame) {
    const struct tg_python_process *process = search->process;
    const struct tg_layout *layout = &process->layout;
    unsigned char bytes[TG_LAYOUT_MAX_READ_BYTES];
    struct tg_code_header header;
    uint64_t code = word_at(copy, layout->frame.code) & ~(uint64_t)layout->tag_mask;
    int32_t unit;
    if (!tg_memory_read(&process->memory, code, bytes, layout->code.size)
        || !tg_code_header_parse(&header, layout, process->code_type, code, bytes)
        || !tg_code_unit_of(&header.identity, layout, word_at(copy, layout->frame.instruction), &unit)) {
        return false;
    }
    const struct tg_code *known = tg_code_cache_resolve(search->cache, &header.identity);
    if (known) {
        uint32_t line = tg_code_line(known, unit);
        *frame = (struct tg_frame){.symbol = known->symbol, .line = line ? line : tg_code_line(known, -1)};
    }
    return known;
}

/* What a suspended frame awaits: it lies on the top of its stack. 0: nothing. */
static uint64_t awaited_by(const struct tg_python_process *process, uint64_t frame, const unsigned char *copy) {
    const struct tg_layout *layout = &process->layout;
    uint64_t top, object;
    int32_t words;
    if (layout->tag_mask) { /* 3.14 */
        top = word_at(copy, layout->frame.stack_top);
    } else {
        memcpy(&words, copy + layout->frame.stack_top, sizeof words);
        if (words <= 0) {
            return 0;
        }
        top = frame + layout->frame.locals + (uint64_t)words * sizeof object;
    }
    return read_at(process, top - sizeof object, &object) ? object & ~(uint64_t)layout->tag_mask : 0;
}

/* A coroutine, or a generator, with its frame's header. False: it is none, or cannot be read. */
static bool copy_coroutine(struct search *search, uint64_t object, unsigned char *copy) {
    const struct tg_layout *layout = &search->process->layout;
    if (!copy_object(search->process, object,
                     layout->generator.frame + layout->frame.locals - (uint32_t)sizeof(uint64_t), copy)) {
        return false;
    }
    uint64_t type = word_at(copy, layout->object.type);
    if (type == search->other_type
        || (!is_kind(search, COROUTINE, object, type) && !is_kind(search, GENERATOR, object, type))) {
        search->other_type = type;
        return false;
    }
    return true;
}

/* Whether a coroutine is suspended (-1), runs (0) or has ended (1). */
static int state_of(const struct tg_layout *layout, const unsigned char *coroutine) {
    int8_t state;
    memcpy(&state, coroutine + layout->generator.state, sizeof state);
    return (state > 0) - (state < 0);
}

/* The frames of a suspended task, the outermost first: each awaits the next one. */
static void read_frames(struct search *search, struct tg_asyncio_task *task, unsigned char *copy) {
    const struct tg_layout *layout = &search->process->layout;
    uint64_t coroutine = task->coroutine;
    do {
        const unsigned char *frame = copy + layout->generator.frame;
        if (!read_frame(search, frame, &task->frames[task->depth])) {
            break;
        }
        task->depth++;
        coroutine = awaited_by(search->process, coroutine + layout->generator.frame, frame);
    } while (coroutine && task->depth < TG_ASYNCIO_DEPTH_MAX && copy_coroutine(search, coroutine, copy));
}

/* Tells of one task. False: that is enough. */
static bool tell_task(struct search *search, uint64_t address) {
    const struct tg_python_process *process = search->process;
    const struct tg_layout_task *layout = &process->layout.task;
    struct tg_asyncio_task task = {.depth = 0};
    unsigned char copy[TG_LAYOUT_MAX_READ_BYTES], coroutine[TG_LAYOUT_MAX_READ_BYTES];
    if (search->count == TG_ASYNCIO_TASKS_MAX || tg_clock_monotonic_ns() > search->until_ns) {
        search->is_whole = false;
        return false;
    }
    if (!copy_object(process, address, layout->name > layout->coroutine ? layout->name : layout->coroutine, copy)
        || !is_kind(search, TASK, address, word_at(copy, process->layout.object.type))) {
        return true; /* of another kind */
    }
    task.coroutine = word_at(copy, layout->coroutine);
    if (!copy_coroutine(search, task.coroutine, coroutine) || state_of(&process->layout, coroutine) > 0
        || !read_name(search, word_at(copy, layout->name), task.name, sizeof task.name)) {
        return true; /* it has ended */
    }
    task.is_running = state_of(&process->layout, coroutine) == 0;
    if (!task.is_running) {
        read_frames(search, &task, coroutine);
    }
    search->count++;
    search->visit(search->context, &task);
    return true;
}

/* --- All of them --- */

/* Up to 3.13: a WeakSet, which is a set of weak references. */
static bool search_set(struct search *search) {
    const struct tg_python_process *process = search->process;
    const struct tg_layout *layout = &process->layout;
    uint64_t tasks, set, mask, table;
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
    bool goes_on = true;
    for (uint64_t i = 0; i <= mask && goes_on; i++) {
        unsigned char copy[TG_LAYOUT_MAX_READ_BYTES];
        if (copy_object(process, entries[i].key, layout->weak.object, copy)
            && is_kind(search, WEAK, entries[i].key, word_at(copy, layout->object.type))) {
            goes_on = tell_task(search, word_at(copy, layout->weak.object));
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
        if (!tell_task(search, node - layout->task.node) || i >= MAX_TABLE || !read_at(process, node, &node)) {
            return false;
        }
    }
    return search->is_whole;
}

bool tg_asyncio_tasks_read(struct tg_code_cache *cache, uint64_t thread, tg_ns until_ns, tg_asyncio_visit *visit,
                           void *context) {
    struct search search = {
        .cache = cache,
        .process = cache->process,
        .visit = visit,
        .context = context,
        .until_ns = until_ns,
        .is_whole = true,
    };
    return cache->process->layout.task.node == TG_LAYOUT_NONE ? search_set(&search) : search_list(&search, thread);
}
