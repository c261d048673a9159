/*
 * project: the pyproject.toml of a program, and what [tool.tachograph] in it says.
 *
 * Which one: the nearest upwards from where the program starts (tg_project_start), up to the root, and that one alone:
 * whether or not it has a [tool.tachograph]. One that belongs to somebody else is passed over, since settings name
 * stores and programs, and anybody may put a file into /tmp: it must be the user's, root's, or of whoever the directory
 * belongs to in which the search starts.
 *
 * A key that is not in the table (setting.h), or whose value is not of its kind, is an error that names file and line.
 */
#ifndef TG_PROJECT_H
#define TG_PROJECT_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "settings/setting.h"

struct tg_project_value {
    char *text; /* owned; NULL: not given */
    int line;
};

struct tg_project {
    char *path; /* of the pyproject.toml, owned; NULL: there is none */
    char *name; /* [project].name, owned; NULL: none */
    struct tg_project_value values[TG_SETTING_COUNT];
    char *passed_over; /* the nearest that belongs to somebody else, owned; NULL: none */
};

/* Appends the directory in which a program's project is looked for. `script` is Python's sys.argv[0]: for "", "-", "-c"
 * and "-m" it is the working directory, as it is for a command that was installed (it lies where a Python lies too),
 * else that of the script, where links lead. */
TG_NODISCARD enum tg_status tg_project_start(struct tg_strbuf *out, const char *script, struct tg_error *err);

/* Reads the project's file. TG_ERROR_FORMAT: it is no TOML. TG_ERROR_INVALID: a key or a value cannot be used. In
 * either case `path` and `passed_over` are right, and perhaps `name`; of the values all others are there. */
TG_NODISCARD enum tg_status tg_project_read(struct tg_project *project, const char *directory, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_project_release(struct tg_project *project);

#endif
