/* table: see table.h. */
#include "cli/table.h"

#include "cli/printable.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GAP   ((size_t)2)
#define FLOOR ((size_t)4) /* the least of what is flexible, where there is no room for anything */

/* How little room there is: what may be left out, and how short the flexible columns may become. */
enum room {
    ROOM_FOR_MOST,
    ROOM_FOR_SOME,
    ROOM_FOR_NOTHING,
};

struct tg_table_cell {
    size_t start; /* in the table's text */
    size_t length;
    size_t width;
    enum tg_table_row_style row_style; /* of its row; the last cell's counts */
};

struct layout {
    size_t widths[TG_TABLE_COLUMNS_MAX];
    bool shown[TG_TABLE_COLUMNS_MAX];
};

void tg_table_init(struct tg_table *table, const struct tg_table_column *columns, size_t column_count) {
    assert(column_count <= TG_TABLE_COLUMNS_MAX);
    *table = (struct tg_table){.columns = columns, .column_count = column_count};
}

void tg_table_release(struct tg_table *table) {
    if (table) {
        tg_strbuf_release(&table->text);
        free(table->cells);
        *table = (struct tg_table){.columns = NULL};
    }
}

void tg_table_add_bytes(struct tg_table *table, const char *text, size_t length) {
    if (table->cell_count == table->cell_capacity) {
        size_t capacity = table->cell_capacity ? table->cell_capacity * 2 : 256;
        struct tg_table_cell *cells = realloc(table->cells, capacity * sizeof *cells);
        table->failed = table->failed || !cells;
        if (!cells) {
            return;
        }
        table->cells = cells;
        table->cell_capacity = capacity;
    }
    struct tg_table_cell *cell = &table->cells[table->cell_count++];
    cell->start = table->text.length;
    tg_printable_append(&table->text, text, length);
    cell->length = table->text.length - cell->start;
    cell->width = tg_printable_width(tg_strbuf_text(&table->text) + cell->start, cell->length);
    cell->row_style = TG_TABLE_ROW_PLAIN;
}

void tg_table_style_row(struct tg_table *table, enum tg_table_row_style style) {
    if (table->cell_count) {
        table->cells[table->cell_count - 1].row_style = style;
    }
}

void tg_table_add(struct tg_table *table, const char *text) {
    tg_table_add_bytes(table, text, strlen(text));
}

static void measure(const struct tg_table *table, struct layout *layout) {
    assert(table->column_count > 0);
    for (size_t i = 0; i < table->column_count; i++) {
        const char *title = table->columns[i].title;
        size_t width = tg_printable_width(title, strlen(title));
        layout->widths[i] = width > table->columns[i].width ? width : table->columns[i].width;
        layout->shown[i] = true;
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t *width = &layout->widths[i % table->column_count];
        *width = table->cells[i].width > *width ? table->cells[i].width : *width;
    }
}

/* How narrow a column may become: as it is, unless it is flexible. */
static size_t least_width(const struct tg_table *table, const struct layout *layout, size_t column, enum room room) {
    static const size_t limits[] = {
        [ROOM_FOR_MOST] = SIZE_MAX, [ROOM_FOR_SOME] = TG_TABLE_NARROW, [ROOM_FOR_NOTHING] = FLOOR};
    size_t width = layout->widths[column];
    size_t least = table->columns[column].least;
    if (least == 0) {
        return width;
    }
    least = least < limits[room] ? least : limits[room];
    return least < width ? least : width;
}

/* Columns of a whole line, each as narrow as it may become. */
static size_t least_line_width(const struct tg_table *table, const struct layout *layout, enum room room) {
    size_t total = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (layout->shown[i]) {
            total += (total ? GAP : 0) + least_width(table, layout, i, room);
        }
    }
    return total;
}

static size_t line_width(const struct tg_table *table, const struct layout *layout) {
    size_t total = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        total += layout->shown[i] ? (total ? GAP : 0) + layout->widths[i] : 0;
    }
    return total;
}

/* The shown column that is the first to go, or the number of columns. */
static size_t most_dispensable(const struct tg_table *table, const struct layout *layout, enum room room) {
    size_t found = table->column_count;
    unsigned most = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        unsigned order = room == ROOM_FOR_MOST ? table->columns[i].drop : table->columns[i].late;
        if (layout->shown[i] && order > most) {
            found = i;
            most = order;
        }
    }
    return found;
}

/* The shown column that is the first to be made shorter, or the number of columns. */
static size_t widest_flexible(const struct tg_table *table, const struct layout *layout, enum room room) {
    size_t found = table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        if (layout->shown[i] && least_width(table, layout, i, room) < layout->widths[i]
            && (found == table->column_count || layout->widths[i] >= layout->widths[found])) {
            found = i;
        }
    }
    return found;
}

/* Leaves out what has to be; how little room there is. */
static enum room leave_out(const struct tg_table *table, size_t width, struct layout *layout) {
    enum room room = ROOM_FOR_MOST;
    while (least_line_width(table, layout, room) > width) {
        size_t column = most_dispensable(table, layout, room);
        if (column < table->column_count) {
            layout->shown[column] = false;
        } else if (room == ROOM_FOR_NOTHING) {
            break;
        } else {
            room++;
        }
    }
    return room;
}

