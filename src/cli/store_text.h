/*
 * store_text: what a history holds, for people: `tachograph store status`.
 */
#ifndef TG_STORE_TEXT_H
#define TG_STORE_TEXT_H

#include "answer/store_overview.h"
#include "base/strbuf.h"
#include "cli/terminal.h"

/* `other_files`: that could have been meant, as text; empty: none. */
void tg_store_text_append(struct tg_strbuf *out, const struct tg_store_overview *overview,
                          const struct tg_strbuf *other_files, const struct tg_terminal *terminal);

#endif
