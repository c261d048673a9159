#include "sample/threads.h"

#include "base/utf8.h"
#include "sample/task.h"
#include "sample/walk_batch.h"

/* A thread enters the program's list a moment after it has begun, and threads that C code made never do. */
#define NAME_TRIES 5
/* So many new ones are named together; the others the next time. */
#define NAMED_AT_ONCE 64
/* So often a list that changed under our eyes is begun anew. */
#define LIST_TRIES 4

static void free_lists(struct tg_threads *threads) {
    free(threads->items);
    free(threads->listed);
    free(threads->pieces);
    free(threads->states);
    free(threads->gils);
    free(threads->interpreters);
    *threads = (struct tg_threads){0};
}

enum tg_status tg_threads_init(struct tg_threads *threads, const struct tg_python_process *process,
                               struct tg_error *err) {
    *threads = (struct tg_threads){.process = process, .has_own_pids = tg_task_is_elsewhere(process->pid)};
    threads->items = malloc(TG_THREADS_LISTED_MAX * sizeof(struct tg_thread *));
    threads->listed = malloc(TG_THREADS_LISTED_MAX * sizeof(struct tg_thread *));
    threads->pieces = malloc(TG_THREADS_LISTED_MAX * sizeof *threads->pieces);
    threads->states = malloc(TG_THREADS_LISTED_MAX * (size_t)process->layout.thread.size);
    threads->gils = malloc(TG_INTERPRETERS_MAX * sizeof *threads->gils);
    threads->interpreters = malloc(TG_INTERPRETERS_MAX * sizeof *threads->interpreters);
    if (!threads->items || !threads->listed || !threads->pieces || !threads->states || !threads->gils
        || !threads->interpreters) {
        free_lists(threads);
        return tg_error_set(err, TG_ERROR_MEMORY, "no memory to list threads");
    }
    tg_thread_names_init(&threads->names, process);
    return TG_OK;
}

static void free_thread(struct tg_thread *thread) {
    tg_thread_clock_close(&thread->clock);
    tg_stack_release(&thread->stack);
    free(thread->frames);
    free(thread);
}

void tg_threads_release(struct tg_threads *threads) {
    if (threads) {
        for (size_t i = 0; i < threads->count; i++) {
            free_thread(threads->items[i]);
        }
        free_lists(threads);
    }
}

struct tg_thread *tg_threads_find(const struct tg_threads *threads, uint64_t address) {
    for (size_t i = 0; i < threads->count; i++) {
        if (threads->items[i]->address == address) {
            return threads->items[i];
        }
    }
    return NULL;
}

/* The same while they are listed, most of them in the order of the listing before. */
static struct tg_thread *find_next(struct tg_threads *threads, uint64_t address) {
    for (size_t i = 0; i < threads->count; i++) {
        size_t k = threads->next + i < threads->count ? threads->next + i : threads->next + i - threads->count;
        if (threads->items[k]->address == address) {
            threads->next = k + 1 < threads->count ? k + 1 : 0;
            return threads->items[k];
        }
    }
    return NULL;
}

/* Gives a thread its name and its clock. */
static void introduce(struct tg_threads *threads, struct tg_thread *thread, uint64_t native_id, const uint8_t *state) {
    pid_t pid = threads->process->pid;
    threads->has_new = true;
    thread->unnamed = NAME_TRIES;
    thread->ident = tg_word(state + threads->process->layout.thread.thread_id);
    tg_thread_clock_close(&thread->clock);
    thread->has_clock = false;
    thread->native_id = native_id;
    thread->shown.tid = tg_task_find(pid, (pid_t)native_id, threads->has_own_pids);
    thread->number =
        threads->has_own_pids && thread->shown.tid ? tg_task_number(pid, thread->shown.tid) : thread->shown.tid;
    thread->processor = -1;
    if (thread->shown.tid) {
        tg_task_name(pid, thread->shown.tid, thread->shown.name, sizeof thread->shown.name);
        thread->has_clock = tg_thread_clock_open(&thread->clock, pid, thread->shown.tid)
                            && tg_thread_clock_read(&thread->clock, &thread->clock_ns);
    }
}

