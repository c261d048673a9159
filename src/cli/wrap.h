/* wrap: words, broken into lines that a place has room for. */
#ifndef TG_WRAP_H
#define TG_WRAP_H

#include "base/strbuf.h"

#include <stddef.h>

/* Appends the words of a text and ends the line. `width` of a line, 0: any; `column` is where the line stands now,
 * further ones are indented. A word that is wider than a line has one to itself. */
void tg_wrap_append(struct tg_strbuf *out, const char *text, size_t width, size_t column, size_t indent);

#endif
