/*
 * tracer_thread: what a thread does the first time: its entry in the recording, its block for a function, the block's
 * histogram. Called from the hot path when it finds nothing; takes the tracer's lock, calls nothing of Python.
 */
#include "record/tracer_state.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIRST_CAPACITY 256U

static tg_place *chunk_slot(tg_place *chunks, uint32_t index, uint32_t chunk_length) {
    tg_place *chunk = &chunks[index / chunk_length];
    if (TG_LOAD(*chunk) == TG_PLACE_NONE) {
        uint32_t place = tg_recording_reserve(&tg_tracer.recording, chunk_length * sizeof(tg_place));
        if (place == TG_PLACE_NONE) {
            return NULL;
        }
        atomic_store_explicit(chunk, place, memory_order_release);
    }
    tg_place *places = tg_recording_at(&tg_tracer.recording, TG_LOAD(*chunk));
    return &places[index % chunk_length];
}

tg_place *tg_counters_slot(struct tg_thread_entry *entry, uint32_t function) {
    return chunk_slot(entry->counters_chunks, function, TG_COUNTERS_CHUNK);
}

struct tg_bucket_range tg_counters_range(const struct tg_counters *counters) {
    uint64_t minimum_ns = TG_LOAD(counters->lifetime_minimum_ns);
    uint64_t maximum_ns = TG_LOAD(counters->lifetime_maximum_ns);
    for (int slot = 0; slot < 2; slot++) {
        uint64_t slot_minimum_ns = TG_LOAD(counters->minimum_ns[slot]);
        uint64_t slot_maximum_ns = TG_LOAD(counters->maximum_ns[slot]);
        minimum_ns = slot_minimum_ns < minimum_ns ? slot_minimum_ns : minimum_ns;
        maximum_ns = slot_maximum_ns > maximum_ns ? slot_maximum_ns : maximum_ns;
    }
    return (struct tg_bucket_range){tg_histogram_index(minimum_ns), tg_histogram_index(maximum_ns) + 1};
}

static void clear_buckets(uint32_t place, struct tg_bucket_range range) {
    if (place == TG_PLACE_NONE || place == TG_PLACE_REFUSED) {
        return;
    }
    struct tg_buckets *buckets = tg_recording_at(&tg_tracer.recording, place);
    for (unsigned i = range.first; i < range.end; i++) {
        TG_STORE(buckets->counts[i], 0);
    }
}

void tg_counters_clear(struct tg_counters *counters, uint32_t function) {
    struct tg_bucket_range range = tg_counters_range(counters);
    clear_buckets(TG_LOAD(counters->buckets), range);
    clear_buckets(TG_LOAD(counters->carry_buckets), range);
    TG_STORE(counters->function, function);
    TG_STORE(counters->call_count, 0);
    TG_STORE(counters->total_ns, 0);
    TG_STORE(counters->cumulative_ns, 0);
    TG_STORE(counters->self_ns, 0);
    TG_STORE(counters->active_ns, 0);
    TG_STORE(counters->last_ns, 0);
    TG_STORE(counters->last_end_ticks, 0);
    TG_STORE(counters->error_count, 0);
    for (int slot = 0; slot < 2; slot++) {
        TG_STORE(counters->minimum_ns[slot], UINT64_MAX);
        TG_STORE(counters->maximum_ns[slot], 0);
    }
    TG_STORE(counters->epoch, TG_LOAD(tg_tracer.recording.header->epoch));
    TG_STORE(counters->running_count, 0);
    TG_STORE(counters->depth, 0);
    TG_STORE(counters->lifetime_minimum_ns, UINT64_MAX);
    TG_STORE(counters->lifetime_maximum_ns, 0);
    TG_STORE(counters->absorbed, 0);
}

/* What overflows is a number without a name: no histogram is spent on it. */
static void prepare_overflow(struct tg_counters *overflow) {
    tg_counters_clear(overflow, TG_FUNCTION_OVERFLOW);
    TG_STORE(overflow->buckets, TG_PLACE_REFUSED);
}

static struct tg_thread_entry *free_entry(void) {
    struct tg_header *header = tg_tracer.recording.header;
    uint32_t count = TG_LOAD(header->thread_count);
    for (uint32_t i = 1; tg_tracer.free_entries && i < count; i++) {
        struct tg_thread_entry *entry =
            tg_recording_at(&tg_tracer.recording, TG_LOAD(*chunk_slot(header->thread_chunks, i, TG_THREAD_CHUNK)));
        if (atomic_load_explicit(&entry->occupancy, memory_order_acquire) == 0) { /* its counts are cleared, too */
            tg_tracer.free_entries--;
            return entry;
        }
    }
    return NULL;
}

