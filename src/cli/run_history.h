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

struct tg_run_history {
    const char *store;        /* as on the command line, or NULL */
    const uint8_t *run_uuid;  /* 16 bytes */
    const char *recording;    /* path of one of the run's */
    bool has_figures;         /* a call of any function has ended */
    bool has_failures;        /* an exception was recorded */
    bool is_new;              /* tg_run_history_is_new() before the program began */
    bool interval_was_chosen; /* by the user */
};

/* Whether the store that was named, on the command line or in the settings, is a file that is not there yet: it may
 * have been mistyped. */
bool tg_run_history_is_new(const char *store);

/* Stores what the run's processes have not stored themselves, and says in whole lines where the history is and what to
 * type next; nothing where none was kept, or the run has no figures to ask about. */
void tg_run_history_finish(struct tg_strbuf *out, const struct tg_run_history *run);

#endif
