/* batch: see batch.h. */
#include "store/batch.h"

#include "base/varint.h"
#include "measure/histogram.h"

#include <stdlib.h>
#include <string.h>

/* The fewest bytes a function takes: three empty texts and ten small numbers. */
#define FUNCTION_BYTES_LEAST 13

/* The fewest bytes of an exception group, and of a sample. */
#define FAILURE_BYTES_LEAST 7
#define SAMPLE_BYTES_LEAST  9

/* The fewest bytes of an event. */
#define EVENT_BYTES_LEAST 3

#define VERSION_WITHOUT_SAMPLING 1
#define VERSION_WITHOUT_FAILURES 2
#define VERSION_WITHOUT_EVENTS   3

static uint64_t zigzag(int64_t value) {
    return ((uint64_t)value << 1U) ^ (uint64_t)(value < 0 ? -1 : 0);
}

static int64_t unzigzag(uint64_t value) {
    return (int64_t)(value >> 1U) ^ -(int64_t)(value & 1U);
}

static void put_signed(struct tg_strbuf *out, int64_t value) {
    tg_varint_append(out, zigzag(value));
}

static void put_bytes(struct tg_strbuf *out, struct tg_bytes bytes) {
    tg_varint_append(out, bytes.length);
    tg_strbuf_append_bytes(out, bytes.data, bytes.length);
}

static void put_process(struct tg_strbuf *out, const struct tg_batch_process *process) {
    tg_strbuf_append_bytes(out, process->uuid, sizeof process->uuid);
    tg_strbuf_append_bytes(out, process->run_uuid, sizeof process->run_uuid);
    tg_varint_append(out, process->pid);
    tg_varint_append(out, process->parent_pid);
    tg_varint_append(out, process->python_version);
    put_signed(out, process->started_wall_ns);
    put_bytes(out, process->service);
    put_bytes(out, process->service_version);
    put_bytes(out, process->host);
    put_bytes(out, process->program);
}

static void put_quality(struct tg_strbuf *out, const struct tg_batch_quality *quality) {
    tg_varint_append(out, quality->overflow_call_count);
    tg_varint_append(out, quality->unrecorded_call_count);
    tg_varint_append(out, quality->refused_function_count);
    tg_varint_append(out, quality->torn_count);
    tg_varint_append(out, quality->damaged_count);
    tg_varint_append(out, quality->collector_cpu_ns);
}

static void put_function(struct tg_strbuf *out, const struct tg_batch_function *function) {
    put_bytes(out, function->name);
    put_bytes(out, function->file);
    tg_varint_append(out, function->code_hash);
    tg_varint_append(out, function->line);
    tg_varint_append(out, function->call_count);
    tg_varint_append(out, function->error_count);
    tg_varint_append(out, function->total_ns);
    tg_varint_append(out, function->cumulative_ns);
    tg_varint_append(out, function->self_ns);
    tg_varint_append(out, function->active_ns);
    tg_varint_append(out, function->minimum_ns);
    tg_varint_append(out, function->maximum_ns);
    put_bytes(out, function->histogram);
}

static void put_sampling(struct tg_strbuf *out, const struct tg_batch_sampling *sampling) {
    tg_varint_append(out, sampling->rate_hz > 0);
    if (sampling->rate_hz > 0) {
        tg_varint_append(out, sampling->rate_hz);
        tg_varint_append(out, sampling->mode);
        tg_varint_append(out, sampling->look_count);
        tg_varint_append(out, sampling->missed_count);
        tg_varint_append(out, sampling->sample_count);
        tg_varint_append(out, sampling->torn_count);
        tg_varint_append(out, sampling->thread_count);
        put_bytes(out, sampling->tree);
    }
}

static void put_failures(struct tg_strbuf *out, const struct tg_batch_failures *failures) {
    tg_varint_append(out, failures->group_count);
    for (size_t i = 0; i < failures->group_count; i++) {
        const struct tg_batch_failure *failure = &failures->groups[i];
        tg_varint_append(out, failure->fingerprint);
        put_bytes(out, failure->name);
        put_bytes(out, failure->file);
        put_bytes(out, failure->type);
        tg_varint_append(out, failure->count);
        put_signed(out, failure->first_wall_ns);
        put_signed(out, failure->last_wall_ns);
    }
    tg_varint_append(out, failures->sample_count);
    for (size_t i = 0; i < failures->sample_count; i++) {
        const struct tg_batch_failure_sample *sample = &failures->samples[i];
        tg_varint_append(out, sample->failure);
        put_signed(out, sample->wall_ns);
        tg_varint_append(out, sample->native_id);
        put_bytes(out, sample->message);
        put_bytes(out, sample->traceback);
        put_bytes(out, sample->args);
        put_bytes(out, sample->kwargs);
        put_bytes(out, sample->rebound);
        put_bytes(out, sample->thread);
    }
    tg_varint_append(out, failures->serial);
    tg_varint_append(out, failures->lost_count);
}

