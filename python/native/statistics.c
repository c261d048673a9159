/* Statistics: see statistics.h. */
#include "statistics.h"

#include "base/pattern.h"
#include "record/snapshot.h"
#include "record/tracer.h"
#include "slots.h"

#include <stddef.h>
#include <string.h>

#define NS_PER_S 1e9

struct statistics {
    PyObject_HEAD
    PyObject *name;
    struct tg_measures measures;
};

static PyObject *seconds(uint64_t ns) {
    return PyFloat_FromDouble((double)ns / NS_PER_S);
}

static const struct tg_measures *measures_of(PyObject *self) {
    return &((struct statistics *)self)->measures;
}

static PyObject *get_name(PyObject *self, void *Py_UNUSED(closure)) {
    return Py_NewRef(((struct statistics *)self)->name);
}

static PyObject *get_running(PyObject *self, void *Py_UNUSED(closure)) {
    return PyLong_FromLongLong(measures_of(self)->running_count);
}

/* The closure is the offset of the field in struct tg_measures. */
static uint64_t field(PyObject *self, void *offset) {
    uint64_t value;
    memcpy(&value, (const char *)measures_of(self) + (uintptr_t)offset, sizeof value);
    return value;
}

static PyObject *get_count(PyObject *self, void *offset) {
    return PyLong_FromUnsignedLongLong(field(self, offset));
}

static PyObject *get_seconds(PyObject *self, void *offset) {
    return seconds(field(self, offset));
}

static PyObject *get_minimum(PyObject *self, void *Py_UNUSED(closure)) {
    const struct tg_measures *measures = measures_of(self);
    return seconds(measures->call_count ? measures->minimum_ns : 0);
}

static PyObject *get_average(PyObject *self, void *Py_UNUSED(closure)) {
    const struct tg_measures *measures = measures_of(self);
    double count = measures->call_count ? (double)measures->call_count : 1;
    return PyFloat_FromDouble((double)measures->total_ns / count / NS_PER_S);
}

static PyObject *percentile(PyObject *self, PyObject *argument) {
    double percent = PyFloat_AsDouble(argument);
    if (percent == -1.0 && PyErr_Occurred()) {
        return NULL;
    }
    if (!(percent >= 0.0 && percent <= 100.0)) {
        return PyErr_Format(PyExc_ValueError, "a percentile lies between 0 and 100, not at %R", argument);
    }
    return seconds(tg_measures_percentile(measures_of(self), percent));
}

static PyObject *statistics_repr(PyObject *self) {
    const struct tg_measures *measures = measures_of(self);
    char figures[160];
    snprintf(figures, sizeof figures, "call_count=%llu, total_time=%.9g, average_time=%.9g, exception_count=%llu",
             (unsigned long long)measures->call_count, (double)measures->total_ns / NS_PER_S,
             measures->call_count ? (double)measures->total_ns / (double)measures->call_count / NS_PER_S : 0.0,
             (unsigned long long)measures->error_count);
    return PyUnicode_FromFormat("FunctionStatistics(name=%R, %s)", ((struct statistics *)self)->name, figures);
}

static void statistics_dealloc(PyObject *self) {
    struct statistics *statistics = (struct statistics *)self;
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(statistics->name);
    tg_measures_release(&statistics->measures);
    PyObject_Free(self);
    Py_DECREF(type);
}

#define OFFSET(FIELD) ((void *)offsetof(struct tg_measures, FIELD))

