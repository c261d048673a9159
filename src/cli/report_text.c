/* report_text: the report for a person. See report.h. */
#include "base/humanize.h"
#include "cli/fact.h"
#include "cli/printable.h"
#include "cli/report.h"
#include "cli/table.h"
#include "record/control.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX  6 /* named one by one */
#define FUNCTION_LEAST 24
#define LOCATION_LEAST 16
#define THREAD_LEAST   12

struct text {
    const struct tg_report *report;
    const struct tg_report_options *options;
    const struct tg_terminal *terminal;
    struct tg_strbuf *out;
    struct tg_strbuf hidden; /* columns that there was no room for */
    char directory[4096];    /* where we are, with a slash: paths below it are shown from there */
};

/* What stands in a cell: appended to an empty buffer. */
typedef void cell_writer(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out);

struct column {
    struct tg_table_column table;
    int sort; /* the enum tg_run_sort it is the figure of; -1: none */
    cell_writer *write;
};

static void append_duration(struct tg_strbuf *out, uint64_t ns) {
    tg_strbuf_append(out, tg_humanize_duration(ns > INT64_MAX ? INT64_MAX : (int64_t)ns).text);
}

/* Figures of calls that ended; there may be none yet. */
static void append_figure(struct tg_strbuf *out, const struct tg_measures *measures, uint64_t ns) {
    if (measures->call_count) {
        append_duration(out, ns);
    } else {
        tg_strbuf_append_char(out, '-');
    }
}

static void write_calls(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    tg_strbuf_append(out, tg_humanize_count(row->measures.call_count).text);
}

static void write_total(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, row->measures.total_ns);
}

static void write_self(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, row->measures.self_ns);
}

static void write_cumulative(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, row->measures.cumulative_ns);
}

static void write_average(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, tg_measures_average_ns(&row->measures));
}

static void write_p50(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, tg_measures_percentile(&row->measures, 50));
}

static void write_p99(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, tg_measures_percentile(&row->measures, 99));
}

static void write_maximum(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    append_figure(out, &row->measures, row->measures.maximum_ns);
}

static void write_errors(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    tg_strbuf_append(out, tg_humanize_count(row->measures.error_count).text);
}

static void write_running(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    tg_strbuf_printf(out, "%" PRId64, row->measures.running_count);
}

static void write_thread(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    if (text->report->recording_count > 1) {
        tg_strbuf_printf(out, "%" PRIu64 " ", row->pid);
    }
    if (row->thread_id) {
        tg_strbuf_printf(out, "%s %" PRIu64, row->thread_name, row->thread_id);
    } else {
        tg_strbuf_append(out, "(ended)");
    }
}

static void write_function(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    (void)text;
    tg_strbuf_append_bytes(out, row->name, row->name_bytes);
}

static void write_location(const struct text *text, const struct tg_run_row *row, struct tg_strbuf *out) {
    size_t below = strlen(text->directory);
    if (below >= row->file_bytes || memcmp(row->file, text->directory, below) != 0) {
        below = 0;
    }
    tg_strbuf_append_bytes(out, row->file + below, row->file_bytes - below);
    if (row->file_bytes && row->line) {
        tg_strbuf_printf(out, ":%" PRIu32, row->line);
    }
}

/* From left to right. `drop` says what a narrow terminal does without, the highest first; `late` what a very narrow one
 * does. */
