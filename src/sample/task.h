/*
 * task: what /proc tells of the threads of a process, which are its tasks.
 */
#ifndef TG_TASK_H
#define TG_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether the process counts its threads in a PID namespace of its own, as in a container. */
bool tg_task_is_elsewhere(pid_t pid);

/* Whether paths lead to the same files for the process as for this one: not out of a container. */
bool tg_task_shares_files(pid_t pid);

/* The thread as this process sees it, of the number that it has in its own namespace (`is_elsewhere`). A number that no
 * thread has is that of a process which forked: then the thread is the process's first, unless `pid` itself is another.
 * 0: there is none. */
pid_t tg_task_find(pid_t pid, pid_t number, bool is_elsewhere);

/* The thread's number in the innermost of its PID namespaces, its process's own. 0: there is no such thread. */
pid_t tg_task_number(pid_t pid, pid_t tid);

/* The name that the system knows the thread by, at most 15 bytes; false: there is no such thread. */
bool tg_task_name(pid_t pid, pid_t tid, char *name, size_t size);

/* The processor that a thread runs on, or ran on last; -1: there is no such thread. */
int tg_task_processor(pid_t pid, pid_t tid);

/* What a thread does, as proc(5) has it: R, S, D, T, t, Z; '\0': not known. */
char tg_task_state(pid_t pid, pid_t tid);

/* One line of /proc/PID/status, from the first character of its value on: "Uid" gives "0\t0\t0\t0". False: there is no
 * such process, or no such line. */
bool tg_task_status(pid_t pid, const char *field, char *value, size_t size);

#endif
