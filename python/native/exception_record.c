/* See exception_record.h. */
#include "exception_record.h"

#include "base/hash.h"
#include "exception_frame.h"
#include "exception_message.h"
#include "exception_policy.h"
#include "exception_text.h"
#include "exception_value.h"
#include "failure/capture.h"
#include "probe.h"
#include "record/failures.h"

#include <frameobject.h>
#include <string.h>
#include <sys/prctl.h>

#define FINGERPRINT_FRAMES 64 /* of a deeper traceback, the outermost: where a recursion ends is chance */
#define OUTER_FRAMES       10 /* of a traceback, that are shown */
#define INNER_FRAMES       40
#define FRAME_BYTES        200 /* of the name of a file or function in it */
#define THREAD_NAME_SIZE   16  /* the kernel's */

/* An exception on its way. In CPython 3.11 it may not have been made yet: then `value` is what it is to be made of. */
struct raised {
    PyObject *type;
    PyObject *value;
    PyTracebackObject *traceback;
};

/* The function that it is leaving. */
struct place {
    PyFrameObject *frame;
    PyCodeObject *code;
    PyObject *probe;
    const struct tg_policy *policy;
};

static _Thread_local bool is_recording;

static PyObject *instance_of(const struct raised *raised) {
    return raised->value && PyExceptionInstance_Check(raised->value) ? raised->value : NULL;
}

/* An instance if there is one: what policies are asked about. */
static PyObject *subject_of(const struct raised *raised) {
    PyObject *instance = instance_of(raised);
    return instance ? instance : raised->type;
}

/* The frame that runs, if it has a policy. The place holds references until it is left. */
static bool find_place(const struct tg_state *state, struct place *place) {
    *place = (struct place){.frame = PyThreadState_GetFrame(PyThreadState_Get())};
    place->code = place->frame ? PyFrame_GetCode(place->frame) : NULL;
    place->probe = place->code ? tg_code_probe(place->code, state->probe_type) : NULL;
    place->policy = place->probe ? tg_probe_policy(place->probe) : NULL;
    Py_XINCREF((PyObject *)(uintptr_t)place->policy); /* a repr(), or another thread, may give the probe another */
    return place->policy != NULL;
}

static void leave_place(struct place *place) {
    Py_XDECREF((PyObject *)(uintptr_t)place->policy);
    Py_XDECREF(place->code);
    Py_XDECREF(place->frame);
}

/* A code that PyFrame_GetCode() has given is held by its frame. */
static PyCodeObject *code_of(const PyTracebackObject *entry) {
    PyCodeObject *code = PyFrame_GetCode(entry->tb_frame);
    Py_DECREF(code);
    return code;
}

/* Whether the exception has come through a function that recorded it. */
static bool is_recorded(const struct tg_state *state, const struct raised *raised, const struct place *place) {
    for (const PyTracebackObject *entry = raised->traceback; entry; entry = entry->tb_next) {
        if (entry->tb_frame == place->frame) {
            continue;
        }
        PyCodeObject *code = code_of(entry);
        PyObject *probe = tg_code_probe(code, state->probe_type);
        const struct tg_policy *policy = probe ? tg_probe_policy(probe) : NULL;
        if (policy && tg_policy_wants(policy, subject_of(raised), code)) {
            return true;
        }
    }
    return false;
}

/* Libraries are not the program: what they call one another says nothing about it. */
static bool is_of_app(const struct tg_state *state, PyCodeObject *code) {
    struct tg_strbuf file = TG_STRBUF_INIT;
    tg_text_append(&file, code->co_filename, FRAME_BYTES * 4);
    const char *text = tg_strbuf_text(&file);
    bool is_foreign = strncmp(text, "<frozen ", 8) == 0 || strstr(text, "/site-packages/")
                      || strstr(text, "/dist-packages/")
                      || (state->library[0] && strncmp(text, state->library, strlen(state->library)) == 0);
    tg_strbuf_release(&file);
    return !is_foreign;
}

/* The names of the frames that tell, with "\n" between them. */
static void append_frames(const struct tg_state *state, const struct raised *raised, struct tg_strbuf *out,
                          bool of_app_only) {
    int count = 0;
    for (const PyTracebackObject *entry = raised->traceback; entry && count < FINGERPRINT_FRAMES;
         entry = entry->tb_next) {
        PyCodeObject *code = code_of(entry);
        if (!of_app_only || is_of_app(state, code)) {
            tg_strbuf_append_char(out, '\n');
            tg_text_append(out, code->co_qualname, FRAME_BYTES);
        }
        count++;
    }
}

/* The same in every process: names, but no lines, files or messages. */
static uint64_t make_fingerprint(const struct tg_state *state, const struct raised *raised, PyObject *name) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_text_append_type(&text, (PyTypeObject *)raised->type);
    tg_strbuf_append_char(&text, '\n');
    tg_text_append(&text, name, TG_FAILURE_NAME_BYTES);
    size_t length = text.length;
    append_frames(state, raised, &text, true);
    if (text.length == length) {
        append_frames(state, raised, &text, false);
    }
    uint64_t hash = tg_hash_bytes(TG_HASH_INIT, text.data, text.length);
    tg_strbuf_release(&text);
    return hash ? hash : 1;
}

