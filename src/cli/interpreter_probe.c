/*
 * interpreter_probe: asks a Python what it is. See interpreter.h.
 *
 * `python -c` with a few lines. Not isolated (-I): that would hide PYTHONPATH and the user's site directory, where
 * tachograph may well be installed. Not -P either, which interpreters too old to be supported do not know, and they are
 * to say their version. Instead the first line takes the current directory off sys.path (put there by -c; `sys` itself
 * is built in), so that nothing lying around there is imported. What else is printed (by a sitecustomize, a .pth file)
 * does not start with our mark. TACHOGRAPH_RUN has a value that makes the package's start-up hook load and do nothing:
 * so it can be seen whether this Python has the hook.
 */
#include "base/strbuf.h"
#include "cli/interpreter.h"
#include "cli/interpreter_ask.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "@tachograph-probe@"

/* The CPython versions that the extension is built for. */
#define MINOR_FIRST 11
#define MINOR_LAST  14

static const char question_start[] = "import sys";
static const char question[] =
    "import sys\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "import os\n"
    "found, problem = '', ''\n"
    "try:\n"
    "    import tachograph\n"
    "    if 'tachograph._absent' in sys.modules: raise tachograph._absent.Absence.cause\n"
    "    found = str(tachograph.__version__)\n"
    "except Exception as error:\n"
    "    absent = type(error).__name__ == 'ModuleNotFoundError' and error.name == 'tachograph'\n"
    "    problem = '' if absent else type(error).__name__ + ': ' + str(error)\n"
    "name = getattr(getattr(sys, 'implementation', None), 'name', 'cpython')\n"
    "hook = str(int('tachograph._startup' in sys.modules))\n"
    "try:\n"
    "    import _imp\n"
    "    suffix = _imp.extension_suffixes()[0]\n"
    "except Exception:\n"
    "    suffix = ''\n"
    "version, flags = '%d.%d.%d' % sys.version_info[:3], getattr(sys, 'abiflags', '')\n"
    "fields = [name, version, flags, found, hook, suffix, problem]\n"
    "line = '\\t'.join(' '.join(field.split()) for field in fields)\n"
    "os.write(1, ('\\n" MARK "\\t' + line + '\\n').encode('utf-8', 'backslashreplace'))\n"
    "os._exit(0)\n";

enum { IMPLEMENTATION, VERSION, FLAGS, TACHOGRAPH, HOOK, SUFFIX, PROBLEM, FIELDS };

/* What an interpreter that did not get as far as answering says: its first line, or of a traceback the last one. */
static const char *complaint(char *text) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' ')) {
        text[--length] = '\0';
    }
    text += strspn(text, " \n");
    char *echo = strstr(text, question_start); /* of the words that it was given, as 'ls' says what it cannot find */
    if (echo) {
        return "it takes Python's words for something else";
    }
    if (strncmp(text, "Traceback", strlen("Traceback")) == 0) {
        const char *newline = strrchr(text, '\n');
        return newline ? newline + 1 : text;
    }
    text[strcspn(text, "\n")] = '\0';
    return *text ? text : "it says nothing";
}

/* Cuts the answer into its fields, in place. */
static bool split(char *answer, char *fields[FIELDS]) {
    char *line = NULL;
    for (char *found = strstr(answer, "\n" MARK "\t"); found; found = strstr(found + 1, "\n" MARK "\t")) {
        line = found + sizeof "\n" MARK "\t" - 1;
    }
    if (!line) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = line;
        size_t length = strcspn(line, "\t");
        if (line[length] == '\0' && i + 1 < FIELDS) {
            return false;
        }
        line[length] = '\0';
        line += length + 1;
    }
    return true;
}

static bool is_supported(char *const fields[FIELDS]) {
    char *end = NULL;
    bool is_3 = strncmp(fields[VERSION], "3.", 2) == 0;
    long minor = is_3 ? strtol(fields[VERSION] + 2, &end, 10) : 0;
    return strcmp(fields[IMPLEMENTATION], "cpython") == 0 && minor >= MINOR_FIRST && minor <= MINOR_LAST
           && !strchr(fields[FLAGS], 't');
}

