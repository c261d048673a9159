/* interval: see interval.h. */
#include "collect/interval.h"

#include "measure/histogram.h"
#include "record/snapshot.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CHANGES   64
#define UNNAMED_SERVICE "python"

/* What a visit of the recording needs. */
struct making {
    struct tg_interval *interval;
    struct tg_draft *draft;
    struct tg_error *err;
};

void tg_interval_init(struct tg_interval *interval) {
    *interval = (struct tg_interval){.taken = NULL};
}

void tg_interval_release(struct tg_interval *interval) {
    if (!interval) {
        return;
    }
    for (size_t i = 0; i < interval->taken_capacity; i++) {
        free(interval->taken[i].histogram);
    }
    free(interval->taken);
    tg_failure_interval_release(&interval->failures);
    tg_interval_init(interval);
}

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to collect: the interval goes on");
}

static uint64_t minus(uint64_t a, uint64_t b) {
    return a > b ? a - b : 0;
}

static uint64_t plus(uint64_t a, uint64_t b) {
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* The place of a function, or NULL: there is no memory for it. */
static struct tg_taken *need_taken(struct tg_interval *interval, uint32_t function) {
    if (function >= interval->taken_capacity) {
        size_t capacity = interval->taken_capacity * 2 > function ? interval->taken_capacity * 2 : function + 1;
        struct tg_taken *taken = realloc(interval->taken, capacity * sizeof *taken);
        if (!taken) {
            return NULL;
        }
        for (size_t i = interval->taken_capacity; i < capacity; i++) {
            taken[i] = (struct tg_taken){.minimum_ns = UINT64_MAX};
        }
        interval->taken = taken;
        interval->taken_capacity = capacity;
    }
    return &interval->taken[function];
}

static bool keep_histogram(struct tg_taken *taken, const struct tg_histogram *histogram) {
    struct tg_strbuf serial = TG_STRBUF_INIT;
    tg_histogram_encode(histogram, &serial);
    if (tg_strbuf_status(&serial) != TG_OK) {
        return false;
    }
    free(taken->histogram);
    taken->histogram = (uint8_t *)serial.data; /* the buffer's memory is ours now */
    taken->histogram_bytes = serial.length;
    return true;
}

/* What is not a serial form is an empty histogram. */
static void read_histogram(struct tg_histogram *histogram, const void *bytes, size_t length) {
    *histogram = (struct tg_histogram){{0}};
    if (length && tg_histogram_decode(histogram, bytes, length, NULL) != TG_OK) {
        *histogram = (struct tg_histogram){{0}};
    }
}

static enum tg_status add_function(struct tg_interval *interval, uint32_t function,
                                   const struct tg_batch_function *added) {
    struct tg_taken *taken = need_taken(interval, function);
    struct tg_histogram sum;
    struct tg_histogram part;
    if (!taken) {
        return TG_ERROR_MEMORY;
    }
    taken->call_count = plus(taken->call_count, added->call_count);
    taken->error_count = plus(taken->error_count, added->error_count);
    taken->total_ns = plus(taken->total_ns, added->total_ns);
    taken->cumulative_ns = plus(taken->cumulative_ns, added->cumulative_ns);
    taken->self_ns = plus(taken->self_ns, added->self_ns);
    taken->active_ns = plus(taken->active_ns, added->active_ns);
    taken->minimum_ns = added->minimum_ns < taken->minimum_ns ? added->minimum_ns : taken->minimum_ns;
    taken->maximum_ns = added->maximum_ns > taken->maximum_ns ? added->maximum_ns : taken->maximum_ns;
    read_histogram(&sum, taken->histogram, taken->histogram_bytes);
    read_histogram(&part, added->histogram.data, added->histogram.length);
    if (tg_histogram_merge(&sum, &part) == TG_ERROR_MEMORY || !keep_histogram(taken, &sum)) {
        return TG_ERROR_MEMORY;
    }
    return TG_OK;
}

static void add_quality(struct tg_batch_quality *sum, const struct tg_batch_quality *part) {
    sum->overflow_call_count = plus(sum->overflow_call_count, part->overflow_call_count);
    sum->unrecorded_call_count = plus(sum->unrecorded_call_count, part->unrecorded_call_count);
    sum->refused_function_count = plus(sum->refused_function_count, part->refused_function_count);
}

enum tg_status tg_interval_resume(struct tg_interval *interval, const struct tg_name_index *names,
                                  const struct tg_batch *batch, struct tg_error *err) {
    for (size_t i = 0; i < batch->function_count; i++) {
        uint32_t function;
        if (tg_name_index_find(names, batch->functions[i].name, &function)
            && add_function(interval, function, &batch->functions[i]) != TG_OK) {
            return no_memory(err);
        }
    }
    if (tg_failure_interval_resume(&interval->failures, &batch->failures) != TG_OK) {
        return no_memory(err);
    }
    if (batch->events.serial > interval->event_serial) {
        interval->event_serial = batch->events.serial;
    }
    add_quality(&interval->taken_quality, &batch->quality);
    interval->seq = batch->seq;
    interval->ended_wall_ns = batch->ended_wall_ns;
    interval->end = batch->end;
    return TG_OK;
}

static bool make_room(struct tg_draft *draft) {
    if (draft->count < draft->capacity) {
        return true;
    }
    size_t capacity = draft->capacity ? draft->capacity * 2 : FIRST_CHANGES;
    struct tg_batch_function *functions = realloc(draft->functions, capacity * sizeof *functions);
    draft->functions = functions ? functions : draft->functions;
    struct tg_draft_change *changes = realloc(draft->changes, capacity * sizeof *changes);
    draft->changes = changes ? changes : draft->changes;
    draft->capacity = functions && changes ? capacity : draft->capacity;
    return functions && changes;
}

/* Whether a duration lies in the bucket. */
static bool is_in_bucket(uint64_t ns, unsigned bucket) {
    return tg_histogram_index(ns) == bucket;
}

static uint64_t clamp(uint64_t value, uint64_t lowest, uint64_t highest) {
    return value < lowest ? lowest : value > highest ? highest : value;
}

/* The extremes of the new calls lie in the outermost buckets of the difference. Those of the recent epochs are exact
 * and usually lie there too; they may be of a call that the batch before counted, and are then in another bucket. */
static void find_extremes(struct tg_batch_function *function, const struct tg_measures *now,
                          const struct tg_histogram *difference) {
    unsigned low = 0;
    unsigned high = TG_HISTOGRAM_BUCKETS - 1;
    while (low < high && !difference->counts[low]) {
        low++;
    }
    while (high > low && !difference->counts[high]) {
        high--;
    }
    if (!difference->counts[high]) { /* the bucket of a call may be counted a moment after the call */
        function->minimum_ns = function->maximum_ns = now->last_ns;
        return;
    }
    function->minimum_ns = is_in_bucket(now->recent_minimum_ns, low)
                               ? now->recent_minimum_ns
                               : clamp(tg_histogram_midpoint(low), now->minimum_ns, now->maximum_ns);
    function->maximum_ns = is_in_bucket(now->recent_maximum_ns, high)
                               ? now->recent_maximum_ns
                               : clamp(tg_histogram_midpoint(high), function->minimum_ns, now->maximum_ns);
}

static void subtract(struct tg_batch_function *function, const struct tg_measures *now, const struct tg_taken *taken) {
    function->call_count = minus(now->call_count, taken->call_count);
    function->error_count = minus(now->error_count, taken->error_count);
    function->total_ns = minus(now->total_ns, taken->total_ns);
    function->cumulative_ns = minus(now->cumulative_ns, taken->cumulative_ns);
    function->self_ns = minus(now->self_ns, taken->self_ns);
    function->active_ns = minus(now->active_ns, taken->active_ns);
}

static enum tg_status add_change(struct tg_draft *draft, const struct tg_snapshot_row *row,
                                 const struct tg_taken *taken) {
    const struct tg_measures *now = &row->measures;
    static const struct tg_histogram empty;
    const struct tg_histogram *histogram = now->histogram ? now->histogram : &empty;
    if (!make_room(draft)) {
        return TG_ERROR_MEMORY;
    }
    struct tg_batch_function *function = &draft->functions[draft->count];
    struct tg_draft_change *change = &draft->changes[draft->count];
    *function = (struct tg_batch_function){
        .name = {.data = row->name, .length = row->name_bytes},
        .file = {.data = row->file, .length = row->file_bytes},
        .code_hash = row->code_hash,
        .line = row->line,
    };
    subtract(function, now, taken);
    struct tg_histogram difference = *histogram;
    struct tg_histogram before;
    read_histogram(&before, taken->histogram, taken->histogram_bytes);
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        difference.counts[i] = minus(difference.counts[i], before.counts[i]);
    }
    find_extremes(function, now, &difference);
    if (taken->call_count == 0) {
        function->minimum_ns = now->minimum_ns;
        function->maximum_ns = now->maximum_ns;
    }
    size_t start = draft->histograms.length;
    tg_histogram_encode(&difference, &draft->histograms);
    function->histogram.length = draft->histograms.length - start;

    *change = (struct tg_draft_change){
        .function = row->function,
        .taken = {.call_count = now->call_count,
                  .error_count = now->error_count,
                  .total_ns = now->total_ns,
                  .cumulative_ns = now->cumulative_ns,
                  .self_ns = now->self_ns,
                  .active_ns = now->active_ns,
                  .minimum_ns = now->minimum_ns,
                  .maximum_ns = now->maximum_ns},
    };
    if (!keep_histogram(&change->taken, histogram)) {
        return TG_ERROR_MEMORY;
    }
    draft->count++;
    return TG_OK;
}

