#include "store/batch.h"

#include "measure/histogram.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static const char histogram[] = {TG_HISTOGRAM_VERSION, 3, 2, 0, 1};

static struct tg_bytes bytes_of(const char *text) {
    return (struct tg_bytes){.data = text, .length = strlen(text)};
}

static const struct tg_batch_function functions[] = {
    {
        .name = {.data = "shop::buy", .length = 9},
        .file = {.data = "/srv/shop.py", .length = 12},
        .code_hash = UINT64_MAX,
        .line = UINT32_MAX,
        .call_count = 3,
        .error_count = 1,
        .total_ns = UINT64_C(1) << 63U,
        .cumulative_ns = 5,
        .self_ns = 4,
        .active_ns = 3,
        .minimum_ns = UINT64_MAX,
        .maximum_ns = 2,
        .histogram = {.data = histogram, .length = sizeof histogram},
    },
    {.name = {.data = "\xff\0x", .length = 3}},
};

static const struct tg_batch_failure failures[] = {
    {.fingerprint = UINT64_MAX,
     .name = {.data = "shop::pay", .length = 9},
     .file = {.data = "shop.py", .length = 7},
     .type = {.data = "ValueError", .length = 10},
     .count = UINT64_MAX,
     .first_wall_ns = 1700000000000000001,
     .last_wall_ns = INT64_MAX},
    {.name = {.data = "x", .length = 1}},
};

static const struct tg_batch_failure_sample samples[] = {
    {.failure = 1,
     .wall_ns = -1,
     .native_id = 4711,
     .message = {.data = "no", .length = 2},
     .traceback = {.data = "File\n", .length = 5},
     .args = {.data = "[1]", .length = 3},
     .kwargs = {.data = "{}", .length = 2},
     .rebound = {.data = "y", .length = 1},
     .thread = {.data = "main", .length = 4}},
    {.failure = 0},
};

static const struct tg_batch_event events[] = {
    {.kind = TG_EVENT_REFUSED_RELOAD, .wall_ns = -1, .text = {.data = "shop: line 1", .length = 12}},
    {.kind = TG_EVENT_RELOAD},
};

static struct tg_batch make_batch(void) {
    return (struct tg_batch){
        .process = {.uuid = {1, 2, 3},
                    .run_uuid = {9},
                    .pid = 4711,
                    .parent_pid = 1,
                    .python_version = 0x030b07f0,
                    .started_wall_ns = 1700000000000000000,
                    .service = bytes_of("shop"),
                    .service_version = bytes_of(""),
                    .host = bytes_of("host"),
                    .program = bytes_of("shop.py")},
        .seq = 7,
        .began_wall_ns = 1700000000000000000,
        .ended_wall_ns = 1700000010000000000,
        .interval_ns = 10000000000,
        .end = TG_BATCH_FOUND,
        .quality = {1, 2, 3, 4, 5, 6},
        .functions = functions,
        .function_count = 2,
        .sampling = {.rate_hz = 100,
                     .mode = TG_BATCH_SAMPLING_CPU,
                     .look_count = 1000,
                     .missed_count = 1,
                     .sample_count = 2000,
                     .torn_count = 3,
                     .thread_count = 4,
                     .tree = bytes_of("a tree")},
        .failures = {.groups = failures,
                     .group_count = 2,
                     .samples = samples,
                     .sample_count = 2,
                     .serial = 99,
                     .lost_count = 3},
        .events = {.items = events, .count = 2, .serial = 70},
    };
}

static struct tg_strbuf encode(const struct tg_batch *batch) {
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    tg_batch_encode(batch, &bytes);
    assert_int_equal(tg_strbuf_status(&bytes), TG_OK);
    return bytes;
}

