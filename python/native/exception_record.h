/*
 * What an exception leaves behind when it leaves a function: a count in its group and, now and then, a sample with
 * message, traceback and arguments, in the recording (record/failures.h).
 *
 * An exception is recorded once, where it leaves the innermost function whose policy wants it. Which one that is, is
 * told by the traceback: it begins at the frame that is being left, and goes on to where the exception was raised. So
 * nothing has to be remembered, and no reference is kept.
 *
 * It all happens where the frame ends: no Python code runs unless `repr` is asked for, the error indicator is as before
 * afterwards, and whatever fails here is dropped. In a thread that is recording already, what a repr() raises is only
 * counted.
 */
#ifndef TG_EXCEPTION_RECORD_H
#define TG_EXCEPTION_RECORD_H

#include <Python.h>

#include "state.h"

#include <stdbool.h>

/* For token.h, whose context is the module's state: the exception that is set leaves the frame that runs, whose token
 * is of `function`. */
void tg_exception_leaves(void *context, uint32_t function);
/* For token.h: whether the frame that runs returns `exception`; and that it does, after a timed call. */
bool tg_exception_is_returned(void *context, PyObject *exception);
void tg_exception_returned(void *context, PyObject *exception);

/* Module function; docs with its definition. */

#endif
