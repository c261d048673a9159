/* The queries of the article that tachograph began with, word by word, on each engine. */
#include "store/store.h"

#include "history_fixture.h"

static double number(const struct tg_sql_value *value) {
    assert_true(value->kind == TG_SQL_INTEGER || value->kind == TG_SQL_REAL);
    return value->kind == TG_SQL_INTEGER ? (double)value->integer : value->real;
}

static void check_near(double is, double expected) {
    double difference = is > expected ? is - expected : expected - is;
    if (difference > 1e-9) {
        fail_msg("%.15g is not %.15g", is, expected);
    }
}

static void check_text(const struct tg_sql_value *value, const char *expected) {
    assert_int_equal(value->kind, TG_SQL_TEXT);
    assert_int_equal(value->length, strlen(expected));
    assert_memory_equal(value->bytes, expected, value->length);
}

static const char last_ten[] = "SELECT function_name, iteration, average_time\n"
                               "FROM function_statistics\n"
                               "WHERE function_name = 'shop.cart::add'\n"
                               "ORDER BY iteration DESC\n"
                               "LIMIT 10;";

static const char top_five[] = "SELECT function_name, AVG(average_time) AS overall_average_time\n"
                               "FROM function_statistics\n"
                               "GROUP BY function_name\n"
                               "ORDER BY overall_average_time DESC\n"
                               "LIMIT 5;";

static const char slope_and_intercept[] =
    "WITH function_stats AS (\n"
    "    SELECT \n"
    "        function_name,\n"
    "        COUNT(*) AS n,\n"
    "        SUM(iteration) AS sum_x,\n"
    "        SUM(average_time) AS sum_y,\n"
    "        SUM(iteration * iteration) AS sum_xx,\n"
    "        SUM(iteration * average_time) AS sum_xy\n"
    "    FROM \n"
    "        function_statistics\n"
    "    GROUP BY \n"
    "        function_name\n"
    "),\n"
    "regression_calc AS (\n"
    "    SELECT \n"
    "        function_name,\n"
    "        n,\n"
    "        sum_x,\n"
    "        sum_y,\n"
    "        (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x) AS slope\n"
    "    FROM \n"
    "        function_stats\n"
    ")\n"
    "SELECT \n"
    "    function_name,\n"
    "    slope,\n"
    "    (sum_y - slope * sum_x) / n AS intercept\n"
    "FROM \n"
    "    regression_calc;";

/* As the article's PHP puts it together. */
static void write_chart_query(char *text, size_t size, const char *column, const char *minimum) {
    snprintf(text, size,
             "\n"
             "        WITH RankedStatistics AS (\n"
             "            SELECT \n"
             "                fs1.function_name, \n"
             "                fs1.iteration, \n"
             "                fs1.%s,\n"
             "                ROW_NUMBER() OVER (PARTITION BY fs1.function_name ORDER BY fs1.iteration DESC) AS rn\n"
             "            FROM \n"
             "                function_statistics AS fs1\n"
             "            WHERE \n"
             "                fs1.function_name IN (\n"
             "                    SELECT \n"
             "                        fs2.function_name\n"
             "                    FROM \n"
             "                        function_statistics AS fs2\n"
             "                    WHERE \n"
             "                        fs2.%s > %s\n"
             "                    GROUP BY \n"
             "                        fs2.function_name\n"
             "                )\n"
             "        )\n"
             "        SELECT \n"
             "            function_name, \n"
             "            iteration, \n"
             "            %s\n"
             "        FROM \n"
             "            RankedStatistics\n"
             "        WHERE \n"
             "            rn <= 5000\n"
             "        ORDER BY \n"
             "            function_name, iteration;\n"
             "    ",
             column, column, minimum, column);
}

/* All calls take 1 ms but those of main, which take 3 ms plus 2 ms for each iteration, in one more process. */
static void store_something_slower(const char *url) {
    for (uint64_t seq = 1; seq <= WORKER_INTERVALS; seq++) {
        struct made made;
        make(&made, WORKERS + 1, seq);
        made.functions[0] = made.functions[2];
        made.functions[0].name = bytes_of("shop::slow");
        made.functions[0].call_count = 1;
        made.functions[0].total_ns = 3000000 + 2000000 * (seq - 1);
        made.batch.function_count = 1;
        atomic_int failures = 0;
        assert_true(bring(url, &made.batch, 1, &failures));
        release(&made);
    }
}

static void the_articles_questions(void **state) {
    struct tg_sql_value row[3];
    run_workers(*state);
    store_something_slower(*state);
    struct tg_sql *sql = fixture_open(*state, 5000);

    struct tg_sql_statement *query = fixture_prepare(sql, last_ten);
    fixture_run(sql, query, NULL, 0);
    for (int i = 0; i < WORKER_INTERVALS; i++) {
        assert_true(fixture_fetch(sql, query, row, 3));
        check_text(&row[0], "shop.cart::add");
        assert_int_equal(row[1].integer, WORKER_INTERVALS - 1 - i);
        check_near(number(&row[2]), 0.001);
    }
    assert_false(fixture_fetch(sql, query, row, 3));
    sql->driver->finalize(query);

    query = fixture_prepare(sql, top_five);
    fixture_run(sql, query, NULL, 0);
    assert_true(fixture_fetch(sql, query, row, 2));
    check_text(&row[0], "shop::slow");
    check_near(number(&row[1]), 0.012); /* of one call each: its own time */
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        assert_true(fixture_fetch(sql, query, row, 2));
        check_near(number(&row[1]), 0.001);
    }
    assert_false(fixture_fetch(sql, query, row, 2));
    sql->driver->finalize(query);

    query = fixture_prepare(sql, slope_and_intercept);
    fixture_run(sql, query, NULL, 0);
    for (int i = 0; i < FUNCTION_COUNT + 1; i++) {
        assert_true(fixture_fetch(sql, query, row, 3));
        bool is_slow = row[0].length == strlen("shop::slow") && memcmp(row[0].bytes, "shop::slow", row[0].length) == 0;
        check_near(number(&row[1]), is_slow ? 0.002 : 0);
        check_near(number(&row[2]), is_slow ? 0.003 : 0.001);
    }
    assert_false(fixture_fetch(sql, query, row, 3));
    sql->driver->finalize(query);
    sql->driver->close(sql);
}

