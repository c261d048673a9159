/*
 * arena_hook: keeps the memory of this process's Python stacks mapped while the sampler looks at it, so that it can be
 * loaded without the system's help.
 *
 * The interpreter, and whoever exchanges stacks in its place (greenlets), gives the chunks of a stack back through the
 * interpreter's arena allocator. The hook is in front of its `free`; nothing else of it changes. A look announces
 * itself (hold), and what is freed meanwhile is kept until it is over (let go).
 *
 * Why a chunk that a thread state is seen to name after hold, and those behind it, are there until let go:
 *     1. Who frees a chunk has taken it out of the state before: it was popped, or exchanged for another, or its
 *        thread was cleared. The chunks behind it are taken out later.
 *     2. All that is done to the word that announces a look is done by read-modify-write. So there is one order of
 *        these steps, and each sees what was done before all earlier ones. Each `free` makes one, after 1.
 *     3. If that step comes before hold, the taking out does too: the state does not name the chunk any more.
 *     4. If it comes after hold, `free` sees the look and keeps the chunk, until a later step that sees none.
 * It rests on two things. Chunks are freed through the allocator: so does CPython up to 3.14, so do greenlet and what
 * compiles frames (PyTorch, Paddle). And the hook is the allocator in use, which each hold looks at, by a load of the
 * interpreter's own word; with another in front of it, nothing is held. Who puts an allocator in its place that does
 * not lead to it, and frees a chunk, both within one and the same look, cannot be seen; but who frees what another has
 * allocated has to lead to that one.
 *
 * Fork: what is announced has the number of the process in it, so a child is not held by its parent's look, whatever
 * made the child. What was kept is given back by the child's next `free`. End of the interpreter: what is freed is
 * passed on.
 *
 * Threads: hold and let go are for the sampler's, one at a time, and wait for nobody; who holds must not wait, either.
 * `free` is called by any thread, with the lock of any interpreter. Where there is no space to keep more it waits for
 * the look to be over: microseconds, or until the sampler has its processor again, should that be taken away just then.
 * Install and remove: with the main interpreter's lock.
 */
#ifndef TG_ARENA_HOOK_H
#define TG_ARENA_HOOK_H

#include "sample/own_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* So many regions are kept at most. */
#define TG_ARENA_HOOK_KEPT 16

/* The interpreter's PyObjectArenaAllocator, and the functions that tell and set it. */
struct tg_arena_allocator {
    void *context;
    void *(*alloc)(void *context, size_t bytes);
    void (*free)(void *context, void *address, size_t bytes);
};

struct tg_arena_access {
    void (*get)(struct tg_arena_allocator *allocator);
    void (*set)(struct tg_arena_allocator *allocator);
};

/* Puts the hook in place; again is fine. Where the interpreter keeps its allocator is searched for in its data. False:
 * nothing will be held, since it was not found, or another is in front of the hook, which stays where it is then. */
bool tg_arena_hook_install(const struct tg_arena_access *access, const struct tg_own_range *data);

/* Puts back what was there before, unless another is in front of the hook, and gives back what is kept. */
void tg_arena_hook_remove(const struct tg_arena_access *access);

/* From now on what is freed stays; `pid` is the process's. False: it does not, and there is nothing to let go of. */
bool tg_arena_hook_hold(pid_t pid);
void tg_arena_hook_let_go(void);

#endif
