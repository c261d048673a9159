/*
 * Policies: what is to happen to exceptions that leave a function. A probe has one, or none (probe.h).
 *
 * KeyboardInterrupt, SystemExit, GeneratorExit, what cancels a task or a future, and a StopIteration out of `__next__`
 * are no failures, unless `only` names them.
 */
#ifndef TG_EXCEPTION_POLICY_H
#define TG_EXCEPTION_POLICY_H

#include <Python.h>

#include <stdbool.h>

struct tg_policy {
    PyObject_HEAD
    PyObject *only;   /* a class or a tuple of classes; None: no choice */
    PyObject *ignore; /* the same */
    bool returns;     /* the function returns the exception */
    bool captures_args;
    bool calls_repr;
};

PyTypeObject *tg_policy_type_new(PyObject *module);

/* A new reference; NULL with an exception. */
PyObject *tg_policy_new(PyTypeObject *type, PyObject *only, PyObject *ignore, bool returns, bool captures_args,
                        bool calls_repr);

/* Both together, a new reference: `policy`, but no arguments are kept where `other` keeps none; then it is another of
 * its own, since several may share one. NULL with an exception. */
PyObject *tg_policy_with(PyObject *policy, PyObject *other);

/* Whether an exception (an instance or a class) says that something failed: not one that ends a program, a generator or
 * a task. A call that ends with another is no error in its function's figures either. */
bool tg_policy_is_failure(PyObject *exception);

/* Whether an exception (an instance or a class) that leaves `code` is a failure by this policy. */
bool tg_policy_wants(const struct tg_policy *policy, PyObject *exception, PyCodeObject *code);
/* Whether the function returns it. */
bool tg_policy_returns(const struct tg_policy *policy, PyObject *exception, PyCodeObject *code);

#endif
