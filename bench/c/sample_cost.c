/*
 * Samples a process for benchmarks, and says what it costs the sampler in processor time. A library, so that a program
 * can have itself sampled, as tachograph does it inside: by a thread without Python state.
 *
 * tg_cost_measure() takes one sample after the other: all that the sampler does for one, which is to read and to prove
 * the stacks and to name their frames, with the threads' clocks or without. What is done with it then is not measured.
 * It does so in windows of some milliseconds: on a machine that does other things too, the best of them show what the
 * work takes, the others what caches and neighbours add.
 *
 * tg_cost_open() and tg_cost_run() sample at a rate, now and then, for measurements of the process that is sampled.
 * tg_cost_wake() is woken as often and does nothing, which a machine does not do for nothing. Between
 * tg_cost_begin_signals() and tg_cost_end_signals() a thread of ours sends a signal each time, which is handled by
 * counting it.
 */
#include "measure/clock.h"
#include "sample/arena_hook.h"
#include "sample/code_hook.h"
#include "sample/handler.h"
#include "sample/sampler.h"
#include "sample/sampler_read.h"
#include "sample/signal_stop.h"

#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SYMBOL_BYTES ((size_t)64 << 20)
#define WARM_UP      1000
#define BELIEVED_US  1100000 /* code is believed after a second */
#define NS_PER_S     INT64_C(1000000000)

#define TYPE_DEALLOCATOR 48 /* where the slot lies in PyTypeObject, up to 3.14 */

struct tg_cost {
    int pid;
    int window_count; /* becomes 0 where the process cannot be sampled */
    int window_ticks;
    int with_clocks;
    int64_t *window_ns; /* of processor time, each window */
    uint64_t depth;     /* of the deepest stack */
    uint64_t stopped;   /* samples for which a thread was stopped */
    uint64_t lost;
};

struct tg_cost_sampler {
    struct tg_budget budget;
    struct tg_symbols symbols;
    struct tg_sampler sampler;
    uint64_t depth;
};

struct tg_cost_sampler *tg_cost_open(int pid, double rate_hz, int may_interrupt);
void tg_cost_close(struct tg_cost_sampler *sampling);
void tg_cost_run(struct tg_cost_sampler *sampling, double rate_hz, int64_t ns);
void tg_cost_wake(double rate_hz, int64_t ns);
void tg_cost_begin_signals(int tid, double rate_hz);
void tg_cost_end_signals(void);
uint64_t tg_cost_signals(void);
void tg_cost_counts(const struct tg_cost_sampler *sampling, uint64_t *counts);
void tg_cost_measure(struct tg_cost *cost);
void tg_cost_hook(void);

static void see(void *context, const struct tg_sample *sample) {
    struct tg_cost_sampler *sampling = context;
    sampling->depth = sample->depth > sampling->depth ? sample->depth : sampling->depth;
}

/* As the extension does it, which has Python's headers. With the interpreter's lock. */
void tg_cost_hook(void) {
    struct tg_arena_access access;
    struct tg_own_range data;
    void *get = dlsym(RTLD_DEFAULT, "PyObject_GetArenaAllocator"),
         *set = dlsym(RTLD_DEFAULT, "PyObject_SetArenaAllocator");
    void *runtime = dlsym(RTLD_DEFAULT, "_PyRuntime");
    char *code_type = dlsym(RTLD_DEFAULT, "PyCode_Type");
    memcpy(&access.get, &get, sizeof get);
    memcpy(&access.set, &set, sizeof set);
    if (!get || !set || !runtime || !tg_own_data_find(&data, (uint64_t)(uintptr_t)runtime)
        || !tg_arena_hook_install(&access, &data)) {
        fprintf(stderr, "sample_cost: no memory is held\n");
    }
    if (!code_type || !tg_code_hook_install((void *)(code_type + TYPE_DEALLOCATOR))) {
        fprintf(stderr, "sample_cost: nobody counts the code objects that are freed\n");
    }
}

/* Not `may_interrupt`: as it is for a user who may not have the kernel run programs. NULL: it cannot be sampled; why is
 * printed. */
struct tg_cost_sampler *tg_cost_open(int pid, double rate_hz, int may_interrupt) {
    static struct tg_instant refused;
    tg_instant_refuse(&refused);
    struct tg_error err = TG_ERROR_INIT;
    struct tg_cost_sampler *sampling = calloc(1, sizeof *sampling);
    if (!sampling) {
        return NULL;
    }
    struct tg_sampler_options options = {.rate_hz = rate_hz, .tells_idle = true, .sink = see, .sink_context = sampling};
    enum tg_status status = TG_OK;
    options.instant = may_interrupt ? NULL : &refused;
    if (pid == getpid()) {
        options.stop = &tg_stop_by_signal;
        options.stop_context = &sampling->sampler;
        status = tg_handler_install(&err);
    }
    sampling->budget.limit_bytes = SYMBOL_BYTES;
    tg_symbols_init(&sampling->symbols, &sampling->budget);
    if (status != TG_OK || tg_sampler_open(&sampling->sampler, pid, &options, &sampling->symbols, &err) != TG_OK) {
        fprintf(stderr, "sample_cost: %s\n", err.message);
        tg_symbols_release(&sampling->symbols);
        free(sampling);
        return NULL;
    }
    return sampling;
}

