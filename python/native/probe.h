/*
 * Probes: the constant by which a rewritten code object begins its calls (rewrite.h). A probe knows the function's id
 * and keeps the code as it was, for uninstrument().
 */
#ifndef TG_PROBE_H
#define TG_PROBE_H

#include <Python.h>

#include "state.h"

PyTypeObject *tg_probe_type_new(PyObject *module);

struct tg_policy;

/* A probe for the function `name` ("module::qualname"); `policy` says what happens to exceptions that leave it
 * (exception_policy.h), NULL: nothing. NULL with an exception set. */
PyObject *tg_probe_new(struct tg_state *state, PyObject *name, PyCodeObject *original, PyObject *policy);

/* Borrowed. */
PyObject *tg_probe_name(PyObject *probe);
PyObject *tg_probe_original(PyObject *probe);
const struct tg_policy *tg_probe_policy(PyObject *probe); /* or NULL */

uint32_t tg_probe_function(PyObject *probe);
/* Whether its functions return exceptions: for struct tg_rewriter. */
bool tg_probe_catches(PyObject *probe);
/* Gives a probe without one a policy that returns nothing. One that has its own keeps it, but for arguments that are
 * not to be captured (tg_policy_with()). 0, or -1 with an exception set. */
int tg_probe_set_policy(PyObject *probe, PyObject *policy);

/* The id of the function of that name, made in `file` at `line`; a `code_hash` of 0: not known. -1 with an exception
 * set. */
int64_t tg_register_function(PyObject *name, PyObject *file, int line, uint64_t code_hash);

/* "module::qualname" as it is recorded, a new reference: always has a form in UTF-8. */
PyObject *tg_function_name(PyObject *module, PyObject *qualname);

#endif