static struct tg_thread_entry *new_entry(void) {
    struct tg_header *header = tg_tracer.recording.header;
    uint32_t index = TG_LOAD(header->thread_count);
    tg_place *slot = index < TG_THREADS_MAX ? chunk_slot(header->thread_chunks, index, TG_THREAD_CHUNK) : NULL;
    uint32_t place = slot ? tg_recording_reserve(&tg_tracer.recording, sizeof(struct tg_thread_entry)) : TG_PLACE_NONE;
    if (place == TG_PLACE_NONE) {
        return NULL;
    }
    struct tg_thread_entry *entry = tg_recording_at(&tg_tracer.recording, place);
    prepare_overflow(&entry->overflow);
    atomic_store_explicit(slot, place, memory_order_release);
    atomic_store_explicit(&header->thread_count, index + 1, memory_order_release);
    return entry;
}

static void set_name(struct tg_thread_entry *entry, const char *name) {
    bool ended = false;
    for (size_t i = 0; i < sizeof entry->name; i++) {
        ended = ended || !name[i];
        TG_STORE(entry->name[i], ended ? '\0' : name[i]);
    }
}

static void occupy(struct tg_thread_entry *entry, uint64_t occupancy) {
    char name[sizeof entry->name] = "";
    prctl(PR_GET_NAME, name);
    set_name(entry, name);
    TG_STORE(entry->native_id, (uint64_t)syscall(SYS_gettid));
    TG_STORE(entry->started_monotonic_ns, (uint64_t)tg_clock_monotonic_ns());
    TG_STORE(entry->overflow.depth, 0); /* of the thread before */
    atomic_store_explicit(&entry->occupancy, occupancy, memory_order_release);
}

/* Thread 0, which takes the counts of those that end, is made with the first one. The lock is held. */
static struct tg_thread_entry *find_entry(void) {
    if (!tg_tracer.ended) {
        tg_tracer.ended = new_entry();
        if (!tg_tracer.ended) {
            return NULL;
        }
        set_name(tg_tracer.ended, "(ended threads)");
    }
    struct tg_thread_entry *entry = free_entry();
    return entry ? entry : new_entry();
}

/* A thread that was refused an entry does not ask again for some calls, unless there is another recording by then. */
struct refusal {
    uint64_t generation;
    uint32_t calls_left;
};
static TG_THREAD_LOCAL struct refusal refusal;

static struct tg_thread *attach(void) {
    if (refusal.calls_left && refusal.generation == tg_tracer.generation) {
        refusal.calls_left--;
        return NULL;
    }
    struct tg_thread *thread = calloc(1, sizeof *thread);
    if (!thread) {
        return NULL;
    }
    pthread_mutex_lock(&tg_tracer.lock);
    bool reopens = tg_tracer.inherited;
    thread->entry = tg_tracer_reopen() ? find_entry() : NULL;
    void (*reopened)(void) = reopens && tg_tracer.open ? tg_tracer.reopened : NULL;
    if (thread->entry) {
        thread->occupancy = tg_tracer.generation << 32 | ++tg_tracer.occupancy_serial;
        thread->stack = &thread->first_stack;
        thread->stack_key = TG_STACK_KEY_UNKNOWN;
        occupy(thread->entry, thread->occupancy);
        thread->next = tg_tracer.threads;
        tg_tracer.threads = thread;
    }
    pthread_mutex_unlock(&tg_tracer.lock);
    if (reopened) {
        reopened();
    }
    if (!thread->entry) {
        free(thread);
        refusal = (struct refusal){.generation = tg_tracer.generation, .calls_left = TG_RETRY_CALLS};
        return NULL;
    }
    tg_this_thread = thread;
    pthread_setspecific(tg_tracer.thread_key, thread);
    return thread;
}

static void free_stacks(struct tg_thread *thread, struct tg_stack *stack) {
    while (stack) {
        struct tg_stack *next = stack->next;
        if (stack != &thread->first_stack) {
            free(stack);
        }
        stack = next;
    }
}

void tg_thread_free(struct tg_thread *thread) {
    thread->stack->next = NULL;
    free_stacks(thread, thread->stack);
    for (int i = 0; i < TG_RESTING_LISTS; i++) {
        free_stacks(thread, thread->resting[i]);
    }
    free(thread->counters);
    free(thread);
}

void tg_thread_count_unrecorded(void) {
    if (tg_tracer.open) {
        atomic_fetch_add_explicit(&tg_tracer.recording.header->unrecorded_count, 1, memory_order_relaxed);
    }
}

