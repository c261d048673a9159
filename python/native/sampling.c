/* See sampling.h. */
#include "sampling.h"

#include "collect/sampling_source.h"
#include "export/export.h"
#include "profile/flat.h"
#include "record/control_family.h"
#include "sample/arena_hook.h"
#include "sample/code_hook.h"
#include "sample/inside.h"
#include "sample/own_memory.h"
#include "state.h"

#include <string.h>

#define NS_PER_S 1e9

#define PATIENCE_NS INT64_C(1000000000) /* with each of a family */

static PyObject *fail(enum tg_status status, const struct tg_error *err) {
    PyErr_SetString(status == TG_ERROR_INVALID  ? PyExc_ValueError
                    : status == TG_ERROR_MEMORY ? PyExc_MemoryError
                                                : PyExc_RuntimeError,
                    err->message);
    return NULL;
}

static size_t count_frames(PyFrameObject *frame) {
    size_t count = 0;
    Py_XINCREF(frame);
    while (frame) {
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
        count++;
    }
    return count;
}

/* The calling thread's stack as Python itself has it. NULL with an exception set. */
static struct tg_inside_frame *own_frames(size_t *count) {
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    *count = count_frames(frame);
    struct tg_inside_frame *frames = PyMem_Calloc(*count + 1, sizeof *frames);
    if (!frames) {
        PyErr_NoMemory();
        return NULL;
    }
    Py_XINCREF(frame);
    for (size_t i = 0; frame && i < *count; i++) {
        PyCodeObject *code = PyFrame_GetCode(frame);
        frames[i] = (struct tg_inside_frame){(uint64_t)(uintptr_t)code, PyFrame_GetLasti(frame)};
        Py_DECREF(code); /* the frame has it */
        PyFrameObject *back = PyFrame_GetBack(frame);
        Py_DECREF(frame);
        frame = back;
    }
    Py_XDECREF(frame);
    return frames;
}

/* check_sampling() -> str: why this process cannot be sampled; "": it can */
PyObject *tg_check_sampling(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    struct tg_error err = TG_ERROR_INIT;
    size_t count;
    struct tg_inside_frame *frames = own_frames(&count);
    if (!frames) {
        return NULL;
    }
    enum tg_status status = tg_inside_check(PyThreadState_Get(), frames, count, &err);
    PyMem_Free(frames);
    return PyUnicode_DecodeFSDefault(status == TG_OK ? "" : err.message);
}

/* What is on its way to the store. The collector's thread. */
static struct tg_profile *taken;

static bool take(struct tg_batch_sampling *sampling, struct tg_strbuf *tree) {
    static const uint32_t modes[TG_SAMPLER_MODE_COUNT] = {[TG_SAMPLER_WALL] = TG_BATCH_SAMPLING_WALL,
                                                          [TG_SAMPLER_CPU] = TG_BATCH_SAMPLING_CPU,
                                                          [TG_SAMPLER_GIL] = TG_BATCH_SAMPLING_GIL};
    struct tg_inside_options options;
    uint64_t look_count;
    if (!tg_inside_take(&taken, &look_count, &options)) {
        return false;
    }
    *sampling = (struct tg_batch_sampling){
        .rate_hz = (uint32_t)(options.hz < 1 ? 1 : options.hz + 0.5),
        .mode = modes[options.mode],
        .look_count = look_count,
        .missed_count = taken->quality.missed_count,
        .sample_count = taken->quality.taken_count,
        .torn_count = taken->quality.torn_count,
        .thread_count = taken->thread_count,
    };
    return tg_profile_encode(taken, tree, NULL) == TG_OK;
}

static void accept(void) {
    tg_inside_accept(taken);
}

/* --- The memory of stacks, and what dies --- */

static void get_allocator(struct tg_arena_allocator *allocator) {
    PyObjectArenaAllocator theirs;
    PyObject_GetArenaAllocator(&theirs);
    *allocator = (struct tg_arena_allocator){.context = theirs.ctx, .alloc = theirs.alloc, .free = theirs.free};
}

static void set_allocator(struct tg_arena_allocator *allocator) {
    PyObjectArenaAllocator theirs = {.ctx = allocator->context, .alloc = allocator->alloc, .free = allocator->free};
    PyObject_SetArenaAllocator(&theirs);
}

/* Without Python's lock: others have the sampler's while they want that one. */
static bool is_sampled(void) {
    struct tg_inside_state state;
    Py_BEGIN_ALLOW_THREADS tg_inside_state(&state);
    Py_END_ALLOW_THREADS return state.is_running;
}

/* While the sampler runs, has stacks stay for as long as it looks at them, and code objects counted that are freed;
 * asked once more afterwards, since others may start and stop it, too. */
