/* interpreter_inject: the package to inject into a Python that does not have it. See interpreter.h. */
#include "cli/interpreter.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where installers put packages, seen from the directory of programs: ../lib/python3.11/site-packages. */
static const struct {
    const char *library;
    const char *packages;
} layouts[] = {
    {"lib", "site-packages"},
    {"lib64", "site-packages"},
    {"lib", "dist-packages"},
};

/* Whether this is a package with an extension for that Python; `path` becomes the directory to inject. */
static bool is_package(const char *package, const char *extension_suffix, char *path, size_t size) {
    char file[PATH_MAX];
    char *whole = realpath(package, NULL);
    if (!whole) {
        return false;
    }
    int extension = snprintf(file, sizeof file, "%s/_native%s", whole, extension_suffix);
    bool found = (size_t)extension < sizeof file && access(file, R_OK) == 0;
    int directory = snprintf(path, size, "%s/_inject", whole);
    found = found && (size_t)directory < size && access(path, R_OK | X_OK) == 0
            && !strchr(path, ':'); /* it could not stand in PYTHONPATH */
    free(whole);
    return found;
}

static bool find_from(const char *program, const char *python_version, const char *extension_suffix, char *path,
                      size_t size) {
    const char *slash = strrchr(program, '/');
    size_t minor = strcspn(python_version, ".") + 1;
    size_t version_length = minor + strcspn(python_version + minor, "."); /* of "3.11" */
    for (size_t i = 0; slash && i < sizeof layouts / sizeof layouts[0]; i++) {
        char package[PATH_MAX];
        int length = snprintf(package, sizeof package, "%.*s/../%s/python%.*s/%s/tachograph", (int)(slash - program),
                              program, layouts[i].library, (int)version_length, python_version, layouts[i].packages);
        if ((size_t)length < sizeof package && is_package(package, extension_suffix, path, size)) {
            return true;
        }
    }
    return false;
}

bool tg_interpreter_find_injected(char *path, size_t size, const char *python_version, const char *extension_suffix) {
    const char *started_as = tg_interpreter_own_path();
    if (started_as && find_from(started_as, python_version, extension_suffix, path, size)) {
        return true;
    }
    /* Installers such as pipx put a link to the program onto PATH. */
    char *program = realpath("/proc/self/exe", NULL);
    bool found = program && find_from(program, python_version, extension_suffix, path, size);
    free(program);
    return found;
}

void tg_interpreter_append_path(struct tg_strbuf *out, const struct tg_interpreter *interpreter) {
    const char *given = getenv("PYTHONPATH");
    tg_strbuf_append(out, interpreter->injected);
    if (given && given[0]) {
        tg_strbuf_append_char(out, ':');
        tg_strbuf_append(out, given);
    }
}
