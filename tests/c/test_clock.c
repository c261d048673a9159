#include "measure/clock.h"

#include "cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* True in place of CLOCK_MONOTONIC: what NTP slews is in neither of the two. */
static void assert_rate_is_right(enum tg_clock_kind kind) {
    struct tg_clock clock;
    assert_int_equal(tg_clock_init(&clock, kind, NULL), TG_OK);
    assert_int_equal(clock.kind, kind);
    uint64_t best_error = UINT64_MAX;
    for (int tries = 0; tries < 5; tries++) { /* the best of some: an interruption between two reads is no error */
        tg_ns start_ns = tg_clock_monotonic_ns();
        uint64_t start = tg_clock_ticks(&clock);
        tg_ns end_ns;
        do {
            end_ns = tg_clock_monotonic_ns();
        } while (end_ns - start_ns < 100000000);
        uint64_t measured_ns = tg_clock_to_ns(&clock, tg_clock_ticks(&clock) - start);
        uint64_t true_ns = (uint64_t)(end_ns - start_ns);
        uint64_t error = measured_ns > true_ns ? measured_ns - true_ns : true_ns - measured_ns;
        best_error = error < best_error ? error : best_error;
    }
    if (best_error * 1000 > 100000000) {
        fail_msg("%s is %llu ns off in 100 ms", tg_clock_name(kind), (unsigned long long)best_error);
    }
}

static void monotonic_counts_nanoseconds(void **state) {
    (void)state;
    assert_rate_is_right(TG_CLOCK_MONOTONIC);
}

static void tsc_agrees_with_the_kernel(void **state) {
    (void)state;
    if (tg_clock_tsc_obstacle()) {
        print_message("# no time-stamp counter: %s\n", tg_clock_tsc_obstacle());
        skip();
    }
    assert_rate_is_right(TG_CLOCK_TSC);
}

static void auto_takes_what_is_safe(void **state) {
    (void)state;
    struct tg_clock clock;
    struct tg_error err = TG_ERROR_INIT;
    tg_clock_anchor();
    assert_int_equal(tg_clock_init(&clock, TG_CLOCK_AUTO, &err), TG_OK);
    const char *obstacle = tg_clock_tsc_obstacle();
    assert_int_equal(clock.kind, obstacle ? TG_CLOCK_MONOTONIC : TG_CLOCK_TSC);
    if (obstacle) {
        assert_int_equal(tg_clock_init(&clock, TG_CLOCK_TSC, &err), TG_ERROR_UNSUPPORTED);
        assert_non_null(strstr(err.message, obstacle));
    }
}

static void clocks_go_forward(void **state) {
    (void)state;
    for (enum tg_clock_kind kind = TG_CLOCK_AUTO; kind <= TG_CLOCK_CPU; kind++) {
        struct tg_clock clock;
        if (tg_clock_init(&clock, kind, NULL) != TG_OK) {
            continue;
        }
        uint64_t first = tg_clock_ticks(&clock);
        uint64_t last = first;
        for (int i = 0; i < 100000; i++) {
            uint64_t now = tg_clock_ticks(&clock);
            /* cores may differ by a little: no more than a microsecond */
            assert_true(now >= last || tg_clock_to_ns(&clock, last - now) < 1000);
            last = now;
        }
        assert_true(last > first);
    }
}

/* A thread's processor time stands still while it sleeps. */
static void cpu_time_is_not_wall_time(void **state) {
    (void)state;
    struct tg_clock clock;
    assert_int_equal(tg_clock_init(&clock, TG_CLOCK_CPU, NULL), TG_OK);
    uint64_t start = tg_clock_ticks(&clock);
    tg_ns start_ns = tg_clock_monotonic_ns();
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_true(tg_clock_monotonic_ns() - start_ns >= 50000000);
    assert_true(tg_clock_to_ns(&clock, tg_clock_ticks(&clock) - start) < 40000000);
}

static uint64_t twelve(void) {
    return 12;
}

static void an_injected_clock_says_what_it_is_told(void **state) {
    (void)state;
    struct tg_clock clock;
    tg_clock_init_injected(&clock, twelve);
    assert_int_equal(tg_clock_ticks(&clock), 12);
    assert_int_equal(tg_clock_to_ns(&clock, 12), 12);
    assert_true(tg_clock_to_ns(&clock, UINT64_MAX) == UINT64_MAX);
}

static void ticks_become_nanoseconds(void **state) {
    (void)state;
    struct tg_clock clock = {.kind = TG_CLOCK_TSC, .scale = UINT64_C(1) << 31U}; /* 2 GHz */
    assert_int_equal(tg_clock_to_ns(&clock, 3), 1);
    assert_true(tg_clock_to_ns(&clock, UINT64_C(1) << 62U) == UINT64_C(1) << 61U);
    clock.scale = UINT64_C(1) << 34U; /* 250 MHz */
    assert_int_equal(tg_clock_to_ns(&clock, 3), 12);
}

static void names_are_read_back(void **state) {
    (void)state;
    for (enum tg_clock_kind kind = TG_CLOCK_AUTO; kind <= TG_CLOCK_CPU; kind++) {
        enum tg_clock_kind parsed = TG_CLOCK_INJECTED;
        assert_int_equal(tg_clock_parse(tg_clock_name(kind), &parsed, NULL), TG_OK);
        assert_int_equal(parsed, kind);
    }
    enum tg_clock_kind kind = TG_CLOCK_CPU;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_clock_parse("TSC ", &kind, &err), TG_ERROR_INVALID);
    assert_int_equal(kind, TG_CLOCK_CPU);
    assert_non_null(strstr(err.message, "\"TSC \""));
    assert_int_equal(tg_clock_parse("injected", &kind, &err), TG_ERROR_INVALID);
    assert_int_equal(tg_clock_parse("", &kind, &err), TG_ERROR_INVALID);
    assert_string_equal(tg_clock_name(TG_CLOCK_INJECTED), "injected");
    assert_string_equal(tg_clock_name((enum tg_clock_kind)99), "unknown");
}

static bool is_file_line(const char *path, const char *line) {
    char text[32] = "";
    FILE *file = fopen(path, "re");
    bool read = file && fgets(text, sizeof text, file);
    if (file) {
        fclose(file);
    }
    return read && strcmp(text, line) == 0;
}

/* The kernel's own word, read independently. */
static void the_obstacle_is_the_kernels(void **state) {
    (void)state;
    bool kernel_uses_it = is_file_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
    const char *obstacle = tg_clock_tsc_obstacle();
    if (!kernel_uses_it) {
        assert_non_null(obstacle);
        assert_true(strlen(obstacle) > 10);
    } else if (obstacle) {
        assert_non_null(strstr(obstacle, "processor"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_takes_what_is_safe),     cmocka_unit_test(monotonic_counts_nanoseconds),
        cmocka_unit_test(tsc_agrees_with_the_kernel),  cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(cpu_time_is_not_wall_time),   cmocka_unit_test(an_injected_clock_says_what_it_is_told),
        cmocka_unit_test(ticks_become_nanoseconds),    cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(the_obstacle_is_the_kernels),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
