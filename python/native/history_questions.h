/*
 * The questions asked of a history, as methods of StoreReader: from Python's arguments to the store, and its answers as
 * tuples and lists of them, which tachograph.history gives names. Times become seconds here, as floats.
 *
 * Most begin with the same five arguments, strings or None: service, since, until, version, run.
 */
#ifndef TG_HISTORY_QUESTIONS_H
#define TG_HISTORY_QUESTIONS_H

#include <Python.h>

PyObject *tg_history_services(PyObject *reader, PyObject *ignored);
PyObject *tg_history_functions(PyObject *reader, PyObject *args);
PyObject *tg_history_rank(PyObject *reader, PyObject *args);
PyObject *tg_history_series(PyObject *reader, PyObject *args);
PyObject *tg_history_trend(PyObject *reader, PyObject *args);
PyObject *tg_history_trends(PyObject *reader, PyObject *args);
PyObject *tg_history_diff(PyObject *reader, PyObject *args);
PyObject *tg_history_runs(PyObject *reader, PyObject *args);
PyObject *tg_history_versions(PyObject *reader, PyObject *args);
PyObject *tg_history_events(PyObject *reader, PyObject *args);
PyObject *tg_history_status(PyObject *reader, PyObject *ignored);
PyObject *tg_history_verify(PyObject *reader, PyObject *ignored);

#endif
