/* setting: see setting.h. */
#include "settings/setting.h"

#include "base/nearest.h"
#include "base/pattern.h"
#include "base/strbuf.h"
#include "base/yes_no.h"
#include "collect/collector.h"
#include "measure/clock.h"
#include "record/control.h"
#include "store/store.h"
#include "store/store_url.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define NS_PER_S 1e9

enum tg_status tg_setting_check_store(const char *value, struct tg_error *err) {
    return strcmp(value, TG_NO_STORE) == 0 ? TG_OK : tg_store_check_url(value, err);
}

enum tg_status tg_setting_check_interval(const char *value, struct tg_error *err) {
    char *end;
    double seconds = strtod(value, &end);
    if (end == value || *end || !isfinite(seconds) || seconds * NS_PER_S < (double)TG_COLLECTOR_INTERVAL_MIN_NS
        || seconds * NS_PER_S > (double)TG_COLLECTOR_INTERVAL_MAX_NS) {
        return tg_error_set(err, TG_ERROR_INVALID, "'%s' is no interval: give seconds, from 0.01 to 86400", value);
    }
    return TG_OK;
}

enum tg_status tg_setting_check_patterns(const char *value, struct tg_error *err) {
    enum tg_status status = TG_OK;
    while (*value && status == TG_OK) {
        struct tg_strbuf line = TG_STRBUF_INIT;
        size_t length = strcspn(value, "\n");
        tg_strbuf_append_bytes(&line, value, length);
        status = tg_strbuf_status(&line);
        if (status == TG_OK && length > 0) {
            status = tg_pattern_validate(tg_strbuf_text(&line), err);
        } else if (status != TG_OK) {
            tg_error_set(err, status, "not enough memory for the patterns");
        }
        tg_strbuf_release(&line);
        value += length;
        value += *value == '\n';
    }
    return status;
}

enum tg_status tg_setting_check_hz(const char *value, struct tg_error *err) {
    char *end;
    double hz = strtod(value, &end);
    if (end == value || *end || !(hz >= 0.0 && hz <= TG_SAMPLER_RATE_MAX_HZ)) {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "'%s' is no rate of sampling: give samples a second, up to %u; 0 takes none", value,
                            TG_SAMPLER_RATE_MAX_HZ);
    }
    return TG_OK;
}

static enum tg_status check_yes_no(const char *value, struct tg_error *err) {
    if (tg_yes_no_is_yes(value) || tg_yes_no_is_no(value)) {
        return TG_OK;
    }
    return tg_error_set(err, TG_ERROR_INVALID, "'%s' is neither yes nor no: give 1 or 0", value);
}

static enum tg_status check_mode(const char *value, struct tg_error *err) {
    enum tg_sampler_mode mode;
    return tg_sampler_mode_parse(value, &mode, err);
}

static enum tg_status check_clock(const char *value, struct tg_error *err) {
    enum tg_clock_kind kind;
    return tg_clock_parse(value, &kind, err);
}

static enum tg_status check_directory(const char *value, struct tg_error *err) {
    return value[0] == '/'
               ? TG_OK
               : tg_error_set(err, TG_ERROR_INVALID,
                              "'%s' is no absolute path: processes in other directories would look elsewhere", value);
}

