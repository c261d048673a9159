#include "cli/dump.h"

#include "sample/sampler.h"
#include "sample/task.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RATE_HZ    100
#define TRIES      20 /* looks, until all threads have been seen */
#define TRY_NS     INT64_C(10000000)
#define LOCALS_MAX 2000 /* of one thread; the innermost frames come first */

/* For so long the program stands still at most while its asyncio tasks are read: some hundred of them. */
#define STANDSTILL_NS INT64_C(50000000)

/* Room for one more item; NULL: there is no memory. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return items;
    }
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *grown = realloc(items, wanted * size);
    if (grown) {
        *capacity = wanted;
    }
    return grown;
}

/* --- Details: what is read while nobody runs --- */

static void release_details(struct tg_dump_details *details) {
    free(details->locals);
    free(details->coroutines);
    *details = (struct tg_dump_details){.id = details->id};
}

/* Those of a thread, emptied: what was found before is no longer of the moment. */
static struct tg_dump_details *pending_of(struct tg_dump *dump, uint64_t id) {
    for (size_t i = 0; i < dump->pending_count; i++) {
        if (dump->pending[i].id == id) {
            release_details(&dump->pending[i]);
            return &dump->pending[i];
        }
    }
    struct tg_dump_details *pending = realloc(dump->pending, (dump->pending_count + 1) * sizeof *pending);
    if (!pending) {
        dump->failed = true;
        return NULL;
    }
    dump->pending = pending;
    dump->pending[dump->pending_count] = (struct tg_dump_details){.id = id};
    return &dump->pending[dump->pending_count++];
}

struct finding {
    struct tg_dump *dump;
    struct tg_dump_details *details;
    uint32_t frame;
};

static void find_local(void *context, const char *name, const struct tg_python_value *value) {
    struct finding *finding = context;
    struct tg_dump_details *details = finding->details;
    if (details->local_count >= LOCALS_MAX) {
        return;
    }
    struct tg_dump_local *locals =
        grow(details->locals, details->local_count, &details->local_capacity, sizeof *locals);
    if (!locals) {
        finding->dump->failed = true;
        return;
    }
    details->locals = locals;
    struct tg_dump_local *local = &locals[details->local_count++];
    *local = (struct tg_dump_local){.frame = finding->frame, .value = *value};
    snprintf(local->name, sizeof local->name, "%s", name);
}

static uint32_t count_shown(const struct tg_stack *stack) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        count += !tg_raw_frame_is_hidden(&stack->frames[i]);
    }
    return count;
}

static void inspect_frames(struct tg_dump *dump, const struct tg_python_process *process, const struct tg_stack *stack,
                           struct tg_dump_details *details) {
    struct finding finding = {.dump = dump, .details = details, .frame = count_shown(stack)};
    details->coroutines = calloc(stack->frame_count + 1, sizeof details->coroutines[0]);
    for (uint32_t i = 0; i < stack->frame_count; i++) {
        const struct tg_raw_frame *raw = &stack->frames[i];
        if (tg_raw_frame_is_hidden(raw)) {
            continue;
        }
        finding.frame--;
        if (details->coroutines && raw->owner == process->layout.owner_generator) {
            details->coroutines[details->coroutine_count++] = raw->address - process->layout.generator.frame;
        }
        if (dump->with_locals) {
            tg_python_locals_read(process, raw->address, raw->code, find_local, &finding);
        }
    }
}

static void find_task(void *context, const struct tg_asyncio_task *task) {
    struct tg_dump *dump = context;
    struct tg_dump_task *tasks = grow(dump->tasks, dump->task_count, &dump->task_capacity, sizeof *tasks);
    if (!tasks) {
        dump->failed = true;
        return;
    }
    dump->tasks = tasks;
    tasks[dump->task_count++] = (struct tg_dump_task){.task = *task, .thread = SIZE_MAX};
}

/* Who has the lock, or had it last, and how often it has changed hands. */
static bool read_turn(const struct tg_sampler *sampler, const struct tg_gil *gil, uint64_t turn[2]) {
    const struct tg_memory *memory = &sampler->process.memory;
    const struct tg_layout_gil *layout = &sampler->process.layout.gil;
    return tg_memory_read_word(memory, gil->address + layout->holder, &turn[0])
           && tg_memory_read_word(memory, gil->address + layout->switch_number, &turn[1]);
}

/* All tasks, while `holder` is stopped: nobody else may take the lock meanwhile. */
static void inspect_tasks(struct tg_dump *dump, struct tg_sampler *sampler, const struct tg_thread *holder) {
    const struct tg_gil *gil = &sampler->threads.gils[holder->gil];
    uint64_t before[2], after[2];
    dump->task_count = 0;
    dump->has_all_tasks = true;
    dump->has_tasks = read_turn(sampler, gil, before) && before[0] == holder->address;
    bool is_by_thread = sampler->process.layout.task.node != TG_LAYOUT_NONE;
    tg_ns until_ns = tg_clock_monotonic_ns() + STANDSTILL_NS;
    for (size_t i = 0; dump->has_tasks && i < (is_by_thread ? sampler->threads.count : 1); i++) {
        uint64_t thread = sampler->threads.items[i]->address;
        dump->has_all_tasks =
            tg_asyncio_tasks_read(&sampler->cache, thread, until_ns, find_task, dump) && dump->has_all_tasks;
    }
    dump->has_tasks =
        dump->has_tasks && read_turn(sampler, gil, after) && before[0] == after[0] && before[1] == after[1];
    dump->task_count = dump->has_tasks ? dump->task_count : 0;
}

