/*
 * Hook into imports: importlib's exec_module (all loaders of source, bytecode and zip files inherit one, modules frozen
 * into the interpreter have another) with one step added between getting the code and running it. get_code() itself is
 * left alone, since others marshal what it returns. The code is run through importlib's own helper, so that tracebacks
 * lose the same frames as ever.
 */
#include "hook.h"

#include "instrument.h"

/* A new reference to a class of importlib's. */
static PyObject *loader_class(const char *module, const char *name) {
    PyObject *importlib = PyImport_ImportModule(module);
    PyObject *class = importlib ? PyObject_GetAttrString(importlib, name) : NULL;
    Py_XDECREF(importlib);
    return class;
}

static PyObject *file_loader_class(void) {
    return loader_class("importlib._bootstrap_external", "_LoaderBasics");
}

static PyObject *frozen_loader_class(void) {
    return loader_class("importlib._bootstrap", "FrozenImporter");
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

/* A new reference to a module that has been imported long ago. Who stands in the place of __import__, to count imports
 * or to forbid them, is not asked, unless the program has taken the module away. */
static PyObject *loaded_module(const char *name) {
    PyObject *key = PyUnicode_FromString(name);
    PyObject *module = key ? PyImport_GetModule(key) : NULL;
    Py_XDECREF(key);
    return module || PyErr_Occurred() ? module : PyImport_ImportModule(name);
}

static int run_code(PyObject *code, PyObject *module) {
    PyObject *importlib = loaded_module("importlib._bootstrap");
    PyObject *builtins = importlib ? loaded_module("builtins") : NULL;
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

/* Who watches files reads a module's source before it runs, and returns what has gone wrong with that: neither is this
 * a reason for an import to fail. But what it raises is not its own: a signal came meanwhile, and its handler ran. */
static int tell_of_import(const struct tg_state *state, PyObject *module) {
    PyObject *result = state->on_import ? PyObject_CallOneArg(state->on_import, module) : Py_NewRef(Py_None);
    if (result && PyExceptionInstance_Check(result)) {
        PyErr_SetObject(PyExceptionInstance_Class(result), result);
        PyErr_WriteUnraisable(module);
    }
    Py_XDECREF(result);
    return result ? 0 : -1;
}

/* exec_module(self, module) of a loader. */
static PyObject *exec_module(PyObject *self, PyObject *args, PyObject *keywords) {
    static char *names[] = {"self", "module", NULL};
    PyObject *loader;
    PyObject *module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO:exec_module", names, &loader, &module)) {
        return NULL;
    }
    PyObject *name = PyObject_GetAttrString(module, "__name__");
    PyObject *code = name ? PyObject_CallMethod(loader, "get_code", "O", name) : NULL;
    int result = -1;
    if (code == Py_None) {
        PyErr_Format(PyExc_ImportError, "cannot load module %R when get_code() returns None", name);
    } else if (code) {
        PyObject *timed = timed_or_plain(tg_state_of(self), code, name);
        result = tell_of_import(tg_state_of(self), module) < 0 ? -1 : run_code(timed, module);
        Py_DECREF(timed);
    }
    Py_XDECREF(code);
    Py_XDECREF(name);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

/* exec_module(module) of the modules frozen into the interpreter: a static method. */
static PyObject *exec_frozen(PyObject *self, PyObject *module) {
    PyObject *spec = PyObject_GetAttrString(module, "__spec__");
    PyObject *name = spec ? PyObject_GetAttrString(spec, "name") : NULL;
    PyObject *imp = name ? loaded_module("_imp") : NULL;
    PyObject *code = imp ? PyObject_CallMethod(imp, "get_frozen_object", "O", name) : NULL;
    int result = -1;
    if (code) {
        PyObject *timed = timed_or_plain(tg_state_of(self), code, name);
        result = run_code(timed, module);
        Py_DECREF(timed);
    }
    Py_XDECREF(code);
    Py_XDECREF(imp);
    Py_XDECREF(name);
    Py_XDECREF(spec);
    return result < 0 ? NULL : Py_NewRef(Py_None);
}

static PyMethodDef exec_module_def = {"exec_module", (PyCFunction)(uintptr_t)exec_module, METH_VARARGS | METH_KEYWORDS,
                                      "Execute the module."};
static PyMethodDef exec_frozen_def = {"exec_module", exec_frozen, METH_O, NULL};

/* Puts `replacement` (NULL with an exception: does nothing) in the place of the class's exec_module. Returns what was
 * there before, as the class holds it, or NULL with an exception. */
static PyObject *exchange_method(PyObject *class, PyObject *replacement) {
    PyObject *names = class && replacement ? PyObject_GetAttrString(class, "__dict__") : NULL;
    PyObject *before = names ? PyMapping_GetItemString(names, "exec_module") : NULL;
    if (before && PyObject_SetAttrString(class, "exec_module", replacement) < 0) {
        Py_CLEAR(before);
    }
    Py_XDECREF(names);
    return before;
}

static int hook_files(struct tg_state *state, PyObject *module) {
    PyObject *class = file_loader_class();
    PyObject *function = PyCFunction_New(&exec_module_def, module);
    PyObject *method = function ? PyInstanceMethod_New(function) : NULL;
    state->load_module = exchange_method(class, method);
    Py_XDECREF(method);
    Py_XDECREF(function);
    Py_XDECREF(class);
    return state->load_module ? 0 : -1;
}

static int hook_frozen(struct tg_state *state, PyObject *module) {
    PyObject *class = frozen_loader_class();
    PyObject *function = PyCFunction_New(&exec_frozen_def, module); /* as an attribute of a class it stays unbound */
    state->load_frozen = exchange_method(class, function);
    Py_XDECREF(function);
    Py_XDECREF(class);
    return state->load_frozen ? 0 : -1;
}

int tg_hook_install(struct tg_state *state, PyObject *module) {
    if (!state->load_module && hook_files(state, module) < 0) {
        return -1;
    }
    return state->load_frozen ? 0 : hook_frozen(state, module);
}

/* Gives the class back what it had. */
static void restore_method(PyObject *class, PyObject **before) {
    if (*before && (!class || PyObject_SetAttrString(class, "exec_module", *before) < 0)) {
        PyErr_Clear();
    }
    Py_XDECREF(class);
    Py_CLEAR(*before);
}

void tg_hook_remove(struct tg_state *state) {
    if (state->load_module) {
        restore_method(file_loader_class(), &state->load_module);
    }
    if (state->load_frozen) {
        restore_method(frozen_loader_class(), &state->load_frozen);
    }
}
