/* live_view: see live_view.h. Parts are counted into groups by the number of what they belong to, so that one histogram
 * is enough to find the percentiles of all. */
#include "profile/live_view.h"

#include "base/pattern.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const tg_live_group_names[] = {"function", "process", "thread", NULL};
const char *const tg_live_sort_names[] = {"calls", "average", "p99", "self", "running", "errors", "name", NULL};

/* A part that is looked at, and the group it belongs to. */
struct item {
    const struct tg_live_process *process;
    const struct tg_live_part *part;
    uint32_t group;
};

struct making {
    const struct tg_live *live;
    const struct tg_live_query *query;
    struct tg_live_view *view;
    struct item *items;
    size_t item_count;
    uint32_t group_count;
    bool *is_meant; /* by number of a name; NULL: all are */
};

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to sum up the processes");
}

static bool is_looked_at(const struct making *making, const struct tg_live_process *process,
                         const struct tg_live_part *part) {
    const struct tg_live_query *query = making->query;
    if (query->one_thread && part->thread_id != query->thread_id) {
        return false;
    }
    return (query->process == 0 || process->number == query->process)
           && (!making->is_meant || making->is_meant[part->name]);
}

static enum tg_status find_meant(struct making *making, struct tg_error *err) {
    const struct tg_live_query *query = making->query;
    const struct tg_live_names *names = &making->live->names;
    if (query->only_count == 0) {
        return TG_OK;
    }
    making->is_meant = calloc(names->count + 1, sizeof *making->is_meant);
    if (!making->is_meant) {
        return no_memory(err);
    }
    for (size_t i = 0; i < names->count; i++) {
        for (size_t j = 0; j < query->only_count && !making->is_meant[i]; j++) {
            making->is_meant[i] = tg_pattern_match(query->only[j], names->items[i].text);
        }
    }
    return TG_OK;
}

/* Numbers the groups: functions by their name, the others in the order of the processes. */
static void add_process(struct making *making, const struct tg_live_process *process) {
    uint32_t first = making->group_count;
    uint32_t span = 1; /* numbers that the process takes up */
    for (size_t i = 0; i < process->parts.count; i++) {
        const struct tg_live_part *part = &process->parts.items[i];
        uint32_t group = part->name;
        if (making->query->group == TG_LIVE_PROCESSES) {
            group = first;
        } else if (making->query->group == TG_LIVE_THREADS) {
            group = first + part->thread;
            span = part->thread >= span ? part->thread + 1 : span;
        }
        if (is_looked_at(making, process, part)) {
            making->items[making->item_count++] = (struct item){process, part, group};
        }
    }
    making->group_count += span;
}

static enum tg_status collect_items(struct making *making, struct tg_error *err) {
    size_t count = 0;
    for (size_t i = 0; i < making->live->process_count; i++) {
        count += making->live->processes[i]->parts.count;
    }
    making->items = calloc(count + 1, sizeof *making->items);
    if (!making->items) {
        return no_memory(err);
    }
    for (size_t i = 0; i < making->live->process_count; i++) {
        add_process(making, making->live->processes[i]);
    }
    if (making->query->group == TG_LIVE_FUNCTIONS) {
        making->group_count = (uint32_t)making->live->names.count;
    }
    return TG_OK;
}

/* Puts the items of a group next to each other: a counting sort. */
static enum tg_status group_items(struct making *making, struct tg_error *err) {
    size_t *starts = calloc((size_t)making->group_count + 1, sizeof *starts);
    struct item *grouped = calloc(making->item_count + 1, sizeof *grouped);
    enum tg_status status = starts && grouped ? TG_OK : no_memory(err);
    if (status == TG_OK) {
        for (size_t i = 0; i < making->item_count; i++) {
            starts[making->items[i].group + 1]++;
        }
        for (size_t i = 0; i < making->group_count; i++) {
            starts[i + 1] += starts[i];
        }
        for (size_t i = 0; i < making->item_count; i++) {
            grouped[starts[making->items[i].group]++] = making->items[i];
        }
        free(making->items);
        making->items = grouped;
        grouped = NULL;
    }
    free(grouped);
    free(starts);
    return status;
}

