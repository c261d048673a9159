/*
 * interpreter: which Python runs the program, and whether tachograph can time it there.
 *
 * Found, in this order: the one asked for (--python, or a setting), $VIRTUAL_ENV/bin/python, the python beside the
 * tachograph program when that lies in a virtual environment, python3 on PATH.
 *
 * One that does not have tachograph gets this program's own package injected, where there is one for its version: a
 * directory on its PYTHONPATH from which nothing but a sitecustomize can be imported (python/tachograph/_inject).
 */
#ifndef TG_INTERPRETER_H
#define TG_INTERPRETER_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_INTERPRETER_PATH_SIZE 4096

struct tg_interpreter {
    char path[TG_INTERPRETER_PATH_SIZE]; /* as the user would have typed it: no link is resolved */
    const char *origin;                  /* who named it, for messages: "--python" */
    char version[24];                    /* known after a probe: "3.12.1" */
    bool lacks_hook;                     /* known after a probe: tachograph can be imported, but is not at start-up */
    char injected[TG_INTERPRETER_PATH_SIZE]; /* known after a probe: what PYTHONPATH must begin with; "": nothing */
};

/* One that somebody has asked for; borrowed. */
struct tg_interpreter_wish {
    const char *name;   /* a path, or a name on PATH; NULL: nobody has */
    const char *origin; /* who, for messages: "--python" */
};

/* TG_ERROR_NOT_FOUND, or TG_ERROR_PERMISSION when it is no program. The interpreter borrows the wish's origin. */
TG_NODISCARD enum tg_status tg_interpreter_find(struct tg_interpreter *interpreter,
                                                const struct tg_interpreter_wish *wish, struct tg_error *err);

/* The python in this program's own directory, in a virtual environment or not. False: there is none. */
bool tg_interpreter_find_beside(struct tg_interpreter *interpreter);

/* Asks the interpreter itself whether it is a Python at all; costs the start of one. TG_ERROR_IO: it is none, or does
 * not run. */
TG_NODISCARD enum tg_status tg_interpreter_try(const struct tg_interpreter *interpreter, struct tg_error *err);

/* Asks the interpreter itself whether it is one that can be timed and has this version of tachograph, or what is to be
 * injected; costs the start of a Python or two. TG_ERROR_UNSUPPORTED, TG_ERROR_VERSION, TG_ERROR_NOT_FOUND (tachograph
 * is not installed there, nor can be injected; the message has the line to type), TG_ERROR_IO (it does not run). */
TG_NODISCARD enum tg_status tg_interpreter_probe(struct tg_interpreter *interpreter, struct tg_error *err);

/* This program's file, as it was started; NULL: nobody knows. */
const char *tg_interpreter_own_path(void);

/* The directory to inject into a Python "3.12.1" whose extensions end in ".cpython-312-x86_64-linux-gnu.so": that of
 * the package installed with this program. False: there is none for it. */
bool tg_interpreter_find_injected(char *path, size_t size, const char *python_version, const char *extension_suffix);

/* Appends PYTHONPATH as it is to be for an interpreter with an injected package. */
void tg_interpreter_append_path(struct tg_strbuf *out, const struct tg_interpreter *interpreter);

/* Whether a file's name says Python: python, python3, python3.12, with or without directories. */
bool tg_interpreter_is_name(const char *path);

/* Looks `name` up as execvp() would: with a slash as it is, else along PATH. TG_ERROR_NOT_FOUND, or
 * TG_ERROR_PERMISSION when all that is found cannot be executed. No message. */
TG_NODISCARD enum tg_status tg_interpreter_search(const char *name, char *path, size_t size);

#endif