/* The thread of a state that was read: the one `known` at that address, or new. NULL: there is no space. */
static struct tg_thread *take_thread(struct tg_threads *threads, uint64_t address, struct tg_thread *known,
                                     const uint8_t *state) {
    const struct tg_layout_thread *layout = &threads->process->layout.thread;
    uint64_t id = tg_word(state + layout->id);
    uint64_t native_id = tg_word(state + layout->native_thread_id);
    if (known && known->shown.id == id) {
        if (known->native_id != native_id) {
            introduce(threads, known, native_id, state);
        }
        return known;
    }
    struct tg_thread *thread = threads->count < TG_THREADS_LISTED_MAX ? calloc(1, sizeof *thread) : NULL;
    if (!thread) {
        threads->left_out++;
        return NULL;
    }
    thread->address = address;
    thread->shown.id = id;
    thread->clock.fd = -1;
    tg_stack_init(&thread->stack, address);
    introduce(threads, thread, native_id, state);
    threads->items[threads->count++] = thread;
    threads->seen_count++;
    return thread;
}

/* Reads the states of all threads known at once, as far as they are there. */
static void read_states(struct tg_threads *threads) {
    uint32_t size = threads->process->layout.thread.size;
    for (size_t i = 0; i < threads->count; i++) {
        threads->pieces[i] = tg_memory_piece(threads->items[i]->address, size);
    }
    size_t bytes = tg_memory_read_batch(&threads->process->memory, threads->pieces, threads->count, threads->states);
    for (size_t i = 0; i < threads->count; i++) {
        threads->items[i]->state = (i + 1) * size <= bytes ? threads->states + i * size : NULL;
    }
}

/* Lists one interpreter's threads. */
static bool list_threads(struct tg_threads *threads, const struct tg_interpreter_state *interpreter) {
    const struct tg_python_process *process = threads->process;
    const struct tg_layout_thread *layout = &process->layout.thread;
    uint64_t address = interpreter->first, previous = 0;
    for (size_t steps = 0; address && steps < TG_THREADS_LISTED_MAX; steps++) {
        uint8_t bytes[TG_LAYOUT_MAX_READ_BYTES];
        struct tg_thread *known = find_next(threads, address);
        const uint8_t *state = known && known->state ? known->state : bytes;
        if ((state == bytes && !tg_memory_read(&process->memory, address, bytes, layout->size))
            || tg_word(state + layout->interpreter) != interpreter->address
            || tg_word(state + layout->previous) != previous) {
            return false;
        }
        struct tg_thread *thread = take_thread(threads, address, known, state);
        previous = address;
        address = tg_word(state + layout->next);
        if (thread && !thread->is_listed) {
            threads->listed[threads->listed_count++] = thread;
            thread->is_listed = true;
            thread->next = address;
            thread->gil = interpreter->gil;
            thread->shown.interpreter = interpreter->id;
        }
    }
    threads->left_out += address != 0; /* and who knows how many more */
    return true;
}

/* What the bytes of a GIL say. */
static void read_gil(const struct tg_layout_gil *layout, const uint8_t *bytes, struct tg_gil *gil) {
    int32_t locked;
    memcpy(&locked, bytes + layout->locked, sizeof locked);
    gil->holder = tg_word(bytes + layout->holder);
    gil->switch_number = tg_word(bytes + layout->switch_number);
    gil->is_locked = locked == 1;
}

/* The number of a GIL, known or new. */
static bool take_gil(struct tg_threads *threads, uint64_t address, uint32_t *number) {
    const struct tg_layout_gil *layout = &threads->process->layout.gil;
    uint8_t bytes[TG_LAYOUT_MAX_READ_BYTES];
    for (*number = 0; *number < threads->gil_count; (*number)++) {
        if (threads->gils[*number].address == address) {
            return true;
        }
    }
    struct tg_gil gil = {.address = address};
    if (!tg_memory_read(&threads->process->memory, address, bytes, layout->size)) {
        return false;
    }
    read_gil(layout, bytes, &gil);
    threads->gils[threads->gil_count++] = gil;
    return true;
}

