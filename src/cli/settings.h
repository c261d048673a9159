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

/* TACHOGRAPH_DISABLE is set (to anything but 0): programs run plain. */
bool tg_settings_disabled(void);

#endif
