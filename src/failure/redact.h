/*
 * redact: takes secrets out of what is about to leave the process: values by the key that they stand under, and parts
 * of texts by what they look like.
 *
 * Keys are compared without case, '_', '-', '.' and spaces: `X-Api-Key` and `apiKey` are one. A key is secret when one
 * of the words of redact.c, or of those added, is anywhere in it; of the short ones, when it is a word of the key, or
 * the whole of it: `DB_PASS` and `dbPass` are secret, `passenger` and `compass` are not. Better a harmless value too
 * many than a password too few.
 *
 * In texts: JSON Web Tokens; PEM blocks; the password of `scheme://user:password@host`; what follows `Bearer ` or
 * `Basic `; and what stands under a secret key, however it is written:
 *
 *     password=x  password = 'x'  password: str = "x"      queries, DSNs, command lines, code
 *     "password": "x"  {\"password\": \"x\"}  b'password': b'x'   JSON, also in JSON, and dicts
 *     X-Api-Key: x  Authorization: Token x  Cookie: a=x; b=x   headers; the word for the kind of authorization stays
 *     --password x  ["--password", "x"]  ("Authorization", "x")  arguments, and pairs
 *
 * Of what is in quotes or brackets all goes; else the word, so that prose, "the password: must not be empty", loses no
 * more than that. A secret whose end lies beyond the text given counts up to the end of the text. It takes time by the
 * length of the text, whatever is in it.
 *
 * Threads: the functions only read; the added words are set before anything is redacted, or with Python's lock held.
 */
#ifndef TG_REDACT_H
#define TG_REDACT_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

/* What stands in a secret's place. */
#define TG_REDACTED "[redacted]"

/* Words that make a key secret besides those built in, separated by commas; NULL: none. Between two commas there may be
 * nothing. Words past the limits (32, of 63 letters and digits) are not kept: false then; the others are. */
bool tg_redact_set_words(const char *words);

/* Says which words cannot be meant, or are past the limits. */
TG_NODISCARD enum tg_status tg_redact_check_words(const char *words, struct tg_error *err);

bool tg_redact_is_secret_key(const char *key, size_t length);

/* Whether a text is nothing but a secret key, or an option that takes a secret (`--api-key`): what comes next in a list
 * is the secret then. */
bool tg_redact_is_secret_name(const char *text, size_t length);

struct tg_secret_values;

/* Appends `text` without its secrets. What they were is added to `found` (secret_values.h), which may be NULL; not so a
 * word behind a colon, which may have been prose. */
void tg_redact_text(const char *text, size_t length, struct tg_strbuf *out, struct tg_secret_values *found);

#endif
