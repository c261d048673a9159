#include "profile/live_view.h"

#include "live_fixture.h"

static struct tg_live live;
static struct tg_live_view view;

static int set_up(void **state) {
    (void)state;
    fixture_shop(&live);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tg_live_view_release(&view);
    tg_live_view_release(&view);
    tg_live_release(&live);
    return 0;
}

static void make(struct tg_live_query query) {
    tg_live_view_release(&view);
    assert_int_equal(tg_live_view_make(&view, &live, &query, NULL), TG_OK);
}

/* The names of the rows, in their order: "a b c". */
static void assert_names(const char *expected) {
    struct tg_strbuf names = TG_STRBUF_INIT;
    for (size_t i = 0; i < view.row_count; i++) {
        tg_strbuf_printf(&names, "%s%s", i ? " " : "", view.rows[i].name->text);
    }
    assert_string_equal(tg_strbuf_text(&names), expected);
    tg_strbuf_release(&names);
}

static void functions_are_summed_over_processes_and_threads(void **state) {
    (void)state;
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF});
    assert_names("shop.orders::Orders.search shop.cart::add shop::main shop.orders::idle old::work");
    const struct tg_live_row *add = &view.rows[1];
    assert_int_equal(add->since.call_count, 1510);
    assert_int_equal(add->since.total_ns, 2000000 + 2000000 + 900000);
    assert_int_equal(add->ever.call_count, 2010);
    assert_int_equal(add->ever.running_count, 1);
    assert_in_range(add->since_p99_ns, 3750, 4250); /* of 1,510 calls 10 took longer, which is less than 1 % */
    assert_false(view.rows[4].alive);
}

static void sums_are_of_all_that_is_looked_at(void **state) {
    (void)state;
    live.processes[0]->quality.torn_count = 2;
    live.processes[1]->quality.torn_count = 3;
    live.processes[1]->truncated = true;
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF, .filter = "search"});
    assert_names("shop.orders::Orders.search");
    assert_int_equal(view.sums.since.call_count, 1514);
    assert_int_equal(view.sums.since.error_count, 4);
    assert_int_equal(view.sums.ever.running_count, 2); /* not the one that was cut off */
    assert_int_equal(view.sums.alive_count, 2);
    assert_int_equal(view.sums.ended_count, 1);
    assert_int_equal(view.sums.quality.torn_count, 5);
    assert_int_equal(view.sums.truncated_count, 1);
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF, .process = live.processes[0]->number});
    assert_int_equal(view.sums.since.call_count, 1500);
    assert_int_equal(view.sums.alive_count, 1);
    assert_int_equal(view.sums.quality.torn_count, 2);
}

static void sorts_by_each_key(void **state) {
    (void)state;
    static const char *const first[TG_LIVE_SORTS] = {
        [TG_LIVE_SORT_CALLS] = "shop.cart::add",           [TG_LIVE_SORT_AVERAGE] = "shop.orders::Orders.search",
        [TG_LIVE_SORT_P99] = "shop.orders::Orders.search", [TG_LIVE_SORT_SELF] = "shop.orders::Orders.search",
        [TG_LIVE_SORT_RUNNING] = "shop.cart::add", /* as others, but it has taken more time */
        [TG_LIVE_SORT_ERRORS] = "shop.cart::add",          [TG_LIVE_SORT_NAME] = "old::work",
    };
    for (int sort = 0; sort < TG_LIVE_SORTS; sort++) {
        make((struct tg_live_query){.sort = (enum tg_live_sort)sort});
        assert_string_equal(view.rows[0].name->text, first[sort]);
    }
    make((struct tg_live_query){.sort = TG_LIVE_SORT_NAME});
    assert_names("old::work shop.cart::add shop.orders::Orders.search shop.orders::idle shop::main");
}

static void order_does_not_depend_on_how_rows_were_found(void **state) {
    (void)state;
    make((struct tg_live_query){.sort = TG_LIVE_SORT_ERRORS});
    struct tg_strbuf before = TG_STRBUF_INIT;
    for (size_t i = 0; i < view.row_count; i++) {
        tg_strbuf_printf(&before, "%s%s", i ? " " : "", view.rows[i].name->text);
    }
    struct tg_live_process *moved = live.processes[0];
    live.processes[0] = live.processes[2];
    live.processes[2] = moved;
    make((struct tg_live_query){.sort = TG_LIVE_SORT_ERRORS});
    assert_names(tg_strbuf_text(&before));
    tg_strbuf_release(&before);
}

