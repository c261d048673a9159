#include "sample/refusal.h"

#include "sample/task.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCOPE_FILE "/proc/sys/kernel/yama/ptrace_scope"

/* The first bytes of a small file as a string; false: it cannot be read. */
static bool read_text(const char *path, char *text, size_t size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

/* What Yama allows: 0 all that the user may, 1 descendants alone, 2 root alone, 3 nothing. 0 where there is no Yama. */
static long ptrace_scope(void) {
    char text[16];
    return read_text(SCOPE_FILE, text, sizeof text) ? strtol(text, NULL, 10) : 0;
}

bool tg_refusal_may_trace_everything(void) {
    char value[32];
    uint64_t effective = tg_task_status(getpid(), "CapEff", value, sizeof value) ? strtoull(value, NULL, 16) : 0;
    return effective >> CAP_SYS_PTRACE & 1;
}

/* Who runs the process. Its directory belongs to root when it may not be looked into, so its status is asked. */
static bool owner_of(pid_t pid, uid_t *uid) {
    char value[64];
    if (!tg_task_status(pid, "Uid", value, sizeof value)) {
        return false;
    }
    *uid = (uid_t)strtoul(value, NULL, 10);
    return true;
}

static enum tg_status refuse_foreign(pid_t pid, uid_t owner, struct tg_error *err) {
    struct passwd entry, *found = NULL;
    char bytes[1024];
    if (getpwuid_r(owner, &entry, bytes, sizeof bytes, &found) != 0 || !found) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "process %ld belongs to the user with number %u: run tachograph as that user, or as root",
                            (long)pid, (unsigned)owner);
    }
    return tg_error_set(err, TG_ERROR_PERMISSION,
                        "process %ld belongs to %s: run tachograph as that user (sudo -u %s) or as root (sudo)",
                        (long)pid, entry.pw_name, entry.pw_name);
}

static enum tg_status explain_permission(pid_t pid, struct tg_error *err) {
    uid_t owner;
    long scope = ptrace_scope();
    if (owner_of(pid, &owner) && geteuid() != 0 && owner != geteuid()) {
        return refuse_foreign(pid, owner, err);
    }
    if (scope >= 3) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "this system lets nobody read another process (" SCOPE_FILE
                            " is %ld), which only a restart "
                            "can change: sample from inside instead, with tachograph run",
                            scope);
    }
    if (geteuid() == 0 && !tg_refusal_may_trace_everything()) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "this container may not read other processes: start it with --cap-add=SYS_PTRACE (in "
                            "Kubernetes: securityContext.capabilities.add SYS_PTRACE)");
    }
    if (scope > 0 && geteuid() != 0) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "this system lets only %s read process %ld (" SCOPE_FILE
                            " is %ld): run tachograph with sudo, "
                            "or allow it until the next restart with sudo sysctl kernel.yama.ptrace_scope=0",
                            scope == 1 ? "its parents" : "root", (long)pid, scope);
    }
    if (geteuid() != 0) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "process %ld may not be read by its own user, because it has or had more rights (set-uid, "
                            "capabilities) or has asked for it (prctl): run tachograph as root (sudo)",
                            (long)pid);
    }
    return tg_error_set(err, TG_ERROR_PERMISSION,
                        "the system refuses to read process %ld even to root: look for a security module (SELinux, "
                        "AppArmor) or a filter of system calls (seccomp) that forbids ptrace",
                        (long)pid);
}

enum tg_status tg_refusal_explain(pid_t pid, int errnum, struct tg_error *err) {
    switch (errnum) {
    case ESRCH:
    case ENOENT:
        return tg_error_set(err, TG_ERROR_NOT_FOUND, "there is no process %ld (any more)", (long)pid);
    case EPERM:
    case EACCES:
        return explain_permission(pid, err);
    default:
        return tg_error_set_errno(err, errnum, "cannot look into process %ld", (long)pid);
    }
}
