/*
 * interpreter_ask: lets a Python run a few lines and reads what it prints, to learn what only it knows. Variables that
 * make a Python talk, inspect or record are removed; TACHOGRAPH_RUN is "probe", which the package's start-up hook takes
 * for: load, and do nothing.
 */
#ifndef TG_INTERPRETER_ASK_H
#define TG_INTERPRETER_ASK_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/interpreter.h"

#include <stdbool.h>

/* Appends the beginning of what `script` prints, on standard output or error. TG_ERROR_IO when it takes too long; a
 * Python that does not run is no failure here, but says so in the answer. */
TG_NODISCARD enum tg_status tg_interpreter_ask(const struct tg_interpreter *interpreter, const char *script,
                                               struct tg_strbuf *answer, struct tg_error *err);

/* Appends what to type to install tachograph for an interpreter, whose version is "3.12.1"; `again`: over what is
 * there. Tachograph is in no package index: the source is the checkout or wheel that this program itself was installed
 * from, where the Python beside it knows of one that is still there. */
void tg_interpreter_append_install(struct tg_strbuf *out, const struct tg_interpreter *interpreter,
                                   const char *python_version, bool again);

#endif
