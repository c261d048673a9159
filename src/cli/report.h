/*
 * report: what recordings say about one run, as text for a person or JSON for a program. `run` and `report` show the
 * same thing in the same way; they differ in where the recordings come from.
 *
 * The JSON is specified in docs/formats/report-json.md.
 */
#ifndef TG_REPORT_H
#define TG_REPORT_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "cli/child.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "profile/run_totals.h"
#include "record/reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_REPORT_ROWS         30 /* of the text, unless told otherwise */
#define TG_REPORT_JSON_VERSION 1

/* What the command line says about it. */
struct tg_report_options {
    const char *output; /* NULL: where the command writes by itself */
    bool json;
    bool all;
    bool by_thread;
    int sort;     /* enum tg_run_sort */
    size_t limit; /* functions to show; 0: not said */
    struct tg_text_list only;
};

/* The options that every command with a report has, for its table; SETTINGS has them as its member `report`. */
#define TG_REPORT_OPTIONS(SETTINGS)                                                                                    \
    {.name = "output",                                                                                                 \
     .letter = 'o',                                                                                                    \
     .kind = TG_OPTION_TEXT,                                                                                           \
     .value = "FILE",                                                                                                  \
     .help = "write the report to FILE, replaced only when it is whole",                                               \
     .offset = offsetof(SETTINGS, report.output)},                                                                     \
        {.name = "json",                                                                                               \
         .kind = TG_OPTION_FLAG,                                                                                       \
         .help = "write it as JSON (docs/formats/report-json.md), all functions unless -n is given",                   \
         .offset = offsetof(SETTINGS, report.json)},                                                                   \
        {.name = "sort",                                                                                               \
         .kind = TG_OPTION_CHOICE,                                                                                     \
         .value = "KEY",                                                                                               \
         .help = "largest first by KEY; without it by total",                                                          \
         .offset = offsetof(SETTINGS, report.sort),                                                                    \
         .choices = tg_run_sort_names},                                                                                \
        {.name = "limit",                                                                                              \
         .letter = 'n',                                                                                                \
         .kind = TG_OPTION_NUMBER,                                                                                     \
         .value = "N",                                                                                                 \
         .help = "show the first N functions; without it 30",                                                          \
         .offset = offsetof(SETTINGS, report.limit)},                                                                  \
    {                                                                                                                  \
        .name = "all", .kind = TG_OPTION_FLAG, .help = "show all functions", .offset = offsetof(SETTINGS, report.all)  \
    }

struct tg_report_recording {
    char *path; /* owned */
    struct tg_reader reader;
};

struct tg_report {
    struct tg_report_recording *recordings;
    size_t recording_count;
    struct tg_run_totals totals;
    size_t shown_count;             /* rows from the front of totals that are to be shown */
    const struct tg_child_end *end; /* borrowed; how the program ended, where that is known */
    const char *program;            /* borrowed; what was run, where no recording says it; may be NULL */
    struct tg_strbuf notes;         /* lines of the text for after the table */
};

/* Reads the recordings and sums them up, as the options say. On failure nothing needs closing. */
TG_NODISCARD enum tg_status tg_report_open(struct tg_report *report, const char *const *paths, size_t path_count,
                                           const struct tg_report_options *options, struct tg_error *err);
void tg_report_close(struct tg_report *report);

/* Appends the report in the form asked for. The options' output is not looked at. */
void tg_report_print(const struct tg_report *report, const struct tg_report_options *options,
                     const struct tg_terminal *terminal, struct tg_strbuf *out);

/* The two forms, for tg_report_print() alone. */
void tg_report_print_text(const struct tg_report *report, const struct tg_report_options *options,
                          const struct tg_terminal *terminal, struct tg_strbuf *out);
void tg_report_print_json(const struct tg_report *report, const struct tg_report_options *options,
                          struct tg_strbuf *out);

/* What has happened to the processes, for both: a line each, and as members of a JSON object. */
void tg_report_append_events(struct tg_strbuf *out, const struct tg_report *report);
void tg_report_write_events(struct tg_json *json, const struct tg_report *report);

/* "3.11.7", or "" when the recording is not of a Python. */
const char *tg_report_python_version(const struct tg_header *header, char *text, size_t size);

#endif
