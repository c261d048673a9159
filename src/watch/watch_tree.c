/* watch_tree: see watch_tree.h. */
#include "watch/watch_tree.h"

#include "base/descriptor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not IN_MODIFY: logs and databases below a root would wake the thread with every write. */
#define EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to watch files");
}

/* Room for one more; false: there is no memory. */
static bool grow(void **items, size_t count, size_t *capacity, size_t item_bytes) {
    if (count < *capacity) {
        return true;
    }
    size_t more = *capacity ? *capacity * 2 : 16;
    void *grown = realloc(*items, more * item_bytes);
    if (!grown) {
        return false;
    }
    *items = grown;
    *capacity = more;
    return true;
}

static void add_anything(struct tg_watch_paths *paths) {
    paths->anything = true;
    paths->is_fresh = true;
}

static void add_path(struct tg_watch_paths *paths, const char *path) {
    paths->is_fresh = true;
    for (size_t i = 0; i < paths->count; i++) {
        if (strcmp(paths->items[i], path) == 0) {
            return;
        }
    }
    void *items = paths->items;
    bool fits = paths->count < TG_WATCH_CHANGES_MAX && grow(&items, paths->count, &paths->capacity, sizeof(char *));
    paths->items = items;
    char *copy = fits ? strdup(path) : NULL;
    if (copy) {
        paths->items[paths->count++] = copy;
    } else {
        paths->anything = true;
    }
}

void tg_watch_paths_release(struct tg_watch_paths *paths) {
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->items[i]);
    }
    free(paths->items);
    *paths = (struct tg_watch_paths){.items = NULL};
}

/* Whether `path` is `directory` or lies below it. */
static bool is_within(const char *path, const char *directory) {
    size_t length = strlen(directory);
    bool is_all = length == 1 && directory[0] == '/';
    return is_all || (strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0'));
}

static bool is_in_a_root(const struct tg_watch_tree *tree, const char *directory) {
    for (const struct tg_watch_root *root = tree->roots; root; root = root->next) {
        if (!root->is_file && is_within(directory, root->path)) {
            return true;
        }
    }
    return false;
}

static bool has_suffix(const char *name, const char *suffix) {
    size_t length = strlen(name);
    size_t end = strlen(suffix);
    return length > end && strcmp(name + length - end, suffix) == 0;
}

static bool is_wanted(const struct tg_watch_tree *tree, const char *directory, const char *name, const char *path) {
    for (const struct tg_watch_root *root = tree->roots; root; root = root->next) {
        if (root->is_file && strcmp(root->path, path) == 0) {
            return true;
        }
    }
    return name[0] != '.' && has_suffix(name, tree->suffix) && is_in_a_root(tree, directory);
}

static bool join(char path[PATH_MAX], const char *directory, const char *name) {
    const char *slash = directory[0] == '/' && directory[1] == '\0' ? "" : "/";
    int length = snprintf(path, PATH_MAX, "%s%s%s", directory, slash, name);
    return length > 0 && length < PATH_MAX;
}

/* Names of directories in which there is nothing of the program's. */
static bool is_left_out(const char *path, const char *name) {
    char mark[PATH_MAX];
    return name[0] == '.' || strcmp(name, "__pycache__") == 0 || strcmp(name, "node_modules") == 0
           || (join(mark, path, "pyvenv.cfg") && access(mark, F_OK) == 0);
}

static struct tg_watch_directory *find(const struct tg_watch_tree *tree, int wd) {
    for (size_t i = 0; i < tree->directory_count; i++) {
        if (tree->directories[i].wd == wd) {
            return &tree->directories[i];
        }
    }
    return NULL;
}

static enum tg_status refused(struct tg_error *err, const char *path) {
    int error = errno;
    if (error == ENOSPC) {
        return tg_error_set(err, TG_ERROR_FULL,
                            "%s: the limit for watched directories is reached; raise it (sysctl "
                            "fs.inotify.max_user_watches) or watch fewer of them",
                            path);
    }
    return tg_error_set_errno(err, error, "cannot watch %s", path);
}

/* Every inotify instance has the same inode as other descriptors without a file, but few of those can count what waits
 * to be read. */
static bool is_own(const struct tg_watch_tree *tree) {
    int waiting;
    return tg_descriptor_is(tree->fd, tree->device, tree->inode) && ioctl(tree->fd, FIONREAD, &waiting) == 0;
}

/* -1: `err` says why not. */
static int make_instance(struct tg_error *err) {
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 && errno == EMFILE) {
        tg_error_write(err, TG_ERROR_FULL,
                       "too many processes of this user watch files, or too many files are open here; raise the limit "
                       "(sysctl fs.inotify.max_user_instances, ulimit -n)");
    } else if (fd < 0) {
        tg_error_write_errno(err, errno, "cannot watch files");
    }
    return fd;
}

