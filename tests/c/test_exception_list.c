/* The exceptions of a history that are asked for. */
#include "analyze/exception_list.h"

#include "answer/exceptions_json.h"
#include "base/json_check.h"

#include "store_exceptions_fixture.h"

static struct tg_exception_list ask(struct tg_store *store, struct tg_exception_question question) {
    struct tg_scope scope;
    struct tg_exception_list list;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_scope_init(&scope, store, "here", &err), TG_OK);
    assert_int_equal(tg_scope_choose(&scope, "shop", &err), TG_OK);
    question.selection = history_everything(store);
    if (tg_exception_list_read(&list, &scope, &question, &err) != TG_OK) {
        fail_msg("%s", err.message);
    }
    tg_scope_release(&scope);
    return list;
}

/* Kinds 1 to 3, of which the second is the most frequent and the third happened last. */
static struct tg_store *fill(void) {
    struct tg_store *store = history_open();
    struct tg_batch_failure groups[] = {
        exception_of("shop.cart::Cart.add", "KeyError", 1, 5),
        exception_of("shop::pay", "ValueError", 2, 9),
        exception_of("bank::pay", "ValueError", 3, 1),
    };
    const struct tg_batch_failure_sample samples[] = {
        exception_sample(0, "one", "[1]"),
        exception_sample(1, "two", "[2]"),
        exception_sample(2, "three", "[3]"),
    };
    groups[2].last_wall_ns += HISTORY_S;
    history_commit(store, exception_batch(1, 1, 10, groups, 3, samples, 3));
    history_commit(store, exception_batch(1, 2, 90, groups, 1, samples, 1));
    return store;
}

static void expect(struct tg_store *store, struct tg_exception_question question, size_t matching_count,
                   const char *messages) {
    struct tg_strbuf found = TG_STRBUF_INIT;
    question.sample_limit = 1;
    struct tg_exception_list list = ask(store, question);
    for (size_t i = 0; i < list.row_count; i++) {
        assert_int_equal(list.rows[i].samples.count, 1);
        tg_strbuf_printf(&found, "%s%s", i ? " " : "", list.rows[i].samples.items[0].message);
    }
    assert_string_equal(tg_strbuf_text(&found), messages);
    assert_int_equal(list.matching_count, matching_count);
    tg_strbuf_release(&found);
    tg_exception_list_release(&list);
    tg_exception_list_release(&list);
}

static void what_is_asked_for(void **state) {
    (void)state;
    struct tg_store *store = fill();
    expect(store, (struct tg_exception_question){.id = 0}, 3, "one two three"); /* 10, 9 and 1 */
    expect(store, (struct tg_exception_question){.sort = TG_EXCEPTION_SORT_LAST}, 3, "three one two");
    expect(store, (struct tg_exception_question){.pattern = "shop.*"}, 2, "one two");
    expect(store, (struct tg_exception_question){.function = "shop.cart::Cart.add"}, 1, "one");
    expect(store, (struct tg_exception_question){.function = "shop.*"}, 0, "");
    expect(store, (struct tg_exception_question){.pattern = "bank"}, 1, "three");
    expect(store, (struct tg_exception_question){.filter = "valueERROR"}, 2, "two three");
    expect(store, (struct tg_exception_question){.filter = "CART"}, 1, "one");
    expect(store, (struct tg_exception_question){.filter = ""}, 3, "one two three");
    expect(store, (struct tg_exception_question){.id = 99}, 0, "");
    expect(store, (struct tg_exception_question){.limit = 2}, 3, "one two");
    expect(store, (struct tg_exception_question){.offset = 2, .limit = 2}, 3, "three");
    expect(store, (struct tg_exception_question){.offset = SIZE_MAX}, 3, "");
    tg_store_close(store);
}

