/* report: see report.h. */
#include "cli/report.h"

#include "base/nearest.h"
#include "record/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tg_report_python_version(const struct tg_header *header, char *text, size_t size) {
    uint32_t version = header->python_version; /* 0xMMmmppLS: level a, b, c or f, and its serial number */
    unsigned level = version >> 4U & 0xFU;
    snprintf(text, size, "%u.%u.%u", version >> 24U & 0xFFU, version >> 16U & 0xFFU, version >> 8U & 0xFFU);
    if (level != 0xF) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%u", level == 0xA ? "a" : level == 0xB ? "b" : "rc", version & 0xFU);
    }
    return version ? text : "";
}

static enum tg_status add_snapshot(struct tg_report *report, const struct tg_reader *reader, struct tg_error *err) {
    struct tg_snapshot snapshot;
    enum tg_status status = tg_snapshot_take(&snapshot, &reader->view, report->totals.by_thread, err);
    if (status == TG_OK) {
        status = tg_run_totals_add(&report->totals, &snapshot, reader->header->pid, err);
        tg_snapshot_release(&snapshot);
    }
    return status;
}

static enum tg_status add_recording(struct tg_report *report, const char *path, struct tg_error *err) {
    struct tg_report_recording *recording = &report->recordings[report->recording_count];
    enum tg_status status = tg_reader_open(&recording->reader, path, err);
    if (status != TG_OK) {
        return status;
    }
    recording->path = strdup(path);
    if (!recording->path) {
        tg_reader_close(&recording->reader);
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read '%s'", path);
    }
    report->recording_count++;
    return add_snapshot(report, &recording->reader, err);
}

/* Looks for a pattern that names something, to be offered instead of one that does not. */
struct hint {
    const char *pattern;
    char wanted[TG_NEAREST_NAME_SIZE]; /* the pattern without its ending */
    const char *ending;                /* ".*" or "" */
    char exact[TG_NEAREST_NAME_SIZE];  /* what fits in all but its form; "" for nothing */
    struct tg_nearest nearest;         /* of `wanted` */
};

static void begin_hint(struct hint *hint, const char *pattern) {
    size_t length = strlen(pattern);
    bool is_package = length > 2 && strcmp(pattern + length - 2, ".*") == 0 && !strstr(pattern, "::");
    *hint = (struct hint){.pattern = pattern, .ending = is_package ? ".*" : ""};
    snprintf(hint->wanted, sizeof hint->wanted, "%.*s", (int)(is_package ? length - 2 : length), pattern);
    tg_nearest_init(&hint->nearest, hint->wanted);
}

static void offer(struct hint *hint, const char *name, size_t length) {
    char text[TG_NEAREST_NAME_SIZE];
    if (length < sizeof text) {
        memcpy(text, name, length);
        text[length] = '\0';
        if (strcmp(text, hint->wanted) != 0) {
            tg_nearest_offer(&hint->nearest, text);
        }
    }
}

/* A pattern without "::" is a module. It may have been meant with its submodules, or have been meant as a function. */
static void offer_module(struct hint *hint, const char *name, size_t module_length, size_t length) {
    size_t wanted = strlen(hint->pattern);
    bool below = wanted && wanted < module_length && memcmp(name, hint->pattern, wanted) == 0 && name[wanted] == '.';
    bool is_function =
        wanted + 2 + module_length == length && memcmp(name + length - wanted, hint->pattern, wanted) == 0;
    if (below || is_function) {
        snprintf(hint->exact, sizeof hint->exact, below ? "%s.*" : "*::%s", hint->pattern);
    }
    offer(hint, name, module_length);
    for (size_t i = 0; i < module_length && hint->ending[0]; i++) {
        if (name[i] == '.') {
            offer(hint, name, i);
        }
    }
}

static void offer_row(struct hint *hint, const struct tg_run_row *row) {
    const char *separator = memmem(row->name, row->name_bytes, "::", 2);
    if (strstr(hint->pattern, "::")) {
        offer(hint, row->name, row->name_bytes);
    } else if (separator) {
        offer_module(hint, row->name, (size_t)(separator - row->name), row->name_bytes);
    }
}

