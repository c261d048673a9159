/*
 * settings: what holds here. Of each setting (setting.h) the variable of the environment counts, else the key in the
 * project's pyproject.toml (project.h); an empty variable is none. Options and arguments come before both, defaults
 * after them: they are the business of who asks.
 */
#ifndef TG_SETTINGS_H
#define TG_SETTINGS_H

#include "base/attributes.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "settings/project.h"
#include "settings/setting.h"

struct tg_settings {
    struct tg_project project;
};

/* Reads the project's file and checks the environment. `script` as for tg_project_start(). TG_ERROR_INVALID and
 * TG_ERROR_FORMAT say which value, where, and why; the settings can then be asked all the same, and have all other
 * values. */
TG_NODISCARD enum tg_status tg_settings_read(struct tg_settings *settings, const char *script, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_settings_release(struct tg_settings *settings);

/* The value, borrowed from the settings or the environment; NULL: not set. */
const char *tg_settings_get(const struct tg_settings *settings, enum tg_setting_id id);
/* Appends where the value comes from, for people: "TACHOGRAPH_STORE", "/srv/shop/pyproject.toml:12". */
void tg_settings_append_origin(const struct tg_settings *settings, enum tg_setting_id id, struct tg_strbuf *out);

/* Makes variables of the environment of what the project sets, for the processes that this one starts and for all that
 * reads the environment: they are in the same project, whatever theirs would be. Not the Python: who starts one has
 * chosen it. */
TG_NODISCARD enum tg_status tg_settings_export(const struct tg_settings *settings, struct tg_error *err);

/* Says which of the words to redact cannot be. It is no mistake to stop for: the others hold, and without the program
 * that they are for there would be nothing to redact. */
TG_NODISCARD enum tg_status tg_settings_check_words(const struct tg_settings *settings, struct tg_error *err);

/* The store that TACHOGRAPH_STORE names; NULL: none, or `none`. */
const char *tg_settings_store_of_environment(void);

/* The store that is set, for questions to a history, as if by a program that starts in the working directory; NULL:
 * none, or `none`. Freed by the caller. The file is not read where the environment says it. */
TG_NODISCARD enum tg_status tg_settings_find_store(char **store, struct tg_error *err);
/* Likewise the service, or the name of the project; NULL: neither. */
TG_NODISCARD enum tg_status tg_settings_find_service(char **service, struct tg_error *err);

#endif
