/* top_sampled: the figures, and the loop that takes them. See top_sampled.h. */
#include "cli/top_sampled.h"

#include "cli/command_line.h"
#include "cli/output.h"
#include "cli/process_state.h"
#include "cli/screen.h"
#include "profile/flat.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_BYTES ((size_t)256 << 20U)
#define KEYS_NS     INT64_C(40000000) /* how long a key may have to wait */

const char *const tg_sampled_sort_names[] = {"self", "total", "cpu", "gil", "ever", "name", NULL};

static void take(void *context, pid_t pid, const struct tg_sample *sample) {
    struct tg_sampled *sampled = context;
    struct tg_weight weight = {
        .sample_count = 1,
        .wall_ns = (uint64_t)sample->wall_ns,
        .cpu_ns = (uint64_t)sample->cpu_ns,
        .gil_ns = sample->has_gil ? (uint64_t)sample->wall_ns : 0,
    };
    struct tg_profile_thread *thread = tg_profile_task(&sampled->profile, (uint64_t)pid, (uint64_t)sample->thread->tid,
                                                       sample->thread->name, sample->task);
    if (thread) {
        tg_calltree_add(&thread->tree, sample->frames, sample->depth, &weight);
    }
}

enum tg_status tg_sampled_open(struct tg_sampled *sampled, const struct tg_sampled_options *options,
                               struct tg_error *err) {
    *sampled = (struct tg_sampled){.options = *options,
                                   .family = {.end_fd = -1},
                                   .thread = UINT32_MAX,
                                   .sort = options->sort,
                                   .by_thread = options->by_thread};
    tg_profile_init(&sampled->profile, LIMIT_BYTES, false);
    tg_strbuf_printf(&sampled->title, "process %ld", (long)options->pid);
    tg_command_line_append(&sampled->title, options->pid);
    struct tg_family_options family = {.rate_hz = options->rate_hz,
                                       .tells_idle = options->with_idle,
                                       .follows = options->follows,
                                       .no_bpf = options->no_bpf,
                                       .sink = take,
                                       .context = sampled};
    enum tg_status status = tg_family_init(&sampled->family, &family, &sampled->profile.symbols, err);
    if (status == TG_OK) {
        status = tg_family_add(&sampled->family, options->pid, err);
    }
    sampled->looked_ns = tg_clock_monotonic_ns();
    return status;
}

static void release_rows(struct tg_sampled_rows *rows) {
    free(rows->items);
    *rows = (struct tg_sampled_rows){.items = NULL};
}

void tg_sampled_close(struct tg_sampled *sampled) {
    if (!sampled) {
        return;
    }
    tg_family_release(&sampled->family);
    tg_profile_release(&sampled->profile);
    release_rows(&sampled->functions);
    release_rows(&sampled->threads);
    release_rows(&sampled->own);
    tg_strbuf_release(&sampled->title);
}

void tg_sampled_run(struct tg_sampled *sampled, tg_ns until_ns) {
    if (!sampled->has_ended) {
        sampled->has_ended = tg_family_run(&sampled->family, until_ns) == TG_SAMPLER_EXITED;
    }
}

/* One more interval: what was newest moves on. */
static bool prepare_rows(struct tg_sampled_rows *rows, size_t count) {
    if (count > rows->count) {
        struct tg_sampled_row *items = realloc(rows->items, count * sizeof *items);
        if (!items) {
            return false;
        }
        memset(items + rows->count, 0, (count - rows->count) * sizeof *items);
        for (size_t i = rows->count; i < count; i++) {
            items[i].number = (uint32_t)i;
        }
        rows->items = items;
        rows->count = count;
    }
    for (size_t i = 0; i < rows->count; i++) {
        struct tg_sampled_row *row = &rows->items[i];
        memmove(row->history, row->history + 1, sizeof row->history - sizeof row->history[0]);
        row->history[TG_SAMPLED_HISTORY - 1] = 0;
        row->self = row->total = (struct tg_weight){.sample_count = 0};
    }
    rows->look_count++;
    return true;
}

static void add_to_row(struct tg_sampled_row *row, const struct tg_weight *self, const struct tg_weight *total) {
    tg_weight_add(&row->self, self);
    tg_weight_add(&row->total, total);
    tg_weight_add(&row->ever, self);
}

