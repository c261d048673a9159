/*
 * parameters: the part of a request's target after its question mark, read.
 *
 * Names and values are percent-decoded, `+` is a space, and what comes out is valid UTF-8 without zero bytes. Each name
 * stands once. Anything else is refused: nothing that a client sends is guessed at.
 */
#ifndef TG_PARAMETERS_H
#define TG_PARAMETERS_H

#include "base/attributes.h"
#include "base/error.h"

#include <stddef.h>

#define TG_PARAMETERS_MAX 16

struct tg_parameter {
    const char *name; /* borrowed from the storage, as the next */
    const char *value;
};

struct tg_parameters {
    char *storage;
    struct tg_parameter items[TG_PARAMETERS_MAX];
    size_t count;
};

/* Reads "a=1&b=2"; NULL or "": none. TG_ERROR_INVALID says what is wrong with which one. Released also after a
 * failure. */
TG_NODISCARD enum tg_status tg_parameters_parse(struct tg_parameters *parameters, const char *text,
                                                struct tg_error *err);
void tg_parameters_release(struct tg_parameters *parameters);

/* The value, borrowed; NULL: not given. */
const char *tg_parameters_find(const struct tg_parameters *parameters, const char *name);

#endif
