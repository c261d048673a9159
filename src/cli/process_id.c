/* process_id: see process_id.h. */
#include "cli/process_id.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

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
