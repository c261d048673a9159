/* Watching files: see watching.h. */
#include "watching.h"

#include "hook.h"
#include "state.h"
#include "watch/watch.h"

/* A change is told when nothing more has been written for this long, or in any case after this long: editors take a few
 * milliseconds for a file, git a second for a branch. */
#define QUIET_MS    50
#define PATIENCE_MS 1000

#define EXIT_MS 1000 /* that the end of the program waits for a reload */

static struct tg_watch *watch; /* of the process; NULL: nothing has been watched yet */
static bool is_ended;          /* the interpreter is about to go */

static PyObject *list_of(const struct tg_watch_change *change) {
    PyObject *paths = PyList_New(0);
    for (size_t i = 0; paths && i < change->count; i++) {
        PyObject *path = PyUnicode_DecodeFSDefault(change->paths[i]);
        if (!path || PyList_Append(paths, path) < 0) {
            Py_CLEAR(paths);
        }
        Py_XDECREF(path);
    }
    return paths;
}

static void tell(void *context, const struct tg_watch_change *change) {
    const struct tg_state *state = context;
    PyGILState_STATE held = PyGILState_Ensure();
    PyObject *paths = list_of(change);
    PyObject *problem = change->problem ? PyUnicode_DecodeFSDefault(change->problem) : Py_NewRef(Py_None);
    PyObject *anything = change->anything ? Py_True : Py_False;
    PyObject *result =
        paths && problem ? PyObject_CallFunction(state->on_change, "OOO", paths, anything, problem) : NULL;
    if (!result) {
        PyErr_WriteUnraisable(state->on_change);
    }
    Py_XDECREF(result);
    Py_XDECREF(problem);
    Py_XDECREF(paths);
    PyGILState_Release(held);
}

static PyObject *fail(enum tg_status status, const struct tg_error *err) {
    PyObject *type = status == TG_ERROR_NOT_FOUND    ? PyExc_FileNotFoundError
                     : status == TG_ERROR_PERMISSION ? PyExc_PermissionError
                                                     : PyExc_OSError;
    PyErr_SetString(type, err->message);
    return NULL;
}

static bool make_watch(struct tg_state *state, struct tg_error *err, enum tg_status *status) {
    const struct tg_watch_options options = {
        .suffix = ".py", .quiet_ms = QUIET_MS, .patience_ms = PATIENCE_MS, .tell = tell, .context = state};
    *status = watch ? TG_OK : tg_watch_new(&watch, &options, err);
    return *status == TG_OK;
}

PyObject *tg_watch_files(PyObject *module, PyObject *args) {
    PyObject *on_change;
    PyObject *on_import;
    struct tg_state *state = tg_state_of(module);
    if (!PyArg_ParseTuple(args, "OO:watch_files", &on_change, &on_import) || tg_hook_install(state, module) < 0) {
        return NULL;
    }
    Py_XSETREF(state->on_change, Py_NewRef(on_change));
    Py_XSETREF(state->on_import, Py_NewRef(on_import));
    Py_RETURN_NONE;
}

PyObject *tg_watch_path(PyObject *module, PyObject *path) {
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status;
    PyObject *bytes = NULL;
    int root = 0;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    if (make_watch(tg_state_of(module), &err, &status)) { /* thousands of directories take a while */
        Py_BEGIN_ALLOW_THREADS status = tg_watch_add(watch, PyBytes_AS_STRING(bytes), &root, &err);
        Py_END_ALLOW_THREADS
    }
    if (status == TG_OK && !is_ended) {
        Py_BEGIN_ALLOW_THREADS status = tg_watch_start(watch, &err);
        Py_END_ALLOW_THREADS
    }
    Py_DECREF(bytes);
    return status == TG_OK ? PyLong_FromLong(root) : fail(status, &err);
}

PyObject *tg_unwatch_path(PyObject *Py_UNUSED(module), PyObject *root) {
    long number = PyLong_AsLong(root);
    if (number == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (watch) {
        Py_BEGIN_ALLOW_THREADS tg_watch_remove(watch, (int)number);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

PyObject *tg_stop_watching(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    is_ended = true;
    if (watch) { /* its thread may be waiting for Python's lock */
        Py_BEGIN_ALLOW_THREADS tg_watch_stop(watch, EXIT_MS);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

void tg_watching_before_fork(void) {
    if (watch) { /* as above */
        Py_BEGIN_ALLOW_THREADS tg_watch_before_fork(watch);
        Py_END_ALLOW_THREADS
    }
}

void tg_watching_after_fork_in_parent(void) {
    if (watch) {
        tg_watch_after_fork_in_parent(watch);
    }
}

/* Whether the child is one of subprocess's with a `preexec_fn`, which execs or ends: only for those, and for os.fork(),
 * are the hooks called. */
static bool is_about_to_exec(void) {
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed; NULL: none of Python's has forked */
    if (!frame) {
        return false;
    }
    PyCodeObject *code = PyFrame_GetCode(frame);
    bool is_so = PyUnicode_CompareWithASCIIString(code->co_qualname, "Popen._execute_child") == 0;
    Py_DECREF(code);
    return is_so;
}

void tg_watching_after_fork_in_child(void) {
    if (watch) {
        tg_watch_after_fork_in_child(watch, !is_about_to_exec());
    }
}
