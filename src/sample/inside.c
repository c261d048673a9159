/*
 * inside: see inside.h.
 *
 * `lock` covers all of it. The thread holds it while it looks, which takes microseconds, and lets go of it while it
 * sleeps. Only the recording is looked at without it, for orders from outside: forks wait while that is held.
 */
#include "sample/inside.h"

#include "measure/clock.h"
#include "profile/handover.h"
#include "record/control.h"
#include "record/tracer.h"
#include "sample/arena_hook.h"
#include "sample/handler.h"
#include "sample/sampler.h"
#include "sample/signal_stop.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#define NS_PER_S      INT64_C(1000000000)
#define ORDERS_NS     (NS_PER_S / 10) /* between two looks for orders from outside */
#define SYMBOLS_BYTES ((size_t)16 << 20)
#define FIRST_DEPTH   ((size_t)256)
#define THREAD_STACK  ((size_t)256 << 10)

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_prepared;
    bool watches_forks;
    bool is_wanted;  /* between start and stop */
    bool is_open;    /* the sampler, and what it stands on */
    bool has_thread; /* that is not joined yet */
    bool is_ending;  /* somebody joins it, without the lock: until then there is no other one */
    bool may_go_on;
    bool was_held_up; /* the last look took longer than a period: a thread was displaced from its processor meanwhile */
    bool forked_by_thread; /* the fork under way comes from another thread than the process's first */
    pthread_t thread;
    struct tg_inside_options options;
    struct tg_budget budget;   /* of the next one */
    struct tg_symbols symbols; /* of all functions that were ever seen */
    struct tg_sampler sampler;
    uint64_t missed_counted;           /* of the looks that fell out, also between two looks */
    struct tg_profile_quality quality; /* since the process began */
    struct tg_handover handover;       /* what was seen and is not stored */
    struct tg_profile kept;            /* what is; nothing where there is no history */
    struct tg_profile *filling;        /* of the look under way */
    uint32_t *numbers;                 /* of symbols in the profile that is filled; 0 not known there yet */
    uint32_t number_count;
    struct tg_frame *frames; /* of one sample, with the numbers of that profile */
    size_t frame_capacity;
} inside = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* In the child of any fork, also of one that Python does not know of, so that nobody has ended the sampler's thread
 * before: that may have had the lock, and left all that it stands on half written. It is forgotten, not freed. */
static void forget_in_child(void) {
    pthread_mutex_init(&inside.lock, NULL);
    if (inside.has_thread) {
        tg_arena_hook_let_go();
        tg_handler_after_fork_in_child();
        inside.has_thread = inside.is_ending = inside.is_wanted = inside.is_open = inside.is_prepared = false;
        inside.numbers = NULL;
        inside.number_count = 0;
        inside.filling = NULL;
        inside.frames = NULL;
        inside.frame_capacity = 0;
    }
}

static void prepare(void) {
    pthread_condattr_t attributes;
    if (!inside.watches_forks) {
        inside.watches_forks = pthread_atfork(NULL, NULL, forget_in_child) == 0;
    }
    if (!inside.is_prepared) {
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&inside.changed, &attributes);
        pthread_condattr_destroy(&attributes);
        tg_handover_init(&inside.handover, TG_INSIDE_BYTES_MAX, true);
        tg_profile_init(&inside.kept, TG_INSIDE_BYTES_MAX, true);
        inside.is_prepared = true;
    }
}

/* What the sampler sees. */

/* Makes `numbers` long enough for a symbol. */
static bool make_numbers(uint32_t symbol) {
    if (symbol < inside.number_count) {
        return true;
    }
    uint32_t count = tg_symbols_count(&inside.symbols) * 2;
    uint32_t *numbers = realloc(inside.numbers, count * sizeof *numbers);
    if (!numbers) {
        return false;
    }
    memset(numbers + inside.number_count, 0, (count - inside.number_count) * sizeof *numbers);
    inside.numbers = numbers;
    inside.number_count = count;
    return true;
}

