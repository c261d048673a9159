/* top_sampled_screen: the rows as lines of text, and the keys. See top_sampled.h.
 *
 * From above: the process, what is shown, the table, the keys; a low terminal does without the keys first. */
#include "base/humanize.h"
#include "base/utf8.h"
#include "cli/printable.h"
#include "cli/sparkline.h"
#include "cli/table.h"
#include "cli/top_sampled.h"
#include "export/export_group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEIGHT_FOR_KEYS 5
#define NAME_LEAST      16
#define SPARKLINE_WIDTH 10

enum { SELF, TOTAL, CPU, GIL, EVER, HISTORY, NAME, PLACE, COLUMNS };

/* From left to right; what a narrow terminal does without, the highest `drop` first. */
static const struct tg_table_column all_columns[COLUMNS] = {
    [SELF] = {.title = "self", .width = 7, .drop = 1},
    [TOTAL] = {.title = "total", .width = 7, .drop = 3},
    [CPU] = {.title = "cpu", .width = 7, .drop = 4},
    [GIL] = {.title = "gil", .width = 7, .drop = 5},
    [EVER] = {.title = "ever", .width = 7, .drop = 6},
    [HISTORY] = {.title = "lately", .left = true, .width = SPARKLINE_WIDTH, .drop = 7},
    [NAME] = {.title = "function", .left = true, .least = NAME_LEAST, .width = NAME_LEAST},
    [PLACE] = {.title = "file", .left = true, .dim = true, .least = NAME_LEAST, .path = true, .drop = 2},
};

static const int column_of_sort[TG_SAMPLED_SORTS] = {
    [TG_SAMPLED_SELF] = SELF, [TG_SAMPLED_TOTAL] = TOTAL, [TG_SAMPLED_CPU] = CPU,
    [TG_SAMPLED_GIL] = GIL,   [TG_SAMPLED_EVER] = EVER,   [TG_SAMPLED_NAME] = NAME};

/* More than the whole is possible: two threads in the same function. */
static void append_share(const struct tg_sampled *sampled, uint64_t ns, struct tg_strbuf *out) {
    uint64_t permille =
        sampled->watched_ns > 0 ? (ns * 1000 + (uint64_t)sampled->watched_ns / 2) / (uint64_t)sampled->watched_ns : 0;
    if (ns == 0) {
        tg_strbuf_append_char(out, '-');
    } else {
        tg_strbuf_printf(out, "%" PRIu64 ".%" PRIu64 " %%", permille / 10, permille % 10);
    }
}

static void append_history(const struct tg_sampled *sampled, const struct tg_sampled_row *row, struct tg_strbuf *out) {
    struct tg_sparkline_point points[TG_SAMPLED_HISTORY];
    size_t look_count = tg_sampled_rows_shown(sampled)->look_count;
    size_t known = look_count < TG_SAMPLED_HISTORY ? look_count : TG_SAMPLED_HISTORY;
    size_t count = 0;
    if (row->ever.wall_ns == 0) {
        return;
    }
    for (size_t i = TG_SAMPLED_HISTORY - known; i < TG_SAMPLED_HISTORY; i++) {
        points[count++] = (struct tg_sparkline_point){.position = (int64_t)i, .value = row->history[i]};
    }
    tg_sparkline_append(out, points, count, SPARKLINE_WIDTH);
}

static void append_place(const struct tg_sampled *sampled, const struct tg_sampled_row *row, struct tg_strbuf *out) {
    struct tg_symbol symbol = tg_symbols_get(&sampled->profile.symbols, row->number);
    tg_strbuf_append(out, tg_export_short_file(symbol.file));
    if (symbol.first_line) {
        tg_strbuf_printf(out, ":%" PRIu32, symbol.first_line);
    }
}

