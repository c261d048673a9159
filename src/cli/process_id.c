/* process_id: see process_id.h. */
#include "cli/process_id.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum tg_status tg_process_id_check(const char *value, struct tg_error *err) {
    char *end = NULL;
    errno = 0;
    unsigned long long pid = strtoull(value, &end, 10);
    return *value >= '1' && *value <= '9' && *end == '\0' && errno == 0 && pid <= INT32_MAX
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID, "'%s' is no process id: write a number, as in -p 4711", value);
}

pid_t tg_process_id_of(const char *value) {
    return (pid_t)strtol(value, NULL, 10);
}

char **tg_process_id_take(const char **pid, char **words) {
    if (!*pid && words[0] && !words[1] && tg_process_id_check(words[0], NULL) == TG_OK) {
        *pid = *words++;
    }
    return words;
}

static enum tg_status refuse_foreign(pid_t pid, uid_t owner, const char *command, struct tg_error *err) {
    if (owner == 0) {
        return tg_error_set(err, TG_ERROR_PERMISSION,
                            "process %ld belongs to root, who alone may use its recording: sudo tachograph %s -p %ld",
                            (long)pid, command, (long)pid);
    }
    unsigned user = (unsigned)owner;
    return tg_error_set(err, TG_ERROR_PERMISSION,
                        "process %ld belongs to user %u, who alone may use its recording; root may be that user: sudo "
                        "-u '#%u' XDG_RUNTIME_DIR=/run/user/%u tachograph %s -p %ld",
                        (long)pid, user, user, user, command, (long)pid);
}

enum tg_status tg_process_id_refuse(pid_t pid, const char *command, struct tg_error *err) {
    char path[32];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%ld", (long)pid);
    if (stat(path, &info) != 0) {
        return tg_error_set(err, TG_ERROR_NOT_FOUND,
                            "there is no process %ld (any more), and no recording of one; 'tachograph top' shows all",
                            (long)pid);
    }
    if (info.st_uid != geteuid()) {
        return refuse_foreign(pid, info.st_uid, command, err);
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        "process %ld has no recording: start it with 'tachograph run', or set TACHOGRAPH_RUNTIME_DIR "
                        "as it is set there",
                        (long)pid);
}
