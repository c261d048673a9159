/*
 * secret: what only those know who may look: made, kept in a file, compared.
 */
#ifndef TG_SECRET_H
#define TG_SECRET_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_SECRET_SIZE     65  /* one that is made: 256 bits as hexadecimal digits, and the zero byte */
#define TG_SECRET_FILE_MAX 257 /* one from a file, its zero byte included */

TG_NODISCARD enum tg_status tg_secret_make(char secret[TG_SECRET_SIZE], struct tg_error *err);

/* The first line of a file that nobody but its owner may read. TG_ERROR_PERMISSION: others may; TG_ERROR_INVALID: it
 * has less than `least` characters, or too many. `what` names it in messages. */
TG_NODISCARD enum tg_status tg_secret_read(char secret[TG_SECRET_FILE_MAX], const char *path, const char *what,
                                           size_t least, struct tg_error *err);

/* Whether `given` is the secret. How long it takes depends on the length of `given` alone, not on where they differ.
 * An empty secret is nobody's. */
bool tg_secret_is(const char *secret, const char *given, size_t given_length);

#endif
