/*
 * watch_tree: the directories of a watch, and what inotify says of them.
 *
 * Every directory is known by inotify's number and by its path. Directories that come are added while their event is
 * read, and what is in them by then is reported as changed; those that go take what is below them along.
 *
 * Threads: a tree belongs to whoever holds its watch's lock.
 */
#ifndef TG_WATCH_TREE_H
#define TG_WATCH_TREE_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_WATCH_DIRECTORIES_MAX 16384
#define TG_WATCH_CHANGES_MAX     1024 /* paths in one report; more are `anything` */

struct tg_watch_root {
    int id;
    char *path;
    bool is_file;
    bool is_missing;
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
};

struct tg_watch_tree {
    int fd; /* of inotify; -1: none */
    const char *suffix;
    struct tg_watch_root *roots;
    size_t root_count;
    size_t root_capacity;
    int last_id;
    struct tg_watch_directory *directories;
    size_t directory_count;
    size_t directory_capacity;
    struct tg_watch_paths changes; /* since they were taken */
};

TG_NODISCARD enum tg_status tg_watch_tree_init(struct tg_watch_tree *tree, const char *suffix, struct tg_error *err);
void tg_watch_tree_release(struct tg_watch_tree *tree);

TG_NODISCARD enum tg_status tg_watch_tree_add(struct tg_watch_tree *tree, const char *path, int *root,
                                              struct tg_error *err);
void tg_watch_tree_remove(struct tg_watch_tree *tree, int root);

/* Takes in what inotify has to say now, without waiting. */
void tg_watch_tree_read(struct tg_watch_tree *tree);

/* Looks for roots that have vanished. */
void tg_watch_tree_seek(struct tg_watch_tree *tree);
bool tg_watch_tree_misses(const struct tg_watch_tree *tree);

/* Leaves inotify's descriptor to whom it belongs to, and watches all anew. */
void tg_watch_tree_renew(struct tg_watch_tree *tree);

void tg_watch_paths_release(struct tg_watch_paths *paths);

#endif