/* As a share, since intervals differ. */
static void note_history(struct tg_sampled_rows *rows, tg_ns watched_ns) {
    for (size_t i = 0; i < rows->count && watched_ns > 0; i++) {
        rows->items[i].history[TG_SAMPLED_HISTORY - 1] = (double)rows->items[i].self.wall_ns / (double)watched_ns;
    }
}

static tg_ns suspended_in_interval(const struct tg_sampled *sampled) {
    return sampled->family.suspended_ns - sampled->before.suspended_ns;
}

/* When the interval is to end. */
static tg_ns end_of_interval(const struct tg_sampled *sampled, tg_ns interval_ns) {
    return sampled->looked_ns + interval_ns + suspended_in_interval(sampled);
}

/* How long the interval was that ends now, and how much of it was looked at. */
static void measure_interval(struct tg_sampled *sampled, tg_ns now_ns) {
    struct tg_sampler_quality quality = tg_family_quality(&sampled->family);
    tg_ns interval_ns = now_ns - end_of_interval(sampled, 0);
    sampled->interval_ns = interval_ns > 0 ? interval_ns : 0;
    sampled->watched_ns = quality.watched_ns - sampled->before.watched_ns;
    sampled->unwatched_ns = quality.unwatched_ns - sampled->before.unwatched_ns;
    sampled->missed_count = quality.missed_count - sampled->before.missed_count;
    sampled->looked_ns = now_ns;
    sampled->before = (struct tg_sampled_sums){.watched_ns = quality.watched_ns,
                                               .suspended_ns = sampled->family.suspended_ns,
                                               .unwatched_ns = quality.unwatched_ns,
                                               .missed_count = quality.missed_count};
}

static enum tg_status add_thread(struct tg_sampled *sampled, size_t number, struct tg_error *err) {
    struct tg_calltree *tree = &sampled->profile.threads[number]->tree;
    struct tg_weight all = tg_calltree_weight(tree);
    add_to_row(&sampled->threads.items[number], &all, &all);
    struct tg_flat flat = {.rows = NULL};
    enum tg_status status = tg_flat_make(&flat, tree, false, err);
    for (size_t i = 0; i < flat.count; i++) {
        const struct tg_flat_row *row = &flat.rows[i];
        add_to_row(&sampled->functions.items[row->frame.symbol], &row->self, &row->total);
        if (sampled->thread == number) {
            add_to_row(&sampled->own.items[row->frame.symbol], &row->self, &row->total);
        }
    }
    tg_flat_release(&flat);
    tg_calltree_release(tree); /* the next interval begins with nothing */
    return status;
}

enum tg_status tg_sampled_look(struct tg_sampled *sampled, tg_ns now_ns, struct tg_error *err) {
    size_t symbol_count = tg_symbols_count(&sampled->profile.symbols);
    if (!prepare_rows(&sampled->functions, symbol_count)
        || (sampled->thread != UINT32_MAX && !prepare_rows(&sampled->own, symbol_count))
        || !prepare_rows(&sampled->threads, sampled->profile.thread_count)) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the functions of process %ld",
                            (long)sampled->options.pid);
    }
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < sampled->profile.thread_count && status == TG_OK; i++) {
        status = add_thread(sampled, i, err);
    }
    measure_interval(sampled, now_ns);
    note_history(&sampled->functions, sampled->watched_ns);
    note_history(&sampled->threads, sampled->watched_ns);
    note_history(&sampled->own, sampled->watched_ns);
    sampled->is_stopped = tg_process_is_stopped(sampled->options.pid);
    return status;
}

void tg_sampled_pause(struct tg_sampled *sampled, tg_ns now_ns) {
    if (sampled->is_paused) {
        sampled->looked_ns += now_ns - sampled->paused_ns;
    }
    sampled->is_paused = !sampled->is_paused;
    sampled->paused_ns = now_ns;
    tg_family_rest(&sampled->family);
}

void tg_sampled_choose_thread(struct tg_sampled *sampled, uint32_t thread) {
    sampled->thread = thread;
    release_rows(&sampled->own);
}

const struct tg_sampled_rows *tg_sampled_rows_shown(const struct tg_sampled *sampled) {
    return sampled->by_thread ? &sampled->threads : sampled->thread != UINT32_MAX ? &sampled->own : &sampled->functions;
}

