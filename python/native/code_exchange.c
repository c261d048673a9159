/* See code_exchange.h. */
#include "code_exchange.h"

#include "code_hash.h"
#include "instrument.h"
#include "probe.h"
#include "record/tracer.h"
#include "rewrite.h"
#include "state.h"

#include <assert.h>

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

/* What a call reads of a function, all of it at once. */
struct exchange {
    PyObject *function; /* borrowed: the caller's tuple has it */
    PyObject *code;
    PyObject *defaults; /* a tuple or None; NULL: these and the keywords stay as they are */
    PyObject *keywords; /* a dict or None */
};

static bool read_exchange(PyObject *tuple, struct exchange *exchange) {
    PyObject *code;
    PyObject *defaults = NULL;
    PyObject *keywords = NULL;
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "expected tuples of a function, its code, and its default values");
        return false;
    }
    if (!PyArg_ParseTuple(tuple, "O!O!|OO:exchange_functions", &PyFunction_Type, &exchange->function, &PyCode_Type,
                          &code, &defaults, &keywords)) {
        return false;
    }
    if (defaults
        && (!keywords || (defaults != Py_None && !PyTuple_Check(defaults))
            || (keywords != Py_None && !PyDict_Check(keywords)))) {
        PyErr_SetString(PyExc_TypeError, "default values are a tuple or None, and then a dict or None");
        return false;
    }
    exchange->code = Py_NewRef(code);
    exchange->defaults = Py_XNewRef(defaults);
    exchange->keywords = Py_XNewRef(keywords);
    return true;
}

static PyObject *or_none(PyObject *object) {
    return Py_NewRef(object ? object : Py_None);
}

/* The function gets what the exchange has, and the exchange what the function had. So nothing is released here, and no
 * Python runs once the code is set: what may run before, such as an audit hook, finds the function as it was. 0, or -1
 * with an exception, and the function is as it was. */
static int swap(struct exchange *exchange) {
    PyObject *function = exchange->function;
    PyObject *code = Py_NewRef(PyFunction_GET_CODE(function));
    if (tg_function_set_code(function, exchange->code) < 0) {
        Py_DECREF(code);
        return -1;
    }
    Py_SETREF(exchange->code, code); /* the function keeps the other */
    if (exchange->defaults) {
        PyObject *defaults = or_none(PyFunction_GET_DEFAULTS(function));
        PyObject *keywords = or_none(PyFunction_GET_KW_DEFAULTS(function));
        int status = PyFunction_SetDefaults(function, exchange->defaults); /* the types are right: neither can fail */
        status |= PyFunction_SetKwDefaults(function, exchange->keywords);
        assert(status == 0);
        (void)status;
        Py_SETREF(exchange->defaults, defaults);
        Py_SETREF(exchange->keywords, keywords);
    }
    return 0;
}

/* Puts back what the first `count` had; the exception that is set stays. */
static void swap_back(struct exchange *exchanges, Py_ssize_t count) {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    while (count-- > 0) {
        if (swap(&exchanges[count]) < 0) {
            PyErr_WriteUnraisable(exchanges[count].function);
        }
    }
    PyErr_Restore(type, value, traceback);
}

static int swap_all(struct exchange *exchanges, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        if (swap(&exchanges[i]) < 0) {
            swap_back(exchanges, i);
            return -1;
        }
    }
    return 0;
}

static void tell_recording_of_all(PyObject *module, const struct exchange *exchanges, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++) {
        PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(exchanges[i].function);
        PyObject *probe = tg_code_probe(code, tg_state_of(module)->probe_type);
        if (probe) {
            tell_recording(probe);
        }
    }
}

PyObject *tg_exchange_functions(PyObject *module, PyObject *list) {
    PyObject *tuples = PySequence_Tuple(list); /* keeps the functions */
    Py_ssize_t count = tuples ? PyTuple_GET_SIZE(tuples) : 0;
    struct exchange *exchanges = tuples ? PyMem_Calloc((size_t)count, sizeof *exchanges) : NULL;
    bool is_read = exchanges != NULL;
    for (Py_ssize_t i = 0; is_read && i < count; i++) {
        is_read = read_exchange(PyTuple_GET_ITEM(tuples, i), &exchanges[i]);
    }
    if (tuples && !exchanges) {
        PyErr_NoMemory();
    }
    bool is_done = is_read && swap_all(exchanges, count) == 0;
    if (is_done) {
        tell_recording_of_all(module, exchanges, count);
    }
    /* Only now, as what goes may run Python, and call any of the functions. */
    for (Py_ssize_t i = 0; exchanges && i < count; i++) {
        Py_XDECREF(exchanges[i].code);
        Py_XDECREF(exchanges[i].defaults);
        Py_XDECREF(exchanges[i].keywords);
    }
    PyMem_Free(exchanges);
    Py_XDECREF(tuples);
    return is_done ? Py_NewRef(Py_None) : NULL;
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
    tg_tracer_continue(); /* in a forked child */
    tg_tracer_event(is_done ? TG_EVENT_RELOAD : TG_EVENT_REFUSED_RELOAD, PyBytes_AS_STRING(bytes),
                    (size_t)PyBytes_GET_SIZE(bytes));
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}
