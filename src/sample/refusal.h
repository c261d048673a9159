/*
 * refusal: why the system does not let us read another process, or stop it, and what the person can do about it.
 */
#ifndef TG_REFUSAL_H
#define TG_REFUSAL_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Writes what `errnum`, of a system call that asked for a look into the process, means and what helps; returns the
 * status that belongs to it, never TG_OK. Looks at the process, our user and capabilities, and the system's rules. */
TG_NODISCARD enum tg_status tg_refusal_explain(pid_t pid, int errnum, struct tg_error *err);

/* Whether this process has the capability to look into all others (CAP_SYS_PTRACE). */
bool tg_refusal_may_trace_everything(void);

#endif