static enum tg_status visit_change(void *context, struct tg_snapshot_row *row) {
    struct making *making = context;
    const struct tg_taken *taken = need_taken(making->interval, row->function); /* so that accepting cannot fail */
    uint64_t ticks = row->measures.last_end_ticks;
    making->draft->last_end_ticks = ticks > making->draft->last_end_ticks ? ticks : making->draft->last_end_ticks;
    if (taken && (row->measures.call_count <= taken->call_count || row->name_bytes == 0)) {
        return TG_OK;
    }
    return taken ? add_change(making->draft, row, taken) : TG_ERROR_MEMORY;
}

static enum tg_status visit_sum(void *context, struct tg_snapshot_row *row) {
    struct making *making = context;
    struct tg_draft *draft = making->draft;
    const struct tg_taken *taken = need_taken(making->interval, row->function);
    if (taken && (taken->call_count == 0 || row->name_bytes == 0)) {
        return TG_OK;
    }
    if (!taken || !make_room(draft)) {
        return TG_ERROR_MEMORY;
    }
    draft->changes[draft->count] = (struct tg_draft_change){.function = row->function};
    draft->functions[draft->count++] = (struct tg_batch_function){
        .name = {.data = row->name, .length = row->name_bytes},
        .call_count = taken->call_count,
        .error_count = taken->error_count,
        .total_ns = taken->total_ns,
        .cumulative_ns = taken->cumulative_ns,
        .self_ns = taken->self_ns,
        .active_ns = taken->active_ns,
        .minimum_ns = taken->minimum_ns,
        .maximum_ns = taken->maximum_ns,
        .histogram = {.length = taken->histogram_bytes},
    };
    tg_strbuf_append_bytes(&draft->histograms, taken->histogram, taken->histogram_bytes);
    return TG_OK;
}

