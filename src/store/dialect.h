/*
 * dialect: one text of SQL for all engines. Where they differ, the text has a word that begins with `$`, which becomes
 * what the engine calls it. All words are in the table of dialect.c.
 */
#ifndef TG_DIALECT_H
#define TG_DIALECT_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "store/sql.h"

/* Appends `text` with its words replaced. A word that is not in the table is our own mistake. */
void tg_dialect_expand(struct tg_strbuf *out, enum tg_sql_dialect dialect, const char *text);

#endif