/* What a symbol of the sampler's is in the profile that is filled, which is another one when it was handed over. */
static uint32_t number_of(uint32_t symbol) {
    if (!make_numbers(symbol)) {
        return TG_SYMBOL_UNKNOWN;
    }
    if (inside.numbers[symbol] == TG_SYMBOL_UNKNOWN && symbol != TG_SYMBOL_UNKNOWN) {
        struct tg_symbol known = tg_symbols_get(&inside.symbols, symbol);
        inside.numbers[symbol] = tg_symbols_intern(&inside.filling->symbols, known.name, strlen(known.name), known.file,
                                                   strlen(known.file), known.first_line);
    }
    return inside.numbers[symbol];
}

static bool make_frames(size_t depth) {
    if (depth <= inside.frame_capacity) {
        return true;
    }
    size_t capacity = depth < FIRST_DEPTH ? FIRST_DEPTH : depth * 2;
    struct tg_frame *frames = realloc(inside.frames, capacity * sizeof *frames);
    if (frames) {
        inside.frames = frames;
        inside.frame_capacity = capacity;
    }
    return frames;
}

static void keep(void *unused, const struct tg_sample *sample) {
    (void)unused;
    struct tg_profile *profile = inside.filling;
    struct tg_weight weight = {.sample_count = 1,
                               .wall_ns = (uint64_t)sample->wall_ns,
                               .cpu_ns = (uint64_t)sample->cpu_ns,
                               .gil_ns = sample->has_gil ? (uint64_t)sample->wall_ns : 0};
    struct tg_profile_thread *thread =
        tg_profile_task(profile, (uint64_t)getpid(), (uint64_t)sample->thread->tid, sample->thread->name, sample->task);
    if (!thread || !make_frames(sample->depth)) {
        tg_weight_add(&profile->homeless, &weight);
        return;
    }
    for (size_t i = 0; i < sample->depth; i++) {
        inside.frames[i] =
            (struct tg_frame){.symbol = number_of(sample->frames[i].symbol), .line = sample->frames[i].line};
    }
    tg_calltree_add(&thread->tree, inside.frames, sample->depth, &weight);
}

static void count_quality(struct tg_profile_quality *quality, const struct tg_sampler_quality *before) {
    struct tg_sampler_quality now = tg_sampler_quality(&inside.sampler);
    uint64_t missed_count = now.missed_count - inside.missed_counted;
    quality->taken_count += now.taken_count - before->taken_count;
    quality->torn_count += now.lost_count - before->lost_count;
    quality->missed_count += inside.was_held_up ? 0 : missed_count;
    quality->preempted_count += inside.was_held_up ? missed_count : 0;
}

/* Looks once at all threads. With the lock held. */
static void look(tg_ns now_ns) {
    struct tg_sampler_quality before = tg_sampler_quality(&inside.sampler);
    struct tg_profile *profile = tg_handover_begin(&inside.handover);
    if (profile != inside.filling || tg_symbols_count(&profile->symbols) <= 1) {
        for (uint32_t i = 0; i < inside.number_count; i++) { /* another one, or an emptied one */
            inside.numbers[i] = TG_SYMBOL_UNKNOWN;
        }
        inside.filling = profile;
    }
    tg_ns wall_ns = tg_pace_take(&inside.sampler.pace, now_ns);
    (void)tg_sampler_tick(&inside.sampler, now_ns, wall_ns, inside.sampler.pace.late_ns);
    profile->began_wall_ns = profile->began_wall_ns ? profile->began_wall_ns : tg_clock_wall_ns();
    profile->duration_ns += (uint64_t)wall_ns;
    profile->period_ns = (uint64_t)inside.sampler.pace.period_ns;
    count_quality(&profile->quality, &before);
    count_quality(&inside.quality, &before);
    inside.missed_counted = inside.sampler.pace.missed;
    tg_handover_end(&inside.handover, true);
    tg_ns done_ns = tg_clock_monotonic_ns();
    tg_pace_end(&inside.sampler.pace, done_ns);
    inside.was_held_up = done_ns - now_ns > inside.sampler.pace.period_ns;
}

