#include "cli/borrowed_user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

/* The last of four numbers at that line of /proc/PID/status: what the process touches files as. The owner of /proc/PID
 * would not do: of a process that may not be dumped it is root. */
static bool read_id(const char *status, const char *line, unsigned *id) {
    const char *at = strstr(status, line);
    if (!at) {
        return false;
    }
    at += strlen(line);
    for (int i = 0; i < 4; i++) {
        char *end;
        *id = (unsigned)strtoul(at, &end, 10);
        if (end == at) {
            return false;
        }
        at = end;
    }
    return true;
}

static bool read_owner(pid_t pid, uid_t *user, gid_t *group) {
    char text[4096];
    snprintf(text, sizeof text, "/proc/%ld/status", (long)pid);
    int fd = open(text, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    return read_id(text, "\nUid:", user) && read_id(text, "\nGid:", group);
}

enum tg_status tg_borrow_user(struct tg_borrowed_user *self, pid_t pid, struct tg_error *err) {
    uid_t user;
    gid_t group;
    *self = (struct tg_borrowed_user){.user = geteuid(), .group = getegid()};
    if (!read_owner(pid, &user, &group)) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "process %ld has ended", (long)pid);
    }
    if (user == self->user) {
        return TG_OK;
    }
    self->group_count = getgroups(TG_BORROWED_GROUPS_MAX, self->groups);
    if (self->group_count < 0 || setgroups(0, NULL) != 0) {
        return tg_error_set_errno(err, errno, "cannot act as the user of process %ld", (long)pid);
    }
    self->is_borrowed = true;
    setfsgid(group);
    setfsuid(user);
    if ((uid_t)setfsuid((uid_t)-1) != user || (gid_t)setfsgid((gid_t)-1) != group) {
        tg_return_user(self);
        return tg_error_set(err, TG_ERROR_PERMISSION, "cannot act as the user of process %ld: be that user, or root",
                            (long)pid);
    }
    return TG_OK;
}

void tg_return_user(const struct tg_borrowed_user *self) {
    if (self->is_borrowed) {
        setfsuid(self->user);
        setfsgid(self->group);
        int failed = setgroups((size_t)self->group_count, self->groups);
        (void)failed; /* then it has fewer rights than before */
    }
}