static void put_events(struct tg_strbuf *out, const struct tg_batch_events *events) {
    tg_varint_append(out, events->count);
    for (size_t i = 0; i < events->count; i++) {
        tg_varint_append(out, events->items[i].kind);
        put_signed(out, events->items[i].wall_ns);
        put_bytes(out, events->items[i].text);
    }
    tg_varint_append(out, events->serial);
}

void tg_batch_encode(const struct tg_batch *batch, struct tg_strbuf *out) {
    tg_varint_append(out, TG_BATCH_VERSION);
    put_process(out, &batch->process);
    tg_varint_append(out, batch->seq);
    put_signed(out, batch->began_wall_ns);
    put_signed(out, batch->ended_wall_ns);
    put_signed(out, batch->interval_ns);
    tg_varint_append(out, batch->end);
    put_quality(out, &batch->quality);
    tg_varint_append(out, batch->function_count);
    for (size_t i = 0; i < batch->function_count; i++) {
        put_function(out, &batch->functions[i]);
    }
    put_sampling(out, &batch->sampling);
    put_failures(out, &batch->failures);
    put_events(out, &batch->events);
}

static int64_t get_signed(struct tg_cursor *cursor) {
    return unzigzag(tg_cursor_number(cursor));
}

static void get_process(struct tg_cursor *cursor, struct tg_batch_process *process) {
    tg_cursor_copy(cursor, process->uuid, sizeof process->uuid);
    tg_cursor_copy(cursor, process->run_uuid, sizeof process->run_uuid);
    process->pid = tg_cursor_number(cursor);
    process->parent_pid = tg_cursor_number(cursor);
    process->python_version = tg_cursor_small(cursor);
    process->started_wall_ns = get_signed(cursor);
    process->service = tg_cursor_bytes(cursor);
    process->service_version = tg_cursor_bytes(cursor);
    process->host = tg_cursor_bytes(cursor);
    process->program = tg_cursor_bytes(cursor);
}

static void get_quality(struct tg_cursor *cursor, struct tg_batch_quality *quality) {
    quality->overflow_call_count = tg_cursor_number(cursor);
    quality->unrecorded_call_count = tg_cursor_number(cursor);
    quality->refused_function_count = tg_cursor_number(cursor);
    quality->torn_count = tg_cursor_number(cursor);
    quality->damaged_count = tg_cursor_number(cursor);
    quality->collector_cpu_ns = tg_cursor_number(cursor);
}

static void get_function(struct tg_cursor *cursor, struct tg_batch_function *function) {
    function->name = tg_cursor_bytes(cursor);
    function->file = tg_cursor_bytes(cursor);
    function->code_hash = tg_cursor_number(cursor);
    function->line = tg_cursor_small(cursor);
    function->call_count = tg_cursor_number(cursor);
    function->error_count = tg_cursor_number(cursor);
    function->total_ns = tg_cursor_number(cursor);
    function->cumulative_ns = tg_cursor_number(cursor);
    function->self_ns = tg_cursor_number(cursor);
    function->active_ns = tg_cursor_number(cursor);
    function->minimum_ns = tg_cursor_number(cursor);
    function->maximum_ns = tg_cursor_number(cursor);
    function->histogram = tg_cursor_bytes(cursor);
}

static void get_sampling(struct tg_cursor *cursor, struct tg_batch_sampling *sampling) {
    uint64_t is_sampled = tg_cursor_number(cursor);
    if (is_sampled > 1) {
        tg_cursor_fail(cursor);
    }
    if (cursor->failed || !is_sampled) {
        return;
    }
    sampling->rate_hz = tg_cursor_small(cursor);
    sampling->mode = tg_cursor_small(cursor);
    sampling->look_count = tg_cursor_number(cursor);
    sampling->missed_count = tg_cursor_number(cursor);
    sampling->sample_count = tg_cursor_number(cursor);
    sampling->torn_count = tg_cursor_number(cursor);
    sampling->thread_count = tg_cursor_number(cursor);
    sampling->tree = tg_cursor_bytes(cursor);
    if (sampling->rate_hz == 0 || sampling->mode > TG_BATCH_SAMPLING_GIL) {
        tg_cursor_fail(cursor);
    }
}

