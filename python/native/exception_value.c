/*
 * See exception_value.h. References are held to what is read, since a repr() that is called, and in CPython 3.11 a
 * garbage collection, may change containers meanwhile.
 */
#include "exception_value.h"

#include "exception_text.h"

#include <datetime.h>
#include <stdio.h>
#include <string.h>

#define INT_BITS_MAX 256  /* of a larger one only the size is shown: digits cost time by its square */
#define OBJECT_BYTES 4096 /* of a Decimal that is asked for its digits */

/* One value: what all that is nested in it shares. */
struct reading {
    struct tg_capture *capture;
    bool calls_repr;
    bool is_key; /* of a dict: what can hold dicts in turn is not read, or there would be no end */
};

static void read_value(const struct reading *reading, PyObject *value);

/* Whether the type's code is C, so that what it says of itself is true. Classes that Python code makes can be changed,
 * and have any name. */
static bool is_of_c(PyTypeObject *type) {
    return !PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE);
}

static bool is_named(PyTypeObject *type, const char *name) {
    return is_of_c(type) && strcmp(type->tp_name, name) == 0;
}

static bool derives_from(PyTypeObject *type, const char *name) {
    for (; type; type = type->tp_base) {
        if (is_named(type, name)) {
            return true;
        }
    }
    return false;
}

static bool is_exact_name(PyTypeObject *type, const char *module, const char *name) {
    PyObject *of = type->tp_dict ? PyDict_GetItemString(type->tp_dict, "__module__") : NULL; /* borrowed */
    return of && PyUnicode_Check(of) && PyUnicode_CompareWithASCIIString(of, module) == 0
           && strcmp(type->tp_name, name) == 0;
}

static void write_text(const struct reading *reading, PyObject *text) {
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    bool whole = tg_text_append(&bytes, text, TG_CAPTURE_WINDOW_BYTES);
    tg_capture_text(reading->capture, tg_strbuf_text(&bytes), bytes.length, !whole);
    tg_strbuf_release(&bytes);
}

/* What a function of C has made of a value: takes the reference over, and drops an error. */
static void write_made(const struct reading *reading, PyObject *text, const char *otherwise) {
    if (text && PyUnicode_Check(text)) {
        write_text(reading, text);
    } else {
        tg_capture_note(reading->capture, otherwise);
    }
    PyErr_Clear();
    Py_XDECREF(text);
}

static void write_int(const struct reading *reading, PyObject *value) {
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow) {
        tg_capture_int(reading->capture, number);
        return;
    }
    size_t bits = (size_t)_PyLong_NumBits(value);
    PyErr_Clear();
    PyObject *digits = bits <= INT_BITS_MAX ? PyLong_Type.tp_repr(value) : NULL;
    PyErr_Clear();
    if (digits) {
        tg_capture_number(reading->capture, PyUnicode_DATA(digits), (size_t)PyUnicode_GET_LENGTH(digits));
        Py_DECREF(digits);
        return;
    }
    char note[64];
    snprintf(note, sizeof note, "<int, %zu bits>", bits);
    tg_capture_note(reading->capture, note);
}

static void write_bytes(const struct reading *reading, const char *bytes, Py_ssize_t length) {
    size_t shown = length < TG_CAPTURE_WINDOW_BYTES ? (size_t)length : TG_CAPTURE_WINDOW_BYTES;
    tg_capture_bytes(reading->capture, bytes, shown, shown < (size_t)length);
}

