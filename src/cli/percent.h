/*
 * percent: "20%" on a command line. The sign may be left out.
 */
#ifndef TG_PERCENT_H
#define TG_PERCENT_H

#include "base/attributes.h"
#include "base/error.h"

/* 0.2 of "20%". TG_ERROR_INVALID: no percentage, or a negative one. */
TG_NODISCARD enum tg_status tg_percent_parse(const char *text, double *ratio, struct tg_error *err);

/* An option's check. */
TG_NODISCARD enum tg_status tg_percent_check(const char *text, struct tg_error *err);

#endif
