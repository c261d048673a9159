#include "sample/remote.h"

#include "sample/refusal.h"
#include "sample/threads.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>

#define LIST_TRIES 20

/* CPython's _PY_EVAL_PLEASE_STOP_BIT, in the lowest byte of the thread's eval_breaker. */
#define LOOK_UP 0x20U

static bool write_at(const struct tg_python_process *process, uint64_t address, const void *bytes, size_t size) {
    struct iovec here = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct iovec there = tg_memory_piece(address, size);
    return process_vm_writev(process->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* The oldest thread of the main interpreter, or the one that runs now. */
static uint64_t choose(const struct tg_threads *threads) {
    const struct tg_thread *chosen = NULL;
    for (size_t i = 0; i < threads->count; i++) {
        const struct tg_thread *thread = threads->items[i];
        const struct tg_gil *gil = &threads->gils[thread->gil];
        if (thread->shown.interpreter != 0) {
            continue;
        }
        if (gil->is_locked && gil->holder == thread->address) {
            return thread->address;
        }
        if (!chosen || thread->shown.id < chosen->shown.id) {
            chosen = thread;
        }
    }
    return chosen ? chosen->address : 0;
}

static enum tg_status find_thread(struct tg_remote *remote, struct tg_error *err) {
    struct tg_threads threads;
    enum tg_status status = tg_threads_init(&threads, remote->process, err);
    bool is_listed = false;
    for (int i = 0; status == TG_OK && i < LIST_TRIES && !is_listed; i++) {
        is_listed = tg_threads_list(&threads);
    }
    remote->thread = is_listed ? choose(&threads) : 0;
    tg_threads_release(&threads);
    if (status == TG_OK && !remote->thread) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "the threads of process %ld could not be listed: it ends, or its Python has just started; "
                            "try again",
                            (long)remote->process->pid);
    }
    return status;
}

/* Whether scripts are run: said by the main interpreter's configuration. */
static bool is_enabled(const struct tg_python_process *process) {
    const struct tg_layout *layout = &process->layout;
    uint64_t interpreter;
    int32_t enabled = 0;
    return tg_memory_read_word(&process->memory, process->runtime + layout->runtime.interpreters_main, &interpreter)
           && tg_memory_read(&process->memory, interpreter + layout->interpreter.remote, &enabled, sizeof enabled)
           && enabled == 1;
}

enum tg_status tg_remote_open(struct tg_remote *remote, const struct tg_python_process *process, struct tg_error *err) {
    long pid = process->pid;
    *remote = (struct tg_remote){.process = process};
    if (process->layout.remote.support == TG_LAYOUT_NONE) {
        return tg_error_set(err, TG_ERROR_UNSUPPORTED,
                            "process %ld runs Python 3.%u, and only since 3.14 can code be loaded into one that runs: "
                            "look at it from outside, with 'tachograph top -p %ld' or 'tachograph record -p %ld'",
                            pid, process->layout.minor, pid, pid);
    }
    if (!is_enabled(process)) {
        return tg_error_set(
            err, TG_ERROR_PERMISSION,
            "process %ld lets nobody load code into it: it was started with "
            "PYTHON_DISABLE_REMOTE_DEBUG or -X disable-remote-debug, or its Python was built so; look at "
            "it from outside, with 'tachograph top -p %ld' or 'tachograph record -p %ld'",
            pid, pid, pid);
    }
    return find_thread(remote, err);
}

enum tg_status tg_remote_ask(const struct tg_remote *remote, const char *script, struct tg_error *err) {
    const struct tg_python_process *process = remote->process;
    const struct tg_layout_remote *layout = &process->layout.remote;
    uint64_t support = remote->thread + layout->support;
    int32_t pending = 0;
    uint8_t breaker = 0;
    if (strlen(script) >= layout->script_size) {
        return tg_error_set(err, TG_ERROR_INVALID, "the path of the script is too long: \"%s\"", script);
    }
    if (!tg_memory_read(&process->memory, support + layout->pending, &pending, sizeof pending)
        || !tg_memory_read(&process->memory, remote->thread + layout->breaker, &breaker, sizeof breaker)) {
        return tg_refusal_explain(process->pid, ESRCH, err);
    }
    if (pending != 0) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "another script waits to be run by process %ld: try again when it runs Python code",
                            (long)process->pid);
    }
    pending = 1;
    breaker |= LOOK_UP; /* what the thread is told in this very moment by others, they tell again */
    if (!write_at(process, support + layout->script, script, strlen(script) + 1)
        || !write_at(process, support + layout->pending, &pending, sizeof pending)
        || !write_at(process, remote->thread + layout->breaker, &breaker, sizeof breaker)) {
        return tg_refusal_explain(process->pid, errno, err);
    }
    return TG_OK;
}

void tg_remote_withdraw(const struct tg_remote *remote) {
    const struct tg_layout_remote *layout = &remote->process->layout.remote;
    int32_t pending = 0;
    write_at(remote->process, remote->thread + layout->support + layout->pending, &pending, sizeof pending);
}
