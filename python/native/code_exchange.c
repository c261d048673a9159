/* See code_exchange.h. */
#include "code_exchange.h"

#include "code_hash.h"
#include "instrument.h"
#include "probe.h"
#include "record/tracer.h"
#include "rewrite.h"
#include "state.h"

PyObject *tg_functions_of(PyObject *Py_UNUSED(module), PyObject *globals) {
    return tg_functions_of_globals(globals);
}

static bool expect_code(PyObject *code) {
    if (!PyCode_Check(code)) {
        PyErr_Format(PyExc_TypeError, "expected a code object, not %.100s", Py_TYPE(code)->tp_name);
    }
    return PyCode_Check(code);
}

PyObject *tg_compiled_code(PyObject *module, PyObject *code) {
    if (!expect_code(code)) {
        return NULL;
    }
    PyObject *probe = tg_code_probe((PyCodeObject *)code, tg_state_of(module)->probe_type);
    return Py_NewRef(probe ? tg_probe_original(probe) : code);
}

PyObject *tg_hash_of_code(PyObject *Py_UNUSED(module), PyObject *code) {
    return expect_code(code) ? PyLong_FromUnsignedLongLong(tg_code_hash((PyCodeObject *)code)) : NULL;
}

PyObject *tg_timed_code(PyObject *module, PyObject *args) {
    PyObject *code;
    PyObject *name;
    PyObject *before;
    if (!PyArg_ParseTuple(args, "OUO:timed_code", &code, &name, &before) || !expect_code(code)
        || (before != Py_None && !expect_code(before))) {
        return NULL;
    }
    return tg_instrument_new_code(tg_state_of(module), (PyCodeObject *)code, name,
                                  before == Py_None ? NULL : (PyCodeObject *)before);
}

/* The function keeps its id in the recording; there its code is another from now on. */
static void tell_recording(PyObject *probe) {
    PyCodeObject *original = (PyCodeObject *)tg_probe_original(probe);
    Py_ssize_t length;
    const char *name = PyUnicode_AsUTF8AndSize(tg_probe_name(probe), &length); /* it has a form in UTF-8 */
    if (!name) {
        PyErr_Clear();
        return;
    }
    tg_tracer_function_changed(&(struct tg_function_source){
        .name = name,
        .name_bytes = (size_t)length,
        .line = original->co_firstlineno > 0 ? (uint32_t)original->co_firstlineno : 0,
        .code_hash = tg_code_hash(original),
    });
}

PyObject *tg_exchange_code(PyObject *module, PyObject *args) {
    PyObject *function;
    PyObject *code;
    if (!PyArg_ParseTuple(args, "O!O:exchange_code", &PyFunction_Type, &function, &code) || !expect_code(code)
        || tg_function_set_code(function, code) < 0) {
        return NULL;
    }
    PyObject *probe = tg_code_probe((PyCodeObject *)code, tg_state_of(module)->probe_type);
    if (probe) {
        tell_recording(probe);
    }
    Py_RETURN_NONE;
}

PyObject *tg_record_event(PyObject *Py_UNUSED(module), PyObject *args) {
    int is_done;
    PyObject *text;
    if (!PyArg_ParseTuple(args, "pU:record_event", &is_done, &text)) {
        return NULL;
    }
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (!bytes) {
        return NULL;
    }
    tg_start_recording();
    tg_tracer_event(is_done ? TG_EVENT_RELOAD : TG_EVENT_REFUSED_RELOAD, PyBytes_AS_STRING(bytes),
                    (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}
