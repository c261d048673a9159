/*
 * own_name: how this program is started again, for the command lines that it prints to be copied: "tachograph" where
 * that is the one found on PATH, else as it was started.
 */
#ifndef TG_OWN_NAME_H
#define TG_OWN_NAME_H

#include "base/strbuf.h"

/* Once, before the other. Borrowed. */
void tg_own_name_prepare(const char *started_as);

/* Appends it as a word of a command line. */
void tg_own_name_append(struct tg_strbuf *out);

#endif
