#include "profile/run_totals.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* A snapshot with the rows that add() puts into it. */
struct made {
    struct tg_snapshot snapshot;
    struct tg_snapshot_row rows[8];
    struct tg_snapshot_thread threads[2];
};

static void make(struct made *made, bool by_thread) {
    *made = (struct made){.threads = {{.native_id = 0}, {.native_id = 77, .name = "worker"}}};
    made->snapshot.rows = made->rows;
    made->snapshot.threads = by_thread ? made->threads : NULL;
    made->snapshot.thread_count = by_thread ? 2 : 0;
}

/* `calls` calls of `ns` each. */
static void add(struct made *made, const char *name, const char *file, uint32_t thread, uint64_t calls, uint64_t ns) {
    struct tg_snapshot_row *row = &made->rows[made->snapshot.row_count++];
    *row = (struct tg_snapshot_row){.thread = thread,
                                    .name = name,
                                    .name_bytes = strlen(name),
                                    .file = file,
                                    .file_bytes = strlen(file),
                                    .line = 3};
    tg_measures_init(&row->measures);
    row->measures.call_count = calls;
    row->measures.total_ns = calls * ns;
    row->measures.self_ns = calls * ns / 2;
    row->measures.minimum_ns = ns;
    row->measures.maximum_ns = ns;
    row->measures.histogram = calloc(1, sizeof *row->measures.histogram);
    assert_non_null(row->measures.histogram);
    assert_int_equal(tg_histogram_add(row->measures.histogram, ns, calls), TG_OK);
}

static void assert_row(const struct tg_run_totals *totals, size_t index, const char *name, uint64_t calls) {
    assert_true(index < totals->row_count);
    const struct tg_run_row *row = &totals->rows[index];
    assert_int_equal(row->name_bytes, strlen(name));
    assert_memory_equal(row->name, name, row->name_bytes);
    assert_int_equal(row->measures.call_count, calls);
}

static void add_all(struct tg_run_totals *totals, struct made *made, uint64_t pid) {
    assert_int_equal(tg_run_totals_add(totals, &made->snapshot, pid, NULL), TG_OK);
    for (size_t i = 0; i < made->snapshot.row_count; i++) {
        assert_null(made->rows[i].measures.histogram); /* it is the totals' now */
    }
}

static void sums_processes_by_name_and_file(void **state) {
    (void)state;
    struct made one;
    struct made other;
    struct tg_run_totals totals;
    make(&one, false);
    make(&other, false);
    add(&one, "m::f", "m.py", TG_ALL_THREADS, 2, 100);
    add(&one, "m::g", "m.py", TG_ALL_THREADS, 1, 50);
    add(&one, "__main__::main", "a.py", TG_ALL_THREADS, 1, 7);
    add(&other, "__main__::main", "b.py", TG_ALL_THREADS, 1, 9);
    add(&other, "m::f", "m.py", TG_ALL_THREADS, 3, 1000);
    one.snapshot.overflow_call_count = UINT64_MAX;
    other.snapshot.overflow_call_count = 5;
    other.snapshot.torn_count = 2;
    tg_run_totals_init(&totals, false);
    add_all(&totals, &one, 1);
    add_all(&totals, &other, 2);
    assert_int_equal(tg_run_totals_merge(&totals, NULL), TG_OK);
    assert_int_equal(tg_run_totals_sort(&totals, TG_RUN_SORT_TOTAL, NULL), TG_OK);
    assert_int_equal(totals.row_count, 4);
    assert_row(&totals, 0, "m::f", 5);
    assert_int_equal(totals.rows[0].measures.total_ns, 3200);
    assert_int_equal(totals.rows[0].measures.minimum_ns, 100);
    assert_int_equal(totals.rows[0].measures.maximum_ns, 1000);
    assert_int_equal(tg_histogram_count(totals.rows[0].measures.histogram), 5);
    assert_row(&totals, 1, "m::g", 1);
    assert_row(&totals, 2, "__main__::main", 1);
    assert_memory_equal(totals.rows[2].file, "b.py", 4);
    assert_row(&totals, 3, "__main__::main", 1);
    assert_int_equal(totals.overflow_call_count, UINT64_MAX);
    assert_int_equal(totals.torn_count, 2);
    tg_run_totals_release(&totals);
    tg_run_totals_release(&totals);
}

static void threads_of_processes_stay_apart(void **state) {
    (void)state;
    struct made one;
    struct made other;
    struct tg_run_totals totals;
    make(&one, true);
    make(&other, true);
    add(&one, "m::f", "m.py", 0, 2, 100);
    add(&one, "m::f", "m.py", 1, 3, 100);
    add(&other, "m::f", "m.py", 1, 4, 100);
    tg_run_totals_init(&totals, true);
    add_all(&totals, &one, 1);
    add_all(&totals, &other, 2);
    assert_int_equal(tg_run_totals_merge(&totals, NULL), TG_OK);
    assert_int_equal(tg_run_totals_sort(&totals, TG_RUN_SORT_CALLS, NULL), TG_OK);
    assert_int_equal(totals.row_count, 3);
    assert_row(&totals, 0, "m::f", 4);
    assert_int_equal(totals.rows[0].pid, 2);
    assert_int_equal(totals.rows[0].thread_id, 77);
    assert_string_equal(totals.rows[0].thread_name, "worker");
    assert_row(&totals, 2, "m::f", 2);
    assert_int_equal(totals.rows[2].thread_id, 0);
    tg_run_totals_release(&totals);
}

