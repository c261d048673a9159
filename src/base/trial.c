/* trial: see trial.h. */
#include "base/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tg_trial_directory(const char *path) {
    struct tg_strbuf name = TG_STRBUF_INIT;
    tg_strbuf_printf(&name, "%s/.tachograph-XXXXXX", path);
    if (tg_strbuf_status(&name) != TG_OK) {
        tg_strbuf_release(&name);
        return ENOMEM;
    }
    int fd = access(path, W_OK | X_OK) == 0 ? mkostemp(name.data, O_CLOEXEC) : -1;
    int error = fd >= 0 ? 0 : errno;
    if (fd >= 0) {
        close(fd);
        unlink(name.data);
    }
    tg_strbuf_release(&name);
    return error == ENOSPC || error == EDQUOT ? 0 : error;
}

void tg_trial_append_existing(struct tg_strbuf *out, const char *path) {
    struct stat info;
    size_t start = out->length;
    tg_strbuf_append(out, path);
    while (out->length > start + 1 && stat(tg_strbuf_text(out) + start, &info) != 0) {
        const char *slash = strrchr(tg_strbuf_text(out) + start, '/');
        size_t length = slash ? (size_t)(slash - tg_strbuf_text(out)) : start;
        tg_strbuf_truncate(out, length);
        if (length == start) {
            tg_strbuf_append(out, slash ? "/" : ".");
        }
    }
}
