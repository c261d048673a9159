/* runtime: see runtime.h. */
#include "record/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keeps the path that was just printed into the next free place, of `length` bytes, if it can be used. */
static void keep_candidate(struct tg_runtime_paths *out, int length) {
    if (length > 0 && length < TG_RUNTIME_PATH_SIZE && out->paths[out->count][0] == '/') {
        out->count++;
    }
}

static bool is_ours(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && info.st_uid == geteuid();
}

/* What everybody may write to without the sticky bit lets everybody rename what lies in it. */
static bool is_open_to_all(const struct stat *info) {
    return (info->st_mode & S_IWOTH) != 0 && (info->st_mode & S_ISVTX) == 0;
}

/* Whether a directory of ours is to be used inside this one: it is not ours alone, but nobody else's either. */
static bool is_shared(const char *path) {
    struct stat info;
    struct stat link;
    if (stat(path, &info) != 0 || lstat(path, &link) != 0 || !S_ISDIR(info.st_mode)) {
        return false;
    }
    bool is_private = info.st_uid == geteuid() && (info.st_mode & 077) == 0 && S_ISDIR(link.st_mode);
    bool is_trusted = (info.st_uid == geteuid() || info.st_uid == 0) && (link.st_uid == geteuid() || link.st_uid == 0);
    return !is_private && is_trusted && !is_open_to_all(&info);
}

/* The directory that was chosen and the one of ours inside, the one to be written to first. */
static void keep_chosen(struct tg_runtime_paths *out, const char *chosen, unsigned user) {
    bool shared = is_shared(chosen);
    const char *slash = chosen[strlen(chosen) - 1] == '/' ? "" : "/";
    for (int inside = 0; inside < 2; inside++) {
        char *path = out->paths[out->count];
        if (inside != shared) {
            keep_candidate(out, snprintf(path, TG_RUNTIME_PATH_SIZE, "%s%stachograph-%u", chosen, slash, user));
        } else {
            keep_candidate(out, snprintf(path, TG_RUNTIME_PATH_SIZE, "%s", chosen));
        }
    }
}

void tg_runtime_candidates(struct tg_runtime_paths *out) {
    out->count = 0;
    unsigned user = (unsigned)geteuid();
    const char *chosen = getenv("TACHOGRAPH_RUNTIME_DIR");
    out->is_chosen = chosen && chosen[0];
    if (out->is_chosen) {
        keep_chosen(out, chosen, user);
    }
    out->chosen_count = out->count;
    const char *session = getenv("XDG_RUNTIME_DIR");
    if (session && session[0] && is_ours(session)) {
        keep_candidate(out, snprintf(out->paths[out->count], TG_RUNTIME_PATH_SIZE, "%s/tachograph", session));
    }
    keep_candidate(out, snprintf(out->paths[out->count], TG_RUNTIME_PATH_SIZE, "/dev/shm/tachograph-%u", user));
    keep_candidate(out, snprintf(out->paths[out->count], TG_RUNTIME_PATH_SIZE, "/tmp/tachograph-%u", user));
    out->writer_count = !out->is_chosen ? out->count : out->chosen_count ? 1 : 0;
}

bool tg_runtime_is_off(char path[TG_RUNTIME_PATH_SIZE]) {
    struct tg_runtime_paths candidates;
    tg_runtime_candidates(&candidates);
    for (size_t i = 0; i < candidates.writer_count; i++) {
        int fd = -1;
        if (tg_runtime_open(candidates.paths[i], false, &fd, NULL) != TG_OK) {
            continue;
        }
        bool found = faccessat(fd, TG_RUNTIME_SWITCH, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        close(fd);
        int length = snprintf(path, TG_RUNTIME_PATH_SIZE, "%s/" TG_RUNTIME_SWITCH, candidates.paths[i]);
        return found && length < TG_RUNTIME_PATH_SIZE; /* of the directories that can be used the first is taken */
    }
    return false;
}

static enum tg_status check_ours(int fd, const char *path, const char *what, const char *variable,
                                 struct tg_error *err) {
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return tg_error_set_errno(err, errno, "cannot look at %s \"%s\"", what, path);
    }
    if (is_open_to_all(&status) && (status.st_uid == geteuid() || status.st_uid == 0)) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "everybody can replace what lies in %s \"%s\" (mode %03o); set %s to a new directory "
                            "inside it",
                            what, path, (unsigned)(status.st_mode & 0777), variable);
    }
    if (status.st_uid != geteuid()) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "%s \"%s\" belongs to user %u; set %s to one of your own", what,
                            path, (unsigned)status.st_uid, variable);
    }
    if ((status.st_mode & 077) != 0) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "%s \"%s\" is open to other users (mode %03o); run chmod 700 on it", what, path,
                            (unsigned)(status.st_mode & 0777));
    }
    return TG_OK;
}

/* Links are not followed: whoever may replace one decides where we write. */
static enum tg_status refuse_open(int error, const char *path, const char *what, const char *variable,
                                  struct tg_error *err) {
    struct stat info;
    if ((error != ENOTDIR && error != ELOOP) || lstat(path, &info) != 0) {
        return tg_error_set_errno(err, error, "cannot open %s \"%s\"", what, path);
    }
    if (S_ISLNK(info.st_mode)) {
        return tg_error_set(err, TG_ERROR_PERMISSION, "%s \"%s\" is a symbolic link; set %s to the directory itself",
                            what, path, variable);
    }
    return tg_error_set(err, TG_ERROR_PERMISSION, "%s \"%s\" is no directory; set %s to one of your own", what, path,
                        variable);
}

enum tg_status tg_runtime_open_other(const char *path, const char *what, const char *variable, bool create, int *fd,
                                     struct tg_error *err) {
    if (create && mkdir(path, 0700) != 0 && errno != EEXIST) {
        return tg_error_set_errno(err, errno, "cannot make %s \"%s\"", what, path);
    }
    int opened = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0) {
        return refuse_open(errno, path, what, variable, err);
    }
    enum tg_status status = check_ours(opened, path, what, variable, err);
    if (status != TG_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    return TG_OK;
}

enum tg_status tg_runtime_open(const char *path, bool create, int *fd, struct tg_error *err) {
    return tg_runtime_open_other(path, "runtime directory", "TACHOGRAPH_RUNTIME_DIR", create, fd, err);
}

enum tg_status tg_runtime_check_chosen(struct tg_error *err) {
    struct tg_runtime_paths candidates;
    tg_runtime_candidates(&candidates);
    if (!candidates.is_chosen) {
        return TG_OK;
    }
    if (candidates.chosen_count == 0) {
        return tg_error_set(err, TG_ERROR_INVALID, "TACHOGRAPH_RUNTIME_DIR cannot be '%s': name an absolute path",
                            getenv("TACHOGRAPH_RUNTIME_DIR"));
    }
    int fd = -1;
    enum tg_status status = tg_runtime_open(candidates.paths[0], false, &fd, err);
    if (status == TG_OK) {
        close(fd);
    }
    return status == TG_ERROR_NOT_FOUND ? TG_OK : status;
}
