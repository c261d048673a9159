/*
 * The extension module tachograph._native: what Python code reaches of the core. Private; python/tachograph is the
 * interface.
 *
 * One interpreter: the recording and the hooks belong to the process, so the module refuses subinterpreters. Fork: the
 * tracer's own handlers (record/tracer.h). Shutdown: nothing has to happen, the recording is complete at every moment.
 */
#include <Python.h>

#include "base/yes_no.h"
#include "code_exchange.h"
#include "collecting.h"
#include "exception_policy.h"
#include "exception_record.h"
#include "exception_value.h"
#include "failure/command_words.h"
#include "history.h"
#include "hook.h"
#include "instrument.h"
#include "known_settings.h"
#include "probe.h"
#include "record/tracer.h"
#include "sampling.h"
#include "span.h"
#include "state.h"
#include "statistics.h"
#include "watching.h"
#include "wrapper.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the process was started as: struct tg_recording_options borrows it for the time of tg_tracer_open(). */
struct identity {
    char program[512];
    uint8_t run_uuid[16];
    bool has_run;
};

static void warn(const char *what, const char *why) {
    PyObject *saved_type;
    PyObject *saved_value;
    PyObject *saved_traceback;
    PyErr_Fetch(&saved_type, &saved_value, &saved_traceback);
    if (PyErr_WarnFormat(PyExc_RuntimeWarning, 2, "tachograph: %s: %s", what, why) < 0) {
        PyErr_Clear(); /* where warnings are errors, the program still goes on, but is told */
        PySys_WriteStderr("tachograph: %s: %s\n", what, why);
    }
    PyErr_Restore(saved_type, saved_value, saved_traceback);
}

static bool parse_hex(const char *text, uint8_t *bytes, size_t count) {
    if (!text || strlen(text) != count * 2) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        char *end;
        bytes[i] = (uint8_t)strtoul(pair, &end, 16);
        if (*end) {
            return false;
        }
    }
    return true;
}

/* The command line, without its secrets: nothing of ours is told the others. */
static void read_program(struct identity *identity) {
    struct tg_strbuf program = TG_STRBUF_INIT;
    PyObject *words = PySys_GetObject("orig_argv"); /* borrowed */
    PyObject *zero = words && PyList_Check(words) ? PyUnicode_FromStringAndSize("", 1) : NULL;
    PyObject *line = zero ? PyUnicode_Join(zero, words) : NULL;
    PyObject *bytes = line ? PyUnicode_AsEncodedString(line, "utf-8", "backslashreplace") : NULL;
    if (bytes) {
        struct tg_error mistake = TG_ERROR_INIT;
        if (!tg_know_redacted_words(false, &mistake)) {
            warn("secrets", mistake.message);
        }
        tg_command_words_append(&program, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes));
        snprintf(identity->program, sizeof identity->program, "%s", tg_strbuf_text(&program));
    }
    PyErr_Clear();
    tg_strbuf_release(&program);
    Py_XDECREF(bytes);
    Py_XDECREF(line);
    Py_XDECREF(zero);
}

/* A clock that stands still until a test moves it: figures can then be exact. */
static uint64_t test_clock_ns;
static bool has_test_clock;

static uint64_t read_test_clock(void) {
    return test_clock_ns;
}

static struct tg_clock chosen_clock(void) {
    struct tg_clock clock;
    if (has_test_clock) {
        tg_clock_init_injected(&clock, read_test_clock);
        return clock;
    }
    struct tg_error err = TG_ERROR_INIT;
    enum tg_clock_kind kind = TG_CLOCK_AUTO;
    const char *name = getenv("TACHOGRAPH_CLOCK");
    bool named = name && name[0];
    if ((!named || tg_clock_parse(name, &kind, &err) == TG_OK) && tg_clock_init(&clock, kind, &err) == TG_OK) {
        return clock;
    }
    warn("TACHOGRAPH_CLOCK is ignored", err.message);
    enum tg_status status = tg_clock_init(&clock, TG_CLOCK_MONOTONIC, NULL);
    assert(status == TG_OK); /* every Linux has it */
    (void)status;
    return clock;
}

static bool is_disabled(void) {
    const char *value = getenv("TACHOGRAPH_DISABLE");
    return value && !tg_yes_no_is_no(value);
}

/* Whether this is a child of a process that is timed alone (`tachograph run --no-subprocesses`). _settings.py asks the
 * same. */
static bool is_left_out(bool alone) {
    const char *pid = getenv("TACHOGRAPH_RUN_PID");
    return alone && pid && strtol(pid, NULL, 10) != getpid();
}