static const struct column all_columns[] = {
    {{.title = "calls", .late = 1}, TG_RUN_SORT_CALLS, write_calls},
    {{.title = "total", .late = 2}, TG_RUN_SORT_TOTAL, write_total},
    {{.title = "self", .late = 3}, TG_RUN_SORT_SELF, write_self},
    {{.title = "cumulative"}, TG_RUN_SORT_CUMULATIVE, write_cumulative},
    {{.title = "average", .drop = 1}, TG_RUN_SORT_AVERAGE, write_average},
    {{.title = "p50", .drop = 4}, TG_RUN_SORT_P50, write_p50},
    {{.title = "p99", .drop = 2}, TG_RUN_SORT_P99, write_p99},
    {{.title = "max", .drop = 3}, TG_RUN_SORT_MAXIMUM, write_maximum},
    {{.title = "errors", .late = 4}, TG_RUN_SORT_ERRORS, write_errors},
    {{.title = "running", .late = 5}, -1, write_running},
    {{.title = "thread", .left = true, .least = THREAD_LEAST}, -1, write_thread},
    {{.title = "function", .left = true, .least = FUNCTION_LEAST}, -1, write_function},
    {{.title = "file", .left = true, .dim = true, .least = LOCATION_LEAST, .path = true, .drop = 5},
     -1,
     write_location},
};
#define ALL_COLUMNS (sizeof all_columns / sizeof all_columns[0])

struct facts {
    bool any_errors;
    bool any_running;
    bool any_file;
};

static struct facts facts_of(const struct tg_report *report) {
    struct facts facts = {.any_errors = false};
    for (size_t i = 0; i < report->shown_count; i++) {
        const struct tg_run_row *row = &report->totals.rows[i];
        facts.any_errors = facts.any_errors || row->measures.error_count;
        facts.any_running = facts.any_running || row->measures.running_count;
        facts.any_file = facts.any_file || row->file_bytes;
    }
    return facts;
}

static bool is_wanted(const struct column *column, const struct text *text, const struct facts *facts) {
    if (column->write == write_cumulative) {
        return text->options->sort == TG_RUN_SORT_CUMULATIVE;
    }
    if (column->write == write_running) {
        return facts->any_running;
    }
    if (column->write == write_thread) {
        return text->report->totals.by_thread;
    }
    return column->write != write_location || facts->any_file;
}

static size_t choose_columns(const struct text *text, struct column *columns) {
    struct facts facts = facts_of(text->report);
    size_t count = 0;
    for (size_t i = 0; i < ALL_COLUMNS; i++) {
        if (is_wanted(&all_columns[i], text, &facts)) {
            struct column *column = &columns[count++];
            *column = all_columns[i];
            if (column->write == write_errors && !facts.any_errors) {
                column->table.drop = 6;
            }
            if (column->sort == text->options->sort) {
                column->table.drop = column->table.late = 0;
            }
        }
    }
    return count;
}

static void print_table(struct text *text) {
    struct column columns[ALL_COLUMNS];
    struct tg_table_column table_columns[ALL_COLUMNS];
    size_t count = choose_columns(text, columns);
    for (size_t i = 0; i < count; i++) {
        table_columns[i] = columns[i].table;
    }
    struct tg_table table;
    struct tg_strbuf cell = TG_STRBUF_INIT;
    tg_table_init(&table, table_columns, count);
    for (size_t row = 0; row < text->report->shown_count; row++) {
        for (size_t i = 0; i < count; i++) {
            tg_strbuf_truncate(&cell, 0);
            columns[i].write(text, &text->report->totals.rows[row], &cell);
            tg_table_add_bytes(&table, tg_strbuf_text(&cell), cell.length);
        }
    }
    tg_table_print(&table, text->terminal, text->out);
    tg_table_append_hidden(&table, text->terminal, &text->hidden);
    tg_table_release(&table);
    tg_strbuf_release(&cell);
}

/* One line of the head. */
static void print_fact(const struct text *text, const char *label, const struct tg_strbuf *value) {
    tg_fact_append(text->out, text->terminal, label, tg_strbuf_text(value), value->length);
}

static const struct tg_header *header_of(const struct text *text, size_t index) {
    return text->report->recordings[index].reader.header;
}

/* The strings of a header end with a zero byte or with their array. */
static void append_field(struct tg_strbuf *out, const char *field, size_t size) {
    tg_strbuf_append_bytes(out, field, strnlen(field, size));
}

