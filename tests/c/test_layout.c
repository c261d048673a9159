#include "sample/layout.h"

#include "cmocka_all.h"

#include <string.h>

#define RELEASE(minor) (0x030000f0u | (uint32_t)(minor) << 16)

/* What an interpreter of this layout tells of itself. */
static void tell(const struct tg_layout *layout, uint32_t version, uint64_t told[TG_LAYOUT_MAX_TOLD_BYTES / 8]) {
    memset(told, 0, TG_LAYOUT_MAX_TOLD_BYTES);
    memcpy(told, "xdebugpy", 8);
    told[1] = version;
    for (size_t i = 0; i < layout->told_count; i++) {
        uint32_t value;
        memcpy(&value, (const char *)layout + layout->told[i].here, sizeof value);
        told[layout->told[i].there / 8] = value;
    }
    /* Those from which something else is taken off are counted from there. */
    for (size_t i = 0; i < layout->told_count; i++) {
        if (layout->told[i].minus) {
            told[layout->told[i].minus / 8] = 5000;
            told[layout->told[i].there / 8] += 5000;
        }
    }
}

static size_t place_of(const struct tg_layout *layout, size_t here) {
    for (size_t i = 0; i < layout->told_count; i++) {
        if (layout->told[i].here == here) {
            return layout->told[i].there / 8;
        }
    }
    fail_msg("nothing is told of %zu", here);
    return 0;
}

/* All but what points into the table is a number, so bytes can be compared. */
static void assert_same(const struct tg_layout *layout, const struct tg_layout *table) {
    assert_memory_equal(&layout->runtime, &table->runtime,
                        offsetof(struct tg_layout, told_size) - offsetof(struct tg_layout, runtime));
}

static void takes_the_table_of_each_version(void **state) {
    (void)state;
    uint64_t told[TG_LAYOUT_MAX_TOLD_BYTES / 8];
    for (unsigned minor = 11; minor <= 14; minor++) {
        struct tg_layout layout;
        const struct tg_layout *table = tg_layout_find(minor);
        assert_non_null(table);
        assert_true(table->told_size <= TG_LAYOUT_MAX_TOLD_BYTES);
        assert_int_equal(table->told_count > 0, minor >= 13);
        tell(table, RELEASE(minor), told);
        assert_int_equal(tg_layout_init(&layout, RELEASE(minor), told, sizeof told, NULL), TG_OK);
        assert_int_equal(layout.minor, minor);
        assert_same(&layout, table);
    }
}

/* What every reader relies on when it reads a header into a buffer of its own. */
static void headers_fit(void **state) {
    (void)state;
    for (unsigned minor = 11; minor <= 14; minor++) {
        const struct tg_layout *table = tg_layout_find(minor);
        assert_in_range(table->thread.size, table->thread.datastack_limit + 8, TG_LAYOUT_MAX_READ_BYTES);
        assert_in_range(table->frame.locals, table->frame.owner + 1, TG_LAYOUT_MAX_READ_BYTES);
        assert_in_range(table->code.size, table->code.first_traceable + 4, TG_LAYOUT_MAX_READ_BYTES);
        assert_in_range(table->gil.size, table->gil.switch_number + 8, TG_LAYOUT_MAX_READ_BYTES);
        assert_true(table->owner_shim_first <= table->owner_count);
        /* One of the two ways to the current frame, and one to the GIL. */
        assert_int_equal(table->thread.cframe == TG_LAYOUT_NONE, table->cframe.current_frame == TG_LAYOUT_NONE);
        assert_int_not_equal(table->thread.cframe == TG_LAYOUT_NONE, table->thread.current_frame == TG_LAYOUT_NONE);
        assert_int_not_equal(table->runtime.gil == TG_LAYOUT_NONE, table->interpreter.gil == TG_LAYOUT_NONE);
    }
}

