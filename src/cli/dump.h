/*
 * dump: where the threads of a process are, and its suspended asyncio tasks, as `tachograph dump` shows them.
 *
 * Variables and tasks are read while the thread that has the interpreter's lock, or had it last, is stopped. Where
 * nobody may be stopped there are none: is_unstoppable. A thread that cannot be read with them in several looks is read
 * without.
 */
#ifndef TG_DUMP_H
#define TG_DUMP_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/terminal.h"
#include "profile/symbol.h"
#include "sample/asyncio_tasks.h"
#include "sample/python_value.h"
#include "sample/threads.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A variable of one of a thread's frames. */
struct tg_dump_local {
    uint32_t frame; /* the outermost is 0 */
    char name[TG_LOCAL_NAME_BYTES];
    bool is_redacted; /* the name is that of a secret: there is no value */
    struct tg_python_value value;
};

/* What is read of a thread beyond its stack. */
struct tg_dump_details {
    uint64_t id; /* CPython's of the thread */
    struct tg_dump_local *locals;
    size_t local_count;
    size_t local_capacity;
    uint64_t *coroutines; /* addresses of those on its stack, and of generators */
    size_t coroutine_count;
};

/* A thread as it was seen; later looks replace what earlier ones saw. */
struct tg_dump_thread {
    struct tg_sampled_thread thread;
    char state; /* as in /proc: R, S, D, T, t, Z; 0 not known */
    bool has_gil;
    struct tg_frame *frames; /* the outermost first */
    size_t depth;
    struct tg_dump_details details;
    bool is_inspected; /* so these are known */
};

struct tg_dump_state {
    pid_t tid;
    char state; /* as above */
};

struct tg_dump_task {
    struct tg_asyncio_task task;
    uint64_t thread; /* the index of the one that runs it; SIZE_MAX: none, or not known */
};

struct tg_dump {
    pid_t pid;
    uint32_t version;
    bool with_locals;
    bool is_unstoppable; /* nobody could be stopped for variables and tasks */
    bool has_tasks;      /* they were read; with some left out, or not: */
    bool has_all_tasks;
    bool was_listed;      /* so there is a */
    size_t thread_count;  /* that the process has */
    uint64_t unseen;      /* of these, could not be read */
    uint64_t uninspected; /* of those that could, without what is read while they are stopped */
    bool only_adds;       /* what is seen again stays as it is */
    struct tg_symbols symbols;
    struct tg_dump_thread *threads; /* the main thread first, then as they were started */
    size_t count;
    size_t capacity;
    struct tg_dump_task *tasks; /* by name */
    size_t task_count;
    size_t task_capacity;
    struct tg_dump_state *states; /* before the first look */
    size_t state_count;
    size_t state_capacity;
    struct tg_dump_details *pending; /* of threads that are not told yet */
    size_t pending_count;
    bool failed; /* for want of memory */
};

/* Looks at the process until one look has seen every thread, or it has been tried often enough. `dump` has its pid and
 * symbols, and is released in any case. */
TG_NODISCARD enum tg_status tg_dump_look(struct tg_dump *dump, struct tg_error *err);
void tg_dump_release(struct tg_dump *dump);

/* Takes secrets out of the variables, as of those of an exception (failure/redact.h): what stands under the name of
 * one, and of texts what looks like one. dump_redact.c */
void tg_dump_redact(struct tg_dump *dump);

/* dump_text.c */
void tg_dump_append_text(const struct tg_dump *dump, const struct tg_terminal *terminal, struct tg_strbuf *out);
/* dump_json.c; docs/formats/dump-json.md */
void tg_dump_append_json(const struct tg_dump *dump, struct tg_strbuf *out);

/* "3.12.1" */
void tg_dump_append_version(uint32_t version, struct tg_strbuf *out);

#endif
