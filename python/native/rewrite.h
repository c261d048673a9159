/*
 * Rewrites code objects so that every frame of a function carries a timing token.
 *
 * The token lies at the bottom of the frame's own value stack. It is pushed right after the function has been
 * entered, popped right before it returns, and dropped with the rest of the stack when an exception leaves the frame.
 * Four operators of two types are all that the rewritten code knows:
 *
 *     ~probe   (nb_invert)    a new token: the call begins
 *     ~token   (nb_invert)    the generator or coroutine is about to yield; any object, popped at once
 *     -token   (nb_negative)  it runs again; any object, popped at once
 *     exception in token      (sq_contains, where the probe catches) whether the function returns the exception that
 *                             is about to leave it, instead of raising it on
 *
 * and the deallocation of the token is the end of the call. None of the four may fail in normal operation or run Python
 * code. An exception that ends the call is set while the token is deallocated. A token that dies paused belongs to a
 * generator that was closed or dropped while it was suspended. A debugger that jumps out of a yield (f_lineno) leaves
 * the token paused until the next one: pausing it again must be harmless.
 *
 * Threads: everything here runs under the GIL. Subinterpreters: all state is in struct tg_rewriter, one per
 * interpreter.
 */
#ifndef TG_REWRITE_H
#define TG_REWRITE_H

#include <Python.h>

#include <stdbool.h>

/*
 * The state of a rewriter: interned names, and the type that marks a rewritten code object. Part of the module's
 * state.
 */
struct tg_rewriter {
    PyTypeObject *probe_type;
    PyObject *replace_name;
    PyObject *rewrite_keywords;       /* what code.replace() is given for a rewritten function */
    PyObject *consts_keywords;        /* ... and for code in which only nested code has changed */
    bool (*catches)(PyObject *probe); /* whether functions with this probe ask; NULL: none does */
};

/* What one call of tg_rewrite_code did. */
struct tg_rewrite_result {
    Py_ssize_t rewritten_count; /* functions that carry a probe because of this call */
    Py_ssize_t
        refused_count;  /* functions that were chosen but whose shape is not understood; they are left as they were */
    const char *reason; /* why the last one was refused, a string literal; NULL when none was */
};

/*
 * Chooses functions: called once for every function code object that does not carry a probe yet, innermost first.
 * Returns a new reference to the probe that becomes the last constant of the code, or NULL without an exception to
 * leave this code alone, or NULL with an exception.
 */
typedef PyObject *(*tg_probe_factory)(PyCodeObject *code, void *context);

/* Holds a reference to `probe_type`. Returns -1 with an exception set; the rewriter is then released. */
int tg_rewriter_init(struct tg_rewriter *rewriter, PyTypeObject *probe_type);

/* For m_traverse. */
int tg_rewriter_traverse(const struct tg_rewriter *rewriter, visitproc visit, void *arg);

/* For m_clear and m_free; NULL, all zero, and a second time are fine. */
void tg_rewriter_release(struct tg_rewriter *rewriter);

/*
 * Returns a new reference: `code` rewritten, nested code included, or `code` itself when nothing was chosen or
 * nothing could be rewritten; NULL with an exception. `result` may be NULL; counts are added to it. Code that carries
 * a probe is left alone, nested code is still asked for.
 */
PyObject *tg_rewrite_code(const struct tg_rewriter *rewriter, PyCodeObject *code, tg_probe_factory factory,
                          void *context, struct tg_rewrite_result *result);

/* The probe that `code` carries (borrowed from it), or NULL without an exception. */
PyObject *tg_code_probe(PyCodeObject *code, PyTypeObject *probe_type);

#endif
