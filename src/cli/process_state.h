/*
 * process_state: what the kernel says that processes and their threads do.
 */
#ifndef TG_PROCESS_STATE_H
#define TG_PROCESS_STATE_H

#include <stdbool.h>
#include <sys/types.h>

/* Of a thread, as in /proc: R, S, D, T, t, Z; '\0': not known. */
char tg_thread_state(pid_t pid, pid_t tid);

/* Whether somebody has stopped the process. Not to be asked while a thread of it is held by us. */
bool tg_process_is_stopped(pid_t pid);
/* Says so, and what helps, after "COMMAND: ". */
void tg_process_warn_stopped(pid_t pid, const char *command);

#endif