static struct tg_bytes keep_text(char *to, size_t size, const char *from) {
    size_t length = strnlen(from, size - 1);
    memcpy(to, from, length);
    to[length] = '\0';
    return (struct tg_bytes){.data = to, .length = length};
}

static void describe(struct tg_draft *draft, const struct tg_header *header) {
    struct tg_batch_process *process = &draft->batch.process;
    memcpy(process->uuid, header->uuid, sizeof process->uuid);
    memcpy(process->run_uuid, header->run_uuid, sizeof process->run_uuid);
    process->pid = header->pid;
    process->parent_pid = header->parent_pid;
    process->python_version = header->python_version;
    process->started_wall_ns = header->started_wall_ns;
    process->service = keep_text(draft->service, sizeof draft->service, header->service);
    process->service_version =
        keep_text(draft->service_version, sizeof draft->service_version, header->service_version);
    process->host = keep_text(draft->host, sizeof draft->host, header->host);
    process->program = keep_text(draft->program, sizeof draft->program, header->program);
    if (process->service.length == 0) {
        process->service = keep_text(draft->service, sizeof draft->service, UNNAMED_SERVICE);
    }
}

/* The end of the last call, as far as the clock's ticks tell. */
static int64_t last_end_wall_ns(const struct tg_header *header, uint64_t ticks) {
    if (!header->clock_scale || ticks < header->started_ticks) {
        return 0;
    }
    const struct tg_clock clock = {.scale = header->clock_scale};
    uint64_t lived_ns = tg_clock_to_ns(&clock, ticks - header->started_ticks);
    return lived_ns < (uint64_t)(INT64_MAX - header->started_wall_ns) ? header->started_wall_ns + (int64_t)lived_ns : 0;
}

