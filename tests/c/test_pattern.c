#include "base/pattern.h"

#include "cmocka_all.h"

#include <string.h>
#include <time.h>

struct match_case {
    const char *pattern;
    const char *name;
    bool matches;
};

static void check_matches(const struct match_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (tg_pattern_match(cases[i].pattern, cases[i].name) != cases[i].matches) {
            fail_msg("pattern %s, name %s: expected %s", cases[i].pattern, cases[i].name,
                     cases[i].matches ? "a match" : "no match");
        }
    }
}

#define CHECK_MATCHES(...)                                                                                             \
    do {                                                                                                               \
        const struct match_case cases_[] = {__VA_ARGS__};                                                              \
        check_matches(cases_, sizeof cases_ / sizeof cases_[0]);                                                       \
    } while (0)

static void a_module_is_that_module(void **state) {
    (void)state;
    CHECK_MATCHES({"shop", "shop::main", true}, {"shop", "shop::Cart.add", true}, {"shop", "shop.cart::add", false},
                  {"shop", "shopping::main", false}, {"shop", "workshop::main", false}, {"shop", "Shop::main", false},
                  {"shop.cart", "shop.cart::add", true}, {"shop.cart", "shop::cart", false},
                  {"__main__", "__main__::f.<locals>.<lambda>", true});
}

static void dot_star_is_the_module_and_all_below(void **state) {
    (void)state;
    CHECK_MATCHES({"shop.*", "shop::main", true}, {"shop.*", "shop.cart::add", true},
                  {"shop.*", "shop.cart.models::Item.price", true}, {"shop.*", "shopping::main", false},
                  {"shop.*", "my.shop.cart::add", false}, {"*.models", "shop.models::x", true},
                  {"*.models.*", "shop.models::x", true}, {"*.models.*", "shop.models.old::x", true},
                  {"*.models.*", "models::x", false});
}

static void wildcards_in_the_module(void **state) {
    (void)state;
    CHECK_MATCHES({"*", "shop.cart::add", true}, {"s*p", "shop::f", true}, {"s*p", "ship.top::f", true},
                  {"shop*", "sho::f", false}, {"shop.x", "shop::f", false}, {"sh?p", "ship::f", true},
                  {"sh?p", "shp::f", false}, {"sh[io]p", "shop::f", true}, {"sh[io]p", "shap::f", false},
                  {"sh[!io]p", "shap::f", true}, {"sh[!io]p", "ship::f", false}, {"v[0-9]", "v7::f", true},
                  {"v[0-9]", "vx::f", false}, {"v[0-9]", "v-::f", false});
}

static void with_colons_the_full_name(void **state) {
    (void)state;
    CHECK_MATCHES({"shop.cart::Cart.*", "shop.cart::Cart.add", true}, {"shop.cart::Cart.*", "shop.cart::Cart", false},
                  {"shop.cart::Cart.*", "shop.cart::Cart.add.<locals>.f", true},
                  {"shop.cart::Cart.*", "shop.cart::Carton.add", false}, {"shop::main", "shop::main", true},
                  {"shop::main", "shop::main2", false}, {"shop::main", "shop.cart::main", false},
                  {"*::main", "a.b::main", true}, {"shop.*::main", "shop.cart::main", true},
                  {"shop.*::main", "shop::main", true}, {"*::*", "shop::f", true},
                  {"*::*.__init__", "a::B.__init__", true}, {"*::<lambda>", "a::<lambda>", true},
                  {"shop::?", "shop::\xC3\xA9", true}, {"shop::??", "shop::\xC3\xA9", false},
                  {"shop::[\xC3\xA0-\xC3\xBC]", "shop::\xC3\xA9", true});
}

static void a_span_is_named_like_a_module(void **state) {
    (void)state;
    CHECK_MATCHES({"checkout", "checkout", true}, {"check*", "checkout", true}, {"checkout::*", "checkout", false},
                  {"*::*", "checkout", false});
}

