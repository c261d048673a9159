/*
 * code_hook: counts the code objects that this process frees. What was read of one that lived at a count is still true
 * while the count is the same: nothing else has come to lie in its place.
 *
 * The hook is in front of the deallocator in the slot of Python's type of code objects. Why what a thread reads of the
 * code of its own frames, at a count, is that code for as long as the count stays:
 *     1. Each code object goes through that slot when it is freed, whichever interpreter it is of: the type is static,
 *        not to be derived from, and one for the process.
 *     2. A frame that can still run holds a reference to its code, so that code is not being freed. One that is done
 *        may not (3.11 frees the last reference before it leaves the frame): it is counted before it is freed, and
 *        once more afterwards, so what was read in between is at a count that has passed.
 *     3. Its memory is given to another only after it was freed, which is after the first of the two.
 * Who puts another deallocator in the slot has to lead to the one that he found there; while he is in front, nobody
 * counts, and each look asks that first. Should he put back what he found before us, our hook is out: nobody counts.
 *
 * Fork: the child has the hook and the count, and both go on. End of the interpreter: what is freed is passed on; the
 * hook stays in the slot, as the library stays loaded.
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
