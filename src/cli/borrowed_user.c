#include "cli/borrowed_user.h"

#include "sample/task.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <unistd.h>

/* The last of four numbers in that line of /proc/PID/status: what the process touches files as. The owner of /proc/PID
 * would not do: of a process that may not be dumped it is root. */
static bool read_id(pid_t pid, const char *field, unsigned *id) {
    char value[64];
    char *at = value, *end = value;
    bool is_read = tg_task_status(pid, field, value, sizeof value);
    for (int i = 0; i < 4 && is_read; i++) {
        *id = (unsigned)strtoul(at, &end, 10);
        is_read = end != at;
        at = end;
    }
    return is_read;
}

enum tg_status tg_borrow_user(struct tg_borrowed_user *self, pid_t pid, struct tg_error *err) {
    uid_t user;
    gid_t group;
    *self = (struct tg_borrowed_user){.user = geteuid(), .group = getegid()};
    if (!read_id(pid, "Uid", &user) || !read_id(pid, "Gid", &group)) {
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
