/* Spans: see span.h. */
#include "span.h"

#include "exception_policy.h"
#include "probe.h"
#include "record/function_registry.h"
#include "slots.h"

struct span {
    PyObject_HEAD
    struct tg_token_pool *tokens;
    uint32_t function;
    PyObject *name;
    PyObject *token; /* NULL: not entered */
};

/* The module of the code that makes the span. A new reference. */
static PyObject *calling_module(void) {
    PyObject *globals = PyEval_GetGlobals();
    PyObject *name = globals ? PyDict_GetItemString(globals, "__name__") : NULL;
    return name && PyUnicode_Check(name) ? Py_NewRef(name) : PyUnicode_FromString("__main__");
}

/* The full name: a new reference. */
static PyObject *full_name(PyObject *name) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(name);
    PyObject *separator = PyUnicode_FromString("::");
    Py_ssize_t found = separator ? PyUnicode_Find(name, separator, 0, length, 1) : -2;
    Py_XDECREF(separator);
    if (found == -2) {
        return NULL;
    }
    if (found >= 0) {
        return Py_NewRef(name);
    }
    PyObject *module = calling_module();
    PyObject *full = module ? tg_function_name(module, name) : NULL;
    Py_XDECREF(module);
    return full;
}

static int64_t find_function(struct tg_state *state, PyObject *name) {
    PyObject *known = PyDict_GetItemWithError(state->spans, name);
    if (known || PyErr_Occurred()) {
        return known ? PyLong_AsLongLong(known) : -1;
    }
    PyObject *no_file = PyUnicode_FromString("");
    int64_t function = no_file ? tg_register_function(name, no_file, 0, 0) : -1;
    Py_XDECREF(no_file);
    if (function <= TG_FUNCTION_OVERFLOW) { /* names past the limit are not kept: there may be any number of them */
        return function;
    }
    PyObject *id = PyLong_FromLongLong(function);
    if (!id || PyDict_SetItem(state->spans, name, id) < 0) {
        function = -1;
    }
    Py_XDECREF(id);
    return function;
}

static PyObject *span_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"name", NULL};
    PyObject *name;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "U:span", names, &name)) {
        return NULL;
    }
    if (PyUnicode_GET_LENGTH(name) == 0) {
        PyErr_SetString(PyExc_ValueError, "a span needs a name");
        return NULL;
    }
    PyObject *module = PyType_GetModule(type);
    struct tg_state *state = module ? tg_state_of(module) : NULL;
    PyObject *full = state ? full_name(name) : NULL;
    int64_t function = full ? find_function(state, full) : -1;
    struct span *span = function < 0 ? NULL : (struct span *)type->tp_alloc(type, 0);
    if (span) {
        span->tokens = state->tokens;
        span->function = (uint32_t)function;
        span->name = Py_NewRef(full);
    }
    Py_XDECREF(full);
    return (PyObject *)span;
}

static PyObject *span_enter(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct span *span = (struct span *)self;
    if (span->token) {
        PyErr_Format(PyExc_RuntimeError, "span %R is entered already; make one for each use", span->name);
        return NULL;
    }
    Py_INCREF(self);
    span->token = tg_token_begin(span->tokens, span->function);
    return self;
}

static PyObject *span_exit(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    struct span *span = (struct span *)self;
    PyObject *token = span->token;
    if (!token) {
        PyErr_Format(PyExc_RuntimeError, "span %R is not entered", span->name);
        return NULL;
    }
    span->token = NULL;
    bool failed = count > 0 && args[0] != Py_None && PyExceptionClass_Check(args[0]) && tg_policy_is_failure(args[0]);
    tg_token_end(token, failed);
    Py_RETURN_FALSE;
}

static int span_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    return 0;
}

static void span_dealloc(PyObject *self) {
    struct span *span = (struct span *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (span->token) {
        tg_token_end(span->token, false);
    }
    Py_CLEAR(span->name);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *span_repr(PyObject *self) {
    return PyUnicode_FromFormat("<tachograph.span %R>", ((struct span *)self)->name);
}

static PyMethodDef span_methods[] = {
    {"__enter__", span_enter, METH_NOARGS, "Begin; return the span itself."},
    {"__exit__", (PyCFunction)(uintptr_t)span_exit, METH_FASTCALL, "End; an exception counts as an error."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot span_slots[] = {
    {Py_tp_doc, "span(name)\n--\n\n"
                "Times the body of a ``with`` statement like a function called ``module::name``.\n\n"
                "Args:\n"
                "    name: what the span is called; with ``::`` in it, the full name.\n\n"
                "Raises:\n"
                "    RuntimeError: on entering a span that is entered; make one for each use."},
    TG_SLOT(Py_tp_new, span_new),
    TG_SLOT(Py_tp_traverse, span_traverse),
    TG_SLOT(Py_tp_dealloc, span_dealloc),
    TG_SLOT(Py_tp_repr, span_repr),
    {Py_tp_methods, span_methods},
    {0, NULL},
};

static PyType_Spec span_spec = {
    .name = "tachograph.span",
    .basicsize = sizeof(struct span),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = span_slots,
};

PyTypeObject *tg_span_type_new(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &span_spec, NULL);
}