/* Fails when the patterns leave nothing of what there is, with what comes near the first of them. */
static enum tg_status keep_only(struct tg_report *report, const struct tg_text_list *only, struct tg_error *err) {
    struct tg_run_totals *totals = &report->totals;
    if (only->count == 0 || totals->row_count == 0) {
        return TG_OK;
    }
    struct hint hint;
    begin_hint(&hint, only->items[0]);
    for (size_t i = 0; i < totals->row_count; i++) {
        offer_row(&hint, &totals->rows[i]);
    }
    tg_run_totals_keep(totals, only->items, only->count);
    if (totals->row_count > 0) {
        return TG_OK;
    }
    if (!hint.exact[0] && hint.nearest.count == 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "no timed function matches '%s'; leave --only out to see them all",
                            hint.pattern);
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND, "no timed function matches '%s'; did you mean '%s%s'?", hint.pattern,
                        hint.exact[0] ? hint.exact : hint.nearest.names[0], hint.exact[0] ? "" : hint.ending);
}

/* Fails when there is nothing left to show of what has been cut short or written over. */
static enum tg_status refuse_ruins(const struct tg_report *report, struct tg_error *err) {
    if (report->totals.row_count > 0) {
        return TG_OK;
    }
    for (size_t i = 0; i < report->recording_count; i++) {
        const struct tg_view *view = &report->recordings[i].reader.view;
        if (report->recordings[i].reader.truncated) {
            return tg_error_set(err, TG_ERROR_FORMAT,
                                "nothing can be read of recording '%s': it has been cut short, to %zu of %" PRIu64
                                " bytes; copy it again from where it was made, or run the program again",
                                report->recordings[i].path, view->bytes, view->promised_bytes);
        }
    }
    if (report->totals.damaged_count > 0) {
        return tg_error_set(
            err, TG_ERROR_FORMAT,
            "nothing can be read of recording '%s': it is damaged; copy it again from where it was made, "
            "or run the program again",
            report->recordings[0].path);
    }
    return TG_OK;
}

static void decide_shown(struct tg_report *report, const struct tg_report_options *options) {
    size_t limit = options->limit ? options->limit : TG_REPORT_ROWS;
    bool every = options->all || (options->json && !options->limit);
    report->shown_count = every || report->totals.row_count < limit ? report->totals.row_count : limit;
}

enum tg_status tg_report_open(struct tg_report *report, const char *const *paths, size_t path_count,
                              const struct tg_report_options *options, struct tg_error *err) {
    *report = (struct tg_report){.recordings = calloc(path_count + 1, sizeof *report->recordings)};
    tg_strbuf_init(&report->notes);
    tg_run_totals_init(&report->totals, options->by_thread);
    enum tg_status status = TG_OK;
    if (!report->recordings) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the recordings");
    }
    for (size_t i = 0; i < path_count && status == TG_OK; i++) {
        status = add_recording(report, paths[i], err);
    }
    if (status == TG_OK) {
        status = tg_run_totals_merge(&report->totals, err);
    }
    if (status == TG_OK) {
        status = refuse_ruins(report, err);
    }
    if (status == TG_OK) {
        status = keep_only(report, &options->only, err);
    }
    if (status == TG_OK) {
        status = tg_run_totals_sort(&report->totals, (enum tg_run_sort)options->sort, err);
    }
    if (status != TG_OK) {
        tg_report_close(report);
        return status;
    }
    decide_shown(report, options);
    return TG_OK;
}

void tg_report_close(struct tg_report *report) {
    if (!report) {
        return;
    }
    tg_run_totals_release(&report->totals); /* before the recordings, whose names it borrows */
    for (size_t i = 0; i < report->recording_count; i++) {
        tg_reader_close(&report->recordings[i].reader);
        free(report->recordings[i].path);
    }
    free(report->recordings);
    tg_strbuf_release(&report->notes);
    *report = (struct tg_report){.recordings = NULL};
}

void tg_report_print(const struct tg_report *report, const struct tg_report_options *options,
                     const struct tg_terminal *terminal, struct tg_strbuf *out) {
    if (options->json) {
        tg_report_print_json(report, options, out);
    } else {
        tg_report_print_text(report, options, terminal, out);
    }
}