static void inspect(void *context, struct tg_sampler *sampler, const struct tg_thread *thread) {
    struct tg_dump *dump = context;
    struct tg_dump_details *details = pending_of(dump, thread->shown.id);
    if (details) {
        inspect_frames(dump, &sampler->process, &thread->stack, details);
    }
    if (thread->shown.interpreter == 0 && sampler->threads.gils[thread->gil].holder == thread->address) {
        inspect_tasks(dump, sampler, thread);
    }
}

/* --- Threads --- */

static struct tg_dump_thread *thread_of(struct tg_dump *dump, uint64_t id) {
    for (size_t i = 0; i < dump->count; i++) {
        if (dump->threads[i].thread.id == id) {
            return &dump->threads[i];
        }
    }
    struct tg_dump_thread *threads = grow(dump->threads, dump->count, &dump->capacity, sizeof *threads);
    if (!threads) {
        return NULL;
    }
    dump->threads = threads;
    dump->threads[dump->count] = (struct tg_dump_thread){.state = '\0'};
    return &dump->threads[dump->count++];
}

/* What the kernel says of all threads before any of them is stopped for us: one that was stopped by somebody else runs
 * for a moment when we let it go. */
static void read_states(struct tg_dump *dump) {
    char path[32];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)dump->pid);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid <= 0) {
            continue; /* . and .. */
        }
        struct tg_dump_state *states = grow(dump->states, dump->state_count, &dump->state_capacity, sizeof *states);
        if (states) {
            dump->states = states;
            states[dump->state_count++] = (struct tg_dump_state){tid, tg_task_state(dump->pid, tid)};
        }
    }
    if (directory) {
        closedir(directory);
    }
}

static char known_state_of(const struct tg_dump *dump, pid_t tid) {
    for (size_t i = 0; i < dump->state_count; i++) {
        if (dump->states[i].tid == tid) {
            return dump->states[i].state;
        }
    }
    return tg_task_state(dump->pid, tid); /* it is newer */
}

/* What was found for this sample; of a thread that rests, what was found for the one before. */
static void take_details(struct tg_dump *dump, struct tg_dump_thread *seen, uint64_t id, bool has_rested) {
    seen->is_inspected = seen->is_inspected && has_rested;
    for (size_t i = 0; i < dump->pending_count; i++) {
        if (dump->pending[i].id == id) {
            release_details(&seen->details);
            seen->details = dump->pending[i];
            dump->pending[i] = dump->pending[--dump->pending_count];
            seen->is_inspected = true;
            return;
        }
    }
    if (!seen->is_inspected) {
        release_details(&seen->details);
    }
}

static void see(void *context, const struct tg_sample *sample) {
    struct tg_dump *dump = context;
    size_t known_count = dump->count;
    struct tg_dump_thread *seen = thread_of(dump, sample->thread->id);
    if (seen && dump->only_adds && dump->count == known_count) {
        return;
    }
    struct tg_frame *frames = malloc((sample->depth + 1) * sizeof *frames);
    if (!seen || !frames) {
        free(frames);
        dump->failed = true;
        return;
    }
    memcpy(frames, sample->frames, sample->depth * sizeof *frames);
    free(seen->frames);
    seen->thread = *sample->thread;
    seen->state = known_state_of(dump, sample->thread->tid);
    seen->has_gil = sample->has_gil;
    seen->frames = frames;
    seen->depth = sample->depth;
    take_details(dump, seen, sample->thread->id, sample->has_rested);
}

static void forget(struct tg_dump *dump) {
    for (size_t i = 0; i < dump->count; i++) {
        free(dump->threads[i].frames);
        release_details(&dump->threads[i].details);
    }
    for (size_t i = 0; i < dump->pending_count; i++) {
        release_details(&dump->pending[i]);
    }
    dump->count = dump->pending_count = dump->task_count = 0;
    dump->was_listed = false;
}

void tg_dump_release(struct tg_dump *dump) {
    forget(dump);
    free(dump->threads);
    free(dump->tasks);
    free(dump->pending);
    free(dump->states);
    tg_symbols_release(&dump->symbols);
}

/* --- Looks --- */

static bool is_listed(const struct tg_sampler *sampler, uint64_t id) {
    for (size_t i = 0; i < sampler->threads.count; i++) {
        if (sampler->threads.items[i]->shown.id == id) {
            return true;
        }
    }
    return false;
}