static uint64_t mix(uint64_t key, uint64_t with) {
    key = (key ^ with) * UINT64_C(0x9e3779b97f4a7c15);
    return key ^ key >> 29;
}

/* Strings keep their hash. */
static uint64_t hash_of(PyObject *text) {
    return PyUnicode_CheckExact(text) ? (uint64_t)PyObject_Hash(text) : (uint64_t)(uintptr_t)text;
}

/* What the fingerprint depends on, by hashes that Python has at hand; of this process alone. */
static uint64_t quick_key(const struct raised *raised, const struct place *place) {
    PyTypeObject *type = (PyTypeObject *)raised->type;
    uint64_t key = mix(0, hash_of(tg_probe_name(place->probe)));
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) { /* classes come and go, and others take their places */
        PyObject *module = PyDict_GetItemString(type->tp_dict, "__module__"); /* borrowed */
        key = mix(key, hash_of(((PyHeapTypeObject *)type)->ht_qualname));
        key = module ? mix(key, hash_of(module)) : key;
    } else {
        key = mix(key, (uint64_t)(uintptr_t)type);
    }
    int count = 0;
    for (const PyTracebackObject *entry = raised->traceback; entry && count < FINGERPRINT_FRAMES;
         entry = entry->tb_next) {
        const PyCodeObject *code = code_of(entry);
        key = mix(key, hash_of(code->co_qualname));
        key = mix(key, hash_of(code->co_filename));
        count++;
    }
    return key;
}

/* Fingerprints are known by their quick keys, so that what is only counted costs little. */
static uint64_t find_fingerprint(struct tg_state *state, const struct raised *raised, const struct place *place) {
    uint64_t key = quick_key(raised, place);
    struct tg_known_fingerprint *known = &state->fingerprints[key % TG_KNOWN_FINGERPRINTS];
    if (known->key != key || known->fingerprint == 0) {
        *known = (struct tg_known_fingerprint){
            .key = key,
            .fingerprint = make_fingerprint(state, raised, tg_probe_name(place->probe)),
        };
    }
    return known->fingerprint;
}

static struct tg_failure_bytes bytes_of(const struct tg_strbuf *text) {
    return (struct tg_failure_bytes){.data = tg_strbuf_text(text), .length = text->failed ? 0 : text->length};
}

static enum tg_failure_answer count(struct tg_state *state, const struct raised *raised, const struct place *place,
                                    uint32_t *group) {
    uint64_t fingerprint = find_fingerprint(state, raised, place);
    enum tg_failure_answer answer = tg_failure_count(fingerprint, NULL, group);
    if (answer == TG_FAILURE_UNKNOWN) {
        struct tg_strbuf name = TG_STRBUF_INIT;
        struct tg_strbuf file = TG_STRBUF_INIT;
        struct tg_strbuf type = TG_STRBUF_INIT;
        tg_text_append(&name, tg_probe_name(place->probe), TG_FAILURE_NAME_BYTES);
        tg_text_append(&file, place->code->co_filename, TG_FAILURE_NAME_BYTES);
        tg_text_append_type(&type, (PyTypeObject *)raised->type);
        struct tg_failure_source source = {
            .fingerprint = fingerprint,
            .name = bytes_of(&name),
            .file = bytes_of(&file),
            .type = bytes_of(&type),
        };
        answer = tg_failure_count(fingerprint, &source, group);
        tg_strbuf_release(&type);
        tg_strbuf_release(&file);
        tg_strbuf_release(&name);
    }
    return answer;
}

static void append_entry(struct tg_strbuf *out, const PyTracebackObject *entry) {
    PyCodeObject *code = code_of(entry);
    int line = entry->tb_lineno > 0 ? entry->tb_lineno : PyCode_Addr2Line(code, entry->tb_lasti);
    tg_strbuf_append(out, "  File \"");
    tg_text_append(out, code->co_filename, FRAME_BYTES);
    tg_strbuf_printf(out, "\", line %d, in ", line);
    tg_text_append(out, code->co_qualname, FRAME_BYTES);
    tg_strbuf_append_char(out, '\n');
}

/* As Python prints it, without the source. */
static void append_traceback(struct tg_strbuf *out, const struct raised *raised) {
    Py_ssize_t count = 0;
    Py_ssize_t index = 0;
    for (const PyTracebackObject *entry = raised->traceback; entry; entry = entry->tb_next) {
        count++;
    }
    Py_ssize_t hidden = count - OUTER_FRAMES - INNER_FRAMES;
    for (const PyTracebackObject *entry = raised->traceback; entry; entry = entry->tb_next, index++) {
        if (hidden > 0 && index == OUTER_FRAMES) {
            tg_strbuf_printf(out, "  [%zd more frames]\n", hidden);
        }
        if (hidden <= 0 || index < OUTER_FRAMES || index >= OUTER_FRAMES + hidden) {
            append_entry(out, entry);
        }
    }
}

