/*
 * age: a length of time as people write it: "90s", "10m", "12h", "7d", "2w".
 */
#ifndef TG_AGE_H
#define TG_AGE_H

#include <stdbool.h>
#include <stdint.h>

/* False: the text is none, or too long a time. */
bool tg_age_parse(const char *text, int64_t *ns);

#endif