/* On the process's own time; 0 for what it cannot be. */
static int64_t wall_of(const struct tg_header *header, tg_ns monotonic_ns) {
    int64_t lived_ns;
    int64_t wall_ns;
    return __builtin_sub_overflow(monotonic_ns, header->started_monotonic_ns, &lived_ns)
                   || __builtin_add_overflow(header->started_wall_ns, lived_ns, &wall_ns)
               ? 0
               : wall_ns;
}

static tg_ns told_end_ns(const struct tg_header *header) {
    return atomic_load_explicit(&header->ended_monotonic_ns, memory_order_relaxed);
}

static int64_t later_of(int64_t one, int64_t other) {
    return one > other ? one : other;
}

static void place_in_time(struct tg_draft *draft, const struct tg_interval *interval, const struct tg_header *header,
                          tg_ns now_monotonic_ns) {
    struct tg_batch *batch = &draft->batch;
    batch->interval_ns = header->interval_ns;
    batch->began_wall_ns = interval->seq ? interval->ended_wall_ns : header->started_wall_ns;
    int64_t ended_wall_ns = now_monotonic_ns ? wall_of(header, now_monotonic_ns)
                                             : later_of(last_end_wall_ns(header, draft->last_end_ticks),
                                                        wall_of(header, told_end_ns(header)));
    batch->ended_wall_ns = later_of(ended_wall_ns, batch->began_wall_ns);
}

static void set_quality(struct tg_draft *draft, const struct tg_interval *interval,
                        const struct tg_snapshot *snapshot) {
    const struct tg_batch_quality *taken = &interval->taken_quality;
    struct tg_batch_quality *now = &draft->taken_quality;
    now->overflow_call_count = snapshot->overflow_call_count;
    now->unrecorded_call_count = snapshot->unrecorded_call_count;
    now->refused_function_count = snapshot->refused_function_count;
    draft->batch.quality = (struct tg_batch_quality){
        .overflow_call_count = minus(now->overflow_call_count, taken->overflow_call_count),
        .unrecorded_call_count = minus(now->unrecorded_call_count, taken->unrecorded_call_count),
        .refused_function_count = minus(now->refused_function_count, taken->refused_function_count),
        .torn_count = snapshot->torn_count,
        .damaged_count = snapshot->damaged_count,
    };
}

/* Histograms were appended one after the other to a buffer that moved. */
static enum tg_status complete(struct tg_draft *draft, struct tg_error *err) {
    size_t at = 0;
    if (tg_strbuf_status(&draft->histograms) != TG_OK) {
        return no_memory(err);
    }
    for (size_t i = 0; i < draft->count; i++) {
        draft->functions[i].histogram.data = tg_strbuf_text(&draft->histograms) + at;
        at += draft->functions[i].histogram.length;
    }
    draft->batch.functions = draft->functions;
    draft->batch.function_count = draft->count;
    if (!tg_batch_is_valid(&draft->batch)) {
        return tg_error_set(err, TG_ERROR_FORMAT, "the recording's header makes no sense: it cannot be collected");
    }
    return TG_OK;
}