static void write_type_and_size(const struct reading *reading, PyObject *value) {
    struct tg_strbuf note = TG_STRBUF_INIT;
    PyTypeObject *type = Py_TYPE(value);
    size_t bytes = (size_t)type->tp_basicsize;
    if (type->tp_itemsize > 0) {
        Py_ssize_t count = Py_SIZE(value);
        bytes += (size_t)type->tp_itemsize * (size_t)(count < 0 ? -count : count);
    }
    if (PyType_Check(value)) {
        tg_strbuf_append(&note, "<class ");
        tg_text_append_type(&note, (PyTypeObject *)value);
        tg_strbuf_append(&note, ">");
    } else if (PyFunction_Check(value)) {
        tg_strbuf_append(&note, "<function ");
        tg_text_append(&note, ((PyFunctionObject *)value)->func_qualname, TG_CAPTURE_CHARACTERS);
        tg_strbuf_append(&note, ">");
    } else {
        tg_strbuf_append(&note, "<");
        tg_text_append_type(&note, type);
        tg_strbuf_printf(&note, ", %zu bytes>", bytes);
    }
    tg_capture_note(reading->capture, tg_strbuf_text(&note));
    tg_strbuf_release(&note);
}

/* By opt-in. What it raises is dropped; that somebody wants to stop the program is not. */
static void write_repr(const struct reading *reading, PyObject *value) {
    PyObject *text = PyObject_Repr(value);
    if (!text && PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
        PyErr_SetInterrupt();
    }
    write_made(reading, text, "<repr() failed>");
}

/* Whether looking for what is of the class under that name, where the instance has none, runs only C: what is bound to
 * the instance is a function, or nothing is. */
static bool is_harmless(PyObject *slot) {
    return !slot || !Py_TYPE(slot)->tp_descr_get || Py_IS_TYPE(slot, &PyMemberDescr_Type)
           || Py_IS_TYPE(slot, &PyFunction_Type);
}

/* The `name` of an instance, without asking for it: a new reference, or NULL without an error. What CPython does for an
 * exact str reads an instance that has no dict yet where its values lie, and makes none. */
static PyObject *member(PyObject *value, PyObject *name) {
    PyObject *found = NULL;
    if (PyUnicode_CheckExact(name) && is_harmless(_PyType_Lookup(Py_TYPE(value), name))) {
        found = PyObject_GenericGetAttr(value, name);
        PyErr_Clear();
    }
    return found;
}

static PyObject *member_named(PyObject *value, const char *name) {
    PyObject *key = PyUnicode_InternFromString(name);
    PyObject *found = key ? member(value, key) : NULL;
    PyErr_Clear();
    Py_XDECREF(key);
    return found;
}

static PyObject *of_type(PyTypeObject *type, const char *name) {
    PyObject *key = PyUnicode_InternFromString(name);
    PyObject *found = key ? _PyType_Lookup(type, key) : NULL; /* borrowed */
    PyErr_Clear();
    Py_XDECREF(key);
    return found;
}

/* The key of a member that comes next, from any object. */
static bool write_key(const struct reading *reading, PyObject *key) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    if (PyUnicode_Check(key)) {
        tg_text_append(&text, key, TG_CAPTURE_WINDOW_BYTES);
    } else { /* as the JSON that it would be as a value */
        struct tg_capture inner;
        tg_capture_init(&inner);
        const struct reading of_key = {.capture = &inner, .is_key = true};
        tg_capture_begin_within(&inner, reading->capture, TG_CAPTURE_BYTES_LEAST);
        read_value(&of_key, key);
        tg_strbuf_append_bytes(&text, inner.text.data, inner.text.length);
        tg_capture_release(&inner);
    }
    bool is_wanted = tg_capture_key(reading->capture, tg_strbuf_text(&text), text.length);
    tg_strbuf_release(&text);
    return is_wanted;
}

static void read_or_note(const struct reading *reading, PyObject *value) {
    if (value) {
        read_value(reading, value);
    } else {
        tg_capture_note(reading->capture, "<not set>");
    }
}

static void read_member(const struct reading *reading, PyObject *key, PyObject *value) {
    if (write_key(reading, key)) {
        read_or_note(reading, value);
    } else if (tg_capture_is_secret(reading->capture)) {
        tg_value_hide(reading->capture, value);
    }
}

