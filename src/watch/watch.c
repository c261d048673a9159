/*
 * watch: see watch.h.
 *
 * `lock` covers the tree and the state of what is told; it is not held while a change is told. `control` covers the
 * thread's beginning and end; the thread itself never takes it.
 */
#include "watch/watch.h"

#include "base/descriptor.h"
#include "watch/watch_tree.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SEEK_MS 1000 /* between looks for a root that has vanished */

struct tg_watch {
    struct tg_watch_options options;

    pthread_mutex_t control;
    pthread_t thread;
    bool has_thread; /* to be joined */

    atomic_bool is_wanted;  /* the thread shall go on */
    atomic_uint generation; /* counts forks: a thread of the parent's is none here */
    int wake;               /* an eventfd: written to end a poll() */

    pthread_mutex_t lock;
    struct tg_watch_tree tree;
    int64_t first_ms; /* when the first and the last of the changes not yet told came; 0: there are none */
    int64_t last_ms;
};

static _Thread_local const struct tg_watch *this_threads; /* the watch whose thread this is */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1; /* never 0 */
}

enum tg_status tg_watch_new(struct tg_watch **watch, const struct tg_watch_options *options, struct tg_error *err) {
    struct tg_watch *made = calloc(1, sizeof *made);
    *watch = NULL;
    if (!made) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to watch files");
    }
    made->options = *options;
    pthread_mutex_init(&made->control, NULL);
    pthread_mutex_init(&made->lock, NULL);
    enum tg_status status = tg_watch_tree_init(&made->tree, options->suffix, err);
    made->wake = status == TG_OK ? tg_descriptor_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) : -1;
    if (status == TG_OK && made->wake < 0) {
        status = tg_error_set_errno(err, errno, "cannot watch files");
    }
    if (status != TG_OK) {
        tg_watch_free(made);
        return status;
    }
    *watch = made;
    return TG_OK;
}