/* What was seen of threads that have ended since is dropped; what is wanted of the others is counted. */
static void take_stock(struct tg_dump *dump, const struct tg_sampler *sampler) {
    size_t kept = 0;
    dump->uninspected = 0;
    for (size_t i = 0; i < dump->count; i++) {
        struct tg_dump_thread *seen = &dump->threads[i];
        if (is_listed(sampler, seen->thread.id)) {
            dump->uninspected += sampler->options.inspect && !seen->is_inspected;
            dump->threads[kept++] = *seen;
        } else {
            free(seen->frames);
            release_details(&seen->details);
        }
    }
    dump->count = kept;
    dump->thread_count = sampler->threads.count + sampler->threads.left_out;
    dump->unseen = dump->thread_count - kept;
}

/* Looks until everything is seen, or would not be the next time, either. */
static void look_often(struct tg_dump *dump, struct tg_sampler *sampler) {
    bool is_enough = false;
    for (int i = 0; i < TRIES && !is_enough; i++) {
        if (i > 0) {
            usleep((useconds_t)(TRY_NS / 1000));
        }
        if (tg_sampler_tick(sampler, tg_clock_monotonic_ns(), TRY_NS, 0)) {
            dump->was_listed = true;
            take_stock(dump, sampler);
            is_enough = dump->unseen == 0 && (dump->uninspected == 0 || sampler->refused_ns != 0);
        }
    }
}

/* A stack is shown without what is read while its thread is stopped, if it cannot be had with it. */
static void look_thoroughly(struct tg_dump *dump, struct tg_sampler *sampler) {
    look_often(dump, sampler);
    dump->is_unstoppable = sampler->refused_ns != 0;
    if (sampler->options.inspect && dump->unseen > 0) {
        tg_sample_inspection *inspection = sampler->options.inspect;
        sampler->options.inspect = NULL;
        dump->only_adds = true;
        look_often(dump, sampler);
        dump->only_adds = false;
        sampler->options.inspect = inspection;
        take_stock(dump, sampler);
    }
}

static enum tg_status look(struct tg_dump *dump, tg_sample_inspection *inspection, struct tg_error *err) {
    struct tg_sampler sampler;
    struct tg_instant none = {0}; /* one look is not worth a program in the kernel */
    tg_instant_refuse(&none);
    struct tg_sampler_options how = {.rate_hz = RATE_HZ,
                                     .tells_idle = true,
                                     .sink = see,
                                     .sink_context = dump,
                                     .inspect = inspection,
                                     .instant = &none};
    enum tg_status status = tg_sampler_open(&sampler, dump->pid, &how, &dump->symbols, err);
    if (status != TG_OK) {
        return status;
    }
    forget(dump);
    dump->version = sampler.process.version;
    look_thoroughly(dump, &sampler);
    tg_sampler_close(&sampler);
    if (dump->failed) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for its stacks");
    }
    if (!dump->was_listed) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "its threads could not be listed: it ends, or its Python has just "
                            "started; try again");
    }
    if (dump->count == 0) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "none of the stacks of its %zu thread%s could be read whole; try again, or see 'tachograph "
                            "doctor'",
                            dump->thread_count, dump->thread_count == 1 ? "" : "s");
    }
    return TG_OK;
}

/* Whether a loop of asyncio is on one of the stacks. */
static bool runs_asyncio(const struct tg_dump *dump) {
    for (size_t i = 0; i < dump->count; i++) {
        const struct tg_dump_thread *seen = &dump->threads[i];
        for (size_t k = 0; k < seen->depth; k++) {
            if (strstr(tg_symbols_get(&dump->symbols, seen->frames[k].symbol).file, "/asyncio/")) {
                return true;
            }
        }
    }
    return false;
}

static int by_age(const void *one, const void *other) {
    const struct tg_dump_thread *a = one;
    const struct tg_dump_thread *b = other;
    return (a->thread.id > b->thread.id) - (a->thread.id < b->thread.id);
}

static int by_name(const void *one, const void *other) {
    const struct tg_dump_task *a = one;
    const struct tg_dump_task *b = other;
    return strverscmp(a->task.name, b->task.name);
}

/* Which thread runs which task. */
static void join(struct tg_dump *dump) {
    for (size_t i = 0; i < dump->task_count; i++) {
        for (size_t k = 0; k < dump->count; k++) {
            const struct tg_dump_details *details = &dump->threads[k].details;
            for (size_t n = 0; n < details->coroutine_count; n++) {
                dump->tasks[i].thread =
                    details->coroutines[n] == dump->tasks[i].task.coroutine ? k : dump->tasks[i].thread;
            }
        }
    }
}

enum tg_status tg_dump_look(struct tg_dump *dump, struct tg_error *err) {
    read_states(dump);
    enum tg_status status = look(dump, dump->with_locals ? inspect : NULL, err);
    if (status == TG_OK && !dump->with_locals && runs_asyncio(dump)) {
        status = look(dump, inspect, err);
    }
    if (dump->count) {
        qsort(dump->threads, dump->count, sizeof *dump->threads, by_age);
    }
    if (dump->task_count) {
        qsort(dump->tasks, dump->task_count, sizeof *dump->tasks, by_name);
    }
    join(dump);
    return status;
}

void tg_dump_append_version(uint32_t version, struct tg_strbuf *out) {
    tg_strbuf_printf(out, "%u.%u.%u", version >> 24U, version >> 16U & 0xFFU, version >> 8U & 0xFFU);
}