static void get_failure(struct tg_cursor *cursor, struct tg_batch_failure *failure) {
    failure->fingerprint = tg_cursor_number(cursor);
    failure->name = tg_cursor_bytes(cursor);
    failure->file = tg_cursor_bytes(cursor);
    failure->type = tg_cursor_bytes(cursor);
    failure->count = tg_cursor_number(cursor);
    failure->first_wall_ns = get_signed(cursor);
    failure->last_wall_ns = get_signed(cursor);
}

static void get_sample(struct tg_cursor *cursor, struct tg_batch_failure_sample *sample) {
    sample->failure = tg_cursor_small(cursor);
    sample->wall_ns = get_signed(cursor);
    sample->native_id = tg_cursor_number(cursor);
    sample->message = tg_cursor_bytes(cursor);
    sample->traceback = tg_cursor_bytes(cursor);
    sample->args = tg_cursor_bytes(cursor);
    sample->kwargs = tg_cursor_bytes(cursor);
    sample->rebound = tg_cursor_bytes(cursor);
    sample->thread = tg_cursor_bytes(cursor);
}

static void get_head(struct tg_cursor *cursor, struct tg_batch *batch) {
    get_process(cursor, &batch->process);
    batch->seq = tg_cursor_number(cursor);
    batch->began_wall_ns = get_signed(cursor);
    batch->ended_wall_ns = get_signed(cursor);
    batch->interval_ns = get_signed(cursor);
    uint64_t end = tg_cursor_number(cursor);
    if (end > TG_BATCH_FOUND) {
        tg_cursor_fail(cursor);
    } else {
        batch->end = (enum tg_batch_end)end;
    }
    get_quality(cursor, &batch->quality);
}

static enum tg_status make_room(struct tg_batch_storage *storage, size_t count, struct tg_error *err) {
    if (count <= storage->capacity) {
        return TG_OK;
    }
    struct tg_batch_function *functions = realloc(storage->functions, count * sizeof *functions);
    if (!functions) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read a batch of %zu functions", count);
    }
    storage->functions = functions;
    storage->capacity = count;
    return TG_OK;
}

/* Room for `count` items of an array of the storage, whose items have so many bytes. */
static enum tg_status need_room(void **items, size_t *capacity, size_t count, size_t item_bytes, struct tg_error *err) {
    if (count <= *capacity) {
        return TG_OK;
    }
    void *grown = realloc(*items, count * item_bytes);
    if (!grown) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read a batch");
    }
    *items = grown;
    *capacity = count;
    return TG_OK;
}

static enum tg_status get_failures(struct tg_cursor *cursor, struct tg_batch_storage *storage,
                                   struct tg_batch_failures *failures, struct tg_error *err) {
    void *groups = storage->failures;
    void *samples = storage->samples;
    size_t count = tg_cursor_count(cursor, FAILURE_BYTES_LEAST);
    enum tg_status status = need_room(&groups, &storage->failure_capacity, count, sizeof *storage->failures, err);
    storage->failures = groups;
    for (size_t i = 0; status == TG_OK && i < count; i++) {
        get_failure(cursor, &storage->failures[i]);
    }
    failures->groups = storage->failures;
    failures->group_count = status == TG_OK ? count : 0;
    count = tg_cursor_count(cursor, SAMPLE_BYTES_LEAST);
    if (status == TG_OK) {
        status = need_room(&samples, &storage->sample_capacity, count, sizeof *storage->samples, err);
    }
    storage->samples = samples;
    for (size_t i = 0; status == TG_OK && i < count; i++) {
        get_sample(cursor, &storage->samples[i]);
    }
    failures->samples = storage->samples;
    failures->sample_count = status == TG_OK ? count : 0;
    failures->serial = tg_cursor_number(cursor);
    failures->lost_count = tg_cursor_number(cursor);
    return status;
}

static enum tg_status get_events(struct tg_cursor *cursor, struct tg_batch_storage *storage,
                                 struct tg_batch_events *events, struct tg_error *err) {
    void *items = storage->events;
    size_t count = tg_cursor_count(cursor, EVENT_BYTES_LEAST);
    enum tg_status status = need_room(&items, &storage->event_capacity, count, sizeof *storage->events, err);
    storage->events = items;
    for (size_t i = 0; status == TG_OK && i < count; i++) {
        uint32_t kind = tg_cursor_small(cursor);
        storage->events[i].kind = (enum tg_event_kind)kind;
        storage->events[i].wall_ns = get_signed(cursor);
        storage->events[i].text = tg_cursor_bytes(cursor);
    }
    events->items = storage->events;
    events->count = status == TG_OK ? count : 0;
    events->serial = tg_cursor_number(cursor);
    return status;
}

