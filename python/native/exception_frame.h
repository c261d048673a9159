/*
 * The parameters of a function whose frame an exception is leaving, read from the frame as it lies in memory.
 */
#ifndef TG_EXCEPTION_FRAME_H
#define TG_EXCEPTION_FRAME_H

#include <Python.h>

#include "base/strbuf.h"
#include "failure/capture.h"

#include <stdbool.h>

/* Writes `args`, an array: parameters that may be given by position, and what `*` has taken; the values of those with
 * secret names are not shown. Values are those that the parameters have now. */
void tg_frame_capture_args(struct tg_capture *capture, PyFrameObject *frame, PyCodeObject *code, bool calls_repr);
/* Writes `kwargs`, an object: parameters by keyword only, and what `**` has taken. */
void tg_frame_capture_kwargs(struct tg_capture *capture, PyFrameObject *frame, PyCodeObject *code, bool calls_repr);

/* Appends the names of parameters that `code`, as it was written, binds anew or deletes: what is shown of them may not
 * be what the call was given. */
void tg_frame_append_rebound(struct tg_strbuf *out, PyCodeObject *code);

#endif