void tg_start_recording(void) {
    static bool tried;
    bool alone = getenv("TACHOGRAPH_RUN_ALONE") != NULL;
    if (tried || is_disabled() || is_left_out(alone)) {
        return;
    }
    tried = true;
    struct identity identity = {.program = ""};
    read_program(&identity);
    identity.has_run = parse_hex(getenv("TACHOGRAPH_RUN"), identity.run_uuid, sizeof identity.run_uuid);
    struct tg_tracer_options options = {
        .recording = {.python_version = (uint32_t)Py_Version, /* not that of the headers */
                      .service = getenv("TACHOGRAPH_SERVICE"),
                      .service_version = getenv("TACHOGRAPH_SERVICE_VERSION"),
                      .program = identity.program,
                      .run_uuid = identity.has_run ? identity.run_uuid : NULL},
        .clock = chosen_clock(),
        .stack_root = tg_stack_root,
        .alone = alone,
    };
    struct tg_error note = TG_ERROR_INIT;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_tracer_open(&options, &note, &err) != TG_OK) {
        warn("nothing is recorded", err.message);
    } else if (note.status != TG_OK) {
        warn("timings stay inside this process", note.message);
    }
}

/* set_test_clock(ns): for tests; the first call comes before anything is timed. */
static PyObject *set_test_clock(PyObject *Py_UNUSED(module), PyObject *argument) {
    unsigned long long ns = PyLong_AsUnsignedLongLong(argument);
    if (ns == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    if (!has_test_clock && tg_tracer_is_open()) {
        PyErr_SetString(PyExc_RuntimeError, "the recording has begun with another clock");
        return NULL;
    }
    has_test_clock = true;
    test_clock_ns = ns;
    Py_RETURN_NONE;
}

/* recording_path() -> str | None */
static PyObject *recording_path(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    const struct tg_recording *recording = tg_tracer_hold();
    PyObject *path = recording && recording->path[0] ? PyUnicode_DecodeFSDefault(recording->path) : Py_NewRef(Py_None);
    tg_tracer_let_go();
    return path;
}

/* is_timed(function) -> bool */
static PyObject *is_timed(PyObject *module, PyObject *function) {
    struct tg_state *state = tg_state_of(module);
    return PyBool_FromLong(PyFunction_Check(function)
                           && tg_code_probe((PyCodeObject *)PyFunction_GET_CODE(function), state->probe_type) != NULL);
}

static PyObject *start_recording(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    tg_start_recording();
    tg_tracer_continue();
    Py_RETURN_NONE;
}

static PyObject *remove_hook(PyObject *module, PyObject *Py_UNUSED(ignored)) {
    struct tg_state *state = tg_state_of(module);
    if (!state->on_import) {
        tg_hook_remove(state);
    }
    tg_selections_release(&state->selections);
    Py_RETURN_NONE;
}

static PyMethodDef module_methods[] = {
    {"statistics", (PyCFunction)(uintptr_t)tg_statistics, METH_VARARGS | METH_KEYWORDS,
     "statistics($module, /, pattern=None, *, by_thread=False)\n--\n\n"
     "What is known of every timed function that was called, now, while all threads run on.\n\n"
     "Args:\n"
     "    pattern: only functions that match, as in `instrument`.\n"
     "    by_thread: one dict for each thread, by the kernel's thread id; 0: all threads that have ended.\n\n"
     "Returns:\n"
     "    `FunctionStatistics` by ``module::qualname``.\n\n"
     "Raises:\n"
     "    ValueError: a pattern that cannot mean anything."},
    {"drain", tg_drain, METH_NOARGS,
     "drain($module, /)\n--\n\n"
     "What has happened since the last drain, exactly: the sums of all drains are the statistics.\n\n"
     "Functions without a call ended since then are left out. min_time and max_time are read off the difference's\n"
     "histogram, so they are right to 6.25 %; running_count is that of now."},
    {"recording_path", recording_path, METH_NOARGS,
     "recording_path($module, /)\n--\n\n"
     "Where this process records, for ``tachograph report``; None when there is no file (yet)."},
    {"start_recording", start_recording, METH_NOARGS, "start_recording($module, /)\n--\n\n"},
    {"time_function", tg_time_function, METH_O, "time_function($module, function, /)\n--\n\n"},
    {"watch_function", tg_watch_function, METH_VARARGS, "watch_function($module, function, policy, /)\n--\n\n"},
    {"know_redacted_words", tg_redacted_words, METH_NOARGS, "know_redacted_words($module, /)\n--\n\n"},
    {"capture_value", tg_capture_value, METH_VARARGS, "capture_value($module, value, calls_repr, /)\n--\n\n"},
    {"is_timed", is_timed, METH_O, "is_timed($module, function, /)\n--\n\n"},
    {"wrap_callable", tg_wrap_callable, METH_VARARGS, "wrap_callable($module, callable, name, /)\n--\n\n"},
    {"instrument_functions", tg_instrument_functions, METH_VARARGS,
     "instrument_functions($module, functions, exclude, exceptions, /)\n--\n\n"},
    {"instrument_everything", tg_instrument_everything, METH_VARARGS,
     "instrument_everything($module, patterns, exclude, projects, foreign, exceptions, /)\n--\n\n"},
    {"uninstrument_functions", tg_uninstrument_functions, METH_VARARGS,
     "uninstrument_functions($module, functions, patterns, /)\n--\n\n"},
    {"unmatched_patterns", tg_unmatched_patterns, METH_NOARGS, "unmatched_patterns($module, /)\n--\n\n"},
    {"remove_hook", remove_hook, METH_NOARGS, "remove_hook($module, /)\n--\n\n"},
    {"set_test_clock", set_test_clock, METH_O, "set_test_clock($module, ns, /)\n--\n\n"},
    {"watch_main", tg_watch_main, METH_O, "watch_main($module, imported_again, /)\n--\n\n"},
    {"default_store", tg_default_store, METH_O, "default_store($module, service, /)\n--\n\n"},
    {"project_settings", tg_project_settings, METH_O, "project_settings($module, script, /)\n--\n\n"},
    {"project_name", tg_project_name, METH_O, "project_name($module, script, /)\n--\n\n"},
    {"misspelt_settings", tg_misspelt_settings, METH_NOARGS, "misspelt_settings($module, /)\n--\n\n"},
    {"start_collecting", tg_start_collecting, METH_VARARGS,
     "start_collecting($module, store, service, version, interval, /)\n--\n\n"},
    {"stop_collecting", tg_stop_collecting, METH_O, "stop_collecting($module, timeout, /)\n--\n\n"},
    {"abandon_collecting", tg_abandon_collecting, METH_NOARGS, "abandon_collecting($module, /)\n--\n\n"},
    {"is_alone_in_run", tg_is_alone_in_run, METH_NOARGS, "is_alone_in_run($module, /)\n--\n\n"},
    {"flush_collecting", tg_flush_collecting, METH_O, "flush_collecting($module, timeout, /)\n--\n\n"},
    {"is_collecting", tg_is_collecting, METH_NOARGS, "is_collecting($module, /)\n--\n\n"},
    {"before_fork", tg_before_fork, METH_NOARGS, "before_fork($module, /)\n--\n\n"},
    {"after_fork_in_parent", tg_after_fork_in_parent, METH_NOARGS, "after_fork_in_parent($module, /)\n--\n\n"},
    {"after_fork_in_child", tg_after_fork_in_child, METH_NOARGS, "after_fork_in_child($module, /)\n--\n\n"},
    {"check_sampling", tg_check_sampling, METH_NOARGS, "check_sampling($module, /)\n--\n\n"},
    {"start_sampling", tg_start_sampling, METH_VARARGS,
     "start_sampling($module, hz, paused, mode, signals, /)\n--\n\n"},
    {"stop_sampling", tg_stop_sampling, METH_NOARGS, "stop_sampling($module, /)\n--\n\n"},
    {"pause_sampling", tg_pause_sampling, METH_O, "pause_sampling($module, paused, /)\n--\n\n"},
    {"sampler_family", tg_sampler_family, METH_VARARGS, "sampler_family($module, path, pause, /)\n--\n\n"},
    {"sampling_state", tg_sampling_state, METH_NOARGS, "sampling_state($module, /)\n--\n\n"},
    {"export_samples", tg_export_samples, METH_VARARGS, "export_samples($module, format, by_thread, /)\n--\n\n"},
    {"sampled_functions", tg_sampled_functions, METH_NOARGS, "sampled_functions($module, /)\n--\n\n"},
    {"watch_files", tg_watch_files, METH_VARARGS, "watch_files($module, on_change, on_import, /)\n--\n\n"},
    {"watch_path", tg_watch_path, METH_O, "watch_path($module, path, /)\n--\n\n"},
    {"unwatch_path", tg_unwatch_path, METH_O, "unwatch_path($module, root, /)\n--\n\n"},
    {"stop_watching", tg_stop_watching, METH_NOARGS, "stop_watching($module, /)\n--\n\n"},
    {"record_event", tg_record_event, METH_VARARGS, "record_event($module, is_done, text, /)\n--\n\n"},
    {"functions_of", tg_functions_of, METH_O, "functions_of($module, globals, /)\n--\n\n"},
    {"compiled_code", tg_compiled_code, METH_O, "compiled_code($module, code, /)\n--\n\n"},
    {"code_hash", tg_hash_of_code, METH_O, "code_hash($module, code, /)\n--\n\n"},
    {"timed_code", tg_timed_code, METH_VARARGS, "timed_code($module, code, module, before, /)\n--\n\n"},
    {"exchange_functions", tg_exchange_functions, METH_O, "exchange_functions($module, exchanges, /)\n--\n\n"},
    {NULL, NULL, 0, NULL},
};

static int refuse_subinterpreter(void) {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) {
        return 0;
    }
    PyErr_SetString(PyExc_ImportError, "tachograph times the main interpreter only; import it there");
    return -1;
}