/* The thread. */

static enum tg_sampler_hindrance hindrance_now(void) {
    struct tg_handler_counts counts = tg_handler_counts();
    return counts.hijacked > 0 ? TG_HINDRANCE_TAKEN : counts.blocked > 0 ? TG_HINDRANCE_BLOCKED : TG_HINDRANCE_NONE;
}

static struct tg_sampler_status status_now(void) {
    return (struct tg_sampler_status){
        .state = !inside.is_wanted          ? TG_SAMPLER_NONE
                 : inside.options.is_paused ? TG_SAMPLER_PAUSED
                                            : TG_SAMPLER_RUNNING,
        .rate_hz = (uint32_t)(inside.options.hz + 0.5),
        .tick_count = inside.sampler.quality.tick_count,
        .hindrance = hindrance_now(),
    };
}

static void set_rate(double hz) {
    inside.options.hz = hz;
    tg_sampler_set_rate(&inside.sampler, hz);
}

/* Nothing is made up for of what passed meanwhile. */
static void set_paused(bool paused) {
    if (inside.options.is_paused && !paused) {
        set_rate(inside.options.hz);
    }
    inside.options.is_paused = paused;
    pthread_cond_broadcast(&inside.changed);
}

/* Carries out an order from outside, and shows how things are. Without the lock: it is taken inside the recorder's. */
static void look_for_orders(void) {
    struct tg_control_order order;
    const struct tg_recording *recording = tg_tracer_hold();
    if (recording) {
        bool has_order = tg_control_next(recording->header, &order);
        pthread_mutex_lock(&inside.lock);
        if (has_order && order.kind == TG_CONTROL_RATE) {
            set_rate(order.rate_hz);
        } else if (has_order) {
            set_paused(order.kind == TG_CONTROL_PAUSE);
        }
        struct tg_sampler_status status = status_now();
        pthread_mutex_unlock(&inside.lock);
        if (has_order) {
            tg_control_answer(recording->header, &order, &status);
        } else {
            tg_control_show(recording->header, &status);
        }
    }
    tg_tracer_let_go();
}

/* Whether the interpreter is being taken down: its runtime lies in the library's own memory, which stays. */
static bool is_finalizing(void) {
    const struct tg_python_process *process = &inside.sampler.process;
    uint64_t address = process->runtime + process->layout.runtime.finalizing, word = 0;
    if (inside.sampler.walker.own && tg_own_memory_has(inside.sampler.walker.own, address, sizeof word)) {
        return tg_own_memory_word(address) != 0;
    }
    return !tg_memory_read_word(&process->memory, address, &word) || word != 0;
}

/* With the lock held, which is let go meanwhile. */
static void sleep_until(tg_ns until_ns) {
    struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    pthread_cond_timedwait(&inside.changed, &inside.lock, &until);
}

/* Opens the sampler, unless it is open, and has it look as the options say. */
static enum tg_status open_sampler(struct tg_error *err) {
    struct tg_sampler_options options = {
        .rate_hz = inside.options.hz, .tells_idle = true, .sink = keep, .stop_context = &inside.sampler};
    if (!inside.is_open) {
        inside.budget = (struct tg_budget){.limit_bytes = SYMBOLS_BYTES};
        tg_symbols_init(&inside.symbols, &inside.budget);
        enum tg_status status = tg_sampler_open(&inside.sampler, getpid(), &options, &inside.symbols, err);
        if (status != TG_OK) {
            tg_symbols_release(&inside.symbols);
            return status;
        }
        inside.missed_counted = 0;
        inside.is_open = true;
    }
    inside.sampler.options.mode = inside.options.mode;
    inside.sampler.options.stop = inside.options.is_silent ? NULL : &tg_stop_by_signal;
    return TG_OK;
}

static void close_sampler(void) {
    if (inside.is_open) {
        tg_sampler_close(&inside.sampler);
        tg_symbols_release(&inside.symbols);
        free(inside.numbers);
        inside.numbers = NULL;
        inside.number_count = 0;
        inside.filling = NULL;
        inside.is_open = false;
    }
}

