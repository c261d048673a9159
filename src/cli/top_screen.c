/* top_screen: a frame as lines of text. See top.h.
 *
 * From above: what goes on in all, what is shown, the table, the keys. A low terminal does without the keys first, then
 * without the second line, then without the first. Figures stand at fixed places, so that nothing jumps. */
#include "base/humanize.h"
#include "cli/printable.h"
#include "cli/top.h"
#include "cli/wrap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEIGHT_FOR_SUMMARY 4
#define HEIGHT_FOR_KEYS    5
#define HEIGHT_FOR_SCOPE   6
#define HELP_COLUMNS       ((size_t)62)
#define HELP_INDENT        ((size_t)10)
#define SUMMARY_WIDTH      ((size_t)73) /* of its figures at their places */

struct frame {
    struct tg_top *top;
    const struct tg_live *live;
    const struct tg_live_view *view;
    const struct tg_terminal *terminal;
    struct tg_strbuf *out;
    size_t row_count; /* of the view, after the limit */
};

/* Ends a line that may be too long. */
static void add_line(const struct frame *frame, const struct tg_strbuf *text) {
    size_t width = frame->terminal->width;
    size_t length = text->length;
    while (length && tg_strbuf_text(text)[length - 1] == ' ') {
        length--;
    }
    tg_printable_shorten(frame->out, tg_strbuf_text(text), length, width);
    tg_strbuf_append_char(frame->out, '\n');
}

/* Appends one of the summary's figures, at its place or, on a narrow terminal, right behind the last one. */
static void append_figure(const struct frame *frame, struct tg_strbuf *line, const char *figure, size_t place,
                          const char *unit) {
    size_t start = line->length;
    bool is_wide = frame->terminal->width >= SUMMARY_WIDTH;
    size_t length = strlen(figure);
    size_t padding = is_wide && line->length + 2 + length < place ? place - line->length - length : 2;
    tg_strbuf_append_repeated(line, ' ', padding);
    tg_strbuf_printf(line, "%s %s", figure, unit);
    if (line->length > frame->terminal->width) {
        tg_strbuf_truncate(line, start);
    }
}

/* Processes and rates: as many as there is room for. */
static void add_summary(const struct frame *frame) {
    const struct tg_live_sums *sums = &frame->view->sums;
    uint64_t interval_ns = (uint64_t)frame->live->interval_ns;
    struct tg_strbuf line = TG_STRBUF_INIT;
    char running[24];
    snprintf(running, sizeof running, "%" PRId64, sums->ever.running_count);
    tg_top_append_processes(sums, &line);
    append_figure(frame, &line, tg_humanize_rate(sums->since.call_count, interval_ns).text, 34, "calls/s");
    append_figure(frame, &line, tg_humanize_rate(sums->since.error_count, interval_ns).text, 50, "errors/s");
    append_figure(frame, &line, running, 65, "running");
    add_line(frame, &line);
    tg_strbuf_release(&line);
}

static const struct tg_live_process *entered_process(const struct frame *frame) {
    for (size_t i = 0; i < frame->live->process_count; i++) {
        if (frame->live->processes[i]->number == frame->top->query.process) {
            return frame->live->processes[i];
        }
    }
    return NULL;
}

/* "functions of 15323 shop.py by self" */
static void append_scope(const struct frame *frame, struct tg_strbuf *line) {
    static const char *const groups[] = {"functions", "processes", "threads"};
    const struct tg_live_query *query = &frame->top->query;
    tg_strbuf_append(line, groups[query->group]);
    if (query->process) {
        const struct tg_live_process *process = entered_process(frame);
        if (query->one_thread && query->thread_id) {
            tg_strbuf_printf(line, " of thread %" PRIu64 " in", query->thread_id);
        } else {
            tg_strbuf_append(line, query->one_thread ? " of ended threads in" : " of");
        }
        if (process) {
            tg_strbuf_printf(line, " %" PRIu64 " ", process->pid);
            tg_printable_append(line, process->program, strlen(process->program));
        } else {
            tg_strbuf_append(line, " a process that is gone");
        }
    }
    tg_strbuf_printf(line, " by %s", tg_live_sort_names[query->sort]);
}

/* The interval that was asked for, or the one that it was. */
static void append_interval(const struct frame *frame, struct tg_strbuf *line) {
    tg_ns wanted_ns = frame->top->interval_ns;
    tg_ns is_ns = frame->live->interval_ns;
    if (frame->top->is_paused || is_ns == 0) {
        return;
    }
    if (is_ns > wanted_ns / 10 * 11) {
        tg_strbuf_printf(line, ", in the last %s", tg_humanize_duration(is_ns).text);
    } else {
        tg_strbuf_printf(line, ", every %s", tg_humanize_duration(wanted_ns).text);
    }
}

