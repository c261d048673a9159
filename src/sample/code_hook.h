/*
 * code_hook: counts the code objects that this process frees. What was read of one that lived at a count is still true
 * while the count is the same: nothing else has come to lie in its place.
 *
 * The hook is in front of the deallocator in the slot of Python's type of code objects, through which each of them
 * goes, whichever interpreter it is of, and counts before it passes on. Who puts another deallocator in the slot has to
 * lead to the one that he found there; while he is in front, nobody counts.
 *
 * Threads: count is for any thread, also in a signal handler. Install and remove: with the main interpreter's lock.
 */
#ifndef TG_CODE_HOOK_H
#define TG_CODE_HOOK_H

#include <stdbool.h>
#include <stdint.h>

/* As Python's `destructor` is declared. */
struct _object; /* NOLINT(bugprone-reserved-identifier): PyObject, in the words of Python's headers */
typedef void tg_code_deallocator(struct _object *code);

/* Puts the hook in place; again is fine. `slot`: the type's, always the same one. False: another is in front of it. */
bool tg_code_hook_install(tg_code_deallocator **slot);

/* Puts back what was there before, unless another is in front. */
void tg_code_hook_remove(void);

/* False: nobody counts. */
bool tg_code_hook_count(uint64_t *count);

#endif