/* Looks until it is told to end, with the lock held but while it sleeps. */
static void look_again_and_again(void) {
    tg_ns orders_ns = 0;
    /* A forked child gets a recording for what is seen, and for orders; not one that executes a program at once. */
    bool stays = false, is_recorded = false;
    while (inside.may_go_on) {
        tg_ns now_ns = tg_clock_monotonic_ns();
        if (now_ns >= orders_ns || (stays && !is_recorded)) {
            stays = stays || orders_ns;
            orders_ns = now_ns + ORDERS_NS;
            pthread_mutex_unlock(&inside.lock);
            if (stays && !is_recorded) {
                tg_tracer_continue();
                is_recorded = true;
            }
            look_for_orders();
            pthread_mutex_lock(&inside.lock);
        } else if (!inside.options.is_paused && now_ns >= inside.sampler.pace.due_ns) {
            inside.may_go_on = !is_finalizing();
            if (inside.may_go_on) {
                look(now_ns);
                stays = true;
            }
        } else {
            bool sleeps_long = inside.options.is_paused || orders_ns < inside.sampler.pace.due_ns;
            sleep_until(sleeps_long ? orders_ns : inside.sampler.pace.due_ns);
        }
    }
}

static void *run(void *unused) {
    (void)unused;
    prctl(PR_SET_NAME, "tachograph");
    prctl(PR_SET_TIMERSLACK, 1); /* nanosecond: looks are due at their time */
    pthread_mutex_lock(&inside.lock);
    if (open_sampler(NULL) == TG_OK) { /* in a child; else it is open */
        look_again_and_again();
    }
    pthread_mutex_unlock(&inside.lock);
    return NULL;
}

/* With the lock held. */
static enum tg_status start_thread(struct tg_error *err) {
    sigset_t all;
    sigset_t before;
    pthread_attr_t attributes;
    inside.may_go_on = true;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&inside.thread, &attributes, run, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    inside.has_thread = error == 0;
    return error ? tg_error_set_errno(err, error, "cannot start the sampler's thread") : TG_OK;
}

/* Waits until nobody ends the thread. With the lock held, which is let go meanwhile. */
static void await_ending(void) {
    while (inside.is_ending) {
        pthread_cond_wait(&inside.changed, &inside.lock);
    }
}

/* With the lock held, which is let go meanwhile. A look takes microseconds, so there is no limit to this. */
static void end_thread(void) {
    await_ending();
    if (inside.has_thread) {
        inside.is_ending = true;
        inside.may_go_on = false;
        pthread_cond_broadcast(&inside.changed);
        pthread_mutex_unlock(&inside.lock);
        pthread_join(inside.thread, NULL);
        pthread_mutex_lock(&inside.lock);
        inside.has_thread = false;
        inside.is_ending = false;
        pthread_cond_broadcast(&inside.changed);
    }
}

/* For others. */

/* Puts the handler in its place, or what was there before back. With the lock held, so no request is out. */
static enum tg_status set_handler(bool wanted, struct tg_error *err) {
    if (wanted) {
        return tg_handler_install(err);
    }
    tg_handler_remove();
    return TG_OK;
}

enum tg_status tg_inside_start(const struct tg_inside_options *options, struct tg_error *err) {
    if (!(options->hz > 0 && options->hz <= TG_SAMPLER_RATE_MAX_HZ)) {
        return tg_error_set(err, TG_ERROR_INVALID, "a process is sampled up to %u times a second, not %g",
                            TG_SAMPLER_RATE_MAX_HZ, options->hz);
    }
    pthread_mutex_lock(&inside.lock);
    prepare();
    await_ending();
    inside.options = *options;
    enum tg_status status = open_sampler(err);
    if (status == TG_OK) {
        status = set_handler(!options->is_silent, err);
    }
    if (status == TG_OK) {
        set_rate(options->hz);
        set_paused(options->is_paused);
    }
    if (status == TG_OK && !inside.has_thread) {
        status = start_thread(err);
        inside.is_wanted = status == TG_OK;
    }
    pthread_mutex_unlock(&inside.lock);
    return status;
}