static void read_dict(const struct reading *reading, PyObject *dict) {
    Py_ssize_t position = 0;
    Py_ssize_t shown = 0;
    PyObject *key;
    PyObject *value;
    if (!tg_capture_open_object(reading->capture)) {
        return;
    }
    while (tg_capture_may_add(reading->capture) && PyDict_Next(dict, &position, &key, &value)) {
        Py_INCREF(key);
        Py_INCREF(value);
        read_member(reading, key, value);
        Py_DECREF(value);
        Py_DECREF(key);
        shown++;
    }
    Py_ssize_t left = PyDict_GET_SIZE(dict) - shown;
    tg_capture_close(reading->capture, left > 0 ? (size_t)left : 0);
}

static void read_items(const struct reading *reading, PyObject *items, bool is_list) {
    Py_ssize_t i = 0;
    if (!tg_capture_open_array(reading->capture)) {
        return;
    }
    for (; i < Py_SIZE(items) && tg_capture_may_add(reading->capture); i++) {
        PyObject *item = is_list ? PyList_GET_ITEM(items, i) : PyTuple_GET_ITEM(items, i);
        Py_XINCREF(item);
        if (tg_capture_item(reading->capture)) {
            read_or_note(reading, item);
        } else {
            tg_value_hide(reading->capture, item);
        }
        Py_XDECREF(item);
    }
    tg_capture_close(reading->capture, i < Py_SIZE(items) ? (size_t)(Py_SIZE(items) - i) : 0);
}

/* The table of a set has places that are free, and some that were used. */
static void read_set(const struct reading *reading, PyObject *set) {
    const PySetObject *table = (PySetObject *)set;
    Py_ssize_t shown = 0;
    if (!tg_capture_open_array(reading->capture)) {
        return;
    }
    for (Py_ssize_t i = 0; i <= table->mask && shown < table->used; i++) {
        PyObject *item = table->table[i].key;
        if (!item || table->table[i].hash == -1) {
            continue;
        }
        if (!tg_capture_may_add(reading->capture)) {
            break;
        }
        Py_INCREF(item);
        read_value(reading, item);
        Py_DECREF(item);
        shown++;
    }
    tg_capture_close(reading->capture, shown < table->used ? (size_t)(table->used - shown) : 0);
}

/* `fields`: a dict by name, of a dataclass. */
static void read_dataclass(const struct reading *reading, PyObject *value, PyObject *fields) {
    Py_ssize_t position = 0;
    Py_ssize_t shown = 0;
    PyObject *name;
    if (tg_capture_open_object(reading->capture)) {
        while (tg_capture_may_add(reading->capture) && PyDict_Next(fields, &position, &name, NULL)) {
            Py_INCREF(name);
            PyObject *found = PyUnicode_Check(name) ? member(value, name) : NULL;
            read_member(reading, name, found);
            Py_XDECREF(found);
            Py_DECREF(name);
            shown++;
        }
        tg_capture_close(reading->capture, (size_t)(PyDict_GET_SIZE(fields) - shown));
    }
}

static void read_named_tuple(const struct reading *reading, PyObject *value, PyObject *names) {
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    Py_ssize_t i = 0;
    if (!tg_capture_open_object(reading->capture)) {
        return;
    }
    for (; i < count && tg_capture_may_add(reading->capture); i++) {
        PyObject *item = Py_XNewRef(PyTuple_GET_ITEM(value, i));
        read_member(reading, PyTuple_GET_ITEM(names, i), item);
        Py_XDECREF(item);
    }
    tg_capture_close(reading->capture, (size_t)(count - i));
}

/* Of the names that would be shown; others, whoever put them there, are no names of fields. */
static bool are_names(PyObject *names) {
    Py_ssize_t count = PyTuple_GET_SIZE(names) < TG_CAPTURE_BREADTH ? PyTuple_GET_SIZE(names) : TG_CAPTURE_BREADTH;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!name || !PyUnicode_Check(name)) {
            return false;
        }
    }
    return true;
}

static bool read_tuple(const struct reading *reading, PyObject *value) {
    if (!PyTuple_Check(value)) {
        return false;
    }
    PyObject *names = PyTuple_CheckExact(value) ? NULL : of_type(Py_TYPE(value), "_fields");
    if (names && PyTuple_CheckExact(names) && PyTuple_GET_SIZE(names) == PyTuple_GET_SIZE(value) && are_names(names)) {
        Py_INCREF(names);
        read_named_tuple(reading, value, names);
        Py_DECREF(names);
    } else {
        read_items(reading, value, false);
    }
    return true;
}