/* A process has an instance when it first watches something: there are few of them, and children may never need one. */
static enum tg_status open_instance(struct tg_watch_tree *tree, struct tg_error *err) {
    struct stat info;
    struct tg_error ignored;
    if (tree->fd >= 0) {
        return TG_OK;
    }
    err = err ? err : &ignored;
    tree->fd = tg_descriptor_lift(make_instance(err));
    if (tree->fd < 0 || fstat(tree->fd, &info) != 0) {
        return tg_status_of_failure(err->status);
    }
    tree->device = info.st_dev;
    tree->inode = info.st_ino;
    return TG_OK;
}

/* One directory. */
static enum tg_status add_directory(struct tg_watch_tree *tree, const char *path, struct tg_error *err) {
    void *items = tree->directories;
    enum tg_status status = open_instance(tree, err);
    if (status != TG_OK) {
        return status;
    }
    if (tree->directory_count >= TG_WATCH_DIRECTORIES_MAX) {
        return tg_error_set(err, TG_ERROR_FULL, "%s: more than %d directories cannot be watched; watch those below it",
                            path, TG_WATCH_DIRECTORIES_MAX);
    }
    if (!grow(&items, tree->directory_count, &tree->directory_capacity, sizeof *tree->directories)) {
        return no_memory(err);
    }
    tree->directories = items;
    int wd = inotify_add_watch(tree->fd, path, EVENTS | IN_ONLYDIR);
    if (wd < 0) {
        return refused(err, path);
    }
    struct tg_watch_directory *known = find(tree, wd);
    char *copy = known && strcmp(known->path, path) == 0 ? NULL : strdup(path);
    if (known) {
        if (copy) { /* it has been moved */
            free(known->path);
            known->path = copy;
        }
        return TG_OK;
    }
    if (!copy) {
        inotify_rm_watch(tree->fd, wd);
        return no_memory(err);
    }
    tree->directories[tree->directory_count++] = (struct tg_watch_directory){.wd = wd, .path = copy};
    return TG_OK;
}

static void forget(struct tg_watch_tree *tree, struct tg_watch_directory *directory) {
    free(directory->path);
    *directory = tree->directories[--tree->directory_count];
}

