#include "failure/capture.h"

#include "cmocka_all.h"

#include <math.h>
#include <string.h>

#define ELLIPSIS "\xE2\x80\xA6"

static struct tg_capture capture;

static int set_up(void **state) {
    (void)state;
    tg_capture_init(&capture);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tg_capture_release(&capture);
    tg_capture_release(&capture);
    return 0;
}

/* Without the zero at its end. */
static void put(char *to, const char *text) {
    for (size_t i = 0; text[i]; i++) {
        to[i] = text[i];
    }
}

static void check_json(const char *wanted) {
    assert_string_equal(tg_strbuf_text(&capture.text), wanted);
}

static void values_are_json(void **state) {
    (void)state;
    assert_true(tg_capture_open_array(&capture));
    tg_capture_null(&capture);
    tg_capture_bool(&capture, true);
    tg_capture_int(&capture, -5);
    tg_capture_double(&capture, 0.5);
    tg_capture_double(&capture, NAN);
    tg_capture_double(&capture, INFINITY);
    tg_capture_double(&capture, -INFINITY);
    tg_capture_number(&capture, "123456789012345678901234567890", 30);
    tg_capture_text(&capture, "a\"\n", 3, false);
    tg_capture_note(&capture, "<shop.Cart>");
    tg_capture_close(&capture, 0);
    check_json("[null,true,-5,0.5,\"NaN\",\"Infinity\",\"-Infinity\",123456789012345678901234567890,\"a\\\"\\n\","
               "\"<shop.Cart>\"]");
}

static void add_item(const char *text) {
    assert_true(tg_capture_may_add(&capture));
    if (tg_capture_item(&capture)) {
        tg_capture_text(&capture, text, strlen(text), false);
    }
}

static void the_item_behind_a_secret_name_goes(void **state) {
    (void)state;
    assert_true(tg_capture_open_array(&capture));
    add_item("--password");
    add_item("x");
    add_item("--password=x");
    add_item("the password");
    add_item("y");
    assert_true(tg_capture_may_add(&capture) && tg_capture_item(&capture));
    tg_capture_bytes(&capture, "x-api-key", 9, false);
    add_item("z");
    tg_capture_close(&capture, 0);
    check_json("[\"--password\",\"[redacted]\",\"--password=[redacted]\",\"the password\",\"y\",\"b'x-api-key'\","
               "\"[redacted]\"]");
}

static void bytes_are_redacted_before_they_are_escaped(void **state) {
    (void)state;
    static const char json[] = "{'password': 'a', 'b': '\xFF'}";
    tg_capture_bytes(&capture, json, sizeof json - 1, false);
    check_json("\"b'{\\\\x27password\\\\x27: [redacted], \\\\x27b\\\\x27: \\\\x27\\\\xff\\\\x27}'\"");
}

static void what_lies_within_another_has_its_depth(void **state) {
    (void)state;
    struct tg_capture inner;
    tg_capture_init(&inner);
    for (int i = 1; i < TG_CAPTURE_DEPTH; i++) {
        assert_true(tg_capture_open_array(&capture) && tg_capture_may_add(&capture));
    }
    tg_capture_begin_within(&inner, &capture, TG_CAPTURE_BYTES_LEAST);
    assert_true(tg_capture_open_array(&inner));
    assert_false(tg_capture_open_array(&inner));
    tg_capture_close(&inner, 0);
    assert_string_equal(tg_strbuf_text(&inner.text), "[\"[" ELLIPSIS "]\"]");
    tg_capture_release(&inner);
}

static void add_member(const char *key, int64_t value) {
    assert_true(tg_capture_may_add(&capture));
    if (tg_capture_key(&capture, key, strlen(key))) {
        tg_capture_int(&capture, value);
    }
}

static void secret_members_are_not_asked_for(void **state) {
    (void)state;
    assert_true(tg_capture_open_object(&capture));
    add_member("user", 1);
    add_member("api_key", 2);
    tg_capture_close(&capture, 0);
    check_json("{\"user\":1,\"api_key\":\"[redacted]\"}");
}

static void texts_are_cut_after_secrets_are_found(void **state) {
    (void)state;
    char text[6000];
    char wanted[1024] = "\"";
    memset(text, 'a', sizeof text);
    put(text + 180, " u://me:");
    memset(text + 188, 'p', 300);
    text[488] = '@';
    memset(wanted + 1, 'a', 180);
    put(wanted + 181, " u://me:[redacted]@a" ELLIPSIS "\"");
    tg_capture_text(&capture, text, sizeof text, true);
    check_json(wanted);
}

static void characters_are_not_cut_in_two(void **state) {
    (void)state;
    char text[1000];
    for (size_t i = 0; i + 2 <= sizeof text; i += 2) {
        put(text + i, "\xC3\xA9");
    }
    tg_capture_text(&capture, text, sizeof text, false);
    assert_int_equal(capture.text.length, 2 + 2 * TG_CAPTURE_CHARACTERS + strlen(ELLIPSIS));
}

static void of_many_members_the_first_are_shown(void **state) {
    (void)state;
    size_t count = 0;
    assert_true(tg_capture_open_array(&capture));
    for (; count < 25 && tg_capture_may_add(&capture); count++) {
        tg_capture_int(&capture, 7);
    }
    assert_int_equal(count, TG_CAPTURE_BREADTH);
    tg_capture_close(&capture, 25 - count);
    check_json("[7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,\"" ELLIPSIS " 5 more\"]");
}

