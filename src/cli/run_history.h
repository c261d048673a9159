/*
 * run_history: the history of what `tachograph run` runs: which store it goes to, and that all of it is there when the
 * program has ended.
 */
#ifndef TG_RUN_HISTORY_H
#define TG_RUN_HISTORY_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Stores what the run's processes have not stored themselves, and says in whole lines where the history is and what to
 * type next; nothing where none was kept, or the run has no figures to ask about. `store` as on the command line, or
 * NULL; `recording`: path of one of the run's. */
void tg_run_history_finish(struct tg_strbuf *out, const char *store, const uint8_t run_uuid[16], const char *recording,
                           bool has_figures);

#endif
