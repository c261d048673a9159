/*
 * man_page: tachograph(1), generated from the tables of commands, options and settings.
 */
#ifndef TG_MAN_PAGE_H
#define TG_MAN_PAGE_H

#include "base/strbuf.h"

void tg_man_page_append(struct tg_strbuf *out);

#endif
