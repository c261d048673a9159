/* sqlite_system: see sqlite_system.h. */
#include "store/sqlite_system.h"

#include "base/strbuf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(sizeof(off_t) == 8, "a place in a file is what SQLite takes it for");

#define DESCRIPTOR_COUNT_MAX 1024 /* of SQLite, in one process: four for each connection */
#define LOCK_TRIES           100  /* 10 ms apart */

struct tg_sqlite_file {
    struct tg_sqlite_file *next;
    dev_t device;
    ino_t inode;
    int fd;
    unsigned reference_count;
    unsigned generation; /* when it was opened */
    bool read_only;
};

/* Guards what follows. Taken after any mutex of SQLite's, and nothing of SQLite is called under it. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct tg_sqlite_file *files;
static int descriptors[DESCRIPTOR_COUNT_MAX]; /* that SQLite has open */
static size_t descriptor_count;

static _Atomic unsigned generation;

unsigned tg_sqlite_system_generation(void) {
    return atomic_load_explicit(&generation, memory_order_relaxed);
}

/* Under the mutex. */
static struct tg_sqlite_file *find_file(const struct stat *info) {
    for (struct tg_sqlite_file *file = files; file; file = file->next) {
        if (file->device == info->st_dev && file->inode == info->st_ino) {
            return file;
        }
    }
    return NULL;
}

static int open_or_share(const char *path, int flags, mode_t mode) {
    struct stat info;
    if (!(flags & O_EXCL) && stat(path, &info) == 0) {
        const struct tg_sqlite_file *file = find_file(&info);
        if (file) {
            return fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
        }
    }
    return open(path, flags | O_CLOEXEC, mode);
}

static int system_open(const char *path, int flags, int mode) {
    int fd = -1;
    pthread_mutex_lock(&mutex);
    if (descriptor_count == DESCRIPTOR_COUNT_MAX) {
        errno = EMFILE;
    } else {
        fd = open_or_share(path, flags, (mode_t)mode);
        if (fd >= 0) {
            descriptors[descriptor_count++] = fd;
        }
    }
    pthread_mutex_unlock(&mutex);
    return fd;
}

static int system_close(int fd) {
    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < descriptor_count; i++) {
        if (descriptors[i] == fd) {
            descriptors[i] = descriptors[--descriptor_count];
            break;
        }
    }
    int result = close(fd);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* The commands that SQLite uses: locks, which become ours, and those with a number. */
static int system_fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    int result = -1;
    if (command == F_SETLK || command == F_SETLKW || command == F_GETLK) {
        struct flock *lock = va_arg(arguments, struct flock *);
        lock->l_pid = 0;
        result = fcntl(fd, command == F_GETLK ? F_OFD_GETLK : command == F_SETLK ? F_OFD_SETLK : F_OFD_SETLKW, lock);
    } else {
        result = fcntl(fd, command, va_arg(arguments, int));
    }
    va_end(arguments);
    return result;
}

/* A quota or a limit is a full disk too, which SQLite knows by one number alone. */
static ssize_t system_pwrite(int fd, const void *bytes, size_t count, off_t place) {
    ssize_t result = pwrite(fd, bytes, count, place);
    if (result < 0 && (errno == EDQUOT || errno == EFBIG)) {
        errno = ENOSPC;
    }
    return result;
}

/* A mapping keeps its file's description, and so its locks: a child inherits none. */
static void *system_mmap(void *address, size_t length, int protection, int flags, int fd, off_t place) {
    void *mapping = mmap(address, length, protection, flags, fd, place);
    if (mapping != MAP_FAILED && madvise(mapping, length, MADV_DONTFORK) != 0) {
        munmap(mapping, length);
        return MAP_FAILED;
    }
    return mapping;
}

/* Makes inodes of this generation differ from those that SQLite knows from before a fork. */
static void mark(struct stat *info) {
    info->st_dev ^= (dev_t)tg_sqlite_system_generation() << 32U;
}

static int system_stat(const char *path, struct stat *info) {
    int result = stat(path, info);
    mark(info);
    return result;
}

static int system_fstat(int fd, struct stat *info) {
    int result = fstat(fd, info);
    mark(info);
    return result;
}

