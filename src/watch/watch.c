/*
 * watch: see watch.h.
 *
 * `lock` covers the life of the thread, and is held for moments. `tree_lock` covers the tree and what is still to be
 * told; directories are read with it. Neither is held while a change is told, nor the one with the other.
 */
#include "watch/watch.h"

#include "base/descriptor.h"
#include "watch/watch_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEEK_MS       1000  /* between looks for a root that has vanished: doubled each time it cannot be watched, */
#define SEEK_MAX_MS   60000 /* up to this */
#define FORK_MS       100   /* that a fork waits for the thread, once for each change that is told */
#define CHILD_WAIT_MS 100   /* before a child watches: many end or exec at once, and directories may be thousands */
#define CHECK_MS      2000  /* between looks whether our descriptors are still ours */

enum thread_state {
    NO_THREAD,
    RUNNING,
    FINISHED, /* has nothing left to do but to end */
    JOINED,   /* somebody waits for that */
};

struct tg_watch {
    struct tg_watch_options options;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum thread_state state;
    pthread_t thread;
    bool is_wanted;        /* between start and stop */
    bool is_paused;        /* for a fork */
    bool is_waiting;       /* the thread, for something to happen: only a wake-up ends that */
    bool passed_over;      /* a fork has waited for this change to be told in vain: the next ones do not */
    bool forked_by_thread; /* the fork that is under way comes from another thread than the process's first */
    unsigned generation;   /* counts forks: a thread of the parent's is none here */
    int wake[2];           /* a pipe; -1: none */
    dev_t wake_device;
    ino_t wake_inode;
    atomic_bool hurry; /* an order is waiting: leave what can wait */

    pthread_mutex_t tree_lock;
    struct tg_watch_tree tree;
    int64_t first_ms; /* when the first and the last of the changes not yet told came; 0: there are none */
    int64_t last_ms;
    int64_t seek_at_ms; /* the next look for roots that are missing; 0: none is */
    int64_t seek_wait_ms;
    char told_problem[TG_ERROR_MESSAGE_SIZE]; /* and not over yet */
};

/* What is to be told now. */
struct news {
    struct tg_watch_paths paths;
    struct tg_error problem;
};

static _Thread_local const struct tg_watch *this_threads; /* the watch whose thread this is */

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1; /* never 0 */
}

static void make_locks(struct tg_watch *watch) {
    pthread_condattr_t attributes;
    pthread_mutex_init(&watch->lock, NULL);
    pthread_mutex_init(&watch->tree_lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum tg_status tg_watch_new(struct tg_watch **watch, const struct tg_watch_options *options, struct tg_error *err) {
    struct tg_watch *made = calloc(1, sizeof *made);
    *watch = made;
    if (!made) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to watch files");
    }
    made->options = *options;
    made->wake[0] = made->wake[1] = -1;
    made->seek_wait_ms = SEEK_MS;
    make_locks(made);
    tg_watch_tree_init(&made->tree, options->suffix);
    return TG_OK;
}

enum tg_status tg_watch_check(struct tg_error *err) {
    return tg_watch_tree_check(err);
}

/* The program closes descriptors that it does not know of, as daemons do, and gets their numbers. */
static bool is_own(const struct tg_watch *watch, int fd) {
    return tg_descriptor_is(fd, watch->wake_device, watch->wake_inode);
}

static void close_wake(struct tg_watch *watch) {
    for (size_t i = 0; i < 2; i++) {
        if (is_own(watch, watch->wake[i])) {
            close(watch->wake[i]);
        }
        watch->wake[i] = -1;
    }
}

/* With `lock` held: a pipe that is ours, and empty. -1: there cannot be one. */
static int open_wake(struct tg_watch *watch) {
    struct stat info;
    char drained[64];
    int ends[2];
    if (is_own(watch, watch->wake[0]) && is_own(watch, watch->wake[1])) {
        while (read(watch->wake[0], drained, sizeof drained) > 0) {
        }
        return watch->wake[0];
    }
    close_wake(watch);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -1;
    }
    watch->wake[0] = tg_descriptor_lift(ends[0]);
    watch->wake[1] = tg_descriptor_lift(ends[1]);
    if (fstat(watch->wake[0], &info) == 0) {
        watch->wake_device = info.st_dev;
        watch->wake_inode = info.st_ino;
    }
    return watch->wake[0];
}