/* Sums that stop at their largest value are no failure here, and the histogram is not theirs. */
static void add_counts(struct tg_measures *sum, const struct tg_measures *more) {
    (void)!tg_measures_add(sum, more);
}

static void add_histogram(struct tg_histogram *sum, const struct tg_live_histogram *serial) {
    struct tg_histogram histogram;
    if (serial->bytes && tg_histogram_decode(&histogram, serial->bytes, serial->length, NULL) == TG_OK) {
        (void)!tg_histogram_merge(sum, &histogram);
    }
}

static const char *thread_name_of(const struct item *item) {
    const struct tg_snapshot_thread *threads = item->process->threads;
    uint32_t thread = item->part->thread;
    bool is_known = thread < item->process->thread_count && threads[thread].native_id == item->part->thread_id;
    return is_known ? threads[thread].name : "";
}

/* Makes the row of `count` items of one group. */
static void sum_up(struct making *making, struct tg_live_row *row, const struct item *items, size_t count) {
    enum tg_live_group group = making->query->group;
    struct tg_histogram histogram = {{0}};
    *row = (struct tg_live_row){
        .name = group == TG_LIVE_FUNCTIONS ? &making->live->names.items[items->part->name] : NULL,
        .process = group == TG_LIVE_FUNCTIONS ? NULL : items->process,
        .thread_id = group == TG_LIVE_THREADS ? items->part->thread_id : 0,
        .thread_name = group == TG_LIVE_THREADS ? thread_name_of(items) : "",
    };
    tg_measures_init(&row->since);
    tg_measures_init(&row->ever);
    for (size_t i = 0; i < count; i++) {
        const struct tg_live_part *part = items[i].part;
        bool alive = items[i].process->alive;
        struct tg_measures ever = part->ever;
        ever.running_count = alive ? ever.running_count : 0; /* those never end */
        add_counts(&row->since, &part->since);
        add_counts(&row->ever, &ever);
        add_histogram(&histogram, &part->since_histogram);
        row->alive = row->alive || alive;
    }
    if (row->since.call_count) {
        row->since_p99_ns = tg_histogram_percentile(&histogram, 99, row->since.minimum_ns, row->since.maximum_ns);
    }
    add_counts(&making->view->sums.since, &row->since);
    add_counts(&making->view->sums.ever, &row->ever);
}

static enum tg_status make_rows(struct making *making, struct tg_error *err) {
    struct tg_live_view *view = making->view;
    size_t count = 0;
    for (size_t i = 0; i < making->item_count; i++) {
        count += i == 0 || making->items[i].group != making->items[i - 1].group;
    }
    view->rows = calloc(count + 1, sizeof *view->rows);
    if (!view->rows) {
        return no_memory(err);
    }
    for (size_t i = 0, end = 0; i < making->item_count; i = end) {
        while (end < making->item_count && making->items[end].group == making->items[i].group) {
            end++;
        }
        sum_up(making, &view->rows[view->row_count++], &making->items[i], end - i);
    }
    return TG_OK;
}

static void sum_processes(struct making *making) {
    struct tg_live_sums *sums = &making->view->sums;
    for (size_t i = 0; i < making->live->process_count; i++) {
        const struct tg_live_process *process = making->live->processes[i];
        if (making->query->process && process->number != making->query->process) {
            continue;
        }
        *(process->alive ? &sums->alive_count : &sums->ended_count) += 1;
        sums->truncated_count += process->truncated;
        sums->quality.overflow_call_count += process->quality.overflow_call_count;
        sums->quality.unrecorded_call_count += process->quality.unrecorded_call_count;
        sums->quality.refused_function_count += process->quality.refused_function_count;
        sums->quality.lost_child_count += process->quality.lost_child_count;
        sums->quality.torn_count += process->quality.torn_count;
        sums->quality.damaged_count += process->quality.damaged_count;
    }
}

static bool has_number(uint64_t number, const char *text) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    return strstr(digits, text) != NULL;
}