/* In the order in which SQLite takes them. */
static const int static_mutexes[] = {
    SQLITE_MUTEX_STATIC_OPEN, SQLITE_MUTEX_STATIC_PRNG, SQLITE_MUTEX_STATIC_MAIN, SQLITE_MUTEX_STATIC_VFS1,
    SQLITE_MUTEX_STATIC_LRU,  SQLITE_MUTEX_STATIC_PMEM, SQLITE_MUTEX_STATIC_MEM,
};
#define STATIC_MUTEX_COUNT (sizeof static_mutexes / sizeof static_mutexes[0])

static void before_fork(void) {
    for (size_t i = 0; i < STATIC_MUTEX_COUNT; i++) {
        sqlite3_mutex_enter(sqlite3_mutex_alloc(static_mutexes[i]));
    }
    pthread_mutex_lock(&mutex);
}

static void after_fork(void) {
    pthread_mutex_unlock(&mutex);
    for (size_t i = STATIC_MUTEX_COUNT; i > 0; i--) {
        sqlite3_mutex_leave(sqlite3_mutex_alloc(static_mutexes[i - 1]));
    }
}

static void after_fork_in_child(void) {
    for (size_t i = 0; i < descriptor_count; i++) {
        close(descriptors[i]);
    }
    descriptor_count = 0;
    for (const struct tg_sqlite_file *file = files; file; file = file->next) {
        close(file->fd);
    }
    files = NULL; /* their connections are lost with them: memory that nobody can free safely */
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
    after_fork();
}

static bool replace(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr with) {
    return vfs->xSetSystemCall(vfs, name, with) == SQLITE_OK;
}

static bool is_installed;

static void install(void) {
    if (sqlite3_threadsafe() == 0 || sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK
        || sqlite3_initialize() != SQLITE_OK) {
        return;
    }
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    is_installed = vfs && vfs->iVersion >= 3 && replace(vfs, "open", (sqlite3_syscall_ptr)system_open)
                   && replace(vfs, "close", (sqlite3_syscall_ptr)system_close)
                   && replace(vfs, "fcntl", (sqlite3_syscall_ptr)system_fcntl)
                   && replace(vfs, "pwrite", (sqlite3_syscall_ptr)system_pwrite)
                   && replace(vfs, "pwrite64", (sqlite3_syscall_ptr)system_pwrite)
                   && replace(vfs, "mmap", (sqlite3_syscall_ptr)system_mmap)
                   && replace(vfs, "stat", (sqlite3_syscall_ptr)system_stat)
                   && replace(vfs, "fstat", (sqlite3_syscall_ptr)system_fstat)
                   && pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0;
}

static enum tg_status prepare_sqlite(struct tg_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    return is_installed ? TG_OK : tg_error_set(err, TG_ERROR_UNSUPPORTED, "this build's SQLite cannot be used");
}

/* Makes the folders that a path leads through. */
static enum tg_status make_folders(const char *path, struct tg_error *err) {
    char *folder = strdup(path);
    if (!folder) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to open \"%s\"", path);
    }
    enum tg_status status = TG_OK;
    for (char *slash = strchr(folder + 1, '/'); slash && status == TG_OK; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            struct stat info;
            int reason = errno;
            /* It may be there and yet not be ours to make (EACCES, EROFS). */
            if (stat(folder, &info) != 0) {
                status = tg_error_set_errno(err, reason, "cannot make the folder \"%s\"", folder);
            }
        }
        *slash = '/';
    }
    free(folder);
    return status;
}

/* What a history that was deleted has left behind would be taken for parts of the new one. */
static void remove_leftovers(const char *path) {
    static const char *const endings[] = {"-wal", "-shm", "-journal"};
    struct tg_strbuf leftover = TG_STRBUF_INIT;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        tg_strbuf_truncate(&leftover, 0);
        tg_strbuf_printf(&leftover, "%s%s", path, endings[i]);
        if (tg_strbuf_status(&leftover) == TG_OK) {
            unlink(tg_strbuf_text(&leftover));
        }
    }
    tg_strbuf_release(&leftover);
}

