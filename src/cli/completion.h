/*
 * completion: what a shell asks to complete the words of `tachograph`, generated from the tables of commands and
 * options. Nothing is asked of the program while somebody types.
 */
#ifndef TG_COMPLETION_H
#define TG_COMPLETION_H

#include "base/strbuf.h"
#include "cli/options.h"

#include <stdbool.h>

/* Append the script. */
void tg_completion_append_bash(struct tg_strbuf *out);
void tg_completion_append_fish(struct tg_strbuf *out);
void tg_completion_append_zsh(struct tg_strbuf *out);

/* Whether an option's value is a file's name, or may be. */
bool tg_completion_is_file(const struct tg_option *option);

#endif