static void append_cell(const struct tg_sampled *sampled, const struct tg_sampled_row *row, int column,
                        struct tg_strbuf *out) {
    switch (column) {
    case SELF:
        append_share(sampled, row->self.wall_ns, out);
        break;
    case TOTAL:
        append_share(sampled, row->total.wall_ns, out);
        break;
    case CPU:
        append_share(sampled, row->self.cpu_ns, out);
        break;
    case GIL:
        append_share(sampled, row->self.gil_ns, out);
        break;
    case EVER:
        tg_strbuf_append(out, tg_humanize_duration((int64_t)(row->ever.wall_ns & INT64_MAX)).text);
        break;
    case HISTORY:
        append_history(sampled, row, out);
        break;
    case NAME:
        tg_sampled_append_name(sampled, row, out);
        break;
    default:
        append_place(sampled, row, out);
        break;
    }
}

static void append_table(const struct tg_sampled *sampled, const struct tg_sampled_row *const *rows, size_t count,
                         size_t chosen, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    struct tg_table_column columns[COLUMNS];
    size_t column_count = sampled->by_thread ? NAME + 1 : COLUMNS;
    memcpy(columns, all_columns, sizeof columns);
    columns[NAME].title = sampled->by_thread ? "thread" : "function";
    columns[column_of_sort[sampled->sort]].marked = true;
    columns[column_of_sort[sampled->sort]].drop = 0;
    struct tg_table table;
    struct tg_strbuf cell = TG_STRBUF_INIT;
    tg_table_init(&table, columns, column_count);
    for (size_t i = 0; i < count; i++) {
        for (size_t column = 0; column < column_count; column++) {
            tg_strbuf_truncate(&cell, 0);
            append_cell(sampled, rows[i], (int)column, &cell);
            tg_table_add_bytes(&table, tg_strbuf_text(&cell), cell.length);
        }
        if (i == chosen) {
            tg_table_style_row(&table, TG_TABLE_ROW_CHOSEN);
        } else if (rows[i]->total.sample_count == 0) {
            tg_table_style_row(&table, TG_TABLE_ROW_DIM);
        }
    }
    tg_table_print(&table, terminal, out);
    tg_strbuf_release(&cell);
    tg_table_release(&table);
}

/* Ends a line that may be too long. */
static void add_line(const struct tg_strbuf *text, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    if (terminal->width) {
        tg_printable_shorten(out, tg_strbuf_text(text), text->length, terminal->width);
    } else {
        tg_strbuf_append(out, tg_strbuf_text(text));
    }
    tg_strbuf_append_char(out, '\n');
}

/* Of the interval, where it is worth a word: looks that fell out may belong to the one before, and nobody may have been
 * there to be read. Why looks were late is not known: the machine, the rate, who has stopped us. */
static void append_unwatched(const struct tg_sampled *sampled, struct tg_strbuf *line) {
    tg_ns interval_ns = sampled->interval_ns;
    tg_ns left_ns = interval_ns - sampled->watched_ns;
    tg_ns unwatched_ns = sampled->unwatched_ns < left_ns ? sampled->unwatched_ns : left_ns;
    if (unwatched_ns > 0 && unwatched_ns >= interval_ns / 100) {
        tg_strbuf_printf(line, "; %s of the time nobody looked, as %s look%s came too late",
                         tg_humanize_share((uint64_t)unwatched_ns, (uint64_t)interval_ns).text,
                         tg_humanize_count(sampled->missed_count).text, sampled->missed_count == 1 ? "" : "s");
    }
}

