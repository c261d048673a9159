/* live_process: see live_process.h. */
#include "profile/live_process.h"

#include <stdlib.h>
#include <string.h>

/* One reading of one recording. */
struct reading {
    struct tg_live_process *process;
    struct tg_live_names *names;
    struct tg_snapshot *snapshot;
    bool anew;
    struct tg_live_parts before; /* of the last reading; histograms move from here */
    size_t before_at;            /* the first part of the function that comes next */
    struct tg_live_parts now;
    struct tg_snapshot_row *rows; /* of the function that is being visited; their histograms are owned */
    size_t row_count;
    size_t row_capacity;
    struct tg_strbuf serial; /* for encoding */
};

static void release_parts(struct tg_live_parts *parts) {
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->items[i].ever_histogram.bytes);
        free(parts->items[i].since_histogram.bytes);
    }
    free(parts->items);
    *parts = (struct tg_live_parts){.items = NULL};
}

enum tg_status tg_live_process_new(struct tg_live_process **process, const struct tg_catalog_entry *entry,
                                   struct tg_error *err) {
    struct tg_live_process *made = calloc(1, sizeof *made);
    char *path = made ? strdup(entry->path) : NULL;
    if (!path) {
        free(made);
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for another process");
    }
    made->path = path;
    made->pid = entry->pid;
    made->started_wall_ns = entry->started_wall_ns;
    memcpy(made->run_uuid, entry->run_uuid, sizeof made->run_uuid);
    made->alive = entry->alive;
    made->is_new = true;
    *process = made;
    return TG_OK;
}

void tg_live_process_free(struct tg_live_process *process) {
    if (process) {
        release_parts(&process->parts);
        free(process->threads);
        free(process->name_numbers);
        free(process->path);
        free(process);
    }
}

static struct tg_live_part *new_part(struct tg_live_parts *parts) {
    if (parts->count == parts->capacity) {
        size_t capacity = parts->capacity ? parts->capacity * 2 : 64;
        struct tg_live_part *items = realloc(parts->items, capacity * sizeof *items);
        if (!items) {
            return NULL;
        }
        parts->items = items;
        parts->capacity = capacity;
    }
    return &parts->items[parts->count++];
}

static bool keep_number(struct tg_live_process *process, uint32_t function, uint32_t number) {
    if (function >= process->name_capacity) {
        size_t capacity = process->name_capacity ? process->name_capacity : 64;
        while (capacity <= function) {
            capacity *= 2;
        }
        uint32_t *numbers = realloc(process->name_numbers, capacity * sizeof *numbers);
        if (!numbers) {
            return false;
        }
        memset(numbers + process->name_capacity, 0xFF, (capacity - process->name_capacity) * sizeof *numbers);
        process->name_numbers = numbers;
        process->name_capacity = capacity;
    }
    process->name_numbers[function] = number;
    return true;
}

static enum tg_status name_part(struct reading *reading, const struct tg_snapshot_row *row, uint32_t *number) {
    struct tg_live_process *process = reading->process;
    *number = row->function < process->name_capacity ? process->name_numbers[row->function] : TG_LIVE_NO_NAME;
    if (*number != TG_LIVE_NO_NAME) {
        return TG_OK;
    }
    enum tg_status status = tg_live_names_intern(reading->names, row, number);
    bool is_certain = row->file_bytes > 0; /* else its name may not have been there yet */
    return status == TG_OK && is_certain && !keep_number(process, row->function, *number) ? TG_ERROR_MEMORY : status;
}

static enum tg_status encode(struct reading *reading, const struct tg_histogram *histogram,
                             struct tg_live_histogram *out) {
    *out = (struct tg_live_histogram){.bytes = NULL};
    if (!histogram) {
        return TG_OK;
    }
    tg_strbuf_truncate(&reading->serial, 0);
    tg_histogram_encode(histogram, &reading->serial);
    if (tg_strbuf_status(&reading->serial) != TG_OK || !(out->bytes = malloc(reading->serial.length))) {
        return TG_ERROR_MEMORY;
    }
    memcpy(out->bytes, tg_strbuf_text(&reading->serial), reading->serial.length);
    out->length = reading->serial.length;
    return TG_OK;
}

