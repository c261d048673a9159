/* snapshot: see snapshot.h. The order of the reads follows the promises of format.h: function by function, in all
 * threads, and a function again when a thread's counts moved meanwhile. */
#include "record/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A writer that lost the processor in the middle of a block comes back within milliseconds; a dead one never does. */
#define TRIES       14
#define SPINS       4                  /* tries before this reader sleeps in between, */
#define NAP_NS      INT64_C(10000)     /* twice as long each time, */
#define PATIENCE_NS INT64_C(100000000) /* and not longer for all of the recording */
#define VISITS      4                  /* at most, of each place in a sound file */
#define LOAD(FIELD) atomic_load_explicit(&(FIELD), memory_order_relaxed)

/* The blocks of one thread for the chunk of functions that is being read. */
struct column {
    const struct tg_thread_entry *thread;
    uint32_t index; /* of the thread */
    const tg_place *places;
};

struct taking {
    const struct tg_view *view;
    const struct tg_header *header;
    struct tg_snapshot *snapshot;
    bool by_thread;
    tg_snapshot_visitor *visit; /* NULL: the rows are kept */
    void *context;
    size_t steps_left;  /* a file has room for so many places, */
    size_t blocks_left; /* and so many blocks: more means that places lead in circles */
    int64_t patience_ns;
    const struct tg_thread_entry **threads; /* NULL: damaged */
    uint32_t thread_count;
    struct column *columns; /* those that have any */
    uint32_t column_count;
    uint32_t function_count;
};

static const void *follow(struct taking *taking, const tg_place *place, size_t bytes) {
    if (taking->steps_left == 0) {
        return NULL;
    }
    taking->steps_left--;
    uint32_t at = atomic_load_explicit(place, memory_order_acquire);
    if (at == TG_PLACE_NONE || at == TG_PLACE_REFUSED) {
        return NULL;
    }
    const void *found = tg_view_at(taking->view, at, bytes);
    if (!found) {
        uint64_t end = (uint64_t)at * TG_UNIT_BYTES + bytes;
        bool is_news = end > taking->view->promised_bytes && end <= LOAD(taking->header->reserved_bytes);
        *(is_news ? &taking->snapshot->torn_count : &taking->snapshot->damaged_count) += 1;
    }
    return found;
}

static const void *follow_in_chunk(struct taking *taking, const tg_place *chunk, uint32_t index, uint32_t chunk_length,
                                   size_t bytes) {
    const tg_place *places = follow(taking, chunk, chunk_length * sizeof(tg_place));
    return places ? follow(taking, &places[index], bytes) : NULL;
}

/* Whether to try again after `tries` in vain. */
static bool is_patient(struct taking *taking, int tries) {
    if (tries < SPINS) {
        return true;
    }
    int64_t nap_ns = NAP_NS << (tries - SPINS);
    if (tries >= TRIES || nap_ns > taking->patience_ns) {
        return false;
    }
    taking->patience_ns -= nap_ns;
    nanosleep(&(struct timespec){.tv_nsec = nap_ns}, NULL);
    return true;
}

static void widen(uint64_t *minimum_ns, uint64_t *maximum_ns, uint64_t low_ns, uint64_t high_ns) {
    *minimum_ns = low_ns < *minimum_ns ? low_ns : *minimum_ns;
    *maximum_ns = high_ns > *maximum_ns ? high_ns : *maximum_ns;
}

/* A slot holds the extremes of the epoch that has its parity and is the block's own or the one before. */
static void copy_extremes(struct tg_measures *out, const struct tg_counters *counters, uint32_t now) {
    uint32_t own = LOAD(counters->epoch);
    out->recent_minimum_ns = UINT64_MAX;
    out->recent_maximum_ns = 0;
    for (uint32_t slot = 0; slot < 2; slot++) {
        uint64_t minimum_ns = LOAD(counters->minimum_ns[slot]);
        uint64_t maximum_ns = LOAD(counters->maximum_ns[slot]);
        uint32_t epoch = (own & 1) == slot ? own : own - 1;
        widen(&out->minimum_ns, &out->maximum_ns, minimum_ns, maximum_ns);
        if (now - epoch <= 1) {
            widen(&out->recent_minimum_ns, &out->recent_maximum_ns, minimum_ns, maximum_ns);
        }
    }
}

/* `now`: the recording's epoch. */
static void copy_scalars(struct tg_measures *out, const struct tg_counters *counters, uint32_t now) {
    out->call_count = LOAD(counters->call_count);
    out->error_count = LOAD(counters->error_count);
    out->total_ns = LOAD(counters->total_ns);
    out->cumulative_ns = LOAD(counters->cumulative_ns);
    out->self_ns = LOAD(counters->self_ns);
    out->active_ns = LOAD(counters->active_ns);
    out->last_ns = LOAD(counters->last_ns);
    out->last_end_ticks = LOAD(counters->last_end_ticks);
    out->minimum_ns = LOAD(counters->lifetime_minimum_ns);
    out->maximum_ns = LOAD(counters->lifetime_maximum_ns);
    copy_extremes(out, counters, now);
}

