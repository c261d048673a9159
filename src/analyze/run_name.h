/*
 * run_name: a run of a service as people name it: by its id as `tachograph runs` shows it, which is the beginning of
 * the whole one, or as the "latest" or the "previous" one. "run:" may stand before it.
 */
#ifndef TG_RUN_NAME_H
#define TG_RUN_NAME_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

/* How many digits of an id are shown. */
#define TG_RUN_NAME_DIGITS 8

/* Narrows a selection to the run of that name, and to the iterations that it had. TG_ERROR_NOT_FOUND: there is none;
 * TG_ERROR_INVALID: it is no name, or that of several. */
TG_NODISCARD enum tg_status tg_run_name_select(const struct tg_scope *scope, const char *name,
                                               struct tg_store_selection *selection, struct tg_error *err);

#endif
