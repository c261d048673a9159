/* top_table: the rows of top as a table, for the screen and for plain lines. See top.h. */
#include "base/humanize.h"
#include "cli/table.h"
#include "cli/top.h"

#include <inttypes.h>
#include <string.h>

#define NAME_LEAST 16
#define NAME_MOST  32

struct cells {
    const struct tg_top_rows *rows;
    uint64_t interval_ns;
};

/* What stands in a cell: appended to an empty buffer. "-" says that there is nothing to tell. */
typedef void cell_writer(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out);

struct column {
    struct tg_table_column table;
    int sort;        /* the enum tg_live_sort it is the figure of; -1: none */
    unsigned groups; /* bits by enum tg_live_group: where it is shown */
    cell_writer *write;
};

static void append_duration(struct tg_strbuf *out, bool known, uint64_t ns) {
    tg_strbuf_append(out, known ? tg_humanize_duration(ns > INT64_MAX ? INT64_MAX : (int64_t)ns).text : "-");
}

static void append_count(struct tg_strbuf *out, uint64_t count) {
    tg_strbuf_append(out, count ? tg_humanize_count(count).text : "-");
}

static void write_rate(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    uint64_t count = row->since.call_count;
    tg_strbuf_append(out, count ? tg_humanize_rate(count, cells->interval_ns).text : "-");
}

static void write_average(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    append_duration(out, row->since.call_count > 0, tg_measures_average_ns(&row->since));
}

static void write_p99(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    append_duration(out, row->since.call_count > 0, row->since_p99_ns);
}

static void write_self(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    uint64_t whole = cells->rows->view->sums.since.self_ns;
    tg_strbuf_append(out, row->since.call_count ? tg_humanize_share(row->since.self_ns, whole).text : "-");
}

static void write_running(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    if (row->ever.running_count == 0) {
        tg_strbuf_append_char(out, '-');
    } else {
        tg_strbuf_printf(out, "%" PRId64, row->ever.running_count);
    }
}

static void write_error_rate(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    uint64_t count = row->since.error_count;
    tg_strbuf_append(out, count ? tg_humanize_rate(count, cells->interval_ns).text : "-");
}

static void write_errors(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    append_count(out, row->ever.error_count);
}

static void write_calls(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    append_count(out, row->ever.call_count);
}

static void write_total(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    append_duration(out, row->ever.call_count > 0, row->ever.total_ns);
}

static void write_pid(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    tg_strbuf_printf(out, "%" PRIu64, row->process->pid);
}

static void write_state(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    tg_strbuf_append(out, tg_top_state(row->process));
}

static void write_function(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    tg_strbuf_append_bytes(out, row->name->text, row->name->bytes);
}

static void write_program(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    const struct tg_live_process *process = row->process;
    tg_strbuf_append(out, process->program);
    if (process->service[0]) {
        tg_strbuf_printf(out, " (%s%s%s)", process->service, process->service_version[0] ? " " : "",
                         process->service_version);
    }
}

static void write_thread(const struct cells *cells, const struct tg_live_row *row, struct tg_strbuf *out) {
    (void)cells;
    if (row->thread_id) {
        tg_strbuf_printf(out, "%s %" PRIu64, row->thread_name, row->thread_id);
    } else {
        tg_strbuf_append(out, "(threads that ended)");
    }
}

#define ALL       7U
#define FUNCTIONS (1U << TG_LIVE_FUNCTIONS)
#define PROCESSES (1U << TG_LIVE_PROCESSES)
#define THREADS   (1U << TG_LIVE_THREADS)

/* From left to right, with widths that their figures seldom pass. `drop` says what a narrow terminal does without, the
 * highest first. */
