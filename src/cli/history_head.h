/*
 * history_head: how every answer begins, as text: of which service, from which history, and which part of
 * it.
 */
#ifndef TG_HISTORY_COMMAND_HEAD_H
#define TG_HISTORY_COMMAND_HEAD_H

#include "cli/history_command.h"

#include <stddef.h>

/* Appends a line of the head to the answer. */
void tg_history_print_fact(struct tg_history_question *question, const char *label, const struct tg_strbuf *value);

/* Service and history, and what they were chosen from. */
void tg_history_print_head(struct tg_history_question *question);
/* The period of a selection, with the versions it has where there are several. */
void tg_history_print_period(struct tg_history_question *question, const struct tg_store_selection *selection);

/* What is said where nothing was called. */
void tg_history_print_nothing(struct tg_history_question *question, const struct tg_store_selection *selection);

/* How many rows -n leaves out; nothing where none are. */
void tg_history_print_cut(struct tg_history_question *question, size_t cut, const char *what);

/* For a command line to copy: " WORD", quoted where it has to be; a version; the --store and --service that were
 * given. */
void tg_history_append_word(struct tg_strbuf *out, const char *word);
void tg_history_append_version_word(struct tg_strbuf *out, const char *version);
void tg_history_append_words(struct tg_strbuf *out, const struct tg_history *history);

#endif
