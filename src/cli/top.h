/*
 * top: what `tachograph top` shows, apart from the terminal it shows it on.
 *
 * struct tg_top is what the person at the keys has chosen. A press changes it (top_keys.c); a frame is a function of
 * it, of a view of the figures and of the size of the screen, and nothing but lines of text (top_screen.c). The same
 * rows are printed as plain lines (top_text.c); as JSON they are answer/live_json.h.
 *
 * Threads: values belong to their owner. Units: nanoseconds.
 */
#ifndef TG_TOP_H
#define TG_TOP_H

#include "base/strbuf.h"
#include "cli/key.h"
#include "cli/terminal.h"
#include "profile/live_view.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_TOP_FILTER_SIZE 128
#define TG_TOP_ROWS        30 /* of plain lines, unless told otherwise */

struct tg_top {
    struct tg_live_query query; /* its filter is the one below */
    char filter[TG_TOP_FILTER_SIZE];
    bool is_typing; /* keys go into the filter */
    bool is_paused;
    bool shows_help;
    bool has_cursor; /* in lists whose rows can be entered */
    size_t cursor;   /* row that is chosen there */
    size_t first;    /* row on the first line */
    size_t help_first;
    size_t page;  /* rows that the last frame had room for */
    size_t limit; /* rows to be shown; 0: all */
    tg_ns interval_ns;
};

void tg_top_init(struct tg_top *top);

/* Acts on a key. `view` is what the person sees. False: it is over. */
bool tg_top_press(struct tg_top *top, const struct tg_live_view *view, const struct tg_key *key);

/* Appends a frame: `height` lines, each ended by a newline and at most as wide as the terminal. Moves the first row and
 * the cursor to where there are rows. */
void tg_top_draw(struct tg_top *top, const struct tg_live *live, const struct tg_live_view *view,
                 const struct tg_terminal *terminal, size_t height, struct tg_strbuf *out);

/* Appends the figures as lines, without a limit of their number. */
void tg_top_print_text(const struct tg_top *top, const struct tg_live *live, const struct tg_live_view *view,
                       const struct tg_terminal *terminal, struct tg_strbuf *out);

/* For the two texts: the rows from `first` on, at most `count`, with titles. */
struct tg_top_rows {
    const struct tg_live *live;
    const struct tg_live_view *view;
    const struct tg_live_query *query;
    size_t first;
    size_t count;
    size_t chosen; /* SIZE_MAX: none */
};
void tg_top_append_rows(const struct tg_top_rows *rows, const struct tg_terminal *terminal, struct tg_strbuf *out);

/* "2 processes, 1 ended" */
void tg_top_append_processes(const struct tg_live_sums *sums, struct tg_strbuf *out);
/* "3 calls found no space, 1 figure torn": what the figures do not show; nothing where they show all. */
void tg_top_append_quality(const struct tg_live_sums *sums, struct tg_strbuf *out);
/* Why there are no rows, and what to do. */
void tg_top_append_nothing(const struct tg_live *live, const struct tg_live_query *query, struct tg_strbuf *out);
/* "running", "ended", "cut off" */
const char *tg_top_state(const struct tg_live_process *process);

#endif
