/*
 * The extension's state, and what its files owe each other.
 *
 * Everything here runs under the GIL. There is one state in a process, in the main interpreter: module.c refuses
 * others. It is reached from the module and never freed, because frames hold tokens, and code holds probes, after the
 * module is gone; and a module that is imported anew, as tests that tidy sys.modules have it, must know what the
 * one before timed.
 */
#ifndef TG_STATE_H
#define TG_STATE_H

#include <Python.h>

#include "measure/clock.h"
#include "record/measures.h"
#include "rewrite.h"
#include "selection.h"
#include "token.h"

/* What exceptions of one kind are known by: exception_record.c. */
struct tg_known_fingerprint {
    uint64_t key;
    uint64_t fingerprint; /* 0: none yet */
};
#define TG_KNOWN_FINGERPRINTS 1024

struct tg_state {
    PyTypeObject *probe_type;
    PyTypeObject *policy_type;
    PyTypeObject *wrapper_type;
    PyTypeObject *span_type;
    PyTypeObject *statistics_type;
    PyTypeObject *history_type;
    PyObject *store_error; /* the class of exceptions about a store */
    struct tg_token_pool *tokens;
    struct tg_rewriter rewriter;
    struct tg_selections selections; /* what modules imported from now on are asked for */
    PyObject *spans;                 /* dict: "module::name" -> function id */
    PyObject *load_module;           /* exec_module of files as it was; NULL: the hook is not installed */
    PyObject *load_frozen;           /* the same of modules frozen into the interpreter */
    PyObject *on_import;             /* told of each module from a file before it runs; NULL: nobody */
    PyObject *on_change;             /* told of files that have changed (watching.h) */
    struct tg_measures *drained;     /* by function: what drain() has given out */
    size_t drained_count;
    struct tg_known_fingerprint fingerprints[TG_KNOWN_FINGERPRINTS]; /* a slot for each, by key */
    char library[1024];       /* the directory of the standard library, with a slash; "": not known */
    uint64_t drain_serial;    /* of the last drain */
    uint8_t drained_uuid[16]; /* of the recording it was drained from */
};

/* What the module itself holds is a pointer to the state. */
static inline struct tg_state *tg_state_of(PyObject *module) {
    return *(struct tg_state **)PyModule_GetState(module);
}

/* module.c: makes sure the process records. Never fails: where there is no recording, nothing is recorded and a warning
 * has said so, once. */
void tg_start_recording(void);

#endif
