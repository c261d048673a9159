/*
 * Opening what may be a recording: everything else is refused with a reason.
 */
#include "record/reader.h"

#include "recording_fixture.h"

static char path[128];

/* A recording with some figures, as bytes to damage. */
static unsigned char *bytes;
static size_t byte_count;

static int set_up(void **state) {
    if (fixture_set_up_tracer(state) != 0) {
        return -1;
    }
    fixture_call(fixture_function("m::f"), 10);
    fixture_call(fixture_function("m::g"), 10);
    snprintf(path, sizeof path, "%s/damaged.tgr", fixture_directory);
    const struct tg_recording *recording = tg_tracer_hold();
    byte_count = recording->header->reserved_bytes;
    bytes = malloc(byte_count);
    memcpy(bytes, recording->base, byte_count);
    tg_tracer_let_go();
    return 0;
}

static int tear_down(void **state) {
    free(bytes);
    return fixture_tear_down(state);
}

static void write_file(size_t count) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, count), count);
    close(fd);
}

static void assert_refused(enum tg_status status, const char *message) {
    struct tg_reader reader;
    struct tg_error err = TG_ERROR_INIT;
    assert_int_equal(tg_reader_open(&reader, path, &err), status);
    assert_null(reader.mapping);
    if (!strstr(err.message, message) || !strstr(err.message, path)) {
        fail_msg("\"%s\" says neither \"%s\" nor where", err.message, message);
    }
    tg_reader_close(&reader);
}

static struct tg_header *header(void) {
    return (struct tg_header *)(void *)bytes;
}

static void a_copy_is_a_dead_recording(void **state) {
    (void)state;
    write_file(byte_count);
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_false(reader.alive);
    assert_false(reader.truncated);
    assert_int_equal(reader.view.bytes, byte_count);
    struct tg_snapshot snapshot;
    assert_int_equal(tg_snapshot_take(&snapshot, &reader.view, false, NULL), TG_OK);
    assert_int_equal(snapshot.row_count, 2);
    assert_int_equal(snapshot.damaged_count, 0);
    assert_int_equal(snapshot.torn_count, 0);
    tg_snapshot_release(&snapshot);
    tg_reader_close(&reader);
    tg_reader_close(&reader);
    tg_reader_close(NULL);
}

/* At every unit: refused up to the header, then a part, and what is missing is counted. */
static void truncated_files(void **state) {
    (void)state;
    bool was_whole = false;
    for (size_t count = 0; count <= 16384; count += 64) {
        write_file(count);
        if (count < TG_HEADER_BYTES) {
            assert_refused(TG_ERROR_FORMAT, "size");
            continue;
        }
        struct tg_reader reader;
        assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
        assert_true(reader.truncated);
        assert_int_equal(reader.view.bytes, count);
        struct tg_snapshot snapshot;
        assert_int_equal(tg_snapshot_take(&snapshot, &reader.view, true, NULL), TG_OK);
        bool is_whole = snapshot.damaged_count == 0;
        assert_true(is_whole || count < header()->used_bytes);
        assert_true(is_whole || !was_whole);
        was_whole = is_whole;
        tg_snapshot_release(&snapshot);
        tg_reader_close(&reader);
    }
    assert_true(was_whole);
}

/* Nobody holds the file, so it may be cut while it is read: touching a mapping of it would then be a signal. */
static void a_dead_file_is_cut_while_it_is_read(void **state) {
    (void)state;
    write_file(byte_count);
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_int_equal(truncate(path, 0), 0);
    struct tg_snapshot snapshot;
    assert_int_equal(tg_snapshot_take(&snapshot, &reader.view, false, NULL), TG_OK);
    assert_int_equal(snapshot.row_count, 2);
    assert_int_equal(snapshot.damaged_count, 0);
    tg_snapshot_release(&snapshot);
    tg_reader_close(&reader);
}

/* What is longer than it says is read as far as it says, and holes are no memory. */
static void a_file_with_a_tail(void **state) {
    (void)state;
    write_file(byte_count);
    assert_int_equal(truncate(path, (off_t)byte_count + 100000), 0);
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_false(reader.truncated);
    assert_int_equal(reader.view.bytes, byte_count);
    assert_memory_equal(reader.view.base, bytes, byte_count);
    tg_reader_close(&reader);
}

