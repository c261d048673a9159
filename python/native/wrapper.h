/*
 * Wrappers: how callables are timed that have no code to rewrite: those written in C, and code that is not understood.
 *
 * A wrapper stands in for its callable: it calls it the same way, binds to instances when the callable does, and shows
 * the callable's attributes, class and documentation. It is another object, though: `is`, and C code that looks at the
 * type, can tell.
 */
#ifndef TG_WRAPPER_H
#define TG_WRAPPER_H

#include <Python.h>

#include "state.h"

PyTypeObject *tg_wrapper_type_new(PyObject *module);

/* wrap_callable(callable, name) -> a timed stand-in. `name` is "module::qualname". */
PyObject *tg_wrap_callable(PyObject *module, PyObject *args);

#endif
