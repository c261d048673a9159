/*
 * runtime: the directories in which recordings lie.
 *
 * Candidates, best first: $TACHOGRAPH_RUNTIME_DIR, $XDG_RUNTIME_DIR/tachograph (when $XDG_RUNTIME_DIR is ours, which it
 * is not under sudo), /dev/shm/tachograph-UID, /tmp/tachograph-UID. When TACHOGRAPH_RUNTIME_DIR is set, a writer uses
 * that one alone; a reader looks in all of them, because a service and a shell seldom agree on $XDG_RUNTIME_DIR.
 *
 * A directory is used only if it is ours: owned by the effective user, mode 0700 and no symbolic link, since some
 * candidates lie where others can write. One that TACHOGRAPH_RUNTIME_DIR names may be shared instead, as the volume of
 * a container is, or a link: then tachograph-UID inside it is used, provided that nobody else can put another in its
 * place (the shared one is the user's or root's, and what not everybody can write to, or has the sticky bit).
 *
 * Threads: pure functions of the environment and the file system.
 */
#ifndef TG_RUNTIME_H
#define TG_RUNTIME_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_RUNTIME_CANDIDATES 5
#define TG_RUNTIME_PATH_SIZE  512

struct tg_runtime_paths {
    size_t count;
    size_t writer_count; /* writers try the first so many: with TACHOGRAPH_RUNTIME_DIR no other than that */
    size_t chosen_count; /* the first so many are TACHOGRAPH_RUNTIME_DIR's: itself, and the one of ours inside */
    bool is_chosen;      /* TACHOGRAPH_RUNTIME_DIR is set, if only to what cannot be used */
    char paths[TG_RUNTIME_CANDIDATES][TG_RUNTIME_PATH_SIZE];
};

/* The candidates of this process's environment. A path that is not absolute or too long is left out. */
void tg_runtime_candidates(struct tg_runtime_paths *out);

/* The name of the file that turns off all hooks of the processes whose recordings lie beside it. */
#define TG_RUNTIME_SWITCH "disable"

/* Whether such a file lies where a new process of this environment would record; `path` is then its path. */
bool tg_runtime_is_off(char path[TG_RUNTIME_PATH_SIZE]);

/* Opens the directory and checks that it is ours; with `create`, makes it first when it is missing. Returns the
 * descriptor (close-on-exec) in `*fd`. */
TG_NODISCARD enum tg_status tg_runtime_open(const char *path, bool create, int *fd, struct tg_error *err);
/* The same with a directory for something else: what it is called, and the variable that names another. */
TG_NODISCARD enum tg_status tg_runtime_open_other(const char *path, const char *what, const char *variable, bool create,
                                                  int *fd, struct tg_error *err);

/* Why no recording can be made or read where TACHOGRAPH_RUNTIME_DIR says. TG_OK: nothing is wrong with it, also where
 * it is not there yet or not set. */
TG_NODISCARD enum tg_status tg_runtime_check_chosen(struct tg_error *err);

#endif
