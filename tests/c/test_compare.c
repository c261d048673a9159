#include "analyze/compare.h"

#include "cmocka_all.h"

#include <math.h>
#include <string.h>

/* Rows own their names; here they are only read. */
static struct tg_store_function called(const char *name, uint64_t calls, uint64_t total_ns, uint64_t self_ns) {
    return (struct tg_store_function){
        .name = (char *)name, .call_count = calls, .total_ns = total_ns, .self_ns = self_ns};
}

static void assert_near(double actual, double expected) {
    if (!(fabs(actual - expected) <= fabs(expected) * 1e-12)) {
        fail_msg("%.17g, expected %.17g", actual, expected);
    }
}

static const struct tg_compare_row *row_of(const struct tg_compare *compare, const char *name) {
    for (size_t i = 0; i < compare->row_count; i++) {
        if (strcmp(compare->rows[i].name, name) == 0) {
            return &compare->rows[i];
        }
    }
    fail_msg("no row of %s", name);
    return NULL;
}

static void assert_parts(const struct tg_compare *compare, const char *name, double by_calls_ns, double by_average_ns) {
    const struct tg_compare_row *row = row_of(compare, name);
    assert_near(row->change_by_calls_ns, by_calls_ns);
    assert_near(row->change_by_average_ns, by_average_ns);
    assert_near(row->change_ns, by_calls_ns + by_average_ns);
}

static void finds_what_contributed(void **state) {
    (void)state;
    const struct tg_store_function before[] = {
        called("m::vanished", 5, 500, 500), called("m::slower", 100, 1000, 1000), called("m::more", 10, 300, 300),
        called("m::caller", 1, 1800, 40),   called("m::both", 10, 100, 100),      called("m::idle", 0, 0, 0),
    };
    const struct tg_store_function after[] = {
        called("m::both", 30, 900, 900), called("m::caller", 1, 5000, 40),     called("m::more", 20, 600, 600),
        called("m::new", 2, 60, 60),     called("m::slower", 100, 3000, 3000), called("m::idle", 4, 8, 8),
    };
    static const char *const order[] = {"m::slower", "m::both", "m::vanished", "m::more",
                                        "m::new",    "m::idle", "m::caller"};
    const struct tg_compare_side sides[] = {{before, 6, 1}, {after, 6, 1}};
    struct tg_compare compare;
    assert_int_equal(tg_compare_sides(&compare, &sides[0], &sides[1], NULL), TG_OK);
    assert_int_equal(compare.row_count, 7);
    double change_ns = 0;
    for (size_t i = 0; i < compare.row_count; i++) {
        assert_string_equal(compare.rows[i].name, order[i]);
        assert_false(compare.rows[i].code_changed);
        change_ns += compare.rows[i].change_ns;
    }
    assert_near(compare.before_ns, 1940);
    assert_near(compare.after_ns, 4608);
    assert_near(change_ns, compare.after_ns - compare.before_ns);
    assert_parts(&compare, "m::slower", 0, 2000);
    assert_parts(&compare, "m::more", 300, 0);
    assert_parts(&compare, "m::both", 400, 400); /* 20 calls more * 20 ns; 20 ns more * 20 calls */
    assert_parts(&compare, "m::vanished", -500, 0);
    assert_parts(&compare, "m::new", 60, 0);
    assert_parts(&compare, "m::idle", 8, 0);
    assert_parts(&compare, "m::caller", 0, 0); /* it waits for a slower one, and does nothing more itself */
    tg_compare_release(&compare);
    tg_compare_release(&compare);
    tg_compare_release(NULL);
}

static void shows_both_sides(void **state) {
    (void)state;
    const struct tg_store_function before[] = {called("m::f", 4, 1000, 600), called("m::gone", 2, 400, 400)};
    const struct tg_store_function after[] = {called("m::f", 8, 3000, 600), called("m::new", 0, 0, 0)};
    const struct tg_compare_side sides[] = {{before, 2, 1}, {after, 2, 1}};
    struct tg_compare compare;
    assert_int_equal(tg_compare_sides(&compare, &sides[0], &sides[1], NULL), TG_OK);
    const struct tg_compare_row *row = row_of(&compare, "m::f");
    assert_ptr_equal(row->before.function, &before[0]);
    assert_ptr_equal(row->after.function, &after[0]);
    assert_near(row->before.average_ns, 250);
    assert_near(row->after.average_ns, 375);
    assert_near(row->average_ratio, 1.5);
    assert_near(row->before.share, 1);
    assert_near(row->after.share, 1); /* more than all self time: recursion, or threads that wait for each other */
    row = row_of(&compare, "m::gone");
    assert_null(row->after.function);
    assert_near(row->before.share, 0.4);
    assert_near(row->after.call_count + row->after.total_ns + row->after.average_ns + row->average_ratio, 0);
    row = row_of(&compare, "m::new");
    assert_null(row->before.function);
    assert_near(row->after.average_ns + row->average_ratio, 0);
    tg_compare_release(&compare);
}