static void sorts_by_each_key(void **state) {
    (void)state;
    static const struct {
        enum tg_run_sort key;
        const char *first;
    } cases[] = {
        {TG_RUN_SORT_TOTAL, "a::many"},   {TG_RUN_SORT_SELF, "c::selfish"},   {TG_RUN_SORT_CALLS, "a::many"},
        {TG_RUN_SORT_AVERAGE, "b::slow"}, {TG_RUN_SORT_P50, "b::slow"},       {TG_RUN_SORT_P99, "b::slow"},
        {TG_RUN_SORT_MAXIMUM, "b::slow"}, {TG_RUN_SORT_ERRORS, "c::selfish"}, {TG_RUN_SORT_CUMULATIVE, "b::slow"}};
    struct made made;
    struct tg_run_totals totals;
    make(&made, false);
    add(&made, "b::slow", "", TG_ALL_THREADS, 1, 5000);
    add(&made, "c::selfish", "", TG_ALL_THREADS, 2, 40);
    add(&made, "a::many", "", TG_ALL_THREADS, 1000, 10);
    made.rows[0].measures.cumulative_ns = 8;
    made.rows[1].measures.self_ns = 9999999;
    made.rows[1].measures.error_count = 1;
    tg_run_totals_init(&totals, false);
    add_all(&totals, &made, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tg_run_totals_sort(&totals, cases[i].key, NULL), TG_OK);
        assert_memory_equal(totals.rows[0].name, cases[i].first, totals.rows[0].name_bytes);
    }
    assert_string_equal(tg_run_sort_names[TG_RUN_SORT_ERRORS], "errors");
    assert_null(tg_run_sort_names[TG_RUN_SORT_ERRORS + 1]);
    tg_run_totals_release(&totals);
}

static void equal_keys_go_by_name(void **state) {
    (void)state;
    struct made made;
    struct tg_run_totals totals;
    make(&made, false);
    add(&made, "m::b", "", TG_ALL_THREADS, 1, 10);
    add(&made, "m::ab", "", TG_ALL_THREADS, 1, 10);
    add(&made, "m::a", "", TG_ALL_THREADS, 1, 10);
    tg_run_totals_init(&totals, false);
    add_all(&totals, &made, 1);
    assert_int_equal(tg_run_totals_sort(&totals, TG_RUN_SORT_P99, NULL), TG_OK);
    assert_row(&totals, 0, "m::a", 1);
    assert_row(&totals, 1, "m::ab", 1);
    assert_row(&totals, 2, "m::b", 1);
    tg_run_totals_release(&totals);
}

static void keeps_what_patterns_match(void **state) {
    (void)state;
    static const char *const patterns[] = {"shop.*", "*::main"};
    struct made made;
    struct tg_run_totals totals;
    make(&made, false);
    add(&made, "shop.cart::add", "", TG_ALL_THREADS, 1, 10);
    add(&made, "other::f", "", TG_ALL_THREADS, 1, 20);
    add(&made, "x::main", "", TG_ALL_THREADS, 1, 30);
    tg_run_totals_init(&totals, false);
    add_all(&totals, &made, 1);
    tg_run_totals_keep(&totals, patterns, 2);
    assert_int_equal(totals.row_count, 2);
    assert_row(&totals, 0, "shop.cart::add", 1);
    assert_row(&totals, 1, "x::main", 1);
    tg_run_totals_keep(&totals, patterns, 0);
    assert_int_equal(totals.row_count, 0);
    tg_run_totals_release(&totals);
}

/* Many processes with the same functions take no more memory than a few. */
static void many_processes_are_merged_on_the_way(void **state) {
    (void)state;
    struct tg_run_totals totals;
    tg_run_totals_init(&totals, false);
    for (uint64_t pid = 1; pid <= 2000; pid++) {
        struct made made;
        make(&made, false);
        add(&made, "m::f", "m.py", TG_ALL_THREADS, 1, 10);
        add(&made, "m::g", "m.py", TG_ALL_THREADS, 2, 10);
        made.snapshot.lost_child_count = 1;
        add_all(&totals, &made, pid);
        assert_true(totals.row_count < 3000);
    }
    assert_int_equal(tg_run_totals_merge(&totals, NULL), TG_OK);
    assert_int_equal(totals.row_count, 2);
    assert_row(&totals, 0, "m::f", 2000);
    assert_row(&totals, 1, "m::g", 4000);
    assert_int_equal(tg_histogram_count(totals.rows[1].measures.histogram), 4000);
    assert_int_equal(totals.lost_child_count, 2000);
    tg_run_totals_release(&totals);
}

static void nothing_is_no_failure(void **state) {
    (void)state;
    struct tg_run_totals totals;
    tg_run_totals_init(&totals, false);
    assert_int_equal(tg_run_totals_merge(&totals, NULL), TG_OK);
    assert_int_equal(tg_run_totals_sort(&totals, TG_RUN_SORT_SELF, NULL), TG_OK);
    assert_int_equal(totals.row_count, 0);
    tg_run_totals_release(&totals);
    tg_run_totals_release(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_processes_by_name_and_file),
        cmocka_unit_test(threads_of_processes_stay_apart),
        cmocka_unit_test(sorts_by_each_key),
        cmocka_unit_test(equal_keys_go_by_name),
        cmocka_unit_test(keeps_what_patterns_match),
        cmocka_unit_test(many_processes_are_merged_on_the_way),
        cmocka_unit_test(nothing_is_no_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