/* "functions of worker 4712 by self, every 1.00 s at 100 Hz; 3 of 310 stacks read could not be proven right" */
static void append_scope(const struct tg_sampled *sampled, struct tg_strbuf *line) {
    struct tg_sampler_quality quality = tg_family_quality(&sampled->family);
    if (sampled->is_stopped && !sampled->has_ended) {
        tg_strbuf_printf(line, "STOPPED ('kill -CONT %ld' lets it go on)  ", (long)sampled->options.pid);
    }
    tg_strbuf_append(line, sampled->has_ended ? "ENDED  " : sampled->is_paused ? "PAUSED  " : "");
    tg_strbuf_append(line, sampled->by_thread ? "threads" : "functions");
    if (sampled->thread != UINT32_MAX && !sampled->by_thread) {
        const struct tg_profile_thread *thread = sampled->profile.threads[sampled->thread];
        tg_strbuf_printf(line, " of %s %" PRIu64, thread->name, thread->thread_id);
    }
    tg_strbuf_printf(line, " by %s", tg_sampled_sort_names[sampled->sort]);
    if (sampled->filter[0] && !sampled->is_typing) {
        tg_strbuf_append(line, ", with '");
        tg_printable_append(line, sampled->filter, strlen(sampled->filter));
        tg_strbuf_append(line, "'");
    }
    tg_strbuf_printf(line, ", every %s at %.0f Hz", tg_humanize_duration(sampled->options.interval_ns).text,
                     sampled->options.rate_hz);
    if (quality.lost_count) {
        uint64_t all = quality.lost_count + quality.taken_count;
        tg_strbuf_printf(line, "; %s of %s stack%s read could not be proven right",
                         tg_humanize_count(quality.lost_count).text, tg_humanize_count(all).text, all == 1 ? "" : "s");
    }
    append_unwatched(sampled, line);
}

/* In place of a table. */
static void append_nothing(const struct tg_sampled *sampled, struct tg_strbuf *out) {
    tg_strbuf_append(out, sampled->filter[0]           ? "nothing here has that in its name or file\n"
                          : sampled->watched_ns == 0   ? "no look has read anything in this interval\n"
                          : sampled->options.with_idle ? "no Python function has been seen\n"
                                                       : "every thread waits; --idle shows those too\n");
}

static void add_scope(const struct tg_sampled *sampled, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    append_scope(sampled, &line);
    tg_strbuf_append(out, tg_terminal_dim(terminal));
    add_line(&line, terminal, out);
    tg_strbuf_truncate(out, out->length - 1);
    tg_strbuf_append(out, tg_terminal_plain(terminal));
    tg_strbuf_append_char(out, '\n');
    tg_strbuf_release(&line);
}

void tg_sampled_print(const struct tg_sampled *sampled, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    size_t count = 0;
    const struct tg_sampled_row **rows = tg_sampled_list(sampled, &count);
    add_line(&sampled->title, terminal, out);
    add_scope(sampled, terminal, out);
    size_t shown = sampled->options.limit && sampled->options.limit < count ? sampled->options.limit : count;
    if (rows && count > 0) {
        append_table(sampled, rows, shown, SIZE_MAX, terminal, out);
    } else {
        append_nothing(sampled, out);
    }
    free(rows);
}

static const char *const help_lines[] = {
    "q ^C      quit",
    "s S < >   sort by the next, or the previous, column",
    "/         type what names or files must have in them; esc ends that",
    "t a       threads; functions, of all threads. enter looks into a thread",
    "space     pause; nothing is sampled meanwhile",
    "arrows, page up, page down, home, end   move",
    "",
    "self      of the interval, the time in the function itself",
    "total     the same with what it calls; recursion counts once",
    "cpu gil   of self: on a processor; with the interpreter's lock",
    "ever      self since you look; in a thread, since you look into it",
    "lately    self in the last intervals of that time",
    "          shares are of one thread, and of the time that was looked at:",
    "          two that work all the time have 200 %",
};
#define HELP_LINES (sizeof help_lines / sizeof help_lines[0])