void tg_inside_stop(void) {
    pthread_mutex_lock(&inside.lock);
    bool was_wanted = inside.is_wanted;
    inside.is_wanted = false;
    end_thread();
    tg_handler_remove();
    pthread_mutex_unlock(&inside.lock);
    if (was_wanted) {
        look_for_orders(); /* shows that there is nobody any more */
    }
}

void tg_inside_pause(bool paused) {
    pthread_mutex_lock(&inside.lock);
    if (inside.is_wanted) {
        set_paused(paused);
    }
    pthread_mutex_unlock(&inside.lock);
}

void tg_inside_state(struct tg_inside_state *state) {
    struct tg_handler_counts counts = tg_handler_counts();
    pthread_mutex_lock(&inside.lock);
    *state = (struct tg_inside_state){
        .options = inside.options,
        .is_running = inside.is_wanted,
        .hindrance = hindrance_now(),
        .quality = inside.quality,
        .thread_count = inside.is_open ? tg_sampler_quality(&inside.sampler).thread_count : 0,
        .signal_count = counts.sent,
    };
    pthread_mutex_unlock(&inside.lock);
}

enum tg_status tg_inside_copy(struct tg_profile *copy, struct tg_error *err) {
    enum tg_status status = TG_OK;
    tg_profile_init(copy, 3 * TG_INSIDE_BYTES_MAX, true);
    pthread_mutex_lock(&inside.lock);
    if (inside.is_prepared) {
        status = tg_profile_merge(copy, &inside.kept, err);
        for (size_t i = 0; i < 2 && status == TG_OK; i++) {
            status = tg_profile_merge(copy, &inside.handover.profiles[i], err);
        }
    }
    pthread_mutex_unlock(&inside.lock);
    if (status != TG_OK) {
        tg_profile_release(copy);
    }
    return status;
}

bool tg_inside_take(struct tg_profile **profile, uint64_t *look_count, struct tg_inside_options *options) {
    pthread_mutex_lock(&inside.lock);
    bool is_taken =
        inside.is_prepared && tg_handover_take(&inside.handover, profile, look_count, NULL) == TG_OK && *look_count > 0;
    *options = inside.options;
    pthread_mutex_unlock(&inside.lock);
    return is_taken;
}

void tg_inside_accept(const struct tg_profile *profile) {
    pthread_mutex_lock(&inside.lock);
    enum tg_status ignored = tg_profile_merge(&inside.kept, profile, NULL);
    (void)ignored; /* it is in the store, and not in what query() tells */
    tg_handover_accept(&inside.handover);
    pthread_mutex_unlock(&inside.lock);
}

/* Forks. */

void tg_inside_before_fork(void) {
    pthread_mutex_lock(&inside.lock);
    inside.forked_by_thread = gettid() != getpid();
    end_thread();
    pthread_mutex_unlock(&inside.lock);
}

void tg_inside_after_fork_in_parent(void) {
    pthread_mutex_lock(&inside.lock);
    if (inside.is_wanted && !inside.has_thread) {
        set_rate(inside.options.hz);
        enum tg_status ignored = start_thread(NULL);
        (void)ignored; /* the next start() tries again */
    }
    pthread_mutex_unlock(&inside.lock);
}

void tg_inside_after_fork_in_child(void) {
    pthread_mutex_init(&inside.lock, NULL); /* another thread of the parent's may have had it */
    inside.has_thread = false;
    inside.is_ending = false;
    if (!inside.is_prepared) {
        return;
    }
    inside.is_prepared = false; /* others may have waited for the condition, or been reading profiles */
    close_sampler();
    prepare();
    tg_handler_after_fork_in_child();
    inside.is_wanted = inside.is_wanted && !inside.forked_by_thread;
    tg_inside_after_fork_in_parent();
}