static int add_type(PyObject *module, const char *name, PyTypeObject *type) {
    return PyModule_AddObjectRef(module, name, (PyObject *)type);
}

/* Where the interpreter's own modules lie, as far as it says. */
static void read_library(struct tg_state *state) {
    PyObject *directory = PySys_GetObject("_stdlib_dir"); /* borrowed */
    const char *text = directory && PyUnicode_Check(directory) ? PyUnicode_AsUTF8(directory) : NULL;
    if (!text || snprintf(state->library, sizeof state->library, "%s/", text) >= (int)sizeof state->library) {
        state->library[0] = '\0';
    }
    PyErr_Clear();
}

static int init_state(struct tg_state *state, PyObject *module) {
    read_library(state);
    state->policy_type = tg_policy_type_new(module);
    state->probe_type = tg_probe_type_new(module);
    state->wrapper_type = tg_wrapper_type_new(module);
    state->span_type = tg_span_type_new(module);
    state->statistics_type = tg_statistics_type_new(module);
    state->store_error = tg_history_error_new();
    state->history_type = tg_history_type_new(module);
    state->tokens = tg_token_pool_new(module);
    state->spans = PyDict_New();
    if (!state->policy_type || !state->probe_type || !state->wrapper_type || !state->span_type
        || !state->statistics_type || !state->store_error || !state->history_type || !state->tokens || !state->spans) {
        return -1;
    }
    int result = tg_rewriter_init(&state->rewriter, state->probe_type);
    state->rewriter.catches = tg_probe_catches;
    return result;
}

