/*
 * watch_tree: the directories of a watch, and what inotify says of them.
 *
 * Every directory is known by inotify's number and by its path. Directories that come are added while their event is
 * read, and what is in them by then is reported as changed; those that go take what is below them along.
 *
 * Threads: a tree belongs to whoever holds its watch's `tree_lock`. Fork: a child may find the tree as somebody in the
 * parent was changing it. Roots are whole at any time; the rest it leaves where it is.
 */
#ifndef TG_WATCH_TREE_H
#define TG_WATCH_TREE_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TG_WATCH_DIRECTORIES_MAX 16384
#define TG_WATCH_CHANGES_MAX     1024 /* paths in one report; more are `anything` */

struct tg_watch_root {
    int id;
    char *path;
    bool is_file;
    bool is_missing; /* not watched, or not all of it: it is looked for */
    struct tg_watch_root *_Atomic next;
};

struct tg_watch_directory {
    int wd;
    char *path;
};

/* Paths, each once. */
struct tg_watch_paths {
    char **items;
    size_t count;
    size_t capacity;
    bool anything;
    bool is_fresh; /* something has come since the reader has set it back */
};

struct tg_watch_tree {
    int fd;       /* of inotify; -1: none yet */
    dev_t device; /* what `fd` was given for */
    ino_t inode;
    const char *suffix;
    struct tg_watch_root *_Atomic roots; /* the last one first */
    int last_id;
    struct tg_watch_directory *directories;
    size_t directory_count;
    size_t directory_capacity;
    struct tg_watch_paths changes; /* since they were taken */
    struct tg_error problem;       /* why something could not be watched since; TG_OK: nothing */
    const atomic_bool *hurry;      /* true: the walk is given up; NULL: it is not */
};

/* Whether one more watch could be made now. */
TG_NODISCARD enum tg_status tg_watch_tree_check(struct tg_error *err);

void tg_watch_tree_init(struct tg_watch_tree *tree, const char *suffix);
void tg_watch_tree_release(struct tg_watch_tree *tree);

TG_NODISCARD enum tg_status tg_watch_tree_add(struct tg_watch_tree *tree, const char *path, int *root,
                                              struct tg_error *err);
void tg_watch_tree_remove(struct tg_watch_tree *tree, int root);

/* Takes in what inotify has to say now, without waiting. */
void tg_watch_tree_read(struct tg_watch_tree *tree);

/* Looks for roots that are missing, until `hurry`. */
void tg_watch_tree_seek(struct tg_watch_tree *tree, const atomic_bool *hurry);
bool tg_watch_tree_misses(const struct tg_watch_tree *tree);

/* Leaves the instance to the parent; all roots are missing. Directories are not freed: somebody may have been at them,
 * and their pages stay the parent's as long as they are not written to. */
void tg_watch_tree_after_fork_in_child(struct tg_watch_tree *tree);

void tg_watch_paths_release(struct tg_watch_paths *paths);

#endif
