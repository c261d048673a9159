#include "cli/top_sampled.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

static struct tg_sampled sampled;

/* Without a process: the figures are put in by hand. */
static int begin(void **state) {
    (void)state;
    sampled = (struct tg_sampled){.options = {.pid = 4711, .rate_hz = 100, .interval_ns = 1000000000},
                                  .family = {.end_fd = -1},
                                  .thread = UINT32_MAX};
    tg_profile_init(&sampled.profile, (size_t)1 << 20U, false);
    tg_strbuf_append(&sampled.title, "process 4711 (python shop.py)");
    return 0;
}

static int end(void **state) {
    (void)state;
    tg_sampled_close(&sampled);
    return 0;
}

/* `frames`: letters, the outermost first. */
static void add(uint64_t thread_id, const char *frames, uint64_t ms) {
    struct tg_frame stack[8] = {0};
    size_t depth = 0;
    for (; frames[depth]; depth++) {
        assert_in_range(depth, 0, 7);
        stack[depth].symbol =
            tg_symbols_intern(&sampled.profile.symbols, frames + depth, 1, "shop.py", 7, (uint32_t)frames[depth]);
    }
    struct tg_weight weight = {.sample_count = 1, .wall_ns = ms * MS, .cpu_ns = ms * MS / 2, .gil_ns = ms * MS / 4};
    struct tg_profile_thread *thread = tg_profile_thread(&sampled.profile, 4711, thread_id, "worker");
    assert_non_null(thread);
    tg_calltree_add(&thread->tree, stack, depth, &weight);
}

/* Ends an interval, for so much of which looks were taken. */
static void look_watched(tg_ns at_ms, tg_ns watched_ms, uint64_t missed) {
    sampled.family.quality.watched_ns += watched_ms * (tg_ns)MS;
    sampled.family.pace.missed += missed;
    sampled.family.pace.unwatched_ns += (tg_ns)(missed * 10 * MS); /* at 100 Hz */
    assert_int_equal(tg_sampled_look(&sampled, at_ms * (tg_ns)MS, NULL), TG_OK);
}

/* All of it was looked at. */
static void look(tg_ns at_ms) {
    look_watched(at_ms, at_ms - sampled.looked_ns / (tg_ns)MS, 0);
}

static void press(const char *text) {
    struct tg_key key = {.kind = TG_KEY_TEXT};
    for (; *text; text++) {
        key.text[0] = *text;
        assert_true(tg_sampled_press(&sampled, &key));
    }
}

static void press_key(enum tg_key_kind kind) {
    struct tg_key key = {.kind = kind};
    assert_true(tg_sampled_press(&sampled, &key));
}

/* The first letters of what is listed, in its order. */
static void assert_listed(const char *names) {
    size_t count = 0;
    const struct tg_sampled_row **rows = tg_sampled_list(&sampled, &count);
    struct tg_strbuf text = TG_STRBUF_INIT;
    for (size_t i = 0; i < count; i++) {
        struct tg_strbuf name = TG_STRBUF_INIT;
        tg_sampled_append_name(&sampled, rows[i], &name);
        tg_strbuf_append_char(&text, tg_strbuf_text(&name)[0]);
        tg_strbuf_release(&name);
    }
    assert_string_equal(tg_strbuf_text(&text), names);
    tg_strbuf_release(&text);
    free(rows);
}

static void assert_prints(const char *wanted) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_sampled_print(&sampled, &TG_TERMINAL_NONE, &text);
    if (!strstr(tg_strbuf_text(&text), wanted)) {
        fail_msg("'%s' is not in\n%s", wanted, tg_strbuf_text(&text));
    }
    tg_strbuf_release(&text);
}

