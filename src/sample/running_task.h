/*
 * running_task: the asyncio task that a thread is in, at the moment of a sample.
 *
 * It is where asyncio itself has it: since 3.14 in the thread's state, before that in a dict of asyncio.tasks.
 * Believed is only a task of asyncio's own kind whose coroutine is on the stack that was read. Nothing is read of a
 * stack without coroutines, nor where nobody was seen in a loop.
 *
 * Threads: those of the walker. tg_running_task_read() may be called in a signal handler: it allocates nothing and
 * takes no lock. Addresses are the target's.
 */
#ifndef TG_RUNNING_TASK_H
#define TG_RUNNING_TASK_H

#include "sample/python_process.h"
#include "sample/walk.h"

#include <stdbool.h>
#include <stdint.h>

#define TG_RUNNING_TASK_NAME_BYTES 64
#define TG_RUNNING_TASK_NONE       UINT32_MAX

/* What is known of asyncio in a process. */
struct tg_running_tasks {
    const struct tg_python_process *process; /* borrowed */
    bool is_wanted;                          /* somebody was seen in a loop */
    bool is_found;
    tg_ns due_ns;       /* it is not looked for before */
    tg_ns pause_ns;     /* after the last look */
    uint64_t current;   /* up to 3.13: the dict of the tasks that run, by loop */
    uint64_t task_type; /* types that were recognised by their names; 0 not yet */
    uint64_t text_type;
};

/* The task that a thread is in. */
struct tg_running_task {
    bool is_known;  /* it was looked for, in the stack as it is */
    uint32_t frame; /* of its coroutine, among the stack's; TG_RUNNING_TASK_NONE: there is no task */
    /* That it was given; "" for asyncio's own "Task-12", which says nothing. */
    char name[TG_RUNNING_TASK_NAME_BYTES];
};

/* Looks for asyncio where that is wanted; now and then, since it takes many reads. */
void tg_running_tasks_find(struct tg_running_tasks *tasks, tg_ns now_ns);

/* Reads the task that the stack's thread is in. Whether anything was read for that: then it is for the caller to see to
 * that it is of the stack's moment. */
bool tg_running_task_read(struct tg_running_tasks *tasks, const struct tg_stack *stack, struct tg_running_task *task);

#endif
