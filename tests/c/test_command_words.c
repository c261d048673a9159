#include "failure/command_words.h"

#include "failure/redact.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* `words`: with a '|' where a zero is. In memory of its own, so that a byte too many is seen. */
static void check(const char *words, const char *wanted) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    size_t length = strlen(words);
    char *given = malloc(length + 1);
    assert_non_null(given);
    for (size_t i = 0; i < length; i++) {
        given[i] = (char)(words[i] == '|' ? '\0' : words[i]);
    }
    given = realloc(given, length ? length : 1);
    assert_non_null(given);
    tg_command_words_append(&out, given, length);
    assert_string_equal(tg_strbuf_text(&out), wanted);
    tg_strbuf_release(&out);
    free(given);
}

static void words_have_blanks_between_them(void **state) {
    (void)state;
    check("", "");
    check("python|-m|http.server|8000|", "python -m http.server 8000");
    check("app.py||x", "app.py  x");
    check("app.py|--tokenizer|bpe|--author=me|compass=north", "app.py --tokenizer bpe --author=me compass=north");
    check("app.py|token|create", "app.py token create");
}

static void values_of_secret_options_go(void **state) {
    (void)state;
    check("app.py|--password=a b|x", "app.py --password=[redacted] x");
    check("app.py|--db-pass|hunter2|x", "app.py --db-pass [redacted] x");
    check("app.py|-token|-x1|y", "app.py -token [redacted] y");
    check("app.py|--api-key|a b c|--user|me", "app.py --api-key [redacted] --user me");
    check("app.py|--password|--user|me", "app.py --password --user me");
    check("app.py|--password|--token|x", "app.py --password --token [redacted]");
    check("app.py|--password||x", "app.py --password  x");
    check("app.py|--password", "app.py --password");
    check("app.py|--password=", "app.py --password=");
}

static void values_of_secret_names_go(void **state) {
    (void)state;
    check("env|MYSQL_PWD=x|python", "env MYSQL_PWD=[redacted] python");
    check("app.py|--set=db.password=x=y", "app.py --set=db.password=[redacted]");
    check("app.py|-Dapp.secret=x", "app.py -Dapp.secret=[redacted]");
}

static void other_secrets_go_as_in_any_text(void **state) {
    (void)state;
    check("app.py|mysql://me:pw@db/x", "app.py mysql://me:[redacted]@db/x");
    check("curl|-H|Authorization: Bearer abc|h", "curl -H Authorization: Bearer [redacted] h");
    check("python|-c|f(1, password='x', y=2)", "python -c f(1, password=[redacted], y=2)");
}

static void added_words_count(void **state) {
    (void)state;
    assert_true(tg_redact_set_words("iban"));
    check("app.py|--iban|DE12", "app.py --iban [redacted]");
    assert_true(tg_redact_set_words(NULL));
    check("app.py|--iban|DE12", "app.py --iban DE12");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_blanks_between_them),
        cmocka_unit_test(values_of_secret_options_go),
        cmocka_unit_test(values_of_secret_names_go),
        cmocka_unit_test(other_secrets_go_as_in_any_text),
        cmocka_unit_test(added_words_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