static void what_lies_too_deep_is_a_note(void **state) {
    (void)state;
    int depth = 0;
    while (tg_capture_open_array(&capture)) {
        assert_true(tg_capture_may_add(&capture));
        depth++;
    }
    assert_int_equal(depth, TG_CAPTURE_DEPTH);
    for (; depth > 0; depth--) {
        tg_capture_close(&capture, 0);
    }
    check_json("[[[[[\"[" ELLIPSIS "]\"]]]]]");
}

/* Every bound at once: as deep, as wide and as long as is let. */
static void fill(int depth, const char *text) {
    size_t count = 0;
    if (!tg_capture_open_object(&capture)) {
        return;
    }
    for (; count < 30 && tg_capture_may_add(&capture); count++) {
        if (!tg_capture_key(&capture, text, strlen(text))) {
            continue;
        }
        if (depth < 8 && count % 2 == 0) {
            fill(depth + 1, text);
        } else {
            tg_capture_text(&capture, text, strlen(text), false);
        }
    }
    tg_capture_close(&capture, 30 - count);
}

static void the_whole_is_bounded(void **state) {
    (void)state;
    static const size_t limits[] = {TG_CAPTURE_BYTES_LEAST, 777, 2000, TG_CAPTURE_BYTES};
    char text[301];
    memset(text, '\1', 300);
    for (size_t length = 1; length <= 300; length += 23) {
        text[length] = '\0';
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            tg_capture_begin(&capture, limits[i]);
            fill(0, text);
            assert_int_equal(capture.depth, 0);
            assert_int_equal(capture.json.depth, 0);
            assert_in_range(capture.text.length, 1, limits[i]);
        }
        text[length] = '\1';
    }
}

static void what_found_no_room_is_counted(void **state) {
    (void)state;
    char key[150];
    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    tg_capture_begin(&capture, TG_CAPTURE_BYTES_LEAST);
    assert_true(tg_capture_open_object(&capture));
    size_t count = 0;
    for (; count < 10 && tg_capture_may_add(&capture); count++) {
        if (tg_capture_key(&capture, key, strlen(key))) {
            tg_capture_int(&capture, 1);
        }
    }
    tg_capture_close(&capture, 10 - count);
    assert_non_null(strstr(tg_strbuf_text(&capture.text), "\"" ELLIPSIS "\":\"" ELLIPSIS " 9 more\"}"));
}

static void messages_are_cut_and_clean(void **state) {
    (void)state;
    struct tg_strbuf out = TG_STRBUF_INIT;
    tg_capture_message(&out, NULL, "token=abc is wrong", 18, false, 100);
    assert_string_equal(tg_strbuf_text(&out), "token=[redacted] is wrong");
    tg_strbuf_truncate(&out, 0);
    tg_capture_message(&out, NULL, "0123456789", 10, false, 8);
    assert_string_equal(tg_strbuf_text(&out), "01234" ELLIPSIS);
    tg_strbuf_release(&out);
}

static void what_is_hidden_is_gathered_and_not_told(void **state) {
    (void)state;
    struct tg_secret_values found = TG_SECRET_VALUES_INIT;
    struct tg_strbuf out = TG_STRBUF_INIT;
    capture.found = &found;
    assert_true(tg_capture_open_object(&capture));
    assert_true(tg_capture_may_add(&capture));
    assert_false(tg_capture_key(&capture, "password", 8));
    assert_true(tg_capture_is_secret(&capture));
    capture.gathers = true;
    assert_true(tg_capture_may_add(&capture));
    assert_true(tg_capture_key(&capture, "somebody", 8));
    assert_false(tg_capture_is_secret(&capture));
    tg_capture_text(&capture, "hunter2", 7, false);
    tg_capture_close(&capture, 0);
    tg_capture_bytes(&capture, "of bytes", 8, false);
    tg_capture_message(&out, &found, "somebody: hunter2, of bytes", 27, false, 100);
    assert_string_equal(tg_strbuf_text(&out), "somebody: [redacted], [redacted]");
    tg_strbuf_release(&out);
    tg_secret_values_release(&found);
}

static void a_key_without_room_is_no_secret(void **state) {
    (void)state;
    char key[TG_CAPTURE_CHARACTERS];
    memset(key, 'k', sizeof key);
    tg_capture_begin(&capture, TG_CAPTURE_BYTES_LEAST);
    assert_true(tg_capture_open_object(&capture));
    tg_capture_key(&capture, key, sizeof key);
    tg_capture_null(&capture);
    assert_false(tg_capture_key(&capture, key, sizeof key));
    assert_false(tg_capture_is_secret(&capture));
    tg_capture_close(&capture, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_item_behind_a_secret_name_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_are_redacted_before_they_are_escaped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_lies_within_another_has_its_depth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secret_members_are_not_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(texts_are_cut_after_secrets_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(characters_are_not_cut_in_two, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_many_members_the_first_are_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_lies_too_deep_is_a_note, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_whole_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_found_no_room_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_are_cut_and_clean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_hidden_is_gathered_and_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_without_room_is_no_secret, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
