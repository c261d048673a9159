/* What is JSON, and what only looks like it. */
#include "base/json_check.h"

#include "base/strbuf.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void check(const char *text, bool expected) {
    if (tg_json_is_value(text, strlen(text)) != expected) {
        fail_msg("%s is %sJSON", text, expected ? "" : "no ");
    }
}

static void values(void **state) {
    (void)state;
    static const char *const texts[] = {
        "null",
        "true",
        " false\n",
        "0",
        "-0",
        "-12.5e+30",
        "1E9",
        "0.1",
        "\"\"",
        "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\xC3\xA9\xF0\x9F\x90\x8C\"",
        "[]",
        "{}",
        "[ ]",
        "{\t}",
        "[[],{},[{}]]",
        "[1, \"two\", {\"three\": [null]}, []]",
        "{\"a\":1,\"a\":{\"b\":[{}],\"c\":\"]\"}}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(texts[i], true);
    }
}

static void others(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x10",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x41\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\n\"",
        "\"\x1b[2J\"",
        "\"\xff\"",
        "\"\xC3\"",
        "\"\xED\xA0\x80\"",
        "'a'",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1 \"b\":2}",
        "[] []",
        "[]]",
        "1,2",
        "</script>",
        "\xEF\xBB\xBF[]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check(texts[i], false);
    }
    assert_false(tg_json_is_value("1\0", 2));
    assert_false(tg_json_is_value("\"a\0b\"", 5));
    assert_false(tg_json_is_value(NULL, 0));
}

/* Each beginning of a value is looked at alone, in bytes of its own, so that a sanitizer sees who reads on. */
static void beginnings(void **state) {
    (void)state;
    static const char text[] = "{\"a\": [-1.5e3, true, null, \"\\u00e9\xC3\xA9\\n\"], \"b\": {}}";
    for (size_t length = 1; length < sizeof text - 1; length++) {
        char *part = malloc(length);
        assert_non_null(part);
        memcpy(part, text, length);
        assert_false(tg_json_is_value(part, length));
        free(part);
    }
    check(text, true);
}

static void nested(const char *opening, const char *closing, size_t depth, bool expected) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    for (size_t i = 0; i < depth; i++) {
        tg_strbuf_append(&text, opening);
    }
    tg_strbuf_append(&text, "1");
    for (size_t i = 0; i < depth; i++) {
        tg_strbuf_append(&text, closing);
    }
    check(tg_strbuf_text(&text), expected);
    tg_strbuf_release(&text);
}

static void so_deep_and_no_deeper(void **state) {
    (void)state;
    nested("[", "]", TG_JSON_DEPTH_MAX, true);
    nested("[", "]", TG_JSON_DEPTH_MAX + 1, false);
    nested("{\"\":", "}", TG_JSON_DEPTH_MAX, true);
    nested("{\"\":", "}", TG_JSON_DEPTH_MAX + 1, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(others),
        cmocka_unit_test(beginnings),
        cmocka_unit_test(so_deep_and_no_deeper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
