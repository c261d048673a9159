/*
 * fact: the lines around a table: "service   shop", one fact a line, and which columns a narrow terminal hides.
 */
#ifndef TG_FACT_H
#define TG_FACT_H

#include "base/strbuf.h"
#include "cli/terminal.h"

#include <stddef.h>

#define TG_FACT_LABEL_WIDTH 10

/* Appends a line: the label, dim, and a text that others wrote, escaped and shortened to the terminal's width. Nothing
 * where the text is empty. */
void tg_fact_append(struct tg_strbuf *out, const struct tg_terminal *terminal, const char *label, const char *text,
                    size_t length);

/* The same with a sentence of our own, which is wrapped instead. */
void tg_fact_append_sentence(struct tg_strbuf *out, const struct tg_terminal *terminal, const char *label,
                             const struct tg_strbuf *text);

/* Which columns are not shown, as tg_table_append_hidden() lists them, and what shows them: on two lines where one
 * would not fit. Nothing where all are shown. */
void tg_fact_append_hidden(struct tg_strbuf *out, const struct tg_terminal *terminal, const struct tg_strbuf *hidden,
                           const char *remedy);

#endif
