/*
 * watch: says which source files have changed, while a program runs.
 *
 * A root is a file, or a directory with all below it. A thread of the watch's own sleeps in poll() until something
 * happens, but for a look every two seconds whether its descriptors are still its own; what happens is collected until
 * it has been quiet for a moment, and then told all at once, so that a file is not looked at while an editor writes it.
 * It is told of a file that was written and closed, put in the place of another, made or removed; of directories that
 * come later too.
 *
 * Below a directory only files with the suffix count, and left out are: names that begin with a dot (as editors name
 * what is temporary), __pycache__, node_modules, virtual environments, and what symbolic links lead to. A file that is
 * a root is watched by its name in its directory, whatever becomes of the file. A root that vanishes is looked for once
 * a second.
 *
 * What the kernel could not tell, because too much happened at once, is told as `anything`: then everything has to be
 * looked at. What cannot be watched any more, for a limit of the system, is told as a problem, once, and tried again.
 *
 * Threads: all functions may be called by any thread; not one that is told a change, but for tg_watch_add(), remove(),
 * and stop(), which then does not wait. The thread blocks all signals.
 *
 * Nobody waits for the thread without a limit: it may be telling a change, which takes as long as the program's own
 * code, or sleep on descriptors that the program has closed.
 *
 * Fork: tg_watch_before_fork() ends the thread, or leaves it alone when it is telling a change for longer than a tenth
 * of a second. After it the parent has a thread again, and a child one of its own, which begins to watch after a tenth
 * of a second: children that exec or end before that take no inotify instance. A child of another thread than the
 * process's first has no thread, for it may end by the return of that one; tg_watch_start() gives it one.
 */
#ifndef TG_WATCH_H
#define TG_WATCH_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct tg_watch;

struct tg_watch_change {
    const char *const *paths; /* absolute where the root was, each once; borrowed for the time of the call */
    size_t count;
    bool anything;       /* more may have changed than `paths` say */
    const char *problem; /* why something cannot be watched from now on, and what to do; NULL: no news of that */
};

struct tg_watch_options {
    const char *suffix; /* of the files that count below a directory, such as ".py"; a literal */
    int quiet_ms;       /* nothing more has happened for so long: it is told */
    int patience_ms;    /* it is told after so long in any case */
    void (*tell)(void *context, const struct tg_watch_change *change); /* on the watch's thread, no lock held */
    void *context;
};

TG_NODISCARD enum tg_status tg_watch_new(struct tg_watch **watch, const struct tg_watch_options *options,
                                         struct tg_error *err);
/* Whether one more process could watch files now. TG_ERROR_FULL: a limit is reached; the message says which. */
TG_NODISCARD enum tg_status tg_watch_check(struct tg_error *err);
/* Stops, and waits for the thread without a limit; NULL is fine. */
void tg_watch_free(struct tg_watch *watch);

/* `*root` is for tg_watch_remove(); the same path may be added again and is another root. TG_ERROR_NOT_FOUND: there is
 * no such path; TG_ERROR_FULL: more directories, or processes, than may watch. */
TG_NODISCARD enum tg_status tg_watch_add(struct tg_watch *watch, const char *path, int *root, struct tg_error *err);
void tg_watch_remove(struct tg_watch *watch, int root);

/* Starts the thread; one that runs is fine. What has changed since a root was added is told. */
TG_NODISCARD enum tg_status tg_watch_start(struct tg_watch *watch, struct tg_error *err);
/* Ends the thread and waits for it, at most `patience_ms`. True: it has ended. Else it ends by itself, and begins to
 * tell nothing more. What happens from here on is told after the next start. */
bool tg_watch_stop(struct tg_watch *watch, int patience_ms);

void tg_watch_before_fork(struct tg_watch *watch);
void tg_watch_after_fork_in_parent(struct tg_watch *watch);
/* All roots are watched anew, and `anything` is told, since what the kernel tells is the parent's. `is_to_watch`: false
 * for a child that is about to exec, which may need to have no other thread. */
void tg_watch_after_fork_in_child(struct tg_watch *watch, bool is_to_watch);

#endif
