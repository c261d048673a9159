#include "base/nearest.h"

#include "cmocka_all.h"

#include <limits.h>
#include <string.h>

static void distances(void **state) {
    (void)state;
    assert_int_equal(tg_nearest_distance("", ""), 0);
    assert_int_equal(tg_nearest_distance("shop", "shop"), 0);
    assert_int_equal(tg_nearest_distance("shop", ""), 4);
    assert_int_equal(tg_nearest_distance("", "shop"), 4);
    assert_int_equal(tg_nearest_distance("kitten", "sitting"), 3);
    assert_int_equal(tg_nearest_distance("crat", "cart"), 1); /* swapped neighbours */
    assert_int_equal(tg_nearest_distance("hsop", "shop"), 1); /* at the start */
    assert_int_equal(tg_nearest_distance("shp.*", "shop.cart.models"), 1);
    assert_int_equal(tg_nearest_distance("*::loda", "shop.cart::load"), 1);
    assert_int_equal(tg_nearest_distance("sh?p", "shop"), 0);
    assert_int_equal(tg_nearest_distance("*", "anything"), 0);
    assert_int_equal(tg_nearest_distance("**a", "bbb"), 1);
}

static void too_long_is_far(void **state) {
    (void)state;
    char name[TG_NEAREST_NAME_SIZE + 1];
    memset(name, 'a', sizeof name);
    name[TG_NEAREST_NAME_SIZE] = '\0';
    assert_int_equal(tg_nearest_distance("a", name), UINT_MAX);
    assert_int_equal(tg_nearest_distance(name, "a"), UINT_MAX);
    name[TG_NEAREST_NAME_SIZE - 1] = '\0';
    assert_int_equal(tg_nearest_distance(name, name), 0);
    assert_int_equal(tg_nearest_distance(name, name + 1), 1);
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, name);
    tg_nearest_offer(&nearest, name + 1);
    assert_int_equal(nearest.count, 1);
    assert_string_equal(nearest.names[0], name + 1);
}

static void keeps_the_nearest_in_order(void **state) {
    (void)state;
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, "shop.cart");
    tg_nearest_offer(&nearest, "shop.cartons"); /* 3 */
    tg_nearest_offer(&nearest, "shop.cars");    /* 1 */
    tg_nearest_offer(&nearest, "shop.carted");  /* 2 */
    tg_nearest_offer(&nearest, "shop.cars");    /* known */
    tg_nearest_offer(&nearest, "bakery");       /* far */
    assert_int_equal(nearest.count, 3);
    assert_string_equal(nearest.names[2], "shop.cartons");
    tg_nearest_offer(&nearest, "shop.carton");  /* 2: after the other 2, pushes the 3 out */
    tg_nearest_offer(&nearest, "shop.kartoon"); /* 4: too far */
    assert_int_equal(nearest.count, 3);
    assert_string_equal(nearest.names[0], "shop.cars");
    assert_string_equal(nearest.names[1], "shop.carted");
    assert_string_equal(nearest.names[2], "shop.carton");
}

static void short_names_need_a_letter_in_common(void **state) {
    (void)state;
    struct tg_nearest nearest;
    tg_nearest_init(&nearest, "x");
    tg_nearest_offer(&nearest, "y");
    assert_int_equal(nearest.count, 0);
    tg_nearest_init(&nearest, "sh*****"); /* two letters, however many stars */
    tg_nearest_offer(&nearest, "xyz");
    assert_int_equal(nearest.count, 0);
    tg_nearest_init(&nearest, "*");
    tg_nearest_offer(&nearest, "y");
    assert_int_equal(nearest.count, 1); /* a star is as near as can be */
    tg_nearest_init(&nearest, "tp");
    tg_nearest_offer(&nearest, "top");
    tg_nearest_offer(&nearest, "run");
    assert_int_equal(nearest.count, 1);
    assert_string_equal(nearest.names[0], "top");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances),
        cmocka_unit_test(too_long_is_far),
        cmocka_unit_test(keeps_the_nearest_in_order),
        cmocka_unit_test(short_names_need_a_letter_in_common),
    };
    return cmocka_run_group_tests_name("nearest", tests, NULL, NULL);
}
