/*
 * Watching files (watch/watch.h), for hot reload: what has changed is told to a Python function, in the watch's thread,
 * which takes Python's lock for that time.
 *
 * Fork: the thread is ended before, or left alone while it reloads, and begun again after, in parent and child; not in
 * a child that execs or that another thread has forked. Shutdown: the package ends it by stop_watching() before the
 * interpreter goes.
 */
#ifndef TG_WATCHING_H
#define TG_WATCHING_H

#include <Python.h>

/* watch_files(on_change, on_import): from now on `on_change(paths, anything, problem)` is called when files have
 * changed, or when something cannot be watched any more (`problem`: why, or None), and `on_import(module)` before a
 * module from a file runs. */
PyObject *tg_watch_files(PyObject *module, PyObject *args);
/* watch_path(path) -> root: a file, or a directory with all below it. OSError. */
PyObject *tg_watch_path(PyObject *module, PyObject *path);
/* unwatch_path(root) */
PyObject *tg_unwatch_path(PyObject *module, PyObject *root);
/* stop_watching(): ends the thread, and waits for it, at most a second: it may be in the middle of a reload. */
PyObject *tg_stop_watching(PyObject *module, PyObject *ignored);

void tg_watching_before_fork(void);
void tg_watching_after_fork_in_parent(void);
void tg_watching_after_fork_in_child(void);

#endif