/* Adds what a part had before to what is to be subtracted. */
static enum tg_status add_before(struct tg_measures *earlier, const struct tg_live_part *part) {
    struct tg_measures before = part->ever;
    const struct tg_live_histogram *serial = &part->ever_histogram;
    enum tg_status status = TG_OK;
    if (serial->bytes) {
        before.histogram = malloc(sizeof *before.histogram);
        status = before.histogram ? tg_histogram_decode(before.histogram, serial->bytes, serial->length, NULL)
                                  : TG_ERROR_MEMORY;
    }
    if (status == TG_OK && earlier->call_count == 0) { /* the usual case: there is one */
        *earlier = before;
        return TG_OK;
    }
    status = status == TG_OK ? tg_measures_add(earlier, &before) : status;
    tg_measures_release(&before);
    return status == TG_ERROR_FULL ? TG_OK : status;
}

/* By thread, of the entries of one kernel's thread after another's. */
static int compare_parts(const void *one, const void *other) {
    const struct tg_live_part *a = one;
    const struct tg_live_part *b = other;
    if (a->thread != b->thread) {
        return a->thread < b->thread ? -1 : 1;
    }
    return (a->thread_id > b->thread_id) - (a->thread_id < b->thread_id);
}

static int compare_rows(const void *one, const void *other) {
    const struct tg_snapshot_row *a = one;
    const struct tg_snapshot_row *b = other;
    return (a->thread > b->thread) - (a->thread < b->thread);
}

static uint64_t thread_id_of(const struct reading *reading, const struct tg_snapshot_row *row) {
    return reading->snapshot->threads[row->thread].native_id;
}

/* Whether a part of before is still a row of its own. */
static bool has_row(const struct reading *reading, const struct tg_live_part *part) {
    struct tg_snapshot_row wanted = {.thread = part->thread};
    const struct tg_snapshot_row *row =
        reading->row_count ? bsearch(&wanted, reading->rows, reading->row_count, sizeof wanted, compare_rows) : NULL;
    return row && thread_id_of(reading, row) == part->thread_id;
}

/* What the row had counted before, in `earlier`: thread 0 has taken over what threads had that are gone. `unchanged` is
 * the part whose histogram is still right, if any. The function's parts of before end at `end`. */
static enum tg_status find_before(struct reading *reading, const struct tg_snapshot_row *row, size_t end,
                                  struct tg_measures *earlier, struct tg_live_part **unchanged) {
    enum tg_status status = TG_OK;
    size_t count = end - reading->before_at;
    struct tg_live_part *parts = count ? &reading->before.items[reading->before_at] : NULL;
    struct tg_live_part wanted = {.thread = row->thread, .thread_id = thread_id_of(reading, row)};
    struct tg_live_part *own = count ? bsearch(&wanted, parts, count, sizeof wanted, compare_parts) : NULL;
    for (size_t i = 0; i < count && row->thread == TG_ENDED_THREADS && status == TG_OK; i++) {
        if (&parts[i] != own && !has_row(reading, &parts[i])) {
            status = add_before(earlier, &parts[i]);
        }
    }
    *unchanged = own && own->ever.call_count == row->measures.call_count ? own : NULL;
    return status == TG_OK && own && !*unchanged ? add_before(earlier, own) : status;
}

/* Makes the figures since: `since` begins as those ever. */
static enum tg_status set_since(struct reading *reading, struct tg_live_part *part, struct tg_measures *since,
                                const struct tg_measures *earlier) {
    tg_measures_subtract(since, earlier);
    enum tg_status status = since->call_count ? encode(reading, since->histogram, &part->since_histogram) : TG_OK;
    part->since = *since;
    part->since.histogram = NULL;
    return status;
}

static void set_nothing_since(struct tg_live_part *part) {
    free(part->since_histogram.bytes);
    part->since_histogram = (struct tg_live_histogram){.bytes = NULL};
    tg_measures_init(&part->since);
    part->since.running_count = part->ever.running_count;
}

