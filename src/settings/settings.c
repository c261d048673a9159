/* settings: see settings.h. */
#include "settings/settings.h"

#include "failure/redact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *of_environment(enum tg_setting_id id) {
    const char *value = getenv(tg_setting_table[id].variable);
    return value && value[0] ? value : NULL;
}

static const char *of_project(const struct tg_settings *settings, enum tg_setting_id id) {
    const char *text = settings->project.values[id].text;
    return text && text[0] ? text : NULL;
}

static enum tg_status check_environment(struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (int id = 0; id < TG_SETTING_COUNT && status == TG_OK; id++) {
        const char *value = tg_setting_table[id].check ? of_environment((enum tg_setting_id)id) : NULL;
        if (value) {
            status = tg_setting_table[id].check(value, err);
        }
        if (status != TG_OK) {
            tg_error_prefix(err, "%s", tg_setting_table[id].variable);
        }
    }
    return status;
}

enum tg_status tg_settings_read(struct tg_settings *settings, const char *script, struct tg_error *err) {
    struct tg_strbuf start = TG_STRBUF_INIT;
    *settings = (struct tg_settings){.project.path = NULL};
    enum tg_status status = tg_project_start(&start, script, err);
    if (status == TG_OK) {
        status = tg_project_read(&settings->project, tg_strbuf_text(&start), err);
    }
    tg_strbuf_release(&start);
    return status == TG_OK ? check_environment(err) : status;
}

void tg_settings_release(struct tg_settings *settings) {
    if (settings) {
        tg_project_release(&settings->project);
    }
}

const char *tg_settings_get(const struct tg_settings *settings, enum tg_setting_id id) {
    const char *value = of_environment(id);
    return value ? value : of_project(settings, id);
}

void tg_settings_append_origin(const struct tg_settings *settings, enum tg_setting_id id, struct tg_strbuf *out) {
    if (of_environment(id)) {
        tg_strbuf_append(out, tg_setting_table[id].variable);
    } else if (of_project(settings, id)) {
        tg_strbuf_printf(out, "%s:%d", settings->project.path, settings->project.values[id].line);
    }
}

enum tg_status tg_settings_export(const struct tg_settings *settings, struct tg_error *err) {
    for (int id = 0; id < TG_SETTING_COUNT; id++) {
        const char *text = of_project(settings, (enum tg_setting_id)id);
        if (text && id != TG_SETTING_PYTHON && !of_environment((enum tg_setting_id)id)
            && setenv(tg_setting_table[id].variable, text, 1) != 0) {
            return tg_error_set_errno(err, errno, "cannot set %s", tg_setting_table[id].variable);
        }
    }
    return TG_OK;
}

enum tg_status tg_settings_check_words(const struct tg_settings *settings, struct tg_error *err) {
    const char *words = tg_settings_get(settings, TG_SETTING_REDACT);
    enum tg_status status = words ? tg_redact_check_words(words, err) : TG_OK;
    if (status != TG_OK) {
        struct tg_strbuf origin = TG_STRBUF_INIT;
        tg_settings_append_origin(settings, TG_SETTING_REDACT, &origin);
        tg_error_prefix(err, "not every word is redacted: %s", tg_strbuf_text(&origin));
        tg_strbuf_release(&origin);
    }
    return status;
}

const char *tg_settings_store_of_environment(void) {
    const char *store = of_environment(TG_SETTING_STORE);
    return store && strcmp(store, TG_NO_STORE) != 0 ? store : NULL;
}

/* What a program that starts in the working directory would have, copied; NULL: none. */
static enum tg_status find(enum tg_setting_id id, char **value, struct tg_error *err) {
    struct tg_settings settings = {.project.path = NULL};
    enum tg_status status = of_environment(id) ? TG_OK : tg_settings_read(&settings, "", err);
    const char *found = tg_settings_get(&settings, id);
    if (!found && id == TG_SETTING_SERVICE) {
        found = settings.project.name;
    }
    *value = NULL;
    if (status == TG_OK && found) {
        *value = strdup(found);
        status = *value ? TG_OK : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for the settings");
    }
    tg_settings_release(&settings);
    return status;
}

enum tg_status tg_settings_find_store(char **store, struct tg_error *err) {
    enum tg_status status = find(TG_SETTING_STORE, store, err);
    if (*store && strcmp(*store, TG_NO_STORE) == 0) {
        free(*store);
        *store = NULL;
    }
    return status;
}

enum tg_status tg_settings_find_service(char **service, struct tg_error *err) {
    return find(TG_SETTING_SERVICE, service, err);
}
