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

/* What a question that is asked where this one was finds by itself: by the environment, which may have been set for one
 * command alone, and by the project. Strings are owned; NULL: not set. */
struct tg_run_usual {
    char *services[2];
    char *stores[2];
};

struct tg_run_history {
    const struct tg_run_usual *usual;
    const char *store;        /* as on the command line, or NULL */
    const uint8_t *run_uuid;  /* 16 bytes */
    const char *recording;    /* path of one of the run's */
    bool has_figures;         /* a call of any function has ended */
    bool has_failures;        /* an exception was recorded */
    bool has_samples;         /* a process of it sampled itself */
    bool is_new;              /* tg_run_history_is_new() before the program began */
    bool interval_was_chosen; /* by the user */
};

/* Whether the store that was named, on the command line or in the settings, is a file that is not there yet: it may
 * have been mistyped. */
bool tg_run_history_is_new(const char *store);

/* To be read before the settings of the program's own project are exported. */
void tg_run_usual_read(struct tg_run_usual *usual);
/* NULL and a second call are fine. */
void tg_run_usual_release(struct tg_run_usual *usual);

/* Stores what the run's processes have not stored themselves, and says in whole lines where the history is and what to
 * type next; nothing where none was kept, or the run has no figures to ask about. */
void tg_run_history_finish(struct tg_strbuf *out, const struct tg_run_history *run);

#endif
