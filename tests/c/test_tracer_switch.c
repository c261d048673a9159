/* A file "disable" beside the recording turns hooks off, and on again when it goes. */
#include "recording_fixture.h"

#include "record/runtime.h"
#include "record/tracer_state.h"

#include <errno.h>
#include <time.h>

static uint32_t function;

static char file[128];

static int open_tracer(void **state) {
    int failed = fixture_set_up(state);
    snprintf(file, sizeof file, "%s/" TG_RUNTIME_SWITCH, fixture_directory);
    fixture_at(1000);
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    function = fixture_function("m::f");
    return failed;
}

static void turn_off(void) {
    int fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* Lets enough time pass for the next look: both for calls, whose clock is the test's, and for the tracer. */
static void let_time_pass(void) {
    atomic_fetch_add(&fixture_now_ns, 1000000000);
    TG_STORE(tg_tracer.look_ns, 0);
}

static bool has_not_failed(const struct tg_call *call) {
    (void)call;
    return false;
}

static void call_once(void) {
    struct tg_call call;
    tg_tracer_enter(&call, function, 0);
    atomic_fetch_add(&fixture_now_ns, 100);
    if (!tg_tracer_return(&call, has_not_failed)) {
        tg_tracer_exit(&call, false);
    }
}

static const struct tg_counters *counters(void) {
    return tg_this_thread->counters[function];
}

static void check(uint64_t call_count) {
    assert_int_equal(TG_LOAD(counters()->call_count), call_count);
    assert_int_equal(TG_LOAD(counters()->running_count), 0);
    assert_int_equal(TG_LOAD(counters()->depth), 0);
    assert_null(tg_this_thread->stack->top);
}

static void file_turns_calls_off_and_on(void **state) {
    (void)state;
    call_once();
    call_once();
    check(2);
    turn_off();
    call_once(); /* nobody has looked */
    check(3);
    let_time_pass();
    for (int i = 0; i < 5; i++) {
        call_once();
        check(3);
    }
    assert_int_equal(unlink(file), 0);
    call_once();
    check(3);
    let_time_pass();
    call_once();
    check(4);
}

static void calls_under_way_end_as_they_began(void **state) {
    (void)state;
    struct tg_call before;
    struct tg_call during;
    call_once();
    tg_tracer_enter(&before, function, 0);
    turn_off();
    let_time_pass();
    tg_tracer_enter(&during, function, 0);
    tg_tracer_pause(&during);
    tg_tracer_resume(&during, 0);
    tg_tracer_exit(&before, false);
    check(2);
    assert_int_equal(unlink(file), 0);
    let_time_pass();
    call_once();
    tg_tracer_exit(&during, false); /* begun while hooks were off */
    check(3);
}

static void file_is_seen_from_the_start(void **state) {
    (void)state;
    tg_tracer_close();
    turn_off();
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    function = fixture_function("m::f");
    call_once();
    check(0);
}

static void errno_is_left_alone(void **state) {
    (void)state;
    let_time_pass();
    errno = EILSEQ;
    call_once();
    assert_int_equal(errno, EILSEQ);
}

static void processor_time_does_not_say_when_to_look(void **state) {
    (void)state;
    tg_tracer_close();
    struct tg_tracer_options options = {.stack_root = NULL};
    assert_int_equal(tg_clock_init(&options.clock, TG_CLOCK_CPU, NULL), TG_OK);
    fixture_open_with(options);
    function = fixture_function("m::f");
    call_once();
    check(1);
    turn_off();
    TG_STORE(tg_tracer.look_ns, 0);
    call_once();
    check(1);
}

static void new_processes_ask_where_they_would_record(void **state) {
    (void)state;
    char path[TG_RUNTIME_PATH_SIZE];
    assert_false(tg_runtime_is_off(path));
    turn_off();
    assert_true(tg_runtime_is_off(path));
    assert_string_equal(path, file);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("/nowhere", file), 0); /* whatever it is, it has the name */
    assert_true(tg_runtime_is_off(path));
    assert_int_equal(chmod(fixture_directory, 0777), 0); /* not ours alone: nobody records there */
    assert_false(tg_runtime_is_off(path));
    assert_int_equal(chmod(fixture_directory, 0700), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_turns_calls_off_and_on, open_tracer, fixture_tear_down),
        cmocka_unit_test_setup_teardown(calls_under_way_end_as_they_began, open_tracer, fixture_tear_down),
        cmocka_unit_test_setup_teardown(file_is_seen_from_the_start, open_tracer, fixture_tear_down),
        cmocka_unit_test_setup_teardown(errno_is_left_alone, open_tracer, fixture_tear_down),
        cmocka_unit_test_setup_teardown(processor_time_does_not_say_when_to_look, open_tracer, fixture_tear_down),
        cmocka_unit_test_setup_teardown(new_processes_ask_where_they_would_record, open_tracer, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