/* Members of an enum know their names, whatever else they are. */
static bool read_enum(const struct reading *reading, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || !of_type(type, "_member_map_")) {
        return false;
    }
    PyObject *name = member_named(value, "_name_");
    bool is_named_member = name && PyUnicode_Check(name);
    if (is_named_member) {
        struct tg_strbuf note = TG_STRBUF_INIT;
        tg_text_append(&note, ((PyHeapTypeObject *)type)->ht_qualname, TG_CAPTURE_CHARACTERS);
        tg_strbuf_append_char(&note, '.');
        tg_text_append(&note, name, TG_CAPTURE_CHARACTERS);
        tg_capture_note(reading->capture, tg_strbuf_text(&note));
        tg_strbuf_release(&note);
    }
    Py_XDECREF(name);
    return is_named_member;
}

/* A time zone whose name and offset are told by C. */
static bool is_known_zone(PyObject *zone) {
    return zone == Py_None || is_named(Py_TYPE(zone), "datetime.timezone")
           || is_named(Py_TYPE(zone), "zoneinfo.ZoneInfo");
}

/* Of the very types: a subclass may have methods that these ask. */
static bool read_time(const struct reading *reading, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    bool is_datetime = is_named(type, "datetime.datetime");
    bool is_time = is_named(type, "datetime.time");
    if (!is_datetime && !is_time && !is_named(type, "datetime.date") && !is_named(type, "datetime.timedelta")) {
        return false;
    }
    PyObject *zone = is_datetime ? PyDateTime_DATE_GET_TZINFO(value)
                     : is_time   ? PyDateTime_TIME_GET_TZINFO(value)
                                 : Py_None;
    if (!is_known_zone(zone)) {
        return false;
    }
    write_made(reading, type->tp_str(value), type->tp_name);
    return true;
}

static bool read_decimal(const struct reading *reading, PyObject *value) {
    if (!is_named(Py_TYPE(value), "decimal.Decimal")) {
        return false;
    }
    PyObject *size = PyObject_CallMethod(value, "__sizeof__", NULL);
    long long bytes = size ? PyLong_AsLongLong(size) : OBJECT_BYTES;
    Py_XDECREF(size);
    PyErr_Clear();
    if (bytes >= OBJECT_BYTES) {
        return false;
    }
    write_made(reading, Py_TYPE(value)->tp_str(value), "decimal.Decimal");
    return true;
}

static bool read_uuid(const struct reading *reading, PyObject *value) {
    if (!is_exact_name(Py_TYPE(value), "uuid", "UUID")) {
        return false;
    }
    PyObject *number = member_named(value, "int");
    PyObject *hex =
        number && PyLong_CheckExact(number) && _PyLong_NumBits(number) <= 128 ? PyNumber_ToBase(number, 16) : NULL;
    PyErr_Clear();
    bool is_known = hex && PyUnicode_READ_CHAR(hex, 0) != '-';
    if (is_known) { /* "0x" and up to 32 digits */
        char digits[40];
        char text[40];
        size_t length = (size_t)PyUnicode_GET_LENGTH(hex) - 2;
        memset(digits, '0', 32);
        memcpy(digits + 32 - length, (const char *)PyUnicode_DATA(hex) + 2, length);
        snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16,
                 digits + 20);
        if (reading->capture->gathers) {
            tg_secret_values_add(reading->capture->found, text, strlen(text), false);
        }
        tg_capture_note(reading->capture, text);
    }
    Py_XDECREF(hex);
    Py_XDECREF(number);
    return is_known;
}

