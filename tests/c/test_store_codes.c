/* Which codes functions have had, and from when on. */
#include "store/store.h"

#include "store/schema.h"
#include "store_history.h"

enum { LONG_AGO_S = -1000 };

/* Batch `seq` of process `number`, in which f ran that code. The iteration is `end_s` / 10. */
static struct tg_batch batch_of(uint8_t number, uint64_t seq, int64_t end_s, uint64_t code_hash) {
    static struct tg_batch_function functions[HISTORY_POOL];
    static size_t next;
    struct tg_batch_function *function = &functions[next++ % HISTORY_POOL];
    *function = history_calls("f", 1, 100);
    function->code_hash = code_hash;
    function->line = (uint32_t)(code_hash + 10);
    return history_batch(number, seq, end_s, function, 1);
}

static void run(struct tg_store *store, uint8_t number, uint64_t seq, int64_t end_s, uint64_t code_hash) {
    history_commit(store, batch_of(number, seq, end_s, code_hash));
}

/* The same by another program, which remembers nothing. */
static void run_elsewhere(uint8_t number, uint64_t seq, int64_t end_s, uint64_t code_hash) {
    struct tg_store *store = history_open();
    run(store, number, seq, end_s, code_hash);
    tg_store_close(store);
}

/* The changes of f as "first iteration: code". */
static void expect_codes(struct tg_store *store, const char *expected) {
    struct tg_store_codes codes;
    struct tg_strbuf found = TG_STRBUF_INIT;
    int64_t service_id = history_service(store, "shop").id;
    int64_t function_id = history_function(store, "f").id;
    assert_int_equal(tg_store_codes(store, service_id, function_id, &codes, NULL), TG_OK);
    for (size_t i = 0; i < codes.count; i++) {
        assert_int_equal(codes.items[i].function_id, function_id);
        assert_int_equal(codes.items[i].line, codes.items[i].code_hash + 10);
        tg_strbuf_printf(&found, "%s%" PRId64 ": %" PRIu64, i ? ", " : "", codes.items[i].first_iteration,
                         codes.items[i].code_hash);
    }
    assert_string_equal(tg_strbuf_text(&found), expected);
    tg_strbuf_release(&found);
    tg_store_codes_release(&codes);
    tg_store_codes_release(&codes);
}

static int64_t count_rows(void) {
    struct tg_sql *sql = fixture_open(history_url, 5000);
    int64_t count = fixture_query_integer(sql, "SELECT COUNT(*) FROM code_changes");
    sql->driver->close(sql);
    return count;
}

static void an_edit_that_is_undone_and_done_again(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    run(store, 1, 1, 5, 7);
    run(store, 1, 2, 15, 7);
    run(store, 1, 3, 25, 8);
    run(store, 1, 4, 45, 7);
    run(store, 1, 5, 55, 7);
    run(store, 1, 6, 65, 8);
    expect_codes(store, "0: 7, 2: 8, 4: 7, 6: 8");
    assert_int_equal(count_rows(), 4);
    tg_store_close(store);
}

/* Also when the program that stores remembers nothing, as after the connection was lost. */
static void nothing_has_to_be_remembered(void **state) {
    (void)state;
    run_elsewhere(1, 1, 5, 7);
    run_elsewhere(1, 2, 15, 8);
    run_elsewhere(1, 3, 25, 8);
    run_elsewhere(1, 4, 35, 7);
    run_elsewhere(1, 5, 45, 7);
    struct tg_store *store = history_open();
    expect_codes(store, "0: 7, 1: 8, 3: 7");
    assert_int_equal(count_rows(), 3);
    tg_store_close(store);
}

static void a_program_that_is_started_again(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    run(store, 1, 1, 5, 7);
    run(store, 2, 1, 6, 8); /* edited, */
    run(store, 3, 1, 7, 7); /* undone, */
    run(store, 4, 1, 8, 7);
    run(store, 5, 1, 18, 8); /* and edited again */
    expect_codes(store, "0: 7, 0: 8, 0: 7, 1: 8");
    tg_store_close(store);
}

static void a_batch_that_is_stored_twice_changes_nothing(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch batches[] = {batch_of(1, 1, 5, 7), batch_of(1, 2, 15, 8), batch_of(1, 3, 25, 7)};
    assert_int_equal(history_commit_all(store, batches, 3).stored_count, 3);
    assert_int_equal(history_commit_all(store, batches, 3).known_count, 3);
    for (size_t i = 0; i < 3; i++) {
        struct tg_store *other = history_open();
        assert_int_equal(history_commit_all(other, &batches[i], 1).known_count, 1);
        tg_store_close(other);
    }
    expect_codes(store, "0: 7, 1: 8, 2: 7");
    assert_int_equal(count_rows(), 3);
    tg_store_close(store);
}

