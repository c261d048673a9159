/*
 * report_page: `report --html`: a run, or a part of a history, as a page of the dashboard in one file.
 */
#ifndef TG_REPORT_PAGE_H
#define TG_REPORT_PAGE_H

#include "base/attributes.h"
#include "base/error.h"
#include "cli/history_command.h"

/* Writes the page to `path`, whole or not at all. `run` NULL: the latest, unless the options choose a part of the
 * history; else a run as --run has it. */
TG_NODISCARD enum tg_status tg_report_page_write(const char *path, const struct tg_history_options *options,
                                                 const char *run, struct tg_error *err);

#endif