void tg_cost_close(struct tg_cost_sampler *sampling) {
    tg_sampler_close(&sampling->sampler);
    tg_symbols_release(&sampling->symbols);
    free(sampling);
}

/* Samples for so long. By one thread, always the same. */
void tg_cost_run(struct tg_cost_sampler *sampling, double rate_hz, int64_t ns) {
    tg_sampler_set_rate(&sampling->sampler, rate_hz);
    tg_sampler_run(&sampling->sampler, tg_clock_monotonic_ns() + ns);
}

/* Waits as the sampler does, looks at nobody, and sends `tid` a signal each time unless that is 0. */
static void wake(double rate_hz, tg_ns until_ns, int tid, const atomic_bool *is_over) {
    struct tg_pace pace;
    tg_ns now_ns = tg_clock_monotonic_ns();
    int slack_ns = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1);
    tg_pace_init(&pace, rate_hz, (uint64_t)now_ns, now_ns);
    while (now_ns < until_ns && !atomic_load(is_over)) {
        tg_ns left_ns = (pace.due_ns < until_ns ? pace.due_ns : until_ns) - now_ns;
        left_ns = left_ns > 0 ? left_ns : 0;
        ppoll(NULL, 0, &(struct timespec){.tv_sec = left_ns / NS_PER_S, .tv_nsec = left_ns % NS_PER_S}, NULL);
        now_ns = tg_clock_monotonic_ns();
        if (now_ns >= pace.due_ns) {
            (void)tg_pace_take(&pace, now_ns);
            if (tid) {
                tgkill(getpid(), tid, SIGUSR2);
            }
        }
    }
    prctl(PR_SET_TIMERSLACK, slack_ns > 0 ? slack_ns : 0);
}

void tg_cost_wake(double rate_hz, int64_t ns) {
    static const atomic_bool never;
    wake(rate_hz, tg_clock_monotonic_ns() + ns, 0, &never);
}

static struct {
    pthread_t thread;
    int tid;
    double rate_hz;
    atomic_bool is_over;
    atomic_uint_fast64_t count;
} signals;

static void count_signal(int number) {
    (void)number;
    atomic_fetch_add_explicit(&signals.count, 1, memory_order_relaxed);
}

static void *send_signals(void *unused) {
    (void)unused;
    wake(signals.rate_hz, INT64_MAX, signals.tid, &signals.is_over);
    return NULL;
}

void tg_cost_begin_signals(int tid, double rate_hz) {
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    signals.tid = tid;
    signals.rate_hz = rate_hz;
    atomic_store(&signals.is_over, false);
    if (sigaction(SIGUSR2, &action, NULL) != 0 || pthread_create(&signals.thread, NULL, send_signals, NULL) != 0) {
        fprintf(stderr, "sample_cost: no signals are sent\n");
        atomic_store(&signals.is_over, true);
    }
}

void tg_cost_end_signals(void) {
    if (!atomic_exchange(&signals.is_over, true)) {
        pthread_join(signals.thread, NULL);
    }
}

/* So many have come so far. */
uint64_t tg_cost_signals(void) {
    return atomic_load(&signals.count);
}

/* Looks, looks that fell out, samples, samples for which a thread was stopped, or displaced, or its processor
 * interrupted, samples lost. */
void tg_cost_counts(const struct tg_cost_sampler *sampling, uint64_t *counts) {
    struct tg_sampler_quality quality = tg_sampler_quality(&sampling->sampler);
    counts[0] = quality.tick_count;
    counts[1] = quality.missed_count;
    counts[2] = quality.taken_count;
    counts[3] = quality.stopped_count;
    counts[4] = quality.displaced_count;
    counts[5] = quality.interrupted_count;
    counts[6] = quality.lost_count;
}

static int64_t own_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void tick(struct tg_sampler *sampler, int count, bool with_clocks) {
    tg_ns before_ns = tg_clock_monotonic_ns();
    for (int i = 0; i < count; i++) {
        tg_ns now_ns = tg_clock_monotonic_ns();
        if (with_clocks) {
            tg_sampler_tick(sampler, now_ns, now_ns - before_ns, 0);
        } else {
            sampler->walker.now_ns = now_ns;
            tg_code_cache_begin(&sampler->cache, now_ns);
            tg_sampler_read(sampler);
        }
        before_ns = now_ns;
    }
}

static void *run(void *context) {
    struct tg_cost *cost = context;
    struct tg_cost_sampler *sampling = tg_cost_open(cost->pid, 1000, true);
    if (!sampling) {
        cost->window_count = 0;
        return NULL;
    }
    tick(&sampling->sampler, WARM_UP, true);
    usleep(BELIEVED_US);
    tick(&sampling->sampler, WARM_UP, true);
    struct tg_sampler_quality before = sampling->sampler.quality;
    for (int i = 0; i < cost->window_count; i++) {
        int64_t began_ns = own_ns();
        tick(&sampling->sampler, cost->window_ticks, cost->with_clocks);
        cost->window_ns[i] = own_ns() - began_ns;
    }
    cost->stopped = sampling->sampler.quality.stopped_count - before.stopped_count;
    cost->lost = sampling->sampler.quality.lost_count - before.lost_count;
    cost->depth = sampling->depth;
    tg_cost_close(sampling);
    return NULL;
}

/* Measures, in a thread of its own. */
void tg_cost_measure(struct tg_cost *cost) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, cost) != 0) {
        cost->window_count = 0;
        return;
    }
    pthread_join(thread, NULL);
}