/* Decodes a copy of exactly these bytes, so that the sanitizers see a byte too many. */
static enum tg_status decode(const void *bytes, size_t length, struct tg_error *err) {
    struct tg_batch batch;
    struct tg_batch_storage storage = {.functions = NULL};
    void *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    enum tg_status status = tg_batch_decode(&batch, &storage, copy, length, err);
    assert_int_equal(batch.function_count > 0, status == TG_OK);
    tg_batch_storage_release(&storage);
    free(copy);
    return status;
}

static void assert_bytes(struct tg_bytes is, struct tg_bytes should) {
    assert_int_equal(is.length, should.length);
    assert_memory_equal(is.data, should.data, should.length);
}

static void comes_back_as_it_was(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch back;
    struct tg_batch_storage storage = {.functions = NULL};
    struct tg_strbuf bytes = encode(&batch);
    for (int round = 0; round < 2; round++) { /* the storage can be used again */
        assert_int_equal(tg_batch_decode(&back, &storage, bytes.data, bytes.length, NULL), TG_OK);
    }
    assert_memory_equal(back.process.uuid, batch.process.uuid, 16);
    assert_memory_equal(back.process.run_uuid, batch.process.run_uuid, 16);
    assert_int_equal(back.process.pid, 4711);
    assert_int_equal(back.process.python_version, 0x030b07f0);
    assert_int_equal(back.process.started_wall_ns, batch.process.started_wall_ns);
    assert_bytes(back.process.service, batch.process.service);
    assert_bytes(back.process.service_version, batch.process.service_version);
    assert_bytes(back.process.host, batch.process.host);
    assert_bytes(back.process.program, batch.process.program);
    assert_int_equal(back.seq, 7);
    assert_int_equal(back.began_wall_ns, batch.began_wall_ns);
    assert_int_equal(back.ended_wall_ns, batch.ended_wall_ns);
    assert_int_equal(back.interval_ns, batch.interval_ns);
    assert_int_equal(back.end, TG_BATCH_FOUND);
    assert_memory_equal(&back.quality, &batch.quality, sizeof back.quality);
    assert_int_equal(back.function_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_bytes(back.functions[i].name, functions[i].name);
        assert_bytes(back.functions[i].file, functions[i].file);
        assert_bytes(back.functions[i].histogram, functions[i].histogram);
        assert_int_equal(back.functions[i].code_hash, functions[i].code_hash);
        assert_int_equal(back.functions[i].line, functions[i].line);
        assert_int_equal(back.functions[i].call_count, functions[i].call_count);
        assert_int_equal(back.functions[i].error_count, functions[i].error_count);
        assert_int_equal(back.functions[i].total_ns, functions[i].total_ns);
        assert_int_equal(back.functions[i].cumulative_ns, functions[i].cumulative_ns);
        assert_int_equal(back.functions[i].self_ns, functions[i].self_ns);
        assert_int_equal(back.functions[i].active_ns, functions[i].active_ns);
        assert_int_equal(back.functions[i].minimum_ns, functions[i].minimum_ns);
        assert_int_equal(back.functions[i].maximum_ns, functions[i].maximum_ns);
    }
    assert_int_equal(back.sampling.rate_hz, 100);
    assert_int_equal(back.sampling.mode, TG_BATCH_SAMPLING_CPU);
    assert_int_equal(back.sampling.look_count, 1000);
    assert_int_equal(back.sampling.missed_count, 1);
    assert_int_equal(back.sampling.sample_count, 2000);
    assert_int_equal(back.sampling.torn_count, 3);
    assert_int_equal(back.sampling.thread_count, 4);
    assert_bytes(back.sampling.tree, batch.sampling.tree);
    assert_int_equal(back.failures.group_count, 2);
    assert_int_equal(back.failures.groups[0].fingerprint, UINT64_MAX);
    assert_bytes(back.failures.groups[0].name, failures[0].name);
    assert_bytes(back.failures.groups[0].file, failures[0].file);
    assert_bytes(back.failures.groups[0].type, failures[0].type);
    assert_int_equal(back.failures.groups[0].count, UINT64_MAX);
    assert_int_equal(back.failures.groups[0].first_wall_ns, 1700000000000000001);
    assert_int_equal(back.failures.groups[0].last_wall_ns, INT64_MAX);
    assert_int_equal(back.failures.sample_count, 2);
    assert_int_equal(back.failures.samples[0].failure, 1);
    assert_int_equal(back.failures.samples[0].wall_ns, -1);
    assert_int_equal(back.failures.samples[0].native_id, 4711);
    assert_bytes(back.failures.samples[0].message, samples[0].message);
    assert_bytes(back.failures.samples[0].traceback, samples[0].traceback);
    assert_bytes(back.failures.samples[0].args, samples[0].args);
    assert_bytes(back.failures.samples[0].kwargs, samples[0].kwargs);
    assert_bytes(back.failures.samples[0].rebound, samples[0].rebound);
    assert_bytes(back.failures.samples[0].thread, samples[0].thread);
    assert_int_equal(back.failures.serial, 99);
    assert_int_equal(back.failures.lost_count, 3);
    struct tg_strbuf again = encode(&back);
    assert_int_equal(again.length, bytes.length);
    assert_memory_equal(again.data, bytes.data, bytes.length);
    tg_strbuf_release(&again);
    tg_strbuf_release(&bytes);
    tg_batch_storage_release(&storage);
    tg_batch_storage_release(&storage);
}