static struct tg_state *new_state(PyObject *module) {
    struct tg_state *state = PyMem_RawCalloc(1, sizeof *state);
    if (!state) {
        PyErr_NoMemory();
    } else if (init_state(state, module) < 0) {
        state =
            NULL; /* what has been made of it stays: the import fails, the process is about to end or to do without */
    }
    return state;
}

/* The state of the process, made by the first import; NULL with an exception set. */
static struct tg_state *find_state(PyObject *module) {
    static const char name[] = "tachograph._native.state";
    PyObject *of_interpreter = PyInterpreterState_GetDict(PyInterpreterState_Get()); /* borrowed */
    if (!of_interpreter) {
        PyErr_SetString(PyExc_ImportError, "the interpreter has no place for tachograph's state");
        return NULL;
    }
    PyObject *known = PyDict_GetItemString(of_interpreter, name); /* borrowed */
    if (known) {
        return PyCapsule_GetPointer(known, name);
    }
    struct tg_state *state = new_state(module);
    PyObject *capsule = state ? PyCapsule_New(state, name, NULL) : NULL;
    int kept = capsule ? PyDict_SetItemString(of_interpreter, name, capsule) : -1;
    Py_XDECREF(capsule);
    return kept < 0 ? NULL : state;
}

static int module_exec(PyObject *module) {
    if (refuse_subinterpreter() < 0) {
        return -1;
    }
    tg_clock_anchor();
    struct tg_state *state = find_state(module);
    if (!state) {
        return -1;
    }
    *(struct tg_state **)PyModule_GetState(module) = state;
    return add_type(module, "Wrapper", state->wrapper_type) < 0 || add_type(module, "span", state->span_type) < 0
                   || add_type(module, "FunctionStatistics", state->statistics_type) < 0
                   || add_type(module, "StoreReader", state->history_type) < 0
                   || PyModule_AddObjectRef(module, "StoreError", state->store_error) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, (void *)(uintptr_t)module_exec},
#ifdef Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tachograph._native",
    .m_doc = "The C side of tachograph. Private.",
    .m_size = sizeof(struct tg_state *),
    .m_methods = module_methods,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void) {
    return PyModuleDef_Init(&module_def);
}
