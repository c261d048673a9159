/* interpreter: finding it. See interpreter.h; asking it is in interpreter_probe.c. */
#include "cli/interpreter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define WITHOUT_PATH "/bin:/usr/bin" /* as execvp() has it */

bool tg_interpreter_is_name(const char *path) {
    static const char prefix[] = "python";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    const char *version = name + sizeof prefix - 1;
    return version[strspn(version, "0123456789.")] == '\0';
}

static bool is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static enum tg_status check_program(const char *path) {
    if (!is_file(path)) {
        return TG_ERROR_NOT_FOUND;
    }
    return access(path, X_OK) == 0 ? TG_OK : TG_ERROR_PERMISSION;
}

/* "<directory>/<name>" in `path`; false when it is too long. An empty directory of PATH is the current one. */
static bool join(char *path, size_t size, const char *directory, size_t length, const char *name) {
    int written = snprintf(path, size, "%.*s%s%s", (int)length, directory, length ? "/" : "./", name);
    return written > 0 && (size_t)written < size;
}

enum tg_status tg_interpreter_search(const char *name, char *path, size_t size) {
    if (strchr(name, '/')) {
        int written = snprintf(path, size, "%s", name);
        return (size_t)written < size ? check_program(path) : TG_ERROR_NOT_FOUND;
    }
    const char *directories = getenv("PATH");
    enum tg_status status = TG_ERROR_NOT_FOUND;
    for (const char *at = directories ? directories : WITHOUT_PATH; at && name[0]; at = *at ? at + 1 : NULL) {
        size_t length = strcspn(at, ":");
        enum tg_status found = join(path, size, at, length, name) ? check_program(path) : TG_ERROR_NOT_FOUND;
        if (found == TG_OK) {
            return TG_OK;
        }
        status = found == TG_ERROR_PERMISSION ? found : status;
        at += length;
    }
    return status;
}

static enum tg_status find_wanted(struct tg_interpreter *interpreter, const char *wanted, const char *origin,
                                  struct tg_error *err) {
    interpreter->origin = origin;
    enum tg_status status = tg_interpreter_search(wanted, interpreter->path, sizeof interpreter->path);
    if (status == TG_ERROR_PERMISSION) {
        return tg_error_set(err, status, "the interpreter '%s' (from %s) is not executable", wanted, origin);
    }
    if (status != TG_OK) {
        return tg_error_set(err, status, "there is no interpreter '%s' (from %s)%s", wanted, origin,
                            strchr(wanted, '/') ? "" : " on PATH");
    }
    return TG_OK;
}

const char *tg_interpreter_own_path(void) {
    return (const char *)getauxval(AT_EXECFN);
}

/* The directory of this program as it was started, with its slash; not where a link leads, because a link may stand in
 * the one environment that is meant. */
static bool own_directory(char *path, size_t size) {
    const char *started_as = tg_interpreter_own_path();
    const char *slash = started_as ? strrchr(started_as, '/') : NULL;
    if (!slash) {
        return false;
    }
    int written = snprintf(path, size, "%.*s", (int)(slash - started_as + 1), started_as);
    return written > 0 && (size_t)written < size;
}

bool tg_interpreter_find_beside(struct tg_interpreter *interpreter) {
    static const char *const found_as[] = {"python", "python3"};
    char directory[TG_INTERPRETER_PATH_SIZE];
    *interpreter = (struct tg_interpreter){.origin = "the directory that tachograph is in"};
    if (!own_directory(directory, sizeof directory)) {
        return false;
    }
    for (size_t i = 0; i < sizeof found_as / sizeof found_as[0]; i++) {
        int written = snprintf(interpreter->path, sizeof interpreter->path, "%s%s", directory, found_as[i]);
        if ((size_t)written < sizeof interpreter->path && check_program(interpreter->path) == TG_OK) {
            return true;
        }
    }
    return false;
}

/* Whether this program lies in the bin of a virtual environment, and its python is there. */
static bool find_in_environment(struct tg_interpreter *interpreter) {
    char directory[TG_INTERPRETER_PATH_SIZE];
    char mark[TG_INTERPRETER_PATH_SIZE + 16];
    if (!own_directory(directory, sizeof directory)) {
        return false;
    }
    snprintf(mark, sizeof mark, "%s../pyvenv.cfg", directory);
    bool found = is_file(mark) && tg_interpreter_find_beside(interpreter);
    interpreter->origin = "the virtual environment that tachograph is in";
    return found;
}

enum tg_status tg_interpreter_find(struct tg_interpreter *interpreter, const struct tg_interpreter_wish *wish,
                                   struct tg_error *err) {
    *interpreter = (struct tg_interpreter){.origin = ""};
    if (wish->name) {
        return find_wanted(interpreter, wish->name, wish->origin, err);
    }
    const char *environment = getenv("VIRTUAL_ENV");
    if (environment && environment[0]) {
        char path[TG_INTERPRETER_PATH_SIZE];
        int written = snprintf(path, sizeof path, "%s/bin/python", environment);
        if ((size_t)written >= sizeof path) {
            return tg_error_set(err, TG_ERROR_NOT_FOUND, "VIRTUAL_ENV is too long for a path");
        }
        enum tg_status status = find_wanted(interpreter, path, "VIRTUAL_ENV", err);
        if (status != TG_OK) {
            tg_error_prefix(err, "the active virtual environment is broken (unset VIRTUAL_ENV, or name a Python with "
                                 "--python)");
        }
        return status;
    }
    if (find_in_environment(interpreter)) {
        return TG_OK;
    }
    interpreter->origin = "PATH";
    if (tg_interpreter_search("python3", interpreter->path, sizeof interpreter->path) != TG_OK) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "no Python found: no virtual environment is active and there is no python3 on PATH; name "
                            "one with --python");
    }
    return TG_OK;
}
