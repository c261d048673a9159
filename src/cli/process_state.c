#include "cli/process_state.h"

#include "cli/message.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The letter after its name, which may have anything in it. */
char tg_thread_state(pid_t pid, pid_t tid) {
    char path[64];
    char text[512];
    snprintf(path, sizeof path, "/proc/%ld/task/%ld/stat", (long)pid, (long)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return (char)(name_end && name_end[1] == ' ' ? name_end[2] : '\0');
}

bool tg_process_is_stopped(pid_t pid) {
    return tg_thread_state(pid, pid) == 'T';
}

void tg_process_warn_stopped(pid_t pid, const char *command) {
    tg_message_warning("%s: process %ld is stopped (SIGSTOP, Ctrl-Z); 'kill -CONT %ld' lets it go on", command,
                       (long)pid, (long)pid);
}