/* Whether the text is in what the row is called. */
static bool has_text(const struct tg_live_row *row, const char *text) {
    const struct tg_live_process *process = row->process;
    if (row->name) {
        return strcasestr(row->name->text, text);
    }
    return process
           && (has_number(process->pid, text) || strcasestr(process->program, text)
               || strcasestr(process->service, text) || strcasestr(row->thread_name, text)
               || (row->thread_id && has_number(row->thread_id, text)));
}

static void filter(struct tg_live_view *view, const char *text) {
    size_t kept = 0;
    for (size_t i = 0; text && text[0] && i < view->row_count; i++) {
        if (has_text(&view->rows[i], text)) {
            view->rows[kept++] = view->rows[i];
        }
    }
    view->row_count = text && text[0] ? kept : view->row_count;
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

static uint64_t running_of(const struct tg_live_row *row) {
    return row->ever.running_count > 0 ? (uint64_t)row->ever.running_count : 0;
}

static uint64_t key_of(const struct tg_live_row *row, enum tg_live_sort sort) {
    switch (sort) {
    case TG_LIVE_SORT_CALLS:
        return row->since.call_count;
    case TG_LIVE_SORT_AVERAGE:
        return tg_measures_average_ns(&row->since);
    case TG_LIVE_SORT_P99:
        return row->since_p99_ns;
    case TG_LIVE_SORT_SELF:
        return row->since.self_ns;
    case TG_LIVE_SORT_RUNNING:
        return running_of(row);
    case TG_LIVE_SORT_ERRORS:
        return row->since.error_count;
    case TG_LIVE_SORT_NAME:
        break;
    }
    return 0;
}

/* By what the rows are: never equal. */
static int compare_identities(const struct tg_live_row *a, const struct tg_live_row *b) {
    if (a->name && b->name) {
        int order = strcmp(a->name->text, b->name->text);
        order = order ? order : strcmp(a->name->file, b->name->file);
        return order ? order : (a->name > b->name) - (a->name < b->name);
    }
    if (!a->process || !b->process) {
        return 0; /* rows of a view are all alike */
    }
    int order = compare_numbers(a->process->pid, b->process->pid);
    order = order ? order : compare_numbers(a->process->number, b->process->number);
    return order ? order : compare_numbers(a->thread_id, b->thread_id);
}

static int compare(const void *one, const void *other, void *context) {
    const struct tg_live_row *a = one;
    const struct tg_live_row *b = other;
    enum tg_live_sort sort = *(const enum tg_live_sort *)context;
    int order = 0;
    if (sort != TG_LIVE_SORT_NAME) {
        order = compare_numbers(key_of(b, sort), key_of(a, sort));
        order = order ? order : (int)b->alive - (int)a->alive;
        order = order ? order : compare_numbers(running_of(b) > 0, running_of(a) > 0);
        order = order ? order : compare_numbers(b->ever.self_ns, a->ever.self_ns);
    }
    return order ? order : compare_identities(a, b);
}

enum tg_status tg_live_view_make(struct tg_live_view *view, const struct tg_live *live,
                                 const struct tg_live_query *query, struct tg_error *err) {
    struct making making = {.live = live, .query = query, .view = view};
    *view = (struct tg_live_view){.rows = NULL};
    tg_measures_init(&view->sums.since);
    tg_measures_init(&view->sums.ever);
    enum tg_status status = find_meant(&making, err);
    if (status == TG_OK) {
        status = collect_items(&making, err);
    }
    if (status == TG_OK) {
        status = group_items(&making, err);
    }
    if (status == TG_OK) {
        status = make_rows(&making, err);
    }
    free(making.items);
    free(making.is_meant);
    if (status != TG_OK) {
        return status;
    }
    sum_processes(&making);
    filter(view, query->filter);
    enum tg_live_sort sort = query->sort;
    qsort_r(view->rows, view->row_count, sizeof *view->rows, compare, &sort);
    return TG_OK;
}

void tg_live_view_release(struct tg_live_view *view) {
    if (view) {
        free(view->rows);
        *view = (struct tg_live_view){.rows = NULL};
    }
}

bool tg_live_row_is_idle(const struct tg_live_row *row) {
    return row->since.call_count == 0 && row->ever.running_count <= 0;
}
