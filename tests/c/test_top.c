#include "cli/top.h"

#include "cli/printable.h"

#include "live_fixture.h"

#include <stdio.h>

static struct tg_live live;
static struct tg_live_view view;
static struct tg_top top;

static int prepare(void **state) {
    (void)state;
    tg_printable_prepare();
    return 0;
}

static int set_up(void **state) {
    (void)state;
    fixture_shop(&live);
    tg_top_init(&top);
    top.interval_ns = FIXTURE_SECOND;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tg_live_view_release(&view);
    tg_live_release(&live);
    return 0;
}

static void make_view(void) {
    top.query.filter = top.filter;
    tg_live_view_release(&view);
    assert_int_equal(tg_live_view_make(&view, &live, &top.query, NULL), TG_OK);
}

static void draw(size_t width, size_t height, bool colour, struct tg_strbuf *out) {
    struct tg_terminal terminal = {.colour = colour, .width = width};
    make_view();
    tg_top_draw(&top, &live, &view, &terminal, height, out);
}

static void assert_frame(size_t width, size_t height, const char *expected) {
    struct tg_strbuf out = TG_STRBUF_INIT;
    draw(width, height, false, &out);
    assert_string_equal(tg_strbuf_text(&out), expected);
    tg_strbuf_release(&out);
}

static bool press(enum tg_key_kind kind, char letter) {
    struct tg_key key = {.kind = kind, .text = {letter, '\0'}};
    make_view();
    return tg_top_press(&top, &view, &key);
}

/* Presses letters until it is over. */
static bool type(const char *text) {
    bool goes_on = true;
    for (; *text && goes_on; text++) {
        goes_on = press(TG_KEY_TEXT, *text);
    }
    return goes_on;
}

static void shows_functions(void **state) {
    (void)state;
    assert_frame(100, 12,
                 "2 processes, 1 ended         1,514 calls/s     4.0 errors/s     2 running\n"
                 "functions by self, every 1.00 s\n"
                 "  calls/s  average      p99     self  running  errors/s        calls  function\n"
                 "      4.0  1.50 ms  1.50 ms   60.0 %        -       1.0            4  shop.orders::Orders.search\n"
                 "    1,510  3.25 us  3.97 us   40.0 %        1       3.0        2,010  shop.cart::add\n"
                 "        -        -        -        -        1         -            -  shop::main\n"
                 "        -        -        -        -        -         -            7  shop.orders::idle\n"
                 "        -        -        -        -        -         -           20  old::work\n"
                 "\n"
                 "\n"
                 "\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space pause\n");
}

static void does_without_on_small_terminals(void **state) {
    (void)state;
    assert_frame(40, 8,
                 "2 processes, 1 ended  1,514 calls/s\n"
                 "functions by self, every 1.00 s\n"
                 "  calls/s     self  function\n"
                 "      4.0   60.0 %  shop.ord...rs.search\n"
                 "    1,510   40.0 %  shop.cart::add\n"
                 "        -        -  shop::main\n"
                 "        -        -  shop.orders::idle\n"
                 "q quit  h help  s sort  / filter  a all\n");
    assert_frame(20, 5,
                 "2 processes, 1 ended\n"
                 "   self  function\n"
                 " 60.0 %  shop...arch\n"
                 " 40.0 %  shop...:add\n"
                 "q quit  h help\n");
    assert_frame(20, 3,
                 "   self  function\n"
                 " 60.0 %  shop...arch\n"
                 " 40.0 %  shop...:add\n");
}

static void a_frame_has_the_lines_of_the_terminal(void **state) {
    (void)state;
    for (size_t height = 1; height < 40; height++) {
        for (size_t width = 1; width < 130; width += 3) {
            struct tg_strbuf out = TG_STRBUF_INIT;
            top.shows_help = width % 2;
            top.is_typing = height % 2;
            draw(width, height, false, &out);
            size_t lines = 0;
            for (size_t i = 0; i < out.length; i++) {
                lines += out.data[i] == '\n';
            }
            assert_int_equal(lines, height);
            tg_strbuf_release(&out);
        }
    }
}