static void read_scalars(struct taking *taking, struct tg_measures *out, const struct tg_counters *counters) {
    tg_measures_init(out);
    uint32_t now = LOAD(taking->header->epoch);
    bool whole = false;
    for (int tries = 0; !whole && is_patient(taking, tries); tries++) {
        uint32_t before = atomic_load_explicit(&counters->sequence, memory_order_acquire);
        copy_scalars(out, counters, now);
        atomic_thread_fence(memory_order_acquire);
        whole = !(before & 1) && before == LOAD(counters->sequence);
    }
    if (!whole) {
        copy_scalars(out, counters, now);
        taking->snapshot->torn_count++;
    }
    out->running_count = LOAD(counters->running_count);
}

static void add_buckets(struct tg_histogram *out, const struct tg_buckets *buckets, unsigned shift) {
    for (unsigned i = 0; buckets && i < TG_HISTOGRAM_BUCKETS; i++) {
        out->counts[i] += (uint64_t)LOAD(buckets->counts[i]) << shift;
    }
}

static enum tg_status read_histogram(struct taking *taking, struct tg_measures *out,
                                     const struct tg_counters *counters) {
    if (out->call_count == 0) {
        return TG_OK;
    }
    struct tg_histogram *histogram = out->histogram = malloc(sizeof *histogram);
    if (!histogram) {
        return TG_ERROR_MEMORY;
    }
    bool whole = false;
    for (int tries = 0; !whole && is_patient(taking, tries); tries++) {
        uint32_t before = atomic_load_explicit(&counters->carry_sequence, memory_order_acquire);
        *histogram = (struct tg_histogram){{0}};
        if (out->call_count == 1 && LOAD(counters->buckets) == TG_PLACE_NONE) {
            histogram->counts[tg_histogram_index(out->last_ns)] = 1;
            break;
        }
        add_buckets(histogram, follow(taking, &counters->buckets, sizeof(struct tg_buckets)), 0);
        add_buckets(histogram, follow(taking, &counters->carry_buckets, sizeof(struct tg_buckets)), 32);
        atomic_thread_fence(memory_order_acquire);
        whole = !(before & 1) && before == LOAD(counters->carry_sequence);
    }
    return TG_OK;
}

static struct tg_snapshot_row *new_row(struct tg_snapshot *snapshot) {
    if (snapshot->row_count == snapshot->row_capacity) {
        size_t capacity = snapshot->row_capacity ? snapshot->row_capacity * 2 : 64;
        struct tg_snapshot_row *rows = realloc(snapshot->rows, capacity * sizeof *rows);
        if (!rows) {
            return NULL;
        }
        snapshot->rows = rows;
        snapshot->row_capacity = capacity;
    }
    return &snapshot->rows[snapshot->row_count++];
}

static void drop_rows(struct tg_snapshot *snapshot, size_t from) {
    while (snapshot->row_count > from) {
        tg_measures_release(&snapshot->rows[--snapshot->row_count].measures);
    }
}

static void name_row(struct taking *taking, struct tg_snapshot_row *row) {
    static const char unknown[] = "(function without a name)";
    row->name = unknown;
    row->name_bytes = sizeof unknown - 1;
    row->file = "";
    const tg_place *chunk = &taking->header->function_chunks[row->function / TG_FUNCTION_CHUNK];
    const struct tg_function_entry *entry =
        follow_in_chunk(taking, chunk, row->function % TG_FUNCTION_CHUNK, TG_FUNCTION_CHUNK, sizeof *entry);
    if (!entry) {
        return;
    }
    size_t name_bytes = entry->name_bytes;
    size_t file_bytes = entry->file_bytes;
    size_t offset = (size_t)((const unsigned char *)(entry + 1) - taking->view->base);
    if (name_bytes > TG_NAME_MAX_BYTES || file_bytes > TG_NAME_MAX_BYTES
        || name_bytes + file_bytes > taking->view->bytes - offset) {
        taking->snapshot->damaged_count++;
        return;
    }
    row->name = (const char *)(entry + 1);
    row->name_bytes = name_bytes;
    row->file = row->name + name_bytes;
    row->file_bytes = file_bytes;
    row->line = entry->line;
    row->code_hash = entry->code_hash;
}