static void brackets_in_sets(void **state) {
    (void)state;
    CHECK_MATCHES({"a[]]b", "a]b::f", true}, {"a[!]]b", "a]b::f", false}, {"a[!]]b", "axb::f", true},
                  {"a[*]b", "a*b::f", true}, {"a[*]b", "axb::f", false}, {"a[a-]b", "a-b::f", true},
                  {"a[a-]b", "abb::f", false}, {"a[[]b", "a[b::f", true});
}

/* Backtracking over every star would take 2^40 steps here, or for ever. */
static void hostile_patterns_take_no_time(void **state) {
    (void)state;
    char name[4096];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    char pattern[201];
    for (size_t i = 0; i < 100; i++) {
        memcpy(pattern + 2 * i, "*a", 2);
    }
    pattern[200] = '\0';
    pattern[199] = 'b';
    clock_t before = clock();
    assert_false(tg_pattern_match(pattern, name));
    assert_true(clock() - before < CLOCKS_PER_SEC);
}

static void parts_and_modules(void **state) {
    (void)state;
    assert_true(tg_pattern_match_function("shop.*::Cart.*", "shop.cart", "Cart.add"));
    assert_false(tg_pattern_match_function("shop.*::Cart.*", "shop.cart", "Bag.add"));
    assert_true(tg_pattern_match_function("shop", "shop", "anything"));
    assert_true(tg_pattern_match_module("shop.*::Cart.*", "shop.cart"));
    assert_true(tg_pattern_match_module("shop.*", "shop"));
    assert_false(tg_pattern_match_module("shop::Cart.*", "shop.cart"));
    assert_true(tg_pattern_match_module("*::Cart.*", "shop.cart"));
}

static void validate_accepts_what_means_something(void **state) {
    (void)state;
    static const char *const good[] = {"shop", "shop.*", "*",       "shop.cart::Cart.*", "*::f",        "[ab]*",
                                       "a[]]", "a[!]]",  "shop.py", "__main__",          "m::<lambda>", "m::\xC3\xA9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct tg_error err = TG_ERROR_INIT;
        if (tg_pattern_validate(good[i], &err) != TG_OK) {
            fail_msg("%s", err.message);
        }
    }
}

static void validate_says_what_to_write(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        const char *says;
    } cases[] = {
        {"", "pattern '' is empty: write '*' for everything"},
        {"::f", "write '*::'"},
        {"shop::", "leave the '::' out"},
        {"shop:main", "has a single ':'"},
        {"shop::Cart::add", "module::Class.method"},
        {"shop:::f", "second ':'"},
        {".cart", "the module's full name"},
        {"shop/cart.py", "as in an import"},
        {"shop cart", "each pattern on its own"},
        {"shop,cart", "each pattern on its own"},
        {"sh[op", "close it"},
        {"sh[]", "close it"},
        {"sh[z-a]", "backwards"},
        {"sh\xC3", "not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(tg_pattern_validate(cases[i].pattern, &err), TG_ERROR_INVALID);
        if (!strstr(err.message, cases[i].says)) {
            fail_msg("'%s' is not in: %s", cases[i].says, err.message);
        }
    }
    assert_int_equal(tg_pattern_validate("", NULL), TG_ERROR_INVALID);
}

/* What validate refuses must still not read past its end. */
static void malformed_patterns_are_safe(void **state) {
    (void)state;
    CHECK_MATCHES({"[", "a::f", false}, {"[!", "a::f", false}, {"[a-", "a::f", false}, {"a[", "a::f", false},
                  {"", "a::f", false}, {"", "::f", true}, {"::", "a::f", false}, {"*[", "abc::f", false},
                  {"\xC3", "\xC3::f", true}, {"\xC3", "\xC4::f", false});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_module_is_that_module),
        cmocka_unit_test(dot_star_is_the_module_and_all_below),
        cmocka_unit_test(wildcards_in_the_module),
        cmocka_unit_test(with_colons_the_full_name),
        cmocka_unit_test(a_span_is_named_like_a_module),
        cmocka_unit_test(brackets_in_sets),
        cmocka_unit_test(hostile_patterns_take_no_time),
        cmocka_unit_test(parts_and_modules),
        cmocka_unit_test(validate_accepts_what_means_something),
        cmocka_unit_test(validate_says_what_to_write),
        cmocka_unit_test(malformed_patterns_are_safe),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