static enum tg_status judge(struct tg_interpreter *interpreter, char *const fields[FIELDS], struct tg_error *err) {
    if (!is_supported(fields)) {
        bool free_threaded = strchr(fields[FLAGS], 't') != NULL;
        bool is_cpython = strcmp(fields[IMPLEMENTATION], "cpython") == 0;
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "'%s' (from %s) is %s %s%s; tachograph times CPython 3.%d to 3.%d: name one with --python",
                            interpreter->path, interpreter->origin, is_cpython ? "CPython" : fields[IMPLEMENTATION],
                            fields[VERSION], free_threaded ? ", a free-threaded build" : "", MINOR_FIRST, MINOR_LAST);
    }
    if (strcmp(fields[TACHOGRAPH], TG_VERSION) == 0) {
        interpreter->lacks_hook = strcmp(fields[HOOK], "1") != 0;
        return TG_OK;
    }
    struct tg_strbuf line = TG_STRBUF_INIT;
    enum tg_status status;
    if (fields[TACHOGRAPH][0]) {
        tg_interpreter_append_install(&line, interpreter, fields[VERSION], false);
        status = tg_error_set(err, TG_ERROR_VERSION, "this is tachograph %s, but the Python from %s has %s; %s",
                              TG_VERSION, interpreter->origin, fields[TACHOGRAPH], tg_strbuf_text(&line));
    } else if (fields[PROBLEM][0]) {
        tg_interpreter_append_install(&line, interpreter, fields[VERSION], true);
        status = tg_error_set(err, TG_ERROR_FORMAT, "tachograph cannot be imported by the Python from %s (%.200s); %s",
                              interpreter->origin, fields[PROBLEM], tg_strbuf_text(&line));
    } else {
        tg_interpreter_append_install(&line, interpreter, fields[VERSION], false);
        status = tg_error_set(err, TG_ERROR_NOT_FOUND, "tachograph is not installed for the Python from %s; %s",
                              interpreter->origin, tg_strbuf_text(&line));
    }
    tg_strbuf_release(&line);
    return status;
}

/* Asks, and cuts the answer into its fields, which lie in `answer`. */
static enum tg_status ask(const struct tg_interpreter *interpreter, struct tg_strbuf *answer, char *fields[FIELDS],
                          struct tg_error *err) {
    enum tg_status status = tg_interpreter_ask(interpreter, question, answer, err);
    tg_strbuf_append_char(answer, '\n'); /* there is text now, even if nothing was said */
    if (status == TG_OK && tg_strbuf_status(answer) != TG_OK) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the interpreter's answer");
    }
    if (status == TG_OK && !split(answer->data, fields)) {
        status = tg_error_set(err, TG_ERROR_IO, "'%s' (from %s) does not work as a Python: %s", interpreter->path,
                              interpreter->origin, complaint(answer->data));
    }
    return status;
}

enum tg_status tg_interpreter_try(const struct tg_interpreter *interpreter, struct tg_error *err) {
    struct tg_strbuf answer = TG_STRBUF_INIT;
    char *fields[FIELDS];
    enum tg_status status = ask(interpreter, &answer, fields, err);
    tg_strbuf_release(&answer);
    return status;
}

static bool is_ready(char *const fields[FIELDS]) {
    return strcmp(fields[TACHOGRAPH], TG_VERSION) == 0 && strcmp(fields[HOOK], "1") == 0;
}

/* Finds what to inject, and tries it. */
static bool inject(struct tg_interpreter *interpreter, char *const fields[FIELDS]) {
    bool is_absent = !fields[TACHOGRAPH][0] && !fields[PROBLEM][0];
    bool is_other = !is_absent && strcmp(fields[TACHOGRAPH], TG_VERSION) != 0;
    if (is_other || is_ready(fields) || !is_supported(fields)
        || !tg_interpreter_find_injected(interpreter->injected, sizeof interpreter->injected, fields[VERSION],
                                         fields[SUFFIX])) {
        return false;
    }
    struct tg_strbuf answer = TG_STRBUF_INIT;
    char *other_fields[FIELDS];
    bool works = ask(interpreter, &answer, other_fields, NULL) == TG_OK && is_ready(other_fields);
    tg_strbuf_release(&answer);
    if (!works) {
        interpreter->injected[0] = '\0';
    }
    return works;
}

enum tg_status tg_interpreter_probe(struct tg_interpreter *interpreter, struct tg_error *err) {
    struct tg_strbuf answer = TG_STRBUF_INIT;
    char *fields[FIELDS];
    enum tg_status status = ask(interpreter, &answer, fields, err);
    if (status == TG_OK) {
        snprintf(interpreter->version, sizeof interpreter->version, "%s", fields[VERSION]);
    }
    if (status == TG_OK && !inject(interpreter, fields)) {
        interpreter->injected[0] = '\0';
        status = judge(interpreter, fields, err);
    }
    tg_strbuf_release(&answer);
    return status;
}