static enum tg_status add_row(struct taking *taking, uint32_t function, uint32_t thread,
                              const struct tg_measures *measures) {
    struct tg_snapshot_row *row = new_row(taking->snapshot);
    if (!row) {
        return TG_ERROR_MEMORY;
    }
    *row = (struct tg_snapshot_row){
        .function = function,
        .thread = taking->by_thread ? thread : TG_ALL_THREADS,
        .measures = *measures,
    };
    name_row(taking, row);
    return TG_OK;
}

/* Adds a block to the function's rows, which begin at `first_row`. */
static enum tg_status take_block(struct taking *taking, uint32_t function, uint32_t thread, size_t first_row,
                                 const struct tg_counters *counters) {
    struct tg_snapshot *snapshot = taking->snapshot;
    struct tg_measures measures;
    if (taking->blocks_left == 0) {
        return TG_OK;
    }
    taking->blocks_left--;
    read_scalars(taking, &measures, counters);
    if (measures.call_count == 0 && measures.running_count == 0) {
        return TG_OK;
    }
    enum tg_status status = read_histogram(taking, &measures, counters);
    if (status == TG_OK && (taking->by_thread || snapshot->row_count == first_row)) {
        status = add_row(taking, function, thread, &measures);
        if (status == TG_OK) {
            return TG_OK; /* the row owns the histogram now */
        }
    } else if (status == TG_OK) {
        status = tg_measures_add(&snapshot->rows[first_row].measures, &measures);
    }
    tg_measures_release(&measures);
    return status == TG_ERROR_FULL ? TG_OK : status; /* a bucket at its largest value is no reason to show nothing */
}

/* What thread 0 has taken in of a function: changes with every thread that ends. */
struct hand_over {
    const struct tg_counters *sum;
    uint64_t absorbed;
};

static struct hand_over last_hand_over(struct taking *taking, uint32_t function) {
    const struct tg_thread_entry *ended = taking->thread_count ? taking->threads[TG_ENDED_THREADS] : NULL;
    if (!ended) {
        return (struct hand_over){.sum = NULL};
    }
    const tg_place *chunk = &ended->counters_chunks[function / TG_COUNTERS_CHUNK];
    const struct tg_counters *sum =
        follow_in_chunk(taking, chunk, function % TG_COUNTERS_CHUNK, TG_COUNTERS_CHUNK, sizeof *sum);
    return (struct hand_over){.sum = sum,
                              .absorbed = sum ? atomic_load_explicit(&sum->absorbed, memory_order_acquire) : 0};
}

static enum tg_status take_blocks(struct taking *taking, uint32_t function, size_t first_row,
                                  struct hand_over handed_over) {
    enum tg_status status = TG_OK;
    if (handed_over.sum) {
        status = take_block(taking, function, TG_ENDED_THREADS, first_row, handed_over.sum);
    }
    for (uint32_t i = 0; status == TG_OK && i < taking->column_count; i++) {
        const struct column *column = &taking->columns[i];
        const struct tg_counters *counters =
            follow(taking, &column->places[function % TG_COUNTERS_CHUNK], sizeof *counters);
        if (!counters) {
            continue;
        }
        uint64_t occupancy = atomic_load_explicit(&column->thread->occupancy, memory_order_acquire);
        if (!handed_over.sum || occupancy != handed_over.absorbed) {
            status = take_block(taking, function, column->index, first_row, counters);
        }
    }
    return status;
}

static enum tg_status take_function(struct taking *taking, uint32_t function) {
    size_t first_row = taking->snapshot->row_count;
    for (int tries = 1;; tries++) {
        size_t blocks_left = taking->blocks_left;
        struct hand_over before = last_hand_over(taking, function);
        enum tg_status status = take_blocks(taking, function, first_row, before);
        atomic_thread_fence(memory_order_acquire);
        struct hand_over after = last_hand_over(taking, function);
        if (status != TG_OK || (before.sum == after.sum && before.absorbed == after.absorbed)) {
            return status;
        }
        if (!is_patient(taking, tries)) {
            taking->snapshot->torn_count++;
            return TG_OK;
        }
        drop_rows(taking->snapshot, first_row);
        taking->blocks_left = blocks_left;
    }
}

/* Looked up once for each chunk: what is made later is news, and what ended threads leave comes by last_hand_over(). */
static void find_columns(struct taking *taking, uint32_t function) {
    taking->column_count = 0;
    for (uint32_t i = TG_ENDED_THREADS + 1; i < taking->thread_count; i++) {
        const struct tg_thread_entry *thread = taking->threads[i];
        const tg_place *places = thread ? follow(taking, &thread->counters_chunks[function / TG_COUNTERS_CHUNK],
                                                 TG_COUNTERS_CHUNK * sizeof(tg_place))
                                        : NULL;
        if (places) {
            taking->columns[taking->column_count++] = (struct column){.thread = thread, .index = i, .places = places};
        }
    }
}