static void shares_are_of_the_interval(void **state) {
    (void)state;
    sampled.looked_ns = 0;
    add(1, "mab", 600);
    add(1, "ma", 200);
    add(2, "ab", 1000);
    look(1000);
    assert_prints("functions by self, every 1.00 s at 100 Hz\n");
    assert_prints("160.0 %  160.0 %   80.0 %   40.0 %   1.60 s");
    assert_prints(" 20.0 %  180.0 %   10.0 %    5.0 %   200 ms");
    assert_prints("      -   80.0 %        -        -     0 ns");
    assert_listed("bam");
    add(1, "ma", 250);
    look(1500); /* a shorter interval */
    assert_prints(" 50.0 %   50.0 %   25.0 %   12.5 %   450 ms");
    assert_listed("amb"); /* what rests stays, behind */
}

static void assert_prints_not(const char *unwanted) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    tg_sampled_print(&sampled, &TG_TERMINAL_NONE, &text);
    if (strstr(tg_strbuf_text(&text), unwanted)) {
        fail_msg("'%s' is in\n%s", unwanted, tg_strbuf_text(&text));
    }
    tg_strbuf_release(&text);
}

static void shares_are_of_what_the_looks_stand_for(void **state) {
    (void)state;
    sampled.looked_ns = 0;
    add(1, "a", 250);
    look_watched(1000, 250, 75); /* it works all the time */
    assert_prints("100.0 %  100.0 %   50.0 %   25.0 %   250 ms");
    assert_prints("; 75.0 % of the time nobody looked, as 75 looks came too late\n");
    add(1, "a", 12);
    look_watched(1010, 12, 0); /* a late one, which stands for more than the interval */
    assert_prints("100.0 %  100.0 %");
    assert_prints_not("nobody looked");
    add(1, "a", 990);
    look_watched(2010, 990, 1); /* that the other one had begun early is not worth a word */
    assert_prints("100.0 %  100.0 %");
    add(1, "a", 10);
    look_watched(2020, 10, 900); /* many fell out, in the interval before: the figures hold all the same */
    assert_prints("100.0 %  100.0 %");
    assert_prints_not("nobody looked");
    look_watched(3020, 0, 0); /* no look was due, or none could read it */
    assert_prints("      -        -");
    assert_prints_not("nobody looked");
    look_watched(4020, 400, 5); /* nor for half of the time, and a few fell out */
    assert_prints("; 5.0 % of the time nobody looked, as 5 looks came too late\n");
}

static void nothing_read_is_not_said_to_wait(void **state) {
    (void)state;
    look_watched(1000, 0, 0);
    assert_prints("no look has read anything in this interval\n");
    look_watched(2000, 1000, 0);
    assert_prints("every thread waits; --idle shows those too\n");
}

static void a_pause_and_a_suspension_are_of_no_interval(void **state) {
    (void)state;
    sampled.looked_ns = 0;
    add(1, "a", 300);
    sampled.family.quality.watched_ns = 300 * (tg_ns)MS;
    tg_sampled_pause(&sampled, 300 * (tg_ns)MS);
    assert_prints("PAUSED");
    tg_sampled_pause(&sampled, 60000 * (tg_ns)MS);
    sampled.family.suspended_ns = 9000 * (tg_ns)MS;
    add(1, "a", 200);
    look_watched(60000 + 9000 + 500, 200, 30); /* of 300 ms before, and of 500 ms after, 30 looks fell out */
    assert_int_equal(sampled.interval_ns, 800 * MS);
    assert_int_equal(sampled.watched_ns, 500 * MS);
    assert_prints("100.0 %  100.0 %");
    assert_prints("; 37.5 % of the time nobody looked, as 30 looks came too late\n");
    sampled.family.suspended_ns += 500 * (tg_ns)MS;
    look_watched(60000 + 9000 + 600, 100, 1); /* what it took to learn of it lies in the interval before */
    assert_int_equal(sampled.interval_ns, 0);
    assert_prints_not("nobody looked");
}

static void recursion_counts_once(void **state) {
    (void)state;
    add(1, "aaa", 500);
    look(1000);
    assert_prints(" 50.0 %   50.0 %");
}

