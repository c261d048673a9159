#include "failure/redact.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

static void check_text(const char *given, const char *wanted) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_redact_text(given, strlen(given), &out, NULL);
    assert_string_equal(tg_strbuf_text(&out), wanted);
    tg_strbuf_release(&out);
}

static bool is_secret(const char *key) {
    return tg_redact_is_secret_key(key, strlen(key));
}

static void secret_keys_are_known_in_any_spelling(void **state) {
    (void)state;
    static const char *const keys[] = {
        "password",
        "PASSWORD",
        "db_password",
        "passwordHash",
        "X-Api-Key",
        "apiKey",
        "api_key",
        "access.token",
        "secret",
        "client-secret",
        "Authorization",
        "Set-Cookie",
        "private key",
        "csrfmiddlewaretoken",
        "auth",
        "Pwd",
        "pin",
        "db_pass",
        "MYSQL_PWD",
        "SENTRY_DSN",
        "private_key",
        "credentials",
        "session_id",
        "connection_string",
        "bearer",
        "smtpPass",
        "DBPass2",
        "userPASS",
        "http.auth",
        "oauth-verifier",
        "proxyAuth",
        "tokenizer_token",
        "x-amz-credential",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!is_secret(keys[i])) {
            fail_msg("%s is no secret", keys[i]);
        }
    }
}

static void other_keys_are_not(void **state) {
    (void)state;
    static const char *const keys[] = {
        "",          "name",       "author",      "spinner",   "passenger",  "compass",    "sort_key",
        "x",         "tokenizer",  "tokenized",   "authority", "secretary",  "bypass",     "passes",
        "designs",   "unauthored", "passengerId", "session",   "connection", "bearerless", "COMPASS",
        "pinned_at", "Authors",    "option",      "key",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (is_secret(keys[i])) {
            fail_msg("%s is a secret", keys[i]);
        }
    }
}

/* As programs write names: all kinds of words before and behind, in all spellings. */
static void spell(const char *const *words, size_t count, int spelling, char *out) {
    static const char *const between[] = {"_", "-", ".", "_", "", "", " "};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            out = stpcpy(out, between[spelling]);
        }
        for (const char *c = words[i]; *c; c++) {
            bool is_capital = spelling == 3 || (c == words[i] && (spelling == 4 || (spelling == 5 && i > 0)));
            *out++ = (char)(is_capital ? *c - 'a' + 'A' : *c);
        }
    }
    *out = '\0';
}

static void names_are_secret_by_their_words(void **state) {
    (void)state;
    static const char *const secrets[] = {
        "password", "passwd", "pass", "pwd", "passphrase", "secret",      "token",  "cookie", "auth",  "bearer",
        "dsn",      "jwt",    "otp",  "ssn", "credential", "credentials", "apikey", "csrf",   "oauth", "secrets"};
    static const char *const others[] = {"db",      "mysql",     "user",      "passenger", "compass",
                                         "author",  "authority", "tokenizer", "design",    "pinned",
                                         "spinner", "bypass",    "old",       "value",     "secretary",
                                         "session", "count",     "opinion",   "encompass"};
    char name[128];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        for (size_t j = 0; j < sizeof others / sizeof others[0]; j++) {
            for (int spelling = 0; spelling < 7; spelling++) {
                spell((const char *const[]){others[i], others[j]}, 2, spelling, name);
                if (is_secret(name)) {
                    fail_msg("%s is a secret", name);
                }
                const char *word = secrets[(i + j) % (sizeof secrets / sizeof secrets[0])];
                spell((const char *const[]){others[i], word, others[j]}, 3, spelling, name);
                if (!is_secret(name)) {
                    fail_msg("%s is no secret", name);
                }
            }
        }
    }
}

