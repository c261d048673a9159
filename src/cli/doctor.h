/*
 * doctor: what `tachograph doctor` has found out, group by group, and how it is shown.
 *
 * A finding is ok (a fact), a note (something is less than it could be, or will be asked about), or a problem: timing
 * or the history is hindered. Notes and problems say what to do, in one line. What is as it should be is said once,
 * shortly.
 *
 * JSON: {"findings": [{"group", "verdict": "ok"|"note"|"problem", "text", "remedy": text or null}], "notes": number,
 * "problems": number}
 */
#ifndef TG_DOCTOR_H
#define TG_DOCTOR_H

#include "base/attributes.h"
#include "base/strbuf.h"
#include "cli/interpreter.h"
#include "cli/terminal.h"
#include "settings/settings.h"

#include <stddef.h>

enum tg_verdict {
    TG_VERDICT_OK,
    TG_VERDICT_NOTE,
    TG_VERDICT_PROBLEM,
};

struct tg_finding {
    const char *group;
    enum tg_verdict verdict;
    struct tg_strbuf text;
    struct tg_strbuf remedy; /* empty: the text has it, or none is needed */
};

struct tg_doctor {
    struct tg_finding *findings;
    size_t count;
    size_t counts[TG_VERDICT_PROBLEM + 1]; /* by verdict */
    bool failed;                           /* not enough memory */
    const char *group;                     /* of the findings to come */
    const struct tg_settings *settings;    /* borrowed */
};

void tg_doctor_release(struct tg_doctor *doctor);

/* The next finding; `remedy` may be NULL. */
void tg_doctor_add(struct tg_doctor *doctor, enum tg_verdict verdict, const char *remedy, const char *format, ...)
    TG_PRINTF(4, 5);

void tg_doctor_print_text(const struct tg_doctor *doctor, const struct tg_terminal *terminal, struct tg_strbuf *out);
void tg_doctor_print_json(const struct tg_doctor *doctor, struct tg_strbuf *out);

/* doctor_setup.c: what is set, and whether anything is switched off; the Python that `run` would start. */
void tg_doctor_ask_settings(struct tg_doctor *doctor, enum tg_status read, const struct tg_error *err);
/* `may_run`: false where nobody but a file of the directory has named it. */
void tg_doctor_ask_python(struct tg_doctor *doctor, const struct tg_interpreter_wish *wish, bool may_run);
/* doctor_places.c: where recordings, what waits and the history lie, and whether there is room. */
void tg_doctor_ask_recordings(struct tg_doctor *doctor);
void tg_doctor_ask_history(struct tg_doctor *doctor);
/* doctor_machine.c: the clock, limits, the terminal. */
void tg_doctor_ask_clock(struct tg_doctor *doctor);
void tg_doctor_ask_kernel(struct tg_doctor *doctor);
/* doctor_sampling.c: whether processes can be sampled, from outside and from inside; what hinders those that are. */
void tg_doctor_ask_sampling(struct tg_doctor *doctor);

#endif