static enum tg_status damaged(struct tg_batch *batch, struct tg_error *err) {
    memset(batch, 0, sizeof *batch);
    return tg_error_set(err, TG_ERROR_FORMAT, "the batch is damaged: it cannot be stored");
}

static enum tg_status check_histograms(const struct tg_batch *batch, struct tg_error *err) {
    struct tg_histogram histogram;
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < batch->function_count && status == TG_OK; i++) {
        struct tg_bytes bytes = batch->functions[i].histogram;
        if (bytes.length > 0) {
            status = tg_histogram_decode(&histogram, (const uint8_t *)bytes.data, bytes.length, err);
        }
    }
    return status;
}

enum tg_status tg_batch_decode(struct tg_batch *batch, struct tg_batch_storage *storage, const void *bytes,
                               size_t length, struct tg_error *err) {
    struct tg_cursor cursor = {.bytes = bytes, .length = length};
    memset(batch, 0, sizeof *batch);
    uint64_t version = tg_cursor_number(&cursor);
    if (!cursor.failed && (version == 0 || version > TG_BATCH_VERSION)) {
        return tg_error_set(err, TG_ERROR_VERSION,
                            "the batch has version %llu, and this build reads versions up to %d: "
                            "store it with the tachograph that wrote it, or a newer one",
                            (unsigned long long)version, TG_BATCH_VERSION);
    }
    get_head(&cursor, batch);
    size_t count = tg_cursor_count(&cursor, FUNCTION_BYTES_LEAST);
    if (cursor.failed) {
        return damaged(batch, err);
    }
    enum tg_status status = make_room(storage, count, err);
    if (status != TG_OK) {
        memset(batch, 0, sizeof *batch);
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        get_function(&cursor, &storage->functions[i]);
    }
    batch->functions = storage->functions;
    batch->function_count = count;
    if (version > VERSION_WITHOUT_SAMPLING) {
        get_sampling(&cursor, &batch->sampling);
    }
    if (version > VERSION_WITHOUT_FAILURES) {
        status = get_failures(&cursor, storage, &batch->failures, err);
    }
    if (status == TG_OK && version > VERSION_WITHOUT_EVENTS) {
        status = get_events(&cursor, storage, &batch->events, err);
    }
    if (status == TG_OK && (cursor.failed || cursor.length > 0 || !tg_batch_is_valid(batch))) {
        return damaged(batch, err);
    }
    status = status == TG_OK ? check_histograms(batch, err) : status;
    if (status != TG_OK) {
        memset(batch, 0, sizeof *batch);
    }
    return status;
}

static bool are_failures_valid(const struct tg_batch_failures *failures) {
    for (size_t i = 0; i < failures->group_count; i++) {
        if (failures->groups[i].name.length == 0) {
            return false;
        }
    }
    for (size_t i = 0; i < failures->sample_count; i++) {
        if (failures->samples[i].failure >= failures->group_count) {
            return false;
        }
    }
    return true;
}

static bool are_events_valid(const struct tg_batch_events *events) {
    for (size_t i = 0; i < events->count; i++) {
        if (!tg_event_kind_is_known(events->items[i].kind)) {
            return false;
        }
    }
    return true;
}

bool tg_batch_is_valid(const struct tg_batch *batch) {
    if (batch->seq == 0 || batch->seq > INT64_MAX || batch->interval_ns <= 0
        || batch->interval_ns > TG_BATCH_INTERVAL_MAX_NS || batch->began_wall_ns < 0
        || batch->ended_wall_ns < batch->began_wall_ns || batch->ended_wall_ns > INT64_MAX - TG_BATCH_INTERVAL_MAX_NS
        || batch->process.started_wall_ns < 0 || batch->process.service.length == 0
        || batch->sampling.tree.length > TG_BATCH_TREE_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < batch->function_count; i++) {
        if (batch->functions[i].name.length == 0) {
            return false;
        }
    }
    return are_failures_valid(&batch->failures) && are_events_valid(&batch->events);
}

void tg_batch_storage_release(struct tg_batch_storage *storage) {
    if (!storage) {
        return;
    }
    free(storage->functions);
    free(storage->failures);
    free(storage->samples);
    free(storage->events);
    *storage = (struct tg_batch_storage){.functions = NULL};
}