static bool is_directory(const char *path, unsigned char type) {
    struct stat info;
    return type == DT_DIR || (type == DT_UNKNOWN && lstat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

static enum tg_status add_below(struct tg_watch_tree *tree, const char *path, bool tells, struct tg_error *err);

static enum tg_status visit(struct tg_watch_tree *tree, const char *directory, const struct dirent *entry, bool tells,
                            struct tg_error *err) {
    char path[PATH_MAX];
    if (tree->hurry && atomic_load(tree->hurry)) {
        return tg_error_set(err, TG_ERROR_BUSY, "not all directories are watched yet");
    }
    if (!join(path, directory, entry->d_name)) {
        return TG_OK; /* nothing can open it by this name */
    }
    if (!is_directory(path, entry->d_type)) {
        if (tells && is_wanted(tree, directory, entry->d_name, path)) {
            add_path(&tree->changes, path);
        }
        return TG_OK;
    }
    if (is_left_out(path, entry->d_name)) {
        return TG_OK;
    }
    enum tg_status status = add_below(tree, path, tells, err);
    /* Gone again, or not for us: as if it were not there. */
    return status == TG_ERROR_NOT_FOUND || status == TG_ERROR_PERMISSION ? TG_OK : status;
}

/* A directory and all below it; its entries are read after it is watched, so that nothing falls between. `tells`: the
 * files in it are changes. */
static enum tg_status add_below(struct tg_watch_tree *tree, const char *path, bool tells, struct tg_error *err) {
    enum tg_status status = add_directory(tree, path, err);
    DIR *entries = status == TG_OK ? opendir(path) : NULL;
    if (status == TG_OK && !entries) {
        return refused(err, path);
    }
    while (entries && status == TG_OK) {
        const struct dirent *entry = readdir(entries);
        if (!entry) {
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = visit(tree, path, entry, tells, err);
        }
    }
    if (entries) {
        closedir(entries);
    }
    return status;
}

static enum tg_status add_root(struct tg_watch_tree *tree, const struct tg_watch_root *root, bool tells,
                               struct tg_error *err) {
    if (!root->is_file) {
        return add_below(tree, root->path, tells, err);
    }
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", root->path);
    char *slash = strrchr(directory, '/');
    if (slash) {
        slash[slash == directory ? 1 : 0] = '\0';
    } else {
        snprintf(directory, sizeof directory, ".");
    }
    enum tg_status status = add_directory(tree, directory, err);
    if (status == TG_OK && tells && access(root->path, F_OK) == 0) {
        add_path(&tree->changes, root->path);
    }
    return status;
}

enum tg_status tg_watch_tree_check(struct tg_error *err) {
    struct tg_error ignored;
    err = err ? err : &ignored;
    int fd = make_instance(err);
    if (fd < 0) {
        return tg_status_of_failure(err->status);
    }
    close(fd);
    return TG_OK;
}

void tg_watch_tree_init(struct tg_watch_tree *tree, const char *suffix) {
    *tree = (struct tg_watch_tree){.suffix = suffix, .fd = -1};
}

/* Of an instance that is closed. */
static void forget_directories(struct tg_watch_tree *tree) {
    for (size_t i = 0; i < tree->directory_count; i++) {
        free(tree->directories[i].path);
    }
    tree->directory_count = 0;
}

static void miss_everything(struct tg_watch_tree *tree) {
    for (struct tg_watch_root *root = tree->roots; root; root = root->next) {
        root->is_missing = true;
    }
    add_anything(&tree->changes);
}

/* The program closes descriptors that it does not know of, as daemons do: the number may be a file of its own now. */
static void leave_lost_instance(struct tg_watch_tree *tree) {
    if (tree->fd >= 0 && !is_own(tree)) {
        tree->fd = -1;
        forget_directories(tree);
        miss_everything(tree);
    }
}

static void close_instance(struct tg_watch_tree *tree) {
    if (is_own(tree)) {
        close(tree->fd);
    }
    tree->fd = -1;
}

static void free_root(struct tg_watch_root *root) {
    free(root->path);
    free(root);
}

void tg_watch_tree_release(struct tg_watch_tree *tree) {
    close_instance(tree);
    forget_directories(tree);
    free(tree->directories);
    while (tree->roots) {
        struct tg_watch_root *root = tree->roots;
        tree->roots = root->next;
        free_root(root);
    }
    tg_watch_paths_release(&tree->changes);
    tg_watch_tree_init(tree, NULL);
}

static struct tg_watch_root *new_root(const char *path, size_t length, bool is_file) {
    struct tg_watch_root *root = calloc(1, sizeof *root);
    char *copy = root ? strndup(path, length) : NULL;
    if (!copy) {
        free(root);
        return NULL;
    }
    root->path = copy;
    root->is_file = is_file;
    return root;
}

enum tg_status tg_watch_tree_add(struct tg_watch_tree *tree, const char *path, int *root, struct tg_error *err) {
    struct stat info;
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    if (length >= PATH_MAX || stat(path, &info) != 0) {
        return tg_error_set_errno(err, length >= PATH_MAX ? ENAMETOOLONG : errno, "cannot watch %.200s", path);
    }
    struct tg_watch_root *made = new_root(path, length, !S_ISDIR(info.st_mode));
    if (!made) {
        return no_memory(err);
    }
    leave_lost_instance(tree);
    made->id = tree->last_id + 1;
    made->next = tree->roots;
    tree->roots = made;
    enum tg_status status = add_root(tree, made, false, err);
    if (status != TG_OK) {
        tg_watch_tree_remove(tree, made->id);
        return status;
    }
    *root = tree->last_id = made->id;
    return TG_OK;
}

/* Whether some root needs the directory. */
static bool is_needed(const struct tg_watch_tree *tree, const char *directory) {
    for (const struct tg_watch_root *root = tree->roots; root; root = root->next) {
        const char *slash = strrchr(root->path, '/');
        size_t length = slash ? (size_t)(slash - root->path) : 0;
        bool is_parent = root->is_file && strlen(directory) == length && strncmp(root->path, directory, length) == 0;
        if (is_parent || (root->is_file && length == 0) || (!root->is_file && is_within(directory, root->path))) {
            return true;
        }
    }
    return false;
}

void tg_watch_tree_remove(struct tg_watch_tree *tree, int root) {
    struct tg_watch_root *_Atomic *link = &tree->roots;
    while (*link && (*link)->id != root) {
        link = &(*link)->next;
    }
    struct tg_watch_root *found = *link;
    if (found) {
        *link = found->next;
        free_root(found);
    }
    leave_lost_instance(tree);
    for (size_t i = tree->directory_count; i-- > 0;) {
        if (!is_needed(tree, tree->directories[i].path)) {
            inotify_rm_watch(tree->fd, tree->directories[i].wd);
            forget(tree, &tree->directories[i]);
        }
    }
}

/* A directory was moved away or removed: what is below it is not there any more. */
static void drop_below(struct tg_watch_tree *tree, const char *path) {
    for (size_t i = tree->directory_count; i-- > 0;) {
        if (is_within(tree->directories[i].path, path)) {
            inotify_rm_watch(tree->fd, tree->directories[i].wd);
            forget(tree, &tree->directories[i]);
        }
    }
}

static void directory_changed(struct tg_watch_tree *tree, const char *path, const char *name, uint32_t mask) {
    if (mask & (IN_MOVED_FROM | IN_DELETE)) {
        drop_below(tree, path);
    } else if (mask & (IN_MOVED_TO | IN_CREATE) && is_in_a_root(tree, path) && !is_left_out(path, name)) {
        struct tg_error err = TG_ERROR_INIT;
        if (add_below(tree, path, true, &err) == TG_ERROR_FULL) {
            add_anything(&tree->changes);
            tree->problem = err;
        }
    }
}

static void root_vanished(struct tg_watch_tree *tree, const char *directory) {
    for (struct tg_watch_root *root = tree->roots; root; root = root->next) {
        root->is_missing = root->is_missing || is_within(root->path, directory);
    }
}

static void take(struct tg_watch_tree *tree, const struct inotify_event *event) {
    struct tg_watch_directory *directory = find(tree, event->wd);
    char path[PATH_MAX];
    if (event->mask & IN_Q_OVERFLOW) {
        add_anything(&tree->changes);
    }
    if (!directory) {
        return;
    }
    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        snprintf(path, sizeof path, "%s", directory->path);
        root_vanished(tree, path);
        drop_below(tree, path);
    } else if (event->len > 0 && join(path, directory->path, event->name)) {
        if (event->mask & IN_ISDIR) {
            directory_changed(tree, path, event->name, event->mask);
        } else if (is_wanted(tree, directory->path, event->name, path)) {
            add_path(&tree->changes, path);
        }
    }
}

void tg_watch_tree_read(struct tg_watch_tree *tree) {
    _Alignas(struct inotify_event) char events[16384];
    leave_lost_instance(tree);
    if (tree->fd < 0) {
        return;
    }
    for (;;) {
        ssize_t length = read(tree->fd, events, sizeof events);
        if (length <= 0) {
            return;
        }
        for (ssize_t at = 0; at < length;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)&events[at];
            take(tree, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

bool tg_watch_tree_misses(const struct tg_watch_tree *tree) {
    for (const struct tg_watch_root *root = tree->roots; root; root = root->next) {
        if (root->is_missing) {
            return true;
        }
    }
    return false;
}

void tg_watch_tree_seek(struct tg_watch_tree *tree, const atomic_bool *hurry) {
    struct tg_error problem = TG_ERROR_INIT;
    tree->hurry = hurry;
    for (struct tg_watch_root *root = tree->roots; root && !atomic_load(hurry); root = root->next) {
        struct tg_error err = TG_ERROR_INIT;
        root->is_missing = root->is_missing && add_root(tree, root, !tree->changes.anything, &err) != TG_OK;
        if (root->is_missing && err.status != TG_ERROR_NOT_FOUND && err.status != TG_ERROR_BUSY) {
            problem = err;
        }
    }
    tree->hurry = NULL;
    tree->problem = problem;
}

void tg_watch_tree_after_fork_in_child(struct tg_watch_tree *tree) {
    close_instance(tree);
    tree->directories = NULL;
    tree->directory_count = tree->directory_capacity = 0;
    tree->changes = (struct tg_watch_paths){.items = NULL};
    tree->hurry = NULL;
    miss_everything(tree);
}
