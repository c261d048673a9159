/*
 * table: rows and columns as aligned text.
 *
 * Columns are two blanks apart. Where the rows are wider than the terminal, first whole columns are left out, those
 * with the highest `drop` first, while the flexible columns would get less than their least width; on very narrow ones
 * also those with the highest `late`, while the flexible columns would get less than TG_TABLE_NARROW. Then the flexible
 * columns are shortened, always the widest of them. Lines are never wrapped. Widths count columns of a terminal, not
 * bytes.
 */
#ifndef TG_TABLE_H
#define TG_TABLE_H

#include "base/strbuf.h"
#include "cli/terminal.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_table_column {
    const char *title;
    bool left;     /* aligned to the left; numbers are to the right */
    bool dim;      /* less important */
    unsigned drop; /* how soon it is left out; 0: not among the first */
    unsigned late; /* how soon after those; 0: it has a `drop`, or is always shown */
    size_t least;  /* columns it may be shortened to; 0: not flexible */
    bool path;     /* shortened at the beginning, others in the middle */
    size_t width;  /* columns it takes at least, so that a table that is printed again does not jump */
    bool marked;   /* its title stands out: what the rows are sorted by */
};

enum tg_table_row_style {
    TG_TABLE_ROW_PLAIN,
    TG_TABLE_ROW_DIM,    /* less important */
    TG_TABLE_ROW_CHOSEN, /* stands out */
};

struct tg_table {
    const struct tg_table_column *columns; /* borrowed */
    size_t column_count;
    struct tg_strbuf text;       /* all cells, one after the other */
    struct tg_table_cell *cells; /* row by row */
    size_t cell_count;
    size_t cell_capacity;
    bool failed;
};

#define TG_TABLE_COLUMNS_MAX 24
#define TG_TABLE_NARROW      ((size_t)12) /* columns that still say which function it is */

void tg_table_init(struct tg_table *table, const struct tg_table_column *columns, size_t column_count);
void tg_table_release(struct tg_table *table);

/* The next cell, from left to right and row by row; any text, it is made printable. */
void tg_table_add(struct tg_table *table, const char *text);
void tg_table_add_bytes(struct tg_table *table, const char *text, size_t length);

/* Of the row that the last cell was added to. */
void tg_table_style_row(struct tg_table *table, enum tg_table_row_style style);

/* Appends the titles and all rows, a line each. Failure to allocate shows in the status of `out`. */
void tg_table_print(const struct tg_table *table, const struct tg_terminal *terminal, struct tg_strbuf *out);

/* Appends the titles of the columns that the terminal has no room for, "p50, file"; nothing when all are shown. */
void tg_table_append_hidden(const struct tg_table *table, const struct tg_terminal *terminal, struct tg_strbuf *out);

#endif
