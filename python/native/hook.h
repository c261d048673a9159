/*
 * Hooks into how code comes to run: modules as they are imported, and the main program as it starts.
 */
#ifndef TG_HOOK_H
#define TG_HOOK_H

#include <Python.h>

#include "state.h"

/* From now on modules loaded from files, and those frozen into the interpreter, are given to tg_instrument_code()
 * before their code runs. The loaders keep their identity: one method of two of importlib's classes is replaced.
 * Idempotent. -1 with an exception set. */
int tg_hook_install(struct tg_state *state, PyObject *module);
/* Takes the methods back. */
void tg_hook_remove(struct tg_state *state);

/* watch_main(imported_again): gives the code of __main__ to tg_instrument_code() when its first frame is about to run;
 * in a process of multiprocessing's then also that of __mp_main__, which is the parent's __main__ once more. */
PyObject *tg_watch_main(PyObject *module, PyObject *imported_again);

#endif
