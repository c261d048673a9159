/*
 * A history opened for reading, as a Python object: the type tachograph._native.StoreReader, on which
 * tachograph.history stands.
 *
 * Threads: a store serves one at a time, so each question waits, without the GIL, for the one before. close() waits
 * likewise; questions after it raise. Fork: the store is the parent's, whose other threads may be using it at that very
 * moment, so a child never touches it, not even to free it: its questions raise, its close() does nothing. Shutdown:
 * nothing has to happen, nothing is written.
 */
#ifndef TG_HISTORY_H
#define TG_HISTORY_H

#include <Python.h>

#include "base/attributes.h"
#include "base/error.h"
#include "store/store.h"

#include <stdbool.h>

PyTypeObject *tg_history_type_new(PyObject *module);
/* The class of exceptions about a store. A new reference; NULL with an exception set. */
PyObject *tg_history_error_new(void);

/* Asks a question of the reader's store, without the GIL. `place`: the store's, to show. */
typedef enum tg_status tg_history_query(struct tg_store *store, const char *place, void *context, struct tg_error *err);
/* False with an exception set: the question was not asked, or had no answer. */
TG_NODISCARD bool tg_history_ask(PyObject *reader, tg_history_query *query, void *context);

#endif
