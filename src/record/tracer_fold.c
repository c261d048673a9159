/*
 * tracer_fold: when a thread ends, its counts move to thread 0 and its entry becomes free. The order of the stores is
 * the one format.h promises to readers, so that a kill at any point neither loses nor doubles a count.
 *
 * Runs in the ending thread, as a destructor of thread-specific data: no Python, no GIL. fold_lock makes it the only
 * writer of thread 0.
 */
#include "record/tracer_state.h"

#include <stdlib.h>

static struct tg_buckets *buckets_at(const tg_place *place) {
    uint32_t at = TG_LOAD(*place);
    return at == TG_PLACE_NONE || at == TG_PLACE_REFUSED ? NULL : tg_recording_at(&tg_tracer.recording, at);
}

static uint32_t reserve(size_t bytes) {
    pthread_mutex_lock(&tg_tracer.lock);
    uint32_t place = tg_recording_reserve(&tg_tracer.recording, bytes);
    pthread_mutex_unlock(&tg_tracer.lock);
    return place;
}

static struct tg_buckets *need_buckets(tg_place *place) {
    if (!buckets_at(place)) {
        uint32_t reserved = reserve(sizeof(struct tg_buckets));
        TG_STORE(*place, reserved == TG_PLACE_NONE ? TG_PLACE_REFUSED : reserved);
    }
    return buckets_at(place);
}

static void read_histogram(struct tg_histogram *out, struct tg_counters *counters) {
    const struct tg_buckets *low = buckets_at(&counters->buckets);
    const struct tg_buckets *high = buckets_at(&counters->carry_buckets);
    struct tg_bucket_range range = tg_counters_range(counters);
    for (unsigned i = range.first; (low || high) && i < range.end; i++) {
        out->counts[i] += (low ? TG_LOAD(low->counts[i]) : 0) + (high ? (uint64_t)TG_LOAD(high->counts[i]) << 32 : 0);
    }
    if (TG_LOAD(counters->buckets) == TG_PLACE_NONE && TG_LOAD(counters->call_count) == 1) {
        out->counts[tg_histogram_index(TG_LOAD(counters->last_ns))]++;
    }
}

static void write_histogram(struct tg_counters *counters, const struct tg_histogram *sum) {
    struct tg_buckets *low = need_buckets(&counters->buckets);
    struct tg_bucket_range range = tg_counters_range(counters);
    for (unsigned i = range.first; low && i < range.end; i++) {
        TG_STORE(low->counts[i], (uint32_t)sum->counts[i]);
        if (sum->counts[i] >> 32) {
            struct tg_buckets *high = need_buckets(&counters->carry_buckets);
            TG_STORE(*(high ? &high->counts[i] : &low->counts[i]),
                     high ? (uint32_t)(sum->counts[i] >> 32) : UINT32_MAX);
        }
    }
}

static void widen(struct tg_counters *sum, uint64_t minimum_ns, uint64_t maximum_ns, int slot) {
    _Atomic uint64_t *minimum = slot < 0 ? &sum->lifetime_minimum_ns : &sum->minimum_ns[slot];
    _Atomic uint64_t *maximum = slot < 0 ? &sum->lifetime_maximum_ns : &sum->maximum_ns[slot];
    if (minimum_ns < TG_LOAD(*minimum)) {
        TG_STORE(*minimum, minimum_ns);
    }
    if (maximum_ns > TG_LOAD(*maximum)) {
        TG_STORE(*maximum, maximum_ns);
    }
}

/* A slot holds the extremes of the epoch that has its parity and is the block's own or the one before. */
static void add_extremes(struct tg_counters *sum, const struct tg_counters *part) {
    uint32_t now = TG_LOAD(sum->epoch);
    uint32_t own = TG_LOAD(part->epoch);
    for (uint32_t slot = 0; slot < 2; slot++) {
        uint32_t epoch = (own & 1) == slot ? own : own - 1;
        bool recent = now - epoch <= 1;
        widen(sum, TG_LOAD(part->minimum_ns[slot]), TG_LOAD(part->maximum_ns[slot]), recent ? (int)slot : -1);
    }
    widen(sum, TG_LOAD(part->lifetime_minimum_ns), TG_LOAD(part->lifetime_maximum_ns), -1);
}

