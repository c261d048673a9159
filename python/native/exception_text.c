/* See exception_text.h. */
#include "exception_text.h"

#include "base/utf8.h"

#include <string.h>

#define SURROGATE_FIRST 0xD800
#define SURROGATE_LAST  0xDFFF
#define REPLACEMENT     0xFFFD
#define NAME_BYTES      300

bool tg_text_append(struct tg_strbuf *out, PyObject *text, size_t bytes_max) {
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    if (PyUnicode_IS_ASCII(text)) {
        size_t taken = (size_t)length < bytes_max ? (size_t)length : bytes_max;
        tg_strbuf_append_bytes(out, data, taken);
        return taken == (size_t)length;
    }
    for (Py_ssize_t i = 0; i < length; i++) {
        char bytes[TG_UTF8_MAX_BYTES];
        Py_UCS4 character = PyUnicode_READ(kind, data, i);
        bool is_surrogate = character >= SURROGATE_FIRST && character <= SURROGATE_LAST;
        size_t count = tg_utf8_encode(is_surrogate ? REPLACEMENT : character, bytes);
        if (count > bytes_max) {
            return false;
        }
        tg_strbuf_append_bytes(out, bytes, count);
        bytes_max -= count;
    }
    return true;
}

void tg_text_append_type(struct tg_strbuf *out, PyTypeObject *type) {
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        const char *name = type->tp_name;
        tg_strbuf_append(out, strncmp(name, "builtins.", 9) == 0 ? name + 9 : name);
        return;
    }
    PyObject *module = type->tp_dict ? PyDict_GetItemString(type->tp_dict, "__module__") : NULL; /* borrowed */
    PyObject *qualname = ((PyHeapTypeObject *)type)->ht_qualname;
    if (module && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "builtins") != 0) {
        tg_text_append(out, module, NAME_BYTES);
        tg_strbuf_append_char(out, '.');
    }
    if (qualname && PyUnicode_Check(qualname)) {
        tg_text_append(out, qualname, NAME_BYTES);
    }
}
