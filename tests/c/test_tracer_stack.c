/*
 * Calls that do not simply nest: greenlets, calls that change threads, spans left open, exits out of order.
 */
#include "recording_fixture.h"

#include <pthread.h>

enum { A = 0x1000, B = 0x2000 }; /* stack keys */

static struct tg_call calls[8];

static void enter(int call, uint64_t now_ns, uint32_t function, uintptr_t key) {
    fixture_at(now_ns);
    tg_tracer_enter(&calls[call], function, key);
}

static void leave(int call, uint64_t now_ns) {
    fixture_at(now_ns);
    tg_tracer_exit(&calls[call], false);
}

static void pause_at(int call, uint64_t now_ns) {
    fixture_at(now_ns);
    tg_tracer_pause(&calls[call]);
}

static void resume_at(int call, uint64_t now_ns, uintptr_t key) {
    fixture_at(now_ns);
    tg_tracer_resume(&calls[call], key);
}

/* Two greenlets that run the same recursion in turns: neither is the other's caller. */
static void greenlets_have_their_own_depth(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    enter(0, 1000, f, A);
    enter(1, 1010, f, B); /* A rests */
    enter(2, 1020, f, A); /* B rests; recursion on A */
    enter(3, 1030, f, B); /* recursion on B */
    leave(2, 1040);       /* on A again: an exit tells the stack too */
    leave(3, 1050);
    leave(0, 1060);
    leave(1, 1070);
    /* total: 60 + 60 + 20 + 20; cumulative: the outermost of each stack.
     * A runs 1000-1010, 1020-1030, 1040-1050 (the switch back is seen at 1050), ..: active 0: 10 + 10 + 0 + ... */
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.call_count, 4);
    assert_int_equal(figures.total_ns, 160);
    assert_int_equal(figures.cumulative_ns, 120);
    assert_true(figures.self_ns <= 70); /* the thread's own time */
    fixture_call(f, 5);
    assert_int_equal(fixture_figures("m::f").cumulative_ns, 125);
}

static void a_resting_stack_is_not_active(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    uint32_t h = fixture_function("m::h");
    enter(0, 1000, f, A);
    enter(1, 1010, g, A);
    enter(2, 1020, h, B);
    leave(2, 1050);
    enter(3, 1050, h, A); /* A runs again */
    leave(3, 1055);
    leave(1, 1060);
    leave(0, 1070);
    fixture_assert_times("m::f", 1, 70, 70, 40, 20);
    fixture_assert_times("m::g", 1, 50, 50, 20, 15);
    fixture_assert_times("m::h", 2, 35, 35, 35, 35);
}

static void an_exit_on_another_stack_switches(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    enter(0, 1000, f, A);
    enter(1, 1010, g, B);
    leave(0, 1030); /* no call told of the switch back */
    leave(1, 1040);
    fixture_assert_times("m::f", 1, 30, 30, 10, 10);
    fixture_assert_times("m::g", 1, 30, 30, 20, 20);
    enter(2, 1050, f, B); /* B's key is known although A left last */
    leave(2, 1060);
    fixture_assert_times("m::f", 2, 40, 40, 20, 20);

    enter(3, 1100, f, B);
    enter(4, 1110, f, A);
    leave(3, 1120);       /* B */
    enter(5, 1130, f, A); /* the key seen last, but not the stack that runs */
    leave(5, 1140);
    leave(4, 1150);
    assert_int_equal(fixture_figures("m::f").cumulative_ns, 40 + 20 + 40);
}

static void key_zero_is_a_key(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    enter(0, 1000, f, 0);
    enter(1, 1010, f, B);
    enter(2, 1020, f, 0);
    leave(2, 1030);
    leave(0, 1040);
    leave(1, 1050);
    assert_int_equal(fixture_figures("m::f").cumulative_ns, 40 + 40);
}

static uintptr_t roots[2];
static unsigned asked;

static uintptr_t root_of(uintptr_t key) {
    asked++;
    return key < 0x2000 ? roots[0] : roots[1];
}