static void append_end(struct tg_strbuf *out, const struct tg_child_end *end) {
    if (end->by_signal) {
        const char *name = sigabbrev_np(end->code);
        tg_strbuf_printf(out, ", ended by SIG%s", name ? name : "(unknown)");
    } else {
        tg_strbuf_printf(out, ", ended with exit code %d", end->code);
    }
}

static void append_process(const struct text *text, size_t index, struct tg_strbuf *out) {
    const struct tg_report *report = text->report;
    uint64_t pid = header_of(text, index)->pid;
    tg_strbuf_printf(out, "%s%" PRIu64, index ? "; " : "", pid);
    if (report->recordings[index].reader.alive) {
        tg_strbuf_append(out, ", alive");
    } else if (report->end && report->end->pid == pid) {
        append_end(out, report->end);
    } else {
        tg_strbuf_append(out, ", ended");
    }
}

static void print_processes(const struct text *text) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    size_t count = text->report->recording_count;
    for (size_t i = 0; i < count && i < PROCESSES_MAX; i++) {
        append_process(text, i, &line);
    }
    if (count > PROCESSES_MAX) {
        tg_strbuf_printf(&line, "; and %zu more", count - PROCESSES_MAX);
    }
    if (count == 0 && text->report->end) {
        tg_strbuf_printf(&line, "%" PRIu64, text->report->end->pid);
        append_end(&line, text->report->end);
    }
    print_fact(text, count > 1 ? "processes" : "process", &line);
    tg_strbuf_release(&line);
}

static void append_time(struct tg_strbuf *out, int64_t wall_ns) {
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm local;
    char formatted[64];
    if (localtime_r(&seconds, &local) && strftime(formatted, sizeof formatted, "%Y-%m-%d %H:%M:%S %z", &local)) {
        tg_strbuf_append(out, formatted);
    }
}

static void print_times(const struct text *text) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    const struct tg_report *report = text->report;
    const struct tg_report_recording *first = report->recording_count ? &report->recordings[0] : NULL;
    int64_t lasted_ns = report->end ? report->end->duration_ns : 0;
    if (first || report->end) {
        append_time(&line, first ? first->reader.header->started_wall_ns : report->end->started_wall_ns);
    }
    if (first) {
        if (!report->end && first->reader.alive) {
            lasted_ns = tg_clock_monotonic_ns() - first->reader.header->started_monotonic_ns;
        }
    }
    if (lasted_ns > 0) {
        bool running = !report->end;
        tg_strbuf_printf(&line, "%s%s %s", line.length ? ", " : "", running ? "running for" : "lasted",
                         tg_humanize_duration(lasted_ns).text);
    }
    print_fact(text, "started", &line);
    tg_strbuf_release(&line);
}

/* What the first recording says, which is the program's own. */
static void print_identity(const struct text *text, const struct tg_header *header) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    append_field(&line, header->program, sizeof header->program);
    print_fact(text, "program", &line);
    tg_strbuf_truncate(&line, 0);
    append_field(&line, header->service, sizeof header->service);
    tg_strbuf_append(&line, header->service[0] && header->service_version[0] ? " " : "");
    append_field(&line, header->service_version, sizeof header->service_version);
    print_fact(text, "service", &line);
    tg_strbuf_release(&line);
}

static void print_measured(const struct text *text, const struct tg_header *header) {
    struct tg_strbuf line = TG_STRBUF_INIT;
    char version[32];
    const char *python = tg_report_python_version(header, version, sizeof version);
    tg_strbuf_printf(&line, "%s%s%sclock %s", *python ? "Python " : "", python, *python ? ", " : "",
                     tg_clock_name((enum tg_clock_kind)header->clock_kind));
    print_fact(text, "measured", &line);
    tg_strbuf_release(&line);
}