static void processes_and_what_is_in_one(void **state) {
    (void)state;
    make((struct tg_live_query){.group = TG_LIVE_PROCESSES, .sort = TG_LIVE_SORT_SELF});
    assert_int_equal(view.row_count, 3);
    assert_int_equal(view.rows[0].process->pid, 4712);
    assert_int_equal(view.rows[0].since.self_ns, 6500000);
    assert_int_equal(view.rows[1].process->pid, 4711);
    assert_int_equal(view.rows[2].process->pid, 4700);
    assert_true(tg_live_process_is_cut_off(view.rows[2].process));
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF, .process = live.processes[1]->number});
    assert_names("shop.orders::Orders.search shop.cart::add shop.orders::idle");
    assert_int_equal(view.rows[1].since.call_count, 10);
}

static void threads_and_what_is_in_one(void **state) {
    (void)state;
    make((struct tg_live_query){.group = TG_LIVE_THREADS, .sort = TG_LIVE_SORT_CALLS});
    assert_int_equal(view.row_count, 4);
    assert_int_equal(view.rows[0].thread_id, 4711);
    assert_string_equal(view.rows[0].thread_name, "main");
    assert_int_equal(view.rows[1].thread_id, 4712);
    assert_string_equal(view.rows[1].thread_name, "worker");
    assert_int_equal(view.rows[1].process->pid, 4711);
    assert_int_equal(view.rows[2].process->pid, 4712);
    struct tg_live_query query = {
        .sort = TG_LIVE_SORT_SELF, .process = live.processes[0]->number, .one_thread = true, .thread_id = 4712};
    make(query);
    assert_names("shop.cart::add");
    assert_int_equal(view.rows[0].since.call_count, 500);
}

static void filters_by_text_whatever_its_case(void **state) {
    (void)state;
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF, .filter = "ORDERS"});
    assert_names("shop.orders::Orders.search shop.orders::idle");
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF, .filter = "nothing"});
    assert_int_equal(view.row_count, 0);
    make((struct tg_live_query){.group = TG_LIVE_PROCESSES, .sort = TG_LIVE_SORT_SELF, .filter = "--slow"});
    assert_int_equal(view.row_count, 1);
    assert_int_equal(view.rows[0].process->pid, 4712);
    make((struct tg_live_query){.group = TG_LIVE_THREADS, .sort = TG_LIVE_SORT_SELF, .filter = "worker"});
    assert_int_equal(view.row_count, 1);
}

static void keeps_what_a_pattern_matches(void **state) {
    (void)state;
    const char *const only[] = {"shop.cart", "old"};
    make((struct tg_live_query){.sort = TG_LIVE_SORT_SELF, .only = only, .only_count = 2});
    assert_names("shop.cart::add old::work");
    assert_int_equal(view.sums.since.call_count, 1510);
}

static void nothing_is_no_failure(void **state) {
    (void)state;
    tg_live_release(&live);
    for (int group = TG_LIVE_FUNCTIONS; group <= TG_LIVE_THREADS; group++) {
        make((struct tg_live_query){.group = (enum tg_live_group)group});
        assert_int_equal(view.row_count, 0);
    }
}

int main(void) {
#define VIEW_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        VIEW_TEST(functions_are_summed_over_processes_and_threads),
        VIEW_TEST(sums_are_of_all_that_is_looked_at),
        VIEW_TEST(sorts_by_each_key),
        VIEW_TEST(order_does_not_depend_on_how_rows_were_found),
        VIEW_TEST(processes_and_what_is_in_one),
        VIEW_TEST(threads_and_what_is_in_one),
        VIEW_TEST(filters_by_text_whatever_its_case),
        VIEW_TEST(keeps_what_a_pattern_matches),
        VIEW_TEST(nothing_is_no_failure),
    };
    return cmocka_run_group_tests_name("live_view", tests, NULL, NULL);
}