static void processes_can_be_entered(void **state) {
    (void)state;
    type("p");
    assert_frame(90, 7,
                 "2 processes, 1 ended         1,514 calls/s     4.0 errors/s     2 running\n"
                 "processes by self, every 1.00 s\n"
                 "  calls/s  average      p99     self  running      pid  state    program\n"
                 "       14   493 us  1.50 ms   65.0 %        -     4712  running  > shop.py --slow\n"
                 "    1,500  2.67 us  3.97 us   35.0 %        2     4711  running  shop.py --fast\n"
                 "        -        -        -        -        -     4700  cut off  old.py\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space pause  enter open\n");
    press(TG_KEY_DOWN, 0);
    press(TG_KEY_ENTER, 0);
    assert_frame(90, 6,
                 "1 process                    1,500 calls/s     3.0 errors/s     2 running\n"
                 "functions of 4711 shop.py --fast by self, every 1.00 s\n"
                 "  calls/s  average      p99     self  running  errors/s  function\n"
                 "    1,500  2.67 us  3.97 us  100.0 %        1       3.0  shop.cart::add\n"
                 "        -        -        -        -        1         -  shop::main\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space pause  esc back\n");
    press(TG_KEY_ESCAPE, 0);
    assert_int_equal(top.query.group, TG_LIVE_PROCESSES);
    assert_int_equal(top.query.process, 0);
}

static void threads_can_be_entered(void **state) {
    (void)state;
    type("t");
    press(TG_KEY_DOWN, 0);
    press(TG_KEY_DOWN, 0);
    press(TG_KEY_ENTER, 0);
    assert_frame(90, 6,
                 "1 process                      500 calls/s       0 errors/s     1 running\n"
                 "functions of thread 4712 in 4711 shop.py --fast by self, every 1.00 s\n"
                 "  calls/s  average      p99     self  running  errors/s  function\n"
                 "      500  4.00 us  4.00 us  100.0 %        1         -  shop.cart::add\n"
                 "\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space pause  esc back\n");
    free(live.processes[0]->parts.items[0].since_histogram.bytes); /* its process goes */
    free(live.processes[0]->parts.items[1].since_histogram.bytes);
    live.processes[0]->parts.count = 0;
    live.processes[0]->number = 99;
    assert_frame(90, 6,
                 "0 processes                      0 calls/s       0 errors/s     0 running\n"
                 "functions of thread 4712 in a process that is gone by self, every 1.00 s\n"
                 "  calls/s  average      p99     self  running  errors/s  function\n"
                 "no call has been counted yet\n"
                 "\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space pause  esc back\n");
}

static void what_is_only_sampled_is_elsewhere(void **state) {
    (void)state;
    for (size_t i = 0; i < live.process_count; i++) {
        struct tg_live_parts *parts = &live.processes[i]->parts;
        for (; parts->count; parts->count--) {
            free(parts->items[parts->count - 1].ever_histogram.bytes);
            free(parts->items[parts->count - 1].since_histogram.bytes);
        }
    }
    live.processes[0]->sampler.state = TG_SAMPLER_PAUSED;
    assert_frame(90, 6,
                 "2 processes, 1 ended             0 calls/s       0 errors/s     0 running\n"
                 "functions by self, every 1.00 s\n"
                 "  calls/s  average      p99     self  running  errors/s  function\n"
                 "no call has been counted yet; 'tachograph top --sample -p 4711' shows what is sampled\n"
                 "\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space pause\n");
}

static void a_filter_is_typed(void **state) {
    (void)state;
    type("/Idqx");
    press(TG_KEY_BACKSPACE, 0);
    press(TG_KEY_BACKSPACE, 0);
    assert_frame(60, 5,
                 "2 processes, 1 ended  1,514 calls/s  4.0 errors/s  2 running\n"
                 "  calls/s  average      p99     self  function\n"
                 "        -        -        -        -  shop.orders::idle\n"
                 "\n"
                 "filter: Id_\n");
    type("zz");
    press(TG_KEY_ENTER, 0);
    assert_frame(60, 6,
                 "2 processes, 1 ended  1,514 calls/s  4.0 errors/s  2 running\n"
                 "functions by self, with 'Idzz', every 1.00 s\n"
                 "  calls/s  average      p99     self  function\n"
                 "nothing here has 'Idzz' in its name\n"
                 "\n"
                 "q quit  h help  s sort  / filter  a all  p processes\n");
    press(TG_KEY_ESCAPE, 0);
    assert_string_equal(top.filter, "");
    type("/");
    press(TG_KEY_BACKSPACE, 0); /* nothing left to take away */
    assert_false(top.is_typing);
}