static void every_cut_is_noticed(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_strbuf bytes = encode(&batch);
    for (size_t length = 0; length < bytes.length; length++) {
        assert_int_equal(decode(bytes.data, length, NULL), TG_ERROR_FORMAT);
    }
    tg_strbuf_append_char(&bytes, 0);
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_FORMAT);
    tg_strbuf_release(&bytes);
}

/* Whatever a byte becomes, nothing beyond the bytes is read, and what is accepted is a batch like any other. */
static void every_byte_may_change(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_strbuf bytes = encode(&batch);
    size_t refused_count = 0;
    for (size_t at = 0; at < bytes.length; at++) {
        char was = bytes.data[at];
        for (int value = 0; value < 256; value++) {
            bytes.data[at] = (char)value;
            refused_count += decode(bytes.data, bytes.length, NULL) != TG_OK;
        }
        bytes.data[at] = was;
    }
    assert_true(refused_count > bytes.length * 16);
    tg_strbuf_release(&bytes);
}

static void another_version_is_named(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_batch batch = make_batch();
    struct tg_strbuf bytes = encode(&batch);
    bytes.data[0] = TG_BATCH_VERSION + 1;
    assert_int_equal(decode(bytes.data, bytes.length, &err), TG_ERROR_VERSION);
    assert_non_null(strstr(err.message, "version 5"));
    bytes.data[0] = 0;
    assert_int_equal(decode(bytes.data, bytes.length, &err), TG_ERROR_VERSION);
    tg_strbuf_release(&bytes);
}

/* What a batch without events ends with, and what comes before that in one without exceptions: no groups, no samples,
 * no serial, none lost. */
#define NO_EVENTS_BYTES   2
#define NO_FAILURES_BYTES 4

/* A batch in which nothing was sampled, failed or happened. */
static struct tg_batch make_plain_batch(void) {
    struct tg_batch batch = make_batch();
    batch.sampling.rate_hz = 0;
    batch.failures = (struct tg_batch_failures){.groups = NULL};
    batch.events = (struct tg_batch_events){.items = NULL};
    return batch;
}

/* Spools of before reloads were told: the same bytes without the last two. */
static void version_3_is_read(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch back;
    struct tg_batch_storage storage = {.functions = NULL};
    batch.events = (struct tg_batch_events){.items = NULL};
    struct tg_strbuf bytes = encode(&batch);
    bytes.data[0] = 3;
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_FORMAT);
    assert_int_equal(tg_batch_decode(&back, &storage, bytes.data, bytes.length - NO_EVENTS_BYTES, NULL), TG_OK);
    assert_int_equal(back.failures.serial, 99);
    assert_int_equal(back.events.count, 0);
    assert_int_equal(back.events.serial, 0);
    tg_batch_storage_release(&storage);
    tg_strbuf_release(&bytes);
}