static void add_keys(const struct tg_sampled *sampled, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    if (sampled->is_typing) {
        tg_strbuf_append(&line, "filter: ");
        tg_printable_append(&line, sampled->filter, strlen(sampled->filter));
        tg_strbuf_append_char(&line, '_');
    } else if (sampled->shows_help) {
        tg_strbuf_append(&line, "any key goes back, q quits");
    } else {
        tg_strbuf_append(&line, "q quit  h help  s sort  / filter  ");
        tg_strbuf_append(&line, sampled->by_thread ? "a functions  enter open  " : "t threads  ");
        tg_strbuf_append(&line, sampled->is_paused ? "space resume" : "space pause");
        tg_strbuf_append(&line, sampled->thread != UINT32_MAX || sampled->filter[0] ? "  esc back" : "");
    }
    tg_printable_shorten_start(out, tg_strbuf_text(&line), line.length, terminal->width);
    tg_strbuf_append_char(out, '\n');
    tg_strbuf_release(&line);
}

static void keep_in_place(struct tg_sampled *sampled, size_t count) {
    size_t page = sampled->page ? sampled->page : 1;
    size_t last = count ? count - 1 : 0;
    sampled->cursor = sampled->cursor < last ? sampled->cursor : last;
    if (sampled->by_thread) {
        sampled->first = sampled->cursor < sampled->first ? sampled->cursor : sampled->first;
        sampled->first = sampled->cursor >= sampled->first + page ? sampled->cursor - page + 1 : sampled->first;
    }
    size_t last_first = count > page ? count - page : 0;
    sampled->first = sampled->first < last_first ? sampled->first : last_first;
}

static void add_body(struct tg_sampled *sampled, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    size_t count = 0;
    const struct tg_sampled_row **rows = tg_sampled_list(sampled, &count);
    keep_in_place(sampled, count);
    size_t shown = count - sampled->first < sampled->page ? count - sampled->first : sampled->page;
    size_t chosen = sampled->by_thread ? sampled->cursor - sampled->first : SIZE_MAX;
    if (rows && shown > 0) {
        append_table(sampled, rows + sampled->first, shown, chosen, terminal, out);
    } else if (tg_sampled_rows_shown(sampled)->look_count > 0) {
        append_nothing(sampled, out);
    }
    free(rows);
}

void tg_sampled_draw(struct tg_sampled *sampled, const struct tg_terminal *terminal, size_t height,
                     struct tg_strbuf *out) {
    bool with_keys = height >= HEIGHT_FOR_KEYS || sampled->is_typing;
    size_t start = out->length;
    size_t wanted = height - (with_keys ? 1 : 0);
    sampled->page = wanted > 3 ? wanted - 3 : 1; /* the title, the scope, the columns' titles */
    add_line(&sampled->title, terminal, out);
    add_scope(sampled, terminal, out);
    if (sampled->shows_help) {
        for (size_t i = 0; i < HELP_LINES && i + 2 < wanted; i++) {
            tg_printable_shorten_start(out, help_lines[i], strlen(help_lines[i]), terminal->width);
            tg_strbuf_append_char(out, '\n');
        }
    } else {
        add_body(sampled, terminal, out);
    }
    size_t lines = 0;
    for (size_t i = start; i < out->length; i++) {
        lines += out->data[i] == '\n';
    }
    for (; lines < wanted; lines++) {
        tg_strbuf_append_char(out, '\n');
    }
    if (with_keys) {
        add_keys(sampled, terminal, out);
    }
}

static void rewind_list(struct tg_sampled *sampled) {
    sampled->first = 0;
    sampled->cursor = 0;
}

static void type(struct tg_sampled *sampled, const struct tg_key *key) {
    size_t length = strlen(sampled->filter);
    if (key->kind == TG_KEY_ENTER || key->kind == TG_KEY_ESCAPE) {
        sampled->is_typing = false;
        if (key->kind == TG_KEY_ESCAPE) {
            sampled->filter[0] = '\0';
        }
    } else if (key->kind == TG_KEY_CLEAR) {
        sampled->filter[0] = '\0';
    } else if (key->kind == TG_KEY_BACKSPACE && length > 0) {
        sampled->filter[tg_utf8_cut(sampled->filter, length, length - 1)] = '\0';
    } else if (key->kind == TG_KEY_TEXT && length + strlen(key->text) < sizeof sampled->filter) {
        memcpy(sampled->filter + length, key->text, strlen(key->text) + 1);
    }
    rewind_list(sampled);
}