static PyGetSetDef statistics_getset[] = {
    {"name", get_name, NULL, "``module::qualname`` of the function.", NULL},
    {"call_count", get_count, NULL, "Calls that have ended.", OFFSET(call_count)},
    {"running_count", get_running, NULL, "Calls that have begun and not ended, now.", NULL},
    {"exception_count", get_count, NULL, "Calls that ended with an exception.", OFFSET(error_count)},
    {"total_time", get_seconds, NULL, "Sum of the durations of all calls, in seconds.", OFFSET(total_ns)},
    {"average_time", get_average, NULL, "total_time / call_count, in seconds; 0 without calls.", NULL},
    {"cumulative_time", get_seconds, NULL,
     "total_time without the calls made while another call of the function was below them on the same stack, in "
     "seconds: recursion is counted once.",
     OFFSET(cumulative_ns)},
    {"self_time", get_seconds, NULL, "active_time without that of timed functions called from here, in seconds.",
     OFFSET(self_ns)},
    {"active_time", get_seconds, NULL,
     "total_time without the time generators and coroutines were suspended, in seconds.", OFFSET(active_ns)},
    {"min_time", get_minimum, NULL, "Duration of the shortest call, in seconds; 0 without calls.", NULL},
    {"max_time", get_seconds, NULL, "Duration of the longest call, in seconds.", OFFSET(maximum_ns)},
    {"last_time", get_seconds, NULL, "Duration of the call that ended last in any thread, in seconds.",
     OFFSET(last_ns)},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMethodDef statistics_methods[] = {
    {"percentile", percentile, METH_O,
     "percentile($self, percent, /)\n--\n\n"
     "Duration, in seconds, that `percent` (0 to 100) of the calls did not exceed; 0 without calls.\n\n"
     "Nearest rank over a log-linear histogram: within 6.25 % of the true value.\n\n"
     "Raises:\n    ValueError: `percent` is not between 0 and 100."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot statistics_slots[] = {
    {Py_tp_doc, "What is known of the calls of one function. Times are seconds."},
    TG_SLOT(Py_tp_dealloc, statistics_dealloc),
    TG_SLOT(Py_tp_repr, statistics_repr),
    {Py_tp_getset, statistics_getset},
    {Py_tp_methods, statistics_methods},
    {0, NULL},
};

static PyType_Spec statistics_spec = {
    .name = "tachograph.FunctionStatistics",
    .basicsize = sizeof(struct statistics),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = statistics_slots,
};

PyTypeObject *tg_statistics_type_new(PyObject *module) {
    return (PyTypeObject *)PyType_FromModuleAndSpec(module, &statistics_spec, NULL);
}

/* Takes the measures over (the row is left empty). */
static PyObject *statistics_from_row(struct tg_state *state, struct tg_snapshot_row *row) {
    struct statistics *statistics = PyObject_New(struct statistics, state->statistics_type);
    if (!statistics) {
        return NULL;
    }
    statistics->measures = row->measures;
    row->measures.histogram = NULL;
    statistics->name = PyUnicode_DecodeUTF8(row->name, (Py_ssize_t)row->name_bytes, "backslashreplace");
    if (!statistics->name) {
        Py_DECREF(statistics);
        return NULL;
    }
    return (PyObject *)statistics;
}

static int add_row(struct tg_state *state, PyObject *result, struct tg_snapshot_row *row, const char *pattern) {
    PyObject *statistics = statistics_from_row(state, row);
    if (!statistics) {
        return -1;
    }
    PyObject *name = ((struct statistics *)statistics)->name;
    const char *utf8 = pattern ? PyUnicode_AsUTF8(name) : NULL;
    int added = 0;
    if (pattern && !utf8) {
        added = -1;
    } else if (!pattern || tg_pattern_match(pattern, utf8)) {
        added = PyDict_SetItem(result, name, statistics);
    }
    Py_DECREF(statistics);
    return added;
}

/* The dict of a row's thread, by its native id; a borrowed reference. */
static PyObject *dict_of_thread(PyObject *result, const struct tg_snapshot *snapshot, uint32_t thread) {
    PyObject *key = PyLong_FromUnsignedLongLong(snapshot->threads[thread].native_id);
    PyObject *found = key ? PyDict_GetItemWithError(result, key) : NULL;
    if (key && !found && !PyErr_Occurred()) {
        PyObject *made = PyDict_New();
        if (made && PyDict_SetItem(result, key, made) == 0) {
            found = made;
        }
        Py_XDECREF(made);
    }
    Py_XDECREF(key);
    return found;
}

static PyObject *convert(struct tg_state *state, struct tg_snapshot *snapshot, const char *pattern, bool by_thread) {
    PyObject *result = PyDict_New();
    for (size_t i = 0; result && i < snapshot->row_count; i++) {
        struct tg_snapshot_row *row = &snapshot->rows[i];
        PyObject *into = by_thread ? dict_of_thread(result, snapshot, row->thread) : result;
        if (!into || add_row(state, into, row, pattern) < 0) {
            Py_CLEAR(result);
        }
    }
    return result;
}

static void release_drained(struct tg_state *state) {
    for (size_t i = 0; i < state->drained_count; i++) {
        tg_measures_release(&state->drained[i]);
    }
    PyMem_Free(state->drained);
    state->drained = NULL;
    state->drained_count = 0;
}

/* False with an exception set; an empty snapshot when nothing is recorded. A forked child records anew, so nothing of
 * that has been drained. */
static bool take(struct tg_state *state, struct tg_snapshot *snapshot, bool by_thread) {
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = TG_OK;
    *snapshot = (struct tg_snapshot){.rows = NULL};
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording) {
        if (memcmp(state->drained_uuid, recording->header->uuid, sizeof state->drained_uuid) != 0) {
            release_drained(state);
            memcpy(state->drained_uuid, recording->header->uuid, sizeof state->drained_uuid);
        }
        struct tg_view view = tg_view_of_recording(recording);
        status = tg_snapshot_take(snapshot, &view, by_thread, &err);
    }
    tg_tracer_let_go();
    if (status != TG_OK) {
        PyErr_SetString(PyExc_MemoryError, err.message);
    }
    return status == TG_OK;
}

PyObject *tg_statistics(PyObject *module, PyObject *args, PyObject *keywords) {
    static char *names[] = {"pattern", "by_thread", NULL};
    const char *pattern = NULL;
    int by_thread = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|z$p:statistics", names, &pattern, &by_thread)) {
        return NULL;
    }
    struct tg_error err = TG_ERROR_INIT;
    if (pattern && tg_pattern_validate(pattern, &err) != TG_OK) {
        PyErr_SetString(PyExc_ValueError, err.message);
        return NULL;
    }
    struct tg_snapshot snapshot;
    if (!take(tg_state_of(module), &snapshot, by_thread)) {
        return NULL;
    }
    PyObject *result = convert(tg_state_of(module), &snapshot, pattern, by_thread);
    tg_snapshot_release(&snapshot);
    return result;
}

static bool make_room(struct tg_state *state, const struct tg_snapshot *snapshot) {
    size_t count = state->drained_count;
    for (size_t i = 0; i < snapshot->row_count; i++) {
        count = snapshot->rows[i].function >= count ? snapshot->rows[i].function + 1 : count;
    }
    struct tg_measures *drained = PyMem_Realloc(state->drained, (count + 1) * sizeof *drained);
    if (!drained) {
        return false;
    }
    for (size_t i = state->drained_count; i < count; i++) {
        tg_measures_init(&drained[i]);
    }
    state->drained = drained;
    state->drained_count = count;
    return true;
}

/* Turns each row into what is new in it, and `drained` into the row. In one go: nothing here runs Python, so two drains
 * at a time share out what is new. `before` receives what `drained` was. */
static bool subtract_drained(struct tg_state *state, struct tg_snapshot *snapshot, struct tg_measures *before) {
    bool copied = true;
    for (size_t i = 0; i < snapshot->row_count; i++) {
        copied = tg_measures_copy(&before[i], &snapshot->rows[i].measures) == TG_OK && copied;
    }
    for (size_t i = 0; copied && i < snapshot->row_count; i++) {
        struct tg_snapshot_row *row = &snapshot->rows[i];
        struct tg_measures *drained = &state->drained[row->function];
        tg_measures_subtract(&row->measures, drained);
        struct tg_measures now = before[i];
        before[i] = *drained;
        *drained = now;
    }
    return copied;
}

/* What was not given out after all is new the next time, unless another drain came between. */
static void put_back(struct tg_state *state, const struct tg_snapshot *snapshot, struct tg_measures *before) {
    for (size_t i = 0; i < snapshot->row_count; i++) {
        struct tg_measures *drained = &state->drained[snapshot->rows[i].function];
        struct tg_measures now = *drained;
        *drained = before[i];
        before[i] = now;
    }
}

static PyObject *convert_new(struct tg_state *state, struct tg_snapshot *snapshot) {
    PyObject *result = PyDict_New();
    for (size_t i = 0; result && i < snapshot->row_count; i++) {
        struct tg_snapshot_row *row = &snapshot->rows[i];
        if (row->measures.call_count > 0 && add_row(state, result, row, NULL) < 0) {
            Py_CLEAR(result);
        }
    }
    return result;
}

PyObject *tg_drain(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    struct tg_state *state = tg_state_of(module);
    struct tg_snapshot snapshot;
    if (!take(state, &snapshot, false)) {
        return NULL;
    }
    PyObject *result = NULL;
    struct tg_measures *before = PyMem_Calloc(snapshot.row_count + 1, sizeof *before);
    if (before && make_room(state, &snapshot) && subtract_drained(state, &snapshot, before)) {
        uint64_t serial = ++state->drain_serial;
        result = convert_new(state, &snapshot);
        if (!result && serial == state->drain_serial) {
            put_back(state, &snapshot, before);
        }
    } else {
        PyErr_NoMemory();
    }
    for (size_t i = 0; before && i < snapshot.row_count; i++) {
        tg_measures_release(&before[i]);
    }
    PyMem_Free(before);
    tg_snapshot_release(&snapshot);
    return result;
}
