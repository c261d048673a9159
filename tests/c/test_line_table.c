#include "sample/line_table.h"

#include "cmocka_all.h"

#include <string.h>

/* An entry's first byte. */
#define ENTRY(kind, units) (uint8_t)(0x80 | (kind) << 3 | ((units)-1))

#define RUNS 64

static uint32_t line_at(const uint8_t *table, size_t bytes, int32_t first_line, uint32_t unit) {
    struct tg_line_run runs[RUNS];
    size_t count;
    assert_true(tg_line_table_decode(table, bytes, first_line, 1000, runs, &count));
    assert_true(count <= bytes);
    return tg_line_runs_find(runs, count, unit);
}

static void reads_every_kind(void **state) {
    (void)state;
    const uint8_t table[] = {
        ENTRY(0, 1),  0x23,                                /* unit 0: line 10, and columns */
        ENTRY(9, 2),  0x23,                                /* 1, 2: still 10 */
        ENTRY(12, 1), 0x01,        0x02,                   /* 3: 12 */
        ENTRY(15, 3),                                      /* 4 to 6: none */
        ENTRY(10, 1), 0x01,        0x02,                   /* 7: 12, the line did not move */
        ENTRY(13, 1), 0x07,                                /* 8: three back, 9 */
        ENTRY(13, 1), 0x40 | 0x08, 0x01,                   /* 9: 72 / 2 on, 45 */
        ENTRY(14, 8), 0x02,        0x00, 0x41, 0x02, 0x03, /* 10 to 17: 46, and three numbers */
    };
    const uint32_t lines[] = {10, 10, 10, 12, 0, 0, 0, 12, 9, 45, 46, 46, 46, 46, 46, 46, 46, 46, 46};
    for (uint32_t unit = 0; unit < sizeof lines / sizeof lines[0]; unit++) {
        assert_int_equal(line_at(table, sizeof table, 10, unit), lines[unit]);
    }
}

static void joins_entries_of_one_line_and_leaves_out_what_is_beyond(void **state) {
    (void)state;
    const uint8_t table[] = {ENTRY(0, 8), 0, ENTRY(0, 8), 0, ENTRY(11, 8), 0, 0, ENTRY(11, 8), 0, 0};
    struct tg_line_run runs[RUNS];
    size_t count;
    assert_true(tg_line_table_decode(table, sizeof table, 5, 20, runs, &count));
    assert_int_equal(count, 2);
    assert_int_equal(runs[1].first_unit, 16);
    assert_int_equal(runs[1].line, 6);
    assert_true(tg_line_table_decode(table, 0, 5, 20, runs, &count));
    assert_int_equal(count, 0);
    assert_int_equal(tg_line_runs_find(runs, count, 3), 0);
}

/* Lines are positive and fit an int. */
static void has_no_line_where_there_can_be_none(void **state) {
    (void)state;
    const uint8_t module[] = {ENTRY(13, 1), 0x00};
    assert_int_equal(line_at(module, sizeof module, 0, 0), 0);
    const uint8_t back[] = {ENTRY(13, 1), 0x07};
    assert_int_equal(line_at(back, sizeof back, 2, 0), 0);
    const uint8_t far[] = {ENTRY(13, 1), 0x7e, 0x7f, 0x7f, 0x7f, 0x7f, 0x3f};
    assert_int_equal(line_at(far, sizeof far, INT32_MAX, 0), 0);
}

static void refuses_what_is_torn(void **state) {
    (void)state;
    static const struct {
        uint8_t bytes[12];
        size_t count;
    } torn[] = {
        {{0x23}, 1},                                                      /* begins inside an entry */
        {{ENTRY(0, 1)}, 1},                                               /* ends inside one */
        {{ENTRY(0, 1), ENTRY(0, 1), 0}, 3},                               /* begins another inside one */
        {{ENTRY(11, 1), 0}, 2},                                           /* one of two columns */
        {{ENTRY(13, 1), 0x40}, 2},                                        /* a number without its end */
        {{ENTRY(14, 1), 0, 0, 0}, 4},                                     /* one of four numbers missing */
        {{ENTRY(13, 1), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0}, 9}, /* a number of more than 32 bits */
    };
    for (size_t i = 0; i < sizeof torn / sizeof torn[0]; i++) {
        struct tg_line_run runs[RUNS];
        size_t count;
        assert_false(tg_line_table_decode(torn[i].bytes, torn[i].count, 1, 100, runs, &count));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(joins_entries_of_one_line_and_leaves_out_what_is_beyond),
        cmocka_unit_test(has_no_line_where_there_can_be_none),
        cmocka_unit_test(refuses_what_is_torn),
    };
    return cmocka_run_group_tests_name("line_table", tests, NULL, NULL);
}
