/*
 * sampling: what Python code reaches of the sampler of its own process (sample/inside.h).
 */
#ifndef TG_SAMPLING_H
#define TG_SAMPLING_H

#include <Python.h>

PyObject *tg_check_sampling(PyObject *module, PyObject *ignored);
PyObject *tg_start_sampling(PyObject *module, PyObject *args);
PyObject *tg_stop_sampling(PyObject *module, PyObject *ignored);
PyObject *tg_pause_sampling(PyObject *module, PyObject *paused);
PyObject *tg_sampler_family(PyObject *module, PyObject *args);
PyObject *tg_sampling_state(PyObject *module, PyObject *ignored);
PyObject *tg_sampled_functions(PyObject *module, PyObject *ignored);
PyObject *tg_export_samples(PyObject *module, PyObject *args);

#endif