/* With `lock` held. False: the thread hears nothing until its next look. */
static bool wake(const struct tg_watch *watch) {
    if (!is_own(watch, watch->wake[1]) || !is_own(watch, watch->wake[0])) {
        return false;
    }
    ssize_t written = write(watch->wake[1], "", 1);
    (void)written; /* a pipe that is full wakes as well */
    return true;
}

enum tg_status tg_watch_add(struct tg_watch *watch, const char *path, int *root, struct tg_error *err) {
    pthread_mutex_lock(&watch->tree_lock);
    int fd_before = watch->tree.fd;
    enum tg_status status = tg_watch_tree_add(&watch->tree, path, root, err);
    bool is_other = watch->tree.fd != fd_before;
    pthread_mutex_unlock(&watch->tree_lock);
    if (is_other) {
        pthread_mutex_lock(&watch->lock);
        wake(watch);
        pthread_mutex_unlock(&watch->lock);
    }
    return status;
}

void tg_watch_remove(struct tg_watch *watch, int root) {
    pthread_mutex_lock(&watch->tree_lock);
    tg_watch_tree_remove(&watch->tree, root);
    pthread_mutex_unlock(&watch->tree_lock);
}

/* With `tree_lock` held: when the changes are to be told; INT64_MAX: there are none. */
static int64_t due_ms(const struct tg_watch *watch) {
    int64_t quiet = watch->last_ms + watch->options.quiet_ms;
    int64_t patience = watch->first_ms + watch->options.patience_ms;
    return watch->first_ms == 0 ? INT64_MAX : quiet < patience ? quiet : patience;
}

/* With `tree_lock` held: how long poll() may wait. */
static int timeout_ms(const struct tg_watch *watch) {
    int64_t now = now_ms();
    int64_t until = now + CHECK_MS;
    int64_t due = watch->tree.changes.is_fresh ? now : due_ms(watch); /* found without an event */
    until = due < until ? due : until;
    until = watch->seek_at_ms && watch->seek_at_ms < until ? watch->seek_at_ms : until;
    return until > now ? (int)(until - now) : 0;
}

