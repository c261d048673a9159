#include "sample/code_cache.h"

#include "cmocka_all.h"
#include "python_fixture.h"

#include <sys/mman.h>

#define CODES 64

/* On one line each, and all of the same name and file. */
static uint64_t codes[CODES][32], name[32], file[32], lines[32];

struct fixture {
    struct tg_python_process process;
    struct tg_budget budget;
    struct tg_symbols symbols;
    struct tg_code_cache cache;
};

static struct fixture fixture;

static void open_cache(size_t limit_bytes) {
    const uint8_t table[] = {0x80 | 11 << 3 | 4, 0, 0, 0x80 | 11 << 3 | 4, 0, 0}; /* five units each on 8 and 9 */
    fixture.process = fixture_process();
    fixture.budget = (struct tg_budget){.limit_bytes = 1 << 20};
    tg_symbols_init(&fixture.symbols, &fixture.budget);
    tg_code_cache_init(&fixture.cache, &fixture.process, &fixture.symbols, limit_bytes);
    tg_code_cache_begin(&fixture.cache, 1);
    make_ascii(name, "Cart.sell");
    make_ascii(file, "shop.py");
    make_bytes(lines, table, sizeof table);
    for (size_t i = 0; i < CODES; i++) {
        make_code(codes[i], name, file, lines);
    }
}

static int close_cache(void **state) {
    (void)state;
    tg_code_cache_release(&fixture.cache);
    tg_code_cache_release(&fixture.cache);
    tg_code_cache_release(NULL);
    assert_int_equal(fixture.cache.budget.used_bytes, 0);
    tg_symbols_release(&fixture.symbols);
    return 0;
}

static struct tg_code_identity identity_of(const void *code) {
    struct tg_code_header header;
    assert_true(tg_code_header_parse(&header, &fixture.process.layout, FIXTURE_CODE_TYPE, place_of(code), code));
    return header.identity;
}

static const struct tg_code *resolve(const void *code) {
    struct tg_code_identity identity = identity_of(code);
    return tg_code_cache_resolve(&fixture.cache, &identity);
}

static void reads_once(void **state) {
    (void)state;
    open_cache(1 << 20);
    const struct tg_code *code = resolve(codes[0]);
    assert_non_null(code);
    struct tg_symbol symbol = tg_symbols_get(&fixture.symbols, code->symbol);
    assert_string_equal(symbol.name, "Cart.sell");
    assert_string_equal(symbol.file, "shop.py");
    assert_int_equal(symbol.first_line, 7);
    assert_int_equal(tg_code_line(code, -1), 7);
    assert_int_equal(tg_code_line(code, 4), 8);
    assert_int_equal(tg_code_line(code, 5), 9);
    make_ascii(name, "Cart.SELL"); /* strings do not change: it is not read again */
    tg_code_cache_begin(&fixture.cache, 2);
    assert_ptr_equal(resolve(codes[0]), code);
    assert_int_equal(fixture.cache.counts.read_count, 1);
}

static void reads_anew_what_lies_in_its_place(void **state) {
    (void)state;
    open_cache(1 << 20);
    static uint64_t other[32];
    make_ascii(other, "Cart.buy");
    const struct tg_code *before = resolve(codes[0]);
    uint32_t symbol = before->symbol;
    make_code(codes[0], other, file, lines);
    const struct tg_code *after = resolve(codes[0]);
    assert_non_null(after);
    assert_int_not_equal(after->symbol, symbol);
    assert_int_equal(before->symbol, symbol); /* still there, in this tick */
    assert_int_equal(fixture.cache.counts.replaced_count, 1);
    tg_code_cache_begin(&fixture.cache, 2);
    assert_ptr_equal(resolve(codes[0]), after);
}

static void refuses_what_has_changed_since(void **state) {
    (void)state;
    open_cache(1 << 20);
    struct tg_code_identity identity = identity_of(codes[0]);
    make_code(codes[0], file, file, lines);
    assert_null(tg_code_cache_resolve(&fixture.cache, &identity));
    put_word(codes[1], fixture.process.layout.code.line_table, 0x1008);
    assert_null(resolve(codes[1]));
    make_bytes(lines, "\x01", 1);
    assert_null(resolve(codes[2]));
    assert_int_equal(fixture.cache.counts.refused_count, 3);
    assert_int_equal(fixture.cache.counts.read_count, 0);
}

/* Before 3.12 the header of one says no more than where its name, file and lines are. */
static void tells_those_without_a_version_apart(void **state) {
    (void)state;
    const uint8_t other_lines[] = {0x80 | 12 << 3 | 4, 0, 0, 0x80 | 11 << 3 | 4, 0, 0};
    for (int what = 0; what < 3; what++) {
        open_cache(1 << 20);
        put_int(codes[0], fixture.process.layout.code.version, 0);
        const struct tg_code *before = resolve(codes[0]);
        uint32_t symbol = before->symbol;
        assert_ptr_equal(resolve(codes[0]), before);
        if (what == 0) {
            make_ascii(name, "Cart.SELL");
        } else if (what == 1) {
            make_ascii(file, "sold.py");
        } else {
            make_bytes(lines, other_lines, sizeof other_lines);
        }
        assert_ptr_equal(resolve(codes[0]), before); /* in the same tick it is */
        tg_code_cache_begin(&fixture.cache, 2);
        struct tg_code_identity identity = identity_of(codes[0]);
        assert_null(tg_code_cache_find(&fixture.cache, &identity)); /* it has to be compared */
        const struct tg_code *after = resolve(codes[0]);
        assert_non_null(after);
        assert_ptr_equal(tg_code_cache_find(&fixture.cache, &identity), after);
        assert_int_equal(fixture.cache.counts.replaced_count, 1);
        assert_int_equal(after->symbol != symbol, what < 2);
        assert_int_equal(tg_code_line(after, 0), what < 2 ? 8 : 9);
        close_cache(state);
    }
}