static enum tg_status take_row(struct reading *reading, struct tg_snapshot_row *row, size_t end) {
    struct tg_live_part *unchanged = NULL;
    struct tg_measures earlier;
    tg_measures_init(&earlier);
    struct tg_live_part *part = new_part(&reading->now);
    if (!part) {
        return TG_ERROR_MEMORY;
    }
    *part = (struct tg_live_part){.function = row->function,
                                  .thread = row->thread,
                                  .thread_id = thread_id_of(reading, row),
                                  .ever = row->measures};
    part->ever.histogram = NULL;
    set_nothing_since(part);
    enum tg_status status = name_part(reading, row, &part->name);
    if (status == TG_OK) {
        status = find_before(reading, row, end, &earlier, &unchanged);
    }
    if (status == TG_OK && unchanged) {
        part->ever_histogram = unchanged->ever_histogram;
        unchanged->ever_histogram = (struct tg_live_histogram){.bytes = NULL};
    } else if (status == TG_OK) {
        status = encode(reading, row->measures.histogram, &part->ever_histogram);
    }
    if (status == TG_OK && !unchanged && !reading->anew) {
        status = set_since(reading, part, &row->measures, &earlier);
    }
    tg_measures_release(&earlier);
    return status;
}

/* What could not be seen this time is there the next time: it must not look new then. */
static enum tg_status keep_unseen(struct reading *reading, size_t end) {
    bool has_sum = reading->row_count > 0 && reading->rows[0].thread == TG_ENDED_THREADS;
    size_t first = reading->now.count - reading->row_count;
    bool any = false;
    for (size_t i = reading->before_at; i < end && !has_sum; i++) {
        struct tg_live_part *part = &reading->before.items[i];
        if (part->ever.call_count > 0 && !has_row(reading, part)) {
            struct tg_live_part *kept = new_part(&reading->now);
            if (!kept) {
                return TG_ERROR_MEMORY;
            }
            *kept = *part;
            part->ever_histogram.bytes = NULL;
            part->since_histogram.bytes = NULL; /* freed by the next line but one */
            kept->ever.running_count = 0;
            set_nothing_since(kept);
            any = true;
        }
    }
    if (any) {
        qsort(reading->now.items + first, reading->now.count - first, sizeof *reading->now.items, compare_parts);
    }
    return TG_OK;
}

static void drop_rows(struct reading *reading) {
    while (reading->row_count > 0) {
        tg_measures_release(&reading->rows[--reading->row_count].measures);
    }
}

/* All rows of the function `function` are there, and those of all before it have been taken. */
static enum tg_status take_function(struct reading *reading, uint32_t function) {
    size_t end = reading->before_at;
    while (end < reading->before.count && reading->before.items[end].function <= function) {
        end++;
    }
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < reading->row_count && status == TG_OK; i++) {
        status = take_row(reading, &reading->rows[i], end);
    }
    if (status == TG_OK) {
        status = keep_unseen(reading, end);
    }
    reading->before_at = end;
    drop_rows(reading);
    return status;
}

/* Functions that were there before and have no row now come before the rows of `function`. */
static enum tg_status skip_to(struct reading *reading, uint64_t function) {
    enum tg_status status = TG_OK;
    while (status == TG_OK && reading->before_at < reading->before.count
           && reading->before.items[reading->before_at].function < function) {
        status = take_function(reading, reading->before.items[reading->before_at].function);
    }
    return status;
}

static enum tg_status flush_rows(struct reading *reading) {
    if (reading->row_count == 0) {
        return TG_OK;
    }
    struct tg_snapshot_row *rows = reading->rows;
    uint32_t function = rows[0].function;
    size_t row_count = reading->row_count;
    reading->row_count = 0; /* the functions skipped have none */
    enum tg_status status = skip_to(reading, function);
    reading->row_count = row_count;
    if (status != TG_OK) {
        drop_rows(reading);
        return status;
    }
    return take_function(reading, function);
}

static enum tg_status visit(void *context, struct tg_snapshot_row *row) {
    struct reading *reading = context;
    if (reading->row_count && reading->rows[0].function != row->function) {
        enum tg_status status = flush_rows(reading);
        if (status != TG_OK) {
            return status;
        }
    }
    if (reading->row_count == reading->row_capacity) {
        size_t capacity = reading->row_capacity ? reading->row_capacity * 2 : 16;
        struct tg_snapshot_row *rows = realloc(reading->rows, capacity * sizeof *rows);
        if (!rows) {
            return TG_ERROR_MEMORY;
        }
        reading->rows = rows;
        reading->row_capacity = capacity;
    }
    reading->rows[reading->row_count++] = *row; /* with its histogram */
    tg_measures_init(&row->measures);
    return TG_OK;
}

