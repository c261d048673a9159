/*
 * redact: takes secrets out of what is about to leave the process: values by the key that they stand under, and parts
 * of texts by what they look like.
 *
 * Keys are compared without case, '_', '-', '.' and spaces: `X-Api-Key` and `apiKey` are one. A key is secret when one
 * of the words below, or of those added, is anywhere in it; of the short ones, when it is the whole key. Better a
 * harmless value too many than a password too few.
 *
 * In texts: JSON Web Tokens; PEM blocks; the password of `scheme://user:password@host`; what follows `Bearer ` or
 * `Basic `; and what follows a secret key and `=`, as in a query string, a DSN or a command line. A secret whose end
 * lies beyond the text given counts up to the end of the text.
 *
 * Threads: the functions only read; the added words are set before anything is redacted, or with Python's lock held.
 */
#ifndef TG_REDACT_H
#define TG_REDACT_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* What stands in a secret's place. */
#define TG_REDACTED "[redacted]"

/* Words that make a key secret besides those built in, separated by commas; NULL: none. Words past the limits (32, of
 * 63 letters and digits) are not kept: false then. */
bool tg_redact_set_words(const char *words);

bool tg_redact_is_secret_key(const char *key, size_t length);

/* Appends `text` without its secrets. */
void tg_redact_text(const char *text, size_t length, struct tg_strbuf *out);

#endif