static void choose_list(struct tg_sampled *sampled, bool by_thread, uint32_t thread) {
    if (sampled->thread != thread) {
        tg_sampled_choose_thread(sampled, thread);
    }
    sampled->by_thread = by_thread;
    sampled->filter[0] = '\0';
    rewind_list(sampled);
}

static void enter(struct tg_sampled *sampled) {
    size_t count = 0;
    const struct tg_sampled_row **rows = tg_sampled_list(sampled, &count);
    if (rows && sampled->by_thread && sampled->cursor < count) {
        choose_list(sampled, false, rows[sampled->cursor]->number);
    }
    free(rows);
}

static void leave(struct tg_sampled *sampled) {
    if (sampled->filter[0]) {
        sampled->filter[0] = '\0';
        rewind_list(sampled);
    } else if (sampled->thread != UINT32_MAX) {
        choose_list(sampled, true, UINT32_MAX);
    }
}

static void move(struct tg_sampled *sampled, enum tg_key_kind kind) {
    size_t *place = sampled->by_thread ? &sampled->cursor : &sampled->first;
    size_t page = sampled->page > 1 ? sampled->page - 1 : 1;
    size_t most = tg_sampled_rows_shown(sampled)->count;
    size_t count = kind == TG_KEY_UP || kind == TG_KEY_DOWN             ? 1
                   : kind == TG_KEY_PAGE_UP || kind == TG_KEY_PAGE_DOWN ? page
                                                                        : most;
    if (kind == TG_KEY_DOWN || kind == TG_KEY_PAGE_DOWN || kind == TG_KEY_END) {
        *place += count;
    } else {
        *place = *place > count ? *place - count : 0;
    }
}

static void sort_next(struct tg_sampled *sampled, int step) {
    sampled->sort = (enum tg_sampled_sort)(((int)sampled->sort + step + TG_SAMPLED_SORTS) % TG_SAMPLED_SORTS);
    rewind_list(sampled);
}

static bool press_letter(struct tg_sampled *sampled, char letter) {
    switch (letter) {
    case 'q':
        return false;
    case 'h':
    case '?':
        sampled->shows_help = true;
        break;
    case 's':
    case '>':
        sort_next(sampled, 1);
        break;
    case 'S':
    case '<':
        sort_next(sampled, -1);
        break;
    case '/':
        sampled->is_typing = true;
        break;
    case 't':
        choose_list(sampled, true, UINT32_MAX);
        break;
    case 'a':
        choose_list(sampled, false, UINT32_MAX);
        break;
    case ' ':
        tg_sampled_pause(sampled, tg_clock_monotonic_ns());
        break;
    default:
        break;
    }
    return true;
}

bool tg_sampled_press(struct tg_sampled *sampled, const struct tg_key *key) {
    if (sampled->is_typing) {
        type(sampled, key);
        return true;
    }
    if (sampled->shows_help) {
        sampled->shows_help = false;
        return !(key->kind == TG_KEY_TEXT && key->text[0] == 'q');
    }
    switch (key->kind) {
    case TG_KEY_TEXT:
        return press_letter(sampled, key->text[0]);
    case TG_KEY_ENTER:
        enter(sampled);
        break;
    case TG_KEY_ESCAPE:
        leave(sampled);
        break;
    case TG_KEY_LEFT:
        sort_next(sampled, -1);
        break;
    case TG_KEY_RIGHT:
        sort_next(sampled, 1);
        break;
    case TG_KEY_BACKSPACE:
    case TG_KEY_CLEAR:
        break;
    default:
        move(sampled, key->kind);
        break;
    }
    return true;
}
