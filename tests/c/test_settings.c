#include "settings/settings.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char directory[] = "/tmp/test_settings.XXXXXX";

static int make_directory(void **state) {
    (void)state;
    memcpy(strrchr(directory, '.'), ".XXXXXX", 8);
    clearenv();
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    unlink("pyproject.toml");
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

static void write_project(const char *text) {
    FILE *file = fopen("pyproject.toml", "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void check_origin(const struct tg_settings *settings, enum tg_setting_id id, const char *expected) {
    struct tg_strbuf origin = TG_STRBUF_INIT;
    tg_settings_append_origin(settings, id, &origin);
    const char *text = tg_strbuf_text(&origin);
    const char *slash = strrchr(text, '/');
    assert_string_equal(slash ? slash + 1 : text, expected);
    tg_strbuf_release(&origin);
}

static void environment_comes_before_the_project(void **state) {
    (void)state;
    struct tg_settings settings;
    write_project("[tool.tachograph]\nservice = 'file'\ninterval = 3\nversion = '1'\n");
    setenv("TACHOGRAPH_SERVICE", "environment", 1);
    setenv("TACHOGRAPH_INTERVAL", "", 1);
    assert_int_equal(tg_settings_read(&settings, "", NULL), TG_OK);
    assert_string_equal(tg_settings_get(&settings, TG_SETTING_SERVICE), "environment");
    assert_string_equal(tg_settings_get(&settings, TG_SETTING_INTERVAL), "3");
    assert_null(tg_settings_get(&settings, TG_SETTING_STORE));
    check_origin(&settings, TG_SETTING_SERVICE, "TACHOGRAPH_SERVICE");
    check_origin(&settings, TG_SETTING_INTERVAL, "pyproject.toml:3");
    check_origin(&settings, TG_SETTING_STORE, "");
    assert_int_equal(tg_settings_export(&settings, NULL), TG_OK);
    assert_string_equal(getenv("TACHOGRAPH_SERVICE"), "environment");
    assert_string_equal(getenv("TACHOGRAPH_INTERVAL"), "3");
    assert_string_equal(getenv("TACHOGRAPH_SERVICE_VERSION"), "1");
    assert_null(getenv("TACHOGRAPH_STORE"));
    tg_settings_release(&settings);
    tg_settings_release(&settings);
}

static void python_is_not_exported(void **state) {
    (void)state;
    struct tg_settings settings;
    write_project("[tool.tachograph]\npython = 'python3.12'\n");
    assert_int_equal(tg_settings_read(&settings, "", NULL), TG_OK);
    assert_string_equal(tg_settings_get(&settings, TG_SETTING_PYTHON), "python3.12");
    assert_int_equal(tg_settings_export(&settings, NULL), TG_OK);
    assert_null(getenv("TACHOGRAPH_PYTHON"));
    tg_settings_release(&settings);
}

static void variables_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *value;
        const char *message;
    } cases[] = {
        {"TACHOGRAPH_INTERVAL", "soon", "TACHOGRAPH_INTERVAL: 'soon' is no interval"},
        {"TACHOGRAPH_TIME", "good\nbad one", "TACHOGRAPH_TIME: pattern 'bad one'"},
        {"TACHOGRAPH_CLOCK", "sundial", "TACHOGRAPH_CLOCK: unknown clock \"sundial\""},
        {"TACHOGRAPH_STORE", "mysql://", "TACHOGRAPH_STORE: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_settings settings;
        struct tg_error err = TG_ERROR_INIT;
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(tg_settings_read(&settings, "", &err), TG_ERROR_INVALID);
        if (strncmp(err.message, cases[i].message, strlen(cases[i].message)) != 0) {
            fail_msg("%s", err.message);
        }
        tg_settings_release(&settings);
        unsetenv(cases[i].name);
    }
}

static void mistakes_take_no_word_to_redact_away(void **state) {
    (void)state;
    struct tg_settings settings;
    struct tg_error err = TG_ERROR_INIT;
    write_project("[tool.tachograph]\ninterval = 'soon'\nstroe = 'h.db'\nredact = 'iban,--'\n");
    assert_int_equal(tg_settings_read(&settings, "", &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "'interval'"));
    assert_string_equal(tg_settings_get(&settings, TG_SETTING_REDACT), "iban,--");
    assert_int_equal(tg_settings_check_words(&settings, &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "pyproject.toml:4: '--' is no word"));
    setenv("TACHOGRAPH_REDACT", "iban,", 1);
    assert_int_equal(tg_settings_check_words(&settings, &err), TG_OK);
    unsetenv("TACHOGRAPH_REDACT");
    tg_settings_release(&settings);
}

static void check_store(const char *expected) {
    char *store = NULL;
    assert_int_equal(tg_settings_find_store(&store, NULL), TG_OK);
    if (expected) {
        assert_string_equal(store, expected);
    } else {
        assert_null(store);
    }
    free(store);
}

static void store_is_found_without_reading_more_than_needed(void **state) {
    (void)state;
    char *store = NULL;
    check_store(NULL);
    write_project("[tool.tachograph]\nstore = '/var/h.db'\n");
    check_store("/var/h.db");
    setenv("TACHOGRAPH_STORE", "none", 1);
    check_store(NULL);
    setenv("TACHOGRAPH_STORE", "/other.db", 1);
    write_project("no TOML\n");
    check_store("/other.db");
    unsetenv("TACHOGRAPH_STORE");
    assert_int_equal(tg_settings_find_store(&store, NULL), TG_ERROR_FORMAT);
    assert_null(store);
}

/* What is said of one variable, if anything. */
static const char *note_of(const char *variable, struct tg_error *note) {
    size_t at = 0;
    *note = (struct tg_error)TG_ERROR_INIT;
    setenv(variable, "x", 1);
    bool found = tg_setting_next_misspelt(&at, note);
    unsetenv(variable);
    return found ? note->message : "";
}

static void variables_that_come_near_to_ours_are_named(void **state) {
    (void)state;
    struct tg_error note;
    assert_string_equal(note_of("TACHOGRAPH_STROE", &note),
                        "nothing reads the variable TACHOGRAPH_STROE; did you mean TACHOGRAPH_STORE?");
    assert_string_equal(note_of("TACHOGRAPH_INTERVALL", &note),
                        "nothing reads the variable TACHOGRAPH_INTERVALL; did you mean TACHOGRAPH_INTERVAL?");
    assert_string_equal(note_of("TACHOGRAPH_VERSION", &note),
                        "nothing reads the variable TACHOGRAPH_VERSION; did you mean TACHOGRAPH_SERVICE_VERSION?");
    /* others': what Kubernetes and Docker tell of a service called tachograph, and ours */
    static const char *const silent[] = {
        "TACHOGRAPH_SERVICE_HOST", "TACHOGRAPH_SERVICE_PORT", "TACHOGRAPH_SERVICE_PORT_HTTP",   "TACHOGRAPH_PORT",
        "TACHOGRAPH_PORT_80_TCP",  "TACHOGRAPH_NAME",         "TACHOGRAPH_PORT_80_TCP_ADDR",    "TACHOGRAPH_TOKEN",
        "TACHOGRAPH_RUN",          "TACHOGRAPH_RUN_PID",      "TACHOGRAPH_PORT_8080_TCP_PROTO", "TACHOGRAPH_STORE",
        "TACHOGRAPHSTROE",
    };
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++) {
        assert_string_equal(note_of(silent[i], &note), "");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(environment_comes_before_the_project, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(python_is_not_exported, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(variables_are_checked, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(mistakes_take_no_word_to_redact_away, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(store_is_found_without_reading_more_than_needed, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(variables_that_come_near_to_ours_are_named, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
