/*
 * setting: the one table of what can be set without writing it into the program: a variable of the environment, a key
 * of [tool.tachograph] in a pyproject.toml, or both. Whatever names settings reads this table: the program, the
 * package, `tachograph help settings`, and the test that holds docs/guide/settings.md to it.
 *
 * A setting's value is a text, in the form that its variable has; several patterns are lines.
 */
#ifndef TG_SETTING_H
#define TG_SETTING_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TG_SETTING_PREFIX "TACHOGRAPH_"

/* The store that keeps nothing. */
#define TG_NO_STORE "none"

enum tg_setting_id {
    TG_SETTING_SERVICE,
    TG_SETTING_VERSION,
    TG_SETTING_STORE,
    TG_SETTING_STORE_PASSWORD,
    TG_SETTING_INTERVAL,
    TG_SETTING_TIME,
    TG_SETTING_EXCLUDE,
    TG_SETTING_EXCEPTIONS,
    TG_SETTING_REDACT,
    TG_SETTING_PYTHON,
    TG_SETTING_CLOCK,
    TG_SETTING_SAMPLE_HZ,
    TG_SETTING_SAMPLE_PAUSED,
    TG_SETTING_SAMPLE_MODE,
    TG_SETTING_SAMPLE_SIGNALS,
    TG_SETTING_RUNTIME_DIR,
    TG_SETTING_SPOOL_DIR,
    TG_SETTING_DISABLE,
    TG_SETTING_COUNT,
};

/* What a key's value looks like. */
enum tg_setting_kind {
    TG_SETTING_TEXT,
    TG_SETTING_URL,     /* a store; relative paths are relative to the file */
    TG_SETTING_PROGRAM, /* a path, relative to the file, or a name on PATH */
    TG_SETTING_SECONDS, /* a number */
    TG_SETTING_HZ,      /* likewise */
    TG_SETTING_YES_NO,
    TG_SETTING_PATTERNS, /* one, or a list */
};

struct tg_setting {
    const char *variable; /* with its prefix */
    const char *key;      /* of [tool.tachograph]; NULL: a variable alone */
    const char *option;   /* of `tachograph run`, without its dashes; NULL: none */
    const char *argument; /* of tachograph.start(); NULL: none */
    enum tg_setting_kind kind;
    const char *help;    /* what it is for */
    const char *without; /* what holds where it is not set; NULL: nothing */
    /* Refuses values that cannot be meant; may be NULL. */
    enum tg_status (*check)(const char *value, struct tg_error *err);
};

extern const struct tg_setting tg_setting_table[TG_SETTING_COUNT];

/* Checks: of a store (that it can be reached is not asked), of a number of seconds between two entries in the history,
 * of patterns, one a line, of a number of samples a second. */
TG_NODISCARD enum tg_status tg_setting_check_store(const char *value, struct tg_error *err);
TG_NODISCARD enum tg_status tg_setting_check_interval(const char *value, struct tg_error *err);
TG_NODISCARD enum tg_status tg_setting_check_patterns(const char *value, struct tg_error *err);
TG_NODISCARD enum tg_status tg_setting_check_hz(const char *value, struct tg_error *err);

/* The setting with this key, or NULL. */
const struct tg_setting *tg_setting_of_key(const char *key);

/* The key that was probably meant, or NULL. */
const char *tg_setting_nearest_key(const char *key);

/* The next variable of the environment that nothing reads, but that comes so near to one of ours that it was probably
 * meant: `*at` goes on from 0, and `note` says so. Others may share the prefix (Kubernetes tells each container of a
 * service called tachograph by TACHOGRAPH_SERVICE_HOST), so what comes near to none is theirs. */
bool tg_setting_next_misspelt(size_t *at, struct tg_error *note);

/* Whether TACHOGRAPH_DISABLE says that programs run plain: 1, true, yes, on; not: 0, false, no, off, nothing; in
 * capitals or not. Any other word does, because whoever sets it wants less of us, and `note` (may be NULL) says so. The
 * package reads it alike (python/tachograph/_settings.py). */
bool tg_setting_disabled(struct tg_error *note);

#endif