static bool take_interpreter(struct tg_threads *threads, uint64_t address) {
    const struct tg_python_process *process = threads->process;
    const struct tg_layout_interpreter *layout = &process->layout.interpreter;
    struct tg_interpreter_state *interpreter = &threads->interpreters[threads->interpreter_count];
    uint64_t gil = process->runtime + process->layout.runtime.gil, id;
    *interpreter = (struct tg_interpreter_state){.address = address};
    if (!tg_memory_read_word(&process->memory, address + layout->next, &interpreter->next)
        || !tg_memory_read_word(&process->memory, address + layout->threads_head, &interpreter->first)
        || !tg_memory_read_word(&process->memory, address + layout->id, &id)
        || (layout->gil != TG_LAYOUT_NONE && !tg_memory_read_word(&process->memory, address + layout->gil, &gil))) {
        return false;
    }
    interpreter->id = (int64_t)id;
    threads->interpreter_count++;
    return take_gil(threads, gil, &interpreter->gil) && list_threads(threads, interpreter);
}

static bool list_once(struct tg_threads *threads) {
    const struct tg_python_process *process = threads->process;
    uint64_t address;
    threads->interpreter_count = 0;
    threads->gil_count = 0;
    threads->left_out = 0;
    if (!tg_memory_read_word(&process->memory, process->runtime + process->layout.runtime.interpreters_head,
                             &address)) {
        return false;
    }
    while (address && threads->interpreter_count < TG_INTERPRETERS_MAX) {
        if (!take_interpreter(threads, address)) {
            return false;
        }
        address = threads->interpreters[threads->interpreter_count - 1].next;
    }
    threads->left_out += address != 0;
    return threads->interpreter_count > 0;
}

/* Forgets who is no longer there. */
static void sweep(struct tg_threads *threads) {
    for (size_t i = 0; i < threads->count; i++) {
        if (!threads->items[i]->is_listed) {
            free_thread(threads->items[i]);
        }
    }
    struct tg_thread **items = threads->items;
    threads->items = threads->listed;
    threads->listed = items;
    threads->count = threads->listed_count;
}

bool tg_threads_list(struct tg_threads *threads) {
    bool is_listed = false;
    for (int tries = 0; tries < LIST_TRIES && !is_listed; tries++) {
        for (size_t i = 0; i < threads->count; i++) {
            threads->items[i]->is_listed = false;
        }
        threads->listed_count = 0;
        threads->next = 0;
        read_states(threads);
        is_listed = list_once(threads);
    }
    if (is_listed) {
        sweep(threads);
    }
    return is_listed;
}

/* Whose names are asked for. */
struct naming {
    struct tg_threads *threads;
    uint64_t idents[NAMED_AT_ONCE];
    size_t count;
};

static bool is_asked_for(void *context, uint64_t ident) {
    const struct naming *naming = context;
    for (size_t i = 0; i < naming->count; i++) {
        if (naming->idents[i] == ident) {
            return true;
        }
    }
    return false;
}

static void take_name(void *context, uint64_t ident, const char *name) {
    const struct tg_threads *threads = ((struct naming *)context)->threads;
    for (size_t i = 0; i < threads->count; i++) {
        struct tg_sampled_thread *shown = &threads->items[i]->shown;
        if (threads->items[i]->ident == ident && shown->interpreter == 0) {
            size_t length = tg_utf8_cut(name, strlen(name), sizeof shown->name - 1);
            memcpy(shown->name, name, length);
            shown->name[length] = '\0';
            threads->items[i]->unnamed = 0;
        }
    }
}

void tg_threads_name(struct tg_threads *threads, bool all) {
    struct naming naming = {.threads = threads};
    for (size_t i = 0; i < threads->count && naming.count < NAMED_AT_ONCE && !all; i++) {
        if (threads->items[i]->unnamed > 0) {
            naming.idents[naming.count++] = threads->items[i]->ident;
        }
    }
    tg_thread_names_read(&threads->names, all ? NULL : is_asked_for, take_name, &naming);
    threads->has_new = false;
    for (size_t i = 0; i < threads->count; i++) {
        threads->items[i]->unnamed -= threads->items[i]->unnamed > 0;
        threads->has_new = threads->has_new || threads->items[i]->unnamed > 0;
    }
}

