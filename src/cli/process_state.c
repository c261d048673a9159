#include "cli/process_state.h"

#include "cli/message.h"
#include "sample/task.h"

bool tg_process_is_stopped(pid_t pid) {
    return tg_task_state(pid, pid) == 'T';
}

void tg_process_warn_stopped(pid_t pid, const char *command) {
    tg_message_warning("%s: process %ld is stopped (SIGSTOP, Ctrl-Z); 'kill -CONT %ld' lets it go on", command,
                       (long)pid, (long)pid);
}
