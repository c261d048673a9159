/* Probes: see probe.h. */
#include "probe.h"

#include "code_hash.h"
#include "exception_policy.h"
#include "record/tracer.h"
#include "slots.h"

struct probe {
    PyObject_HEAD
    struct tg_token_pool *tokens;
    uint32_t function;
    PyObject *name;
    PyObject *original;
    PyObject *policy; /* or NULL */
};

/* Names come from code objects, which may hold surrogates that UTF-8 has no form for. */
static PyObject *encode(PyObject *text) {
    return PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
}

PyObject *tg_function_name(PyObject *module, PyObject *qualname) {
    PyObject *name = PyUnicode_FromFormat("%U::%U", module, qualname);
    PyObject *bytes = name ? encode(name) : NULL;
    Py_XDECREF(name);
    name = bytes ? PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), NULL) : NULL;
    Py_XDECREF(bytes);
    return name;
}

int64_t tg_register_function(PyObject *name, PyObject *file, int line, uint64_t code_hash) {
    PyObject *name_bytes = encode(name);
    PyObject *file_bytes = name_bytes ? encode(file) : NULL;
    int64_t function = -1;
    if (file_bytes) {
        tg_start_recording();
        function = tg_tracer_function(&(struct tg_function_source){
            .name = PyBytes_AS_STRING(name_bytes),
            .name_bytes = (size_t)PyBytes_GET_SIZE(name_bytes),
            .file = PyBytes_AS_STRING(file_bytes),
            .file_bytes = (size_t)PyBytes_GET_SIZE(file_bytes),
            .line = line > 0 ? (uint32_t)line : 0,
            .code_hash = code_hash,
        });
    }
    Py_XDECREF(file_bytes);
    Py_XDECREF(name_bytes);
    return function;
}

PyObject *tg_probe_new(struct tg_state *state, PyObject *name, PyCodeObject *original, PyObject *policy) {
    int64_t function =
        tg_register_function(name, original->co_filename, original->co_firstlineno, tg_code_hash(original));
    if (function < 0) {
        return NULL;
    }
    struct probe *probe = PyObject_New(struct probe, state->probe_type);
    if (!probe) {
        return NULL;
    }
    probe->tokens = state->tokens;
    probe->function = (uint32_t)function;
    probe->name = Py_NewRef(name);
    probe->original = Py_NewRef((PyObject *)original);
    probe->policy = Py_XNewRef(policy);
    return (PyObject *)probe;
}

PyObject *tg_probe_name(PyObject *probe) {
    return ((struct probe *)probe)->name;
}

PyObject *tg_probe_original(PyObject *probe) {
    return ((struct probe *)probe)->original;
}

const struct tg_policy *tg_probe_policy(PyObject *probe) {
    return (struct tg_policy *)((struct probe *)probe)->policy;
}

uint32_t tg_probe_function(PyObject *probe) {
    return ((struct probe *)probe)->function;
}

bool tg_probe_catches(PyObject *probe) {
    const struct tg_policy *policy = tg_probe_policy(probe);
    return policy && policy->returns;
}

int tg_probe_set_policy(PyObject *probe, PyObject *policy) {
    PyObject **place = &((struct probe *)probe)->policy;
    PyObject *both = *place ? tg_policy_with(*place, policy) : Py_NewRef(policy);
    if (both) {
        Py_XSETREF(*place, both);
    }
    return both ? 0 : -1;
}

static PyObject *probe_begin(PyObject *self) {
    const struct probe *probe = (const struct probe *)self;
    return tg_token_begin(probe->tokens, probe->function);
}

static void probe_dealloc(PyObject *self) {
    struct probe *probe = (struct probe *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(probe->name);
    Py_DECREF(probe->original);
    Py_XDECREF(probe->policy);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyObject *probe_repr(PyObject *self) {
    return PyUnicode_FromFormat("<probe %U>", ((struct probe *)self)->name);
}

/* Some libraries pickle code objects by value, to run them where nobody knows us. There an integer stands in for the
 * probe, and integers understand the same operators: the function runs untimed. */
static PyObject *probe_reduce(PyObject *Py_UNUSED(self), PyObject *Py_UNUSED(ignored)) {
    return Py_BuildValue("O(i)", (PyObject *)&PyLong_Type, 0);
}

static PyObject *probe_copy(PyObject *self, PyObject *Py_UNUSED(memo)) {
    return Py_NewRef(self);
}

static PyMethodDef probe_methods[] = {
    {"__reduce__", probe_reduce, METH_NOARGS, NULL},
    {"__copy__", probe_copy, METH_NOARGS, NULL},
    {"__deepcopy__", probe_copy, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot probe_slots[] = {
    {Py_tp_doc, "The mark of a timed code object. Internal: its last constant."},
    TG_SLOT(Py_tp_dealloc, probe_dealloc),
    TG_SLOT(Py_tp_repr, probe_repr),
    {Py_tp_methods, probe_methods},
    TG_SLOT(Py_nb_invert, probe_begin),
    {0, NULL},
};

static PyType_Spec probe_spec = {
    .name = "tachograph._native.Probe",
    .basicsize = sizeof(struct probe),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = probe_slots,
};

PyTypeObject *tg_probe_type_new(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &probe_spec, NULL);
}
