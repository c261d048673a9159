#include "store/store_url.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct expected_url {
    const char *scheme;
    const char *path;
    const char *user;
    const char *password;
    const char *host;
    uint16_t port;
    const char *database;
    const char *unix_socket;
    const char *ssl_ca;
    const char *option_file;
};

struct url_case {
    const char *text;
    struct expected_url is;
    const char *shown;
};

static void check_text(const char *text, const char *what, const char *is, const char *expected) {
    if ((is == NULL) != (expected == NULL) || (is && strcmp(is, expected) != 0)) {
        fail_msg("%s: %s is %s, not %s", text, what, is ? is : "not given", expected ? expected : "not given");
    }
}

static void check_url(const char *text, const struct tg_store_url *is, const struct expected_url *expected) {
    check_text(text, "scheme", is->scheme, expected->scheme);
    check_text(text, "path", is->path, expected->path);
    check_text(text, "user", is->user, expected->user);
    check_text(text, "host", is->host, expected->host);
    check_text(text, "database", is->database, expected->database);
    check_text(text, "unix_socket", is->unix_socket, expected->unix_socket);
    check_text(text, "ssl-ca", is->ssl_ca, expected->ssl_ca);
    check_text(text, "read_default_file", is->option_file, expected->option_file);
    assert_int_equal(is->port, expected->port);
}

/* Parses, compares, shows, and parses what was shown: the same place, without the password. */
static void check_case(const struct url_case *expected) {
    struct tg_store_url url;
    struct tg_store_url again;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf shown = TG_STRBUF_INIT;
    if (tg_store_url_parse(&url, expected->text, &err) != TG_OK) {
        fail_msg("%s: %s", expected->text, err.message);
    }
    check_url(expected->text, &url, &expected->is);
    check_text(expected->text, "password", url.password, expected->is.password);
    tg_store_url_shown(&url, &shown);
    assert_string_equal(tg_strbuf_text(&shown), expected->shown);
    assert_int_equal(tg_store_url_parse(&again, tg_strbuf_text(&shown), &err), TG_OK);
    check_url(expected->shown, &again, &expected->is);
    assert_null(again.password);
    tg_strbuf_release(&shown);
    tg_store_url_release(&again);
    tg_store_url_release(&url);
    assert_null(url.scheme);
    tg_store_url_release(&url);
}

#define CHECK_CASES(...)                                                                                               \
    do {                                                                                                               \
        const struct url_case cases_[] = {__VA_ARGS__};                                                                \
        for (size_t i_ = 0; i_ < sizeof cases_ / sizeof cases_[0]; i_++) {                                             \
            check_case(&cases_[i_]);                                                                                   \
        }                                                                                                              \
    } while (0)

static void files(void **state) {
    (void)state;
    CHECK_CASES(
        {"sqlite:///history.db", {.scheme = "sqlite", .path = "history.db"}, "sqlite:///history.db"},
        {"sqlite:////var/lib/shop.db", {.scheme = "sqlite", .path = "/var/lib/shop.db"}, "sqlite:////var/lib/shop.db"},
        {"SQLite:///a%20b%2525.db", {.scheme = "sqlite", .path = "a b%25.db"}, "sqlite:///a%20b%2525.db"},
        {"history.db", {.scheme = "sqlite", .path = "history.db"}, "sqlite:///history.db"},
        {"/tmp/50%.db", {.scheme = "sqlite", .path = "/tmp/50%.db"}, "sqlite:////tmp/50%25.db"},
        {"./a:b?c.db", {.scheme = "sqlite", .path = "./a:b?c.db"}, "sqlite:///./a%3Ab%3Fc.db"},
        {"\xC3\xA9t\xC3\xA9", {.scheme = "sqlite", .path = "\xC3\xA9t\xC3\xA9"}, "sqlite:///%C3%A9t%C3%A9"});
}

static void servers(void **state) {
    (void)state;
    CHECK_CASES({"mysql://shop@db.local/history",
                 {.scheme = "mysql", .user = "shop", .host = "db.local", .database = "history"},
                 "mysql://shop@db.local/history"},
                {"mysql://shop:secret@db.local:3307/history",
                 {.scheme = "mysql",
                  .user = "shop",
                  .password = "secret",
                  .host = "db.local",
                  .port = 3307,
                  .database = "history"},
                 "mysql://shop@db.local:3307/history"},
                {"mysql://a%40b:p%3Aq%2Fr%40s%25@h/d%20e",
                 {.scheme = "mysql", .user = "a@b", .password = "p:q/r@s%", .host = "h", .database = "d e"},
                 "mysql://a%40b@h/d%20e"},
                {"mysql://u:a:b@c@h/d",
                 {.scheme = "mysql", .user = "u", .password = "a:b@c", .host = "h", .database = "d"},
                 "mysql://u@h/d"},
                {"mysql://[::1]:33060/d",
                 {.scheme = "mysql", .host = "::1", .port = 33060, .database = "d"},
                 "mysql://[::1]:33060/d"},
                {"mysql://u@[fe80::1%25eth0]/d",
                 {.scheme = "mysql", .user = "u", .host = "fe80::1%eth0", .database = "d"},
                 "mysql://u@[fe80::1%25eth0]/d"},
                {"mysql:///d", {.scheme = "mysql", .database = "d"}, "mysql:///d"});
}