static enum tg_status fill(struct making *making, const struct tg_view *view, tg_snapshot_visitor *visit,
                           struct tg_snapshot *snapshot) {
    *making->draft = (struct tg_draft){.histograms = TG_STRBUF_INIT};
    describe(making->draft, (const struct tg_header *)(const void *)view->base);
    return tg_snapshot_visit(snapshot, view, false, visit, making, making->err);
}

enum tg_status tg_interval_make(struct tg_interval *interval, const struct tg_view *view, tg_ns now_monotonic_ns,
                                struct tg_draft *draft, struct tg_error *err) {
    struct tg_snapshot snapshot;
    struct making making = {.interval = interval, .draft = draft, .err = err};
    enum tg_status status = fill(&making, view, visit_change, &snapshot);
    if (status == TG_OK) {
        draft->batch.seq = interval->seq + 1;
        place_in_time(draft, interval, (const struct tg_header *)(const void *)view->base, now_monotonic_ns);
        set_quality(draft, interval, &snapshot);
        tg_snapshot_release(&snapshot);
        status = tg_failure_interval_make(&interval->failures, view, &draft->failures, &draft->batch.failures);
        if (status == TG_OK) {
            status = tg_event_draft_make(&draft->events, view, interval->event_serial, &draft->batch.events);
        }
        status = status == TG_OK ? complete(draft, err) : no_memory(err);
    }
    if (status != TG_OK) {
        tg_draft_release(draft);
    }
    return status;
}

enum tg_status tg_interval_sum(struct tg_interval *interval, const struct tg_view *view, struct tg_draft *draft,
                               struct tg_error *err) {
    struct tg_snapshot snapshot;
    struct making making = {.interval = interval, .draft = draft, .err = err};
    enum tg_status status = fill(&making, view, visit_sum, &snapshot);
    if (status == TG_OK) {
        const struct tg_header *header = (const struct tg_header *)(const void *)view->base;
        tg_snapshot_release(&snapshot);
        draft->batch.seq = interval->seq;
        draft->batch.interval_ns = header->interval_ns;
        draft->batch.began_wall_ns = header->started_wall_ns;
        draft->batch.ended_wall_ns = interval->ended_wall_ns;
        draft->batch.end = interval->end;
        draft->batch.quality = interval->taken_quality;
        draft->batch.events.serial = interval->event_serial;
        status = tg_failure_interval_sum(&interval->failures, view, &draft->failures, &draft->batch.failures);
        status = status == TG_OK ? complete(draft, err) : no_memory(err);
    }
    if (status != TG_OK) {
        tg_draft_release(draft);
    }
    return status;
}

bool tg_draft_is_empty(const struct tg_draft *draft) {
    const struct tg_batch_quality *quality = &draft->batch.quality;
    return draft->count == 0 && quality->overflow_call_count == 0 && quality->unrecorded_call_count == 0
           && quality->refused_function_count == 0 && draft->batch.sampling.sample_count == 0
           && draft->batch.sampling.torn_count == 0 && draft->failures.group_count == 0
           && draft->batch.failures.lost_count == 0 && draft->batch.events.count == 0;
}

void tg_interval_accept(struct tg_interval *interval, struct tg_draft *draft) {
    for (size_t i = 0; i < draft->count; i++) {
        struct tg_draft_change *change = &draft->changes[i];
        struct tg_taken *taken = &interval->taken[change->function];
        free(taken->histogram);
        *taken = change->taken;
        change->taken.histogram = NULL;
    }
    tg_failure_interval_accept(&interval->failures, &draft->failures);
    interval->event_serial = draft->batch.events.serial;
    interval->taken_quality = draft->taken_quality;
    interval->seq = draft->batch.seq;
    interval->ended_wall_ns = draft->batch.ended_wall_ns;
    interval->end = draft->batch.end;
}

void tg_draft_release(struct tg_draft *draft) {
    if (!draft) {
        return;
    }
    for (size_t i = 0; i < draft->count; i++) {
        free(draft->changes[i].taken.histogram);
    }
    free(draft->functions);
    free(draft->changes);
    tg_strbuf_release(&draft->histograms);
    tg_failure_draft_release(&draft->failures);
    tg_event_draft_release(&draft->events);
    *draft = (struct tg_draft){.functions = NULL};
}
