/*
 * borrowed_user: touching files as the user of another process, for root. The process may have a file system of its own
 * in which it puts links where we are about to write: with its own rights that leads it to nothing that it could not
 * touch itself.
 *
 * Only the rights to files are borrowed, not those to processes. Threads: the calling one's user, but the supplementary
 * groups of all: for programs of one thread.
 */
#ifndef TG_BORROWED_USER_H
#define TG_BORROWED_USER_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define TG_BORROWED_GROUPS_MAX 256

/* What is put back. */
struct tg_borrowed_user {
    bool is_borrowed;
    uid_t user;
    gid_t group;
    int group_count;
    gid_t groups[TG_BORROWED_GROUPS_MAX];
};

/* From now on files are touched as the user of `pid`; who is that user already stays as he is. TG_ERROR_NOT_FOUND:
 * there is no such process; TG_ERROR_PERMISSION: one may not be that user. */
TG_NODISCARD enum tg_status tg_borrow_user(struct tg_borrowed_user *self, pid_t pid, struct tg_error *err);
void tg_return_user(const struct tg_borrowed_user *self);

#endif