void tg_sampled_append_name(const struct tg_sampled *sampled, const struct tg_sampled_row *row, struct tg_strbuf *out) {
    if (!sampled->by_thread) {
        tg_strbuf_append(out, tg_symbols_get(&sampled->profile.symbols, row->number).name);
        return;
    }
    const struct tg_profile_thread *thread = sampled->profile.threads[row->number];
    tg_strbuf_printf(out, "%s%s%llu", thread->name, thread->name[0] ? " " : "", (unsigned long long)thread->thread_id);
    if (thread->process_id != (uint64_t)sampled->options.pid) {
        tg_strbuf_printf(out, " of %llu", (unsigned long long)thread->process_id);
    }
}

static const struct tg_sampled *sorted; /* of qsort's comparison */

static uint64_t key_of(const struct tg_sampled_row *row) {
    switch (sorted->sort) {
    case TG_SAMPLED_SELF:
        return row->self.wall_ns;
    case TG_SAMPLED_TOTAL:
        return row->total.wall_ns;
    case TG_SAMPLED_CPU:
        return row->self.cpu_ns;
    case TG_SAMPLED_GIL:
        return row->self.gil_ns;
    case TG_SAMPLED_EVER:
        return row->ever.wall_ns;
    case TG_SAMPLED_NAME:
    case TG_SAMPLED_SORTS:
        break;
    }
    return 0;
}

static int compare(uint64_t a, uint64_t b) {
    return (a < b) - (a > b);
}

/* Then by what was most ever, so that functions at rest do not jump about. */
static int by_key(const void *one, const void *other) {
    const struct tg_sampled_row *a = *(const struct tg_sampled_row *const *)one;
    const struct tg_sampled_row *b = *(const struct tg_sampled_row *const *)other;
    if (sorted->sort == TG_SAMPLED_NAME) {
        struct tg_strbuf name_a = TG_STRBUF_INIT;
        struct tg_strbuf name_b = TG_STRBUF_INIT;
        tg_sampled_append_name(sorted, a, &name_a);
        tg_sampled_append_name(sorted, b, &name_b);
        int order = strcmp(tg_strbuf_text(&name_a), tg_strbuf_text(&name_b));
        tg_strbuf_release(&name_a);
        tg_strbuf_release(&name_b);
        return order ? order : compare(b->number, a->number);
    }
    int order = compare(key_of(a), key_of(b));
    order = order ? order : compare(a->total.wall_ns, b->total.wall_ns);
    order = order ? order : compare(a->ever.wall_ns, b->ever.wall_ns);
    return order ? order : compare(b->number, a->number);
}

static bool is_shown(const struct tg_sampled *sampled, const struct tg_sampled_row *row) {
    if (row->ever.sample_count == 0 && row->total.sample_count == 0) {
        return false;
    }
    if (!sampled->filter[0]) {
        return true;
    }
    struct tg_strbuf name = TG_STRBUF_INIT;
    tg_sampled_append_name(sampled, row, &name);
    if (!sampled->by_thread) {
        tg_strbuf_append_char(&name, ' ');
        tg_strbuf_append(&name, tg_symbols_get(&sampled->profile.symbols, row->number).file);
    }
    bool found = strcasestr(tg_strbuf_text(&name), sampled->filter) != NULL;
    tg_strbuf_release(&name);
    return found;
}

const struct tg_sampled_row **tg_sampled_list(const struct tg_sampled *sampled, size_t *count) {
    const struct tg_sampled_rows *rows = tg_sampled_rows_shown(sampled);
    const struct tg_sampled_row **list = calloc(rows->count + 1, sizeof *list);
    *count = 0;
    for (size_t i = 0; list && i < rows->count; i++) {
        if (is_shown(sampled, &rows->items[i])) {
            list[(*count)++] = &rows->items[i];
        }
    }
    if (list) {
        sorted = sampled;
        qsort(list, *count, sizeof *list, by_key);
    }
    return list;
}

static void draw(struct tg_sampled *sampled) {
    struct tg_strbuf lines = TG_STRBUF_INIT;
    size_t height = 0;
    struct tg_terminal terminal = tg_screen_size(&height);
    tg_sampled_draw(sampled, &terminal, height, &lines);
    tg_screen_show(&lines);
    tg_strbuf_release(&lines);
}

