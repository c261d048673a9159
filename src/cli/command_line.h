/*
 * command_line: the words that a process was started with, for people, without their secrets.
 */
#ifndef TG_COMMAND_LINE_H
#define TG_COMMAND_LINE_H

#include "base/strbuf.h"

#include <sys/types.h>

/* Appends " (python app.py)", cut where it is long; nothing where it cannot be known. */
void tg_command_line_append(struct tg_strbuf *out, pid_t pid);

#endif