static void a_filter_that_is_too_long_ends(void **state) {
    (void)state;
    type("/");
    for (size_t i = 0; i < 2 * TG_TOP_FILTER_SIZE; i++) {
        press(TG_KEY_TEXT, 'x');
    }
    assert_int_equal(strlen(top.filter), TG_TOP_FILTER_SIZE - 1);
    struct tg_key wide = {.kind = TG_KEY_TEXT, .text = "\xe6\x97\xa5"};
    top.filter[0] = '\0';
    tg_top_press(&top, &view, &wide);
    assert_string_equal(top.filter, "\xe6\x97\xa5");
    press(TG_KEY_BACKSPACE, 0);
    assert_string_equal(top.filter, "");
}

static void sorts_by_the_next_column(void **state) {
    (void)state;
    assert_int_equal(top.query.sort, TG_LIVE_SORT_SELF);
    type("s");
    assert_int_equal(top.query.sort, TG_LIVE_SORT_RUNNING);
    type("<<<");
    assert_int_equal(top.query.sort, TG_LIVE_SORT_AVERAGE);
    type("<<");
    assert_int_equal(top.query.sort, TG_LIVE_SORT_NAME);
    press(TG_KEY_RIGHT, 0);
    assert_int_equal(top.query.sort, TG_LIVE_SORT_CALLS);
}

static void scrolls_within_what_there_is(void **state) {
    (void)state;
    static const char last[] = "2 processes, 1 ended\n"
                               "   self  function\n"
                               "      -  shop...idle\n"
                               "      -  old::work\n"
                               "q quit  h help\n";
    struct tg_strbuf out = TG_STRBUF_INIT;
    draw(20, 5, false, &out); /* it is known then how much a page is */
    tg_strbuf_release(&out);
    press(TG_KEY_END, 0);
    assert_frame(20, 5, last);
    press(TG_KEY_PAGE_DOWN, 0);
    press(TG_KEY_DOWN, 0);
    assert_frame(20, 5, last);
    press(TG_KEY_UP, 0);
    assert_frame(20, 5,
                 "2 processes, 1 ended\n"
                 "   self  function\n"
                 "      -  shop::main\n"
                 "      -  shop...idle\n"
                 "q quit  h help\n");
    press(TG_KEY_HOME, 0);
    press(TG_KEY_PAGE_UP, 0);
    assert_int_equal(top.first, 0);
    type("p");
    press(TG_KEY_END, 0);
    draw(20, 5, false, &out);
    assert_int_equal(top.cursor, 2);
    assert_int_equal(top.first, 1); /* so that the cursor can be seen */
    tg_strbuf_release(&out);
}

static void help_leaves_with_any_key_and_q_quits(void **state) {
    (void)state;
    assert_true(type("h"));
    assert_true(top.shows_help);
    assert_frame(60, 6,
                 "2 processes, 1 ended  1,514 calls/s  4.0 errors/s  2 running\n"
                 "functions by self, every 1.00 s\n"
                 "q ^C      quit\n"
                 "s S < >   sort by the next, or the previous, column\n"
                 "/         type what names must have in them; esc ends that\n"
                 "any key goes back, q quits, arrows move\n");
    assert_true(press(TG_KEY_DOWN, 0));
    assert_true(top.shows_help);
    assert_true(type("x"));
    assert_false(top.shows_help);
    assert_true(type("?"));
    assert_false(type("q"));
    assert_true(type("xyz"));
    assert_false(type("q"));
}

static void narrow_help_is_wrapped(void **state) {
    (void)state;
    type("h");
    assert_frame(20, 9,
                 "2 processes, 1 ended\n"
                 "functions by self\n"
                 "q ^C  quit\n"
                 "s S < >  sort by the\n"
                 "  next, or the\n"
                 "  previous, column\n"
                 "/  type what names\n"
                 "  must have in them;\n"
                 "any key goes back\n");
    for (int i = 0; i < 100; i++) { /* to its end, and no further */
        press(TG_KEY_DOWN, 0);
    }
    assert_frame(20, 6,
                 "2 processes, 1 ended\n"
                 "functions by self\n"
                 "  killed, or with\n"
                 "  threads that\n"
                 "  nobody waited for\n"
                 "any key goes back\n");
}

