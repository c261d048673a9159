#include "cli/table.h"

#include "cli/printable.h"

#include "cmocka_all.h"

#include <string.h>

static const struct tg_table_column columns[] = {
    {.title = "calls", .late = 1},
    {.title = "p50", .drop = 1},
    {.title = "p99", .drop = 2},
    {.title = "function", .left = true, .least = 10},
    {.title = "file", .left = true, .dim = true, .least = 6, .path = true, .late = 2},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

static int prepare(void **state) {
    (void)state;
    tg_printable_prepare();
    return 0;
}

static void fill(struct tg_table *table) {
    static const char *const cells[] = {"1,234", "10 ns", "2.50 us", "shop.cart::Cart.total", "cart.py:12", "7", "1 s",
                                        "2 s",   "m::f",  ""};
    tg_table_init(table, columns, COLUMNS);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        tg_table_add(table, cells[i]);
    }
}

static void assert_table(size_t width, bool colour, const char *expected) {
    struct tg_table table;
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_terminal terminal = {.colour = colour, .width = width};
    fill(&table);
    tg_table_print(&table, &terminal, &out);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_table_release(&table);
    tg_table_release(&table);
    tg_strbuf_release(&out);
}

static void aligns_columns(void **state) {
    (void)state;
    assert_table(0, false,
                 "calls    p50      p99  function               file\n"
                 "1,234  10 ns  2.50 us  shop.cart::Cart.total  cart.py:12\n"
                 "    7    1 s      2 s  m::f\n");
}

static void shortens_the_widest_column_first(void **state) {
    (void)state;
    assert_table(54, false,
                 "calls    p50      p99  function             file\n"
                 "1,234  10 ns  2.50 us  shop.car...rt.total  cart.py:12\n"
                 "    7    1 s      2 s  m::f\n");
    assert_table(44, false,
                 "calls    p50      p99  function    file\n"
                 "1,234  10 ns  2.50 us  sho...otal  ....py:12\n"
                 "    7    1 s      2 s  m::f\n");
}

static void leaves_out_what_is_dispensable(void **state) {
    (void)state;
    assert_table(35, false,
                 "calls    p50  function    file\n"
                 "1,234  10 ns  sho...otal  ....py:12\n"
                 "    7    1 s  m::f\n");
    assert_table(25, false,
                 "calls  function    file\n"
                 "1,234  sho...otal  ...:12\n"
                 "    7  m::f\n");
    assert_table(18, false,
                 "calls  function\n"
                 "1,234  shop...otal\n"
                 "    7  m::f\n");
    assert_table(12, false, "function\nshop...total\nm::f\n");
    assert_table(1, false, "...n\n...l\nm::f\n"); /* something must be shown, even where it does not fit */
}

static void assert_hidden(size_t width, const char *expected) {
    struct tg_table table;
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_terminal terminal = {.width = width};
    fill(&table);
    tg_table_append_hidden(&table, &terminal, &out);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_table_release(&table);
    tg_strbuf_release(&out);
}

static void names_what_it_left_out(void **state) {
    (void)state;
    assert_hidden(0, "");
    assert_hidden(54, "");
    assert_hidden(35, "p99");
    assert_hidden(25, "p50, p99");
    assert_hidden(12, "calls, p50, p99, file");
}

static void marks_titles_and_what_matters_less(void **state) {
    (void)state;
    assert_table(25, true,
                 "\033[1mcalls  function    file\033[0m\n"
                 "1,234  sho...otal  \033[2m...:12\033[0m\n"
                 "    7  m::f\n");
}

static void cells_are_made_printable(void **state) {
    (void)state;
    static const struct tg_table_column one[] = {{.title = "x", .left = true}, {.title = "y"}};
    struct tg_table table;
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_terminal terminal = TG_TERMINAL_NONE;
    tg_table_init(&table, one, 2);
    tg_table_add(&table, "a\nb");
    tg_table_add(&table, "\xe9\x95\xb7"); /* two columns wide */
    tg_table_add_bytes(&table, "\0", 1);
    tg_table_add(&table, "123");
    tg_table_print(&table, &terminal, &out);
    assert_string_equal(tg_strbuf_text(&out), "x       y\na\\nb   \xe9\x95\xb7\n\\x00  123\n");
    tg_table_release(&table);
    tg_strbuf_release(&out);
}

static void a_table_that_is_printed_again_stays_in_place(void **state) {
    (void)state;
    static const struct tg_table_column steady[] = {
        {.title = "calls", .width = 7, .marked = true},
        {.title = "function", .left = true, .least = 6, .width = 6},
    };
    struct tg_table table;
    struct tg_strbuf out = TG_STRBUF_INIT;
    struct tg_terminal terminal = {.colour = true, .width = 40};
    tg_table_init(&table, steady, 2);
    tg_table_style_row(&table, TG_TABLE_ROW_DIM); /* no row yet */
    tg_table_add(&table, "1");
    tg_table_add(&table, "m::f");
    tg_table_style_row(&table, TG_TABLE_ROW_CHOSEN);
    tg_table_add(&table, "-");
    tg_table_add(&table, "m::g");
    tg_table_style_row(&table, TG_TABLE_ROW_DIM);
    tg_table_add(&table, "1,234");
    tg_table_add(&table, "m::h");
    tg_table_print(&table, &terminal, &out);
    assert_string_equal(tg_strbuf_text(&out), "\033[1m\033[7m  calls\033[0m\033[1m  function\033[0m\n"
                                              "\033[7m      1  m::f\033[0m\n"
                                              "\033[2m      -  m::g\033[0m\n"
                                              "  1,234  m::h\n");
    tg_table_release(&table);
    tg_strbuf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_is_printed_again_stays_in_place),
        cmocka_unit_test(aligns_columns),
        cmocka_unit_test(shortens_the_widest_column_first),
        cmocka_unit_test(names_what_it_left_out),
        cmocka_unit_test(leaves_out_what_is_dispensable),
        cmocka_unit_test(marks_titles_and_what_matters_less),
        cmocka_unit_test(cells_are_made_printable),
    };
    return cmocka_run_group_tests(tests, prepare, NULL);
}
