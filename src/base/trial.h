/* trial: whether a file can be made in a directory, found out by making one: permissions alone do not tell. */
#ifndef TG_TRIAL_H
#define TG_TRIAL_H

#include "base/strbuf.h"

/* Makes a file in the directory and removes it; 0, or why not (an errno). A directory without room for it passes. */
int tg_trial_directory(const char *path);

/* Appends the path, or the nearest directory upwards that is there. */
void tg_trial_append_existing(struct tg_strbuf *out, const char *path);

#endif
