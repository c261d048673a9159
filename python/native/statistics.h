/*
 * Statistics: the recording's figures as Python objects, in seconds.
 */
#ifndef TG_STATISTICS_H
#define TG_STATISTICS_H

#include <Python.h>

#include "state.h"

PyTypeObject *tg_statistics_type_new(PyObject *module);

/* Module functions; their docs are with their definitions. */
PyObject *tg_statistics(PyObject *module, PyObject *args, PyObject *keywords);
PyObject *tg_drain(PyObject *module, PyObject *ignored);

#endif
