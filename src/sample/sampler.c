#include "sample/sampler.h"

#include "sample/outside_stop.h"
#include "sample/sampler_read.h"
#include "sample/task.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Names, files and lines of all code that was seen. */
#define CODE_BYTES_MAX ((size_t)64 << 20)
/* So often in a row there is no Python to be found before it is given up; ending takes an interpreter its time. */
#define LIST_FAILURES_MAX 100
/* Another process's clocks come in lumps of a timer's tick, so some time is owed to the next samples; no more than
 * this. */
#define OWED_NS_MAX INT64_C(12000000)
/* A thread that was on a processor for so long, or for so many intervals, and was never seen there, will not be. */
#define CARRIED_NS_MAX    INT64_C(100000000)
#define CARRIED_LOOKS_MAX 32
/* What a look is given of it beyond the interval that it stands for: an eighth. */
#define CARRIED_SHARE 8
/* Threads at rest are asked for their clocks when all of them together have been on a processor for so long. */
#define UNREAD_NS_MAX INT64_C(200000)

/* So often a thread that has not stopped in time is looked after. */
#define SETTLE_NS INT64_C(200000)

static int open_process(pid_t pid) {
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Where this process is sampled: how a thread of it knows its state. A name that every CPython exports; one that was
 * loaded for itself alone does not show it, and is sampled without. */
static void find_own_state(struct tg_walker *walker) {
    void *function = dlsym(RTLD_DEFAULT, "PyGILState_GetThisThreadState");
    static_assert(sizeof function == sizeof walker->own_state, "dlsym gives functions as pointers to data");
    memcpy(&walker->own_state, &function, sizeof function);
}

static enum tg_status open_parts(struct tg_sampler *sampler, pid_t pid, struct tg_symbols *symbols,
                                 struct tg_error *err) {
    enum tg_status status = tg_python_process_open(&sampler->process, pid, err);
    if (status != TG_OK) {
        return status;
    }
    tg_code_cache_init(&sampler->cache, &sampler->process, symbols, CODE_BYTES_MAX);
    status = tg_threads_init(&sampler->threads, &sampler->process, err);
    if (status == TG_OK) {
        status = tg_walker_init(&sampler->walker, &sampler->process, err);
    }
    if (status == TG_OK && pid == getpid()) {
        find_own_state(&sampler->walker);
        sampler->known = calloc(1, sizeof *sampler->known);
        sampler->walker.known = sampler->known;
        sampler->walker.own = tg_own_memory_find(&sampler->own, sampler->process.runtime) ? &sampler->own : NULL;
    }
    sampler->walker.is_old = tg_code_cache_is_old;
    sampler->walker.context = &sampler->cache;
    sampler->tasks.process = &sampler->process;
    return status;
}

static enum tg_status open_descriptors(struct tg_sampler *sampler, pid_t pid, struct tg_error *err) {
    sampler->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sampler->end_fd < 0) {
        return tg_error_set_errno(err, errno, "cannot make an event to end the sampler with");
    }
    if (pid != getpid()) {
        sampler->process_fd = open_process(pid);
        if (sampler->process_fd < 0) {
            return tg_error_set_errno(err, errno, "cannot watch process %ld", (long)pid);
        }
    }
    return TG_OK;
}

enum tg_status tg_sampler_open(struct tg_sampler *sampler, pid_t pid, const struct tg_sampler_options *options,
                               struct tg_symbols *symbols, struct tg_error *err) {
    *sampler = (struct tg_sampler){.options = *options, .process_fd = -1, .end_fd = -1};
    if (!(options->rate_hz > 0 && options->rate_hz <= TG_SAMPLER_HZ_MAX)) {
        return tg_error_set(err, TG_ERROR_INVALID, "the rate must be above 0 and at most %d samples a second",
                            TG_SAMPLER_HZ_MAX);
    }
    if (!options->stop && pid != getpid()) {
        sampler->options.stop = &tg_stop_from_outside;
        sampler->stop.process = pid;
        sampler->options.stop_context = sampler;
    }
    enum tg_status status = open_parts(sampler, pid, symbols, err); /* it says best why a process cannot be sampled */
    if (status == TG_OK) {
        status = open_descriptors(sampler, pid, err);
    }
    if (status != TG_OK) {
        tg_sampler_close(sampler);
        return status;
    }
    tg_ns now_ns = tg_clock_monotonic_ns();
    tg_pace_init(&sampler->pace, options->rate_hz, (uint64_t)now_ns ^ (uint64_t)pid << 32, now_ns);
    tg_thread_clock_read_process(pid, &sampler->process_clock_ns);
    return TG_OK;
}

