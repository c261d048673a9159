/* doctor_setup: settings and the Python. See doctor.h. */
#include "cli/doctor.h"

#include "record/runtime.h"
#include "store/store_url.h"

#include <string.h>

static void ask_switches(struct tg_doctor *doctor) {
    char path[TG_RUNTIME_PATH_SIZE];
    if (tg_setting_disabled(NULL)) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "unset TACHOGRAPH_DISABLE",
                      "TACHOGRAPH_DISABLE is set: nothing is timed");
    }
    if (tg_runtime_is_off(path)) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "remove the file", "there is a file %s: nothing is timed", path);
    }
}

/* A value as it may be shown: a store without its password. */
static void append_value(struct tg_strbuf *out, enum tg_setting_id id, const char *value) {
    if (id == TG_SETTING_STORE_PASSWORD) {
        tg_strbuf_append(out, "(not shown)");
    } else if (id == TG_SETTING_STORE && strcmp(value, TG_NO_STORE) != 0) {
        if (tg_store_url_append_place(out, value, NULL) != TG_OK) {
            tg_strbuf_append(out, "(cannot be read)");
        }
    } else {
        for (const char *at = value; *at; at++) {
            tg_strbuf_append_bytes(out, *at == '\n' ? ", " : at, *at == '\n' ? 2 : 1);
        }
    }
}

static void ask_values(struct tg_doctor *doctor) {
    for (int i = 0; i < TG_SETTING_COUNT; i++) {
        enum tg_setting_id id = (enum tg_setting_id)i;
        const char *value = tg_settings_get(doctor->settings, id);
        if (value && id != TG_SETTING_DISABLE) {
            struct tg_strbuf shown = TG_STRBUF_INIT;
            struct tg_strbuf origin = TG_STRBUF_INIT;
            const struct tg_setting *setting = &tg_setting_table[id];
            append_value(&shown, id, value);
            tg_settings_append_origin(doctor->settings, id, &origin);
            tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "%s = %s, from %s",
                          setting->key ? setting->key : setting->variable + strlen(TG_SETTING_PREFIX),
                          tg_strbuf_text(&shown), tg_strbuf_text(&origin));
            tg_strbuf_release(&shown);
            tg_strbuf_release(&origin);
        }
    }
}

void tg_doctor_ask_settings(struct tg_doctor *doctor, enum tg_status read, const struct tg_error *err) {
    size_t at = 0;
    size_t before = doctor->count;
    struct tg_error note = TG_ERROR_INIT;
    doctor->group = "settings";
    ask_switches(doctor);
    if (read != TG_OK) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "mend it there; 'tachograph help settings' lists what can be set",
                      "%s", err->message);
    }
    if (tg_settings_check_words(doctor->settings, &note) != TG_OK) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "mend it there; the other words hold", "%s", note.message);
    }
    while (tg_setting_next_misspelt(&at, &note)) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, NULL, "%s", note.message);
    }
    if (doctor->settings->project.passed_over) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "take it over with chown, or set variables instead",
                      "%s belongs to another user, and is not read", doctor->settings->project.passed_over);
    }
    ask_values(doctor);
    if (doctor->count == before) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "none: all is as by default");
    }
}

void tg_doctor_ask_python(struct tg_doctor *doctor, const struct tg_interpreter_wish *wish, bool may_run) {
    struct tg_interpreter interpreter;
    struct tg_error err = TG_ERROR_INIT;
    doctor->group = "python";
    enum tg_status status = tg_interpreter_find(&interpreter, wish, &err);
    if (status != TG_OK) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "name one that is there with --python, or set TACHOGRAPH_PYTHON",
                      "%s", err.message);
        return;
    }
    if (!may_run) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "--python PATH asks it, once you trust what this directory names",
                      "%s (from %s) was not asked: what a directory names is not run before you say so",
                      interpreter.path, interpreter.origin);
        return;
    }
    if (tg_interpreter_probe(&interpreter, &err) != TG_OK) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "name another Python with --python, or set TACHOGRAPH_PYTHON", "%s",
                      err.message);
    } else if (interpreter.lacks_hook) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "install it into that Python with pip",
                      "%s (from %s) can import tachograph, but does not when it starts: run times nothing there",
                      interpreter.path, interpreter.origin);
    } else if (interpreter.injected[0]) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "%s (from %s), CPython %s without tachograph: run lends it its own",
                      interpreter.path, interpreter.origin, interpreter.version);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "%s (from %s), CPython %s with tachograph " TG_VERSION,
                      interpreter.path, interpreter.origin, interpreter.version);
    }
}