static void fit(const struct tg_table *table, size_t width, struct layout *layout) {
    enum room room = leave_out(table, width, layout);
    for (size_t total = line_width(table, layout); total > width; total--) {
        size_t column = widest_flexible(table, layout, room);
        if (column == table->column_count) {
            break;
        }
        layout->widths[column]--;
    }
}

static void lay_out(const struct tg_table *table, const struct tg_terminal *terminal, struct layout *layout) {
    measure(table, layout);
    if (terminal->width) {
        fit(table, terminal->width, layout);
    }
}

static size_t last_shown(const struct tg_table *table, const struct layout *layout) {
    size_t last = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        last = layout->shown[i] ? i : last;
    }
    return last;
}

struct cell_text {
    const char *text;
    size_t length;
    size_t width;
};

static void print_cell(struct tg_strbuf *out, const struct tg_table_column *column, const struct cell_text *cell,
                       size_t width, bool last) {
    size_t padding = cell->width < width ? width - cell->width : 0;
    tg_strbuf_append_repeated(out, ' ', column->left ? 0 : padding);
    if (column->path) {
        tg_printable_shorten_start(out, cell->text, cell->length, width);
    } else {
        tg_printable_shorten(out, cell->text, cell->length, width);
    }
    tg_strbuf_append_repeated(out, ' ', column->left && !last ? padding : 0);
}

static void print_titles(const struct tg_table *table, const struct layout *layout, const struct tg_terminal *terminal,
                         struct tg_strbuf *out) {
    size_t last = last_shown(table, layout);
    const char *gap = "";
    tg_strbuf_append(out, tg_terminal_bold(terminal));
    for (size_t i = 0; i < table->column_count; i++) {
        if (layout->shown[i]) {
            const char *title = table->columns[i].title;
            struct cell_text cell = {title, strlen(title), tg_printable_width(title, strlen(title))};
            bool marked = table->columns[i].marked;
            tg_strbuf_append(out, gap);
            tg_strbuf_append(out, marked ? tg_terminal_reverse(terminal) : "");
            print_cell(out, &table->columns[i], &cell, layout->widths[i], i == last);
            tg_strbuf_append(out, marked ? tg_terminal_plain(terminal) : "");
            tg_strbuf_append(out, marked ? tg_terminal_bold(terminal) : "");
            gap = "  ";
        }
    }
    tg_strbuf_append(out, tg_terminal_plain(terminal));
    tg_strbuf_append_char(out, '\n');
}

/* The last shown cell of a row that has text: lines do not end in blanks. */
static size_t last_filled(const struct tg_table *table, const struct layout *layout, size_t row) {
    size_t last = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        last = layout->shown[i] && table->cells[row * table->column_count + i].length ? i : last;
    }
    return last;
}

static const char *row_mark(const struct tg_table *table, const struct tg_terminal *terminal, size_t row) {
    switch (table->cells[(row + 1) * table->column_count - 1].row_style) {
    case TG_TABLE_ROW_DIM:
        return tg_terminal_dim(terminal);
    case TG_TABLE_ROW_CHOSEN:
        return tg_terminal_reverse(terminal);
    case TG_TABLE_ROW_PLAIN:
        break;
    }
    return "";
}

static void print_row(const struct tg_table *table, const struct layout *layout, const struct tg_terminal *terminal,
                      size_t row, struct tg_strbuf *out) {
    size_t last = last_filled(table, layout, row);
    const char *gap = "";
    const char *mark = row_mark(table, terminal, row);
    tg_strbuf_append(out, mark);
    for (size_t i = 0; i <= last; i++) {
        if (layout->shown[i]) {
            const struct tg_table_cell *cell = &table->cells[row * table->column_count + i];
            struct cell_text text = {tg_strbuf_text(&table->text) + cell->start, cell->length, cell->width};
            bool dim = table->columns[i].dim && !*mark;
            tg_strbuf_append(out, gap);
            tg_strbuf_append(out, dim ? tg_terminal_dim(terminal) : "");
            print_cell(out, &table->columns[i], &text, layout->widths[i], i == last);
            tg_strbuf_append(out, dim ? tg_terminal_plain(terminal) : "");
            gap = "  ";
        }
    }
    tg_strbuf_append(out, *mark ? tg_terminal_plain(terminal) : "");
    tg_strbuf_append_char(out, '\n');
}

void tg_table_print(const struct tg_table *table, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    if (table->failed || tg_strbuf_status(&table->text) != TG_OK) {
        out->failed = true;
        return;
    }
    struct layout layout;
    lay_out(table, terminal, &layout);
    print_titles(table, &layout, terminal, out);
    for (size_t row = 0; row < table->cell_count / table->column_count; row++) {
        print_row(table, &layout, terminal, row, out);
    }
}

void tg_table_append_hidden(const struct tg_table *table, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    struct layout layout;
    lay_out(table, terminal, &layout);
    const char *separator = "";
    for (size_t i = 0; i < table->column_count; i++) {
        if (!layout.shown[i]) {
            tg_strbuf_printf(out, "%s%s", separator, table->columns[i].title);
            separator = ", ";
        }
    }
}
