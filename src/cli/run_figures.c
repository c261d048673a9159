/* run_figures: see run_figures.h. */
#include "cli/run_figures.h"

#include "cli/report.h"
#include "record/catalog.h"
#include "record/control.h"
#include "record/reader.h"

static bool has_figures(const char *path) {
    static const struct tg_report_options everything = {.all = true};
    struct tg_report report;
    if (tg_report_open(&report, &path, 1, &everything, NULL) != TG_OK) {
        return false;
    }
    const struct tg_run_totals *totals = &report.totals;
    bool any = totals->row_count > 0 || totals->overflow_call_count || totals->unrecorded_call_count;
    tg_report_close(&report);
    return any;
}

static bool has_failures(const char *path) {
    struct tg_header header;
    bool alive;
    return tg_reader_peek(path, &header, &alive) == TG_OK && header.failures != TG_PLACE_NONE;
}

static bool has_samples(const char *path) {
    struct tg_header header;
    bool alive;
    return tg_reader_peek(path, &header, &alive) == TG_OK && tg_control_status(&header).tick_count > 0;
}

static bool any_of_run(const uint8_t run_uuid[16], bool (*has)(const char *path)) {
    struct tg_catalog catalog;
    bool any = false;
    if (tg_catalog_read(&catalog, 0, NULL) != TG_OK) {
        return false;
    }
    for (size_t i = 0; i < catalog.count && !any; i++) {
        any = tg_catalog_is_of_run(&catalog.entries[i], run_uuid) && has(catalog.entries[i].path);
    }
    tg_catalog_release(&catalog);
    return any;
}

bool tg_run_has_figures(const uint8_t run_uuid[16]) {
    return any_of_run(run_uuid, has_figures);
}

bool tg_run_has_failures(const uint8_t run_uuid[16]) {
    return any_of_run(run_uuid, has_failures);
}

bool tg_run_has_samples(const uint8_t run_uuid[16]) {
    return any_of_run(run_uuid, has_samples);
}