const struct tg_setting tg_setting_table[TG_SETTING_COUNT] = {
    [TG_SETTING_SERVICE] = {.variable = "TACHOGRAPH_SERVICE",
                            .key = "service",
                            .option = "service",
                            .argument = "service",
                            .help = "the service's name: what its processes add up to",
                            .without = "[project].name of the pyproject.toml, else the script's name"},
    [TG_SETTING_VERSION] = {.variable = "TACHOGRAPH_SERVICE_VERSION",
                            .key = "version",
                            .option = "version",
                            .argument = "version",
                            .help = "the version that runs, to compare with others later"},
    [TG_SETTING_STORE] = {.variable = "TACHOGRAPH_STORE",
                          .key = "store",
                          .option = "store",
                          .argument = "store",
                          .kind = TG_SETTING_URL,
                          .help = "where the history is kept, and looked for: a path, sqlite:///PATH or "
                                  "mysql://USER@HOST/DATABASE; 'none' keeps none",
                          .without = "a file of the service's name under ~/.local/share/tachograph",
                          .check = tg_setting_check_store},
    [TG_SETTING_STORE_PASSWORD] = {.variable = "TACHOGRAPH_STORE_PASSWORD",
                                   .help = "the password of a mysql:// store; never written to disk"},
    [TG_SETTING_INTERVAL] = {.variable = "TACHOGRAPH_INTERVAL",
                             .key = "interval",
                             .option = "interval",
                             .argument = "interval",
                             .kind = TG_SETTING_SECONDS,
                             .help = "seconds between two entries in the history, 0.01 to 86400",
                             .without = "10",
                             .check = tg_setting_check_interval},
    [TG_SETTING_TIME] = {.variable = "TACHOGRAPH_TIME",
                         .key = "time",
                         .option = "time",
                         .argument = "instrument",
                         .kind = TG_SETTING_PATTERNS,
                         .help = "patterns of the functions to time; in the variable one a line",
                         .without = "run: the program's own project; start(): only what is decorated",
                         .check = tg_setting_check_patterns},
    [TG_SETTING_EXCLUDE] = {.variable = "TACHOGRAPH_EXCLUDE",
                            .key = "exclude",
                            .option = "exclude",
                            .kind = TG_SETTING_PATTERNS,
                            .help = "patterns of functions to leave alone; in the variable one a line",
                            .check = tg_setting_check_patterns},
    [TG_SETTING_EXCEPTIONS] = {.variable = "TACHOGRAPH_EXCEPTIONS",
                               .key = "exceptions",
                               .option = "exceptions",
                               .kind = TG_SETTING_PATTERNS,
                               .help = "patterns of functions whose exceptions to record; in the variable one a line",
                               .without = "only of what is decorated",
                               .check = tg_setting_check_patterns},
    [TG_SETTING_REDACT] = {.variable = "TACHOGRAPH_REDACT",
                           .key = "redact",
                           .help = "words that make an argument of a failed call a secret when they are in its name, "
                                   "besides password, token and the like; with commas between them"},
    [TG_SETTING_PYTHON] = {.variable = "TACHOGRAPH_PYTHON",
                           .key = "python",
                           .option = "python",
                           .kind = TG_SETTING_PROGRAM,
                           .help = "the Python that run starts",
                           .without = "that of the active virtual environment, else the one that tachograph is "
                                      "installed in, else python3 on PATH"},
    [TG_SETTING_CLOCK] = {.variable = "TACHOGRAPH_CLOCK",
                          .option = "clock",
                          .help = "the clock to time by: auto, tsc, monotonic or cpu",
                          .without = "auto",
                          .check = check_clock},
    [TG_SETTING_SAMPLE_HZ] = {.variable = "TACHOGRAPH_SAMPLE_HZ",
                              .key = "sample_hz",
                              .option = "sample-hz",
                              .argument = "sample_hz",
                              .kind = TG_SETTING_HZ,
                              .help = "how often in a second to look at the stacks of all threads; 0: never",
                              .without = "0",
                              .check = tg_setting_check_hz},
    [TG_SETTING_SAMPLE_PAUSED] = {.variable = "TACHOGRAPH_SAMPLE_PAUSED",
                                  .key = "sample_paused",
                                  .argument = "sample_paused",
                                  .kind = TG_SETTING_YES_NO,
                                  .help = "1: sampling waits for unpause()",
                                  .without = "0",
                                  .check = check_yes_no},
    [TG_SETTING_SAMPLE_MODE] = {.variable = "TACHOGRAPH_SAMPLE_MODE",
                                .key = "sample_mode",
                                .argument = "sample_mode",
                                .help = "which threads are looked at: all (wall), those on a processor (cpu), the one "
                                        "with the interpreter's lock (gil)",
                                .without = "wall",
                                .check = check_mode},
    [TG_SETTING_SAMPLE_SIGNALS] = {.variable = "TACHOGRAPH_SAMPLE_SIGNALS",
                                   .key = "sample_signals",
                                   .argument = "sample_signals",
                                   .kind = TG_SETTING_YES_NO,
                                   .help = "0: no thread is ever sent a signal; stacks that change while they are read "
                                           "are not seen then",
                                   .without = "1",
                                   .check = check_yes_no},
    [TG_SETTING_RUNTIME_DIR] = {.variable = "TACHOGRAPH_RUNTIME_DIR",
                                .help = "where recordings lie, an absolute path",
                                .without = "$XDG_RUNTIME_DIR/tachograph, else /dev/shm/tachograph-UID, else "
                                           "/tmp/tachograph-UID",
                                .check = check_directory},
    [TG_SETTING_SPOOL_DIR] = {.variable = "TACHOGRAPH_SPOOL_DIR",
                              .help = "where figures wait for their store, an absolute path",
                              .without = "$XDG_STATE_HOME/tachograph/spool, else ~/.local/state/tachograph/spool",
                              .check = check_directory},
    [TG_SETTING_DISABLE] = {.variable = "TACHOGRAPH_DISABLE", .help = "1: nothing is timed, programs run plain"},
};