/* The old ones run on while the new ones begin, whoever stores. */
static void a_deployment_that_is_rolled_out(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    for (uint64_t seq = 1; seq <= 20; seq++) {
        int64_t end_s = (int64_t)seq * 10;
        run(store, 1, seq, end_s, 7);
        run_elsewhere(2, seq, end_s, 7);
        if (seq >= 10) {
            run_elsewhere(3, seq - 9, end_s, 8);
            run(store, 4, seq - 9, end_s, 8);
        }
    }
    expect_codes(store, "0: 7, 9: 8");
    assert_int_equal(count_rows(), 2);
    /* One that is begun with the old code is told, and what is begun after it. */
    run(store, 5, 1, 210, 7);
    run(store, 6, 1, 220, 8);
    for (uint64_t seq = 2; seq <= 10; seq++) {
        run(store, 5, seq, 220 + (int64_t)seq * 10, 7);
        run_elsewhere(6, seq, 220 + (int64_t)seq * 10, 8);
    }
    expect_codes(store, "0: 7, 9: 8, 20: 7, 21: 8");
    tg_store_close(store);
}

/* Workers that watch the same file, one a little later than the other. */
static void a_reload_in_several_processes(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    run(store, 1, 1, 5, 7);
    run_elsewhere(2, 1, 5, 7);
    run(store, 1, 2, 15, 8);
    run_elsewhere(2, 2, 15, 7);
    run(store, 1, 3, 25, 8);
    run_elsewhere(2, 3, 25, 8);
    run_elsewhere(2, 4, 35, 8);
    run(store, 1, 4, 35, 8);
    expect_codes(store, "0: 7, 1: 8");
    run_elsewhere(2, 5, 45, 7); /* undone: the other one first */
    run(store, 1, 5, 45, 8);
    run(store, 1, 6, 55, 7);
    run_elsewhere(2, 6, 55, 7);
    expect_codes(store, "0: 7, 1: 8, 5: 7");
    assert_int_equal(count_rows(), 3);
    tg_store_close(store);
}

/* Batches that waited have their places in time. */
static void what_comes_late(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    run(store, 2, 1, 105, 8);
    run(store, 1, 1, 5, 7);
    run(store, 1, 2, 15, 7);
    expect_codes(store, "-10: 7, 0: 8");
    run(store, 3, 1, LONG_AGO_S, 7); /* the same code, earlier */
    run(store, 4, 1, 95, 8);
    expect_codes(store, "-110: 7, -1: 8");
    tg_store_close(store);
}

static void a_clock_that_is_set_back(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    run(store, 1, 1, 205, 7);
    run(store, 1, 2, 5, 7);
    run(store, 1, 3, 15, 8);
    expect_codes(store, "-20: 7, -19: 8, 0: 7");
    tg_store_close(store);
}

static void of_several_functions(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    struct tg_batch_function functions[] = {history_calls("f", 1, 100), history_calls("g", 1, 100),
                                            history_calls("h", 1, 100)};
    functions[0].line = 17;
    functions[1].code_hash = UINT64_MAX;
    functions[2].code_hash = 0; /* not known */
    history_commit(store, history_batch(1, 1, 15, functions, 3));
    functions[0].code_hash = 8;
    functions[0].line = 18;
    history_commit(store, history_batch(1, 2, 35, functions, 3));
    expect_codes(store, "0: 7, 2: 8");
    struct tg_store_codes codes;
    int64_t service_id = history_service(store, "shop").id;
    assert_int_equal(tg_store_codes(store, service_id, 0, &codes, NULL), TG_OK);
    assert_int_equal(codes.count, 3);
    assert_int_equal(codes.items[2].function_id, history_function(store, "g").id);
    assert_true(codes.items[2].code_hash == UINT64_MAX);
    tg_store_codes_release(&codes);
    assert_int_equal(tg_store_codes(store, service_id + 1, 0, &codes, NULL), TG_OK);
    assert_int_equal(codes.count, 0);
    tg_store_codes_release(&codes);
    tg_store_close(store);
}

/* The first batch of a process that a Python begins at a second, and stops ten seconds later; `number` tells processes
 * apart. */
static struct tg_batch batch_of_begun(uint16_t number, uint32_t python, int64_t start_s, uint64_t code_hash) {
    struct tg_batch batch = batch_of((uint8_t)number, 1, start_s + 10, code_hash);
    batch.process.uuid[2] = (uint8_t)(number >> 8U);
    batch.process.python_version = python;
    batch.process.started_wall_ns = HISTORY_BEGIN_NS + start_s * HISTORY_S;
    return batch;
}