/* Keys are chunks of a stack, many to one root, and a chunk may come to belong to another one. */
static void keys_lead_to_roots(void **state) {
    fixture_set_up(state);
    fixture_open_with((struct tg_tracer_options){.stack_root = root_of});
    roots[0] = 1;
    roots[1] = 2;
    asked = 0;
    uint32_t f = fixture_function("m::f");
    enter(0, 1000, f, 0x1000);
    enter(1, 1010, f, 0x1001); /* another chunk of the same stack: recursion */
    assert_int_equal(asked, 2);
    enter(2, 1020, f, 0x1001);
    assert_int_equal(asked, 2); /* not asked again for the same key */
    leave(2, 1030);
    leave(1, 1040);
    enter(3, 1050, f, 0x2000); /* another stack */
    roots[1] = 1;              /* its chunk moves to the first one */
    leave(3, 1060);
    enter(4, 1070, f, 0x1000);
    enter(5, 1080, f, 0x2000);
    leave(5, 1090);
    leave(4, 1100);
    leave(0, 1110);
    assert_int_equal(fixture_figures("m::f").cumulative_ns, 110 + 10);
    assert_int_equal(fixture_figures("m::f").call_count, 6);
}

static void many_stacks_come_and_go(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    static struct tg_call many[1000];
    for (uintptr_t i = 0; i < 1000; i++) {
        fixture_at(1000);
        tg_tracer_enter(&many[i], f, 0x10000 + i);
    }
    for (uintptr_t i = 0; i < 1000; i++) {
        fixture_at(1010);
        tg_tracer_exit(&many[(i * 617) % 1000], false);
    }
    assert_int_equal(fixture_figures("m::f").cumulative_ns, 10000);
    fixture_call(f, 10);
    assert_int_equal(fixture_figures("m::f").cumulative_ns, 10010);
}

/* A generator pauses with a span open above it: both are paused, both come back. */
static void what_stands_above_pauses_too(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    uint32_t s = fixture_function("m::s");
    enter(0, 1000, f, A);
    enter(1, 1000, g, A);
    enter(2, 1010, s, A);
    enter(3, 1010, s, A);
    pause_at(1, 1020);
    leave(0, 1030);
    fixture_assert_times("m::f", 1, 30, 30, 30, 10);
    enter(4, 1040, f, B);
    resume_at(1, 1050, B);
    enter(5, 1052, fixture_function("m::h"), B); /* is called by the upper of the spans */
    leave(5, 1057);
    pause_at(3, 1057); /* alone, after they were paused together */
    resume_at(3, 1057, B);
    leave(3, 1060);
    leave(2, 1070);
    leave(1, 1080);
    leave(4, 1090);
    fixture_assert_times("m::g", 1, 80, 80, 50, 20);
    fixture_assert_times("m::s", 2, 60 + 50, 60, 30 + 20, 15 + 10);
    fixture_assert_times("m::f", 2, 80, 80, 80, 30);
}

static void a_span_may_end_while_paused(void **state) {
    (void)state;
    uint32_t g = fixture_function("m::g");
    uint32_t s = fixture_function("m::s");
    for (int ending = 1; ending <= 3; ending++) { /* the lowest, the middle, the top one */
        enter(0, 1000, g, A);
        enter(1, 1000, s, A);
        enter(2, 1000, s, A);
        enter(3, 1000, s, A);
        pause_at(0, 1010);
        leave(ending, 1020);
        resume_at(0, 1030, A);
        for (int call = 3; call >= 0; call--) {
            if (call != ending) {
                leave(call, 1040);
            }
        }
    }
    struct tg_measures figures = fixture_figures("m::s");
    assert_int_equal(figures.call_count, 9);
    assert_int_equal(figures.total_ns, 3 * (20 + 40 + 40));
    assert_int_equal(figures.active_ns, 3 * (10 + 20 + 20));
    assert_int_equal(figures.running_count, 0);
    assert_int_equal(fixture_figures("m::g").total_ns, 3 * 40);
}

/* The generator dies paused; its span ends later, alone. */
static void a_span_may_outlive_its_generator(void **state) {
    (void)state;
    uint32_t g = fixture_function("m::g");
    uint32_t s = fixture_function("m::s");
    enter(0, 1000, g, A);
    enter(1, 1000, s, A);
    enter(2, 1000, s, A);
    pause_at(0, 1010);
    leave(0, 1020);
    memset(&calls[0], 0xA5, sizeof calls[0]); /* its memory is someone else's now */
    leave(1, 1030);
    leave(2, 1040);
    fixture_assert_times("m::g", 1, 20, 20, 10, 0);
    assert_int_equal(fixture_figures("m::s").total_ns, 30 + 40);
    fixture_call(s, 5);
    assert_int_equal(fixture_figures("m::s").running_count, 0);
}

