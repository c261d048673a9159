/*
 * A number for what a function does, to tell later that its code was changed: FNV-1a over instructions (as compiled,
 * not as specialised since), constants, names and the shape of arguments, nested code included. Lines, files and the
 * order of frozensets do not count. Comparable within one minor version of CPython.
 */
#ifndef TG_CODE_HASH_H
#define TG_CODE_HASH_H

#include <Python.h>

#include <stdint.h>

/* Never 0, which stands for unknown. Raises nothing and runs no Python code. */
uint64_t tg_code_hash(PyCodeObject *code);

#endif
