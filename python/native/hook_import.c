/*
 * Hook into imports: importlib's exec_module (all loaders of source, bytecode and zip files inherit it) with one step
 * added between getting the code and running it. get_code() itself is left alone, since others marshal what it returns.
 * The code is run through importlib's own helper, so that tracebacks lose the same frames as ever.
 */
#include "hook.h"

#include "instrument.h"

static PyObject *loader_class(void) {
    PyObject *importlib = PyImport_ImportModule("importlib._bootstrap_external");
    PyObject *class = importlib ? PyObject_GetAttrString(importlib, "_LoaderBasics") : NULL;
    Py_XDECREF(importlib);
    return class;
}

/* Timing is never a reason for an import to fail: then the module runs as it is. */
static PyObject *timed_or_plain(struct tg_state *state, PyObject *code, PyObject *name) {
    if (!PyCode_Check(code) || !PyUnicode_Check(name)) {
        return Py_NewRef(code);
    }
    PyObject *timed = tg_instrument_code(state, (PyCodeObject *)code, name);
    if (!timed) {
        PyErr_WriteUnraisable(name);
        return Py_NewRef(code);
    }
    return timed;
}

static int run_code(PyObject *code, PyObject *module) {
    PyObject *importlib = PyImport_ImportModule("importlib._bootstrap");
    PyObject *builtins = importlib ? PyImport_ImportModule("builtins") : NULL;
    PyObject *exec = builtins ? PyObject_GetAttrString(builtins, "exec") : NULL;
    PyObject *names = exec ? PyObject_GetAttrString(module, "__dict__") : NULL;
    PyObject *result =
        names ? PyObject_CallMethod(importlib, "_call_with_frames_removed", "OOO", exec, code, names) : NULL;
    Py_XDECREF(names);
    Py_XDECREF(exec);
    Py_XDECREF(builtins);
    Py_XDECREF(importlib);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* exec_module(self, module) of a loader. */
static PyObject *exec_module(PyObject *self, PyObject *args) {
    PyObject *loader;
    PyObject *module;
    if (!PyArg_ParseTuple(args, "OO:exec_module", &loader, &module)) {
        return NULL;
    }
    PyObject *name = PyObject_GetAttrString(module, "__name__");
    PyObject *code = name ? PyObject_CallMethod(loader, "get_code", "O", name) : NULL;
    int result = -1;
    if (code == Py_None) {
        PyErr_Format(PyExc_ImportError, "cannot load module %R when get_code() returns None", name);
    } else if (code) {
        PyObject *timed = timed_or_plain(tg_state_of(self), code, name);
        result = run_code(timed, module);
        Py_DECREF(timed);
    }
    Py_XDECREF(code);
    Py_XDECREF(name);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef exec_module_def = {"exec_module", exec_module, METH_VARARGS, "Execute the module."};

int tg_hook_install(struct tg_state *state, PyObject *module) {
    if (state->load_module) {
        return 0;
    }
    PyObject *class = loader_class();
    PyObject *original = class ? PyObject_GetAttrString(class, "exec_module") : NULL;
    PyObject *function = original ? PyCFunction_New(&exec_module_def, module) : NULL;
    PyObject *method = function ? PyInstanceMethod_New(function) : NULL;
    int result = method ? PyObject_SetAttrString(class, "exec_module", method) : -1;
    if (result == 0) {
        state->load_module = Py_NewRef(original);
    }
    Py_XDECREF(method);
    Py_XDECREF(function);
    Py_XDECREF(original);
    Py_XDECREF(class);
    return result;
}

void tg_hook_remove(struct tg_state *state) {
    if (!state->load_module) {
        return;
    }
    PyObject *class = loader_class();
    if (!class || PyObject_SetAttrString(class, "exec_module", state->load_module) < 0) {
        PyErr_Clear();
    }
    Py_XDECREF(class);
    Py_CLEAR(state->load_module);
}