static void copy_field(char *out, const char *field, size_t size) {
    size_t length = strnlen(field, size);
    memcpy(out, field, length);
    out[length] = '\0';
}

static void take_header(struct tg_live_process *process, const struct tg_header *header) {
    process->parent_pid = header->parent_pid;
    process->started_monotonic_ns = header->started_monotonic_ns;
    memcpy(process->uuid, header->uuid, sizeof process->uuid);
    copy_field(process->program, header->program, sizeof header->program);
    copy_field(process->service, header->service, sizeof header->service);
    copy_field(process->service_version, header->service_version, sizeof header->service_version);
    process->sampler = tg_control_status(header);
}

/* Takes the threads over, and of the rest what are counts. */
static void take_quality(struct tg_live_process *process, struct tg_snapshot *snapshot) {
    free(process->threads);
    process->threads = snapshot->threads;
    process->thread_count = snapshot->thread_count;
    snapshot->threads = NULL;
    process->quality = (struct tg_snapshot){
        .overflow_call_count = snapshot->overflow_call_count,
        .unrecorded_call_count = snapshot->unrecorded_call_count,
        .refused_function_count = snapshot->refused_function_count,
        .lost_child_count = snapshot->lost_child_count,
        .torn_count = snapshot->torn_count,
        .damaged_count = snapshot->damaged_count,
    };
}

static enum tg_status read_parts(struct reading *reading, const struct tg_reader *reader, struct tg_error *err) {
    struct tg_live_process *process = reading->process;
    reading->before = process->parts;
    process->parts = (struct tg_live_parts){.items = NULL};
    struct tg_snapshot snapshot;
    reading->snapshot = &snapshot;
    enum tg_status status = tg_snapshot_visit(&snapshot, &reader->view, true, visit, reading, err);
    if (status == TG_OK) {
        status = flush_rows(reading);
        status = status == TG_OK ? skip_to(reading, UINT64_MAX) : status;
        if (status == TG_OK) {
            take_quality(process, &snapshot);
        } else {
            (void)tg_error_set(err, status, "not enough memory to read the recording");
        }
        tg_snapshot_release(&snapshot);
    }
    drop_rows(reading);
    free(reading->rows);
    tg_strbuf_release(&reading->serial);
    release_parts(&reading->before);
    process->parts = reading->now;
    return status;
}

static void settle(struct tg_live_process *process) {
    for (size_t i = 0; i < process->parts.count; i++) {
        set_nothing_since(&process->parts.items[i]);
    }
}

enum tg_status tg_live_process_read(struct tg_live_process *process, struct tg_live_names *names, bool anew,
                                    struct tg_error *err) {
    struct tg_reader reader;
    if (process->is_read) {
        settle(process);
        return TG_OK;
    }
    enum tg_status status = tg_reader_open(&reader, process->path, err);
    if (status != TG_OK) {
        settle(process);
        return status;
    }
    bool is_other = reader.header->pid != process->pid || reader.header->started_wall_ns != process->started_wall_ns;
    if (is_other) {
        settle(process);
        status = tg_error_set(err, TG_ERROR_NOT_FOUND, "another recording has taken the place of '%s'", process->path);
    } else {
        struct reading reading = {.process = process, .names = names, .anew = anew};
        take_header(process, reader.header);
        process->alive = reader.alive;
        process->truncated = reader.truncated;
        status = read_parts(&reading, &reader, err);
        process->is_read = !process->alive;
        process->is_new = false;
    }
    tg_reader_close(&reader);
    return status;
}

bool tg_live_process_is_cut_off(const struct tg_live_process *process) {
    int64_t running_count = 0;
    for (size_t i = 0; i < process->parts.count; i++) {
        running_count += process->parts.items[i].ever.running_count;
    }
    return !process->alive && running_count > 0;
}
