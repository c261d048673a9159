/*
 * See exception_message.h. The str() of CPython's own exceptions shows `args`, or fields that anybody may have set to
 * anything: each kind is asked only while what it would show is text and numbers, and not much of them.
 */
#include "exception_message.h"

#include "exception_text.h"
#include "exception_value.h"
#include "failure/capture.h"

#define MESSAGE_BYTES 2000
#define PLAIN_LENGTH  10000 /* of a text, for which repr() takes no time */
#define PLAIN_BITS    10000 /* of an integer, the same */
#define PLAIN_COUNT   16    /* of arguments */

/* One message. */
struct telling {
    struct tg_strbuf *out;
    const struct tg_secret_values *known;
    bool calls_repr;
};

static void append_text(const struct telling *telling, PyObject *text) {
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    bool whole = tg_text_append(&bytes, text, TG_CAPTURE_WINDOW_BYTES);
    tg_capture_message(telling->out, telling->known, tg_strbuf_text(&bytes), bytes.length, !whole, MESSAGE_BYTES);
    tg_strbuf_release(&bytes);
}

static void append_json(const struct telling *telling, PyObject *value) {
    struct tg_capture capture;
    tg_capture_init(&capture);
    capture.known = telling->known;
    tg_capture_begin(&capture, MESSAGE_BYTES);
    tg_value_capture(&capture, value, telling->calls_repr);
    tg_strbuf_append_bytes(telling->out, tg_strbuf_text(&capture.text), capture.text.length);
    tg_capture_release(&capture);
}

static bool is_plain_text(PyObject *value) {
    return value && PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= PLAIN_LENGTH;
}

static bool is_plain(PyObject *value) {
    return !value || value == Py_None || is_plain_text(value)
           || (PyLong_CheckExact(value) && _PyLong_NumBits(value) <= PLAIN_BITS);
}

static bool are_plain(PyObject *args) {
    if (PyTuple_GET_SIZE(args) > PLAIN_COUNT) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
        if (!is_plain(PyTuple_GET_ITEM(args, i))) {
            return false;
        }
    }
    return true;
}

static PyObject *args_of(PyObject *exception) {
    PyObject *args = ((PyBaseExceptionObject *)exception)->args;
    return args && PyTuple_CheckExact(args) ? args : NULL;
}

/* Whether str() is that of this class of CPython's. */
static bool is_told_as(PyObject *exception, PyObject *class) {
    return Py_TYPE(exception)->tp_str == ((PyTypeObject *)class)->tp_str
           && PyErr_GivenExceptionMatches(exception, class);
}

static bool is_unicode_error(PyObject *exception) {
    if (!PyErr_GivenExceptionMatches(exception, PyExc_UnicodeError)) {
        return false;
    }
    bool is_of_decoding = is_told_as(exception, PyExc_UnicodeDecodeError);
    if (!is_of_decoding && !is_told_as(exception, PyExc_UnicodeEncodeError)) {
        return false;
    }
    const PyUnicodeErrorObject *error = (PyUnicodeErrorObject *)exception;
    bool is_whole =
        error->object && (is_of_decoding ? PyBytes_CheckExact(error->object) : PyUnicode_CheckExact(error->object));
    return is_whole && is_plain_text(error->encoding) && is_plain_text(error->reason);
}

/* Whether its str() runs C alone, and soon returns. */
static bool is_told_by_c(PyObject *exception) {
    PyObject *args = args_of(exception);
    if (is_told_as(exception, PyExc_OSError)) {
        const PyOSErrorObject *error = (PyOSErrorObject *)exception;
        return args && are_plain(args) && is_plain(error->myerrno) && is_plain(error->strerror)
               && is_plain(error->filename) && is_plain(error->filename2);
    }
    if (is_told_as(exception, PyExc_SyntaxError)) {
        const PySyntaxErrorObject *error = (PySyntaxErrorObject *)exception;
        return is_plain_text(error->msg) && is_plain(error->filename) && is_plain(error->lineno);
    }
    if (is_told_as(exception, PyExc_BaseExceptionGroup)) {
        return is_plain_text(((PyBaseExceptionGroupObject *)exception)->msg);
    }
    if (is_told_as(exception, PyExc_KeyError) || is_told_as(exception, PyExc_ImportError)
        || is_told_as(exception, PyExc_BaseException)) {
        return args && are_plain(args);
    }
    return is_unicode_error(exception);
}

/* The only text that it was made of: also a long one. */
static PyObject *only_text(PyObject *exception) {
    PyObject *args = args_of(exception);
    PyObject *text = args && PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : NULL;
    return text && PyUnicode_Check(text) ? Py_NewRef(text) : NULL;
}

static void append_instance(const struct telling *telling, PyObject *exception) {
    PyObject *args = args_of(exception);
    PyObject *text = telling->calls_repr || is_told_by_c(exception) ? PyObject_Str(exception) : NULL;
    PyErr_Clear();
    text = text ? text : only_text(exception);
    if (text && PyUnicode_Check(text)) {
        append_text(telling, text);
    } else if (args && PyTuple_GET_SIZE(args) > 0) {
        append_json(telling, PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : args);
    }
    Py_XDECREF(text);
}

/* One of CPython's own classes, made as it would be; NULL without an error: it is another, or cannot be made. */
static PyObject *make(PyObject *type, PyObject *value) {
    PyObject *made = NULL;
    if (!PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_HEAPTYPE)) {
        made = !value || value == Py_None ? PyObject_CallNoArgs(type)
               : PyTuple_Check(value)     ? PyObject_CallObject(type, value)
                                          : PyObject_CallOneArg(type, value);
    }
    PyErr_Clear();
    return made;
}

void tg_exception_append_message(struct tg_strbuf *out, PyObject *type, PyObject *value, bool calls_repr,
                                 const struct tg_secret_values *known) {
    const struct telling telling = {.out = out, .known = known, .calls_repr = calls_repr};
    PyObject *instance = value && PyExceptionInstance_Check(value) ? Py_NewRef(value) : make(type, value);
    if (instance && PyExceptionInstance_Check(instance)) {
        append_instance(&telling, instance);
    } else if (value && PyUnicode_Check(value)) {
        append_text(&telling, value);
    } else if (value && value != Py_None) {
        append_json(&telling, value);
    }
    Py_XDECREF(instance);
}
