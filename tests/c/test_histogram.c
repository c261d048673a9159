#include "measure/histogram.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *random) {
    *random ^= *random << 13U;
    *random ^= *random >> 7U;
    *random ^= *random << 17U;
    return *random;
}

static void buckets_cover_every_duration_once(void **state) {
    (void)state;
    assert_true(tg_histogram_lower(0) == 0);
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        uint64_t lower = tg_histogram_lower(i);
        uint64_t upper = tg_histogram_upper(i);
        assert_true(lower <= upper);
        assert_int_equal(tg_histogram_index(lower), i);
        assert_int_equal(tg_histogram_index(upper), i);
        assert_int_equal(tg_histogram_index(tg_histogram_midpoint(i)), i);
        if (i > 0) {
            assert_true(tg_histogram_upper(i - 1) + 1 == lower);
        }
    }
    assert_true(tg_histogram_lower(1) == 32);
    assert_int_equal(tg_histogram_midpoint(0), 16);
    assert_int_equal(tg_histogram_midpoint(1), 34); /* of 32-35 */
    assert_true(tg_histogram_lower(TG_HISTOGRAM_BUCKETS - 1) == UINT64_C(1) << 43U);
    assert_true(tg_histogram_upper(TG_HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static void assert_near(uint64_t value, uint64_t representative) {
    uint64_t distance = value > representative ? value - representative : representative - value;
    if (distance * 16 > value) {
        fail_msg("%llu stands for %llu", (unsigned long long)representative, (unsigned long long)value);
    }
}

/* The bound of DESIGN: 6.25 %. At the edges of each bucket, where it is worst, and at random in between. */
static void error_stays_within_a_sixteenth(void **state) {
    (void)state;
    for (unsigned i = 1; i < TG_HISTOGRAM_BUCKETS - 1; i++) {
        assert_near(tg_histogram_lower(i), tg_histogram_midpoint(i));
        assert_near(tg_histogram_upper(i), tg_histogram_midpoint(i));
    }
    uint64_t random = 88172645463325252U;
    for (int n = 0; n < 1000000; n++) {
        unsigned bits = (unsigned)(next_random(&random) % 38 + 6);
        uint64_t value = (next_random(&random) >> (64U - bits)) | UINT64_C(32);
        assert_near(value, tg_histogram_midpoint(tg_histogram_index(value)));
    }
}

static void add_counts(void **state) {
    (void)state;
    struct tg_histogram h = {{0}};
    assert_int_equal(tg_histogram_count(&h), 0);
    assert_int_equal(tg_histogram_add(&h, 0, 1), TG_OK);
    assert_int_equal(tg_histogram_add(&h, 31, 2), TG_OK);
    assert_int_equal(tg_histogram_add(&h, UINT64_MAX, 3), TG_OK);
    assert_int_equal(h.counts[0], 3);
    assert_int_equal(h.counts[TG_HISTOGRAM_BUCKETS - 1], 3);
    assert_int_equal(tg_histogram_count(&h), 6);
}

static void nothing_wraps(void **state) {
    (void)state;
    struct tg_histogram h = {{0}};
    assert_int_equal(tg_histogram_add(&h, 100, UINT64_MAX), TG_OK);
    assert_int_equal(tg_histogram_add(&h, 100, 1), TG_ERROR_FULL);
    assert_true(h.counts[tg_histogram_index(100)] == UINT64_MAX);
    assert_int_equal(tg_histogram_add(&h, 5000, 1), TG_OK);
    assert_true(tg_histogram_count(&h) == UINT64_MAX);

    struct tg_histogram sum = {{0}};
    assert_int_equal(tg_histogram_merge(&sum, &h), TG_OK);
    assert_int_equal(tg_histogram_merge(&sum, &h), TG_ERROR_FULL);
    assert_true(sum.counts[tg_histogram_index(100)] == UINT64_MAX);
    assert_int_equal(sum.counts[tg_histogram_index(5000)], 2);
}

static void subtract_undoes_merge(void **state) {
    (void)state;
    struct tg_histogram a = {{0}};
    struct tg_histogram b = {{0}};
    uint64_t random = 1;
    for (unsigned i = 0; i < TG_HISTOGRAM_BUCKETS; i++) {
        a.counts[i] = next_random(&random) >> 8U;
        b.counts[i] = next_random(&random) >> 8U;
    }
    struct tg_histogram sum = a;
    assert_int_equal(tg_histogram_merge(&sum, &b), TG_OK);
    assert_int_equal(tg_histogram_subtract(&sum, &b), TG_OK);
    assert_memory_equal(&sum, &a, sizeof a);
}

static void subtract_reports_what_was_not_there(void **state) {
    (void)state;
    struct tg_histogram a = {{0}};
    struct tg_histogram b = {{0}};
    a.counts[3] = 5;
    a.counts[4] = 5;
    b.counts[3] = 6;
    b.counts[4] = 1;
    assert_int_equal(tg_histogram_subtract(&a, &b), TG_ERROR_INVALID);
    assert_int_equal(a.counts[3], 0);
    assert_int_equal(a.counts[4], 4);
}

static void percentiles_by_nearest_rank(void **state) {
    (void)state;
    struct tg_histogram h = {{0}};
    assert_int_equal(tg_histogram_percentile(&h, 50, 1, 2), 0);
    for (uint64_t n = 1; n <= 1000; n++) {
        assert_int_equal(tg_histogram_add(&h, n * 1000, 1), TG_OK);
    }
    for (unsigned percent = 1; percent < 100; percent++) {
        assert_near(percent * UINT64_C(10000), tg_histogram_percentile(&h, percent, 1000, 1000000));
    }
    assert_near(999000, tg_histogram_percentile(&h, 99.9, 0, UINT64_MAX));
    assert_int_equal(tg_histogram_percentile(&h, 100, 1000, 1000000), 1000000);
    assert_int_equal(tg_histogram_percentile(&h, 250, 1000, 1000000), 1000000);
    assert_int_equal(tg_histogram_percentile(&h, 0, 1000, 1000000), 1000);
    assert_int_equal(tg_histogram_percentile(&h, -3, 1000, 1000000), 1000);
    assert_int_equal(tg_histogram_percentile(&h, 5e-324, 0, UINT64_MAX),
                     tg_histogram_midpoint(tg_histogram_index(1000)));
    double nan = strtod("nan", NULL);
    assert_int_equal(tg_histogram_percentile(&h, nan, 1000, 1000000), 1000);
}

/* Ranks are exact where buckets are far apart: 55 % of 100 is the 55th, not the 56th. */
static void ranks_do_not_drift(void **state) {
    (void)state;
    for (uint64_t count = 1; count <= 200; count++) {
        for (uint64_t below = 0; below <= count; below++) {
            struct tg_histogram h = {{0}};
            assert_int_equal(tg_histogram_add(&h, 100, below), TG_OK);
            assert_int_equal(tg_histogram_add(&h, 1000000, count - below), TG_OK);
            double percent = 100.0 * (double)below / (double)count;
            uint64_t at = tg_histogram_percentile(&h, percent, 0, UINT64_MAX);
            if (below > 0) {
                assert_near(100, at);
            }
        }
    }
    struct tg_histogram h = {{0}};
    assert_int_equal(tg_histogram_add(&h, 100, 55), TG_OK);
    assert_int_equal(tg_histogram_add(&h, 1000000, 45), TG_OK);
    assert_near(100, tg_histogram_percentile(&h, 55, 0, UINT64_MAX));
    assert_near(1000000, tg_histogram_percentile(&h, 55.001, 0, UINT64_MAX));
}

static void percentiles_stay_between_the_extremes(void **state) {
    (void)state;
    struct tg_histogram h = {{0}};
    assert_int_equal(tg_histogram_add(&h, 1001, 3), TG_OK);
    assert_int_equal(tg_histogram_percentile(&h, 50, 1001, 1001), 1001);
    assert_int_equal(tg_histogram_percentile(&h, 50, 1, 900), 900);
    assert_int_equal(tg_histogram_percentile(&h, 50, 1020, 1100), 1020 > 992 ? 1020 : 992);
    struct tg_histogram beyond = {{0}};
    assert_int_equal(tg_histogram_add(&beyond, UINT64_C(1) << 50U, 3), TG_OK);
    assert_true(tg_histogram_percentile(&beyond, 50, 0, UINT64_MAX) == UINT64_C(1) << 43U);
    assert_true(tg_histogram_percentile(&beyond, 100, 0, UINT64_C(1) << 50U) == UINT64_C(1) << 50U);
}

static void percentile_of_huge_counts(void **state) {
    (void)state;
    struct tg_histogram h = {{0}};
    assert_int_equal(tg_histogram_add(&h, 100, UINT64_MAX), TG_OK);
    assert_near(100, tg_histogram_percentile(&h, 99.999999999999, 0, UINT64_MAX));
    assert_near(100, tg_histogram_percentile(&h, 100, 0, UINT64_MAX));
}

static void serial_form_round_trips(void **state) {
    (void)state;
    uint64_t random = 7;
    for (int n = 0; n < 2000; n++) {
        struct tg_histogram h = {{0}};
        unsigned filled = (unsigned)(next_random(&random) % (TG_HISTOGRAM_BUCKETS + 1));
        for (unsigned i = 0; i < filled; i++) {
            uint64_t count = next_random(&random) >> (next_random(&random) % 64);
            h.counts[next_random(&random) % TG_HISTOGRAM_BUCKETS] = count;
        }
        struct tg_strbuf buf = TG_STRBUF_INIT;
        tg_histogram_encode(&h, &buf);
        struct tg_histogram back;
        memset(&back, 0xAA, sizeof back);
        assert_int_equal(tg_histogram_decode(&back, (const uint8_t *)buf.data, buf.length, NULL), TG_OK);
        assert_memory_equal(&back, &h, sizeof h);
        tg_strbuf_release(&buf);
    }
}

static void serial_form_is_as_specified(void **state) {
    (void)state;
    struct tg_histogram h = {{0}};
    h.counts[0] = 1;
    h.counts[2] = 300;
    h.counts[305] = 2;
    struct tg_strbuf buf = TG_STRBUF_INIT;
    tg_histogram_encode(&h, &buf);
    assert_int_equal(buf.length, 9);
    assert_memory_equal(buf.data, "\x01\x00\x01\x01\xAC\x02\xAE\x02\x02", 9);
    tg_strbuf_truncate(&buf, 0);
    memset(&h, 0, sizeof h);
    tg_histogram_encode(&h, &buf);
    assert_int_equal(buf.length, 1);
    tg_strbuf_release(&buf);
}

static void decode_refuses(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        enum tg_status status;
    } cases[] = {
        {"", 0, TG_ERROR_FORMAT},
        {"\x00", 1, TG_ERROR_VERSION},
        {"\x02\x00\x01", 3, TG_ERROR_VERSION},
        {"\x01\x00", 2, TG_ERROR_FORMAT},                                          /* no count */
        {"\x01\x80", 2, TG_ERROR_FORMAT},                                          /* a gap without its end */
        {"\x01\x00\x80", 3, TG_ERROR_FORMAT},                                      /* a count without its end */
        {"\x01\x00\x00", 3, TG_ERROR_FORMAT},                                      /* a count of nothing */
        {"\x01\x80\x00\x01", 4, TG_ERROR_FORMAT},                                  /* a padded gap */
        {"\x01\xB2\x02\x01", 4, TG_ERROR_FORMAT},                                  /* bucket 306 */
        {"\x01\xB1\x02\x01\x00\x01", 6, TG_ERROR_FORMAT},                          /* one after bucket 305 */
        {"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01", 12, TG_ERROR_FORMAT}, /* a gap that would wrap */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_histogram h;
        memset(&h, 0xAA, sizeof h);
        struct tg_error err = TG_ERROR_INIT;
        assert_int_equal(tg_histogram_decode(&h, (const uint8_t *)cases[i].bytes, cases[i].length, &err),
                         cases[i].status);
        assert_int_equal(err.status, cases[i].status);
        assert_int_equal(tg_histogram_count(&h), 0);
    }
}

/* Whatever the bytes are: either they are refused, or they are the one form of what they say. */
static void decode_survives_anything(void **state) {
    (void)state;
    uint64_t random = 99;
    for (int n = 0; n < 200000; n++) {
        uint8_t bytes[24];
        size_t length = next_random(&random) % (sizeof bytes + 1);
        for (size_t i = 0; i < length; i++) {
            bytes[i] = (uint8_t)(next_random(&random) % 3 ? next_random(&random) % 4 : next_random(&random));
        }
        if (length > 0) {
            bytes[0] = TG_HISTOGRAM_VERSION;
        }
        struct tg_histogram h;
        if (tg_histogram_decode(&h, bytes, length, NULL) == TG_OK) {
            struct tg_strbuf buf = TG_STRBUF_INIT;
            tg_histogram_encode(&h, &buf);
            assert_int_equal(buf.length, length);
            assert_memory_equal(buf.data, bytes, length);
            tg_strbuf_release(&buf);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_cover_every_duration_once),
        cmocka_unit_test(error_stays_within_a_sixteenth),
        cmocka_unit_test(add_counts),
        cmocka_unit_test(nothing_wraps),
        cmocka_unit_test(subtract_undoes_merge),
        cmocka_unit_test(subtract_reports_what_was_not_there),
        cmocka_unit_test(percentiles_by_nearest_rank),
        cmocka_unit_test(ranks_do_not_drift),
        cmocka_unit_test(percentiles_stay_between_the_extremes),
        cmocka_unit_test(percentile_of_huge_counts),
        cmocka_unit_test(serial_form_round_trips),
        cmocka_unit_test(serial_form_is_as_specified),
        cmocka_unit_test(decode_refuses),
        cmocka_unit_test(decode_survives_anything),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
