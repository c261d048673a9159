#include "sample/running_task.h"

#include "sample/python_dict.h"
#include "sample/python_text.h"
#include "sample/python_value.h"

#include <string.h>

/* It was read while it changed; so it is looked for again soon, then after longer pauses. */
#define FIRST_PAUSE_NS INT64_C(10000000)
#define LAST_PAUSE_NS  INT64_C(1000000000)

static bool read_at(const struct tg_python_process *process, uint64_t address, uint64_t *word) {
    return tg_memory_read_word(&process->memory, address, word);
}

static bool is_in_state(const struct tg_python_process *process) {
    return process->layout.thread.asyncio_running_task != TG_LAYOUT_NONE;
}

void tg_running_tasks_find(struct tg_running_tasks *tasks, tg_ns now_ns) {
    if (tasks->is_wanted && !tasks->is_found && now_ns >= tasks->due_ns) {
        tasks->pause_ns = tasks->pause_ns ? tasks->pause_ns * 2 : FIRST_PAUSE_NS;
        tasks->pause_ns = tasks->pause_ns < LAST_PAUSE_NS ? tasks->pause_ns : LAST_PAUSE_NS;
        tasks->due_ns = now_ns + tasks->pause_ns;
        tasks->is_found = is_in_state(tasks->process)
                          || tg_python_module_find(tasks->process, "asyncio.tasks", "_current_tasks", &tasks->current);
    }
}

static bool has_coroutine(const struct tg_stack *stack, const struct tg_layout *layout) {
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        if (stack->frames[i].owner == layout->owner_generator) {
            return true;
        }
    }
    return false;
}

/* The frame of a coroutine; NONE: it is not on the stack. */
static uint32_t frame_of(const struct tg_stack *stack, const struct tg_layout *layout, uint64_t coroutine) {
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        const struct tg_raw_frame *frame = &stack->frames[i];
        if (frame->owner == layout->owner_generator && frame->address == coroutine + layout->generator.frame) {
            return i;
        }
    }
    return TG_RUNNING_TASK_NONE;
}

/* Whether an object is of the type of that name, which is recognised once. */
static bool is_of(const struct tg_python_process *process, uint64_t object, uint64_t type, const char *name,
                  uint64_t *known) {
    if (type != *known && tg_python_is_called(process, object, name)) {
        *known = type;
    }
    return type && type == *known;
}

/* "Task-12", as asyncio numbers those that were given no name. */
static bool is_number(const char *name) {
    static const char prefix[] = "Task-";
    size_t length = sizeof prefix - 1;
    return strncmp(name, prefix, length) == 0 && name[length]
           && name[length + strspn(name + length, "0123456789")] == 0;
}

/* The name that a task was given; "": none. Since 3.12 it is an int until somebody asks for one that was not given. */
static void read_name(struct tg_running_tasks *tasks, uint64_t object, struct tg_running_task *task) {
    const struct tg_python_process *process = tasks->process;
    uint64_t type;
    if (!object || !read_at(process, object + process->layout.object.type, &type)
        || !is_of(process, object, type, "str", &tasks->text_type)
        || !tg_python_text_read(&process->memory, &process->layout, object, task->name, sizeof task->name)
        || is_number(task->name)) {
        task->name[0] = '\0';
    }
}

/* Takes the task at an address, if it is the one of the stack. */
static void take(struct tg_running_tasks *tasks, const struct tg_stack *stack, uint64_t address,
                 struct tg_running_task *task) {
    const struct tg_python_process *process = tasks->process;
    const struct tg_layout *layout = &process->layout;
    uint8_t bytes[TG_LAYOUT_MAX_READ_BYTES];
    uint32_t last = layout->task.name > layout->task.coroutine ? layout->task.name : layout->task.coroutine;
    uint64_t type, coroutine, name;
    if (!address || !tg_memory_read(&process->memory, address, bytes, last + sizeof name)) {
        return;
    }
    memcpy(&type, bytes + layout->object.type, sizeof type);
    memcpy(&coroutine, bytes + layout->task.coroutine, sizeof coroutine);
    memcpy(&name, bytes + layout->task.name, sizeof name);
    uint32_t frame = frame_of(stack, layout, coroutine);
    if (frame != TG_RUNNING_TASK_NONE && is_of(process, address, type, "_asyncio.Task", &tasks->task_type)) {
        task->frame = frame;
        read_name(tasks, name, task);
    }
}

bool tg_running_task_read(struct tg_running_tasks *tasks, const struct tg_stack *stack, struct tg_running_task *task) {
    const struct tg_python_process *process = tasks->process;
    struct tg_python_entry entries[TG_PYTHON_ENTRIES_COPIED_MAX];
    uint64_t word;
    size_t count = 0;
    *task = (struct tg_running_task){.is_known = true, .frame = TG_RUNNING_TASK_NONE};
    if (!tasks->is_found || !has_coroutine(stack, &process->layout)) {
        return false;
    }
    if (is_in_state(process)) {
        if (read_at(process, stack->thread + process->layout.thread.asyncio_running_task, &word)) {
            take(tasks, stack, word, task);
        }
    } else if (read_at(process, tasks->current + process->layout.dict.keys, &word)) {
        count = tg_python_entries_copy(process, word, entries, TG_PYTHON_ENTRIES_COPIED_MAX);
    }
    for (size_t i = 0; i < count && task->frame == TG_RUNNING_TASK_NONE; i++) {
        take(tasks, stack, entries[i].value, task);
    }
    return true;
}