static void a_peek_is_the_header(void **state) {
    (void)state;
    struct tg_header seen;
    bool alive = true;
    assert_int_equal(tg_reader_peek(path, &seen, &alive), TG_ERROR_NOT_FOUND);
    write_file(byte_count);
    assert_int_equal(tg_reader_peek(path, &seen, &alive), TG_OK);
    assert_false(alive);
    assert_int_equal(seen.pid, getpid());
    const struct tg_recording *recording = tg_tracer_hold();
    assert_int_equal(tg_reader_peek(recording->path, &seen, &alive), TG_OK);
    assert_true(alive);
    tg_tracer_let_go();
    write_file(TG_HEADER_BYTES - 1);
    assert_int_equal(tg_reader_peek(path, &seen, &alive), TG_ERROR_FORMAT);
    header()->version = 0;
    write_file(byte_count);
    assert_int_equal(tg_reader_peek(path, &seen, &alive), TG_ERROR_FORMAT);
}

static void other_files(void **state) {
    (void)state;
    assert_refused(TG_ERROR_NOT_FOUND, "cannot open");
    bytes[0] ^= 1;
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "not a tachograph recording");
    memset(bytes, 0, byte_count);
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "not a tachograph recording");
    write_file(0);
    assert_refused(TG_ERROR_FORMAT, "0 bytes");
}

static void what_is_no_file(void **state) {
    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(TG_ERROR_FORMAT, "not a file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(TG_ERROR_FORMAT, "not a file"); /* and does not wait for a writer */
    unlink(path);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_refused(TG_ERROR_FORMAT, "not a file");
}

static void a_huge_file_is_not_mapped(void **state) {
    (void)state;
    write_file(byte_count);
    if (truncate(path, (off_t)1 << 33U) != 0) {
        skip();
    }
    assert_refused(TG_ERROR_FORMAT, "size");
}

static void other_versions(void **state) {
    (void)state;
    header()->version = 2;
    write_file(byte_count);
    assert_refused(TG_ERROR_VERSION, "version 2");
    header()->version = 0;
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "damaged");
    header()->version = TG_RECORDING_VERSION;
    header()->counters_bytes = 128;
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "damaged");
    header()->counters_bytes = sizeof(struct tg_counters);
    header()->header_bytes = 8192;
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "damaged");
}

static void another_byte_order(void **state) {
    (void)state;
    header()->byte_order = 0x04030201;
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "byte order");
    header()->magic = __builtin_bswap64(header()->magic); /* as it really comes */
    header()->version = __builtin_bswap32(header()->version);
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "byte order");
}

/* Places are checked against what is mapped, whatever the file says of itself. */
static void a_view_has_ends(void **state) {
    (void)state;
    header()->reserved_bytes = UINT64_MAX;
    write_file(byte_count);
    struct tg_reader reader;
    assert_int_equal(tg_reader_open(&reader, path, NULL), TG_OK);
    assert_true(reader.truncated);
    assert_int_equal(reader.view.bytes, byte_count);
    uint32_t units = (uint32_t)(byte_count / TG_UNIT_BYTES);
    assert_null(tg_view_at(&reader.view, TG_PLACE_NONE, 1));
    assert_non_null(tg_view_at(&reader.view, 1, 64));
    assert_non_null(tg_view_at(&reader.view, units - 1, 64));
    assert_null(tg_view_at(&reader.view, units - 1, 65));
    assert_null(tg_view_at(&reader.view, units, 1));
    assert_null(tg_view_at(&reader.view, UINT32_MAX, 1));
    assert_null(tg_view_at(&reader.view, 1, SIZE_MAX));
    tg_reader_close(&reader);
    header()->reserved_bytes = 100; /* less than the header */
    write_file(byte_count);
    assert_refused(TG_ERROR_FORMAT, "damaged");
}

int main(void) {
#define WITH_BYTES(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_BYTES(a_copy_is_a_dead_recording),
        WITH_BYTES(truncated_files),
        WITH_BYTES(a_dead_file_is_cut_while_it_is_read),
        WITH_BYTES(a_file_with_a_tail),
        WITH_BYTES(a_peek_is_the_header),
        WITH_BYTES(other_files),
        WITH_BYTES(what_is_no_file),
        WITH_BYTES(a_huge_file_is_not_mapped),
        WITH_BYTES(other_versions),
        WITH_BYTES(another_byte_order),
        WITH_BYTES(a_view_has_ends),
    };
    return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
