/* See code_hash.h. */
#include "code_hash.h"

#include "base/hash.h"

#include <string.h>

#define DEPTH_MAX 100 /* of constants in constants */

static uint64_t hash_number(uint64_t hash, int64_t number) {
    return tg_hash_bytes(hash, &number, sizeof number);
}

static uint64_t hash_text(uint64_t hash, PyObject *text) {
    Py_ssize_t length = PyUnicode_GET_LENGTH(text);
    hash = hash_number(hash, length);
    return tg_hash_bytes(hash, PyUnicode_DATA(text), (size_t)length * PyUnicode_KIND(text));
}

static uint64_t hash_constant(uint64_t hash, PyObject *constant, int depth);

static uint64_t hash_items(uint64_t hash, PyObject *tuple, int depth) {
    hash = hash_number(hash, PyTuple_GET_SIZE(tuple));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        hash = hash_constant(hash, PyTuple_GET_ITEM(tuple, i), depth);
    }
    return hash;
}

/* Its order depends on addresses and seeds: a sum does not. */
static uint64_t hash_frozenset(uint64_t hash, PyObject *set, int depth) {
    uint64_t sum = 0;
    PyObject *iterator = PyObject_GetIter(set);
    PyObject *item;
    while (iterator && (item = PyIter_Next(iterator))) {
        sum += hash_constant(TG_HASH_INIT, item, depth);
        Py_DECREF(item);
    }
    Py_XDECREF(iterator);
    return hash_number(hash, (int64_t)sum);
}

static uint64_t hash_integer(uint64_t hash, PyObject *integer) {
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(integer, &overflow);
    if (!overflow) {
        return hash_number(hash, value);
    }
    return hash_number(hash, (int64_t)PyObject_Hash(integer)); /* of an integer the same in every process */
}

static uint64_t hash_code(uint64_t hash, PyCodeObject *code, int depth) {
    PyObject *instructions = PyCode_GetCode(code);
    if (instructions) {
        hash = tg_hash_bytes(hash, PyBytes_AS_STRING(instructions), (size_t)PyBytes_GET_SIZE(instructions));
        Py_DECREF(instructions);
    }
    hash = hash_number(hash, code->co_argcount);
    hash = hash_number(hash, code->co_posonlyargcount);
    hash = hash_number(hash, code->co_kwonlyargcount);
    hash = hash_number(hash, code->co_flags);
    hash = hash_constant(hash, code->co_exceptiontable, depth);
    hash = hash_constant(hash, code->co_names, depth);
    hash = hash_constant(hash, code->co_localsplusnames, depth);
    hash = hash_constant(hash, code->co_localspluskinds, depth);
    return hash_constant(hash, code->co_consts, depth);
}

/* What else there may be (None, Ellipsis, and what later versions bring) counts by its type. */
static uint64_t hash_constant(uint64_t hash, PyObject *constant, int depth) {
    const char *type = Py_TYPE(constant)->tp_name;
    hash = tg_hash_bytes(hash, type, strlen(type));
    if (depth >= DEPTH_MAX) {
        return hash;
    }
    if (PyUnicode_CheckExact(constant)) {
        return hash_text(hash, constant);
    }
    if (PyLong_CheckExact(constant) || PyBool_Check(constant)) {
        return hash_integer(hash, constant);
    }
    if (PyBytes_CheckExact(constant)) {
        return tg_hash_bytes(hash, PyBytes_AS_STRING(constant), (size_t)PyBytes_GET_SIZE(constant));
    }
    if (PyFloat_CheckExact(constant)) {
        double value = PyFloat_AS_DOUBLE(constant);
        return tg_hash_bytes(hash, &value, sizeof value);
    }
    if (PyComplex_CheckExact(constant)) {
        Py_complex value = PyComplex_AsCComplex(constant);
        return tg_hash_bytes(hash, &value, sizeof value);
    }
    if (PyTuple_CheckExact(constant)) {
        return hash_items(hash, constant, depth + 1);
    }
    if (PySlice_Check(constant)) {
        const PySliceObject *slice = (const PySliceObject *)constant;
        hash = hash_constant(hash, slice->start, depth + 1);
        hash = hash_constant(hash, slice->stop, depth + 1);
        return hash_constant(hash, slice->step, depth + 1);
    }
    if (PyFrozenSet_CheckExact(constant)) {
        return hash_frozenset(hash, constant, depth + 1);
    }
    return PyCode_Check(constant) ? hash_code(hash, (PyCodeObject *)constant, depth + 1) : hash;
}

uint64_t tg_code_hash(PyCodeObject *code) {
    PyObject *type;
    PyObject *value;
    PyObject *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    uint64_t hash = hash_code(TG_HASH_INIT, code, 0);
    PyErr_Restore(type, value, traceback);
    return hash ? hash : 1;
}
