/*
 * See exception_frame.h. Parameters come first among a frame's variables: by position, by keyword only, `*`, `**`. One
 * that a closure shares lies in a cell.
 */
#include "exception_frame.h"

#include "exception_text.h"
#include "exception_value.h"
#include "failure/redact.h"
#include "opcodes.h"

#define Py_BUILD_CORE 1
#include <internal/pycore_code.h>
#include <internal/pycore_frame.h>
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#endif
#undef Py_BUILD_CORE

#define PARAMETERS_MAX 256 /* that are looked at for being bound anew */
#define NAME_BYTES     256

/* A new reference, or NULL: it is not bound. */
static PyObject *variable(PyFrameObject *frame, PyCodeObject *code, int index) {
#if PY_VERSION_HEX >= 0x030e0000
    _PyStackRef stored = frame->f_frame->localsplus[index];
    PyObject *value = PyStackRef_IsNull(stored) ? NULL : PyStackRef_AsPyObjectBorrow(stored);
#else
    PyObject *value = frame->f_frame->localsplus[index];
#endif
    bool is_cell = (_PyLocals_GetKind(code->co_localspluskinds, index) & CO_FAST_CELL) != 0;
    if (value && is_cell && PyCell_Check(value)) {
        value = PyCell_GET(value);
    }
    return Py_XNewRef(value);
}

static PyObject *name_of(PyCodeObject *code, int index) {
    return PyTuple_GET_ITEM(code->co_localsplusnames, index);
}

static void write_value(struct tg_capture *capture, PyObject *value, bool calls_repr) {
    if (value) {
        tg_value_capture(capture, value, calls_repr);
    } else {
        tg_capture_note(capture, "<not bound>");
    }
}

static bool has_secret_name(PyCodeObject *code, int index) {
    struct tg_strbuf name = TG_STRBUF_INIT;
    tg_text_append(&name, name_of(code, index), NAME_BYTES);
    bool is_secret = tg_redact_is_secret_key(tg_strbuf_text(&name), name.length);
    tg_strbuf_release(&name);
    return is_secret;
}

/* Remembers the secrets of all parameters, also of those that there is no room to write. */
static void hide_parameters(const struct tg_capture *capture, PyFrameObject *frame, PyCodeObject *code) {
    int count = code->co_argcount + code->co_kwonlyargcount;
    for (int i = 0; i < count && i < PARAMETERS_MAX; i++) {
        PyObject *value = has_secret_name(code, i) ? variable(frame, code, i) : NULL;
        tg_value_hide(capture, value);
        Py_XDECREF(value);
    }
}

/* What `*` has taken, item by item. Returns how many were left out. */
static Py_ssize_t write_rest(struct tg_capture *capture, PyObject *rest, bool calls_repr) {
    Py_ssize_t i = 0;
    Py_ssize_t count = rest && PyTuple_Check(rest) ? PyTuple_GET_SIZE(rest) : 0;
    for (; i < count && tg_capture_may_add(capture); i++) {
        if (tg_capture_item(capture)) {
            write_value(capture, PyTuple_GET_ITEM(rest, i), calls_repr);
        } else {
            tg_value_hide(capture, PyTuple_GET_ITEM(rest, i));
        }
    }
    return count - i;
}

void tg_frame_capture_args(struct tg_capture *capture, PyFrameObject *frame, PyCodeObject *code, bool calls_repr) {
    int i = 0;
    hide_parameters(capture, frame, code);
    if (!tg_capture_open_array(capture)) {
        return;
    }
    for (; i < code->co_argcount && tg_capture_may_add(capture); i++) {
        PyObject *value = variable(frame, code, i);
        if (!tg_capture_item(capture)) {
            tg_value_hide(capture, value);
        } else if (has_secret_name(code, i)) {
            tg_capture_redacted(capture);
        } else {
            write_value(capture, value, calls_repr);
        }
        Py_XDECREF(value);
    }
    Py_ssize_t left = code->co_argcount - i;
    if (code->co_flags & CO_VARARGS) {
        PyObject *rest = variable(frame, code, code->co_argcount + code->co_kwonlyargcount);
        left += write_rest(capture, rest, calls_repr);
        Py_XDECREF(rest);
    }
    tg_capture_close(capture, (size_t)left);
}