static const struct column all_columns[] = {
    {{.title = "calls/s", .width = 9, .drop = 2}, TG_LIVE_SORT_CALLS, ALL, write_rate},
    {{.title = "average", .width = 7, .drop = 4}, TG_LIVE_SORT_AVERAGE, ALL, write_average},
    {{.title = "p99", .width = 7, .drop = 3}, TG_LIVE_SORT_P99, ALL, write_p99},
    {{.title = "self", .width = 7, .drop = 1}, TG_LIVE_SORT_SELF, ALL, write_self},
    {{.title = "running", .width = 7, .drop = 6}, TG_LIVE_SORT_RUNNING, ALL, write_running},
    {{.title = "errors/s", .width = 8, .drop = 7}, TG_LIVE_SORT_ERRORS, ALL, write_error_rate},
    {{.title = "errors", .width = 7, .drop = 9}, -1, ALL, write_errors},
    {{.title = "calls", .width = 11, .drop = 8}, -1, ALL, write_calls},
    {{.title = "total", .width = 7, .drop = 10}, -1, ALL, write_total},
    {{.title = "pid", .width = 7, .drop = 5}, -1, PROCESSES | THREADS, write_pid},
    {{.title = "state", .left = true, .width = 7, .drop = 5}, -1, PROCESSES, write_state},
    {{.title = "function", .left = true}, TG_LIVE_SORT_NAME, FUNCTIONS, write_function},
    {{.title = "program", .left = true}, TG_LIVE_SORT_NAME, PROCESSES, write_program},
    {{.title = "thread", .left = true}, TG_LIVE_SORT_NAME, THREADS, write_thread},
};
#define ALL_COLUMNS (sizeof all_columns / sizeof all_columns[0])

/* What the last column gets at least: a quarter of a line, but enough for a name, and on a narrow terminal what numbers
 * leave. */
static size_t name_least(const struct tg_terminal *terminal) {
    size_t least = terminal->width / 4;
    least = least < NAME_LEAST ? NAME_LEAST : least > NAME_MOST ? NAME_MOST : least;
    return least > terminal->width * 2 / 5 ? terminal->width * 2 / 5 : least;
}

static size_t choose_columns(const struct tg_live_query *query, const struct tg_terminal *terminal,
                             const struct column **columns, struct tg_table_column *table_columns) {
    size_t count = 0;
    for (size_t i = 0; i < ALL_COLUMNS; i++) {
        if (all_columns[i].groups & 1U << query->group) {
            columns[count] = &all_columns[i];
            table_columns[count] = all_columns[i].table;
            if (all_columns[i].sort == (int)query->sort) {
                table_columns[count].marked = true;
                table_columns[count].drop = 0;
            }
            count++;
        }
    }
    table_columns[count - 1].least = name_least(terminal);
    table_columns[count - 1].width = name_least(terminal); /* which columns are shown does not depend on the names */
    return count;
}

static void add_row(struct tg_table *table, const struct cells *cells, const struct column *const *columns,
                    size_t index, const struct tg_terminal *terminal) {
    const struct tg_live_row *row = &cells->rows->view->rows[index];
    bool is_chosen = index == cells->rows->chosen;
    struct tg_strbuf cell = TG_STRBUF_INIT;
    for (size_t i = 0; i < table->column_count; i++) {
        tg_strbuf_truncate(&cell, 0);
        bool is_last = i + 1 == table->column_count;
        tg_strbuf_append(&cell, is_chosen && is_last && !terminal->colour ? "> " : "");
        columns[i]->write(cells, row, &cell);
        tg_table_add_bytes(table, tg_strbuf_text(&cell), cell.length);
    }
    tg_strbuf_release(&cell);
    if (is_chosen) {
        tg_table_style_row(table, TG_TABLE_ROW_CHOSEN);
    } else if (tg_live_row_is_idle(row) || !row->alive) {
        tg_table_style_row(table, TG_TABLE_ROW_DIM);
    }
}

void tg_top_append_rows(const struct tg_top_rows *rows, const struct tg_terminal *terminal, struct tg_strbuf *out) {
    const struct column *columns[ALL_COLUMNS];
    struct tg_table_column table_columns[ALL_COLUMNS];
    struct cells cells = {.rows = rows, .interval_ns = (uint64_t)rows->live->interval_ns};
    size_t column_count = choose_columns(rows->query, terminal, columns, table_columns);
    struct tg_table table;
    tg_table_init(&table, table_columns, column_count);
    for (size_t i = 0; i < rows->count && rows->first + i < rows->view->row_count; i++) {
        add_row(&table, &cells, columns, rows->first + i, terminal);
    }
    tg_table_print(&table, terminal, out);
    tg_table_release(&table);
}