static void settings_of_servers(void **state) {
    (void)state;
    CHECK_CASES({"mysql://u@localhost/d?unix_socket=/run/mysqld/mysqld.sock",
                 {.scheme = "mysql",
                  .user = "u",
                  .host = "localhost",
                  .database = "d",
                  .unix_socket = "/run/mysqld/mysqld.sock"},
                 "mysql://u@localhost/d?unix_socket=/run/mysqld/mysqld.sock"},
                {"mysql:///d?read_default_file=/etc/a%26b%3D.cnf&ssl-ca=ca.pem",
                 {.scheme = "mysql", .database = "d", .ssl_ca = "ca.pem", .option_file = "/etc/a&b=.cnf"},
                 "mysql:///d?ssl-ca=ca.pem&read_default_file=/etc/a%26b%3D.cnf"},
                {"mysql:///d?", {.scheme = "mysql", .database = "d"}, "mysql:///d"});
}

static void other_schemes_are_left_to_the_drivers(void **state) {
    (void)state;
    CHECK_CASES({"postgres://u:p@h:5432/d",
                 {.scheme = "postgres", .user = "u", .password = "p", .host = "h", .port = 5432, .database = "d"},
                 "postgres://u@h:5432/d"});
}

static void errors_say_what_to_write(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "is empty; write sqlite:///path.db"},
        {"sqlite://history.db", "four slashes"},
        {"sqlite://", "names no file"},
        {"sqlite:///", "names no file"},
        {"sqlite:///a.db?mode=ro", "takes no settings"},
        {"sqlite:///a%2", "write %25"},
        {"sqlite:///a%zz", "in its path"},
        {"sqlite:///a%00b", "%00"},
        {"sqlite:/a.db", "no '//'"},
        {"mysql:u@h/d", "./ before the name of a file"},
        {"mysql://u@h", "names no database"},
        {"mysql://u@h/", "names no database"},
        {"mysql://u@h/a/b", "more than a database"},
        {"mysql://u@h:/d", "no number from 1 to 65535"},
        {"mysql://u@h:0/d", "no number from 1 to 65535"},
        {"mysql://u@h:65536/d", "no number from 1 to 65535"},
        {"mysql://u@h:99999999999999999999/d", "no number from 1 to 65535"},
        {"mysql://u@h:33o6/d", "no number from 1 to 65535"},
        {"mysql://u@[::1/d", "write an IPv6"},
        {"mysql://u@[::1]3306/d", "write an IPv6"},
        {"mysql://u@h/d?unix-socket=/x",
         "unknown setting 'unix-socket' in the store's URL; did you mean 'unix_socket'?"},
        {"mysql://u@h/d?charset=latin1", "there are unix_socket, ssl-ca and read_default_file"},
        {"mysql://u@h/d?ssl-ca", "write ssl-ca=PATH"},
        {"mysql://u@h/d?ssl-ca=", "write ssl-ca=PATH"},
        {"mysql://u@h/d?ssl-ca=a&ssl-ca=b", "sets 'ssl-ca' twice"},
        {"mysql://u@h/d?ssl-ca=%", "in its ssl-ca"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_store_url url;
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(tg_store_url_parse(&url, cases[i].text, &err), TG_ERROR_INVALID);
        if (!strstr(err.message, cases[i].says)) {
            fail_msg("%s: '%s' is not in: %s", cases[i].text, cases[i].says, err.message);
        }
        assert_null(url.scheme); /* released */
        assert_int_equal(tg_store_url_parse(&url, cases[i].text, NULL), TG_ERROR_INVALID);
    }
}

/* Whatever of it was meant as what. */
static void no_message_repeats_a_password(void **state) {
    (void)state;
    static const char *const texts[] = {
        "mysql://u:secret",        "mysql://u:secret@h",        "mysql://u:secret?x@h/d",
        "mysql://u:12?secret@h/d", "mysql://u:12/x?secret@h/d", "mysql://u:se#cret@h/d",
        "mysql://u:12/secret@h/d", "mysql://u:secret%@h/d",     "mysql://u:12#secret@h/d",
        "mysql:u:secret@h/d",      "mysql://u:secret@h:x/d",    "mysql://u:secret@[h/d",
        "mysql:/u:secret@h/d",     "mysql://u:secret@h/d?x=1",  "mysql://u@h/d?passwd=secret",
        "mysql://u:secret/x@h/d",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tg_store_url url;
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(tg_store_url_parse(&url, texts[i], &err), TG_ERROR_INVALID);
        if (strstr(err.message, "secret") || strstr(err.message, "cret")) {
            fail_msg("%s: %s", texts[i], err.message);
        }
    }
}