/* Spools of before exceptions were recorded: also without the four before. */
static void version_2_is_read(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch back;
    struct tg_batch_storage storage = {.functions = NULL};
    batch.failures = (struct tg_batch_failures){.groups = NULL};
    batch.events = (struct tg_batch_events){.items = NULL};
    struct tg_strbuf bytes = encode(&batch);
    size_t length = bytes.length - NO_EVENTS_BYTES - NO_FAILURES_BYTES;
    bytes.data[0] = 2;
    assert_int_equal(decode(bytes.data, length + 1, NULL), TG_ERROR_FORMAT);
    assert_int_equal(tg_batch_decode(&back, &storage, bytes.data, length, NULL), TG_OK);
    assert_int_equal(back.sampling.thread_count, 4);
    assert_int_equal(back.failures.group_count, 0);
    assert_int_equal(back.failures.serial, 0);
    tg_batch_storage_release(&storage);
    tg_strbuf_release(&bytes);
}

/* Spools of before samplers: also without the byte before, which says that nothing was sampled. */
static void version_1_is_read(void **state) {
    (void)state;
    struct tg_batch batch = make_plain_batch();
    struct tg_batch back;
    struct tg_batch_storage storage = {.functions = NULL};
    struct tg_strbuf bytes = encode(&batch);
    size_t length = bytes.length - NO_EVENTS_BYTES - NO_FAILURES_BYTES;
    assert_int_equal(bytes.data[length - 1], 0);
    bytes.data[0] = 1;
    assert_int_equal(decode(bytes.data, length, NULL), TG_ERROR_FORMAT);
    assert_int_equal(tg_batch_decode(&back, &storage, bytes.data, length - 1, NULL), TG_OK);
    assert_int_equal(back.function_count, 2);
    assert_bytes(back.functions[1].histogram, functions[1].histogram);
    assert_int_equal(back.sampling.rate_hz, 0);
    tg_batch_storage_release(&storage);
    tg_strbuf_release(&bytes);
}

static void more_functions_than_bytes(void **state) {
    (void)state;
    struct tg_batch batch = make_plain_batch();
    batch.function_count = 0;
    struct tg_strbuf bytes = encode(&batch);
    tg_strbuf_truncate(&bytes, bytes.length - 2 - NO_EVENTS_BYTES - NO_FAILURES_BYTES);
    tg_strbuf_append(&bytes, "\xff\xff\xff\xff\xff\xff\xff\x7f");
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_FORMAT);
    tg_strbuf_release(&bytes);
}

static void expect_invalid(const struct tg_batch *batch) {
    struct tg_strbuf bytes = encode(batch);
    assert_false(tg_batch_is_valid(batch));
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_FORMAT);
    tg_strbuf_release(&bytes);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    assert_true(tg_batch_is_valid(&batch));
    batch.seq = 0;
    expect_invalid(&batch);
    batch.seq = UINT64_MAX;
    expect_invalid(&batch);
    batch = make_batch();
    batch.interval_ns = 0;
    expect_invalid(&batch);
    batch = make_batch();
    batch.interval_ns = TG_BATCH_INTERVAL_MAX_NS;
    batch.ended_wall_ns = INT64_MAX - TG_BATCH_INTERVAL_MAX_NS;
    assert_true(tg_batch_is_valid(&batch));
    batch.ended_wall_ns++;
    expect_invalid(&batch);
    batch = make_batch();
    batch.interval_ns = TG_BATCH_INTERVAL_MAX_NS + 1;
    expect_invalid(&batch);
    batch = make_batch();
    batch.ended_wall_ns = batch.began_wall_ns - 1;
    expect_invalid(&batch);
    batch = make_batch();
    batch.began_wall_ns = -1;
    expect_invalid(&batch);
    batch = make_batch();
    batch.process.started_wall_ns = INT64_MIN;
    expect_invalid(&batch);
    batch = make_batch();
    batch.process.service.length = 0;
    expect_invalid(&batch);
    batch = make_batch();
    const struct tg_batch_function nameless = {.line = 1};
    batch.functions = &nameless;
    batch.function_count = 1;
    expect_invalid(&batch);
    batch = make_batch();
    batch.sampling.mode = TG_BATCH_SAMPLING_GIL + 1;
    struct tg_strbuf bytes = encode(&batch);
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_FORMAT);
    tg_strbuf_release(&bytes);
}