static void add_scope(const struct frame *frame) {
    const struct tg_top *top = frame->top;
    struct tg_strbuf line = TG_STRBUF_INIT;
    struct tg_strbuf problems = TG_STRBUF_INIT;
    size_t start;
    if (top->is_paused) {
        tg_strbuf_append(&line, "PAUSED  ");
    }
    append_scope(frame, &line);
    if (top->filter[0] && !top->is_typing) {
        tg_strbuf_append(&line, ", with '");
        tg_printable_append(&line, top->filter, strlen(top->filter));
        tg_strbuf_append(&line, "'");
    }
    start = line.length;
    append_interval(frame, &line);
    if (line.length > frame->terminal->width) { /* the first thing to go */
        tg_strbuf_truncate(&line, start);
    }
    tg_top_append_quality(&frame->view->sums, &problems);
    if (problems.length) {
        tg_strbuf_printf(&line, "; note: %s", tg_strbuf_text(&problems));
    }
    tg_strbuf_append(frame->out, tg_terminal_dim(frame->terminal));
    add_line(frame, &line);
    tg_strbuf_truncate(frame->out, frame->out->length - 1);
    tg_strbuf_append(frame->out, tg_terminal_plain(frame->terminal));
    tg_strbuf_append_char(frame->out, '\n');
    tg_strbuf_release(&problems);
    tg_strbuf_release(&line);
}

/* What the person types, or what can be pressed. */
static void add_keys(const struct frame *frame) {
    static const char *const all_keys[][2] = {
        {"q", "quit"},      {"h", "help"},    {"s", "sort"},      {"/", "filter"},   {"a", "all"},
        {"p", "processes"}, {"t", "threads"}, {"space", "pause"}, {"enter", "open"}, {"esc", "back"},
    };
    const struct tg_top *top = frame->top;
    size_t used = 0;
    if (top->shows_help) {
        tg_strbuf_append(frame->out,
                         frame->terminal->width < 40 ? "any key goes back" : "any key goes back, q quits, arrows move");
        return;
    }
    if (top->is_typing) {
        struct tg_strbuf line = TG_STRBUF_INIT;
        tg_strbuf_append(&line, "filter: ");
        tg_printable_append(&line, top->filter, strlen(top->filter));
        tg_strbuf_append(&line, "_");
        tg_printable_shorten_start(frame->out, tg_strbuf_text(&line), line.length, frame->terminal->width);
        tg_strbuf_release(&line);
        return;
    }
    size_t count = sizeof all_keys / sizeof all_keys[0];
    for (size_t i = 0; i < count; i++) {
        bool is_open = strcmp(all_keys[i][0], "enter") == 0;
        bool is_back = strcmp(all_keys[i][0], "esc") == 0;
        if ((is_open && !top->has_cursor) || (is_back && !top->filter[0] && !top->query.process)) {
            continue;
        }
        const char *what = top->is_paused && strcmp(all_keys[i][1], "pause") == 0 ? "resume" : all_keys[i][1];
        size_t width = strlen(all_keys[i][0]) + 1 + strlen(what) + (used ? 2 : 0);
        if (used + width > frame->terminal->width) {
            continue;
        }
        tg_strbuf_printf(frame->out, "%s%s%s%s %s%s%s", used ? "  " : "", tg_terminal_bold(frame->terminal),
                         all_keys[i][0], tg_terminal_plain(frame->terminal), tg_terminal_dim(frame->terminal), what,
                         tg_terminal_plain(frame->terminal));
        used += width;
    }
}

/* Keys and titles, and what they mean; "": an empty line. */
static const char *const help_lines[][2] = {
    {"q ^C", "quit"},
    {"s S < >", "sort by the next, or the previous, column"},
    {"/", "type what names must have in them; esc ends that"},
    {"a", "functions, of all processes together"},
    {"p t", "processes; threads. enter looks into one, esc leaves"},
    {"space", "pause; the next figures are of all the time since"},
    {"arrows", "move; so do page up, page down, home and end"},
    {"", ""},
    {"calls/s", "calls that ended, for each second"},
    {"average", "how long they took"},
    {"p99", "what 99 % of them did not exceed (within 6.25 %)"},
    {"self", "of the time spent in timed functions, the part spent here and not in timed functions called from here"},
    {"running", "calls that have not ended"},
    {"errors/s", "calls that ended with an exception"},
    {"errors", "as calls and total: ever, not only in the last interval"},
    {"dim", "nothing has ended or runs, or its process has ended"},
    {"cut off", "a process that ended in the middle of calls: killed, or with threads that nobody waited for"},
};
#define HELP_LINES (sizeof help_lines / sizeof help_lines[0])

