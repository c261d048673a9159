/*
 * child: runs the program as if the shell had, and waits for its end.
 *
 * The child keeps this process's group, directory, descriptors, signal mask and dispositions. While it runs, all
 * signals are blocked here and taken one by one:
 *   - from the terminal: it went to the whole group, so the child has got it too, and nothing is done;
 *   - from a process: meant for the program, so it is passed on, unless the child itself sent it;
 *   - one that stops the job (Ctrl-Z, a read in the background): once the child has stopped, this process stops too, so
 *     that the shell sees a stopped job; continued, it continues the child. A child that ignores it runs on, and we do.
 * When this process is killed, the child is killed too (PR_SET_PDEATHSIG).
 */
#ifndef TG_CHILD_H
#define TG_CHILD_H

#include "base/attributes.h"
#include "base/error.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tg_child_end {
    bool interrupted; /* somebody pressed Ctrl-C while it ran */
    bool by_signal;
    int code; /* the exit code, or the signal's number */
    uint64_t pid;
    int64_t started_wall_ns;
    int64_t duration_ns;
};

/* A child that runs. */
struct tg_child {
    pid_t pid;
    int64_t started_wall_ns;
    int64_t started_ns; /* monotonic */
    sigset_t everything;
    sigset_t mask;                /* as it was */
    struct sigaction chld_action; /* SIGCHLD's disposition, as it was */
    int stop_received;            /* the last stop signal that came here; 0: none */
    bool interrupted;             /* Ctrl-C was pressed */
    int stopped_by;               /* the signal that stopped the child; 0: it runs */
    /* Called, if it is set, before this process is suspended as its child is, and when it goes on. */
    void (*suspend)(void *context, bool begins);
    void *suspend_context;
};

/* One variable of the environment to set; a NULL value removes it. */
struct tg_variable {
    const char *name;
    const char *value;
};

/* Starts `path` with `argv` and the environment, changed by `variables` (ended by one without a name). From then on all
 * signals wait for tg_child_wait(), also in threads that are started in between. TG_ERROR_NOT_FOUND and
 * TG_ERROR_PERMISSION: the file could not be executed. */
TG_NODISCARD enum tg_status tg_child_start(struct tg_child *child, const char *path, char *const *argv,
                                           const struct tg_variable *variables, struct tg_error *err);

/* Waits for its end. Called by the thread that has started it. When it returns, SIGINT and SIGQUIT do what they did
 * before, and all other signals still wait. */
void tg_child_wait(struct tg_child *child, struct tg_child_end *end);

/* Both. */
TG_NODISCARD enum tg_status tg_child_run(const char *path, char *const *argv, const struct tg_variable *variables,
                                         struct tg_child_end *end, struct tg_error *err);

/* Ends this process as the child ended: with its exit code, or by its signal and without a second core file. */
_Noreturn void tg_child_end_alike(const struct tg_child_end *end);

#endif
