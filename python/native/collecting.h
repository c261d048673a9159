/*
 * The collector (collect/collector.h) as Python starts and stops it.
 *
 * All of this runs under the GIL, and waits without it. Fork: tachograph._collect registers the three functions below
 * with os.register_at_fork. Shutdown: the last batch is made after the interpreter's end, when no call can come any
 * more.
 */
#ifndef TG_COLLECTING_H
#define TG_COLLECTING_H

#include <Python.h>

PyObject *tg_default_store(PyObject *module, PyObject *service);
PyObject *tg_start_collecting(PyObject *module, PyObject *args);
PyObject *tg_stop_collecting(PyObject *module, PyObject *timeout);
PyObject *tg_abandon_collecting(PyObject *module, PyObject *ignored);
PyObject *tg_is_alone_in_run(PyObject *module, PyObject *ignored);
PyObject *tg_flush_collecting(PyObject *module, PyObject *timeout);
PyObject *tg_is_collecting(PyObject *module, PyObject *ignored);
PyObject *tg_before_fork(PyObject *module, PyObject *ignored);
PyObject *tg_after_fork_in_parent(PyObject *module, PyObject *ignored);
PyObject *tg_after_fork_in_child(PyObject *module, PyObject *ignored);

#endif