static void of_a_long_key_the_end_counts(void **state) {
    (void)state;
    char key[1000];
    memset(key, 'x', sizeof key);
    assert_false(tg_redact_is_secret_key(key, sizeof key));
    for (size_t i = 0; i < 8; i++) {
        key[sizeof key - 8 + i] = "password"[i];
    }
    assert_true(tg_redact_is_secret_key(key, sizeof key));
}

static void words_can_be_added(void **state) {
    (void)state;
    assert_false(is_secret("customer_iban"));
    assert_true(tg_redact_set_words("IBAN, birth-date,,"));
    assert_true(is_secret("customer_iban"));
    assert_true(is_secret("BirthDate"));
    assert_true(is_secret("password"));
    assert_false(is_secret("name"));
    assert_true(tg_redact_set_words(NULL));
    assert_false(is_secret("customer_iban"));
}

static void words_past_the_limits_are_told(void **state) {
    (void)state;
    char words[4096] = "";
    for (int i = 0; i < 33; i++) {
        snprintf(words + strlen(words), sizeof words - strlen(words), "word%02dx,", i);
    }
    assert_false(tg_redact_set_words(words));
    assert_true(is_secret("word31x"));
    assert_false(is_secret("word32x"));
    memset(words, 'a', 64);
    words[64] = '\0';
    assert_false(tg_redact_set_words(words));
    assert_true(tg_redact_set_words(NULL));
}

static void words_that_cannot_be_meant_are_refused(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_redact_check_words("IBAN, birth-date", &err), TG_OK);
    assert_int_equal(tg_redact_check_words("iban,--,x", &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "'--' is no word"));
    char words[33 * 2 + 1] = "";
    for (int i = 0; i < 33; i++) {
        memcpy(words + 2 * (size_t)i, "x,", 3);
    }
    assert_int_equal(tg_redact_check_words(words + 2, &err), TG_OK);
    assert_int_equal(tg_redact_check_words(words, &err), TG_ERROR_INVALID);
    assert_non_null(strstr(err.message, "there are 33 words in it"));
}

static void empty_words_do_no_harm(void **state) {
    (void)state;
    static const char *const texts[] = {"iban,", ",iban", "iban, ,\t,,x", "iban,,x"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(tg_redact_check_words(texts[i], NULL), TG_OK);
        assert_true(tg_redact_set_words(texts[i]));
        assert_true(is_secret("customer_iban"));
        assert_false(is_secret("name"));
    }
    assert_int_equal(tg_redact_check_words(" ,", NULL), TG_OK);
    assert_int_equal(tg_redact_check_words("", NULL), TG_OK);
    assert_true(tg_redact_set_words(NULL));
}

static void plain_texts_stay(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "division by zero",
        "http://example.org:8080/path?x=1&y=2",
        "https://example.org/a:b@c",
        "x == password == y",
        "basic needs",
        "bearer of news",
        "eyJ is short",
        "eyJhbGciOiJIUzI1NiJ9 is one part with a blank behind it",
        "a - b -- c --- d ---- e -----",
        "\xC3\xA9t\xC3\xA9 \xF0\x9F\x90\xA2",
        "x password != y and password <= z",
        "a password is wrong, and the token expired",
        "shop.tokens::refresh at http://token.example.org:8080/x",
        "password =",
        "token:\nthe next line",
        "\"password\"",
        "password: [redacted]",
        "(\"the password\", 5)",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_text(texts[i], texts[i]);
    }
}

static void web_tokens_go(void **state) {
    (void)state;
    check_text("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g, sorry",
               "got [redacted], sorry");
    check_text("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0", "[redacted]");
    check_text("cut: eyJhbGciOiJIUzI1N", "cut: [redacted]");
}

static void pem_blocks_go(void **state) {
    (void)state;
    check_text("key:\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nrest",
               "key:\n[redacted]\nrest");
    check_text("-----BEGIN CERTIFICATE-----\nMIIE", "[redacted]");
    check_text("-----BEGIN A-----x-----END A", "[redacted]");
}