static void set_hooks(void) {
    static const struct tg_arena_access access = {.get = get_allocator, .set = set_allocator};
    struct tg_own_range data = {0, 0};
    bool is_running, was_running;
    Py_BEGIN_ALLOW_THREADS tg_own_data_find(&data, (uint64_t)(uintptr_t)&PyCode_Type);
    Py_END_ALLOW_THREADS is_running = is_sampled();
    do {
        if (is_running) {
            (void)tg_arena_hook_install(&access, &data);         /* else they are read by the system */
            (void)tg_code_hook_install(&PyCode_Type.tp_dealloc); /* else code is read each time */
        } else {
            tg_arena_hook_remove(&access);
            tg_code_hook_remove();
        }
        was_running = is_running;
        is_running = is_sampled();
    } while (is_running != was_running);
}

/* start_sampling(hz, paused, mode, signals) */
PyObject *tg_start_sampling(PyObject *Py_UNUSED(module), PyObject *args) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_inside_options options = {.hz = 0};
    const char *mode;
    int paused, signals;
    if (!PyArg_ParseTuple(args, "dpsp:start_sampling", &options.hz, &paused, &mode, &signals)) {
        return NULL;
    }
    if (tg_sampler_mode_parse(mode, &options.mode, &err) != TG_OK) {
        return fail(TG_ERROR_INVALID, &err);
    }
    options.is_paused = paused;
    options.is_silent = !signals;
    static const struct tg_sampling_source source = {.take = take, .accept = accept};
    tg_start_recording(); /* through it orders come from outside */
    tg_tracer_continue();
    tg_sampling_source_set(&source);
    enum tg_status status;
    Py_BEGIN_ALLOW_THREADS status = tg_inside_start(&options, &err);
    Py_END_ALLOW_THREADS set_hooks();
    if (status != TG_OK) {
        return fail(status, &err);
    }
    Py_RETURN_NONE;
}

PyObject *tg_stop_sampling(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    Py_BEGIN_ALLOW_THREADS tg_inside_stop();
    Py_END_ALLOW_THREADS set_hooks();
    Py_RETURN_NONE;
}

/* pause_sampling(paused) */
PyObject *tg_pause_sampling(PyObject *Py_UNUSED(module), PyObject *paused) {
    int wanted = PyObject_IsTrue(paused);
    if (wanted < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS tg_inside_pause(wanted);
    Py_END_ALLOW_THREADS Py_RETURN_NONE;
}

static PyObject *members_of(const struct tg_control_family *family) {
    PyObject *list = PyList_New((Py_ssize_t)family->count);
    for (size_t i = 0; list && i < family->count; i++) {
        const struct tg_control_member *member = &family->members[i];
        PyObject *row =
            Py_BuildValue("KNIKN", (unsigned long long)member->pid,
                          PyBool_FromLong(member->status.state == TG_SAMPLER_PAUSED), (unsigned)member->status.rate_hz,
                          (unsigned long long)member->status.tick_count, PyBool_FromLong(member->obeyed));
        if (!row) {
            Py_CLEAR(list);
            break;
        }
        PyList_SET_ITEM(list, (Py_ssize_t)i, row);
    }
    return list;
}

/* sampler_family(path, pause) -> [(pid, is_paused, rate_hz, tick_count, obeyed)]: of the processes like the one with
 * the recording at `path`; `pause`: True and False are orders to all of them, None is none */
PyObject *tg_sampler_family(PyObject *Py_UNUSED(module), PyObject *args) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_control_family family;
    PyObject *path;
    PyObject *pause;
    if (!PyArg_ParseTuple(args, "O&O:sampler_family", PyUnicode_FSConverter, &path, &pause)) {
        return NULL;
    }
    const struct tg_control_order order = {.kind = pause == Py_True ? TG_CONTROL_PAUSE : TG_CONTROL_UNPAUSE};
    const char *name = PyBytes_AS_STRING(path);
    bool is_order = pause != Py_None;
    enum tg_status status;
    Py_BEGIN_ALLOW_THREADS status = tg_control_family_find(&family, name, &err);
    if (status == TG_OK && is_order) {
        tg_control_family_give(&family, &order, PATIENCE_NS);
    }
    Py_END_ALLOW_THREADS Py_DECREF(path);
    PyObject *members = status == TG_OK ? members_of(&family) : fail(status, &err);
    tg_control_family_release(&family);
    return members;
}

