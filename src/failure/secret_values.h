/*
 * secret_values: what was kept out of the arguments of one failed call, so that the message of its exception does not
 * tell it: `ValueError: could not use hunter2`.
 *
 * Bounds: TG_SECRET_VALUES values, TG_SECRET_VALUES_BYTES in all. Those beyond are not known, and of a longer one its
 * beginning is. One of fewer than TG_SECRET_VALUE_LEAST bytes is none: it is in too many words.
 */
#ifndef TG_SECRET_VALUES_H
#define TG_SECRET_VALUES_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_SECRET_VALUES       32
#define TG_SECRET_VALUES_BYTES 4096
#define TG_SECRET_VALUE_LEAST  4

struct tg_secret_values {
    struct tg_strbuf bytes; /* all of them, one behind the other */
    struct {
        size_t begin;
        size_t length;
        bool is_cut; /* it goes on beyond what is known of it */
    } values[TG_SECRET_VALUES];
    size_t count;
};

#define TG_SECRET_VALUES_INIT                                                                                          \
    { .count = 0 }

void tg_secret_values_release(struct tg_secret_values *values);

/* Adds one; `is_cut`: it goes on beyond what is given. Blanks, quotes and backslashes around it do not count. */
void tg_secret_values_add(struct tg_secret_values *values, const char *text, size_t length, bool is_cut);

/* Appends the text with TG_REDACTED (redact.h) in the place of each of the values; one that only begins at the end of a
 * text that `is_cut` is one, too, and behind one that is not known to its end all goes. A backslash before a quote or
 * another one does not count, as in what repr() shows. */
void tg_secret_values_take_out(const struct tg_secret_values *values, const char *bytes, size_t length, bool is_cut,
                               struct tg_strbuf *out);

#endif