/* By calloc, since large tables are mostly empty: untouched pages cost nothing. */
static bool make_room(struct tg_thread *thread, uint32_t function) {
    if (function < thread->counters_capacity) {
        return true;
    }
    uint32_t capacity = thread->counters_capacity ? thread->counters_capacity : FIRST_CAPACITY;
    while (capacity <= function) {
        capacity *= 2;
    }
    struct tg_counters **counters = calloc(capacity, sizeof(struct tg_counters *));
    if (!counters) {
        return false;
    }
    if (thread->counters) {
        memcpy(counters, thread->counters, thread->counters_capacity * sizeof(struct tg_counters *));
        free(thread->counters);
    }
    thread->counters = counters;
    thread->counters_capacity = capacity;
    return true;
}

/* The block of a function in the thread's entry, made now if there is none; where there is no space, the block that
 * takes what overflows. */
static struct tg_counters *find_counters(struct tg_thread_entry *entry, uint32_t function) {
    tg_place *slot = function == TG_FUNCTION_OVERFLOW ? NULL : tg_counters_slot(entry, function);
    if (!slot) {
        return &entry->overflow;
    }
    uint32_t place = TG_LOAD(*slot);
    if (place == TG_PLACE_NONE) {
        place = tg_recording_reserve(&tg_tracer.recording, sizeof(struct tg_counters));
        if (place == TG_PLACE_NONE) {
            return &entry->overflow;
        }
        tg_counters_clear(tg_recording_at(&tg_tracer.recording, place), function);
        atomic_store_explicit(slot, place, memory_order_release);
    }
    return tg_recording_at(&tg_tracer.recording, place);
}

struct tg_thread *tg_thread_prepare(uint32_t function) {
    struct tg_thread *thread = tg_this_thread ? tg_this_thread : attach();
    if (!thread || function >= TG_FUNCTIONS_MAX || !make_room(thread, function)) {
        return NULL;
    }
    if (!thread->counters[function]) {
        pthread_mutex_lock(&tg_tracer.lock);
        thread->counters[function] = find_counters(thread->entry, function);
        tg_function_registry_publish(&tg_tracer.registry, &tg_tracer.recording); /* names refused before */
        pthread_mutex_unlock(&tg_tracer.lock);
    }
    return thread;
}

static uint32_t reserve_buckets(void) {
    pthread_mutex_lock(&tg_tracer.lock);
    uint32_t place = tg_recording_reserve(&tg_tracer.recording, sizeof(struct tg_buckets));
    pthread_mutex_unlock(&tg_tracer.lock);
    return place == TG_PLACE_NONE ? TG_PLACE_REFUSED : place;
}

bool tg_thread_add_buckets(struct tg_counters *counters, uint32_t function) {
    struct tg_thread *thread = tg_this_thread;
    if (counters == &thread->entry->overflow) {
        thread->counters[function] = NULL; /* the next call looks whether there is space for a block by now */
        return false;
    }
    uint32_t place = reserve_buckets();
    if (place != TG_PLACE_REFUSED && TG_LOAD(counters->call_count) == 1) {
        struct tg_buckets *buckets = tg_recording_at(&tg_tracer.recording, place);
        TG_STORE(buckets->counts[tg_histogram_index(TG_LOAD(counters->last_ns))], 1);
    }
    atomic_store_explicit(&counters->buckets, place, memory_order_release);
    return place != TG_PLACE_REFUSED;
}

void tg_thread_carry(struct tg_counters *counters, unsigned bucket) {
    if (TG_LOAD(counters->carry_buckets) == TG_PLACE_NONE) {
        atomic_store_explicit(&counters->carry_buckets, reserve_buckets(), memory_order_release);
    }
    if (TG_LOAD(counters->carry_buckets) == TG_PLACE_REFUSED) {
        return; /* it stays at its largest value; the refusal is counted */
    }
    struct tg_buckets *low = tg_recording_at(&tg_tracer.recording, TG_LOAD(counters->buckets));
    struct tg_buckets *high = tg_recording_at(&tg_tracer.recording, TG_LOAD(counters->carry_buckets));
    uint32_t sequence = TG_LOAD(counters->carry_sequence);
    TG_STORE(counters->carry_sequence, sequence + 1);
    atomic_thread_fence(memory_order_release);
    TG_STORE(low->counts[bucket], 0);
    TG_ADD(high->counts[bucket], 1);
    atomic_store_explicit(&counters->carry_sequence, sequence + 2, memory_order_release);
}