static void believes_the_interpreter(void **state) {
    (void)state;
    uint64_t told[TG_LAYOUT_MAX_TOLD_BYTES / 8];
    struct tg_layout layout;
    const struct tg_layout *table = tg_layout_find(13);
    tell(table, RELEASE(13), told);
    told[place_of(table, offsetof(struct tg_layout, interpreter.next))] += 64;
    told[place_of(table, offsetof(struct tg_layout, thread.datastack_chunk))] += 16;
    told[place_of(table, offsetof(struct tg_layout, gil.locked))] += 8;
    assert_int_equal(tg_layout_init(&layout, RELEASE(13), told, sizeof told, NULL), TG_OK);
    assert_int_equal(layout.interpreter.next, table->interpreter.next + 64);
    assert_int_equal(layout.interpreter.id, table->interpreter.id);
    assert_int_equal(layout.thread.datastack_chunk, table->thread.datastack_chunk + 16);
    assert_int_equal(layout.thread.datastack_top, table->thread.datastack_top + 16);
    assert_int_equal(layout.thread.size, table->thread.size + 16);
    assert_int_equal(layout.thread.native_thread_id, table->thread.native_thread_id);
    assert_int_equal(layout.gil.switch_number, table->gil.switch_number + 8);
    assert_int_equal(layout.gil.holder, table->gil.holder);
}

static void refuses_what_cannot_be(void **state) {
    (void)state;
    const uint64_t lies[] = {UINT64_MAX, UINT64_C(1) << 32, TG_LAYOUT_MAX_READ_BYTES, 17};
    uint64_t told[TG_LAYOUT_MAX_TOLD_BYTES / 8];
    struct tg_error err = TG_ERROR_INIT;
    struct tg_layout layout;
    const struct tg_layout *table = tg_layout_find(14);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        tell(table, RELEASE(14), told);
        told[place_of(table, offsetof(struct tg_layout, frame.previous))] = lies[i];
        assert_int_equal(tg_layout_init(&layout, RELEASE(14), told, sizeof told, &err), TG_ERROR_FORMAT);
    }
    /* Its neighbours are not told, and would lie outside. */
    tell(table, RELEASE(14), told);
    told[place_of(table, offsetof(struct tg_layout, thread.datastack_chunk))] = TG_LAYOUT_MAX_READ_BYTES - 8;
    assert_int_equal(tg_layout_init(&layout, RELEASE(14), told, sizeof told, &err), TG_ERROR_FORMAT);
    tell(table, RELEASE(14), told);
    assert_int_equal(tg_layout_init(&layout, RELEASE(14), told, table->told_size - 1, &err), TG_ERROR_FORMAT);
    assert_int_equal(tg_layout_init(&layout, RELEASE(14) + 0x100, told, sizeof told, &err), TG_ERROR_FORMAT);
    told[0]++;
    assert_int_equal(tg_layout_init(&layout, RELEASE(14), told, sizeof told, &err), TG_ERROR_FORMAT);
}

static void says_what_is_not_supported(void **state) {
    (void)state;
    uint64_t told[TG_LAYOUT_MAX_TOLD_BYTES / 8];
    struct tg_error err = TG_ERROR_INIT;
    struct tg_layout layout;
    assert_int_equal(tg_layout_init(&layout, RELEASE(10), NULL, 0, &err), TG_ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "it runs Python 3.10, which is too old to be sampled: this tachograph knows 3.11 "
                                     "to 3.14; run the program with one of these");
    assert_int_equal(tg_layout_init(&layout, RELEASE(15), NULL, 0, &err), TG_ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "it runs Python 3.15, which is too new to be sampled: this tachograph knows 3.11 "
                                     "to 3.14; install a newer tachograph");
    assert_int_equal(tg_layout_init(&layout, 0x040b00f0, NULL, 0, &err), TG_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "4.11, which is too new"));
    assert_int_equal(tg_layout_init(&layout, 0x030e00a3, NULL, 0, &err), TG_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "early version"));
    tell(tg_layout_find(13), RELEASE(13), told);
    told[2] = 1;
    assert_int_equal(tg_layout_init(&layout, RELEASE(13), told, sizeof told, &err), TG_ERROR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "free-threaded"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_table_of_each_version), cmocka_unit_test(headers_fit),
        cmocka_unit_test(believes_the_interpreter),        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(says_what_is_not_supported),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
