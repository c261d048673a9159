/* See history.h. */
#include "history.h"

#include "base/strbuf.h"
#include "history_questions.h"
#include "slots.h"
#include "state.h"
#include "store/store_url.h"

#include <pythread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reader {
    PyObject_HEAD
    struct tg_store *store; /* NULL: closed */
    char *place;            /* of the store, to show */
    PyThread_type_lock lock;
    PyObject *error; /* the class */
    pid_t owner;
};

PyObject *tg_history_error_new(void) {
    return PyErr_NewExceptionWithDoc("tachograph.history.StoreError",
                                     "The store of a history is not there, or cannot be read; says what to do.",
                                     PyExc_OSError, NULL);
}

static void raise_status(PyObject *store_error, enum tg_status status, const struct tg_error *err) {
    PyErr_SetString(status == TG_ERROR_INVALID     ? PyExc_ValueError
                    : status == TG_ERROR_MEMORY    ? PyExc_MemoryError
                    : status == TG_ERROR_NOT_FOUND ? PyExc_LookupError
                                                   : store_error,
                    err->message);
}

/* A failure to open is the store's, unless the URL is none. */
static void raise_unopened(PyObject *store_error, enum tg_status status, const struct tg_error *err) {
    if (status == TG_ERROR_NOT_FOUND) {
        PyErr_Format(store_error, "%s; name another store, or begin a history there with tachograph.start(store=...)",
                     err->message);
    } else if (status == TG_ERROR_INVALID || status == TG_ERROR_MEMORY) {
        raise_status(store_error, status, err);
    } else {
        PyErr_SetString(store_error, err->message);
    }
}

static bool is_parents(const struct reader *reader) {
    return reader->owner != getpid();
}

/* The store's place, to be freed; NULL: no memory. */
static char *place_of(const char *url) {
    struct tg_strbuf place = TG_STRBUF_INIT;
    char *text = NULL;
    if (tg_store_url_append_place(&place, url, NULL) == TG_OK && tg_strbuf_status(&place) == TG_OK) {
        text = strdup(tg_strbuf_text(&place));
    }
    tg_strbuf_release(&place);
    return text;
}

/* Takes ownership of the store. */
static PyObject *new_reader(PyTypeObject *type, struct tg_store *store, const char *url, PyObject *store_error) {
    struct reader *reader = (struct reader *)type->tp_alloc(type, 0);
    if (!reader) {
        tg_store_close(store);
        return NULL;
    }
    reader->store = store;
    reader->owner = getpid();
    reader->error = Py_NewRef(store_error);
    reader->place = place_of(url);
    reader->lock = PyThread_allocate_lock();
    if (!reader->lock || !reader->place) {
        Py_DECREF(reader);
        return PyErr_NoMemory();
    }
    return (PyObject *)reader;
}

static PyObject *reader_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"", NULL};
    static const struct tg_store_options options = {.read_only = true};
    const char *url;
    struct tg_store *store = NULL;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s:StoreReader", names, &url)) {
        return NULL;
    }
    PyObject *store_error = (*(struct tg_state **)PyType_GetModuleState(type))->store_error;
    Py_BEGIN_ALLOW_THREADS status = tg_store_open(&store, url, &options, &err);
    Py_END_ALLOW_THREADS if (status != TG_OK) {
        raise_unopened(store_error, status, &err);
        return NULL;
    }
    return new_reader(type, store, url, store_error);
}

static void reader_dealloc(PyObject *self) {
    struct reader *reader = (struct reader *)self;
    PyTypeObject *type = Py_TYPE(self);
    if (!is_parents(reader)) {
        Py_BEGIN_ALLOW_THREADS tg_store_close(reader->store);
        Py_END_ALLOW_THREADS if (reader->lock) {
            PyThread_free_lock(reader->lock);
        }
    }
    free(reader->place);
    Py_XDECREF(reader->error);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *reader_close(PyObject *self, PyObject *Py_UNUSED(ignored)) {
    struct reader *reader = (struct reader *)self;
    if (!is_parents(reader)) {
        Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(reader->lock, WAIT_LOCK);
        tg_store_close(reader->store);
        reader->store = NULL;
        PyThread_release_lock(reader->lock);
        Py_END_ALLOW_THREADS
    }
    Py_RETURN_NONE;
}

bool tg_history_ask(PyObject *self, tg_history_query *query, void *context) {
    struct reader *reader = (struct reader *)self;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = TG_OK;
    bool is_open;
    if (is_parents(reader)) {
        PyErr_SetString(PyExc_RuntimeError, "this history was opened before a fork: open it again in this process");
        return false;
    }
    Py_BEGIN_ALLOW_THREADS PyThread_acquire_lock(reader->lock, WAIT_LOCK);
    is_open = reader->store != NULL;
    if (is_open) {
        status = query(reader->store, reader->place, context, &err);
    }
    PyThread_release_lock(reader->lock);
    Py_END_ALLOW_THREADS if (!is_open) {
        PyErr_SetString(PyExc_RuntimeError, "this history is closed: open it again");
        return false;
    }
    if (status != TG_OK) {
        raise_status(reader->error, status, &err);
    }
    return status == TG_OK;
}

static PyMethodDef reader_methods[] = {
    {"close", reader_close, METH_NOARGS, "close($self, /)\n--\n\n"},
    {"services", tg_history_services, METH_NOARGS, "services($self, /)\n--\n\n"},
    {"functions", tg_history_functions, METH_VARARGS,
     "functions($self, service, since, until, version, run, /)\n--\n\n"},
    {"rank", tg_history_rank, METH_VARARGS, "rank($self, service, since, until, version, run, by, limit, /)\n--\n\n"},
    {"series", tg_history_series, METH_VARARGS,
     "series($self, service, since, until, version, run, function, limit, /)\n--\n\n"},
    {"trend", tg_history_trend, METH_VARARGS,
     "trend($self, service, since, until, version, run, function, limit, /)\n--\n\n"},
    {"trends", tg_history_trends, METH_VARARGS,
     "trends($self, service, since, until, version, run, minimum_change, /)\n--\n\n"},
    {"diff", tg_history_diff, METH_VARARGS, "diff($self, service, before, after, per, /)\n--\n\n"},
    {"runs", tg_history_runs, METH_VARARGS, "runs($self, service, since, until, version, /)\n--\n\n"},
    {"versions", tg_history_versions, METH_VARARGS, "versions($self, service, /)\n--\n\n"},
    {"events", tg_history_events, METH_VARARGS, "events($self, service, since, until, version, run, /)\n--\n\n"},
    {"status", tg_history_status, METH_NOARGS, "status($self, /)\n--\n\n"},
    {"verify", tg_history_verify, METH_NOARGS, "verify($self, /)\n--\n\n"},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_doc, "StoreReader(url, /)\n--\n\nA history opened for reading."},
    TG_SLOT(Py_tp_new, reader_new),
    TG_SLOT(Py_tp_dealloc, reader_dealloc),
    {Py_tp_methods, reader_methods},
    {0, NULL},
};

static PyType_Spec reader_spec = {
    .name = "tachograph._native.StoreReader",
    .basicsize = sizeof(struct reader),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = reader_slots,
};

PyTypeObject *tg_history_type_new(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &reader_spec, NULL);
}