/* Released by closing. Those who make a history hold the lock for a moment; somebody else may hold it for ever. */
static enum tg_status lock_folder(int *fd, const char *folder, struct tg_error *err) {
    const struct timespec pause = {.tv_nsec = 10000000};
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_locked = *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0;
    for (int i = 0; i < LOCK_TRIES && *fd >= 0 && !is_locked && errno == EWOULDBLOCK; i++) {
        nanosleep(&pause, NULL);
        is_locked = flock(*fd, LOCK_EX | LOCK_NB) == 0;
    }
    return is_locked ? TG_OK : tg_error_set_errno(err, errno, "cannot lock \"%s\" to make a history in it", folder);
}

/* Makes the file. Under a lock of its folder, so that nobody makes it, and begins to use it, while leftovers go. */
static enum tg_status create_file(int *fd, const char *path, struct tg_error *err) {
    enum tg_status status = make_folders(path, err);
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    int folder_fd = -1;
    if (status == TG_OK && !folder) {
        status = tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to make the history \"%s\"", path);
    }
    if (status == TG_OK) {
        status = lock_folder(&folder_fd, folder, err);
    }
    if (status == TG_OK) {
        if (access(path, F_OK) != 0) {
            remove_leftovers(path);
        }
        *fd = open(path, O_RDWR | O_CLOEXEC | O_CREAT, 0600);
        if (*fd < 0) {
            status = tg_error_set_errno(err, errno, "cannot make the history \"%s\"", path);
        }
    }
    if (folder_fd >= 0) {
        close(folder_fd);
    }
    free(folder);
    return status;
}

static enum tg_status open_descriptor(int *fd, bool *read_only, const char *path, bool create, struct tg_error *err) {
    *read_only = false;
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is a directory: name a file in it, as in %s/shop.db", path,
                            path);
    }
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT && create) {
        return create_file(fd, path, err);
    }
    if (*fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) {
        int reason = errno;
        *fd = open(path, O_RDONLY | O_CLOEXEC);
        *read_only = true;
        errno = reason;
    }
    return *fd >= 0 ? TG_OK : tg_error_set_errno(err, errno, "cannot open the history \"%s\"", path);
}

/* Takes ownership of `fd`. */
static enum tg_status take_part(struct tg_sqlite_file **result, int fd, bool read_only, const struct stat *info,
                                struct tg_error *err) {
    pthread_mutex_lock(&mutex);
    struct tg_sqlite_file *file = find_file(info);
    if (file) {
        file->reference_count++;
        close(fd);
    } else if ((file = malloc(sizeof *file))) {
        *file = (struct tg_sqlite_file){
            .next = files,
            .device = info->st_dev,
            .inode = info->st_ino,
            .fd = fd,
            .reference_count = 1,
            .generation = tg_sqlite_system_generation(),
            .read_only = read_only,
        };
        files = file;
    } else {
        close(fd);
    }
    pthread_mutex_unlock(&mutex);
    *result = file;
    return file ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to open a history");
}

enum tg_status tg_sqlite_file_open(struct tg_sqlite_file **file, const char *path, bool create, struct tg_error *err) {
    *file = NULL;
    int fd = -1;
    bool read_only = false;
    struct stat info;
    enum tg_status status = prepare_sqlite(err);
    if (status == TG_OK) {
        status = open_descriptor(&fd, &read_only, path, create, err);
    }
    if (status != TG_OK) {
        return status;
    }
    if (fstat(fd, &info) != 0) {
        status = tg_error_set_errno(err, errno, "cannot look at the history \"%s\"", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is no file: name one to keep the history in", path);
    }
    if (status != TG_OK) {
        close(fd);
        return status;
    }
    return take_part(file, fd, read_only, &info, err);
}

void tg_sqlite_file_close(struct tg_sqlite_file *file) {
    if (!file || file->generation != tg_sqlite_system_generation()) {
        return; /* a parent's */
    }
    pthread_mutex_lock(&mutex);
    if (--file->reference_count == 0) {
        struct tg_sqlite_file **place = &files;
        while (*place != file) {
            place = &(*place)->next;
        }
        *place = file->next;
        close(file->fd);
        free(file);
    }
    pthread_mutex_unlock(&mutex);
}

bool tg_sqlite_file_is_read_only(const struct tg_sqlite_file *file) {
    return file->read_only;
}

bool tg_sqlite_file_is_at(const struct tg_sqlite_file *file, const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && info.st_dev == file->device && info.st_ino == file->inode;
}
