/*
 * What an exception says, without asking code of the program: str() is called where it is known to be C alone, whatever
 * the exception holds; else what it was made of is shown as JSON.
 */
#ifndef TG_EXCEPTION_MESSAGE_H
#define TG_EXCEPTION_MESSAGE_H

#include <Python.h>

#include "base/strbuf.h"
#include "failure/secret_values.h"

#include <stdbool.h>

/* Appends the message, without secrets and those that are `known` of the call. `value` is an instance; in
 * CPython 3.11 it may be what one of `type` is yet to be made of, NULL: of nothing. With `calls_repr` str() is called
 * in any case. The error indicator is clear before and after. */
void tg_exception_append_message(struct tg_strbuf *out, PyObject *type, PyObject *value, bool calls_repr,
                                 const struct tg_secret_values *known);

#endif