/* Something paused together with a generator is resumed by itself. */
static void a_paused_span_may_go_its_own_way(void **state) {
    (void)state;
    uint32_t g = fixture_function("m::g");
    uint32_t s = fixture_function("m::s");
    enter(0, 1000, g, A);
    enter(1, 1000, s, A);
    enter(2, 1000, s, A);
    pause_at(0, 1010);
    resume_at(1, 1020, A);
    leave(1, 1030);
    resume_at(0, 1040, A); /* with the other one */
    leave(2, 1050);
    leave(0, 1060);
    fixture_assert_times("m::g", 1, 60, 60, 30, 10);
    struct tg_measures figures = fixture_figures("m::s");
    assert_int_equal(figures.total_ns, 30 + 50);
    assert_int_equal(figures.active_ns, 20 + 20);
}

/* Spans closed in the order they were opened. */
static void exits_out_of_order(void **state) {
    (void)state;
    uint32_t f = fixture_function("m::f");
    uint32_t g = fixture_function("m::g");
    enter(0, 1000, f, A);
    enter(1, 1010, g, A);
    enter(2, 1020, f, A);
    leave(0, 1030);
    leave(1, 1040);
    memset(calls, 0xA5, 2 * sizeof calls[0]); /* their memory is someone else's now */
    leave(2, 1050);
    for (size_t i = 0; i < 2 * sizeof calls[0]; i++) {
        assert_int_equal(((unsigned char *)calls)[i], 0xA5);
    }
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.total_ns, 30 + 30);
    assert_int_equal(figures.running_count, 0);
    fixture_assert_times("m::g", 1, 30, 30, 30, 10);
    assert_int_equal(figures.self_ns, 10 + 30); /* what ran inside of each, while it did */
    enter(3, 1060, f, A);                       /* nothing is left of them on the stack */
    leave(3, 1065);
    assert_int_equal(fixture_figures("m::f").cumulative_ns, figures.cumulative_ns + 5);
}

static void *resume_and_pause(void *unused) {
    (void)unused;
    resume_at(0, 1020, A);
    pause_at(0, 1030);
    return NULL;
}

static void *end(void *unused) {
    (void)unused;
    leave(0, 1060);
    return NULL;
}

static void in_a_thread(void *(*function)(void *)) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_generator_may_change_threads(void **state) {
    (void)state;
    uint32_t g = fixture_function("m::g");
    enter(0, 1000, g, A);
    pause_at(0, 1010);
    in_a_thread(resume_and_pause);
    resume_at(0, 1040, A);
    pause_at(0, 1050);
    in_a_thread(end);
    fixture_assert_times("m::g", 1, 60, 60, 30, 30);
    assert_int_equal(fixture_figures("m::g").running_count, 0);
    fixture_call(g, 5); /* this thread's depth is right */
    assert_int_equal(fixture_figures("m::g").cumulative_ns, 65);
}

static void *pause_and_resume_anothers(void *unused) {
    fixture_call(fixture_function("m::f"), 1);
    pause_at(0, 1020);
    resume_at(0, 1030, A);
    return unused;
}

/* Only who runs a call can pause it. */
static void a_running_call_is_its_threads_own(void **state) {
    (void)state;
    uint32_t g = fixture_function("m::g");
    enter(0, 1000, g, A);
    in_a_thread(pause_and_resume_anothers);
    enter(1, 1040, g, A);
    leave(1, 1050);
    leave(0, 1060);
    fixture_assert_times("m::g", 2, 70, 60, 70, 60);
}

static void *enter_first(void *unused) {
    (void)unused;
    enter(0, 1000, fixture_function("m::f"), A);
    enter(1, 1010, fixture_function("m::g"), A);
    return NULL;
}