static void describe_thread(struct tg_snapshot_thread *out, const struct tg_thread_entry *entry) {
    out->native_id = LOAD(entry->native_id);
    for (size_t i = 0; i < sizeof out->name - 1; i++) {
        out->name[i] = LOAD(entry->name[i]);
    }
}

static enum tg_status find_threads(struct taking *taking) {
    struct tg_snapshot *snapshot = taking->snapshot;
    uint32_t count = atomic_load_explicit(&taking->header->thread_count, memory_order_acquire);
    count = count > TG_THREADS_MAX ? TG_THREADS_MAX : count;
    taking->threads = calloc(count + 1, sizeof(const struct tg_thread_entry *));
    taking->columns = calloc(count + 1, sizeof *taking->columns);
    snapshot->threads = taking->by_thread ? calloc(count + 1, sizeof *snapshot->threads) : NULL;
    if (!taking->threads || !taking->columns || (taking->by_thread && !snapshot->threads)) {
        return TG_ERROR_MEMORY;
    }
    taking->thread_count = count;
    snapshot->thread_count = taking->by_thread ? count : 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tg_thread_entry *thread =
            follow_in_chunk(taking, &taking->header->thread_chunks[i / TG_THREAD_CHUNK], i % TG_THREAD_CHUNK,
                            TG_THREAD_CHUNK, sizeof *thread);
        taking->threads[i] = thread;
        if (thread) {
            snapshot->overflow_call_count += LOAD(thread->overflow.call_count);
            if (taking->by_thread) {
                describe_thread(&snapshot->threads[i], thread);
            }
        }
    }
    return TG_OK;
}

static enum tg_status visit_rows(struct taking *taking) {
    struct tg_snapshot *snapshot = taking->snapshot;
    enum tg_status status = TG_OK;
    for (size_t i = 0; status == TG_OK && i < snapshot->row_count; i++) {
        status = taking->visit(taking->context, &snapshot->rows[i]);
    }
    drop_rows(snapshot, 0);
    return status;
}

static enum tg_status take(struct taking *taking) {
    enum tg_status status = find_threads(taking);
    for (uint32_t function = 0; status == TG_OK && function < taking->function_count; function++) {
        if (function % TG_COUNTERS_CHUNK == 0) {
            find_columns(taking, function);
        }
        status = take_function(taking, function);
        if (status == TG_OK && taking->visit) {
            status = visit_rows(taking);
        }
        if (taking->steps_left == 0 || taking->blocks_left == 0) {
            taking->snapshot->damaged_count++;
            break;
        }
    }
    return status;
}

/* Completes what the caller has chosen, and takes. */
static enum tg_status take_all(struct taking *taking, struct tg_error *err) {
    const struct tg_view *view = taking->view;
    const struct tg_header *header = (const struct tg_header *)(const void *)view->base;
    uint32_t function_count = atomic_load_explicit(&header->function_count, memory_order_acquire);
    *taking->snapshot = (struct tg_snapshot){
        .unrecorded_call_count = LOAD(header->unrecorded_count),
        .refused_function_count = LOAD(header->refused_functions),
        .lost_child_count = LOAD(header->lost_children),
    };
    taking->header = header;
    taking->blocks_left = view->bytes / sizeof(struct tg_counters) + 1;
    taking->patience_ns = PATIENCE_NS;
    taking->function_count = function_count > TG_FUNCTIONS_MAX ? TG_FUNCTIONS_MAX : function_count;
    taking->steps_left = (view->bytes / sizeof(tg_place) + taking->function_count) * VISITS;
    enum tg_status status = take(taking);
    free(taking->threads);
    free(taking->columns);
    if (status != TG_OK) {
        tg_snapshot_release(taking->snapshot);
    }
    return status == TG_ERROR_MEMORY ? tg_error_set(err, status, "not enough memory to read the recording") : status;
}

enum tg_status tg_snapshot_take(struct tg_snapshot *snapshot, const struct tg_view *view, bool by_thread,
                                struct tg_error *err) {
    struct taking taking = {.view = view, .snapshot = snapshot, .by_thread = by_thread};
    return take_all(&taking, err);
}

enum tg_status tg_snapshot_visit(struct tg_snapshot *snapshot, const struct tg_view *view, bool by_thread,
                                 tg_snapshot_visitor *visit, void *context, struct tg_error *err) {
    struct taking taking = {
        .view = view, .snapshot = snapshot, .by_thread = by_thread, .visit = visit, .context = context};
    return take_all(&taking, err);
}

void tg_snapshot_release(struct tg_snapshot *snapshot) {
    if (!snapshot) {
        return;
    }
    drop_rows(snapshot, 0);
    free(snapshot->rows);
    free(snapshot->threads);
    *snapshot = (struct tg_snapshot){.rows = NULL};
}
