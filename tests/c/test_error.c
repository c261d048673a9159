#include "base/error.h"

#include "cmocka_all.h"

#include <errno.h>
#include <string.h>

static void set_stores_and_returns(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_error_set(&err, TG_ERROR_INVALID, "rate %d is too high", 7), TG_ERROR_INVALID);
    assert_int_equal(err.status, TG_ERROR_INVALID);
    assert_string_equal(err.message, "rate 7 is too high");
}

static void nobody_listening_is_fine(void **state) {
    (void)state;
    assert_int_equal(tg_error_set(NULL, TG_ERROR_IO, "%s", "x"), TG_ERROR_IO);
    assert_int_equal(tg_error_set_errno(NULL, ENOENT, "x"), TG_ERROR_NOT_FOUND);
    tg_error_prefix(NULL, "x");
}

static void long_messages_are_cut_and_say_so(void **state) {
    (void)state;
    char text[2 * TG_ERROR_MESSAGE_SIZE];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct tg_error err = TG_ERROR_INIT;
    tg_error_set(&err, TG_ERROR_IO, "%s", text);
    assert_int_equal(strlen(err.message), TG_ERROR_MESSAGE_SIZE - 1);
    assert_string_equal(err.message + TG_ERROR_MESSAGE_SIZE - 5, "a...");

    text[TG_ERROR_MESSAGE_SIZE] = '\0'; /* one too long */
    tg_error_set(&err, TG_ERROR_IO, "%s", text);
    assert_string_equal(err.message + TG_ERROR_MESSAGE_SIZE - 5, "a...");

    text[TG_ERROR_MESSAGE_SIZE - 1] = '\0'; /* the longest that fits */
    tg_error_set(&err, TG_ERROR_IO, "%s", text);
    assert_string_equal(err.message, text);
}

static void a_cut_never_splits_a_character(void **state) {
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        static const char euro[3] = {'\xE2', '\x82', '\xAC'};
        char text[2 * TG_ERROR_MESSAGE_SIZE] = {0};
        memset(text, 'a', shift);
        for (size_t at = shift; at + 3 < sizeof text; at += 3) {
            memcpy(text + at, euro, sizeof euro);
        }
        struct tg_error err = TG_ERROR_INIT;
        tg_error_set(&err, TG_ERROR_IO, "%s", text);
        size_t length = strlen(err.message);
        assert_string_equal(err.message + length - 3, "...");
        assert_int_equal((length - 3 - shift) % 3, 0);
        assert_true(length > TG_ERROR_MESSAGE_SIZE - 5);
    }
}

static void errno_has_a_status_and_words(void **state) {
    (void)state;
    static const struct {
        int errnum;
        enum tg_status status;
    } cases[] = {
        {ENOMEM, TG_ERROR_MEMORY},      {ENOENT, TG_ERROR_NOT_FOUND}, {EEXIST, TG_ERROR_EXISTS},
        {EACCES, TG_ERROR_PERMISSION},  {ENOSPC, TG_ERROR_FULL},      {EAGAIN, TG_ERROR_BUSY},
        {ENOSYS, TG_ERROR_UNSUPPORTED}, {EIO, TG_ERROR_IO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(tg_error_set_errno(&err, cases[i].errnum, "cannot open %s", "x"), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
    }
    struct tg_error err = TG_ERROR_INIT;
    tg_error_set_errno(&err, ENOENT, "cannot open %s", "/x");
    assert_string_equal(err.message, "cannot open /x: No such file or directory");
}

static void prefix_keeps_the_status(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    tg_error_set(&err, TG_ERROR_FORMAT, "byte %d is wrong", 3);
    tg_error_prefix(&err, "recording %s", "a.tg");
    assert_int_equal(err.status, TG_ERROR_FORMAT);
    assert_string_equal(err.message, "recording a.tg: byte 3 is wrong");
}

static void every_status_has_its_own_name(void **state) {
    (void)state;
    for (int a = TG_OK; a <= TG_ERROR_UNSUPPORTED; a++) {
        assert_string_not_equal(tg_status_name((enum tg_status)a), "unknown status");
        for (int b = TG_OK; b < a; b++) {
            assert_string_not_equal(tg_status_name((enum tg_status)a), tg_status_name((enum tg_status)b));
        }
    }
    assert_string_equal(tg_status_name((enum tg_status)999), "unknown status");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_stores_and_returns),           cmocka_unit_test(nobody_listening_is_fine),
        cmocka_unit_test(long_messages_are_cut_and_say_so), cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(errno_has_a_status_and_words),     cmocka_unit_test(prefix_keeps_the_status),
        cmocka_unit_test(every_status_has_its_own_name),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
