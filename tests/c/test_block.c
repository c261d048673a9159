#include "store/block.h"

#include "store/store_state.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define ITERATION INT64_C(-7)

struct written {
    char *room;
    struct tg_sql_value columns[TG_BLOCK_COLUMNS + TG_BLOCK_COLUMNS_HISTOGRAMS]; /* as they are read */
};

/* Writes rows of one block, and gives back what a query would give. */
static struct written write_block(const struct tg_figures_row *rows, size_t count) {
    struct written written = {.room = malloc(tg_block_room(rows, count))};
    assert_non_null(written.room);
    assert_int_equal(tg_block_count(rows, count), count);
    written.columns[0] = tg_value_integer(rows[0].iteration);
    written.columns[1] = tg_value_integer(tg_block_of(rows[0].function_id));
    char *end = tg_block_encode(rows, count, written.room, written.columns + 2);
    assert_true((size_t)(end - written.room) <= tg_block_room(rows, count));
    return written;
}

/* Every figure another. */
static struct tg_figures_row row_of(int64_t function_id, uint64_t factor, const char *histogram) {
    return (struct tg_figures_row){
        .iteration = ITERATION,
        .function_id = function_id,
        .call_count = factor,
        .error_count = 0,
        .total_ns = 11 * factor,
        .cumulative_ns = 123 * factor,
        .self_ns = 1234 * factor,
        .active_ns = 12345 * factor,
        .minimum_ns = 2 * factor,
        .maximum_ns = 123456 * factor,
        .histogram = {.data = histogram, .length = histogram ? strlen(histogram) : 0},
    };
}

static void expect_row(const struct tg_figures_row *row, const struct tg_figures_row *expected) {
    assert_int_equal(row->iteration, expected->iteration);
    assert_int_equal(row->function_id, expected->function_id);
    assert_int_equal(row->call_count, expected->call_count);
    assert_int_equal(row->error_count, expected->error_count);
    assert_int_equal(row->total_ns, expected->total_ns);
    assert_int_equal(row->cumulative_ns, expected->cumulative_ns);
    assert_int_equal(row->self_ns, expected->self_ns);
    assert_int_equal(row->active_ns, expected->active_ns);
    assert_int_equal(row->minimum_ns, expected->minimum_ns);
    assert_int_equal(row->maximum_ns, expected->maximum_ns);
    assert_int_equal(row->histogram.length, expected->histogram.length);
    if (expected->histogram.length > 0) {
        assert_memory_equal(row->histogram.data, expected->histogram.data, expected->histogram.length);
    }
}

static void expect_digits(const struct tg_sql_value *value, const char *text) {
    assert_int_equal(value->kind, TG_SQL_BLOB);
    assert_int_equal(value->length, strlen(text));
    assert_memory_equal(value->bytes, text, value->length);
}

/* What the views of block_sql.h count on. */
static void columns_are_as_sql_expects_them(void **state) {
    (void)state;
    const struct tg_figures_row rows[] = {row_of(32, 5, "ab"), row_of(35, 170, NULL), row_of(47, 9, "cdefghijkl")};
    struct written written = write_block(rows, 3);
    assert_int_equal(written.columns[1].integer, 2);
    assert_int_equal(written.columns[2].integer, 1 << 0 | 1 << 3 | 1 << 15);
    expect_digits(&written.columns[3], "005170009");
    expect_digits(&written.columns[4], "000");
    expect_digits(&written.columns[5], "005518700099");
    expect_digits(&written.columns[TG_BLOCK_COLUMNS], "00020212");
    assert_int_equal(written.columns[TG_BLOCK_COLUMNS + 1].kind, TG_SQL_BLOB);
    assert_int_equal(written.columns[TG_BLOCK_COLUMNS + 1].length, 12);
    free(written.room);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    static const char *const histograms[] = {"x", NULL, "many bytes"};
    uint64_t random = 88172645463325252;
    for (int round = 0; round < 500; round++) {
        struct tg_figures_row rows[TG_BLOCK_FUNCTIONS];
        size_t count = 0;
        for (int64_t k = 0; k < TG_BLOCK_FUNCTIONS; k++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            if (random >> 63U || (k == TG_BLOCK_FUNCTIONS - 1 && count == 0)) {
                rows[count++] = row_of(160 + k, random >> 20U & 0xffff, histograms[(random >> 40U) % 3]);
            }
        }
        struct written written = write_block(rows, count);
        struct tg_block block;
        assert_int_equal(tg_block_decode(&block, written.columns, true, NULL), TG_OK);
        assert_int_equal(block.count, count);
        assert_int_equal(block.iteration, ITERATION);
        assert_int_equal(block.number, 10);
        for (size_t i = 0; i < count; i++) {
            expect_row(&block.rows[i], &rows[i]);
        }
        for (int64_t id = 150, next = 0; id < 190; id++) {
            struct tg_figures_row one;
            bool found = false;
            assert_int_equal(tg_block_decode_one(written.columns, id, &one, &found, NULL), TG_OK);
            assert_int_equal(found, next < (int64_t)count && rows[next].function_id == id);
            if (found) {
                expect_row(&one, &rows[next++]);
            }
        }
        assert_int_equal(tg_block_decode(&block, written.columns, false, NULL), TG_OK);
        assert_int_equal(block.rows[0].histogram.length, 0);
        free(written.room);
    }
}