enum { PYTHON_3_11 = 0x030b07f0, PYTHON_3_12 = 0x030c01f0 };

/* A job that two Pythons begin in turns: each compiles the same source to its own code. */
static void two_pythons_in_turns(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    uint16_t number = 0;
    for (int64_t turn = 0; turn < 40; turn++) {
        bool is_edited = turn >= 20;
        history_commit(store, batch_of_begun(++number, PYTHON_3_11, turn * 20 - 10, is_edited ? 8 : 7));
        history_commit(store, batch_of_begun(++number, PYTHON_3_12, turn * 20, is_edited ? 108 : 107));
    }
    expect_codes(store, "0: 7, 1: 107, 40: 8, 41: 108");
    assert_int_equal(count_rows(), 4);
    struct tg_store_codes codes;
    int64_t service_id = history_service(store, "shop").id;
    assert_int_equal(tg_store_codes(store, service_id, 0, &codes, NULL), TG_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(codes.items[i].python, i % 2 ? PYTHON_3_12 >> 16 : PYTHON_3_11 >> 16);
        assert_ptr_equal(tg_store_code_before(&codes, &codes.items[i]), i < 2 ? NULL : &codes.items[i - 2]);
    }
    tg_store_codes_release(&codes);
    tg_store_close(store);
}

/* Workers of two codes that are begun anew for ever: what is told of it comes to an end, and what is new is told. */
static void a_standing_canary(void **state) {
    (void)state;
    enum { DAY_S = 86400, DAYS = 14, BEGUN_PER_DAY = 48, PER_DAY = 10, KEPT = 100 };
    struct tg_batch batches[BEGUN_PER_DAY];
    struct tg_store *store = history_open();
    uint16_t number = 0;
    for (int64_t day = 0; day < DAYS; day++) {
        for (int64_t i = 0; i < BEGUN_PER_DAY; i++) {
            int64_t start_s = day * DAY_S + i * (DAY_S / BEGUN_PER_DAY);
            number++;
            batches[i] = batch_of_begun(number, PYTHON_3_11, start_s, 7 + number % 2);
        }
        assert_int_equal(history_commit_all(store, batches, BEGUN_PER_DAY).stored_count, BEGUN_PER_DAY);
        if (day == 0) {
            assert_int_equal(count_rows(), PER_DAY);
        }
    }
    assert_int_equal(count_rows(), KEPT);
    history_commit(store, batch_of_begun(++number, PYTHON_3_11, DAYS * DAY_S, 9));
    assert_int_equal(count_rows(), KEPT);
    struct tg_store_codes codes;
    assert_int_equal(tg_store_codes(store, history_service(store, "shop").id, 0, &codes, NULL), TG_OK);
    assert_int_equal(codes.items[codes.count - 1].code_hash, 9);
    assert_true(codes.items[0].first_iteration > DAY_S / 10); /* the oldest are gone */
    tg_store_codes_release(&codes);
    /* What is older than all that are kept has no place. */
    history_commit(store, batch_of_begun(++number, PYTHON_3_11, LONG_AGO_S, 6));
    assert_int_equal(count_rows(), KEPT);
    history_verify(store);
    tg_store_close(store);
}

/* When the file was written nobody knows: the worker may have read it before or after that. */
static void a_worker_that_begins_while_another_is_reloaded(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    run(store, 1, 1, 5, 7);
    run(store, 1, 2, 15, 8);
    history_commit(store, batch_of_begun(2, PYTHON_3_11, 10, 7));
    expect_codes(store, "0: 7, 1: 8");
    history_commit(store, batch_of_begun(3, PYTHON_3_11, 11, 9));
    expect_codes(store, "0: 7, 1: 8, 2: 9");
    tg_store_close(store);
}

/* As of two functions with one name. */
static void a_code_that_is_never_the_same(void **state) {
    (void)state;
    enum { BATCHES = 300, AT_ONCE = 50, RETURNS = 10, KEPT = 100 };
    struct tg_batch batches[AT_ONCE];
    struct tg_store *store = history_open();
    uint64_t seq = 0;
    for (int turn = 0; turn < 2 * BATCHES / AT_ONCE; turn++) {
        bool is_new = turn >= BATCHES / AT_ONCE;
        for (uint64_t i = 0; i < AT_ONCE; i++) {
            seq++;
            batches[i] = batch_of(1, seq, (int64_t)seq * 10, is_new ? seq : 7 + seq % 2);
        }
        assert_int_equal(history_commit_all(store, batches, AT_ONCE).stored_count, AT_ONCE);
        assert_true(is_new || count_rows() == RETURNS);
    }
    assert_int_equal(count_rows(), KEPT);
    history_verify(store);
    tg_store_close(store);
}