static void compares_old_ones_ten_times_a_second(void **state) {
    (void)state;
    open_cache(1 << 20);
    put_int(codes[0], fixture.process.layout.code.version, 0);
    const struct tg_code *code = resolve(codes[0]);
    tg_ns old_ns = 1 + TG_CODE_YOUNG_NS;
    tg_code_cache_begin(&fixture.cache, old_ns);
    assert_ptr_equal(resolve(codes[0]), code);
    make_ascii(name, "Cart.SELL");
    tg_code_cache_begin(&fixture.cache, old_ns + TG_CODE_COMPARED_NS - 1);
    assert_ptr_equal(resolve(codes[0]), code);
    tg_code_cache_begin(&fixture.cache, old_ns + TG_CODE_COMPARED_NS);
    assert_ptr_not_equal(resolve(codes[0]), code);
    assert_int_equal(fixture.cache.counts.read_count, 2);
    make_ascii(name, "Cart.buy"); /* which is young again */
    tg_code_cache_begin(&fixture.cache, old_ns + TG_CODE_COMPARED_NS + 1);
    assert_string_equal(tg_symbols_get(&fixture.symbols, resolve(codes[0])->symbol).name, "Cart.buy");
}

static void does_not_read_beyond_an_object(void **state) {
    (void)state;
    open_cache(1 << 20);
    long page = sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + page, (size_t)page, PROT_NONE), 0);
    const struct tg_layout_unicode *unicode = &fixture.process.layout.unicode;
    uint64_t *at_the_end = (uint64_t *)(void *)(pages + page - unicode->ascii_data - 8);
    make_ascii(at_the_end, "Cart.buy");
    make_code(codes[0], at_the_end, file, lines);
    put_int(codes[0], fixture.process.layout.code.version, 0);
    const struct tg_code *code = resolve(codes[0]);
    assert_non_null(code);
    tg_code_cache_begin(&fixture.cache, 2);
    assert_ptr_equal(resolve(codes[0]), code);
    assert_int_equal(mprotect(pages, (size_t)page, PROT_NONE), 0); /* gone, with what it was */
    tg_code_cache_begin(&fixture.cache, 3);
    assert_null(resolve(codes[0]));
    munmap(pages, 2 * (size_t)page);
}

static void grows(void **state) {
    (void)state;
    static uint64_t many[2000][32];
    open_cache(1 << 24);
    for (size_t i = 0; i < 2000; i++) {
        make_code(many[i], name, file, lines);
        assert_non_null(resolve(many[i]));
    }
    for (size_t i = 0; i < 2000; i++) {
        assert_int_equal(resolve(many[i])->identity.address, place_of(many[i]));
    }
    assert_int_equal(fixture.cache.counts.read_count, 2000);
}

static void empties_itself_when_full(void **state) {
    (void)state;
    open_cache(1024 * sizeof(void *) + 1000);
    size_t found = 0;
    for (size_t i = 0; i < CODES; i++) {
        found += resolve(codes[i]) != NULL;
    }
    assert_in_range(found, 1, CODES - 1);
    assert_int_equal(fixture.cache.counts.full_count, CODES - found);
    assert_non_null(resolve(codes[0])); /* what is there stays for the tick */
    tg_code_cache_begin(&fixture.cache, 2);
    assert_non_null(resolve(codes[CODES - 1]));
    assert_int_equal(fixture.cache.counts.read_count, found + 1);
}

static void is_young_for_a_second(void **state) {
    (void)state;
    open_cache(1 << 20);
    const struct tg_code *code = resolve(codes[0]);
    tg_code_cache_begin(&fixture.cache, TG_CODE_YOUNG_NS);
    assert_true(tg_code_is_young(&fixture.cache, code));
    tg_code_cache_begin(&fixture.cache, TG_CODE_YOUNG_NS + 1);
    assert_false(tg_code_is_young(&fixture.cache, code));
}

static bool is_old(uint64_t address, const struct tg_code_identity *identity) {
    return tg_code_cache_is_old(&fixture.cache, address, identity);
}

static void is_old_by_its_place(void **state) {
    (void)state;
    open_cache(1 << 20);
    struct tg_code_identity identity = resolve(codes[0])->identity, other = identity;
    other.first_line++;
    tg_code_cache_begin(&fixture.cache, TG_CODE_YOUNG_NS);
    assert_false(is_old(identity.address, NULL));
    tg_code_cache_begin(&fixture.cache, TG_CODE_YOUNG_NS + 1);
    assert_true(is_old(identity.address, NULL));
    assert_true(is_old(identity.address, &identity));
    assert_false(is_old(identity.address, &other));
    assert_false(is_old(identity.address + 16, NULL));
    tg_code_cache_doubt(&fixture.cache, &identity);
    assert_false(is_old(identity.address, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_once, close_cache),
        cmocka_unit_test_teardown(reads_anew_what_lies_in_its_place, close_cache),
        cmocka_unit_test_teardown(refuses_what_has_changed_since, close_cache),
        cmocka_unit_test_teardown(tells_those_without_a_version_apart, close_cache),
        cmocka_unit_test_teardown(compares_old_ones_ten_times_a_second, close_cache),
        cmocka_unit_test_teardown(does_not_read_beyond_an_object, close_cache),
        cmocka_unit_test_teardown(grows, close_cache),
        cmocka_unit_test_teardown(empties_itself_when_full, close_cache),
        cmocka_unit_test_teardown(is_young_for_a_second, close_cache),
        cmocka_unit_test_teardown(is_old_by_its_place, close_cache),
    };
    return cmocka_run_group_tests_name("code_cache", tests, NULL, NULL);
}