static void write_member(struct tg_capture *capture, PyObject *name, PyObject *value, bool calls_repr) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    if (PyUnicode_Check(name)) {
        tg_text_append(&text, name, TG_CAPTURE_WINDOW_BYTES);
    }
    if (tg_capture_key(capture, tg_strbuf_text(&text), text.length)) {
        write_value(capture, value, calls_repr);
    } else if (tg_capture_is_secret(capture)) {
        tg_value_hide(capture, value);
    }
    tg_strbuf_release(&text);
}

/* What `**` has taken. Returns how many were left out. */
static Py_ssize_t write_others(struct tg_capture *capture, PyObject *others, bool calls_repr) {
    Py_ssize_t position = 0;
    Py_ssize_t shown = 0;
    PyObject *key;
    PyObject *value;
    if (!others || !PyDict_Check(others)) {
        return 0;
    }
    while (tg_capture_may_add(capture) && PyDict_Next(others, &position, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        write_member(capture, key, value, calls_repr);
        Py_DECREF(value);
        Py_DECREF(key);
        shown++;
    }
    Py_ssize_t left = PyDict_GET_SIZE(others) - shown;
    return left > 0 ? left : 0;
}

void tg_frame_capture_kwargs(struct tg_capture *capture, PyFrameObject *frame, PyCodeObject *code, bool calls_repr) {
    int end = code->co_argcount + code->co_kwonlyargcount;
    int i = code->co_argcount;
    if (!tg_capture_open_object(capture)) {
        return;
    }
    for (; i < end && tg_capture_may_add(capture); i++) {
        PyObject *value = variable(frame, code, i);
        write_member(capture, name_of(code, i), value, calls_repr);
        Py_XDECREF(value);
    }
    Py_ssize_t left = end - i;
    if (code->co_flags & CO_VARKEYWORDS) {
        PyObject *others = variable(frame, code, end + ((code->co_flags & CO_VARARGS) != 0));
        left += write_others(capture, others, calls_repr);
        Py_XDECREF(others);
    }
    tg_capture_close(capture, (size_t)left);
}

static void mark(bool *rebound, int count, unsigned index) {
    if (index < (unsigned)count) {
        rebound[index] = true;
    }
}

static void mark_bound(bool *rebound, int count, unsigned opcode, unsigned arg) {
    switch (opcode) {
    case TG_OP_STORE_FAST:
    case TG_OP_DELETE_FAST:
    case TG_OP_STORE_DEREF:
    case TG_OP_DELETE_DEREF:
        mark(rebound, count, arg);
        break;
    default: /* numbers that this version does not have are equal, so they can be no cases */
        if (opcode == TG_OP_STORE_FAST_MAYBE_NULL) {
            mark(rebound, count, arg);
        } else if (opcode == TG_OP_STORE_FAST_LOAD_FAST) {
            mark(rebound, count, arg >> 4);
        } else if (opcode == TG_OP_STORE_FAST_STORE_FAST) {
            mark(rebound, count, arg >> 4);
            mark(rebound, count, arg & 15);
        }
        break;
    }
}

static void find_bound(bool *rebound, int count, const uint8_t *bytes, Py_ssize_t length) {
    unsigned arg = 0;
    for (Py_ssize_t i = 0; i + 1 < length; i += 2) {
        unsigned opcode = bytes[i];
        arg = arg << 8 | bytes[i + 1];
        if (opcode != TG_OP_EXTENDED_ARG) {
            mark_bound(rebound, count, opcode, arg);
            i += 2 * tg_opcodes[opcode].cache_units;
            arg = 0;
        }
    }
}

void tg_frame_append_rebound(struct tg_strbuf *out, PyCodeObject *code) {
    bool rebound[PARAMETERS_MAX] = {false};
    int count = code->co_argcount + code->co_kwonlyargcount + ((code->co_flags & CO_VARARGS) != 0)
                + ((code->co_flags & CO_VARKEYWORDS) != 0);
    count = count < PARAMETERS_MAX ? count : PARAMETERS_MAX;
    PyObject *bytes = count ? PyCode_GetCode(code) : NULL;
    if (bytes) {
        find_bound(rebound, count, (const uint8_t *)PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
    }
    PyErr_Clear();
    Py_XDECREF(bytes);
    for (int i = 0; i < count; i++) {
        if (rebound[i]) {
            tg_strbuf_append(out, out->length ? ", " : "");
            tg_text_append(out, name_of(code, i), NAME_BYTES);
        }
    }
}