/* Within a transaction what is in force is remembered: it must be so of the right Python and time. */
static void many_workers_at_once(void **state) {
    (void)state;
    struct tg_store *store = history_open();
    const struct tg_batch batches[] = {
        batch_of_begun(1, PYTHON_3_11, 90, 7),  batch_of_begun(2, PYTHON_3_12, 90, 7),
        batch_of_begun(3, PYTHON_3_11, 100, 8), batch_of_begun(4, PYTHON_3_12, 100, 7),
        batch_of_begun(5, PYTHON_3_11, 20, 8),  batch_of_begun(6, PYTHON_3_12, 120, 8),
        batch_of_begun(7, PYTHON_3_11, 110, 7), batch_of_begun(8, PYTHON_3_11, 110, 7),
    };
    size_t count = sizeof batches / sizeof batches[0];
    assert_int_equal(history_commit_all(store, batches, count).stored_count, count);
    assert_int_equal(count_rows(), 6);
    expect_codes(store, "-7: 8, 0: 7, 0: 7, 1: 8, 2: 7, 3: 8");
    struct tg_store *other = history_open();
    history_commit(other, batch_of_begun(9, PYTHON_3_11, 130, 8));
    tg_store_close(other);
    history_commit(store, batch_of_begun(10, PYTHON_3_11, 140, 7)); /* what is remembered is of the time before */
    expect_codes(store, "-7: 8, 0: 7, 0: 7, 1: 8, 2: 7, 3: 8, 4: 8, 5: 7");
    tg_store_close(store);
}

/* Tables of the version before, with a row for each code; and a step that was cut short just before its end. */
static void codes_of_older_tables(void **state) {
    (void)state;
    enum { BEFORE = 3 };
    const struct tg_schema before = {.steps = tg_schema_current.steps, .count = BEFORE};
    struct tg_error err = TG_ERROR_INIT;
    struct tg_sql *sql = fixture_open(history_url, 5000);
    assert_int_equal(tg_schema_migrate(sql, &before, &err), TG_OK);
    fixture_execute(sql, "INSERT INTO services (name, base_interval_ns, first_slot, last_iteration, last_ended_ns,"
                         " folded_until, unfolded_count, version, version_ns)"
                         " VALUES ('shop', 10000000000, 170000000, 0, 0, -1, 0, '', 0)");
    fixture_execute(sql, "INSERT INTO functions (service_id, name, file, line)"
                         " SELECT id, 'f', '/srv/shop.py', 12 FROM services");
    static const char *const rows[] = {"8, '', 18, 5", "7, '', 17, 0", "9, '', 19, 9"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[160];
        snprintf(text, sizeof text, "INSERT INTO function_code SELECT id, %s FROM functions", rows[i]);
        fixture_execute(sql, text);
    }
    struct tg_store *store = history_open();
    run(store, 1, 1, 105, 8);
    expect_codes(store, "0: 7, 5: 8, 9: 9, 10: 8");
    fixture_execute(sql, "DELETE FROM schema_version WHERE version = 4");
    assert_int_equal(tg_schema_migrate(sql, &tg_schema_current, &err), TG_OK);
    expect_codes(store, "0: 7, 5: 8, 9: 9, 10: 8");
    assert_int_equal(count_rows(), 4);
    /* Programs that had it open before go on. */
    fixture_execute(sql, "INSERT INTO function_code SELECT id, 10, '', 20, 11 FROM functions");
    history_verify(store);
    tg_store_close(store);
    sql->driver->close(sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_edit_that_is_undone_and_done_again, history_set_up),
        cmocka_unit_test_setup(nothing_has_to_be_remembered, history_set_up),
        cmocka_unit_test_setup(a_program_that_is_started_again, history_set_up),
        cmocka_unit_test_setup(a_batch_that_is_stored_twice_changes_nothing, history_set_up),
        cmocka_unit_test_setup(a_deployment_that_is_rolled_out, history_set_up),
        cmocka_unit_test_setup(a_reload_in_several_processes, history_set_up),
        cmocka_unit_test_setup(what_comes_late, history_set_up),
        cmocka_unit_test_setup(a_clock_that_is_set_back, history_set_up),
        cmocka_unit_test_setup(of_several_functions, history_set_up),
        cmocka_unit_test_setup(two_pythons_in_turns, history_set_up),
        cmocka_unit_test_setup(a_standing_canary, history_set_up),
        cmocka_unit_test_setup(a_worker_that_begins_while_another_is_reloaded, history_set_up),
        cmocka_unit_test_setup(a_code_that_is_never_the_same, history_set_up),
        cmocka_unit_test_setup(many_workers_at_once, history_set_up),
        cmocka_unit_test_setup(codes_of_older_tables, history_set_up),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
