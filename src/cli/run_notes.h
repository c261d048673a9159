/*
 * run_notes: what `tachograph run` says besides the figures: why there are none, where the recording is, and what to
 * type next. Each function appends whole lines.
 */
#ifndef TG_RUN_NOTES_H
#define TG_RUN_NOTES_H

#include "base/strbuf.h"
#include "cli/options.h"
#include "cli/program.h"
#include "cli/report.h"

#include <stddef.h>

/* Why the program left no recording, as far as it can be told from here. */
void tg_run_notes_no_recording(struct tg_strbuf *out, const struct tg_program *program);

/* Why no function of the recordings was timed. `time` are the patterns of --time; none: those of TACHOGRAPH_TIME. */
void tg_run_notes_no_function(struct tg_strbuf *out, const struct tg_report *report, const struct tg_text_list *time);

/* Where the recordings lie, and as the last line the command that shows them. `run` is the run's uuid in digits. */
void tg_run_notes_next(struct tg_strbuf *out, const char *const *paths, size_t count, const char *run);

#endif