static size_t count_lines(const struct tg_strbuf *text, size_t start) {
    size_t count = 0;
    for (size_t i = start; i < text->length; i++) {
        count += text->data[i] == '\n';
    }
    return count;
}

/* All of the help, for a terminal so wide. */
static void wrap_help(struct tg_strbuf *out, size_t width) {
    bool is_wide = width >= HELP_COLUMNS / 2;
    size_t indent = is_wide ? HELP_INDENT : 2;
    for (size_t i = 0; i < HELP_LINES; i++) {
        const char *key = help_lines[i][0];
        size_t start = out->length;
        tg_strbuf_append(out, key);
        if (*key) {
            tg_strbuf_append_repeated(out, ' ', is_wide ? HELP_INDENT - strlen(key) : 2);
        }
        tg_wrap_append(out, help_lines[i][1], width < HELP_COLUMNS ? width : HELP_COLUMNS, out->length - start, indent);
    }
}

/* A page of it: as far as it was moved, and so that the last page is full. */
static void add_help(const struct frame *frame, size_t height) {
    struct tg_strbuf all = TG_STRBUF_INIT;
    wrap_help(&all, frame->terminal->width);
    size_t line_count = count_lines(&all, 0);
    size_t last_first = line_count > height ? line_count - height : 0;
    size_t first = frame->top->help_first < last_first ? frame->top->help_first : last_first;
    const char *line = tg_strbuf_text(&all);
    frame->top->help_first = first;
    for (size_t i = 0; i < first + height; i++) {
        size_t length = strcspn(line, "\n");
        if (i >= first) {
            struct tg_strbuf text = TG_STRBUF_INIT;
            tg_strbuf_append_bytes(&text, line, length);
            add_line(frame, &text);
            tg_strbuf_release(&text);
        }
        line += length + (line[length] == '\n');
    }
    tg_strbuf_release(&all);
}

static void add_table(const struct frame *frame, size_t height) {
    size_t start = frame->out->length;
    struct tg_top_rows rows = {
        .live = frame->live,
        .view = frame->view,
        .query = &frame->top->query,
        .first = frame->top->first,
        .count = height - 1,
        .chosen = frame->top->has_cursor ? frame->top->cursor : SIZE_MAX,
    };
    if (rows.first + rows.count > frame->row_count) {
        rows.count = frame->row_count - rows.first;
    }
    tg_top_append_rows(&rows, frame->terminal, frame->out);
    if (frame->row_count == 0 && height > 1) {
        struct tg_strbuf line = TG_STRBUF_INIT;
        tg_top_append_nothing(frame->live, &frame->top->query, &line);
        add_line(frame, &line);
        tg_strbuf_release(&line);
    }
    for (size_t lines = count_lines(frame->out, start); lines < height; lines++) {
        tg_strbuf_append_char(frame->out, '\n');
    }
}

/* Keeps the first row and the cursor among the rows, and the cursor on the screen. */
static void keep_in_place(struct tg_top *top, size_t row_count) {
    size_t last = row_count ? row_count - 1 : 0;
    size_t page = top->page ? top->page : 1;
    top->cursor = top->cursor > last ? last : top->cursor;
    if (top->has_cursor) {
        top->first = top->cursor < top->first ? top->cursor : top->first;
        top->first = top->cursor >= top->first + page ? top->cursor - page + 1 : top->first;
    }
    size_t last_first = row_count > page ? row_count - page : 0;
    top->first = top->first > last_first ? last_first : top->first;
}

void tg_top_draw(struct tg_top *top, const struct tg_live *live, const struct tg_live_view *view,
                 const struct tg_terminal *terminal, size_t height, struct tg_strbuf *out) {
    bool with_summary = height >= HEIGHT_FOR_SUMMARY;
    bool with_scope = height >= HEIGHT_FOR_SCOPE;
    bool with_keys = height >= HEIGHT_FOR_KEYS || top->is_typing;
    size_t table_height = height - with_summary - with_scope - with_keys;
    struct frame frame = {.top = top, .live = live, .view = view, .terminal = terminal, .out = out};
    frame.row_count = top->limit && top->limit < view->row_count ? top->limit : view->row_count;
    top->page = table_height > 1 ? table_height - 1 : 0;
    keep_in_place(top, frame.row_count);
    if (with_summary) {
        add_summary(&frame);
    }
    if (with_scope) {
        add_scope(&frame);
    }
    if (top->shows_help) {
        add_help(&frame, table_height);
    } else if (table_height > 0) {
        add_table(&frame, table_height);
    }
    if (with_keys) {
        add_keys(&frame);
        tg_strbuf_append_char(out, '\n');
    }
}