static void add_counts(struct tg_counters *sum, const struct tg_counters *part) {
    TG_ADD(sum->call_count, TG_LOAD(part->call_count));
    TG_ADD(sum->total_ns, TG_LOAD(part->total_ns));
    TG_ADD(sum->cumulative_ns, TG_LOAD(part->cumulative_ns));
    TG_ADD(sum->self_ns, TG_LOAD(part->self_ns));
    TG_ADD(sum->active_ns, TG_LOAD(part->active_ns));
    TG_ADD(sum->error_count, TG_LOAD(part->error_count));
    TG_ADD(sum->running_count, TG_LOAD(part->running_count));
    if (TG_LOAD(part->call_count) && TG_LOAD(part->last_end_ticks) >= TG_LOAD(sum->last_end_ticks)) {
        TG_STORE(sum->last_end_ticks, TG_LOAD(part->last_end_ticks));
        TG_STORE(sum->last_ns, TG_LOAD(part->last_ns));
    }
    add_extremes(sum, part);
}

static void add_block(struct tg_counters *sum, struct tg_counters *before, struct tg_counters *part) {
    struct tg_histogram histogram = {{0}};
    if (before) {
        add_counts(sum, before);
        read_histogram(&histogram, before);
    }
    add_counts(sum, part);
    read_histogram(&histogram, part);
    if (TG_LOAD(sum->call_count) > 1 || buckets_at(&sum->buckets)) { /* a block that was used before has buckets */
        write_histogram(sum, &histogram);
    }
}

/* False: no space for the sum; the part stays where it is. */
static bool fold_function(struct tg_counters *part, uint32_t function, uint64_t occupancy) {
    pthread_mutex_lock(&tg_tracer.lock);
    tg_place *slot = tg_counters_slot(tg_tracer.ended, function);
    pthread_mutex_unlock(&tg_tracer.lock);
    if (tg_tracer.spare_counters == TG_PLACE_NONE) {
        tg_tracer.spare_counters = reserve(sizeof(struct tg_counters));
    }
    uint32_t sum_place = tg_tracer.spare_counters;
    if (!slot || sum_place == TG_PLACE_NONE) {
        return false;
    }
    struct tg_counters *sum = tg_recording_at(&tg_tracer.recording, sum_place);
    uint32_t before_place = TG_LOAD(*slot);
    struct tg_counters *before = before_place ? tg_recording_at(&tg_tracer.recording, before_place) : NULL;
    atomic_thread_fence(memory_order_release); /* who sees this old sum cleared sees that another has replaced it */
    tg_counters_clear(sum, function);
    add_block(sum, before, part);
    atomic_store_explicit(&sum->absorbed, occupancy, memory_order_release); /* for who still holds it as an old sum */
    atomic_store_explicit(slot, sum_place, memory_order_release);
    atomic_thread_fence(memory_order_release); /* the part is cleared after it is counted elsewhere */
    tg_counters_clear(part, function);
    tg_tracer.spare_counters = before_place;
    return true;
}

/* False: some counts had no space to move to, and stay with the entry. */
static bool fold(const struct tg_thread *thread) {
    bool whole = true;
    for (uint32_t function = 0; function < thread->counters_capacity; function++) {
        struct tg_counters *part = thread->counters[function];
        if (part && part != &thread->entry->overflow) {
            whole = fold_function(part, function, thread->occupancy) && whole;
        }
    }
    if (whole) {
        atomic_store_explicit(&thread->entry->occupancy, 0, memory_order_release);
    }
    TG_ADD(tg_tracer.recording.header->ended_thread_count, 1);
    return whole;
}

static bool unlink_thread(struct tg_thread *thread) {
    for (struct tg_thread **link = &tg_tracer.threads; *link; link = &(*link)->next) {
        if (*link == thread) {
            *link = thread->next;
            return true;
        }
    }
    return false;
}

void tg_thread_end(void *ending) {
    struct tg_thread *thread = ending;
    tg_this_thread = NULL;
    pthread_mutex_lock(&tg_tracer.fold_lock);
    pthread_mutex_lock(&tg_tracer.lock);
    bool known = unlink_thread(thread);
    pthread_mutex_unlock(&tg_tracer.lock);
    bool freed = known && fold(thread);
    pthread_mutex_lock(&tg_tracer.lock);
    tg_tracer.free_entries += freed;
    pthread_mutex_unlock(&tg_tracer.lock);
    pthread_mutex_unlock(&tg_tracer.fold_lock);
    if (known) { /* else it is of before a fork or a close */
        tg_thread_free(thread);
    }
}
