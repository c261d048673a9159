/*
 * descendants: which processes a process has started.
 *
 * A process whose parent has ended belongs to another one from then on, and is no child any more: whoever wants to know
 * it has to have seen it before.
 */
#ifndef TG_DESCENDANTS_H
#define TG_DESCENDANTS_H

#include <stddef.h>
#include <sys/types.h>

/* Calls `found` for each child that there is now; none, where the process has ended. */
void tg_descendants_children(pid_t pid, void (*found)(void *context, pid_t child), void *context);

#endif
