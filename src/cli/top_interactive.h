/*
 * top_interactive: top on the whole terminal, with keys. See top.h and screen.h.
 */
#ifndef TG_TOP_INTERACTIVE_H
#define TG_TOP_INTERACTIVE_H

#include "base/attributes.h"
#include "base/error.h"
#include "cli/top.h"

/* Until the person has had enough. `live` has been refreshed once. */
TG_NODISCARD enum tg_status tg_top_interact(struct tg_top *top, struct tg_live *live, struct tg_error *err);

#endif