/* What `run` tells the processes it starts: variables that are no settings. */
static const char *const internal[] = {"RUN", "RUN_ALONE", "RUN_PID", "RUN_PROJECTS"};
#define INTERNAL_COUNT (sizeof internal / sizeof internal[0])

/* Names without the prefix that all have: it would make any two of them look alike. */
static const char *bare_name(size_t index) {
    return index < TG_SETTING_COUNT ? tg_setting_table[index].variable + strlen(TG_SETTING_PREFIX)
                                    : internal[index - TG_SETTING_COUNT];
}

/* Nearer than elsewhere: of a command line's words all are for us, of variables with our prefix some are not. */
static bool is_near(const struct tg_nearest *nearest) {
    return nearest->count > 0 && nearest->distances[0] * 3 <= strlen(nearest->wanted);
}

/* The variable that was probably meant, that of a key by this name first; NULL: none comes near, or it is ours. */
static const char *nearest_variable(const char *name, struct tg_nearest *nearest) {
    const char *of_key = NULL;
    tg_nearest_init(nearest, name);
    for (size_t i = 0; i < TG_SETTING_COUNT + INTERNAL_COUNT; i++) {
        if (strcmp(bare_name(i), name) == 0) {
            return NULL;
        }
        if (i < TG_SETTING_COUNT) {
            const char *key = tg_setting_table[i].key;
            of_key = key && strcasecmp(key, name) == 0 ? bare_name(i) : of_key;
            tg_nearest_offer(nearest, bare_name(i));
        }
    }
    return of_key ? of_key : is_near(nearest) ? nearest->names[0] : NULL;
}

bool tg_setting_next_misspelt(size_t *at, struct tg_error *note) {
    while (environ && environ[*at]) {
        const char *variable = environ[(*at)++];
        if (strncmp(variable, TG_SETTING_PREFIX, strlen(TG_SETTING_PREFIX)) != 0) {
            continue;
        }
        char name[TG_NEAREST_NAME_SIZE];
        const char *rest = variable + strlen(TG_SETTING_PREFIX);
        snprintf(name, sizeof name, "%.*s", (int)strcspn(rest, "="), rest);
        struct tg_nearest nearest;
        const char *meant = nearest_variable(name, &nearest);
        if (meant) {
            tg_error_set(note, TG_ERROR_INVALID,
                         "nothing reads the variable " TG_SETTING_PREFIX "%s; did you mean " TG_SETTING_PREFIX "%s?",
                         name, meant);
            return true;
        }
    }
    return false;
}

const struct tg_setting *tg_setting_of_key(const char *key) {
    for (size_t i = 0; i < TG_SETTING_COUNT; i++) {
        if (tg_setting_table[i].key && strcmp(tg_setting_table[i].key, key) == 0) {
            return &tg_setting_table[i];
        }
    }
    return NULL;
}

const char *tg_setting_nearest_key(const char *key) {
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, key);
    for (size_t i = 0; i < TG_SETTING_COUNT; i++) {
        if (tg_setting_table[i].key) {
            tg_nearest_offer(&nearest, tg_setting_table[i].key);
        }
    }
    const struct tg_setting *meant = nearest.count > 0 ? tg_setting_of_key(nearest.names[0]) : NULL;
    return meant ? meant->key : NULL;
}

bool tg_setting_disabled(struct tg_error *note) {
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