static void check_default(const char *service, const char *expected) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_store_url url;
    assert_int_equal(tg_store_url_default(&out, service, &err), TG_OK);
    assert_string_equal(tg_strbuf_text(&out), expected);
    assert_int_equal(tg_store_url_parse(&url, tg_strbuf_text(&out), &err), TG_OK);
    assert_true(url.path[0] == '/');
    tg_store_url_release(&url);
    tg_strbuf_release(&out);
}

static void the_default_is_a_file_for_each_service(void **state) {
    (void)state;
    setenv("HOME", "/home/me", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    check_default("shop", "sqlite:////data/tachograph/shop.db");
    check_default("Shop-2_b.x", "sqlite:////data/tachograph/Shop-2_b.x.db");
    check_default("a/../b c\n", "sqlite:////data/tachograph/a_.._b_c_.db");
    check_default("..", "sqlite:////data/tachograph/_..db");
    check_default("", "sqlite:////data/tachograph/_.db");
    check_default("\xC3\xA9\xFF", "sqlite:////data/tachograph/%C3%A9_.db");
    setenv("XDG_DATA_HOME", "relative", 1);
    check_default("shop", "sqlite:////home/me/.local/share/tachograph/shop.db");
    unsetenv("XDG_DATA_HOME");
    check_default("shop", "sqlite:////home/me/.local/share/tachograph/shop.db");
    setenv("HOME", "/home/50%", 1);
    check_default("shop", "sqlite:////home/50%25/.local/share/tachograph/shop.db");
}

static void a_long_service_still_is_a_file_name(void **state) {
    (void)state;
    char service[2001];
    for (size_t i = 0; i < 1000; i++) {
        memcpy(service + 2 * i, "\xC3\xA9", 2);
    }
    service[2000] = '\0';
    setenv("XDG_DATA_HOME", "/d", 1);
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_store_url url;
    assert_int_equal(tg_store_url_default(&out, service, NULL), TG_OK);
    assert_int_equal(tg_store_url_parse(&url, tg_strbuf_text(&out), NULL), TG_OK);
    assert_int_equal(strlen(url.path), strlen("/d/tachograph/.db") + 200);
    tg_store_url_release(&url);
    tg_strbuf_release(&out);
}

static void without_a_home_there_is_no_default(void **state) {
    (void)state;
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_store_url_default(&out, "shop", &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "set one of them or name the store"));
    tg_strbuf_release(&out);
}

/* Expects what a URL becomes. */
static void expect_anchored(const char *text, const char *anchored) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    assert_int_equal(tg_store_url_anchor(&out, text, NULL), TG_OK);
    assert_string_equal(tg_strbuf_text(&out), anchored);
    tg_strbuf_release(&out);
}

static void a_relative_path_is_of_this_directory(void **state) {
    (void)state;
    char before[4096];
    char directory[] = "/tmp/tg test-XXXXXX";
    char expected[128];
    struct tg_error err = TG_ERROR_INIT;
    struct tg_strbuf out = TG_STRBUF_INIT;
    assert_non_null(getcwd(before, sizeof before));
    assert_non_null(mkdtemp(directory));
    assert_int_equal(chdir(directory), 0);
    snprintf(expected, sizeof expected, "sqlite:////tmp/tg%%20%s/below/shop.db", directory + strlen("/tmp/tg "));
    expect_anchored("below/shop.db", expected);
    expect_anchored("sqlite:///below/shop.db", expected);
    expect_anchored("/srv/shop.db", "/srv/shop.db");
    expect_anchored("sqlite:////srv/a%20b.db", "sqlite:////srv/a%20b.db");
    expect_anchored("mysql://me:secret@host/db?ssl-ca=x.pem", "mysql://me:secret@host/db?ssl-ca=x.pem");
    assert_int_equal(rmdir(directory), 0);
    assert_int_equal(tg_store_url_anchor(&out, "shop.db", &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "absolute"));
    assert_int_equal(tg_store_url_anchor(&out, "sqlite://shop.db", &err), TG_ERROR_INVALID);
    assert_int_equal(chdir("/"), 0);
    expect_anchored("shop.db", "sqlite:////shop.db");
    assert_int_equal(chdir(before), 0);
    tg_strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(servers),
        cmocka_unit_test(settings_of_servers),
        cmocka_unit_test(other_schemes_are_left_to_the_drivers),
        cmocka_unit_test(errors_say_what_to_write),
        cmocka_unit_test(no_message_repeats_a_password),
        cmocka_unit_test(the_default_is_a_file_for_each_service),
        cmocka_unit_test(a_long_service_still_is_a_file_name),
        cmocka_unit_test(without_a_home_there_is_no_default),
        cmocka_unit_test(a_relative_path_is_of_this_directory),
    };
    return cmocka_run_group_tests_name("store_url", tests, NULL, NULL);
}
