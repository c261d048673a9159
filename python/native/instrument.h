/*
 * Instrumentation: choosing functions and giving them rewritten code, or their own back.
 *
 * A function object keeps its identity: only its __code__ changes. Calls that run go on with the code they began with.
 */
#ifndef TG_INSTRUMENT_H
#define TG_INSTRUMENT_H

#include <Python.h>

#include "state.h"

/* `code`, of module `module`, with all functions in it that the selections choose timed; a new reference. */
PyObject *tg_instrument_code(struct tg_state *state, PyCodeObject *code, PyObject *module);

/* The same for the body of a module or class that runs or is about to, and so cannot be another object: what its
 * constants hold from here on is timed, and with it each function that is defined later. 0, or -1 with an exception. */
int tg_instrument_nested(struct tg_state *state, PyCodeObject *code, PyObject *module);

/* `code`, which takes the place of `before` (NULL: of nothing), timed itself if that was, with the same policy for its
 * exceptions, and with what is nested in it timed as the selections say; a new reference. NULL with an exception, as
 * where `before` returned its exceptions and this code cannot. */
PyObject *tg_instrument_new_code(struct tg_state *state, PyCodeObject *code, PyObject *module, PyCodeObject *before);

/* The function's __code__ is this from now on. 0, or -1 with an exception set. */
int tg_function_set_code(PyObject *function, PyObject *code);

/* A list of the functions there are whose globals are this very dict. */
PyObject *tg_functions_of_globals(PyObject *globals);

/* Module functions; docs with their definitions. */
PyObject *tg_time_function(PyObject *module, PyObject *function);
PyObject *tg_watch_function(PyObject *module, PyObject *args);
PyObject *tg_instrument_functions(PyObject *module, PyObject *args);
PyObject *tg_instrument_everything(PyObject *module, PyObject *args);
PyObject *tg_uninstrument_functions(PyObject *module, PyObject *args);
PyObject *tg_unmatched_patterns(PyObject *module, PyObject *ignored);

#endif
