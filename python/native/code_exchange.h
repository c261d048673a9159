/*
 * What a reload asks of code and functions: python/tachograph/_exchange.py decides, this does what only C can.
 */
#ifndef TG_CODE_EXCHANGE_H
#define TG_CODE_EXCHANGE_H

#include <Python.h>

/* functions_of(globals) -> list: all functions there are of that module, wherever they are kept. */
PyObject *tg_functions_of(PyObject *module, PyObject *globals);
/* compiled_code(code) -> code: as the compiler made it, without a probe. */
PyObject *tg_compiled_code(PyObject *module, PyObject *code);
/* code_hash(code) -> int */
PyObject *tg_hash_of_code(PyObject *module, PyObject *code);
/* timed_code(code, module_name, before) -> code: new code in the place of older (None: of none), timed if that was. */
PyObject *tg_timed_code(PyObject *module, PyObject *args);
/* exchange_functions([(function, code[, defaults, keyword_defaults]), ...]): the functions run this code from their
 * next call on, with these default values where they are given; all at once, so no thread sees some of it. ValueError:
 * a code takes another number of variables from around it; then nothing has changed, as with any exception. */
PyObject *tg_exchange_functions(PyObject *module, PyObject *list);

/* record_event(is_done, text): a reload, or one that was refused, is kept with the recording. */
PyObject *tg_record_event(PyObject *module, PyObject *args);

#endif