static void passwords_in_urls_go(void **state) {
    (void)state;
    check_text("cannot reach mysql://me:pw@db/shop today", "cannot reach mysql://me:[redacted]@db/shop today");
    check_text("postgresql://u:p@ss@h", "postgresql://u:[redacted]@h");
    check_text("redis://:pw@h:6379/0", "redis://:[redacted]@h:6379/0");
    check_text("amqp://u:a/b@h/v", "amqp://u:[redacted]@h/v");
    check_text("('https://u:p@h',)", "('https://u:[redacted]@h',)");
    check_text("https://user:longpassword", "https://user:[redacted]");
}

static void authorizations_go(void **state) {
    (void)state;
    check_text("Authorization: Bearer abcdef0123456789.x", "Authorization: Bearer [redacted]");
    check_text("'basic dXNlcjpwYXNz'", "'basic [redacted]'");
}

static void values_of_secret_keys_go(void **state) {
    (void)state;
    check_text("GET /x?token=abc&page=2", "GET /x?token=[redacted]&page=2");
    check_text("host=db password=hunter2 user=me", "host=db password=[redacted] user=me");
    check_text("connect(password='a \\' b', port=1)", "connect(password=[redacted], port=1)");
    check_text("--api-key=123 --x=1", "--api-key=[redacted] --x=1");
    check_text("password=\"open", "password=[redacted]");
    check_text("password=", "password=");
}

static void values_go_however_they_are_assigned(void **state) {
    (void)state;
    check_text("password = x", "password = [redacted]");
    check_text("password := x", "password := [redacted]");
    check_text("'password' => 'x', 'user' => 'me'", "'password' => [redacted], 'user' => 'me'");
    check_text("def f(password: str = \"x\", user: str = \"me\")", "def f(password: [redacted], user: str = \"me\")");
    check_text("os.environ[\"DB_PASSWORD\"] = x", "os.environ[\"DB_PASSWORD\"] = [redacted]");
    check_text("assert password == 'hunter2'", "assert password == [redacted]");
    check_text("f(password=b'x', secret=rb\"y\")", "f(password=[redacted], secret=[redacted])");
    check_text("f(password='it''s', user=1)", "f(password=[redacted], user=1)");
    check_text("password=\"\"\"a b\"\"\" user", "password=[redacted] user");
    check_text("the password: must not be empty", "the password: [redacted] not be empty");
}

static void values_in_json_and_dicts_go(void **state) {
    (void)state;
    check_text("{\"password\": \"hunter2\"}", "{\"password\": [redacted]}");
    check_text("{\"a\":1,\"password\":\"a \\\" b\",\"c\":2}", "{\"a\":1,\"password\":[redacted],\"c\":2}");
    check_text("{'password': 'hunter2', 'user': 'me'}", "{'password': [redacted], 'user': 'me'}");
    check_text("{b'private key' : b'x'}", "{b'private key' : [redacted]}");
    check_text("{\"password\":\n  \"x\"}", "{\"password\":\n  [redacted]}");
    check_text("{\\\"password\\\": \\\"a b\\\", \\\"c\\\": 1}", "{\\\"password\\\": [redacted], \\\"c\\\": 1}");
    check_text("{'pin': 1234, 'secrets': ['a]', {'b': 'c'}], 'd': 5}",
               "{'pin': [redacted], 'secrets': [redacted], 'd': 5}");
    check_text("{'token': ''}", "{'token': [redacted]}");
    check_text("{'secrets': ['a', 'b'", "{'secrets': [redacted]");
}

static void values_of_headers_go(void **state) {
    (void)state;
    check_text("Authorization=Bearer abcdefghijklmnop123", "Authorization=Bearer [redacted]");
    check_text("Authorization: Token abc", "Authorization: Token [redacted]");
    check_text("authorization: basic dXNl=='", "authorization: basic [redacted]'");
    check_text("Authorization: Token", "Authorization: [redacted]");
    check_text("Authorization: Digest username=\"me\", response=\"a b\", qop=auth\nHost: h",
               "Authorization: Digest [redacted]\nHost: h");
    check_text("-H 'x-api-key: abc' -H 'Accept: y'", "-H 'x-api-key: [redacted]' -H 'Accept: y'");
    check_text("Cookie: sid=abc; name=\"x\"; z=1\nHost: h", "Cookie: [redacted]\nHost: h");
    check_text("{'Authorization': 'Token abc', 'Host': 'h'}", "{'Authorization': [redacted], 'Host': 'h'}");
}