static void keys_sort_filter_and_look_into_threads(void **state) {
    (void)state;
    add(1, "ma", 300);
    add(2, "zb", 400);
    look(1000);
    assert_listed("bazm");
    press("s"); /* by total */
    assert_prints("by total");
    press("SS"); /* by self, and around to name */
    assert_prints("by name");
    assert_listed("abmz");
    press("s/");
    press("Z");
    assert_listed("z"); /* whatever its case */
    press_key(TG_KEY_ESCAPE);
    assert_listed("bazm");
    press("t");
    assert_listed("ww");
    press_key(TG_KEY_DOWN);
    press_key(TG_KEY_ENTER);
    assert_listed(""); /* begins anew */
    add(1, "ma", 300);
    add(2, "zb", 400);
    look(2000);
    assert_listed("am"); /* the second thread by its share is the first */
    assert_prints("functions of worker 1 by self");
    press_key(TG_KEY_ESCAPE);
    assert_listed("ww");
    struct tg_key quit = {.kind = TG_KEY_TEXT, .text = "q"};
    assert_false(tg_sampled_press(&sampled, &quit));
}

static void all_threads_go_on_while_one_is_looked_into(void **state) {
    (void)state;
    sampled.looked_ns = 0;
    for (tg_ns i = 1; i <= 3; i++) {
        add(1, "a", 500);
        add(2, "b", 400);
        look(1000 * i);
    }
    press("t");
    press_key(TG_KEY_ENTER); /* the first by its share */
    assert_listed("");
    add(1, "a", 500);
    add(2, "b", 400);
    look(4000);
    assert_listed("a");
    assert_prints("   500 ms  ▁           a "); /* since it is looked into, and no marks of before */
    press("a");
    assert_listed("ab");
    assert_prints("   2.00 s  ▁▁▁▁        a ");
    assert_prints("   1.60 s  ");
    press("t");
    press_key(TG_KEY_ENTER);
    assert_listed(""); /* anew */
    assert_int_equal(tg_sampled_rows_shown(&sampled)->look_count, 0);
    press_key(TG_KEY_ESCAPE);
    press("a");
    assert_listed("ab");
}

static void frames_fill_the_screen_and_no_more(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        const char name[] = {(char)('A' + i), '\0'};
        add(1, name, 10);
    }
    look(1000);
    for (int help = 0; help < 2; help++) {
        for (size_t height = 4; height < 30; height++) {
            for (size_t width = 1; width < 130; width += 16) {
                struct tg_terminal terminal = {.width = width};
                struct tg_strbuf text = TG_STRBUF_INIT;
                tg_sampled_draw(&sampled, &terminal, height, &text);
                size_t lines = 0;
                for (size_t i = 0; i < text.length; i++) {
                    lines += text.data[i] == '\n';
                }
                assert_int_equal(lines, height);
                tg_strbuf_release(&text);
            }
        }
        press("h");
    }
    press("x"); /* leaves the help */
    press_key(TG_KEY_END);
    press_key(TG_KEY_PAGE_UP);
    press_key(TG_KEY_HOME);
    assert_int_equal(sampled.first, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shares_are_of_the_interval, begin, end),
        cmocka_unit_test_setup_teardown(shares_are_of_what_the_looks_stand_for, begin, end),
        cmocka_unit_test_setup_teardown(nothing_read_is_not_said_to_wait, begin, end),
        cmocka_unit_test_setup_teardown(a_pause_and_a_suspension_are_of_no_interval, begin, end),
        cmocka_unit_test_setup_teardown(recursion_counts_once, begin, end),
        cmocka_unit_test_setup_teardown(keys_sort_filter_and_look_into_threads, begin, end),
        cmocka_unit_test_setup_teardown(all_threads_go_on_while_one_is_looked_into, begin, end),
        cmocka_unit_test_setup_teardown(frames_fill_the_screen_and_no_more, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
