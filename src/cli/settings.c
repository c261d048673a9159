/* settings: see settings.h. */
#include "cli/settings.h"

#include "base/nearest.h"
#include "base/yes_no.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "TACHOGRAPH_"

/* Without the prefix that all have: it would make any two of them look alike. */
static const char *const names[] = {
    "CLOCK",   "DISABLE",         "EXCLUDE",   "INTERVAL", "PYTHON",         "RUN",  "RUN_PID", "RUNTIME_DIR",
    "SERVICE", "SERVICE_VERSION", "SPOOL_DIR", "STORE",    "STORE_PASSWORD", "TIME",
};
#define NAMES (sizeof names / sizeof names[0])

static bool is_known(const char *name) {
    for (size_t i = 0; i < NAMES; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static enum tg_status refuse(const char *name, struct tg_error *err) {
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, name);
    for (size_t i = 0; i < NAMES; i++) {
        tg_nearest_offer(&nearest, names[i]);
    }
    if (nearest.count > 0) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "unknown setting " PREFIX "%s in the environment; did you mean " PREFIX "%s?", name,
                            nearest.names[0]);
    }
    return tg_error_set(err, TG_ERROR_INVALID, "unknown setting " PREFIX "%s in the environment; unset it", name);
}

enum tg_status tg_settings_check(struct tg_error *err) {
    for (char **variable = environ; *variable; variable++) {
        if (strncmp(*variable, PREFIX, strlen(PREFIX)) != 0) {
            continue;
        }
        char name[TG_NEAREST_NAME_SIZE];
        const char *rest = *variable + strlen(PREFIX);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(rest, "="), rest);
        if (!is_known(name)) {
            return refuse(name, err);
        }
    }
    return TG_OK;
}

bool tg_settings_disabled(struct tg_error *note) {
    const char *value = getenv("TACHOGRAPH_DISABLE");
    if (!value || tg_yes_no_is_no(value)) {
        return false;
    }
    if (!tg_yes_no_is_yes(value)) {
        tg_error_set(note, TG_ERROR_INVALID, "TACHOGRAPH_DISABLE cannot be '%s': nothing is timed; set it to 1 or 0",
                     value);
    }
    return true;
}
