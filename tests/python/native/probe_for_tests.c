/*
 * A probe that times nothing and checks everything, for tests of the rewriter.
 *
 *     rewrite(code, choose, log, catch) -> (code, rewritten, refused, reason)
 *         `choose(code)` is asked whether a function gets a probe, None chooses all. Events are appended to the list
 *         `log`, if it is one, as (function, number of the call, event): "enter", "pause", "continue", "exit", "drop"
 *         (the end of a paused call), or "error:" and the type of the exception that leaves the function. With `catch`,
 *         an exception class or a tuple of some, functions return such exceptions; others they ask for, and raise on.
 *     probe_of(code) -> probe or None
 *     counts() -> (tokens alive, tokens made, violations)
 *         A violation is a pause while paused, or a continue while running.
 */
#include <Python.h>

#include "rewrite.h"

#include <stdbool.h>
#include <stdint.h>

struct state {
    struct tg_rewriter rewriter;
    PyTypeObject *probe_type;
    PyTypeObject *token_type;
    long long alive_count, made_count, violation_count;
};

struct probe {
    PyObject_HEAD
    PyObject *name;
    PyObject *log;
    PyObject *catch;
    struct state *state; /* outlived by no probe: its type holds the module */
};

struct token {
    PyObject_HEAD
    struct probe *probe;
    long long number;
    bool is_paused;
};

static void note(struct token *token, const char *event) {
    if (!PyList_Check(token->probe->log)) {
        return;
    }
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *entry = Py_BuildValue("OLs", token->probe->name, token->number, event);
    if (entry == NULL || PyList_Append(token->probe->log, entry) < 0) {
        Py_FatalError("out of memory in a test");
    }
    Py_DECREF(entry);
    PyErr_Restore(type, value, traceback);
}

static PyObject *probe_invert(PyObject *self) {
    struct probe *probe = (struct probe *)self;
    struct token *token = PyObject_New(struct token, probe->state->token_type);
    if (token == NULL) {
        return NULL;
    }
    token->probe = (struct probe *)Py_NewRef(self);
    token->number = ++probe->state->made_count;
    token->is_paused = false;
    probe->state->alive_count++;
    note(token, "enter");
    return (PyObject *)token;
}

static PyObject *token_switch(PyObject *self, bool is_paused, const char *event) {
    struct token *token = (struct token *)self;
    token->probe->state->violation_count += token->is_paused == is_paused;
    token->is_paused = is_paused;
    note(token, event);
    Py_RETURN_NONE;
}

static PyObject *token_invert(PyObject *self) {
    return token_switch(self, true, "pause");
}

static PyObject *token_negative(PyObject *self) {
    return token_switch(self, false, "continue");
}

/* Without a log entry: lives are the same with and without. */
static int token_contains(PyObject *self, PyObject *exception) {
    return PyErr_GivenExceptionMatches(exception, ((struct token *)self)->probe->catch);
}