/* The calls of a thread that ended in the middle of them, ended by another one. */
static void a_call_may_outlive_its_thread(void **state) {
    (void)state;
    in_a_thread(enter_first);
    assert_int_equal(fixture_figures("m::f").running_count, 1);
    leave(1, 1040);
    leave(0, 1050);
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.call_count, 1);
    assert_int_equal(figures.running_count, 0);
    assert_int_equal(figures.total_ns, 50);
    assert_int_equal(figures.cumulative_ns, 50);
    assert_int_equal(fixture_figures("m::g").total_ns, 30);
}

static void *call_f(void *unused) {
    fixture_call(fixture_function("m::f"), 5);
    return unused;
}

/* Its thread's entry goes to another thread, which starts anew. */
static void calls_left_open_are_no_recursion_of_others(void **state) {
    (void)state;
    in_a_thread(enter_first);
    in_a_thread(call_f);
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.cumulative_ns, 5);
    assert_int_equal(figures.running_count, 1);
}

static pthread_barrier_t barrier;

static void *resume_end_and_wait(void *unused) {
    resume_at(0, 1020, A);
    leave(0, 1030);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return unused;
}

/* The figures go to the thread in which the call ended, since each writes its own. */
static void a_call_counts_where_it_ends(void **state) {
    (void)state;
    enter(0, 1000, fixture_function("m::g"), A);
    pause_at(0, 1010);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, resume_end_and_wait, NULL), 0);
    pthread_barrier_wait(&barrier);
    struct tg_snapshot snapshot = fixture_snapshot(true);
    assert_int_equal(snapshot.row_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct tg_snapshot_row *row = &snapshot.rows[i];
        bool is_here = snapshot.threads[row->thread].native_id == (uint64_t)getpid();
        assert_int_equal(row->measures.call_count, is_here ? 0 : 1);
        assert_int_equal(row->measures.running_count, is_here ? 1 : -1);
    }
    tg_snapshot_release(&snapshot);
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
}

static void *enter_and_wait(void *unused) {
    enter_first(unused);
    enter(2, 1020, fixture_function("m::f"), B); /* another greenlet: A rests */
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    fixture_at(1100);
    fixture_call(fixture_function("m::f"), 7);
    return NULL;
}

/* A live thread's calls, ended by another one: at rest, and running. */
static void a_call_may_end_in_another_thread(void **state) {
    (void)state;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, enter_and_wait, NULL), 0);
    pthread_barrier_wait(&barrier);
    leave(0, 1050); /* at rest */
    leave(1, 1055);
    leave(2, 1060); /* running */
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    struct tg_measures figures = fixture_figures("m::f");
    assert_int_equal(figures.call_count, 3);
    assert_int_equal(figures.total_ns, 50 + 40 + 7);
    assert_int_equal(figures.cumulative_ns, 50 + 40 + 7);
    assert_int_equal(figures.active_ns, 20 + 40 + 7);
    assert_int_equal(figures.running_count, 0);
    assert_int_equal(fixture_figures("m::g").active_ns, 10);
}

int main(void) {
#define WITH_TRACER(TEST) cmocka_unit_test_setup_teardown(TEST, fixture_set_up_tracer, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_TRACER(greenlets_have_their_own_depth),
        WITH_TRACER(a_resting_stack_is_not_active),
        WITH_TRACER(an_exit_on_another_stack_switches),
        WITH_TRACER(key_zero_is_a_key),
        cmocka_unit_test_teardown(keys_lead_to_roots, fixture_tear_down),
        WITH_TRACER(many_stacks_come_and_go),
        WITH_TRACER(what_stands_above_pauses_too),
        WITH_TRACER(a_span_may_end_while_paused),
        WITH_TRACER(a_span_may_outlive_its_generator),
        WITH_TRACER(a_paused_span_may_go_its_own_way),
        WITH_TRACER(exits_out_of_order),
        WITH_TRACER(a_generator_may_change_threads),
        WITH_TRACER(a_running_call_is_its_threads_own),
        WITH_TRACER(a_call_may_outlive_its_thread),
        WITH_TRACER(calls_left_open_are_no_recursion_of_others),
        WITH_TRACER(a_call_counts_where_it_ends),
        WITH_TRACER(a_call_may_end_in_another_thread),
    };
    return cmocka_run_group_tests_name("tracer_stack", tests, NULL, NULL);
}
