/* workers: see workers.h. */
#include "serve/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

struct tg_workers {
    struct tg_workers_options options;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t work;  /* something waits, or it is over */
    pthread_cond_t ended; /* of a thread */
    struct tg_job *first;
    struct tg_job **last;
    size_t waiting;
    size_t running_threads;
    bool stopping;
    pthread_t threads[];
};

/* Called with the lock held; NULL: it is over. */
static struct tg_job *take(struct tg_workers *workers, bool *late) {
    while (!workers->first && !workers->stopping) {
        pthread_cond_wait(&workers->work, &workers->lock);
    }
    struct tg_job *job = workers->first;
    if (job) {
        workers->first = job->next;
        workers->last = workers->first ? workers->last : &workers->first;
        workers->waiting--;
        *late = workers->stopping || tg_clock_monotonic_ns() - job->submitted_ns > workers->options.patience_ns;
    }
    return job;
}

static void *work(void *given) {
    struct tg_workers *workers = given;
    void *context = workers->options.new_context(workers->options.shared);
    struct tg_job *job;
    bool late = false;
    pthread_mutex_lock(&workers->lock);
    while ((job = take(workers, &late)) != NULL) {
        pthread_mutex_unlock(&workers->lock);
        job->run(job, context, late);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    workers->options.free_context(context);
    pthread_mutex_lock(&workers->lock);
    workers->running_threads--;
    pthread_cond_signal(&workers->ended);
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* Signals are for the thread that waits for them. */
static int start_thread(struct tg_workers *workers, pthread_t *thread) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, work, workers);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

enum tg_status tg_workers_start(struct tg_workers **workers, const struct tg_workers_options *options,
                                struct tg_error *err) {
    *workers = calloc(1, sizeof **workers + options->count * sizeof(pthread_t));
    if (!*workers) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to start a server");
    }
    pthread_condattr_t monotonic;
    struct tg_workers *made = *workers;
    made->options = *options;
    made->last = &made->first;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (size_t i = 0; i < options->count; i++) {
        int error = start_thread(made, &made->threads[i]);
        if (error) {
            made->options.count = i;
            (void)tg_workers_stop(made, NS_PER_S);
            *workers = NULL;
            return tg_error_set_errno(err, error, "cannot start a thread");
        }
        pthread_mutex_lock(&made->lock);
        made->running_threads++;
        pthread_mutex_unlock(&made->lock);
    }
    return TG_OK;
}

bool tg_workers_submit(struct tg_workers *workers, struct tg_job *job) {
    job->next = NULL;
    job->submitted_ns = tg_clock_monotonic_ns();
    pthread_mutex_lock(&workers->lock);
    bool room = workers->waiting < workers->options.queue_max && !workers->stopping;
    if (room) {
        *workers->last = job;
        workers->last = &job->next;
        workers->waiting++;
        pthread_cond_signal(&workers->work);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}

bool tg_workers_stop(struct tg_workers *workers, tg_ns grace_ns) {
    if (!workers) {
        return true;
    }
    tg_ns deadline = tg_clock_monotonic_ns() + grace_ns;
    const struct timespec until = {.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    int error = 0;
    while (workers->running_threads > 0 && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&workers->ended, &workers->lock, &until);
    }
    bool all_ended = workers->running_threads == 0;
    pthread_mutex_unlock(&workers->lock);
    if (!all_ended) {
        return false;
    }
    for (size_t i = 0; i < workers->options.count; i++) {
        pthread_join(workers->threads[i], NULL);
    }
    pthread_cond_destroy(&workers->ended);
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
    return true;
}