static void a_pause_and_notes_are_said(void **state) {
    (void)state;
    live.processes[0]->quality.torn_count = 1;
    live.processes[1]->quality.overflow_call_count = 12000;
    type(" ");
    assert_true(top.is_paused);
    assert_frame(90, 6,
                 "2 processes, 1 ended         1,514 calls/s     4.0 errors/s     2 running\n"
                 "PAUSED  functions by self; note: 12,000 calls found no space, 1 figure torn\n"
                 "  calls/s  average      p99     self  running  errors/s  function\n"
                 "      4.0  1.50 ms  1.50 ms   60.0 %        -       1.0  shop.orders::Orders.search\n"
                 "    1,510  3.25 us  3.97 us   40.0 %        1       3.0  shop.cart::add\n"
                 "q quit  h help  s sort  / filter  a all  p processes  t threads  space resume\n");
    type(" ");
    live.interval_ns = 35 * FIXTURE_SECOND;
    struct tg_strbuf out = TG_STRBUF_INIT;
    draw(90, 6, false, &out);
    assert_non_null(strstr(tg_strbuf_text(&out), "functions by self, in the last 35.0 s; note"));
    tg_strbuf_release(&out);
}

static void names_do_nothing_to_the_terminal(void **state) {
    (void)state;
    char name[32]; /* with a right-to-left override */
    snprintf(name, sizeof name, "a\033]0;x\a::\n%c%c%c\xff", 0xe2, 0x80, 0xae);
    fixture_part(&live, live.processes[0], (struct fixture_part){name, 1, 9, 9000000, 99000000, 0, 0, 0});
    fixture_part(&live, live.processes[0],
                 (struct fixture_part){"b::\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
                                       "e\xcc\x81",
                                       1, 9, 9000000, 98000000, 0, 0, 0});
    assert_frame(44, 5,
                 "2 processes, 1 ended  1,532 calls/s\n"
                 "  calls/s     self  function\n"
                 "      9.0   47.8 %  a\\x1b]0;x\\...n\\u202e\\xff\n"
                 "      9.0   47.3 %  b::\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"
                 "e\xcc\x81\n"
                 "q quit  h help  s sort  / filter  a all\n");
}

static void marks_what_matters(void **state) {
    (void)state;
    struct tg_strbuf out = TG_STRBUF_INIT;
    type("p");
    draw(80, 9, true, &out);
    assert_non_null(strstr(tg_strbuf_text(&out), "\033[7m   self\033[0m"));                         /* sorted by */
    assert_non_null(strstr(tg_strbuf_text(&out), "\n\033[7m       14"));                            /* the cursor */
    assert_non_null(strstr(tg_strbuf_text(&out), "\n\033[2m        -        -        -        -")); /* ended */
    tg_strbuf_release(&out);
}

static void plain_lines(void **state) {
    (void)state;
    struct tg_strbuf out = TG_STRBUF_INIT;
    top.limit = 2;
    make_view();
    tg_top_print_text(&top, &live, &view, &TG_TERMINAL_NONE, &out);
    const char *text = strstr(tg_strbuf_text(&out), "  2 processes"); /* after the time of day */
    assert_non_null(text);
    assert_string_equal(
        text, "  2 processes, 1 ended; in 1.00 s: 1,514 calls/s, 4.0 errors/s; 2 running\n"
              "  calls/s  average      p99     self  running  errors/s   errors        calls    total  function\n"
              "      4.0  1.50 ms  1.50 ms   60.0 %        -       1.0        1            4  6.00 ms  "
              "shop.orders::Orders.search\n"
              "    1,510  3.25 us  3.97 us   40.0 %        1       3.0        3        2,010  5.90 ms  shop.cart::add\n"
              "3 more: -n N shows the first N\n");
    tg_strbuf_release(&out);
}

int main(void) {
#define TOP_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TOP_TEST(shows_functions),
        TOP_TEST(does_without_on_small_terminals),
        TOP_TEST(a_frame_has_the_lines_of_the_terminal),
        TOP_TEST(processes_can_be_entered),
        TOP_TEST(threads_can_be_entered),
        TOP_TEST(what_is_only_sampled_is_elsewhere),
        TOP_TEST(a_filter_is_typed),
        TOP_TEST(a_filter_that_is_too_long_ends),
        TOP_TEST(sorts_by_the_next_column),
        TOP_TEST(scrolls_within_what_there_is),
        TOP_TEST(help_leaves_with_any_key_and_q_quits),
        TOP_TEST(narrow_help_is_wrapped),
        TOP_TEST(a_pause_and_notes_are_said),
        TOP_TEST(names_do_nothing_to_the_terminal),
        TOP_TEST(marks_what_matters),
        TOP_TEST(plain_lines),
    };
    return cmocka_run_group_tests_name("top", tests, prepare, NULL);
}
