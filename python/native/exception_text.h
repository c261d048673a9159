/*
 * Python's strings as UTF-8, without its help: nothing is cached in the string, nothing raised, and a lone surrogate is
 * U+FFFD.
 */
#ifndef TG_EXCEPTION_TEXT_H
#define TG_EXCEPTION_TEXT_H

#include <Python.h>

#include "base/strbuf.h"

#include <stdbool.h>

/* Appends the first characters of a str, as many as fit into `bytes_max`. Returns whether that was all. */
bool tg_text_append(struct tg_strbuf *out, PyObject *text, size_t bytes_max);

/* Appends "module.qualname" of a type, builtins without their module. No attribute is asked for. */
void tg_text_append_type(struct tg_strbuf *out, PyTypeObject *type);

#endif