static void points_are_sums_of_steps(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint64_t seq = 1; seq <= 10; seq++) {
        struct tg_batch_failure group = exception_of("m::f", "KeyError", 1, seq);
        if (seq != 4) {
            history_commit(store, exception_batch(1, seq, (int64_t)seq * 10, &group, 1, NULL, 0));
        }
    }
    struct tg_exception_list list = ask(store, (struct tg_exception_question){.points = 0});
    assert_int_equal(list.step, 1);
    assert_int_equal(list.rows[0].points.count, 9);
    tg_exception_list_release(&list);
    list = ask(store, (struct tg_exception_question){.points = 3});
    assert_int_equal(list.step, 5);
    assert_int_equal(list.rows[0].points.count, 2);
    assert_int_equal(list.rows[0].points.items[0].iteration, 0);
    assert_int_equal(list.rows[0].points.items[0].count, 1 + 2 + 3 + 5);
    assert_int_equal(list.rows[0].points.items[1].iteration, 5);
    assert_int_equal(list.rows[0].points.items[1].count, 6 + 7 + 8 + 9 + 10);
    tg_exception_list_release(&list);
    tg_store_close(store);
}

static void one_that_there_is_not(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_exception_list list;
    struct tg_scope scope;
    struct tg_store *store = fill();
    const struct tg_exception_question question = {.selection = history_everything(store), .id = 99};
    assert_int_equal(tg_scope_init(&scope, store, "here", &err), TG_OK);
    assert_int_equal(tg_scope_choose(&scope, "shop", &err), TG_OK);
    assert_int_equal(tg_exception_list_read_one(&list, &scope, &question, &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "99"));
    tg_exception_list_release(&list);
    tg_scope_release(&scope);
    tg_store_close(store);
}

/* What stands in a history as arguments is JSON where we have written it; whatever it is, the answer is. */
static void an_answer_is_json(void **state) {
    (void)state;
    static const char *const arguments[] = {"[{\"a\": null}]", "", "[1", "</script>", "\"\x1b[31m\"", "[1], \"x\": 2"};
    static const char *const told[] = {
        "[{\"a\": null}]", "null", "\"[1\"", "\"</script>\"", "\"\\\"\\u001b[31m\\\"\"", "\"[1], \\\"x\\\": 2\""};
    enum { COUNT = sizeof arguments / sizeof arguments[0] };
    struct tg_batch_failure group = exception_of("m::</script>", "E\n\"\\", 1, COUNT);
    struct tg_batch_failure_sample samples[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        samples[i] = exception_sample(0, "\x1b]0;title\x07", arguments[i]);
    }
    struct tg_store *store = history_open();
    history_commit(store, exception_batch(1, 1, 10, &group, 1, samples, COUNT));
    struct tg_scope scope;
    struct tg_exception_list list;
    struct tg_strbuf out = TG_STRBUF_INIT;
    assert_int_equal(tg_scope_init(&scope, store, "here", NULL), TG_OK);
    assert_int_equal(tg_scope_choose(&scope, "shop", NULL), TG_OK);
    const struct tg_exception_question question = {.selection = history_everything(store), .sample_limit = COUNT};
    assert_int_equal(tg_exception_list_read(&list, &scope, &question, NULL), TG_OK);
    tg_exceptions_json_append_one(&out, &scope, &question.selection, &list);
    assert_true(tg_json_is_value(tg_strbuf_text(&out), out.length));
    for (size_t i = 0; i < COUNT; i++) {
        char expected[80];
        snprintf(expected, sizeof expected, "\"args\":%s,\"kwargs\":{}", told[i]);
        if (!strstr(tg_strbuf_text(&out), expected)) {
            fail_msg("%s is not in %s", expected, tg_strbuf_text(&out));
        }
    }
    tg_strbuf_truncate(&out, 0);
    tg_exceptions_json_append(&out, &scope, &question.selection, &list);
    assert_true(tg_json_is_value(tg_strbuf_text(&out), out.length));
    tg_strbuf_release(&out);
    tg_exception_list_release(&list);
    tg_scope_release(&scope);
    tg_store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_asked_for, history_set_up),
        cmocka_unit_test_setup(points_are_sums_of_steps, history_set_up),
        cmocka_unit_test_setup(one_that_there_is_not, history_set_up),
        cmocka_unit_test_setup(an_answer_is_json, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
