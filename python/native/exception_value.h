/*
 * Python objects as JSON (failure/capture.h), for the arguments of a call that has failed.
 *
 * No Python code runs for it: objects are read as they lie in memory, and what only their own code could tell is told
 * by its type and size. So nothing hangs, raises or changes what is read: an instance that has no dict yet is given
 * none. Nothing goes deeper than TG_CAPTURE_DEPTH, keys of dicts and what they hold counted with what holds them. A
 * subclass is read as the base that it is laid out as. With `calls_repr` what has no form of its own is asked for its
 * repr(); that may do anything, and what it raises is dropped.
 *
 * What this cannot keep out: the __eq__ of a key of a class of its own that somebody has put into an instance's dict,
 * and that has the hash of a field's name; and, in CPython 3.11, a garbage collection that an allocation begins.
 *
 *   None, bool, int, float, str       as in JSON; huge integers and what is no number by name
 *   list, tuple, set, frozenset, dict  arrays and objects; a key that is no str is written as one
 *   dataclasses, named tuples          objects of their fields, where those are text
 *   enum members                       "Color.RED"
 *   bytes, datetime, Decimal, UUID     texts
 *   numpy's scalars                    numbers
 *   anything else                      "<shop.cart.Cart, 48 bytes>"
 */
#ifndef TG_EXCEPTION_VALUE_H
#define TG_EXCEPTION_VALUE_H

#include <Python.h>

#include "failure/capture.h"

#include <stdbool.h>

/* Writes `value` as the value that is due. The error indicator is clear before and after. */
void tg_value_capture(struct tg_capture *capture, PyObject *value, bool calls_repr);

/* Remembers the texts of a value that is not written, as a secret, among those that the capture has found. */
void tg_value_hide(const struct tg_capture *capture, PyObject *value);

/* Module function; docs with its definition. */
PyObject *tg_capture_value(PyObject *module, PyObject *args);

#endif