static void a_sample_has_a_group(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch_failure_sample sample = samples[0];
    batch.failures.samples = &sample;
    batch.failures.sample_count = 1;
    sample.failure = (uint32_t)batch.failures.group_count;
    expect_invalid(&batch);
    sample.failure--;
    assert_true(tg_batch_is_valid(&batch));
    const struct tg_batch_failure nameless = {.fingerprint = 1};
    batch.failures.groups = &nameless;
    batch.failures.group_count = 1;
    sample.failure = 0;
    expect_invalid(&batch);
}

static void events_come_back(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch back;
    struct tg_batch_storage storage = {.functions = NULL};
    struct tg_strbuf bytes = encode(&batch);
    assert_int_equal(tg_batch_decode(&back, &storage, bytes.data, bytes.length, NULL), TG_OK);
    assert_int_equal(back.events.count, 2);
    assert_int_equal(back.events.items[0].kind, TG_EVENT_REFUSED_RELOAD);
    assert_int_equal(back.events.items[0].wall_ns, -1);
    assert_bytes(back.events.items[0].text, events[0].text);
    assert_int_equal(back.events.items[1].kind, TG_EVENT_RELOAD);
    assert_int_equal(back.events.serial, 70);
    tg_batch_storage_release(&storage);
    tg_strbuf_release(&bytes);
}

static void an_event_is_of_a_known_kind(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch_event event = events[0];
    batch.events.items = &event;
    batch.events.count = 1;
    event.kind = TG_EVENT_REFUSED_RELOAD + 1;
    expect_invalid(&batch);
    event.kind = 0;
    expect_invalid(&batch);
    event.kind = TG_EVENT_RELOAD;
    assert_true(tg_batch_is_valid(&batch));
}

static void a_tree_may_be_so_large(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    char *large = calloc(1, TG_BATCH_TREE_BYTES_MAX + 1);
    assert_non_null(large);
    batch.sampling.tree = (struct tg_bytes){.data = large, .length = TG_BATCH_TREE_BYTES_MAX};
    struct tg_strbuf bytes = encode(&batch);
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_OK);
    tg_strbuf_release(&bytes);
    batch.sampling.tree.length++;
    expect_invalid(&batch);
    free(large);
}

static void a_histogram_must_be_one(void **state) {
    (void)state;
    struct tg_batch batch = make_batch();
    struct tg_batch_function function = functions[0];
    batch.functions = &function;
    batch.function_count = 1;
    function.histogram.length--;
    struct tg_strbuf bytes = encode(&batch);
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_FORMAT);
    tg_strbuf_release(&bytes);
    function.histogram = bytes_of("\x7f");
    bytes = encode(&batch);
    assert_int_equal(decode(bytes.data, bytes.length, NULL), TG_ERROR_VERSION);
    tg_strbuf_release(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),      cmocka_unit_test(every_cut_is_noticed),
        cmocka_unit_test(every_byte_may_change),     cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(more_functions_than_bytes), cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_histogram_must_be_one),   cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(version_2_is_read),         cmocka_unit_test(a_sample_has_a_group),
        cmocka_unit_test(a_tree_may_be_so_large),    cmocka_unit_test(version_3_is_read),
        cmocka_unit_test(events_come_back),          cmocka_unit_test(an_event_is_of_a_known_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
