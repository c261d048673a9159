/*
 * The one pattern matcher: which functions are meant.
 *
 * A function's name is `module::qualname`. A pattern is
 *     shop               the functions of the module shop
 *     shop.*             of shop and of all its submodules, at any depth
 *     shop.cart::Cart.*  with `::` the pattern globs the full name; before the `::` it means what it means
 *                        alone, so shop.*::main is the main of shop and of each of its submodules
 * with the wildcards, which also match dots,
 *     *        any text, also none
 *     ?        one character (not byte)
 *     [abc] [a-z] [!a]   one character in, in the range, not in the set; `[*]` is a star itself
 * Case counts. Matching allocates nothing, does not recurse, and takes at most length(pattern) x length(name)
 * steps. A pattern that tg_pattern_validate() refuses is not to be matched: it matches nothing sensible, but
 * is safe. Threads: pure functions.
 */
#ifndef TG_PATTERN_H
#define TG_PATTERN_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>

/* Whether the function called `name` (module::qualname) is meant. */
bool tg_pattern_match(const char *pattern, const char *name);
/* The same where module and qualname are at hand as two strings. */
bool tg_pattern_match_function(const char *pattern, const char *module, const char *qualname);
/* Whether some function of the module could be meant: false saves looking into it. */
bool tg_pattern_match_module(const char *pattern, const char *module);

/* TG_ERROR_INVALID, with a message that quotes the pattern and says what to write instead, for a pattern that
 * cannot mean anything. Every pattern from outside goes through here once. */
TG_NODISCARD enum tg_status tg_pattern_validate(const char *pattern, struct tg_error *err);

#endif
