/* See exception_policy.h. */
#include "exception_policy.h"

#include "slots.h"

#include <string.h>

static bool matches(PyObject *exception, PyObject *classes) {
    return classes != Py_None && PyErr_GivenExceptionMatches(exception, classes);
}

static PyTypeObject *type_of(PyObject *exception) {
    return PyType_Check(exception) ? (PyTypeObject *)exception : Py_TYPE(exception);
}

/* Of a class that Python code has made; borrowed, or NULL. Found without looking the name up, which would make a str of
 * it, run the comparison of another key, or set an error. */
static PyObject *module_of(PyTypeObject *type) {
    Py_ssize_t position = 0;
    PyObject *key;
    PyObject *value;
    while (PyDict_Next(type->tp_dict, &position, &key, &value)) {
        if (PyUnicode_Check(key) && PyUnicode_CompareWithASCIIString(key, "__module__") == 0) {
            return PyUnicode_Check(value) ? value : NULL;
        }
    }
    return NULL;
}

/* asyncio's and that of concurrent.futures, which are two; by name, since neither may be loaded. */
static bool is_cancellation(PyTypeObject *type) {
    for (; type; type = type->tp_base) {
        PyObject *module = PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && strcmp(type->tp_name, "CancelledError") == 0
                               ? module_of(type)
                               : NULL;
        if (module
            && (PyUnicode_CompareWithASCIIString(module, "asyncio.exceptions") == 0
                || PyUnicode_CompareWithASCIIString(module, "concurrent.futures._base") == 0)) {
            return true;
        }
    }
    return false;
}

static bool is_end_of_iteration(PyObject *exception, PyCodeObject *code) {
    return (PyErr_GivenExceptionMatches(exception, PyExc_StopIteration)
            && PyUnicode_CompareWithASCIIString(code->co_name, "__next__") == 0)
           || (PyErr_GivenExceptionMatches(exception, PyExc_StopAsyncIteration)
               && PyUnicode_CompareWithASCIIString(code->co_name, "__anext__") == 0);
}

bool tg_policy_is_failure(PyObject *exception) {
    return !PyErr_GivenExceptionMatches(exception, PyExc_KeyboardInterrupt)
           && !PyErr_GivenExceptionMatches(exception, PyExc_SystemExit)
           && !PyErr_GivenExceptionMatches(exception, PyExc_GeneratorExit) && !is_cancellation(type_of(exception));
}

bool tg_policy_wants(const struct tg_policy *policy, PyObject *exception, PyCodeObject *code) {
    if (matches(exception, policy->ignore)) {
        return false;
    }
    return policy->only == Py_None ? tg_policy_is_failure(exception) && !is_end_of_iteration(exception, code)
                                   : matches(exception, policy->only);
}

bool tg_policy_returns(const struct tg_policy *policy, PyObject *exception, PyCodeObject *code) {
    return policy->returns && tg_policy_wants(policy, exception, code)
           && (policy->only != Py_None || PyErr_GivenExceptionMatches(exception, PyExc_Exception));
}

static void policy_dealloc(PyObject *self) {
    struct tg_policy *policy = (struct tg_policy *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(policy->only);
    Py_DECREF(policy->ignore);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyType_Slot policy_slots[] = {
    {Py_tp_doc, "What happens to exceptions that leave a function. Internal."},
    TG_SLOT(Py_tp_dealloc, policy_dealloc),
    {0, NULL},
};

static PyType_Spec policy_spec = {
    .name = "tachograph._native.Policy",
    .basicsize = sizeof(struct tg_policy),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = policy_slots,
};

PyTypeObject *tg_policy_type_new(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &policy_spec, NULL);
}

PyObject *tg_policy_new(PyTypeObject *type, PyObject *only, PyObject *ignore, bool returns, bool captures_args,
                        bool calls_repr) {
    struct tg_policy *policy = PyObject_New(struct tg_policy, type);
    if (policy) {
        policy->only = Py_NewRef(only);
        policy->ignore = Py_NewRef(ignore);
        policy->returns = returns;
        policy->captures_args = captures_args;
        policy->calls_repr = calls_repr;
    }
    return (PyObject *)policy;
}

PyObject *tg_policy_with(PyObject *policy, PyObject *other) {
    const struct tg_policy *one = (const struct tg_policy *)policy;
    if (!one->captures_args || ((const struct tg_policy *)other)->captures_args) {
        return Py_NewRef(policy);
    }
    return tg_policy_new(Py_TYPE(policy), one->only, one->ignore, one->returns, false, one->calls_repr);
}