/* The person's part, between two stretches of sampling. False: it is over. */
static bool answer_keys(struct tg_sampled *sampled, bool *is_due) {
    bool rests = sampled->is_paused || sampled->has_ended;
    tg_ns deadline_ns = rests && !*is_due ? tg_family_settle(&sampled->family, INT64_MAX) : tg_clock_monotonic_ns();
    for (;;) {
        struct tg_key key;
        enum tg_screen_event event = tg_screen_wait(deadline_ns, &key);
        if (event == TG_SCREEN_QUIT || (event == TG_SCREEN_KEY && !tg_sampled_press(sampled, &key))) {
            return false;
        }
        if (event == TG_SCREEN_TIMEOUT) {
            return true;
        }
        if (event == TG_SCREEN_RESUMED) {
            tg_family_resumed(&sampled->family);
        }
        *is_due = true;
        deadline_ns = tg_clock_monotonic_ns();
    }
}

static enum tg_status interact(struct tg_sampled *sampled, struct tg_error *err) {
    enum tg_status status = TG_OK;
    bool is_due = true;
    while (status == TG_OK && answer_keys(sampled, &is_due)) {
        tg_ns now_ns = tg_clock_monotonic_ns();
        bool rests = sampled->is_paused || sampled->has_ended;
        tg_ns wanted_ns =
            sampled->options.interval_ns / (sampled->functions.look_count ? 1 : 2); /* nobody wants to wait */
        if (!rests) {
            tg_ns until_ns = now_ns + KEYS_NS, look_ns = end_of_interval(sampled, wanted_ns);
            tg_sampled_run(sampled, until_ns < look_ns ? until_ns : look_ns);
            now_ns = tg_clock_monotonic_ns();
        }
        if (!rests && (now_ns >= end_of_interval(sampled, wanted_ns) || sampled->has_ended)) {
            status = tg_sampled_look(sampled, now_ns, err);
            is_due = true;
        }
        if (is_due) {
            draw(sampled);
            is_due = false;
        }
    }
    return status;
}

/* False: whoever reads has gone. */
static bool has_reader(void) {
    struct pollfd output = {.fd = STDOUT_FILENO};
    return poll(&output, 1, 0) <= 0;
}

static struct tg_family *resumed; /* whom SIGCONT tells */

static void go_on_by_signal(int signal) {
    (void)signal;
    tg_family_resumed(resumed);
}

/* One interval. While it runs, it may learn that it was suspended and that the interval is to end later. */
static void run_interval(struct tg_sampled *sampled) {
    tg_ns end_ns = 0, wanted_ns = sampled->options.interval_ns;
    while (!sampled->has_ended && end_ns < end_of_interval(sampled, wanted_ns)) {
        end_ns = end_of_interval(sampled, wanted_ns);
        tg_sampled_run(sampled, end_ns);
    }
}

static enum tg_status print_all(struct tg_sampled *sampled, bool once, struct tg_error *err) {
    struct tg_terminal terminal = tg_terminal_of(STDOUT_FILENO);
    struct sigaction resumption = {.sa_handler = go_on_by_signal};
    enum tg_status status = TG_OK;
    bool goes_on = true;
    resumed = &sampled->family;
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGCONT, &resumption, NULL);
    while (status == TG_OK && goes_on) {
        struct tg_strbuf text = TG_STRBUF_INIT;
        run_interval(sampled);
        goes_on = !once && !sampled->has_ended && has_reader();
        status = tg_sampled_look(sampled, tg_clock_monotonic_ns(), err);
        if (status == TG_OK) {
            tg_sampled_print(sampled, &terminal, &text);
            tg_strbuf_append(&text, goes_on ? "\n" : "");
            status = tg_output_print(tg_strbuf_text(&text), text.length, err);
        }
        tg_strbuf_release(&text);
    }
    signal(SIGCONT, SIG_DFL);
    return status;
}

enum tg_status tg_sampled_top(const struct tg_sampled_options *options, bool interactive, bool once, bool *can,
                              struct tg_error *err) {
    struct tg_sampled sampled;
    enum tg_status status = tg_sampled_open(&sampled, options, err);
    *can = status == TG_OK;
    if (status == TG_OK && interactive) {
        status = tg_screen_open(err);
        if (status == TG_OK) {
            status = interact(&sampled, err);
            tg_screen_close();
        }
    } else if (status == TG_OK) {
        status = print_all(&sampled, once, err);
    }
    tg_sampled_close(&sampled);
    return status;
}
