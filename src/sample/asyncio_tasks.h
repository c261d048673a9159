/*
 * asyncio_tasks: the asyncio tasks of the profiled process that have not ended, and where each of them waits: its
 * coroutine, what that awaits, and so on.
 *
 * They are found where asyncio itself looks for them: up to 3.13 in the set of asyncio.tasks, since 3.14 in a list of
 * the thread. Tasks of classes of the program's own, and what is not as it must be, are left out.
 *
 * The caller sees to it that no thread of the interpreter runs Python code meanwhile, and throws away what he got where
 * one did. Threads: those of the code cache.
 */
#ifndef TG_ASYNCIO_TASKS_H
#define TG_ASYNCIO_TASKS_H

#include "measure/clock.h"
#include "profile/symbol.h"
#include "sample/code_cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TG_ASYNCIO_NAME_BYTES 64
#define TG_ASYNCIO_TASKS_MAX  4096 /* at most so many are told */
#define TG_ASYNCIO_DEPTH_MAX  64

struct tg_asyncio_task {
    uint64_t coroutine; /* the address of the object */
    bool is_running;    /* on the stack of a thread */
    char name[TG_ASYNCIO_NAME_BYTES];
    struct tg_frame frames[TG_ASYNCIO_DEPTH_MAX]; /* of one that does not run, the outermost first */
    size_t depth;
};

typedef void tg_asyncio_visit(void *context, const struct tg_asyncio_task *task);

/* Calls `visit` for each task: of `thread`, the address of a thread state, since 3.14; before, of all threads. False:
 * there are more, or they could not all be read, or not until then: the program stands still meanwhile. */
bool tg_asyncio_tasks_read(struct tg_code_cache *cache, uint64_t thread, tg_ns until_ns, tg_asyncio_visit *visit,
                           void *context);

#endif