static void close_descriptor(int *fd) {
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void tg_sampler_close(struct tg_sampler *sampler) {
    if (sampler) {
        tg_stop_end(&sampler->stop);
        tg_displacer_end(&sampler->displacer);
        tg_instant_end(&sampler->instant);
        tg_threads_release(&sampler->threads);
        tg_walker_release(&sampler->walker);
        free(sampler->known);
        sampler->known = NULL;
        tg_code_cache_release(&sampler->cache);
        tg_python_process_close(&sampler->process);
        close_descriptor(&sampler->end_fd);
        close_descriptor(&sampler->process_fd);
    }
}

/* --- Clocks --- */

/* What a thread's clock has moved since it was read last, from now on owed to it. */
static tg_ns read_clock(struct tg_thread *thread) {
    tg_ns now_ns = thread->clock_ns;
    if (!thread->has_clock || !tg_thread_clock_read(&thread->clock, &now_ns) || now_ns < thread->clock_ns) {
        return 0;
    }
    tg_ns moved_ns = now_ns - thread->clock_ns;
    thread->clock_ns = now_ns;
    thread->owed_ns += moved_ns;
    return moved_ns;
}

static bool has_gil(const struct tg_sampler *sampler, const struct tg_thread *thread) {
    const struct tg_gil *gil = &sampler->threads.gils[thread->gil];
    return gil->is_locked && gil->holder == thread->address;
}

/* Reads the clocks of the threads that were read (`rested` false), or of the others. */
static tg_ns read_clocks(struct tg_sampler *sampler, bool rested) {
    tg_ns moved_ns = 0;
    for (size_t i = 0; i < sampler->threads.count; i++) {
        struct tg_thread *thread = sampler->threads.items[i];
        if (thread->has_rested == rested) {
            moved_ns += read_clock(thread);
        }
    }
    return moved_ns;
}

/* Brings the clocks up to date: those of threads at rest only when the process's clock says that some of them must have
 * been on a processor, as in C code without the GIL. */
static void update_clocks(struct tg_sampler *sampler) {
    tg_ns moved_ns = read_clocks(sampler, false), now_ns;
    if (sampler->threads.count < 2 || !tg_thread_clock_read_process(sampler->process.pid, &now_ns)) {
        return;
    }
    sampler->unread_ns += now_ns - sampler->process_clock_ns - moved_ns;
    sampler->process_clock_ns = now_ns;
    if (sampler->unread_ns > UNREAD_NS_MAX) {
        read_clocks(sampler, true);
        sampler->unread_ns = 0;
    }
}

/* Whether a thread without the GIL, which may have been on a processor since the look before, waits. The system is
 * asked only when something has moved: the thread's own clock or, as that may come late, its process's. What cannot be
 * known counts as running. */
static bool waits(const struct tg_sampler *sampler, struct tg_thread *thread, bool has_moved) {
    tg_ns now_ns = 0;
    if (!has_moved && thread->clock.is_own) {
        return true;
    }
    bool is_known = !thread->clock.is_own && tg_thread_clock_read_process(sampler->process.pid, &now_ns);
    if (!has_moved && is_known && now_ns == thread->waited_ns) {
        return true;
    }
    thread->waited_ns = now_ns;
    char state = tg_task_state(sampler->process.pid, thread->shown.tid);
    return state == 'S' || state == 'D' || state == 'T';
}

/* Who is found waiting in another place than at the look before was on a processor elsewhere. That is kept, and belongs
 * to where the thread is found running later: it is found there as often as it runs there. A look is given little more
 * than what it stands for: the first one of each stretch would have what the stretch before it took. */
static tg_ns carry(struct tg_sampler *sampler, struct tg_thread *thread, tg_ns wall_ns, tg_ns cpu_ns) {
    tg_ns sum_ns = cpu_ns + thread->carried_ns;
    if (thread->has_rested || sum_ns == 0 || sampler->options.mode == TG_SAMPLER_GIL) {
        return cpu_ns;
    }
    if (has_gil(sampler, thread) || !waits(sampler, thread, cpu_ns > 0)) {
        tg_ns most_ns = wall_ns + thread->carried_ns / CARRIED_SHARE; /* so that it gets no more and more */
        cpu_ns = sum_ns < most_ns ? sum_ns : most_ns;
    } else {
        sum_ns += thread->owed_ns;
        thread->owed_ns = cpu_ns = 0;
    }
    tg_ns kept_ns = sum_ns - cpu_ns;
    tg_ns limit_ns = CARRIED_LOOKS_MAX * wall_ns > CARRIED_NS_MAX ? CARRIED_LOOKS_MAX * wall_ns : CARRIED_NS_MAX;
    thread->carried_ns = kept_ns < limit_ns ? kept_ns : limit_ns;
    sampler->quality.preempted_ns += kept_ns - thread->carried_ns;
    return cpu_ns;
}

/* Takes from what is owed to a thread what belongs to this sample; and what belongs to ticks that fell out. */
static tg_ns settle_clock(struct tg_sampler *sampler, struct tg_thread *thread, tg_ns wall_ns, tg_ns late_ns) {
    tg_ns cpu_ns = thread->owed_ns < wall_ns ? thread->owed_ns : wall_ns;
    thread->owed_ns -= cpu_ns;
    tg_ns limit_ns = OWED_NS_MAX > wall_ns ? OWED_NS_MAX : wall_ns;
    tg_ns kept_ns = thread->owed_ns > late_ns ? thread->owed_ns - late_ns : 0;
    kept_ns = kept_ns < limit_ns ? kept_ns : limit_ns;
    sampler->quality.preempted_ns += thread->owed_ns - kept_ns;
    thread->owed_ns = kept_ns;
    return carry(sampler, thread, wall_ns, cpu_ns);
}

/* --- Samples --- */

static void tell(struct tg_sampler *sampler, const struct tg_sample *sample) {
    const struct tg_sampler_options *options = &sampler->options;
    bool is_wanted = options->mode == TG_SAMPLER_WALL  ? options->tells_idle || !sample->is_idle
                     : options->mode == TG_SAMPLER_CPU ? sample->cpu_ns > 0
                                                       : sample->has_gil;
    sampler->quality.idle_count += sample->is_idle;
    if (is_wanted) {
        options->sink(options->sink_context, sample);
    }
}

static void sample_thread(struct tg_sampler *sampler, struct tg_thread *thread, tg_ns wall_ns, tg_ns late_ns) {
    struct tg_sampler_quality *quality = &sampler->quality;
    struct tg_sample sample = {
        .thread = &thread->shown,
        .task = thread->task.frame == TG_RUNNING_TASK_NONE ? NULL : thread->task.name,
        .frames = thread->frames,
        .depth = thread->frame_count,
        .at_ns = sampler->walker.now_ns,
        .wall_ns = wall_ns,
        .cpu_ns = settle_clock(sampler, thread, wall_ns, late_ns),
        .has_gil = has_gil(sampler, thread),
        .has_rested = thread->has_rested,
    };
    sample.is_idle = !sample.has_gil && sample.cpu_ns == 0;
    if (sample.has_gil) {
        tg_calm_count(&thread->calm);
    }
    if (sampler->options.mode == TG_SAMPLER_GIL && !sample.has_gil) {
        return; /* was not read, either */
    }
    if (!thread->is_read) {
        quality->lost_count++;
        quality->lost[thread->result]++;
        return;
    }
    quality->taken_count++;
    quality->stopped_count += thread->was_stopped;
    quality->displaced_count += thread->was_displaced;
    quality->interrupted_count += thread->was_interrupted;
    quality->rested_count += thread->has_rested;
    tell(sampler, &sample);
}

bool tg_sampler_tick(struct tg_sampler *sampler, tg_ns now_ns, tg_ns wall_ns, tg_ns late_ns) {
    sampler->quality.tick_count++;
    /* One that stands still for us seems to rest, and nobody would stop it again. */
    (void)tg_stop_settle(&sampler->stop);
    sampler->walker.now_ns = now_ns;
    tg_code_cache_begin(&sampler->cache, now_ns);
    if (!tg_sampler_read(sampler)) {
        return false;
    }
    sampler->quality.watched_ns += wall_ns;
    update_clocks(sampler);
    for (size_t i = 0; i < sampler->threads.count; i++) {
        sample_thread(sampler, sampler->threads.items[i], wall_ns, late_ns);
    }
    return true;
}

struct tg_sampler_quality tg_sampler_quality(const struct tg_sampler *sampler) {
    struct tg_sampler_quality quality = sampler->quality;
    quality.missed_count = sampler->pace.missed;
    quality.unwatched_ns = sampler->pace.unwatched_ns;
    quality.thread_count = sampler->threads.seen_count;
    quality.left_out_count = sampler->threads.left_out;
    return quality;
}

/* --- Running --- */

tg_ns tg_sampler_settle(struct tg_sampler *sampler, tg_ns due_ns) {
    if (tg_stop_settle(&sampler->stop)) {
        return due_ns;
    }
    tg_ns soon_ns = tg_clock_monotonic_ns() + SETTLE_NS;
    return soon_ns < due_ns ? soon_ns : due_ns;
}

/* Waits until the next sample is due or somebody wants something. A thread that stops too late is let go meanwhile. */
static enum tg_sampler_ending wait_until(struct tg_sampler *sampler, tg_ns due_ns) {
    struct pollfd fds[] = {{.fd = sampler->end_fd, .events = POLLIN}, {.fd = sampler->process_fd, .events = POLLIN}};
    tg_ns left_ns = tg_sampler_settle(sampler, due_ns) - tg_clock_monotonic_ns();
    left_ns = left_ns > 0 ? left_ns : 0;
    struct timespec left = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    if (ppoll(fds, 2, &left, NULL) <= 0) {
        return TG_SAMPLER_GOES_ON;
    }
    return fds[0].revents ? TG_SAMPLER_ASKED : TG_SAMPLER_EXITED;
}

static enum tg_sampler_ending sample_once(struct tg_sampler *sampler) {
    tg_ns now_ns = tg_clock_monotonic_ns();
    if (now_ns < sampler->pace.due_ns) {
        return TG_SAMPLER_GOES_ON; /* woken early */
    }
    tg_ns wall_ns = tg_pace_take(&sampler->pace, now_ns);
    bool found = tg_sampler_tick(sampler, now_ns, wall_ns, sampler->pace.late_ns);
    tg_pace_end(&sampler->pace, tg_clock_monotonic_ns());
    sampler->list_failures = found ? 0 : sampler->list_failures + 1;
    return sampler->list_failures > LIST_FAILURES_MAX ? TG_SAMPLER_LOST : TG_SAMPLER_GOES_ON;
}

enum tg_sampler_ending tg_sampler_run(struct tg_sampler *sampler, tg_ns until_ns) {
    enum tg_sampler_ending ending = TG_SAMPLER_GOES_ON;
    int slack_ns = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1); /* fifty microseconds otherwise */
    while (ending == TG_SAMPLER_GOES_ON && (!until_ns || tg_clock_monotonic_ns() < until_ns)) {
        bool ends_first = until_ns && until_ns < sampler->pace.due_ns;
        ending = wait_until(sampler, ends_first ? until_ns : sampler->pace.due_ns);
        if (ending == TG_SAMPLER_GOES_ON) {
            ending = sample_once(sampler);
        }
    }
    prctl(PR_SET_TIMERSLACK, slack_ns > 0 ? slack_ns : 0);
    return ending;
}

void tg_sampler_end(struct tg_sampler *sampler) {
    int errnum = errno;
    uint64_t one = 1;
    ssize_t count = write(sampler->end_fd, &one, sizeof one);
    (void)count; /* it is full when it was asked before */
    errno = errnum;
}

void tg_sampler_set_rate(struct tg_sampler *sampler, double rate_hz) {
    tg_pace_set(&sampler->pace, rate_hz, tg_clock_monotonic_ns());
}
