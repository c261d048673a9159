#include "sample/process_maps.h"

#include "sample/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than any program loads; a process that maps more than that is not searched any further. */
#define MAX_FILES 8192

/* One line of the file. */
struct line {
    uint64_t start;
    uint64_t end;
    uint64_t offset;
    uint64_t inode;
    bool may_execute;
    const char *path; /* borrowed from the text of the line; "" none */
};

/* Goes behind the next `count` fields, which are followed by spaces. */
static char *skip_fields(char *at, int count) {
    while (count-- > 0) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return at;
}

/* "START-END PERMISSIONS OFFSET DEVICE INODE   PATH" */
static void parse_line(char *text, struct line *line) {
    text[strcspn(text, "\n")] = '\0';
    const char *permissions = skip_fields(text, 1);
    char *dash;
    *line = (struct line){
        .start = strtoull(text, &dash, 16),
        .end = *dash ? strtoull(dash + 1, NULL, 16) : 0,
        .may_execute = strlen(permissions) > 2 && permissions[2] == 'x',
        .offset = strtoull(skip_fields(text, 2), NULL, 16),
        .inode = strtoull(skip_fields(text, 4), NULL, 10),
        .path = skip_fields(text, 5),
    };
}

static bool append(struct tg_process_maps *maps, const struct tg_loaded_file *file) {
    if (maps->count == MAX_FILES) {
        return true;
    }
    if ((maps->count & (maps->count - 1)) == 0) { /* a power of two: full */
        size_t capacity = maps->count ? maps->count * 2 : 1;
        struct tg_loaded_file *files = realloc(maps->files, capacity * sizeof *files);
        if (!files) {
            return false;
        }
        maps->files = files;
    }
    maps->files[maps->count++] = *file;
    return true;
}

/* The program's path, written as in the list of mappings; "" unknown. */
static void find_executable(pid_t pid, char *target, size_t size) {
    char exe[32];
    snprintf(exe, sizeof exe, "/proc/%ld/exe", (long)pid);
    ssize_t got = readlink(exe, target, size - 1);
    target[got > 0 ? got : 0] = '\0';
}

/* A file's mappings follow each other; the first has its first byte, a later one its code. */
static bool read_lines(struct tg_process_maps *maps, FILE *stream, const char *executable) {
    char *text = NULL;
    size_t size = 0;
    bool ok = true, is_listed = true;
    struct tg_loaded_file file = {.inode = 0};
    while (ok && getline(&text, &size, stream) > 0) {
        struct line line;
        parse_line(text, &line);
        if (line.inode == 0) {
            continue;
        }
        if (line.offset == 0 && (line.inode != file.inode || is_listed)) {
            const char *slash = strrchr(line.path, '/');
            file = (struct tg_loaded_file){
                .base = line.start, .inode = line.inode, .is_executable = strcmp(line.path, executable) == 0};
            snprintf(file.name, sizeof file.name, "%s", slash ? slash + 1 : line.path);
            is_listed = false;
        }
        if (line.may_execute && line.inode == file.inode && !is_listed) {
            ok = append(maps, &file);
            is_listed = true;
        }
    }
    free(text);
    return ok;
}

enum tg_status tg_process_maps_read(struct tg_process_maps *maps, pid_t pid, struct tg_error *err) {
    char path[32], executable[4096];
    *maps = (struct tg_process_maps){.files = NULL};
    snprintf(path, sizeof path, "/proc/%ld/maps", (long)pid);
    FILE *stream = fopen(path, "re");
    if (!stream) {
        return tg_refusal_explain(pid, errno, err);
    }
    find_executable(pid, executable, sizeof executable);
    bool ok = read_lines(maps, stream, executable);
    bool failed = ferror(stream) != 0;
    int errnum = errno;
    fclose(stream);
    if (ok && !failed) {
        return TG_OK;
    }
    tg_process_maps_release(maps);
    return ok ? tg_refusal_explain(pid, errnum, err)
              : tg_error_set(err, TG_ERROR_MEMORY, "no memory to list what process %ld has loaded", (long)pid);
}

bool tg_process_maps_find_stack(pid_t pid, uint64_t *begin, uint64_t *end) {
    char path[32], *text = NULL;
    size_t size = 0;
    bool is_found = false;
    snprintf(path, sizeof path, "/proc/%ld/maps", (long)pid);
    FILE *stream = fopen(path, "re");
    while (stream && !is_found && getline(&text, &size, stream) > 0) {
        struct line line;
        parse_line(text, &line);
        is_found = strcmp(line.path, "[stack]") == 0;
        *begin = is_found ? line.start : 0;
        *end = is_found ? line.end : 0;
    }
    free(text);
    if (stream) {
        fclose(stream);
    }
    return is_found;
}

void tg_process_maps_release(struct tg_process_maps *maps) {
    if (maps) {
        free(maps->files);
        *maps = (struct tg_process_maps){.files = NULL};
    }
}
