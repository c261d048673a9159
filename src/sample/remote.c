#include "sample/remote.h"

#include "sample/refusal.h"
#include "sample/stop.h"
#include "sample/threads.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define LIST_TRIES 20

/* So many looks, some milliseconds apart, for a thread that runs: the main one may wait for the others for ever. */
#define LOOKS    100
#define PAUSE_NS 3000000

/* CPython's _PY_EVAL_PLEASE_STOP_BIT, in the lowest byte of the thread's eval_breaker. */
#define LOOK_UP 0x20U

static bool write_at(const struct tg_python_process *process, uint64_t address, const void *bytes, size_t size) {
    struct iovec here = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct iovec there = tg_memory_piece(address, size);
    return process_vm_writev(process->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* The oldest thread of the main interpreter, or the one that runs now (*runs). */
static const struct tg_thread *choose(const struct tg_threads *threads, bool *runs) {
    const struct tg_thread *chosen = NULL;
    *runs = false;
    for (size_t i = 0; i < threads->count; i++) {
        const struct tg_thread *thread = threads->items[i];
        const struct tg_gil *gil = &threads->gils[thread->gil];
        if (thread->shown.interpreter != 0) {
            continue;
        }
        if (gil->is_locked && gil->holder == thread->address) {
            *runs = true;
            return thread;
        }
        if (!chosen || thread->shown.id < chosen->shown.id) {
            chosen = thread;
        }
    }
    return chosen;
}

static bool list(struct tg_threads *threads) {
    bool is_listed = false;
    for (int i = 0; i < LIST_TRIES && !is_listed; i++) {
        is_listed = tg_threads_list(threads);
    }
    return is_listed;
}

/* One that was seen to run; else the oldest one. */
static const struct tg_thread *look_for_one(struct tg_threads *threads) {
    bool runs = false;
    const struct tg_thread *chosen = list(threads) ? choose(threads, &runs) : NULL;
    for (int i = 1; i < LOOKS && chosen && !runs; i++) {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
        chosen = list(threads) ? choose(threads, &runs) : NULL;
    }
    return chosen;
}

static enum tg_status find_thread(struct tg_remote *remote, struct tg_error *err) {
    struct tg_threads threads;
    enum tg_status status = tg_threads_init(&threads, remote->process, err);
    if (status != TG_OK) {
        return status;
    }
    const struct tg_thread *chosen = look_for_one(&threads);
    if (chosen) {
        remote->thread = chosen->address;
        remote->id = chosen->shown.id;
        remote->tid = chosen->shown.tid;
    }
    tg_threads_release(&threads);
    return chosen ? TG_OK
                  : tg_error_set(err, TG_ERROR_BUSY,
                                 "the threads of process %ld could not be listed: it ends, or its Python has just "
                                 "started; try again",
                                 (long)remote->process->pid);
}

/* Whether the thread's state is still its own. */
static bool is_listed(const struct tg_remote *remote) {
    struct tg_threads threads;
    if (tg_threads_init(&threads, remote->process, NULL) != TG_OK) {
        return false;
    }
    const struct tg_thread *thread = list(&threads) ? tg_threads_find(&threads, remote->thread) : NULL;
    bool is_same = thread && thread->shown.id == remote->id && thread->shown.tid == remote->tid;
    tg_threads_release(&threads);
    return is_same;
}

/* Holds the thread, which has not ended; then tg_stop_end(). */
static enum tg_status hold(const struct tg_remote *remote, struct tg_stop *stop, struct tg_error *err) {
    long pid = remote->process->pid;
    enum tg_stop_result result = remote->tid ? tg_stop_hold(stop, remote->tid, NULL) : TG_STOP_GONE;
    if (result == TG_STOP_HELD && is_listed(remote)) {
        return TG_OK;
    }
    tg_stop_end(stop);
    if (result == TG_STOP_REFUSED) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "process %ld may not be stopped for the moment in which it is asked: a debugger or another "
                            "profiler holds it; try again when that has let go",
                            pid);
    }
    return tg_error_set(err, TG_ERROR_BUSY,
                        "the thread of process %ld that was to begin has ended, or does not stop: "
                        "try again",
                        pid);
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

/* Writes the order into the state of a thread that is held. */
static enum tg_status write_order(const struct tg_remote *remote, const char *script, struct tg_error *err) {
    const struct tg_python_process *process = remote->process;
    const struct tg_layout_remote *layout = &process->layout.remote;
    uint64_t support = remote->thread + layout->support;
    int32_t pending = 0;
    uint8_t breaker = 0;
    if (!tg_memory_read(&process->memory, support + layout->pending, &pending, sizeof pending)) {
        return tg_refusal_explain(process->pid, ESRCH, err);
    }
    if (pending != 0) {
        return tg_error_set(err, TG_ERROR_BUSY,
                            "another script waits to be run by process %ld: try again when it runs Python code",
                            (long)process->pid);
    }
    pending = 1;
    if (!write_at(process, support + layout->script, script, strlen(script) + 1)
        || !write_at(process, support + layout->pending, &pending, sizeof pending)
        || !tg_memory_read(&process->memory, remote->thread + layout->breaker, &breaker, sizeof breaker)) {
        return tg_refusal_explain(process->pid, errno, err);
    }
    /* What another thread tells it between this reading and this writing is lost, as with CPython's own: a wish for the
     * lock is told again, a signal's handler waits for the next reason to look up. */
    breaker |= LOOK_UP;
    return write_at(process, remote->thread + layout->breaker, &breaker, sizeof breaker)
               ? TG_OK
               : tg_refusal_explain(process->pid, errno, err);
}

enum tg_status tg_remote_ask(const struct tg_remote *remote, const char *script, struct tg_error *err) {
    struct tg_stop stop = {0};
    if (strlen(script) >= remote->process->layout.remote.script_size) {
        return tg_error_set(err, TG_ERROR_INVALID, "the path of the script is too long: \"%s\"", script);
    }
    enum tg_status status = hold(remote, &stop, err);
    if (status == TG_OK) {
        status = write_order(remote, script, err);
        tg_stop_end(&stop);
    }
    return status;
}

void tg_remote_withdraw(const struct tg_remote *remote) {
    const struct tg_layout_remote *layout = &remote->process->layout.remote;
    struct tg_stop stop = {0};
    int32_t pending = 0;
    if (hold(remote, &stop, NULL) == TG_OK) {
        write_at(remote->process, remote->thread + layout->support + layout->pending, &pending, sizeof pending);
        tg_stop_end(&stop);
    }
}
