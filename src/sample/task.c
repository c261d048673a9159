#include "sample/task.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 64

static bool read_link(pid_t pid, const char *what, char *target, size_t size) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, what);
    ssize_t count = readlink(path, target, size - 1);
    target[count < 0 ? 0 : count] = '\0';
    return count > 0;
}

/* Whether a link leads elsewhere for the process than for this one; `otherwise`: it cannot be read. */
static bool differs(pid_t pid, const char *what, bool otherwise) {
    char theirs[PATH_BYTES], ours[PATH_BYTES];
    bool can_be_read = read_link(pid, what, theirs, sizeof theirs) && read_link(getpid(), what, ours, sizeof ours);
    return can_be_read ? strcmp(theirs, ours) != 0 : otherwise;
}

bool tg_task_is_elsewhere(pid_t pid) {
    return differs(pid, "ns/pid", false);
}

bool tg_task_shares_files(pid_t pid) {
    return !differs(pid, "ns/mnt", true) && !differs(pid, "root", true);
}

/* Reads the beginning of one of the task's files. */
static bool read_file(pid_t pid, pid_t tid, const char *what, char *text, size_t size) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/%s", (long)pid, (long)tid, what);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, text, size - 1);
    text[count < 0 ? 0 : count] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return count >= 0;
}

/* The last number on the line. */
pid_t tg_task_number(pid_t pid, pid_t tid) {
    char status[4096];
    if (!read_file(pid, tid, "status", status, sizeof status)) {
        return 0;
    }
    char *at = strstr(status, "\nNSpid:");
    long number = 0;
    for (at = at ? at + strlen("\nNSpid:") : NULL; at && *at == '\t';) {
        number = strtol(at, &at, 10);
    }
    return (pid_t)number;
}

static pid_t find_elsewhere(pid_t pid, pid_t number) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *directory = opendir(path);
    pid_t found = 0;
    for (struct dirent *entry; directory && !found && (entry = readdir(directory));) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        found = tid && tg_task_number(pid, tid) == number ? tid : 0;
    }
    if (directory) {
        closedir(directory);
    }
    return found;
}

pid_t tg_task_find(pid_t pid, pid_t number, bool is_elsewhere) {
    char name[PATH_BYTES];
    pid_t tid = is_elsewhere ? find_elsewhere(pid, number) : number;
    if (tid > 0 && tg_task_name(pid, tid, name, sizeof name)) {
        return tid;
    }
    return tg_task_name(pid, pid, name, sizeof name) ? pid : 0;
}

bool tg_task_name(pid_t pid, pid_t tid, char *name, size_t size) {
    if (!read_file(pid, tid, "comm", name, size)) {
        return false;
    }
    name[strcspn(name, "\n")] = '\0';
    return true;
}

/* Of proc(5), the fields of `stat` behind the name, which may hold anything: from the space before the third one on.
 * NULL: there is no such thread. */
static const char *read_stat(pid_t pid, pid_t tid, char *stat, size_t size) {
    const char *at = read_file(pid, tid, "stat", stat, size) ? strrchr(stat, ')') : NULL;
    return at ? strchr(at, ' ') : NULL;
}

char tg_task_state(pid_t pid, pid_t tid) {
    char stat[1024];
    const char *at = read_stat(pid, tid, stat, sizeof stat);
    return (char)(at ? at[1] : '\0');
}

int tg_task_processor(pid_t pid, pid_t tid) {
    char stat[1024];
    int processor = -1;
    const char *at = read_stat(pid, tid, stat, sizeof stat);
    for (int field = 3; at && field < 39; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at) {
        processor = (int)strtol(at + 1, NULL, 10);
    }
    return processor;
}

bool tg_task_status(pid_t pid, const char *field, char *value, size_t size) {
    char path[32], *line = NULL;
    size_t line_size = 0, field_bytes = strlen(field);
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *stream = fopen(path, "re");
    bool found = false;
    while (stream && !found && getline(&line, &line_size, stream) > 0) {
        if (strncmp(line, field, field_bytes) == 0 && line[field_bytes] == ':') {
            const char *start = line + field_bytes + 1;
            snprintf(value, size, "%s", start + strspn(start, " \t"));
            value[strcspn(value, "\n")] = '\0';
            found = true;
        }
    }
    free(line);
    if (stream) {
        fclose(stream);
    }
    return found;
}
