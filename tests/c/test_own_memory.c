/* What of the own process stays mapped: variables, and the first thread's stack. */
#include "sample/own_memory.h"

#include "cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

static uint64_t variable = 0x0123456789abcdef;
static const char constant[] = "not a variable";

static uint64_t address_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

static void ranges_have_what_lies_in_them(void **state) {
    (void)state;
    struct tg_own_range range = {100, 200}, none = {0, 0};
    assert_true(tg_own_range_has(&range, 100, 100));
    assert_true(tg_own_range_has(&range, 199, 1));
    assert_true(tg_own_range_has(&range, 150, 0));
    assert_false(tg_own_range_has(&range, 99, 1));
    assert_false(tg_own_range_has(&range, 100, 101));
    assert_false(tg_own_range_has(&range, 199, 2));
    assert_false(tg_own_range_has(&range, 200, 0));
    assert_false(tg_own_range_has(&range, 150, SIZE_MAX - 100)); /* goes round */
    assert_false(tg_own_range_has(&none, 0, 1));
}

/* Nothing is, elsewhere. */
static void only_on_x86_64(void) {
#if !defined(__x86_64__)
    skip();
#endif
}

static void *see_from_another(void *own) {
    int here;
    return tg_own_memory_has(own, address_of(&here), sizeof here) ? own : NULL;
}

static void variables_and_the_first_stack(void **state) {
    (void)state;
    struct tg_own_memory own;
    pthread_t thread;
    void *found;
    char *heap = malloc(100);
    only_on_x86_64();
    assert_true(tg_own_memory_find(&own, address_of(&variable)));
    assert_int_equal(own.pid, getpid());
    assert_true(tg_own_memory_has(&own, address_of(&variable), sizeof variable));
    assert_true(tg_own_memory_has(&own, address_of(environ), sizeof *environ)); /* at the stack's beginning */
    assert_false(tg_own_memory_has(&own, address_of(heap), 100));
    assert_false(tg_own_memory_has(&own, address_of(&errno), sizeof(int))); /* of another library, or a thread's */
    assert_int_equal(pthread_create(&thread, NULL, see_from_another, &own), 0);
    assert_int_equal(pthread_join(thread, &found), 0);
    assert_null(found);
    assert_false(tg_own_memory_find(&own, address_of(constant)));
    assert_false(tg_own_memory_find(&own, address_of(heap)));
    free(heap);
}

static void copies(void **state) {
    (void)state;
    char bytes[sizeof constant + 2] = "";
    only_on_x86_64();
    tg_own_memory_copy(bytes + 1, address_of(constant), sizeof constant);
    assert_string_equal(bytes + 1, constant);
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[sizeof bytes - 1], 0);
    tg_own_memory_copy(bytes + 1, address_of("x"), 0);
    assert_string_equal(bytes + 1, constant);
    assert_true(tg_own_memory_word(address_of(&variable)) == variable);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_have_what_lies_in_them),
        cmocka_unit_test(variables_and_the_first_stack),
        cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
