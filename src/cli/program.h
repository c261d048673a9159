/*
 * program: what `tachograph run` is to start, as the words of a plain command line.
 *
 * By what comes first:
 *   -m MODULE, -c CODE      python -m MODULE ..., python -c CODE ...
 *   python3, ./bin/python   that interpreter, with its own options as they are
 *   .venv/bin/pytest        a command that was installed beside the Python that its first line names: that Python
 *   a file that exists, -   python FILE ..., as Python would: also a directory or a zip file with a __main__.py, but
 *                           no compiled program
 *   a command on PATH       whose first line names a Python (pytest, flask): that Python, with the arguments that
 *                           the line gives it (shebang.h) and the command's file
 * The interpreter is the one that tg_interpreter_find() finds, unless the program names its own and --python does not
 * overrule it.
 */
#ifndef TG_PROGRAM_H
#define TG_PROGRAM_H

#include "base/attributes.h"
#include "base/error.h"
#include "cli/interpreter.h"
#include "cli/shebang.h"

struct tg_program_request {
    struct tg_interpreter_wish python;  /* --python */
    struct tg_interpreter_wish setting; /* what is set otherwise; an interpreter among the words comes before it */
    const char *module;                 /* -m */
    const char *code;                   /* -c */
    char **words;                       /* what follows, ended by NULL */
};

struct tg_program {
    struct tg_interpreter interpreter;
    char **argv;      /* ended by NULL; the array is owned, the words are borrowed from here and the request */
    const char *name; /* what runs, for people: "app.py", "-m shop" */
    char file[TG_INTERPRETER_PATH_SIZE];
    char shown[TG_INTERPRETER_PATH_SIZE];
    struct tg_shebang shebang; /* of a command on PATH */
};

/* `*exit_code` on failure: 2 for a program that is not there, as with python; 126 for one that is no Python
 * program; 126 and 127 as for the interpreter. */
TG_NODISCARD enum tg_status tg_program_plan(struct tg_program *program, const struct tg_program_request *request,
                                            int *exit_code, struct tg_error *err);
/* The script as Python would have it in sys.argv[0], as far as it can be told beforehand; "-m" or "" for what is none:
 * a module, code, a command. */
const char *tg_program_script(const struct tg_program_request *request);
/* Appends the name of the service that the program is where nothing says it, as the package would have it: that of the
 * project, else of the script or command. */
void tg_program_append_service(struct tg_strbuf *out, const struct tg_program_request *request, const char *project);
void tg_program_release(struct tg_program *program);

#endif