static void items_behind_secret_names_go(void **state) {
    (void)state;
    check_text("['mysql', '--password', 'x', 'shop']", "['mysql', '--password', [redacted], 'shop']");
    check_text("[(b\"authorization\", b\"x y\"), (b\"host\", b\"h\")]",
               "[(b\"authorization\", [redacted]), (b\"host\", b\"h\")]");
    check_text("['password', 'token', 'x']", "['password', [redacted], [redacted]]");
    check_text("mysql --password x --user me", "mysql --password [redacted] --user me");
    check_text("mysql --password --user me", "mysql --password --user me");
}

/* Of a kilobyte, and of so many that the square of their number would take minutes. */
static void hostile_texts_cost_their_length(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "password",    ":",       "\"", "[", "\\",      "\"password\":", "password=[",
        "--password ", "token: ", "a=", "'", "Bearer ", "cookie: a=;",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct tg_strbuf text = TG_STRBUF_INIT;
        struct tg_strbuf out = TG_STRBUF_INIT;
        while (text.length < (size_t)1 << 20) {
            tg_strbuf_append(&text, pieces[i]);
        }
        tg_redact_text(tg_strbuf_text(&text), text.length, &out, NULL);
        assert_in_range(out.length, 1, text.length * 2);
        tg_strbuf_release(&out);
        tg_strbuf_release(&text);
    }
}

static void names_alone_are_known(void **state) {
    (void)state;
    assert_true(tg_redact_is_secret_name("Authorization", 13));
    assert_true(tg_redact_is_secret_name("--api-key", 9));
    assert_false(tg_redact_is_secret_name("--api-key=x", 11));
    assert_false(tg_redact_is_secret_name("the password", 12));
    assert_false(tg_redact_is_secret_name("--", 2));
}

static void a_text_may_hold_zeros(void **state) {
    (void)state;
    static const char text[] = "a\0password=x\0y";
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_redact_text(text, sizeof text - 1, &out, NULL);
    static const char wanted[] = "a\0password=" TG_REDACTED "\0y";
    assert_int_equal(out.length, sizeof wanted - 1);
    assert_memory_equal(tg_strbuf_text(&out), wanted, sizeof wanted - 1);
    tg_strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secret_keys_are_known_in_any_spelling),
        cmocka_unit_test(other_keys_are_not),
        cmocka_unit_test(names_are_secret_by_their_words),
        cmocka_unit_test(of_a_long_key_the_end_counts),
        cmocka_unit_test(words_can_be_added),
        cmocka_unit_test(words_past_the_limits_are_told),
        cmocka_unit_test(words_that_cannot_be_meant_are_refused),
        cmocka_unit_test(empty_words_do_no_harm),
        cmocka_unit_test(plain_texts_stay),
        cmocka_unit_test(web_tokens_go),
        cmocka_unit_test(pem_blocks_go),
        cmocka_unit_test(passwords_in_urls_go),
        cmocka_unit_test(authorizations_go),
        cmocka_unit_test(values_of_secret_keys_go),
        cmocka_unit_test(values_go_however_they_are_assigned),
        cmocka_unit_test(values_in_json_and_dicts_go),
        cmocka_unit_test(values_of_headers_go),
        cmocka_unit_test(items_behind_secret_names_go),
        cmocka_unit_test(hostile_texts_cost_their_length),
        cmocka_unit_test(names_alone_are_known),
        cmocka_unit_test(a_text_may_hold_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
