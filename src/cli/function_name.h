/*
 * function_name: which function of a history is meant by what somebody types: its whole name, as in
 * "shop.orders::Orders.search", or an end of it that is no other's, "Orders.search".
 */
#ifndef TG_FUNCTION_NAME_H
#define TG_FUNCTION_NAME_H

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

/* Borrowed from `functions`. TG_ERROR_NOT_FOUND: none is, and `err` has the nearest names; TG_ERROR_INVALID: several
 * end like this. */
TG_NODISCARD enum tg_status tg_function_name_find(const struct tg_store_functions *functions, const char *wanted,
                                                  const struct tg_store_function **found, struct tg_error *err);

#endif
