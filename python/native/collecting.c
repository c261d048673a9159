/* See collecting.h. */
#include "collecting.h"

#include "collect/collector.h"
#include "record/catalog.h"
#include "record/tracer.h"
#include "sample/inside.h"
#include "state.h"
#include "store/store_url.h"
#include "watching.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S     1e9
#define PATIENCE_MAX 1e9 /* seconds: longer than anybody waits, and no overflow */
#define AT_EXIT_NS   INT64_C(1000000000)

/* One line at once, so that it does not mix with others'. Python's own stderr would need its lock. */
static void say(const char *line) {
    char text[2048];
    int length = snprintf(text, sizeof text, "%s\n", line);
    size_t bytes = length < (int)sizeof text ? (size_t)length : sizeof text - 1;
    ssize_t written = write(STDERR_FILENO, text, bytes);
    (void)written; /* there is nobody to tell */
}

static PyObject *fail(enum tg_status status, const struct tg_error *err) {
    PyErr_SetString(status == TG_ERROR_INVALID  ? PyExc_ValueError
                    : status == TG_ERROR_MEMORY ? PyExc_MemoryError
                    : status == TG_ERROR_EXISTS ? PyExc_RuntimeError
                                                : PyExc_OSError,
                    err->message);
    return NULL;
}

/* Seconds, as waiting takes them; -1 with an exception set. */
static tg_ns patience_of(PyObject *timeout) {
    double seconds = PyFloat_AsDouble(timeout);
    if (seconds == -1.0 && PyErr_Occurred()) {
        return -1;
    }
    if (!(seconds >= 0.0)) {
        PyErr_Format(PyExc_ValueError, "a timeout is 0 seconds or more, not %R", timeout);
        return -1;
    }
    return (tg_ns)((seconds < PATIENCE_MAX ? seconds : PATIENCE_MAX) * NS_PER_S);
}

static void stop_at_exit(void) {
    enum tg_status status = tg_collector_stop(true, AT_EXIT_NS, NULL);
    (void)status; /* what is not stored waits in spool and recording */
}

static void register_exit(void) {
    static bool registered;
    if (!registered) {
        registered = Py_AtExit(stop_at_exit) == 0 || atexit(stop_at_exit) == 0;
    }
}

/* default_store(service) -> str */
PyObject *tg_default_store(PyObject *Py_UNUSED(module), PyObject *service) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf url = TG_STRBUF_INIT;
    const char *name = PyUnicode_AsUTF8(service);
    if (!name) {
        return NULL;
    }
    enum tg_status status = tg_store_url_default(&url, name, &err);
    PyObject *result = status == TG_OK ? PyUnicode_DecodeFSDefault(tg_strbuf_text(&url)) : fail(status, &err);
    tg_strbuf_release(&url);
    return result;
}

/* start_collecting(store, service, version, interval) */
PyObject *tg_start_collecting(PyObject *Py_UNUSED(module), PyObject *args) {
    struct tg_collector_options options = {.say = say};
    struct tg_error err = TG_ERROR_INIT;
    double interval;
    if (!PyArg_ParseTuple(args, "sszd:start_collecting", &options.store_url, &options.service, &options.service_version,
                          &interval)) {
        return NULL;
    }
    if (!(interval > 0.0 && interval <= (double)TG_COLLECTOR_INTERVAL_MAX_NS / NS_PER_S)) {
        return PyErr_Format(PyExc_ValueError, "an interval lasts from 0.01 seconds to a day");
    }
    options.interval_ns = (tg_ns)(interval * NS_PER_S + 0.5);
    tg_start_recording();
    enum tg_status status;
    Py_BEGIN_ALLOW_THREADS status = tg_collector_start(&options, &err);
    Py_END_ALLOW_THREADS if (status != TG_OK) {
        return fail(status, &err);
    }
    register_exit();
    Py_RETURN_NONE;
}

/* stop_collecting(timeout) -> bool: all is stored */
PyObject *tg_stop_collecting(PyObject *Py_UNUSED(module), PyObject *timeout) {
    enum tg_status status;
    tg_ns patience_ns = patience_of(timeout);
    if (patience_ns < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = tg_collector_stop(false, patience_ns, NULL);
    Py_END_ALLOW_THREADS return PyBool_FromLong(status == TG_OK);
}

/* abandon_collecting(): as if it had not been started */
PyObject *tg_abandon_collecting(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    Py_BEGIN_ALLOW_THREADS tg_collector_abandon();
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static bool is_alone(void) {
    uint8_t run_uuid[16] = {0};
    struct tg_catalog catalog;
    bool alone = true;
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording) {
        memcpy(run_uuid, recording->header->run_uuid, sizeof run_uuid);
    }
    tg_tracer_let_go();
    if (tg_catalog_read(&catalog, 0, NULL) != TG_OK) {
        return true;
    }
    for (size_t i = 0; i < catalog.count && alone; i++) {
        alone = !tg_catalog_is_of_run(&catalog.entries[i], run_uuid) || catalog.entries[i].pid == (uint64_t)getpid();
    }
    tg_catalog_release(&catalog);
    return alone;
}

/* is_alone_in_run() -> bool: no other process of its `tachograph run` has a recording */
PyObject *tg_is_alone_in_run(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    bool alone;
    Py_BEGIN_ALLOW_THREADS alone = is_alone();
    Py_END_ALLOW_THREADS return PyBool_FromLong(alone);
}

/* flush_collecting(timeout) -> bool: all is stored */
PyObject *tg_flush_collecting(PyObject *Py_UNUSED(module), PyObject *timeout) {
    enum tg_status status;
    tg_ns patience_ns = patience_of(timeout);
    if (patience_ns < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = tg_collector_flush(patience_ns, NULL);
    Py_END_ALLOW_THREADS return PyBool_FromLong(status == TG_OK);
}

PyObject *tg_is_collecting(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(tg_collector_is_running());
}

PyObject *tg_before_fork(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    tg_inside_before_fork();
    tg_collector_before_fork();
    tg_watching_before_fork();
    Py_RETURN_NONE;
}

static int go_on(void *Py_UNUSED(unused)) {
    tg_collector_after_fork_in_parent();
    tg_inside_after_fork_in_parent();
    tg_watching_after_fork_in_parent();
    return 0;
}

/* Python 3.13 counts threads, to warn, after these hooks: the thread is started when os.fork() has returned. A thread
 * other than the first has company anyway, and the first may not run Python for long. */
PyObject *tg_after_fork_in_parent(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    if (PY_VERSION_HEX < 0x030c0000 || gettid() != getpid() || Py_AddPendingCall(go_on, NULL) != 0) {
        go_on(NULL);
    }
    Py_RETURN_NONE;
}

PyObject *tg_after_fork_in_child(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    tg_collector_after_fork_in_child();
    tg_inside_after_fork_in_child();
    tg_watching_after_fork_in_child();
    Py_RETURN_NONE;
}
