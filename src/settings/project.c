/* project: see project.h. What a file says is in project_file.c. */
#include "settings/project.h"

#include "settings/project_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "pyproject.toml"

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the settings");
}

void tg_project_release(struct tg_project *project) {
    if (!project) {
        return;
    }
    free(project->path);
    free(project->name);
    free(project->passed_over);
    for (size_t i = 0; i < TG_SETTING_COUNT; i++) {
        free(project->values[i].text);
    }
    *project = (struct tg_project){.path = NULL};
}

static bool is_without_file(const char *script) {
    static const char *const words[] = {"", "-", "-c", "-m"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], script) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether commands are installed into the directory: the bin of a Python or of a virtual environment. */
static bool has_python(const char *directory) {
    struct tg_strbuf path = TG_STRBUF_INIT;
    tg_strbuf_printf(&path, "%s/python3", directory);
    bool found = tg_strbuf_status(&path) == TG_OK && access(tg_strbuf_text(&path), F_OK) == 0;
    tg_strbuf_release(&path);
    return found;
}

enum tg_status tg_project_start(struct tg_strbuf *out, const char *script, struct tg_error *err) {
    struct stat info;
    char *path = is_without_file(script) ? NULL : realpath(script, NULL);
    if (path && stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
        char *slash = strrchr(path, '/');
        slash[slash == path] = '\0';
    }
    if (!path || has_python(path)) {
        free(path);
        path = getcwd(NULL, 0);
    }
    if (!path) {
        return tg_error_set_errno(err, errno, "cannot tell the working directory; change to one that is there");
    }
    tg_strbuf_append(out, path);
    free(path);
    return tg_strbuf_status(out) == TG_OK ? TG_OK : no_memory(err);
}

static bool is_trusted(const struct stat *file, const struct stat *start) {
    return file->st_uid == geteuid() || file->st_uid == 0 || file->st_uid == start->st_uid;
}

/* Cuts the last name off a directory's path. False: it is the root. */
static bool go_up(struct tg_strbuf *directory) {
    const char *text = tg_strbuf_text(directory);
    const char *slash = strrchr(text, '/');
    if (!slash || strcmp(text, "/") == 0) {
        return false;
    }
    tg_strbuf_truncate(directory, slash == text ? 1 : (size_t)(slash - text));
    return true;
}

/* Appends the path of the file; nothing where there is none. `directory` is used up. */
static void find(struct tg_strbuf *directory, struct tg_strbuf *path, char **passed_over) {
    struct stat start;
    struct stat file;
    if (stat(tg_strbuf_text(directory), &start) != 0) {
        return;
    }
    do {
        const char *text = tg_strbuf_text(directory);
        tg_strbuf_truncate(path, 0);
        tg_strbuf_printf(path, "%s%s" FILE_NAME, text, strcmp(text, "/") == 0 ? "" : "/");
        if (stat(tg_strbuf_text(path), &file) == 0 && S_ISREG(file.st_mode)) {
            if (is_trusted(&file, &start)) {
                return;
            }
            *passed_over = *passed_over ? *passed_over : strdup(tg_strbuf_text(path));
        }
    } while (go_up(directory));
    tg_strbuf_truncate(path, 0);
}

enum tg_status tg_project_read(struct tg_project *project, const char *directory, struct tg_error *err) {
    struct tg_strbuf at = TG_STRBUF_INIT;
    struct tg_strbuf path = TG_STRBUF_INIT;
    enum tg_status status = TG_OK;
    *project = (struct tg_project){.path = NULL};
    tg_strbuf_append(&at, directory);
    find(&at, &path, &project->passed_over);
    if (tg_strbuf_status(&at) != TG_OK || tg_strbuf_status(&path) != TG_OK) {
        status = no_memory(err);
    } else if (path.length > 0) {
        project->path = strdup(tg_strbuf_text(&path));
        status = project->path ? tg_project_read_file(project, err) : no_memory(err);
    }
    tg_strbuf_release(&at);
    tg_strbuf_release(&path);
    return status;
}
