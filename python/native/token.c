/*
 * Tokens: see token.h. The hot path of the extension: begin, pause, resume and dealloc run inside the interpreter's
 * loop, so they take no lock, run no Python, allocate nothing when the pool has a token, and leave the error indicator
 * alone.
 */
#include "token.h"

#include "slots.h"

#define SLAB_TOKENS 64

struct token {
    PyObject_HEAD
    struct tg_token_pool *pool;
    struct token *next_free;
    struct tg_call call;
};

/* Free tokens keep their type, and the reference to it: taking one sets only the reference count. */
struct tg_token_pool {
    struct token *free;
    struct token *idle;
    PyTypeObject *type;
};

static struct token *add_slab(struct tg_token_pool *pool) {
    struct token *slab = PyMem_RawCalloc(SLAB_TOKENS, sizeof *slab);
    if (!slab) {
        return NULL;
    }
    for (int i = 0; i < SLAB_TOKENS; i++) {
        PyObject_Init((PyObject *)&slab[i], pool->type);
        slab[i].pool = pool;
        slab[i].next_free = i + 1 < SLAB_TOKENS ? &slab[i + 1] : NULL;
    }
    return slab;
}

uintptr_t tg_stack_key(void) {
    return (uintptr_t)PyThreadState_Get()->datastack_chunk;
}

/* Greenlets swap the chunks of a thread's data stack when they switch; the first chunk of a stack stays as long as the
 * stack. The chunk given is the one in use, so the chain below it is whole. */
uintptr_t tg_stack_root(uintptr_t chunk) {
    const _PyStackChunk *root = (const _PyStackChunk *)chunk;
    while (root && root->previous) {
        root = root->previous;
    }
    return (uintptr_t)root;
}

PyObject *tg_token_begin(struct tg_token_pool *pool, uint32_t function) {
    struct token *token = pool->free;
    if (!token) {
        token = add_slab(pool);
        if (!token) {
            return Py_NewRef((PyObject *)pool->idle);
        }
    }
    pool->free = token->next_free;
    Py_SET_REFCNT((PyObject *)token, 1);
    tg_tracer_enter(&token->call, function, tg_stack_key());
    return (PyObject *)token;
}

/* A generator that is closed ends as it should. */
static bool leaves_with_error(void) {
    PyObject *error = PyErr_Occurred();
    return error && !PyErr_GivenExceptionMatches(error, PyExc_GeneratorExit);
}

static void token_dealloc(PyObject *self) {
    struct token *token = (struct token *)self;
    tg_tracer_exit(&token->call, leaves_with_error());
    token->next_free = token->pool->free;
    token->pool->free = token;
}

void tg_token_end(PyObject *token, bool failed) {
    struct tg_call *call = &((struct token *)token)->call;
    tg_tracer_exit(call, failed);
    call->counters = NULL; /* the deallocation that follows has nothing more to record */
    Py_DECREF(token);
}

static PyObject *token_pause(PyObject *self) {
    tg_tracer_pause(&((struct token *)self)->call);
    return Py_NewRef(Py_None);
}

static PyObject *token_resume(PyObject *self) {
    tg_tracer_resume(&((struct token *)self)->call, tg_stack_key());
    return Py_NewRef(Py_None);
}

static PyType_Slot token_slots[] = {
    {Py_tp_doc, "The running call of a timed function. Internal: frames hold it."},
    TG_SLOT(Py_tp_dealloc, token_dealloc),
    TG_SLOT(Py_nb_invert, token_pause),
    TG_SLOT(Py_nb_negative, token_resume),
    {0, NULL},
};

static PyType_Spec token_spec = {
    .name = "tachograph._native.Token",
    .basicsize = sizeof(struct token),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = token_slots,
};

struct tg_token_pool *tg_token_pool_new(PyObject *module) {
    struct tg_token_pool *pool = PyMem_RawCalloc(1, sizeof *pool);
    if (!pool) {
        PyErr_NoMemory();
        return NULL;
    }
    pool->type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &token_spec, NULL);
    pool->free = pool->type ? add_slab(pool) : NULL;
    if (!pool->free) {
        if (pool->type) {
            PyErr_NoMemory();
        }
        Py_XDECREF(pool->type);
        PyMem_RawFree(pool);
        return NULL;
    }
    pool->idle = pool->free;
    pool->free = pool->idle->next_free;
    return pool;
}
