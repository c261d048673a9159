/*
 * function_name: which function of a history is meant by what somebody types: its whole name, as in
 * "shop.orders::Orders.search", or an end of it that is no other's, "Orders.search".
 */
#ifndef TG_FUNCTION_NAME_H
#define TG_FUNCTION_NAME_H

#include "analyze/scope.h"
#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "store/store.h"

/* A function of the program's main file is also found as __main__::main, as reports call it (store/stored_name.h).
 * Borrowed from `functions`, which are those of the scope's service. TG_ERROR_NOT_FOUND: none is, and `err` has the
 * nearest names; TG_ERROR_INVALID: several end like this. */
TG_NODISCARD enum tg_status tg_function_name_find(const struct tg_store_functions *functions,
                                                  const struct tg_scope *scope, const char *wanted,
                                                  const struct tg_store_function **found, struct tg_error *err);

/* Appends the pattern that is meant by a pattern or a name (base/pattern.h): as it is where it names a function that
 * the service ever called, or has wildcards; else the whole name of the one function that it is an end of. */
TG_NODISCARD enum tg_status tg_function_name_append_pattern(struct tg_strbuf *out, const struct tg_scope *scope,
                                                            const char *wanted, struct tg_error *err);

/* Reads what a name means of all functions that a service ever called. Released with tg_function_name_release(). */
TG_NODISCARD enum tg_status tg_function_name_read(struct tg_store_function *function, const struct tg_scope *scope,
                                                  const char *wanted, struct tg_error *err);
void tg_function_name_release(struct tg_store_function *function);

#endif
