#include "profile/symbol.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

static uint32_t intern(struct tg_symbols *symbols, const char *name, const char *file, uint32_t line) {
    return tg_symbols_intern(symbols, name, strlen(name), file, strlen(file), line);
}

static void a_function_is_its_name_its_file_and_its_first_line(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = 1U << 20U};
    struct tg_symbols symbols;
    tg_symbols_init(&symbols, &budget);
    uint32_t add = intern(&symbols, "Cart.add", "shop/cart.py", 7);
    assert_int_equal(add, 1);
    assert_int_equal(intern(&symbols, "Cart.add", "shop/cart.py", 9), 2);
    assert_int_equal(intern(&symbols, "Cart.add", "other.py", 7), 3);
    assert_int_equal(intern(&symbols, "add", "shop/cart.py", 7), 4);
    assert_int_equal(intern(&symbols, "", "", 0), 5);
    assert_int_equal(intern(&symbols, "Cart.add", "shop/cart.py", 7), add);
    assert_int_equal(tg_symbols_count(&symbols), 6);
    struct tg_symbol symbol = tg_symbols_get(&symbols, add);
    assert_string_equal(symbol.name, "Cart.add");
    assert_string_equal(symbol.file, "shop/cart.py");
    assert_int_equal(symbol.first_line, 7);
    assert_string_equal(tg_symbols_get(&symbols, 5).name, "");
    tg_symbols_release(&symbols);
    tg_symbols_release(&symbols);
    tg_symbols_release(NULL);
    assert_int_equal(budget.used_bytes, 0);
}

static void numbers_and_texts_stay_when_more_come(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = 16U << 20U};
    struct tg_symbols symbols;
    tg_symbols_init(&symbols, &budget);
    uint32_t first = intern(&symbols, "first", "a.py", 1);
    const char *name = tg_symbols_get(&symbols, first).name;
    char text[32];
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "function_%u", i);
        assert_int_equal(intern(&symbols, text, "a.py", i), i + 2);
    }
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "function_%u", i);
        assert_int_equal(intern(&symbols, text, "a.py", i), i + 2);
        assert_string_equal(tg_symbols_get(&symbols, i + 2).name, text);
        assert_string_equal(tg_symbols_get(&symbols, i + 2).file, "a.py");
    }
    assert_ptr_equal(tg_symbols_get(&symbols, first).name, name);
    assert_true(budget.used_bytes < 20000 * 100);
    tg_symbols_release(&symbols);
}

static void what_finds_no_space_is_counted_and_has_a_name(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = 100000};
    struct tg_symbols symbols;
    tg_symbols_init(&symbols, &budget);
    uint32_t kept = 0;
    char text[32];
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "function_%u", i);
        kept += intern(&symbols, text, "a.py", i) != TG_SYMBOL_UNKNOWN;
    }
    assert_in_range(kept, 500, 5000);
    assert_int_equal(symbols.refused_count, 20000 - kept);
    assert_true(budget.used_bytes <= budget.limit_bytes);
    assert_int_equal(intern(&symbols, "function_3", "a.py", 3), 4);
    assert_string_equal(tg_symbols_get(&symbols, TG_SYMBOL_UNKNOWN).name, "(no space for its name)");
    assert_string_equal(tg_symbols_get(&symbols, TG_SYMBOL_UNKNOWN).file, "");
    tg_symbols_release(&symbols);
    assert_int_equal(budget.used_bytes, 0);
    budget.limit_bytes = 0;
    tg_symbols_init(&symbols, &budget);
    assert_int_equal(intern(&symbols, "f", "a.py", 1), TG_SYMBOL_UNKNOWN);
    assert_int_equal(tg_symbols_count(&symbols), 1);
    tg_symbols_release(&symbols);
}

static void texts_end_at_a_zero_byte_and_between_characters(void **state) {
    (void)state;
    struct tg_budget budget = {.limit_bytes = 1U << 20U};
    struct tg_symbols symbols;
    tg_symbols_init(&symbols, &budget);
    uint32_t number = tg_symbols_intern(&symbols, "ab\0c", 4, "f.py and more", 4, 1);
    assert_string_equal(tg_symbols_get(&symbols, number).name, "ab");
    assert_string_equal(tg_symbols_get(&symbols, number).file, "f.py");
    static char name[TG_SYMBOL_TEXT_MAX_BYTES + 2];
    memset(name, 'x', sizeof name);
    static const char e_acute[2] = {'\xC3', '\xA9'};
    memcpy(name + TG_SYMBOL_TEXT_MAX_BYTES - 1, e_acute, sizeof e_acute);
    number = tg_symbols_intern(&symbols, name, sizeof name, "", 0, 1);
    assert_int_equal(strlen(tg_symbols_get(&symbols, number).name), TG_SYMBOL_TEXT_MAX_BYTES - 1);
    tg_symbols_release(&symbols);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_is_its_name_its_file_and_its_first_line),
        cmocka_unit_test(numbers_and_texts_stay_when_more_come),
        cmocka_unit_test(what_finds_no_space_is_counted_and_has_a_name),
        cmocka_unit_test(texts_end_at_a_zero_byte_and_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
