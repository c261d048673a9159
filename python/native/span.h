/*
 * Spans: `with tachograph.span("name"):` times a stretch of code as if it were a function called `module::name`.
 */
#ifndef TG_SPAN_H
#define TG_SPAN_H

#include <Python.h>

PyTypeObject *tg_span_type_new(PyObject *module);

#endif