/* The texts of a sample while it is made. */
struct sample {
    struct tg_strbuf message;
    struct tg_strbuf traceback;
    struct tg_strbuf rebound;
    struct tg_capture args;
    struct tg_capture kwargs;
    struct tg_secret_values secrets; /* of the arguments, which the message is not to tell */
    char thread[THREAD_NAME_SIZE + 1];
};

/* Both take no more than what one may. They are looked at for their secrets also where none of them is kept. */
static void capture_arguments(struct sample *sample, const struct place *place) {
    bool calls_repr = place->policy->calls_repr && place->policy->captures_args;
    sample->args.found = sample->kwargs.found = &sample->secrets;
    tg_capture_begin(&sample->args, TG_CAPTURE_BYTES - TG_CAPTURE_BYTES_LEAST);
    tg_frame_capture_args(&sample->args, place->frame, place->code, calls_repr);
    tg_capture_begin(&sample->kwargs, TG_CAPTURE_BYTES - sample->args.text.length);
    tg_frame_capture_kwargs(&sample->kwargs, place->frame, place->code, calls_repr);
    if (place->policy->captures_args) {
        tg_frame_append_rebound(&sample->rebound, (PyCodeObject *)tg_probe_original(place->probe));
    } else {
        tg_strbuf_truncate(&sample->args.text, 0);
        tg_strbuf_truncate(&sample->kwargs.text, 0);
    }
}

static void keep(const struct raised *raised, const struct place *place, uint32_t group) {
    struct sample sample = {.thread = ""};
    tg_capture_init(&sample.args);
    tg_capture_init(&sample.kwargs);
    capture_arguments(&sample, place);
    tg_exception_append_message(&sample.message, raised->type, raised->value, place->policy->calls_repr,
                                &sample.secrets);
    append_traceback(&sample.traceback, raised);
    prctl(PR_GET_NAME, sample.thread);
    struct tg_failure_texts texts = {
        .texts = {[TG_FAILURE_MESSAGE] = bytes_of(&sample.message),
                  [TG_FAILURE_TRACEBACK] = bytes_of(&sample.traceback),
                  [TG_FAILURE_ARGS] = bytes_of(&sample.args.text),
                  [TG_FAILURE_KWARGS] = bytes_of(&sample.kwargs.text),
                  [TG_FAILURE_REBOUND] = bytes_of(&sample.rebound),
                  [TG_FAILURE_THREAD] = {.data = sample.thread, .length = strlen(sample.thread)}},
    };
    tg_failure_keep(group, &texts);
    tg_secret_values_release(&sample.secrets);
    tg_capture_release(&sample.kwargs);
    tg_capture_release(&sample.args);
    tg_strbuf_release(&sample.rebound);
    tg_strbuf_release(&sample.traceback);
    tg_strbuf_release(&sample.message);
}

/* With the error indicator clear. */
static void record(struct tg_state *state, const struct raised *raised, const struct place *place) {
    uint32_t group = 0;
    if (!tg_policy_wants(place->policy, subject_of(raised), place->code) || is_recorded(state, raised, place)) {
        return;
    }
    if (count(state, raised, place, &group) == TG_FAILURE_WANTED && !is_recording) {
        /* In CPython 3.11 an allocation may collect, and so run anything, as repr() may. */
        bool has_collected = !place->policy->calls_repr && PyGC_Disable();
        is_recording = true;
        keep(raised, place, group);
        is_recording = false;
        if (has_collected) {
            PyGC_Enable();
        }
    }
}

void tg_exception_leaves(void *context, uint32_t function) {
    struct tg_state *state = context;
    struct raised raised;
    struct place place;
    PyErr_Fetch(&raised.type, &raised.value, (PyObject **)&raised.traceback);
    if (raised.type && find_place(state, &place)) {
        if (tg_probe_function(place.probe) == function) { /* else it is of a frame that ends in passing */
            record(state, &raised, &place);
        }
    }
    if (raised.type) {
        leave_place(&place);
    }
    PyErr_Clear();
    PyErr_Restore(raised.type, raised.value, (PyObject *)raised.traceback);
}

bool tg_exception_is_returned(void *context, PyObject *exception) {
    struct place place;
    bool is_returned = find_place(context, &place) && tg_policy_returns(place.policy, exception, place.code);
    leave_place(&place);
    return is_returned;
}

void tg_exception_returned(void *context, PyObject *exception) {
    struct tg_state *state = context;
    struct place place;
    if (find_place(state, &place)) {
        struct raised raised = {
            .type = (PyObject *)Py_TYPE(exception),
            .value = exception,
            .traceback = (PyTracebackObject *)PyException_GetTraceback(exception),
        };
        record(state, &raised, &place);
        PyErr_Clear();
        Py_XDECREF(raised.traceback);
    }
    leave_place(&place);
}