/* Its scalars are numbers by slots of C. */
static bool read_numpy(const struct reading *reading, PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    const PyNumberMethods *methods = type->tp_as_number;
    PyObject *number = NULL;
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || !derives_from(type, "numpy.generic") || !methods) {
        return false;
    }
    if (derives_from(type, "numpy.integer") && methods->nb_index) {
        number = methods->nb_index(value);
    } else if (derives_from(type, "numpy.floating") && methods->nb_float) {
        number = methods->nb_float(value);
    } else if (strncmp(type->tp_name, "numpy.bool", 10) == 0 && methods->nb_bool) {
        number = PyBool_FromLong(methods->nb_bool(value));
    }
    PyErr_Clear();
    bool is_known = number && (PyLong_Check(number) || PyFloat_Check(number));
    if (is_known) {
        read_value(reading, number);
    }
    Py_XDECREF(number);
    return is_known;
}

static bool read_scalar(const struct reading *reading, PyObject *value) {
    if (value == Py_None) {
        tg_capture_null(reading->capture);
    } else if (PyBool_Check(value)) {
        tg_capture_bool(reading->capture, value == Py_True);
    } else if (read_enum(reading, value)) {
        return true;
    } else if (PyLong_Check(value)) {
        write_int(reading, value);
    } else if (PyFloat_Check(value)) {
        tg_capture_double(reading->capture, PyFloat_AS_DOUBLE(value));
    } else if (PyUnicode_Check(value)) {
        write_text(reading, value);
    } else if (PyBytes_Check(value)) {
        write_bytes(reading, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value));
    } else if (PyByteArray_Check(value)) {
        write_bytes(reading, PyByteArray_AS_STRING(value), PyByteArray_GET_SIZE(value));
    } else {
        return false;
    }
    return true;
}

static bool read_container(const struct reading *reading, PyObject *value) {
    PyObject *fields;
    if (reading->is_key) {
        return read_tuple(reading, value);
    }
    if (PyDict_Check(value)) {
        read_dict(reading, value);
    } else if (PyList_Check(value)) {
        read_items(reading, value, true);
    } else if (PyAnySet_Check(value)) {
        read_set(reading, value);
    } else if ((fields = of_type(Py_TYPE(value), "__dataclass_fields__")) && PyDict_CheckExact(fields)) {
        Py_INCREF(fields);
        read_dataclass(reading, value, fields);
        Py_DECREF(fields);
    } else {
        return read_tuple(reading, value);
    }
    return true;
}

static void read_value(const struct reading *reading, PyObject *value) {
    if (read_scalar(reading, value) || read_container(reading, value) || read_time(reading, value)
        || read_decimal(reading, value) || read_uuid(reading, value) || read_numpy(reading, value)) {
        return;
    }
    if (reading->calls_repr) {
        write_repr(reading, value);
    } else {
        write_type_and_size(reading, value);
    }
}

void tg_value_capture(struct tg_capture *capture, PyObject *value, bool calls_repr) {
    const struct reading reading = {.capture = capture, .calls_repr = calls_repr};
    read_value(&reading, value);
}

void tg_value_hide(const struct tg_capture *capture, PyObject *value) {
    struct tg_capture gathering;
    const struct reading reading = {.capture = &gathering};
    if (!capture->found || !value) {
        return;
    }
    tg_capture_init(&gathering);
    gathering.found = capture->found;
    gathering.gathers = true;
    tg_capture_begin_within(&gathering, capture, TG_CAPTURE_BYTES);
    read_value(&reading, value);
    tg_capture_release(&gathering);
}

/* capture_value(value, calls_repr) -> str: the JSON that a failed call's argument is kept as; for tests. */
PyObject *tg_capture_value(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *value;
    int calls_repr;
    if (!PyArg_ParseTuple(args, "Op:capture_value", &value, &calls_repr)) {
        return NULL;
    }
    struct tg_capture capture;
    tg_capture_init(&capture);
    tg_value_capture(&capture, value, calls_repr);
    PyObject *text = PyUnicode_DecodeUTF8(tg_strbuf_text(&capture.text), (Py_ssize_t)capture.text.length, NULL);
    tg_capture_release(&capture);
    return text;
}
