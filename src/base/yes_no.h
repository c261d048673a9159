/*
 * yes_no: the words for yes and no in settings: 1, true, yes, on and 0, false, no, off, in capitals or not.
 */
#ifndef TG_YES_NO_H
#define TG_YES_NO_H

#include <stdbool.h>

bool tg_yes_no_is_yes(const char *word);
/* An empty word is a no. */
bool tg_yes_no_is_no(const char *word);

#endif
