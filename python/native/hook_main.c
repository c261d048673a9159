/*
 * Hook into the main program. `tachograph run` starts plain Python, so that everything about the program is as it would
 * be without us; its code must then be reached on its way to the interpreter. A frame evaluation function (PEP 523) is
 * set from start-up until the first frame of __main__ is about to run; there the functions in the constants of that
 * code are exchanged, and the evaluation function is taken back, before any code of the program has run.
 *
 * A process that multiprocessing spawns has a main program of multiprocessing's, which imports the parent's as
 * __mp_main__: there the function stays until that is about to run, or the process has begun its work without it. Its
 * functions go by the name that they have in the parent.
 *
 * The interpreter's frame is private to each version, hence its internal header, here and nowhere else.
 */
#include "hook.h"

#include "instrument.h"

#define Py_BUILD_CORE 1
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#else
#include <internal/pycore_frame.h>
#endif
#undef Py_BUILD_CORE

/* Frame evaluation functions have no argument of their own. The module is borrowed: it lives in sys.modules while this
 * start-up lasts, and is looked up again by the function. */
static _PyFrameEvalFunction evaluate_before;
static bool is_imported_again;

static PyObject *code_of(struct _PyInterpreterFrame *frame) {
#if PY_VERSION_HEX >= 0x030e0000
    return PyStackRef_AsPyObjectBorrow(frame->f_executable);
#elif PY_VERSION_HEX >= 0x030d0000
    return frame->f_executable;
#else
    return (PyObject *)frame->f_code;
#endif
}

static bool is_module(struct _PyInterpreterFrame *frame) {
    PyObject *code = code_of(frame);
    return code && PyCode_Check(code)
           && PyUnicode_CompareWithASCIIString(((PyCodeObject *)code)->co_name, "<module>") == 0;
}

static bool is_main(struct _PyInterpreterFrame *frame) {
    if (!is_module(frame)) {
        return false;
    }
    PyObject *main = PyImport_AddModule("__main__"); /* borrowed */
    if (!main) {
        PyErr_Clear();
        return false;
    }
    return frame->f_globals == PyModule_GetDict(main);
}

static void instrument_main(PyCodeObject *code) {
    PyObject *module = PyImport_ImportModule("tachograph._native");
    PyObject *name = module ? PyUnicode_FromString("__main__") : NULL;
    if (!name || tg_instrument_nested(tg_state_of(module), code, name) < 0) {
        PyErr_WriteUnraisable(name);
    }
    Py_XDECREF(name);
    Py_XDECREF(module);
}

static bool is_main_again(struct _PyInterpreterFrame *frame) {
    PyObject *name = is_module(frame) ? PyDict_GetItemString(frame->f_globals, "__name__") : NULL; /* borrowed */
    return name && PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, "__mp_main__") == 0;
}

static bool is_work_of_multiprocessing(struct _PyInterpreterFrame *frame) {
    PyObject *code = code_of(frame);
    return code && PyCode_Check(code)
           && PyUnicode_CompareWithASCIIString(((PyCodeObject *)code)->co_qualname, "BaseProcess._bootstrap") == 0;
}

static PyObject *evaluate_until_main_again(PyThreadState *thread, struct _PyInterpreterFrame *frame, int throwing) {
    _PyFrameEvalFunction evaluate = evaluate_before;
    bool again = !throwing && is_main_again(frame);
    if (again || (!throwing && is_work_of_multiprocessing(frame))) {
        _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), evaluate);
    }
    if (again) {
        instrument_main((PyCodeObject *)code_of(frame));
    }
    return evaluate(thread, frame, throwing);
}

static PyObject *evaluate_until_main(PyThreadState *thread, struct _PyInterpreterFrame *frame, int throwing) {
    _PyFrameEvalFunction evaluate = evaluate_before;
    if (!throwing && is_main(frame)) {
        _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(),
                                             is_imported_again ? evaluate_until_main_again : evaluate);
        instrument_main((PyCodeObject *)code_of(frame));
    }
    return evaluate(thread, frame, throwing);
}

PyObject *tg_watch_main(PyObject *Py_UNUSED(module), PyObject *imported_again) {
    is_imported_again = imported_again == Py_True;
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    _PyFrameEvalFunction evaluate = _PyInterpreterState_GetEvalFrameFunc(interpreter);
    if (evaluate != evaluate_until_main) {
        evaluate_before = evaluate;
        _PyInterpreterState_SetEvalFrameFunc(interpreter, evaluate_until_main);
    }
    Py_RETURN_NONE;
}
