/* Wrappers: see wrapper.h. */
#include "wrapper.h"

#include "probe.h"
#include "slots.h"

#include <stddef.h>
#include <structmember.h>

struct wrapper {
    PyObject_HEAD
    vectorcallfunc call;
    struct tg_token_pool *tokens;
    uint32_t function;
    bool binds; /* whether the callable is a method when found in a class */
    PyObject *callable;
    PyObject *weak_references;
};

/* The token is an object and not a variable here, because greenlets move what lies on the C stack. */
static PyObject *wrapper_call(PyObject *self, PyObject *const *arguments, size_t count, PyObject *keywords) {
    const struct wrapper *wrapper = (const struct wrapper *)self;
    PyObject *callable = Py_NewRef(wrapper->callable);
    PyObject *token = tg_token_begin(wrapper->tokens, wrapper->function);
    PyObject *result = PyObject_Vectorcall(callable, arguments, count, keywords);
    Py_DECREF(token); /* while the error, if any, is set: it is counted */
    Py_DECREF(callable);
    return result;
}

/* A callable with a way of its own to bind keeps it; what it makes of itself is then called untimed. */
static PyObject *wrapper_get(PyObject *self, PyObject *instance, PyObject *owner) {
    struct wrapper *wrapper = (struct wrapper *)self;
    descrgetfunc bind = Py_TYPE(wrapper->callable)->tp_descr_get;
    if (wrapper->binds) {
        return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
    }
    PyObject *bound = bind ? bind(wrapper->callable, instance, owner) : Py_NewRef(wrapper->callable);
    if (bound == wrapper->callable) {
        Py_SETREF(bound, Py_NewRef(self));
    }
    return bound;
}

/* Only what a wrapper has of its own is found on it; everything else, special names included, on the callable. */
static PyObject *wrapper_getattro(PyObject *self, PyObject *name) {
    static const char *const own[] = {"__wrapped__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, own[i]) == 0) {
            return PyObject_GenericGetAttr(self, name);
        }
    }
    return PyObject_GetAttr(((struct wrapper *)self)->callable, name);
}

static int wrapper_setattro(PyObject *self, PyObject *name, PyObject *value) {
    return PyObject_SetAttr(((struct wrapper *)self)->callable, name, value);
}

static PyObject *wrapper_repr(PyObject *self) {
    return PyObject_Repr(((struct wrapper *)self)->callable);
}

static PyObject *wrapper_richcompare(PyObject *self, PyObject *other, int operation) {
    PyObject *callable = ((struct wrapper *)self)->callable;
    if (Py_IS_TYPE(other, Py_TYPE(self))) {
        other = ((struct wrapper *)other)->callable;
    }
    return PyObject_RichCompare(callable, other, operation);
}

static Py_hash_t wrapper_hash(PyObject *self) {
    return PyObject_Hash(((struct wrapper *)self)->callable);
}

/* What stands under the callable's own name in its module: a new reference, or NULL without an exception. */
static PyObject *find_by_name(PyObject *callable, PyObject *qualname) {
    PyObject *name = PyObject_GetAttrString(callable, "__module__");
    PyObject *module = name ? PyImport_GetModule(name) : NULL;
    PyObject *operators = module ? PyImport_ImportModule("operator") : NULL;
    PyObject *getter = operators ? PyObject_CallMethod(operators, "attrgetter", "O", qualname) : NULL;
    PyObject *found = getter ? PyObject_CallOneArg(getter, module) : NULL;
    PyErr_Clear();
    Py_XDECREF(getter);
    Py_XDECREF(operators);
    Py_XDECREF(module);
    Py_XDECREF(name);
    return found;
}

/* Where the wrapper stands under its callable's name, it is pickled as that name; else what is pickled is the callable,
 * so that readers need nothing of ours. */
