#include "store/interning.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

static struct tg_bytes name_of(char buffer[32], int number) {
    snprintf(buffer, 32, "module::function_%d", number);
    return (struct tg_bytes){.data = buffer, .length = strlen(buffer)};
}

static void names_are_found_again(void **state) {
    (void)state;
    struct tg_interning interning;
    char buffer[32];
    tg_interning_init(&interning);
    assert_null(tg_interning_find(&interning, 1, name_of(buffer, 0)));
    for (int i = 0; i < 5000; i++) {
        assert_non_null(tg_interning_add(&interning, 1, name_of(buffer, i), i + 1));
    }
    for (int i = 0; i < 5000; i++) {
        const struct tg_interned *found = tg_interning_find(&interning, 1, name_of(buffer, i));
        assert_non_null(found);
        assert_int_equal(found->function_id, i + 1);
        assert_int_equal(found->seen, 0);
    }
    assert_null(tg_interning_find(&interning, 1, name_of(buffer, 5000)));
    assert_null(tg_interning_find(&interning, 2, name_of(buffer, 1))); /* another service's */
    tg_interning_clear(&interning);
    assert_null(tg_interning_find(&interning, 1, name_of(buffer, 1)));
    tg_interning_clear(&interning);
    tg_interning_clear(NULL);
}

/* In one order several times, then in others, while more are added; of two services alike. */
static void order_does_not_matter(void **state) {
    (void)state;
    struct tg_interning interning;
    char buffer[32];
    tg_interning_init(&interning);
    int count = 0;
    for (int round = 0; round < 40; round++) {
        for (int end = count + 50; count < end; count++) {
            assert_non_null(tg_interning_add(&interning, 1, name_of(buffer, count), count));
            assert_non_null(tg_interning_add(&interning, 2, name_of(buffer, count), -count));
        }
        int step = round / 3 * 2 + 1;
        for (int i = 0; i < count; i++) {
            int number = (int)((long)i * step % count);
            int64_t service = 1 + i / 3 % 2;
            const struct tg_interned *found = tg_interning_find(&interning, service, name_of(buffer, number));
            assert_non_null(found);
            assert_int_equal(found->function_id, service == 1 ? number : -number);
        }
        assert_null(tg_interning_find(&interning, 1, name_of(buffer, count)));
    }
    tg_interning_clear(&interning);
}

/* However many names come: it begins anew. */
static void what_is_kept_is_bounded(void **state) {
    (void)state;
    struct tg_interning interning;
    char buffer[32];
    size_t most = 0;
    tg_interning_init(&interning);
    for (int i = 0; i < 300000; i++) {
        assert_non_null(tg_interning_add(&interning, 1, name_of(buffer, i), i + 1));
        most = interning.count > most ? interning.count : most;
    }
    assert_in_range(most, 100000, 150000);
    assert_non_null(tg_interning_find(&interning, 1, name_of(buffer, 299999)));
    assert_null(tg_interning_find(&interning, 1, name_of(buffer, 0)));

    static char long_name[1 << 20];
    for (int i = 0; i < 64; i++) {
        memset(long_name, 'a' + i % 26, sizeof long_name);
        long_name[0] = (char)i;
        struct tg_bytes name = {.data = long_name, .length = sizeof long_name};
        assert_non_null(tg_interning_add(&interning, 1, name, i));
        assert_true(interning.name_bytes <= 32U << 20U);
    }
    tg_interning_clear(&interning);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_again),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
