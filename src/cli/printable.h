/*
 * printable: text that nobody has checked, made safe to show on a terminal and measured in its columns.
 *
 * Names come from recordings, which anyone of the same user can write. What a terminal would act on, or not show
 * (control and format characters, bidirectional overrides, bytes that are no UTF-8), is written as an escape: \n \t
 * \x1b \u202e. Everything else stays. Output is UTF-8, whatever the locale.
 */
#ifndef TG_PRINTABLE_H
#define TG_PRINTABLE_H

#include "base/strbuf.h"

#include <stddef.h>

/* Once, before the others: the widths of characters depend on the C library's locale. */
void tg_printable_prepare(void);

/* Appends `length` bytes of anything, escaped. */
void tg_printable_append(struct tg_strbuf *out, const char *bytes, size_t length);

/* Appends a word of a shell's command line, quoted where it has to be, for people to copy; escaped as above. */
void tg_printable_append_word(struct tg_strbuf *out, const char *word);

/* The columns that printable text takes on a terminal. */
size_t tg_printable_width(const char *text, size_t length);

/* Appends printable text in at most `width` columns: where it is longer, "..." stands for its middle. */
void tg_printable_shorten(struct tg_strbuf *out, const char *text, size_t length, size_t width);
/* The same, but "..." stands for its beginning: of a path the end is what matters. */
void tg_printable_shorten_start(struct tg_strbuf *out, const char *text, size_t length, size_t width);

#endif
