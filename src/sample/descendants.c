/* descendants: see descendants.h. Each task of a process tells its own children in /proc, where the kernel was built
 * for that (CONFIG_PROC_CHILDREN, as distributions do); else every process is asked for its parent. */
#include "sample/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 64

/* Numbers separated by blanks, out of a file that may be longer than the buffer. */
static bool read_numbers(const char *path, void (*found)(void *, pid_t), void *context) {
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    long number;
    while (fscanf(file, "%ld", &number) == 1) { /* NOLINT(cert-err34-c): the kernel's numbers */
        found(context, (pid_t)number);
    }
    fclose(file);
    return true;
}

/* The next entry of a directory of /proc that is a number; 0: there is none. */
static long next_number(DIR *directory) {
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        char *end = NULL;
        long number = strtol(entry->d_name, &end, 10);
        if (*end == '\0' && number > 0) {
            return number;
        }
    }
    return 0;
}

/* The fourth field; the second, a name in parentheses, may have anything in it. 0: it has ended. */
static pid_t parent_of(pid_t pid) {
    char path[PATH_BYTES];
    char text[512];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *end_of_name = strrchr(text, ')');
    return end_of_name && strlen(end_of_name) > 4 ? (pid_t)strtol(end_of_name + 4, NULL, 10) : 0;
}

static void ask_everyone(pid_t parent, void (*found)(void *, pid_t), void *context) {
    DIR *all = opendir("/proc");
    for (long pid = all ? next_number(all) : 0; pid; pid = next_number(all)) {
        if (parent_of((pid_t)pid) == parent) {
            found(context, (pid_t)pid);
        }
    }
    if (all) {
        closedir(all);
    }
}

void tg_descendants_children(pid_t pid, void (*found)(void *context, pid_t child), void *context) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    DIR *tasks = opendir(path);
    if (!tasks) {
        return;
    }
    bool is_told = false;
    for (long task = next_number(tasks); task; task = next_number(tasks)) {
        snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", (long)pid, task);
        is_told = read_numbers(path, found, context) || is_told;
    }
    closedir(tasks);
    if (!is_told) {
        ask_everyone(pid, found, context);
    }
}