/* An hour of one version against three of another: nothing changed but g's average. */
static void lengths_make_sides_comparable(void **state) {
    (void)state;
    const struct tg_store_function before[] = {called("m::f", 10, 1000, 1000), called("m::g", 10, 500, 500)};
    const struct tg_store_function after[] = {called("m::f", 30, 3000, 3000), called("m::g", 30, 1800, 1800)};
    const struct tg_compare_side sides[] = {{before, 2, 1}, {after, 2, 3}};
    const struct tg_compare_side no_length = {after, 2, 0};
    struct tg_compare compare;
    assert_int_equal(tg_compare_sides(&compare, &sides[0], &sides[1], NULL), TG_OK);
    assert_near(compare.before_ns, 1500);
    assert_near(compare.after_ns, 1600);
    assert_parts(&compare, "m::f", 0, 0);
    assert_parts(&compare, "m::g", 0, 100);
    assert_string_equal(compare.rows[0].name, "m::g");
    assert_near(compare.rows[0].after.call_count, 10);
    assert_near(compare.rows[0].after.total_ns, 600);
    assert_near(compare.rows[0].after.average_ns, 60);
    assert_near(compare.rows[0].after.share, 0.375);
    tg_compare_release(&compare);
    assert_int_equal(tg_compare_sides(&compare, &sides[0], &no_length, NULL), TG_OK);
    assert_near(compare.after_ns, 4800);
    tg_compare_release(&compare);
}

static void the_worst_has_share_and_calls(void **state) {
    (void)state;
    const struct tg_store_function before[] = {
        called("m::main", 1, 100000, 100),  called("m::tiny", 50, 50, 50),    called("m::steady", 50, 90000, 90000),
        called("m::worse", 50, 1000, 1000), called("m::rare", 9, 5000, 5000), called("m::rarer", 90, 3600, 50),
        called("m::gone", 99, 3800, 3800),
    };
    const struct tg_store_function after[] = {
        called("m::main", 1, 300000, 100),  called("m::tiny", 50, 500, 500),     called("m::steady", 50, 91000, 91000),
        called("m::worse", 50, 1300, 1300), called("m::rare", 90, 90000, 50000), called("m::rarer", 9, 900, 50),
        called("m::new", 99, 9000, 9000),
    };
    const struct tg_compare_side sides[] = {{before, 7, 1}, {after, 7, 1}};
    struct tg_compare_limits limits = tg_compare_limits_default;
    struct tg_compare compare;
    assert_int_equal(tg_compare_sides(&compare, &sides[0], &sides[1], NULL), TG_OK);
    const struct tg_compare_row *worst = tg_compare_worst(&compare, &limits);
    assert_non_null(worst);
    assert_string_equal(worst->name, "m::worse"); /* 1 % of the time before */
    assert_near(worst->average_ratio, 1.3);
    limits.minimum_call_count = 1;
    assert_string_equal(tg_compare_worst(&compare, &limits)->name, "m::main");
    limits.minimum_share = 0;
    assert_string_equal(tg_compare_worst(&compare, &limits)->name, "m::tiny");
    limits.minimum_call_count = 100;
    assert_null(tg_compare_worst(&compare, &limits));
    tg_compare_release(&compare);
}

static void equal_changes_go_by_name(void **state) {
    (void)state;
    const struct tg_store_function before[] = {called("m::b", 1, 50, 50), called("m::c", 1, 10, 10)};
    const struct tg_store_function after[] = {called("m::c", 1, 60, 60), called("m::a", 1, 50, 50)};
    const struct tg_compare_side sides[] = {{before, 2, 1}, {after, 2, 1}};
    struct tg_compare compare;
    assert_int_equal(tg_compare_sides(&compare, &sides[0], &sides[1], NULL), TG_OK);
    assert_string_equal(compare.rows[0].name, "m::a");
    assert_string_equal(compare.rows[1].name, "m::b");
    assert_string_equal(compare.rows[2].name, "m::c");
    tg_compare_release(&compare);
}

static void nothing_is_no_failure(void **state) {
    (void)state;
    const struct tg_store_function function = called("m::f", 1, 10, 10);
    const struct tg_compare_side nothing = {.length = 1};
    const struct tg_compare_side something = {&function, 1, 1};
    struct tg_compare compare;
    assert_int_equal(tg_compare_sides(&compare, &nothing, &nothing, NULL), TG_OK);
    assert_int_equal(compare.row_count, 0);
    assert_null(tg_compare_worst(&compare, &tg_compare_limits_default));
    tg_compare_release(&compare);
    assert_int_equal(tg_compare_sides(&compare, &nothing, &something, NULL), TG_OK);
    assert_parts(&compare, "m::f", 10, 0);
    assert_near(compare.rows[0].after.share, 1);
    tg_compare_release(&compare);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_contributed),        cmocka_unit_test(shows_both_sides),
        cmocka_unit_test(lengths_make_sides_comparable), cmocka_unit_test(the_worst_has_share_and_calls),
        cmocka_unit_test(equal_changes_go_by_name),      cmocka_unit_test(nothing_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