static void token_dealloc(PyObject *self) {
    struct token *token = (struct token *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (token->is_paused) {
        note(token, "drop");
    } else if (PyErr_Occurred()) {
        char event[80];
        PyOS_snprintf(event, sizeof(event), "error:%s", ((PyTypeObject *)PyErr_Occurred())->tp_name);
        note(token, event);
    } else {
        note(token, "exit");
    }
    token->probe->state->alive_count--;
    Py_DECREF(token->probe);
    PyObject_Free(self);
    Py_DECREF(type);
}

static void probe_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(((struct probe *)self)->name);
    Py_XDECREF(((struct probe *)self)->log);
    Py_XDECREF(((struct probe *)self)->catch);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *probe_repr(PyObject *self) {
    return PyUnicode_FromFormat("<probe of %U>", ((struct probe *)self)->name);
}

/* ISO C has no conversion of functions to void *, which is what slots hold. */
#define SLOT(function) ((void *)(uintptr_t)(function))

static PyType_Slot probe_slots[] = {{Py_tp_dealloc, SLOT(probe_dealloc)},
                                    {Py_tp_repr, SLOT(probe_repr)},
                                    {Py_nb_invert, SLOT(probe_invert)},
                                    {0, NULL}};
static PyType_Spec probe_spec = {"probe_for_tests.Probe", sizeof(struct probe), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, probe_slots};

static PyType_Slot token_slots[] = {{Py_tp_dealloc, SLOT(token_dealloc)},
                                    {Py_nb_invert, SLOT(token_invert)},
                                    {Py_nb_negative, SLOT(token_negative)},
                                    {Py_sq_contains, SLOT(token_contains)},
                                    {0, NULL}};
static PyType_Spec token_spec = {"probe_for_tests.Token", sizeof(struct token), 0,
                                 Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, token_slots};

struct choice {
    struct state *state;
    PyObject *choose;
    PyObject *log;
    PyObject *catch;
};

static bool probe_catches(PyObject *probe) {
    return ((struct probe *)probe)->catch != Py_None;
}

static PyObject *make_probe(PyCodeObject *code, void *context) {
    struct choice *choice = context;
    if (choice->choose != Py_None) {
        PyObject *answer = PyObject_CallOneArg(choice->choose, (PyObject *)code);
        int is_chosen = answer == NULL ? -1 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        if (is_chosen <= 0) {
            return NULL;
        }
    }
    struct probe *probe = PyObject_New(struct probe, choice->state->probe_type);
    if (probe != NULL) {
        probe->name = Py_NewRef(code->co_qualname);
        probe->log = Py_NewRef(choice->log);
        probe->catch = Py_NewRef(choice->catch);
        probe->state = choice->state;
    }
    return (PyObject *)probe;
}

static PyObject *rewrite(PyObject *module, PyObject *args) {
    struct choice choice = {.state = PyModule_GetState(module), .choose = Py_None, .log = Py_None, .catch = Py_None};
    PyCodeObject *code;
    if (!PyArg_ParseTuple(args, "O!|OOO", &PyCode_Type, &code, &choice.choose, &choice.log, &choice.catch)) {
        return NULL;
    }
    struct tg_rewrite_result result = {0};
    PyObject *rewritten = tg_rewrite_code(&choice.state->rewriter, code, make_probe, &choice, &result);
    if (rewritten == NULL) {
        return NULL;
    }
    return Py_BuildValue("Nnnz", rewritten, result.rewritten_count, result.refused_count, result.reason);
}

static PyObject *probe_of(PyObject *module, PyObject *code) {
    struct state *state = PyModule_GetState(module);
    if (!PyCode_Check(code)) {
        PyErr_SetString(PyExc_TypeError, "not a code object");
        return NULL;
    }
    PyObject *probe = tg_code_probe((PyCodeObject *)code, state->probe_type);
    return Py_NewRef(probe != NULL ? probe : Py_None);
}

static PyObject *counts(PyObject *module, PyObject *unused) {
    (void)unused;
    struct state *state = PyModule_GetState(module);
    return Py_BuildValue("LLL", state->alive_count, state->made_count, state->violation_count);
}

static PyMethodDef methods[] = {{"rewrite", rewrite, METH_VARARGS, NULL},
                                {"probe_of", probe_of, METH_O, NULL},
                                {"counts", counts, METH_NOARGS, NULL},
                                {NULL, NULL, 0, NULL}};

static int module_exec(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    state->probe_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &probe_spec, NULL);
    state->token_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &token_spec, NULL);
    if (state->probe_type == NULL || state->token_type == NULL) {
        return -1;
    }
    int result = tg_rewriter_init(&state->rewriter, state->probe_type);
    state->rewriter.catches = probe_catches;
    return result;
}

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
    struct state *state = PyModule_GetState(module);
    Py_VISIT(state->probe_type);
    Py_VISIT(state->token_type);
    return tg_rewriter_traverse(&state->rewriter, visit, arg);
}

static int module_clear(PyObject *module) {
    struct state *state = PyModule_GetState(module);
    tg_rewriter_release(&state->rewriter);
    Py_CLEAR(state->probe_type);
    Py_CLEAR(state->token_type);
    return 0;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, SLOT(module_exec)}, {0, NULL}};
static struct PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, "probe_for_tests", NULL,
                                               sizeof(struct state),  methods,           module_slots,
                                               module_traverse,       module_clear,      NULL};

PyMODINIT_FUNC PyInit_probe_for_tests(void);
PyMODINIT_FUNC PyInit_probe_for_tests(void) {
    return PyModuleDef_Init(&module_definition);
}
