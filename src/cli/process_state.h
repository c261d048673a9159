/*
 * process_state: whether somebody has stopped a process, and what to say then.
 */
#ifndef TG_PROCESS_STATE_H
#define TG_PROCESS_STATE_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether somebody has stopped the process. Not to be asked while a thread of it is held by us. */
bool tg_process_is_stopped(pid_t pid);
/* Says so, and what helps, after "COMMAND: ". */
void tg_process_warn_stopped(pid_t pid, const char *command);

#endif