static size_t count_chart(struct tg_sql *sql, const char *column, const char *minimum, const char *first_name,
                          double first_value) {
    char text[2048];
    struct tg_sql_value row[3];
    size_t count = 0;
    write_chart_query(text, sizeof text, column, minimum);
    struct tg_sql_statement *query = fixture_prepare(sql, text);
    fixture_run(sql, query, NULL, 0);
    while (fixture_fetch(sql, query, row, 3)) {
        if (count == 0) {
            check_text(&row[0], first_name);
            assert_int_equal(row[1].integer, 0);
            check_near(number(&row[2]), first_value);
        }
        count++;
    }
    sql->driver->finalize(query);
    return count;
}

static void the_articles_charts(void **state) {
    run_workers(*state);
    store_something_slower(*state);
    struct tg_sql *sql = fixture_open(*state, 5000);
    assert_int_equal(count_chart(sql, "average_time", "0.0205", "shop::slow", 0.003), WORKER_INTERVALS);
    assert_int_equal(count_chart(sql, "average_time", "1.0", "", 0), 0);
    assert_int_equal(count_chart(sql, "total_time", "0.1", "shop.cart::Cart.total", 0.014), 2 * WORKER_INTERVALS);
    assert_int_equal(count_chart(sql, "call_count", "100", "shop.cart::Cart.total", 14), 2 * WORKER_INTERVALS);
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(DISTINCT id) FROM function_statistics"),
                     (FUNCTION_COUNT + 1) * WORKER_INTERVALS);
    /* The end of the iteration's slot, in UTC. */
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM function_statistics WHERE iteration = 0"
                                                " AND created_at = '2023-11-14 22:13:40'"),
                     FUNCTION_COUNT + 1);
    sql->driver->close(sql);
}

/* The names, types and order of the article's table; a row for each sample. */
static void the_articles_exceptions(void **state) {
    static const struct tg_batch_failure group = {.fingerprint = 7,
                                                  .name = {.data = "shop.cart::add", .length = 14},
                                                  .type = {.data = "ValueError", .length = 10},
                                                  .count = 5};
    struct tg_batch_failure_sample samples[2] = {
        {.wall_ns = EPOCH_NS + SECOND,
         .message = bytes_of("no; 'lamp'"),
         .args = bytes_of("[1]"),
         .kwargs = bytes_of("{}")},
        {.wall_ns = EPOCH_NS + 2 * SECOND},
    };
    struct tg_sql_value row[7];
    struct made made;
    atomic_int failures = 0;
    make(&made, 1, 1);
    made.batch.failures =
        (struct tg_batch_failures){.groups = &group, .group_count = 1, .samples = samples, .sample_count = 2};
    assert_true(bring(*state, &made.batch, 1, &failures));
    release(&made);
    struct tg_sql *sql = fixture_open(*state, 5000);
    struct tg_sql_statement *query = fixture_prepare(sql, "SELECT *\n"
                                                          "FROM function_exceptions\n"
                                                          "WHERE function_name = 'shop.cart::add'\n"
                                                          "ORDER BY iteration DESC, id\n"
                                                          "LIMIT 10;");
    fixture_run(sql, query, NULL, 0);
    assert_true(fixture_fetch(sql, query, row, 7));
    check_text(&row[1], "shop.cart::add");
    assert_int_equal(row[2].integer, 0);
    check_text(&row[3], "ValueError: no; 'lamp'");
    check_text(&row[4], "[1]");
    check_text(&row[5], "{}");
    int64_t first = row[0].integer;
    assert_true(fixture_fetch(sql, query, row, 7));
    assert_true(row[0].integer > first);
    check_text(&row[3], "ValueError");
    check_text(&row[4], "");
    assert_false(fixture_fetch(sql, query, row, 7));
    sql->driver->finalize(query);
    /* Each column by the name that the article gives it, and the time of the failure, in UTC. */
    assert_int_equal(fixture_query_integer(sql, "SELECT COUNT(*) FROM (SELECT id, function_name, iteration, exception,"
                                                " args, kwargs, created_at FROM function_exceptions) e"
                                                " WHERE created_at = '2023-11-14 22:13:21'"),
                     1);
    sql->driver->close(sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(the_articles_questions),
        ON_BOTH(the_articles_charts),
        ON_BOTH(the_articles_exceptions),
    };
    return cmocka_run_group_tests_name("store_article", tests, fixture_set_up, fixture_tear_down);
}
