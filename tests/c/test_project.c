#include "settings/project.h"

#include "cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char directory[] = "/tmp/test_project.XXXXXX";
static char inside[256]; /* a path in it */

static const char *path_of(const char *name) {
    snprintf(inside, sizeof inside, "%s/%s", directory, name);
    return inside;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

static int make_directory(void **state) {
    (void)state;
    memcpy(strrchr(directory, '.'), ".XXXXXX", 8);
    return mkdtemp(directory) && mkdir(path_of("a"), 0755) == 0 && mkdir(path_of("a/b"), 0755) == 0 ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Reads from the directory a/b, with a file of this text at `name`. */
static enum tg_status read_project(struct tg_project *project, const char *text, struct tg_error *err) {
    write_file("a/pyproject.toml", text);
    return tg_project_read(project, path_of("a/b"), err);
}

static void check_value(const struct tg_project *project, enum tg_setting_id id, const char *expected, int line) {
    assert_string_equal(project->values[id].text, expected);
    assert_int_equal(project->values[id].line, line);
}

static void values_are_as_their_variables_have_them(void **state) {
    (void)state;
    struct tg_project project;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = read_project(&project,
                                         "[project]\nname = \"sh\\u00f6p\"\n[tool.other]\nx = 1\n[tool.tachograph]\n"
                                         "service = 'S'\nversion = \"1.0\"\nstore = \"mysql://me:s%40@db/p\"\n"
                                         "interval = 0.5\ntime = [\"shop.*\",\n\"x::y\"]\nexclude = \"z\"\n",
                                         &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, TG_OK);
    assert_string_equal(project.name, "shöp");
    assert_string_equal(project.path, path_of("a/pyproject.toml"));
    check_value(&project, TG_SETTING_SERVICE, "S", 6);
    check_value(&project, TG_SETTING_VERSION, "1.0", 7);
    check_value(&project, TG_SETTING_STORE, "mysql://me:s%40@db/p", 8);
    check_value(&project, TG_SETTING_INTERVAL, "0.5", 9);
    check_value(&project, TG_SETTING_TIME, "shop.*\nx::y", 10);
    check_value(&project, TG_SETTING_EXCLUDE, "z", 12);
    assert_null(project.values[TG_SETTING_PYTHON].text);
    tg_project_release(&project);
    tg_project_release(&project);
}

static void paths_are_relative_to_the_file(void **state) {
    (void)state;
    static const struct {
        const char *key;
        const char *value;
        enum tg_setting_id id;
        const char *start; /* of what is expected, before the directory */
        const char *end;   /* and after it; NULL: the value is as it was */
    } cases[] = {
        {"store", "h.db", TG_SETTING_STORE, "sqlite:///", "/a/h.db"},
        {"store", "../my h.db", TG_SETTING_STORE, "sqlite:///", "/a/../my%20h.db"},
        {"store", "sqlite:///h.db", TG_SETTING_STORE, "sqlite:///", "/a/h.db"},
        {"store", "/var/h.db", TG_SETTING_STORE, NULL, NULL},
        {"store", "sqlite:////var/h.db", TG_SETTING_STORE, NULL, NULL},
        {"store", "none", TG_SETTING_STORE, NULL, NULL},
        {"python", ".venv/bin/python", TG_SETTING_PYTHON, "", "/a/.venv/bin/python"},
        {"python", "python3.12", TG_SETTING_PYTHON, NULL, NULL},
        {"python", "/opt/bin/python", TG_SETTING_PYTHON, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_project project;
        char text[256];
        char expected[256];
        snprintf(text, sizeof text, "[tool.tachograph]\n%s = '%s'\n", cases[i].key, cases[i].value);
        assert_int_equal(read_project(&project, text, NULL), TG_OK);
        snprintf(expected, sizeof expected, "%s%s%s", cases[i].start ? cases[i].start : "",
                 cases[i].end ? directory : "", cases[i].end ? cases[i].end : cases[i].value);
        check_value(&project, cases[i].id, expected, 2);
        tg_project_release(&project);
    }
}

static void what_cannot_be_used_is_refused_with_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum tg_status status;
        const char *message;
    } cases[] = {
        {"[tool.tachograph]\nstroe = 'x'\n", TG_ERROR_INVALID,
         ":2: unknown key 'stroe' in [tool.tachograph]; did you mean 'store'?"},
        {"[tool.black]\n[tool.Tachografh]\nstore = 'x'\n", TG_ERROR_INVALID,
         ":2: nothing reads [tool.Tachografh]; did you mean [tool.tachograph]?"},
        {"[tool.tachograph]\nxyzzy = 1\n", TG_ERROR_INVALID,
         ":2: unknown key 'xyzzy' in [tool.tachograph]; 'tachograph help settings' lists those there are"},
        {"[tool.tachograph]\nclock = 'tsc'\n", TG_ERROR_INVALID, "unknown key 'clock'"},
        {"[tool.tachograph]\ninterval = '5'\n", TG_ERROR_INVALID,
         ":2: 'interval' in [tool.tachograph] wants a number of seconds, without quotes, not a text"},
        {"[tool.tachograph]\ninterval = true\n", TG_ERROR_INVALID, "not true or false"},
        {"[tool.tachograph]\ninterval = 1e9\n", TG_ERROR_INVALID, "'1000000000' is no interval"},
        {"[tool.tachograph]\ninterval = nan\n", TG_ERROR_INVALID, "'nan' is no interval"},
        {"[tool.tachograph]\nservice = 5\n", TG_ERROR_INVALID, "wants a text in quotes, not a number"},
        {"[tool.tachograph]\nservice = ''\n", TG_ERROR_INVALID, "'service' in [tool.tachograph] cannot be an empty"},
        {"[tool.tachograph]\nservice = \"a\\nb\"\n", TG_ERROR_INVALID, "cannot be a text of several lines"},
        {"[tool.tachograph]\nservice = \"a\\u0000b\"\n", TG_ERROR_INVALID, "cannot be"},
        {"[tool.tachograph]\nversion = 2026-11-22\n", TG_ERROR_INVALID, "not a date or time"},
        {"[tool.tachograph]\ntime = ['a',\n3]\n", TG_ERROR_INVALID, "or a list of them, not a number"},
        {"[tool.tachograph]\ntime = 'a b'\n", TG_ERROR_INVALID, ":2: 'time' in [tool.tachograph]: pattern 'a b'"},
        {"[tool.tachograph]\nstore = 'mysql://u:secret@'\n", TG_ERROR_INVALID, ":2: 'store' in [tool.tachograph]: "},
        {"[tool]\ntachograph = 3\n", TG_ERROR_INVALID, ":2: tool.tachograph is a number; write a table"},
        {"[tool.tachograph]\nstore = \n", TG_ERROR_FORMAT, ":2: no TOML: "},
        {"x = 1\nx = 2\n", TG_ERROR_FORMAT, ":2: no TOML: "},
        {"x = 1\n[a\n", TG_ERROR_FORMAT, "no TOML: "},
        {"a = 1\nb = '\xff'\n", TG_ERROR_FORMAT, ":2: no UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_project project;
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(read_project(&project, cases[i].text, &err), cases[i].status);
        bool names_file = strncmp(err.message, path_of("a/pyproject.toml"), strlen(inside)) == 0;
        if (!names_file || !strstr(err.message, cases[i].message) || strstr(err.message, "secret")) {
            fail_msg("%s says: %s", cases[i].text, err.message);
        }
        tg_project_release(&project);
    }
}

static void nearest_file_counts_alone(void **state) {
    (void)state;
    struct tg_project project;
    write_file("pyproject.toml", "[tool.tachograph]\nservice = 'outer'\n");
    assert_int_equal(read_project(&project, "[project]\nname = 'inner'\n", NULL), TG_OK);
    assert_string_equal(project.name, "inner");
    assert_null(project.values[TG_SETTING_SERVICE].text);
    tg_project_release(&project);
    assert_int_equal(unlink(path_of("a/pyproject.toml")), 0);
    assert_int_equal(mkdir(path_of("a/pyproject.toml"), 0755), 0); /* is no file */
    assert_int_equal(tg_project_read(&project, path_of("a/b"), NULL), TG_OK);
    check_value(&project, TG_SETTING_SERVICE, "outer", 2);
    tg_project_release(&project);
    assert_int_equal(tg_project_read(&project, "/", NULL), TG_OK);
    assert_null(project.path);
    tg_project_release(&project);
}

static void file_of_somebody_else_is_passed_over(void **state) {
    (void)state;
    struct tg_project project;
    if (geteuid() != 0) {
        skip(); /* only root can give files away */
    }
    write_file("pyproject.toml", "[project]\nname = 'outer'\n");
    write_file("a/pyproject.toml", "[project]\nname = 'theirs'\n");
    assert_int_equal(chown(path_of("a/pyproject.toml"), 12345, 12345), 0);
    assert_int_equal(tg_project_read(&project, path_of("a/b"), NULL), TG_OK);
    assert_string_equal(project.name, "outer");
    assert_string_equal(project.passed_over, path_of("a/pyproject.toml"));
    tg_project_release(&project);
    assert_int_equal(chown(path_of("a/b"), 12345, 12345), 0); /* what runs there is theirs as well */
    assert_int_equal(tg_project_read(&project, path_of("a/b"), NULL), TG_OK);
    assert_string_equal(project.name, "theirs");
    assert_null(project.passed_over);
    tg_project_release(&project);
}

static void check_start(const char *script, const char *expected) {
    struct tg_strbuf start = TG_STRBUF_INIT;
    assert_int_equal(tg_project_start(&start, script, NULL), TG_OK);
    assert_string_equal(tg_strbuf_text(&start), expected);
    tg_strbuf_release(&start);
}

static void search_starts_where_the_script_is(void **state) {
    (void)state;
    char here[256];
    assert_non_null(getcwd(here, sizeof here));
    write_file("a/app.py", "");
    char script[256];
    snprintf(script, sizeof script, "%s", path_of("a/app.py"));
    check_start(script, path_of("a"));
    check_start(path_of("a/b"), inside); /* a directory with a __main__.py */
    snprintf(script, sizeof script, "%s", path_of("a/b/link.py"));
    assert_int_equal(symlink("../app.py", script), 0);
    check_start(script, path_of("a"));
    static const char *const without[] = {"", "-", "-c", "-m", "/nowhere/at/all.py"};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        check_start(without[i], here);
    }
    write_file("a/b/python3", "");
    write_file("a/b/pytest", "");
    check_start(path_of("a/b/pytest"), here); /* a command that was installed */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_as_their_variables_have_them, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(paths_are_relative_to_the_file, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(what_cannot_be_used_is_refused_with_file_and_line, make_directory,
                                        remove_directory),
        cmocka_unit_test_setup_teardown(nearest_file_counts_alone, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(file_of_somebody_else_is_passed_over, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(search_starts_where_the_script_is, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
