/*
 * command_words: the words that a program was started with, as a line for people, without the secrets in them
 * (redact.h). Whatever keeps or shows a command line takes it from here, so that no recording and no history has more.
 *
 *     --password=x  --set=db.password=x  API_KEY=x     what is behind the sign goes
 *     --password x                                     the word behind the option goes, unless that is an option, too
 *     mysql://me:x@db  'Authorization: Bearer x'       as in any text
 */
#ifndef TG_COMMAND_WORDS_H
#define TG_COMMAND_WORDS_H

#include "base/strbuf.h"

#include <stddef.h>

/* Words with a zero byte between them, as in /proc/PID/cmdline; appended with blanks between them. */
void tg_command_words_append(struct tg_strbuf *out, const char *words, size_t length);

#endif
