/*
 * Tokens: what a rewritten frame keeps at the bottom of its stack for as long as its call lasts (rewrite.h).
 *
 * Tokens come from a pool, so a call allocates nothing once the pool has grown to the deepest recursion seen. A token
 * owns a struct tg_call and nothing else; its deallocation is the end of the call. When memory is short, the pool hands
 * out its one idle token, which records nothing.
 *
 * The pool outlives the module: tokens may die after it, in frames that the interpreter clears last.
 */
#ifndef TG_TOKEN_H
#define TG_TOKEN_H

#include <Python.h>

#include "record/tracer.h"

#include <stdbool.h>

struct tg_token_pool;

/* NULL with an exception set when there is no memory. The pool is never freed. */
struct tg_token_pool *tg_token_pool_new(PyObject *module);

/* A new reference to a token whose call, of `function`, begins now. Never NULL. */
PyObject *tg_token_begin(struct tg_token_pool *pool, uint32_t function);

/* What is asked when exceptions leave frames: exception_record.h. */
struct tg_token_watcher {
    void *context;
    void (*leaves)(void *context, uint32_t function);
    bool (*is_returned)(void *context, PyObject *exception);
    void (*returned)(void *context, PyObject *exception);
};
/* From now on; the first exception that is to be watched is yet to come. */
void tg_token_pool_watch(struct tg_token_pool *pool, const struct tg_token_watcher *watcher);

/* Ends the call of a token that its holder made for itself, and gives the reference up. */
void tg_token_end(PyObject *token, bool failed);

/* What tells one stack of frames from another, for the tracer (tg_tracer_options.stack_root). */
uintptr_t tg_stack_root(uintptr_t chunk);

#endif