bool tg_threads_plan_gils(struct tg_threads *threads, struct tg_walker *walker) {
    bool fits = true;
    for (size_t i = 0; i < threads->gil_count && fits; i++) {
        struct tg_gil *gil = &threads->gils[i];
        gil->copy = tg_walker_add(walker, gil->address, threads->process->layout.gil.size);
        fits = gil->copy != UINT32_MAX;
    }
    return fits;
}

bool tg_threads_plan_gils_again(struct tg_threads *threads, struct tg_walker *walker) {
    bool fits = true;
    for (size_t i = 0; i < threads->gil_count && fits; i++) {
        struct tg_gil *gil = &threads->gils[i];
        gil->again = tg_walker_add(walker, gil->address, threads->process->layout.gil.size);
        fits = gil->again != UINT32_MAX;
    }
    return fits;
}

/* From the one word to the other: where the list goes on, and where its threads begin. */
static uint32_t heads_begin(const struct tg_layout_interpreter *layout) {
    return layout->next < layout->threads_head ? layout->next : layout->threads_head;
}

static uint32_t heads_size(const struct tg_layout_interpreter *layout) {
    uint32_t last = layout->next < layout->threads_head ? layout->threads_head : layout->next;
    return last - heads_begin(layout) + (uint32_t)sizeof(uint64_t);
}

bool tg_threads_plan_lists(struct tg_threads *threads, struct tg_walker *walker) {
    const struct tg_python_process *process = threads->process;
    const struct tg_layout_interpreter *layout = &process->layout.interpreter;
    uint64_t head = process->runtime + process->layout.runtime.interpreters_head;
    threads->head_copy = tg_walker_add(walker, head, sizeof(uint64_t));
    bool fits = threads->head_copy != UINT32_MAX;
    for (size_t i = 0; i < threads->interpreter_count && fits; i++) {
        struct tg_interpreter_state *interpreter = &threads->interpreters[i];
        interpreter->copy = tg_walker_add(walker, interpreter->address + heads_begin(layout), heads_size(layout));
        fits = interpreter->copy != UINT32_MAX;
    }
    return fits;
}

struct tg_gil tg_gil_read(const struct tg_threads *threads, const struct tg_walker *walker, const struct tg_gil *gil,
                          uint32_t copy) {
    struct tg_gil now = *gil;
    read_gil(&threads->process->layout.gil, walker->bytes + copy, &now);
    return now;
}

bool tg_threads_are_current(const struct tg_threads *threads, const struct tg_walker *walker) {
    const struct tg_layout_interpreter *layout = &threads->process->layout.interpreter;
    uint64_t head = tg_word(walker->bytes + threads->head_copy);
    for (size_t i = 0; i < threads->interpreter_count; i++) {
        const struct tg_interpreter_state *interpreter = &threads->interpreters[i];
        const uint8_t *copy = walker->bytes + interpreter->copy - heads_begin(layout);
        if (head != interpreter->address || tg_word(copy + layout->threads_head) != interpreter->first) {
            return false;
        }
        head = tg_word(copy + layout->next);
    }
    return head == 0;
}

bool tg_thread_is_same(const struct tg_threads *threads, const struct tg_walker *walker,
                       const struct tg_thread *thread) {
    const struct tg_layout_thread *layout = &threads->process->layout.thread;
    const uint8_t *state = walker->bytes + thread->stack.state.first;
    return tg_word(state + layout->id) == thread->shown.id
           && tg_word(state + layout->native_thread_id) == thread->native_id;
}

bool tg_thread_is_alone(const struct tg_threads *threads, const struct tg_thread *thread) {
    size_t count = 0;
    for (size_t i = 0; i < threads->count; i++) {
        count += threads->items[i]->native_id == thread->native_id;
    }
    return count <= 1;
}

bool tg_thread_is_current(const struct tg_threads *threads, const struct tg_walker *walker,
                          const struct tg_thread *thread) {
    const struct tg_layout_thread *layout = &threads->process->layout.thread;
    const uint8_t *state = walker->bytes + thread->stack.state.first;
    return tg_thread_is_same(threads, walker, thread) && tg_word(state + layout->next) == thread->next;
}