static void print_head(const struct text *text) {
    bool recorded = text->report->recording_count > 0;
    if (recorded) {
        print_identity(text, header_of(text, 0));
    } else if (text->report->program) {
        struct tg_strbuf line = TG_STRBUF_INIT;
        tg_strbuf_append(&line, text->report->program);
        print_fact(text, "program", &line);
        tg_strbuf_release(&line);
    }
    print_processes(text);
    print_times(text);
    if (recorded) {
        print_measured(text, header_of(text, 0));
    }
}

/* A line for a number that is not zero. */
static void note_count(struct tg_strbuf *out, uint64_t count, const char *what) {
    if (count) {
        tg_strbuf_printf(out, "note: %s %s\n", tg_humanize_count(count).text, what);
    }
}

static void append_notes(const struct text *text, struct tg_strbuf *out) {
    const struct tg_run_totals *totals = &text->report->totals;
    for (size_t i = 0; i < text->report->recording_count; i++) {
        if (text->report->recordings[i].reader.truncated) {
            tg_strbuf_append(out, "warning: ");
            tg_printable_append(out, text->report->recordings[i].path, strlen(text->report->recordings[i].path));
            tg_strbuf_append(out, " has been cut short: functions may be missing\n");
        }
    }
    note_count(out, totals->overflow_call_count, "calls are of functions for which the recording had no space");
    note_count(out, totals->unrecorded_call_count, "calls are of threads for which the recording had no space");
    note_count(out, totals->refused_function_count, "functions have no name: the recording had no space for them");
    note_count(out, totals->lost_child_count,
               "forked processes found no space for a recording: their calls are missing");
    note_count(out, totals->torn_count, "figures were read while they changed: one call may be half in");
    note_count(out, totals->damaged_count, "places of the recording lead nowhere: it is damaged, figures are missing");
    tg_fact_append_hidden(out, text->terminal, &text->hidden, "a wider terminal or -o FILE has room");
    size_t cut = totals->row_count - text->report->shown_count;
    if (cut) {
        tg_strbuf_printf(out, "%s more %s: --all shows every one, -n N the first N\n", tg_humanize_count(cut).text,
                         totals->by_thread ? "rows"
                         : cut == 1        ? "function"
                                           : "functions");
    }
    tg_strbuf_append_bytes(out, tg_strbuf_text(&text->report->notes), text->report->notes.length);
}

/* A process that keeps no history has them for itself. */
static bool has_samples(const struct tg_report *report) {
    for (size_t i = 0; i < report->recording_count; i++) {
        const struct tg_header *header = report->recordings[i].reader.header;
        if (header->store_url[0] && tg_control_status(header).tick_count > 0) {
            return true;
        }
    }
    return false;
}

void tg_report_print_text(const struct tg_report *report, const struct tg_report_options *options,
                          const struct tg_terminal *terminal, struct tg_strbuf *out) {
    struct text text = {.report = report, .options = options, .terminal = terminal, .out = out};
    if (getcwd(text.directory, sizeof text.directory - 1)) {
        size_t length = strlen(text.directory);
        text.directory[length] = text.directory[length - 1] == '/' ? '\0' : '/';
    } else {
        text.directory[0] = '\0';
    }
    print_head(&text);
    tg_strbuf_append_char(out, '\n');
    if (report->shown_count) {
        print_table(&text);
    } else {
        tg_strbuf_append(out, "no function was timed");
        tg_strbuf_append(out, has_samples(report) ? "; 'tachograph export' shows what was sampled\n" : "\n");
    }
    struct tg_strbuf notes = TG_STRBUF_INIT;
    tg_report_append_events(&notes, report);
    if (notes.length) {
        tg_strbuf_append_char(out, '\n');
        tg_strbuf_append_bytes(out, tg_strbuf_text(&notes), notes.length);
        tg_strbuf_truncate(&notes, 0);
    }
    append_notes(&text, &notes);
    if (notes.length) {
        tg_strbuf_append_char(out, '\n');
        tg_strbuf_append_bytes(out, tg_strbuf_text(&notes), notes.length);
    }
    tg_strbuf_release(&notes);
    tg_strbuf_release(&text.hidden);
}
