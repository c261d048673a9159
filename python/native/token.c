/*
 * Tokens: see token.h. The hot path of the extension: begin, pause, resume and dealloc run inside the interpreter's
 * loop, so they take no lock, run no Python, allocate nothing when the pool has a token, and leave the error indicator
 * alone.
 */
#include "token.h"

#include "exception_policy.h"
#include "slots.h"

#include <assert.h>
#include <stddef.h>

#define SLAB_TOKENS      64
#define CACHE_LINE_BYTES 64

/* The functions that every call goes through have all of the tracer's inside them, where the extension is linked as a
 * whole; what is seldom needed stays out of them, and needs none of their registers. */
#define HOT                 __attribute__((flatten))
#define SELDOM              __attribute__((cold, noinline))
#define UNLIKELY(CONDITION) __builtin_expect(!!(CONDITION), 0)

struct token {
    _Alignas(CACHE_LINE_BYTES) PyObject_HEAD
    struct tg_token_pool *pool;
    union {
        struct token *next_free;
        PyThreadState *thread; /* of a call: the one it began or was resumed in last */
    };
    struct tg_call call;
};

static_assert(sizeof(struct token) == 2 * CACHE_LINE_BYTES, "a token is two cache lines");

/* Free tokens keep their type, and the reference to it: taking one sets only the reference count. */
struct tg_token_pool {
    struct token *free;
    struct token *idle;
    PyTypeObject *type;
    struct tg_token_watcher watcher;
};

/* Slabs are never freed, so where the memory starts need not be known. */
static struct token *add_slab(struct tg_token_pool *pool) {
    char *memory = PyMem_RawCalloc(1, SLAB_TOKENS * sizeof(struct token) + CACHE_LINE_BYTES);
    if (!memory) {
        return NULL;
    }
    struct token *slab = (struct token *)(memory + CACHE_LINE_BYTES - (uintptr_t)memory % CACHE_LINE_BYTES);
    for (int i = 0; i < SLAB_TOKENS; i++) {
        PyObject_Init((PyObject *)&slab[i], pool->type);
        slab[i].pool = pool;
        slab[i].next_free = i + 1 < SLAB_TOKENS ? &slab[i + 1] : NULL;
    }
    return slab;
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

static inline uintptr_t stack_key(const PyThreadState *thread) {
    return (uintptr_t)thread->datastack_chunk;
}

static inline PyObject *begin(struct tg_token_pool *pool, struct token *token, uint32_t function) {
    pool->free = token->next_free;
    token->thread = PyThreadState_Get();
    Py_SET_REFCNT((PyObject *)token, 1);
    tg_tracer_enter(&token->call, function, stack_key(token->thread));
    return (PyObject *)token;
}

SELDOM static PyObject *begin_with_new_slab(struct tg_token_pool *pool, uint32_t function) {
    struct token *slab = add_slab(pool);
    return slab ? begin(pool, slab, function) : Py_NewRef((PyObject *)pool->idle);
}

HOT PyObject *tg_token_begin(struct tg_token_pool *pool, uint32_t function) {
    struct token *token = pool->free;
    return UNLIKELY(!token) ? begin_with_new_slab(pool, function) : begin(pool, token, function);
}

static bool leaves_with_error(void) {
    PyObject *type = PyErr_Occurred(); /* borrowed */
    return type && tg_policy_is_failure(type);
}

static inline void give_back(struct token *token) {
    token->next_free = token->pool->free;
    token->pool->free = token;
}

/* Whether the call that this thread is in ends with an exception. It runs in token->thread, whose frames the
 * interpreter runs with that same pointer: so it is alive, and asking it costs less than PyErr_Occurred(), which has to
 * find it. */
static inline bool is_raising(const struct tg_call *call) {
    const struct token *token = (const struct token *)((const char *)call - offsetof(struct token, call));
#if PY_VERSION_HEX >= 0x030c0000
    return token->thread->current_exception != NULL;
#else
    return token->thread->curexc_type != NULL;
#endif
}

void tg_token_pool_watch(struct tg_token_pool *pool, const struct tg_token_watcher *watcher) {
    pool->watcher = *watcher;
}

/* What is set while a paused call ends has left some other frame. */
SELDOM static void end_unusual(struct token *token) {
    const struct tg_token_watcher *watcher = &token->pool->watcher;
    bool is_watched = watcher->leaves && token->call.stack && PyErr_Occurred();
    uint32_t function = token->call.function;
    tg_tracer_exit(&token->call, leaves_with_error());
    give_back(token);
    if (is_watched) {
        watcher->leaves(watcher->context, function);
    }
}

/* `exception in token`: whether the function returns it. Its call ends here then, as one that has failed. */
static int token_contains(PyObject *self, PyObject *exception) {
    struct token *token = (struct token *)self;
    const struct tg_token_watcher *watcher = &token->pool->watcher;
    bool is_returned = watcher->is_returned && watcher->is_returned(watcher->context, exception);
    if (is_returned && token->call.counters) {
        tg_tracer_exit(&token->call, true);
        token->call.counters = NULL; /* the deallocation that follows has nothing more to record */
        watcher->returned(watcher->context, exception);
    }
    return is_returned;
}

HOT static void token_dealloc(PyObject *self) {
    struct token *token = (struct token *)self;
    if (UNLIKELY(!tg_tracer_return(&token->call, is_raising))) {
        end_unusual(token);
        return;
    }
    give_back(token);
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
    struct token *token = (struct token *)self;
    token->thread = PyThreadState_Get();
    tg_tracer_resume(&token->call, stack_key(token->thread));
    return Py_NewRef(Py_None);
}

static PyType_Slot token_slots[] = {
    {Py_tp_doc, "The running call of a timed function. Internal: frames hold it."},
    TG_SLOT(Py_tp_dealloc, token_dealloc),
    TG_SLOT(Py_nb_invert, token_pause),
    TG_SLOT(Py_nb_negative, token_resume),
    TG_SLOT(Py_sq_contains, token_contains),
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