/* With `lock` held, which is let go meanwhile. */
static void wait_for_events(struct tg_watch *watch) {
    int wake_fd = open_wake(watch);
    watch->is_waiting = true;
    pthread_mutex_unlock(&watch->lock);

    pthread_mutex_lock(&watch->tree_lock);
    struct pollfd polled[] = {{.fd = watch->tree.fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
    int timeout = timeout_ms(watch);
    pthread_mutex_unlock(&watch->tree_lock);
    poll(polled, 2, timeout);

    pthread_mutex_lock(&watch->lock);
    watch->is_waiting = false;
}

/* With `tree_lock` held: looks for roots that are missing, when it is time. */
static void seek(struct tg_watch *watch) {
    struct tg_watch_tree *tree = &watch->tree;
    int64_t now = now_ms();
    if (!tg_watch_tree_misses(tree)) {
        return;
    }
    if (watch->seek_at_ms == 0) {
        watch->seek_at_ms = tree->fd < 0 ? now : now + SEEK_MS; /* no instance: all is missing */
    }
    if (now < watch->seek_at_ms) {
        return;
    }
    tg_watch_tree_seek(tree, &watch->hurry);
    if (!tg_watch_tree_misses(tree)) {
        watch->seek_at_ms = 0;
        watch->seek_wait_ms = SEEK_MS;
        watch->told_problem[0] = '\0';
        return;
    }
    watch->seek_at_ms = now + watch->seek_wait_ms;
    int64_t longer = watch->seek_wait_ms * 2;
    watch->seek_wait_ms = tree->problem.status == TG_OK ? SEEK_MS : longer < SEEK_MAX_MS ? longer : SEEK_MAX_MS;
}

/* Takes in what has happened, and hands out what of it is to be told now. */
static struct news take_news(struct tg_watch *watch) {
    struct news news = {.problem = TG_ERROR_INIT};
    struct tg_watch_paths *changes = &watch->tree.changes;
    pthread_mutex_lock(&watch->tree_lock);
    tg_watch_tree_read(&watch->tree);
    seek(watch);
    int64_t now = now_ms();
    if (changes->is_fresh) {
        changes->is_fresh = false;
        watch->first_ms = watch->first_ms ? watch->first_ms : now;
        watch->last_ms = now;
    }
    if (now >= due_ms(watch)) {
        news.paths = *changes;
        *changes = (struct tg_watch_paths){.items = NULL};
        watch->first_ms = 0;
    }
    if (watch->tree.problem.status != TG_OK) {
        bool is_told = strcmp(watch->told_problem, watch->tree.problem.message) == 0;
        news.problem = is_told ? news.problem : watch->tree.problem;
        snprintf(watch->told_problem, sizeof watch->told_problem, "%s", watch->tree.problem.message);
        watch->tree.problem.status = TG_OK;
    }
    pthread_mutex_unlock(&watch->tree_lock);
    return news;
}

static bool is_empty(const struct news *news) {
    return news->paths.count == 0 && !news->paths.anything && news->problem.status == TG_OK;
}

/* It is told after the next start. */
static void give_back(struct tg_watch *watch, const struct news *news) {
    pthread_mutex_lock(&watch->tree_lock);
    watch->tree.changes.anything = watch->tree.changes.is_fresh = true;
    if (news->problem.status != TG_OK) {
        watch->tree.problem = news->problem;
        watch->told_problem[0] = '\0';
    }
    pthread_mutex_unlock(&watch->tree_lock);
}

static bool goes_on(const struct tg_watch *watch, unsigned generation) {
    return watch->is_wanted && !watch->is_paused && watch->generation == generation;
}

/* With `lock` held, which is let go meanwhile. From goes_on() to the telling nobody gets in between: once a stop has
 * waited for the thread, nothing is told. */
static void tell(struct tg_watch *watch, const struct news *news, bool is_wanted) {
    struct tg_watch_change change = {
        .paths = (const char *const *)news->paths.items,
        .count = news->paths.count,
        .anything = news->paths.anything,
        .problem = news->problem.status == TG_OK ? NULL : news->problem.message,
    };
    pthread_mutex_unlock(&watch->lock);
    if (is_wanted) {
        watch->options.tell(watch->options.context, &change);
    } else {
        give_back(watch, news);
    }
    pthread_mutex_lock(&watch->lock);
}

static void *run(void *argument) {
    struct tg_watch *watch = argument;
    this_threads = watch;
    prctl(PR_SET_NAME, "tg-watch");
    pthread_mutex_lock(&watch->lock);
    unsigned generation = watch->generation;
    while (goes_on(watch, generation)) {
        wait_for_events(watch);
        if (!goes_on(watch, generation)) {
            break;
        }
        pthread_mutex_unlock(&watch->lock);
        struct news news = take_news(watch);
        pthread_mutex_lock(&watch->lock);
        if (!is_empty(&news)) {
            tell(watch, &news, goes_on(watch, generation));
        }
        tg_watch_paths_release(&news.paths);
        watch->passed_over = false;
    }
    if (watch->generation == generation) { /* else it has forked while it told, and this is the child */
        watch->state = FINISHED;
        pthread_cond_broadcast(&watch->changed);
    }
    pthread_mutex_unlock(&watch->lock);
    this_threads = NULL;
    return NULL;
}

/* With `lock` held. */
static enum tg_status start_thread(struct tg_watch *watch, struct tg_error *err) {
    sigset_t all;
    sigset_t before;
    if (open_wake(watch) < 0) {
        return tg_error_set_errno(err, errno, "cannot watch files");
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&watch->thread, NULL, run, watch);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        return tg_error_set_errno(err, error, "cannot start the thread that watches files");
    }
    watch->state = RUNNING;
    return TG_OK;
}

static void wait_until(struct tg_watch *watch, int64_t until_ms) {
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
}

/* With `lock` held, which is let go meanwhile: takes leave of a thread that has nothing left to do. */
static void join_finished(struct tg_watch *watch) {
    if (watch->state == FINISHED) {
        watch->state = JOINED;
        pthread_mutex_unlock(&watch->lock);
        pthread_join(watch->thread, NULL);
        pthread_mutex_lock(&watch->lock);
        watch->state = NO_THREAD;
        pthread_cond_broadcast(&watch->changed);
    }
}

/* With `lock` held: waits for a thread that shall not go on. False: it takes longer, or nothing can wake it. */
static bool end_thread(struct tg_watch *watch, int patience_ms) {
    int64_t until_ms = now_ms() + patience_ms;
    atomic_store(&watch->hurry, true);
    bool hears = wake(watch);
    while ((watch->state == RUNNING || watch->state == JOINED) && (hears || !watch->is_waiting)
           && now_ms() < until_ms) {
        wait_until(watch, until_ms);
    }
    join_finished(watch);
    return watch->state == NO_THREAD;
}

/* With `lock` held: starts the thread where there is none. */
static enum tg_status need_thread(struct tg_watch *watch, struct tg_error *err) {
    if (!watch->is_wanted || watch->is_paused) {
        return TG_OK;
    }
    atomic_store(&watch->hurry, false);
    join_finished(watch);
    while (watch->state == JOINED) {
        pthread_cond_wait(&watch->changed, &watch->lock);
    }
    return watch->state == NO_THREAD ? start_thread(watch, err) : TG_OK;
}

enum tg_status tg_watch_start(struct tg_watch *watch, struct tg_error *err) {
    enum tg_status status = TG_OK;
    pthread_mutex_lock(&watch->lock);
    watch->is_wanted = true;
    if (this_threads != watch) { /* else it may have stopped itself, and thinks better of it */
        status = need_thread(watch, err);
    }
    pthread_mutex_unlock(&watch->lock);
    return status;
}

bool tg_watch_stop(struct tg_watch *watch, int patience_ms) {
    pthread_mutex_lock(&watch->lock);
    watch->is_wanted = false;
    bool has_ended = this_threads != watch && end_thread(watch, patience_ms);
    pthread_mutex_unlock(&watch->lock);
    return has_ended;
}

void tg_watch_free(struct tg_watch *watch) {
    if (!watch) {
        return;
    }
    while (!tg_watch_stop(watch, CHECK_MS)) {
        poll(NULL, 0, 1); /* it may hear nothing: then it looks after CHECK_MS at the latest */
    }
    tg_watch_tree_release(&watch->tree);
    close_wake(watch);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    pthread_mutex_destroy(&watch->tree_lock);
    free(watch);
}

void tg_watch_before_fork(struct tg_watch *watch) {
    pthread_mutex_lock(&watch->lock);
    watch->forked_by_thread = gettid() != getpid();
    watch->is_paused = true;
    if (this_threads != watch && !end_thread(watch, watch->passed_over ? 0 : FORK_MS)) {
        watch->passed_over = true; /* it is left alone: the child knows that it is not there */
    }
    pthread_mutex_unlock(&watch->lock); /* others' hooks run until the fork, and may use what needs it */
}

void tg_watch_after_fork_in_parent(struct tg_watch *watch) {
    pthread_mutex_lock(&watch->lock);
    watch->is_paused = false;
    if (this_threads != watch) {
        enum tg_status ignored = need_thread(watch, NULL);
        (void)ignored; /* the next start or fork tries again */
    }
    pthread_mutex_unlock(&watch->lock);
}

void tg_watch_after_fork_in_child(struct tg_watch *watch, bool is_to_watch) {
    int64_t watches_at_ms = now_ms() + CHILD_WAIT_MS;
    make_locks(watch); /* who held them is not here */
    this_threads = NULL;
    watch->generation++;
    watch->state = NO_THREAD;
    watch->is_wanted = watch->is_wanted && is_to_watch && !watch->forked_by_thread;
    watch->is_waiting = watch->passed_over = false;
    close_wake(watch);
    tg_watch_tree_after_fork_in_child(&watch->tree);
    watch->tree.changes.is_fresh = false;
    watch->first_ms = watch->last_ms = watches_at_ms; /* told when all is watched */
    watch->seek_at_ms = watches_at_ms;
    watch->seek_wait_ms = SEEK_MS;
    watch->told_problem[0] = '\0';
    tg_watch_after_fork_in_parent(watch); /* from here on it is no other */
}
