/*
 * python_process: the CPython in a process, this one or another, found and understood: where its runtime is, which
 * version, how its structures are laid out.
 *
 * The interpreter is the program itself or a library, by whatever name. Found by what it exports, in the process's own
 * memory: its files may have been replaced, removed, or lie in another mount namespace (a container).
 *
 * What was found stays true until the process ends or executes another program; nobody here notices that, but whoever
 * reads sees nothing or nonsense from then on, which is refused like all nonsense.
 */
#ifndef TG_PYTHON_PROCESS_H
#define TG_PYTHON_PROCESS_H

#include "base/attributes.h"
#include "sample/layout.h"
#include "sample/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct tg_python_process {
    pid_t pid;
    struct tg_memory memory;
    struct tg_layout layout;
    uint32_t version;          /* Py_Version: 0x030c01f0 is 3.12.1 */
    uint64_t runtime;          /* the addresses of _PyRuntime, */
    uint64_t code_type;        /* PyCode_Type, */
    uint64_t eval_frame;       /* and _PyEval_EvalFrameDefault, */
    uint64_t eval_frame_bytes; /* which is so long; 0 not known */
};

/* Finds the interpreter in a process; for the calling one's own, give getpid(). After a fork the child opens anew.
 * Fails with a message that says what to do:
 *   TG_ERROR_NOT_FOUND    there is no such process, it has ended, or it is a zombie
 *   TG_ERROR_PERMISSION   the system does not let us
 *   TG_ERROR_INVALID      it runs no Python (yet), or `pid` is a thread's
 *   TG_ERROR_UNSUPPORTED  a Python that is too old or too new, free-threaded, patched, PyPy, of 32 bits, or stripped
 *   TG_ERROR_BUSY         its Python is starting up or shutting down: trying again may help */
TG_NODISCARD enum tg_status tg_python_process_open(struct tg_python_process *process, pid_t pid, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_python_process_close(struct tg_python_process *process);

#endif