void tg_watch_free(struct tg_watch *watch) {
    if (!watch) {
        return;
    }
    tg_watch_stop(watch);
    tg_watch_tree_release(&watch->tree);
    if (watch->wake >= 0) {
        close(watch->wake);
    }
    pthread_mutex_destroy(&watch->control);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

enum tg_status tg_watch_add(struct tg_watch *watch, const char *path, int *root, struct tg_error *err) {
    pthread_mutex_lock(&watch->lock);
    enum tg_status status = tg_watch_tree_add(&watch->tree, path, root, err);
    pthread_mutex_unlock(&watch->lock);
    return status;
}

void tg_watch_remove(struct tg_watch *watch, int root) {
    pthread_mutex_lock(&watch->lock);
    tg_watch_tree_remove(&watch->tree, root);
    pthread_mutex_unlock(&watch->lock);
}

static bool has_changes(const struct tg_watch *watch) {
    return watch->tree.changes.count > 0 || watch->tree.changes.anything;
}

/* When the changes are to be told; INT64_MAX: there are none. */
static int64_t due_ms(const struct tg_watch *watch) {
    int64_t quiet = watch->last_ms + watch->options.quiet_ms;
    int64_t patience = watch->first_ms + watch->options.patience_ms;
    return watch->first_ms == 0 ? INT64_MAX : quiet < patience ? quiet : patience;
}

/* How long poll() may wait. */
static int timeout_ms(struct tg_watch *watch) {
    pthread_mutex_lock(&watch->lock);
    int64_t due = has_changes(watch) && watch->first_ms == 0 ? 0 : due_ms(watch); /* found without an event */
    bool seeks = tg_watch_tree_misses(&watch->tree);
    pthread_mutex_unlock(&watch->lock);
    if (due == INT64_MAX) {
        return seeks ? SEEK_MS : -1;
    }
    int64_t wait = due - now_ms();
    return wait > 0 ? (int)wait : 0;
}

/* Takes in what has happened, and what of it is to be told now: it becomes the caller's. */
static struct tg_watch_paths take_changes(struct tg_watch *watch, bool happened) {
    struct tg_watch_paths due = {.items = NULL};
    pthread_mutex_lock(&watch->lock);
    if (happened) {
        tg_watch_tree_read(&watch->tree);
    } else {
        tg_watch_tree_seek(&watch->tree);
    }
    int64_t now = now_ms();
    if (has_changes(watch) && watch->first_ms == 0) {
        watch->first_ms = watch->last_ms = now;
    } else if (happened) {
        watch->last_ms = now;
    }
    if (now >= due_ms(watch)) {
        due = watch->tree.changes;
        watch->tree.changes = (struct tg_watch_paths){.items = NULL};
        watch->first_ms = 0;
    }
    pthread_mutex_unlock(&watch->lock);
    return due;
}

/* The program has closed descriptors that it did not know of, as daemons do. */
static void renew(struct tg_watch *watch) {
    pthread_mutex_lock(&watch->lock);
    watch->tree.fd = -1; /* the number may be the program's by now */
    tg_watch_tree_renew(&watch->tree);
    pthread_mutex_unlock(&watch->lock);
}

static bool goes_on(const struct tg_watch *watch, unsigned generation) {
    return atomic_load(&watch->is_wanted) && atomic_load(&watch->generation) == generation;
}

static void *run(void *argument) {
    struct tg_watch *watch = argument;
    unsigned generation = atomic_load(&watch->generation);
    this_threads = watch;
    prctl(PR_SET_NAME, "tg-watch");
    while (goes_on(watch, generation)) {
        int timeout = timeout_ms(watch);
        struct pollfd polled[] = {{.fd = watch->tree.fd, .events = POLLIN}, {.fd = watch->wake, .events = POLLIN}};
        int count = poll(polled, 2, timeout);
        if (!goes_on(watch, generation)) {
            break;
        }
        if (count > 0 && (polled[0].revents | polled[1].revents) & (POLLNVAL | POLLERR)) {
            if (polled[1].revents & (POLLNVAL | POLLERR)) {
                watch->wake = tg_descriptor_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
            }
            renew(watch);
        }
        struct tg_watch_paths due = take_changes(watch, count > 0 && (polled[0].revents & POLLIN));
        if (due.count > 0 || due.anything) {
            struct tg_watch_change change = {
                .paths = (const char *const *)due.items, .count = due.count, .anything = due.anything};
            watch->options.tell(watch->options.context, &change);
        }
        tg_watch_paths_release(&due);
    }
    this_threads = NULL;
    return NULL;
}

static enum tg_status start_thread(struct tg_watch *watch, struct tg_error *err) {
    sigset_t all;
    sigset_t before;
    uint64_t count;
    ssize_t drained = read(watch->wake, &count, sizeof count); /* what woke the thread before */
    (void)drained;
    atomic_store(&watch->is_wanted, true);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&watch->thread, NULL, run, watch);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    watch->has_thread = error == 0;
    return error ? tg_error_set_errno(err, error, "cannot start the thread that watches files") : TG_OK;
}

static void wake(const struct tg_watch *watch) {
    uint64_t one = 1;
    ssize_t written = write(watch->wake, &one, sizeof one);
    (void)written; /* a counter that is full wakes as well */
}

static void join(struct tg_watch *watch) {
    atomic_store(&watch->is_wanted, false);
    wake(watch);
    pthread_join(watch->thread, NULL);
    watch->has_thread = false;
}

enum tg_status tg_watch_start(struct tg_watch *watch, struct tg_error *err) {
    enum tg_status status = TG_OK;
    if (this_threads == watch) {
        atomic_store(&watch->is_wanted, true); /* it has stopped itself, and thinks better of it */
        return TG_OK;
    }
    pthread_mutex_lock(&watch->control);
    if (watch->has_thread && !atomic_load(&watch->is_wanted)) {
        join(watch); /* it was stopped by what it told, and is about to end */
    }
    if (!watch->has_thread) {
        status = start_thread(watch, err);
    }
    pthread_mutex_unlock(&watch->control);
    return status;
}

void tg_watch_stop(struct tg_watch *watch) {
    if (this_threads == watch) {
        atomic_store(&watch->is_wanted, false);
        return;
    }
    pthread_mutex_lock(&watch->control);
    if (watch->has_thread) {
        join(watch);
    }
    pthread_mutex_unlock(&watch->control);
}

void tg_watch_after_fork_in_child(struct tg_watch *watch) {
    atomic_fetch_add(&watch->generation, 1);
    atomic_store(&watch->is_wanted, false);
    watch->has_thread = false;
    this_threads = NULL;
    pthread_mutex_init(&watch->control, NULL); /* who held them is not here */
    pthread_mutex_init(&watch->lock, NULL);
    close(watch->wake);
    watch->wake = tg_descriptor_lift(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    tg_watch_tree_renew(&watch->tree);
}
