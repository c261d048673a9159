#include "analyze/function_name.h"

#include "cmocka_all.h"

#include <string.h>

static struct tg_store_function functions[] = {
    {.name = (char[]){"shop.orders::Orders.search"}},
    {.name = (char[]){"shop.orders::research"}},
    {.name = (char[]){"shop.items::Items.price"}},
    {.name = (char[]){"shop.orders::Orders.price"}},
    {.name = (char[]){"main"}},
    {.name = (char[]){"backup.py::Backup.run"}, .file = (char[]){"/srv/backup.py"}},
    {.name = (char[]){"serve::start"}, .file = (char[]){"/usr/local/bin/serve"}},
    {.name = (char[]){"shop/__main__.py::start_shop"}, .file = (char[]){"/srv/shop/__main__.py"}},
    {.name = (char[]){"hop::stop"}, .file = (char[]){"/srv/shop"}},
    {.name = (char[]){"shop.__main__::main"}},
};
static const struct tg_store_functions all = {functions, sizeof functions / sizeof functions[0]};

static struct tg_store_service service = {.name = (char[]){"shop"}};
static const struct tg_scope scope = {.service = &service};

static void assert_found(const char *wanted, const char *expected) {
    const struct tg_store_function *found = NULL;
    struct tg_error err = TG_ERROR_INIT;
    if (tg_function_name_find(&all, &scope, wanted, &found, &err) != TG_OK || !found) {
        fail_msg("%s: %s", wanted, err.message);
    } else {
        assert_string_equal(found->name, expected);
    }
}

static void assert_refused(const char *wanted, enum tg_status status, const char *said) {
    const struct tg_store_function *found = NULL;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_function_name_find(&all, &scope, wanted, &found, &err), status);
    if (!strstr(err.message, said)) {
        fail_msg("%s: \"%s\" does not say \"%s\"", wanted, err.message, said);
    }
}

static void finds_whole_names_and_ends(void **state) {
    (void)state;
    assert_found("shop.orders::Orders.search", "shop.orders::Orders.search");
    assert_found("Orders.search", "shop.orders::Orders.search");
    assert_found("orders::Orders.search", "shop.orders::Orders.search");
    assert_found("search", "shop.orders::Orders.search");
    assert_found("Items.price", "shop.items::Items.price");
    assert_found("Backup.run", "backup.py::Backup.run");
    assert_found("__main__::Backup.run", "backup.py::Backup.run");
    assert_found("__main__::start", "serve::start");
    assert_found("__main__::start_shop", "shop/__main__.py::start_shop");
    assert_refused("__main__::stop", TG_ERROR_NOT_FOUND, "no function '__main__::stop'");
    assert_refused("__main__::run", TG_ERROR_NOT_FOUND, "no function '__main__::run'");
}

static void a_whole_name_comes_before_an_end(void **state) {
    (void)state;
    assert_found("main", "main");
}

static void refuses_what_several_end_in(void **state) {
    (void)state;
    assert_refused("price", TG_ERROR_INVALID, "'shop.items::Items.price', 'shop.orders::Orders.price'");
}

static void says_what_was_meant(void **state) {
    (void)state;
    assert_refused("serch", TG_ERROR_NOT_FOUND, "did you mean 'search'");
    assert_refused("Orders.pricce", TG_ERROR_NOT_FOUND, "'Orders.price'");
    assert_refused("earch", TG_ERROR_NOT_FOUND, "'earch'");
    assert_refused("xyzzyxyzzy", TG_ERROR_NOT_FOUND, "tachograph rank -n 100");
    assert_refused("", TG_ERROR_NOT_FOUND, "no function ''");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_whole_names_and_ends),
        cmocka_unit_test(a_whole_name_comes_before_an_end),
        cmocka_unit_test(refuses_what_several_end_in),
        cmocka_unit_test(says_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