/* sampling_state() -> the fields of SamplingState, in their order */
PyObject *tg_sampling_state(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    struct tg_inside_state state;
    Py_BEGIN_ALLOW_THREADS tg_inside_state(&state);
    Py_END_ALLOW_THREADS struct tg_hindrance_words words = tg_hindrance_words(state.hindrance);
    return Py_BuildValue("NNdNKKKKKsN", PyBool_FromLong(state.is_running), PyBool_FromLong(state.options.is_paused),
                         state.options.hz,
                         PyUnicode_FromFormat("%s%s%s", words.what, words.what[0] ? "; " : "", words.remedy),
                         (unsigned long long)state.quality.taken_count, (unsigned long long)state.quality.missed_count,
                         (unsigned long long)state.quality.torn_count, (unsigned long long)state.thread_count,
                         (unsigned long long)state.signal_count, tg_sampler_mode_name(state.options.mode),
                         PyBool_FromLong(!state.options.is_silent));
}

/* Names come out of another's memory: what is no UTF-8 is shown all the same. */
static PyObject *text_of(const char *text) {
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "backslashreplace");
}

static PyObject *row_of(const struct tg_profile *profile, const struct tg_flat_row *row) {
    struct tg_symbol symbol = tg_symbols_get(&profile->symbols, row->frame.symbol);
    return Py_BuildValue("NNIKKddd", text_of(symbol.name), text_of(symbol.file), (unsigned)symbol.first_line,
                         (unsigned long long)row->total.sample_count, (unsigned long long)row->self.sample_count,
                         (double)row->total.wall_ns / NS_PER_S, (double)row->total.cpu_ns / NS_PER_S,
                         (double)row->total.gil_ns / NS_PER_S);
}

static PyObject *rows_of(const struct tg_profile *profile, const struct tg_flat *flat) {
    PyObject *rows = PyList_New(0);
    for (size_t i = 0; rows && i < flat->count; i++) {
        PyObject *row = row_of(profile, &flat->rows[i]);
        if (!row || PyList_Append(rows, row) < 0) {
            Py_CLEAR(rows);
        }
        Py_XDECREF(row);
    }
    return rows;
}

/* All threads' stacks as one tree, then without its calls. */
static enum tg_status flatten(struct tg_profile *profile, struct tg_flat *flat, struct tg_error *err) {
    struct tg_calltree tree;
    enum tg_status status = tg_inside_copy(profile, err);
    if (status != TG_OK) {
        return status;
    }
    tg_calltree_init(&tree, &profile->budget, false);
    status = tg_profile_merge_threads(profile, &tree, err);
    if (status == TG_OK) {
        status = tg_flat_make(flat, &tree, false, err);
    }
    tg_calltree_release(&tree);
    if (status != TG_OK) {
        tg_profile_release(profile);
    }
    return status;
}

/* sampled_functions() -> (rows, samples), each row the fields of SampledFunction, in their order */
PyObject *tg_sampled_functions(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_profile profile;
    struct tg_flat flat = {.rows = NULL};
    enum tg_status status;
    Py_BEGIN_ALLOW_THREADS status = flatten(&profile, &flat, &err);
    Py_END_ALLOW_THREADS if (status != TG_OK) {
        return fail(status, &err);
    }
    PyObject *rows = rows_of(&profile, &flat);
    unsigned long long samples = tg_profile_weight(&profile).sample_count;
    tg_flat_release(&flat);
    tg_profile_release(&profile);
    return rows ? Py_BuildValue("NK", rows, samples) : NULL;
}

/* Writes what was seen in a format. */
static enum tg_status export(const struct tg_export_format *format, bool by_thread, struct tg_strbuf *text,
                             struct tg_error *err) {
    struct tg_profile profile;
    struct tg_export_options options = {.by_thread = by_thread, .title = "sampled", .program = "tachograph"};
    enum tg_status status = tg_inside_copy(&profile, err);
    if (status == TG_OK){status = format->write(&profile, &options, text, err); tg_profile_release(&profile);}
return status == TG_OK && tg_strbuf_status(text) != TG_OK
           ? tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for what was sampled")
           : status;
}

/* export_samples(format, by_thread) -> str */
PyObject *tg_export_samples(PyObject *Py_UNUSED(module), PyObject *args) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf text = TG_STRBUF_INIT;
    const char *name;
    int by_thread;
    if (!PyArg_ParseTuple(args, "sp:export_samples", &name, &by_thread)) {
        return NULL;
    }
    const struct tg_export_format *format = tg_export_find(name);
    if (!format) {
        return PyErr_Format(PyExc_ValueError, "there is no format %s: give folded, speedscope or flamegraph", name);
    }
    enum tg_status status;
    Py_BEGIN_ALLOW_THREADS status = export(format, by_thread, &text, &err);
    Py_END_ALLOW_THREADS PyObject *result =
        status == TG_OK ? PyUnicode_DecodeUTF8(tg_strbuf_text(&text), (Py_ssize_t)text.length, "backslashreplace")
                        : fail(status, &err);
    tg_strbuf_release(&text);
    return result;
}
