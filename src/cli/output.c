/* output: see output.h. */
#include "cli/output.h"

#include "base/strbuf.h"
#include "base/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tg_output_write(int fd, const char *text, size_t length) {
    for (size_t written = 0; written < length;) {
        ssize_t result = write(fd, text + written, length - written);
        if (result >= 0) {
            written += (size_t)result;
        } else if (errno == EAGAIN) {
            struct pollfd waiting = {.fd = fd, .events = POLLOUT};
            if (poll(&waiting, 1, -1) < 0 && errno != EINTR) {
                return errno;
            }
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

enum tg_status tg_output_print(const char *text, size_t length, struct tg_error *err) {
    int error = tg_output_write(STDOUT_FILENO, text, length);
    return error && error != EPIPE ? tg_error_set_errno(err, error, "cannot write to standard output") : TG_OK;
}

static enum tg_status cannot_write(struct tg_error *err, int error, const char *path) {
    return tg_error_set_errno(err, error, "cannot write '%s'", path);
}

/* What `path` leads to, in the end, so that a link stays a link. The caller frees it; NULL: out of memory. */
static char *resolve(const char *path) {
    char *resolved = realpath(path, NULL);
    return resolved ? resolved : strdup(path); /* not there yet */
}

/* The directory of a path, with its last slash; "" for the current one. */
static void append_directory(struct tg_strbuf *out, const char *path) {
    const char *slash = strrchr(path, '/');
    tg_strbuf_append_bytes(out, path, slash ? (size_t)(slash - path) + 1 : 0);
}

/* The mode that a plain open() would leave: the old file's, or what the umask allows. */
static mode_t wanted_mode(const struct stat *old) {
    if (old) {
        return old->st_mode & 07777;
    }
    mode_t mask = umask(0);
    umask(mask);
    return 0666 & ~mask;
}

static enum tg_status write_beside(const char *path, const struct stat *old, const char *text, size_t length,
                                   struct tg_error *err) {
    enum tg_status status = TG_OK;
    struct tg_strbuf beside = TG_STRBUF_INIT;
    append_directory(&beside, path);
    tg_strbuf_append(&beside, ".tachograph-XXXXXX");
    if (tg_strbuf_status(&beside) != TG_OK) {
        tg_strbuf_release(&beside);
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write '%s'", path);
    }
    int fd = mkostemp(beside.data, O_CLOEXEC);
    bool made = fd >= 0;
    int error = made ? tg_output_write(fd, text, length) : errno;
    if (!error && fchmod(fd, wanted_mode(old)) != 0) {
        error = errno;
    }
    if (made && close(fd) != 0 && !error) {
        error = errno;
    }
    if (!error && rename(beside.data, path) != 0) {
        error = errno;
    }
    if (error) {
        status = cannot_write(err, error, path);
        if (made) {
            unlink(beside.data);
        }
    }
    tg_strbuf_release(&beside);
    return status;
}

static enum tg_status write_into(const char *path, const char *text, size_t length, struct tg_error *err) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int error = fd < 0 ? errno : tg_output_write(fd, text, length);
    if (fd >= 0 && close(fd) != 0 && !error) {
        error = errno;
    }
    return error ? cannot_write(err, error, path) : TG_OK;
}

enum tg_status tg_output_replace(const char *path, const char *text, size_t length, struct tg_error *err) {
    struct stat old;
    bool exists = stat(path, &old) == 0;
    if (exists && !S_ISREG(old.st_mode)) {
        return write_into(path, text, length, err);
    }
    char *resolved = resolve(path);
    if (!resolved) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to write '%s'", path);
    }
    enum tg_status status = write_beside(resolved, exists ? &old : NULL, text, length, err);
    free(resolved);
    return status;
}

enum tg_status tg_output_check(const char *path, struct tg_error *err) {
    struct stat old;
    if (!path[0]) {
        return tg_error_set(err, TG_ERROR_INVALID, "the name of the output file is empty");
    }
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode)) {
        return access(path, W_OK) == 0 && !S_ISDIR(old.st_mode)
                   ? TG_OK
                   : cannot_write(err, S_ISDIR(old.st_mode) ? EISDIR : errno, path);
    }
    char *resolved = resolve(path);
    struct tg_strbuf directory = TG_STRBUF_INIT;
    append_directory(&directory, resolved ? resolved : path);
    tg_strbuf_append_char(&directory, '.');
    int error = tg_strbuf_status(&directory) == TG_OK ? tg_trial_directory(tg_strbuf_text(&directory)) : ENOMEM;
    enum tg_status status = error ? cannot_write(err, error, path) : TG_OK;
    tg_strbuf_release(&directory);
    free(resolved);
    return status;
}