static PyObject *wrapper_reduce(PyObject *self, PyObject *Py_UNUSED(protocol)) {
    PyObject *callable = ((struct wrapper *)self)->callable;
    PyObject *qualname = PyObject_GetAttrString(callable, "__qualname__");
    PyObject *found = qualname ? find_by_name(callable, qualname) : NULL;
    PyErr_Clear();
    Py_XDECREF(found);
    if (found == self) {
        return qualname;
    }
    Py_XDECREF(qualname);
    PyObject *module = PyImport_ImportModule("copy");
    PyObject *copy = module ? PyObject_GetAttrString(module, "copy") : NULL;
    PyObject *reduced = copy ? Py_BuildValue("O(O)", copy, callable) : NULL;
    Py_XDECREF(copy);
    Py_XDECREF(module);
    return reduced;
}

static PyObject *wrapper_copy(PyObject *self, PyObject *Py_UNUSED(memo)) {
    return Py_NewRef(self);
}

static int wrapper_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((struct wrapper *)self)->callable);
    return 0;
}

static int wrapper_clear(PyObject *self) {
    Py_CLEAR(((struct wrapper *)self)->callable);
    return 0;
}

static void wrapper_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    PyObject_ClearWeakRefs(self);
    wrapper_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef wrapper_methods[] = {
    {"__reduce__", wrapper_reduce, METH_NOARGS, NULL},
    {"__reduce_ex__", wrapper_reduce, METH_O, NULL},
    {"__copy__", wrapper_copy, METH_NOARGS, NULL},
    {"__deepcopy__", wrapper_copy, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef wrapper_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(struct wrapper, call), READONLY, NULL},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(struct wrapper, weak_references), READONLY, NULL},
    {"__wrapped__", T_OBJECT_EX, offsetof(struct wrapper, callable), READONLY, "The callable that is timed."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot wrapper_slots[] = {
    {Py_tp_doc, "A timed callable that has no Python code."},
    TG_SLOT(Py_tp_call, PyVectorcall_Call),
    TG_SLOT(Py_tp_descr_get, wrapper_get),
    TG_SLOT(Py_tp_getattro, wrapper_getattro),
    TG_SLOT(Py_tp_setattro, wrapper_setattro),
    TG_SLOT(Py_tp_repr, wrapper_repr),
    TG_SLOT(Py_tp_richcompare, wrapper_richcompare),
    TG_SLOT(Py_tp_hash, wrapper_hash),
    TG_SLOT(Py_tp_traverse, wrapper_traverse),
    TG_SLOT(Py_tp_clear, wrapper_clear),
    TG_SLOT(Py_tp_dealloc, wrapper_dealloc),
    {Py_tp_methods, wrapper_methods},
    {Py_tp_members, wrapper_members},
    {0, NULL},
};

static PyType_Spec wrapper_spec = {
    .name = "tachograph._native.Wrapper",
    .basicsize = sizeof(struct wrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION
             | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = wrapper_slots,
};

PyTypeObject *tg_wrapper_type_new(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &wrapper_spec, NULL);
}

PyObject *tg_wrap_callable(PyObject *module, PyObject *args) {
    PyObject *callable;
    PyObject *name;
    if (!PyArg_ParseTuple(args, "OU:wrap_callable", &callable, &name)) {
        return NULL;
    }
    if (!PyCallable_Check(callable)) {
        return PyErr_Format(PyExc_TypeError, "expected a callable, not %.100s", Py_TYPE(callable)->tp_name);
    }
    struct tg_state *state = tg_state_of(module);
    PyObject *no_file = PyUnicode_FromString("");
    int64_t function = no_file ? tg_register_function(name, no_file, 0, 0) : -1;
    Py_XDECREF(no_file);
    struct wrapper *wrapper = function < 0 ? NULL : PyObject_GC_New(struct wrapper, state->wrapper_type);
    if (!wrapper) {
        return NULL;
    }
    wrapper->call = wrapper_call;
    wrapper->tokens = state->tokens;
    wrapper->function = (uint32_t)function;
    wrapper->binds = (Py_TYPE(callable)->tp_flags & Py_TPFLAGS_METHOD_DESCRIPTOR) != 0;
    wrapper->callable = Py_NewRef(callable);
    wrapper->weak_references = NULL;
    PyObject_GC_Track((PyObject *)wrapper);
    return (PyObject *)wrapper;
}
