/*
 * help: what --help prints, from the tables of commands and options. To standard output; the functions return the exit
 * code.
 */
#ifndef TG_HELP_H
#define TG_HELP_H

#include "base/strbuf.h"
#include "cli/options.h"

int tg_help_print_overview(void);
int tg_help_print_command(const struct tg_command *command);
/* What can be set by the environment or a pyproject.toml, and how. */
int tg_help_print_settings(void);

/* Writes a text to standard output and releases it. */
int tg_help_print(struct tg_strbuf *text);

/* The text of the latter, in lines of at most 80 columns. */
void tg_help_append_command(struct tg_strbuf *out, const struct tg_command *command);

#endif
