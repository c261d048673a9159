/*
 * settings: the TACHOGRAPH_* variables of the environment, the settings that are not given on the command line.
 */
#ifndef TG_SETTINGS_H
#define TG_SETTINGS_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>

/* TG_ERROR_INVALID for a TACHOGRAPH_* variable that nothing reads, with the one that was probably meant. */
TG_NODISCARD enum tg_status tg_settings_check(struct tg_error *err);

/* Whether TACHOGRAPH_DISABLE says that programs run plain: 1, true, yes, on; not: 0, false, no, off, nothing; in
 * capitals or not. Any other word does, because whoever sets it wants less of us, and `note` (may be NULL) says so. The
 * package reads it alike (python/tachograph/_settings.py). */
bool tg_settings_disabled(struct tg_error *note);

#endif