static void figures_have_a_limit(void **state) {
    (void)state;
    struct tg_figures_row row = row_of(1, 1, NULL);
    struct tg_block block;
    row.total_ns = UINT64_MAX;
    row.maximum_ns = TG_STORE_FIGURE_MAX - 1;
    row.minimum_ns = UINT64_MAX;
    struct written written = write_block(&row, 1);
    assert_int_equal(tg_block_decode(&block, written.columns, true, NULL), TG_OK);
    assert_int_equal(block.rows[0].total_ns, TG_STORE_FIGURE_MAX);
    assert_int_equal(block.rows[0].maximum_ns, TG_STORE_FIGURE_MAX - 1);
    assert_int_equal(block.rows[0].minimum_ns, UINT64_MAX); /* no call ended */
    free(written.room);
}

static void blocks_end_at_multiples_of_sixteen(void **state) {
    (void)state;
    const struct tg_figures_row rows[] = {row_of(14, 1, NULL), row_of(15, 1, NULL), row_of(16, 1, NULL),
                                          row_of(31, 1, NULL), row_of(48, 1, NULL)};
    assert_int_equal(tg_block_count(rows, 5), 2);
    assert_int_equal(tg_block_count(rows + 2, 3), 2);
    assert_int_equal(tg_block_count(rows + 4, 1), 1);
}

static void expect_damaged(const struct written *written, size_t column, struct tg_sql_value value) {
    struct tg_error err = TG_ERROR_INIT;
    struct tg_block block;
    struct tg_sql_value columns[TG_BLOCK_COLUMNS + TG_BLOCK_COLUMNS_HISTOGRAMS];
    memcpy(columns, written->columns, sizeof columns);
    columns[column] = value;
    assert_int_equal(tg_block_decode(&block, columns, true, &err), TG_ERROR_FORMAT);
    assert_non_null(strstr(err.message, "damaged"));
    bool found = true;
    struct tg_figures_row row;
    enum tg_status status = tg_block_decode_one(columns, 4, &row, &found, &err);
    assert_true(status == TG_ERROR_FORMAT || column <= 2); /* it may be in another block, or not there */
    assert_false(found);
}

static void damage_is_noticed(void **state) {
    (void)state;
    static const char *const numbers[] = {"",     "0",    "00000",
                                          "0x0y", "-1-2", "999999999999999999999999999999999999999999"};
    static const char *const bounds[] = {"", "0203045", "054", "009", "0:1"};
    const struct tg_figures_row rows[] = {row_of(3, 5, "ab"), row_of(4, 6, "cde")};
    struct written written = write_block(rows, 2);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t column = 3; column < TG_BLOCK_COLUMNS; column++) {
            expect_damaged(&written, column, tg_value_of_string(numbers[i]));
        }
    }
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        expect_damaged(&written, TG_BLOCK_COLUMNS, tg_value_of_string(bounds[i]));
    }
    expect_damaged(&written, 1, tg_value_integer(-1));
    expect_damaged(&written, 1, tg_value_integer(INT64_MAX / TG_BLOCK_FUNCTIONS));
    expect_damaged(&written, 2, tg_value_integer(0));
    expect_damaged(&written, 2, tg_value_integer(1 << 3)); /* with the numbers of two functions */
    expect_damaged(&written, 2, tg_value_integer(1 << 3 | 1 << 16));
    expect_damaged(&written, 2, tg_value_integer(-1));
    expect_damaged(&written, TG_BLOCK_COLUMNS + 1, tg_value_blob("abcd", 4));
    expect_damaged(&written, 5, (struct tg_sql_value){.kind = TG_SQL_NULL});
    free(written.room);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_sql_expects_them),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(figures_have_a_limit),
        cmocka_unit_test(blocks_end_at_multiples_of_sixteen),
        cmocka_unit_test(damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
