#include "serve/credentials.h"

#include "cmocka_all.h"

#include <string.h>

static void assert_span(struct tg_span span, const char *expected) {
    assert_int_equal(span.text != NULL, expected != NULL);
    if (expected) {
        assert_int_equal(span.length, strlen(expected));
        assert_memory_equal(span.text, expected, span.length);
    }
}

static void cookies_are_found_by_their_whole_name(void **state) {
    (void)state;
    assert_span(tg_credentials_cookie("t=1", "t"), "1");
    assert_span(tg_credentials_cookie("a=2; t=1 ; b=3", "t"), "1");
    assert_span(tg_credentials_cookie("xt=2;t=1;t=4", "t"), "1");
    assert_span(tg_credentials_cookie("t=", "t"), "");
    assert_span(tg_credentials_cookie("t=a=b", "t"), "a=b");
    assert_span(tg_credentials_cookie("t", "t"), NULL);
    assert_span(tg_credentials_cookie("tt=1; ;;", "t"), NULL);
    assert_span(tg_credentials_cookie("", "t"), NULL);
    assert_span(tg_credentials_cookie(NULL, "t"), NULL);
}

static void bearer(void **state) {
    (void)state;
    assert_span(tg_credentials_bearer("Bearer abc"), "abc");
    assert_span(tg_credentials_bearer("bearer  abc \t"), "abc");
    assert_span(tg_credentials_bearer("Bearer"), NULL);
    assert_span(tg_credentials_bearer("Bearerabc"), NULL);
    assert_span(tg_credentials_bearer("Basic abc"), NULL);
    assert_span(tg_credentials_bearer(NULL), NULL);
}

static void basic(void **state) {
    (void)state;
    static const struct {
        const char *header;
        const char *user;
        const char *password;
    } cases[] = {
        {"Basic YTpi", "a", "b"},    {"basic  YTpi ", "a", "b"},  {"Basic YW5uYTpwOnEgcg==", "anna", "p:q r"},
        {"Basic Og==", "", ""},      {"Basic YTo=", "a", ""},     {"Basic", NULL, NULL},
        {"Basic YTp", NULL, NULL},   {"Basic YTpi=", NULL, NULL}, {"Basic YQ==", NULL, NULL},
        {"Basic YT!i", NULL, NULL},  {"Basic AAAA", NULL, NULL},  {"Basic ====", NULL, NULL},
        {"Bearer YTpi", NULL, NULL}, {NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_basic_credentials credentials;
        assert_int_equal(tg_credentials_basic(&credentials, cases[i].header), cases[i].user != NULL);
        if (cases[i].user) {
            assert_string_equal(credentials.user, cases[i].user);
            assert_string_equal(credentials.password, cases[i].password);
        }
    }
}

static void basic_that_is_too_long(void **state) {
    (void)state;
    char header[1024] = "Basic ";
    struct tg_basic_credentials credentials;
    memset(header + 6, 'O', 4 * 200); /* ':' and so on */
    memcpy(header + 6, "YTpi", 4);
    assert_false(tg_credentials_basic(&credentials, header));
    header[6 + 4 * 100] = '\0';
    assert_true(tg_credentials_basic(&credentials, header));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_found_by_their_whole_name),
        cmocka_unit_test(bearer),
        cmocka_unit_test(basic),
        cmocka_unit_test(basic_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
