/* Code objects whose headers say the same are told apart by what lies behind the addresses in them. */
#include "sample/code_content.h"

#include "cmocka_all.h"
#include "python_fixture.h"

static uint64_t code[32], name[128], file[128], lines[128];
static struct tg_python_process process;

static int set_up(void **state) {
    (void)state;
    process = fixture_process();
    make_ascii(name, "Cart.sell");
    make_ascii(file, "shop.py");
    make_bytes(lines, "\xd8\x00\x00", 3);
    make_code(code, name, file, lines);
    put_int(code, process.layout.code.version, 0);
    return 0;
}

static struct tg_code_identity identity_now(void) {
    struct tg_code_header header;
    assert_true(tg_code_header_parse(&header, &process.layout, FIXTURE_CODE_TYPE, place_of(code), code));
    return header.identity;
}

static struct tg_code_content content_now(void) {
    struct tg_code_identity identity = identity_now();
    struct tg_code_content content;
    assert_true(tg_code_content_read(&content, &process, &identity));
    return content;
}

static bool is_still(const struct tg_code_content *content) {
    struct tg_code_identity identity = identity_now();
    return tg_code_content_is_still(content, &process, &identity);
}

static void each_part_counts(void **state) {
    (void)state;
    struct tg_code_content content = content_now();
    assert_true(is_still(&content));
    make_ascii(name, "Cart.SELL");
    assert_false(is_still(&content));
    make_ascii(name, "Cart.sell");
    assert_true(is_still(&content));
    make_ascii(name, "Cart.sel"); /* whose last character is left behind it */
    assert_false(is_still(&content));
    make_ascii(name, "Cart.sell");
    make_ascii(file, "sold.py");
    assert_false(is_still(&content));
    make_ascii(file, "shop.py");
    make_bytes(lines, "\xe0\x00\x00", 3);
    assert_false(is_still(&content));
}

/* Wide characters too, and long texts by their beginning. */
static void any_text_will_do(void **state) {
    (void)state;
    uint16_t wide[] = {0x3b1, 0x3b2, 0x3b3, 0x3b4, 0x3b5, 0x3b6};
    make_text(name, 2, false, wide, 6);
    struct tg_code_content content = content_now();
    assert_true(is_still(&content));
    wide[2]++;
    make_text(name, 2, false, wide, 6);
    assert_false(is_still(&content));
    make_text(name, 1, true, "abcdef", 6);
    assert_false(is_still(&content));
    char longer[600];
    memset(longer, 'a', sizeof longer);
    make_text(name, 1, true, longer, sizeof longer);
    content = content_now();
    assert_in_range(content.bytes[TG_CONTENT_NAME], 256, 320);
    assert_true(is_still(&content));
    longer[100] = 'b';
    make_text(name, 1, true, longer, sizeof longer);
    assert_false(is_still(&content));
}

static void a_version_says_it_all(void **state) {
    (void)state;
    put_int(code, process.layout.code.version, 99);
    struct tg_code_content content = content_now();
    assert_int_equal(content.bytes[TG_CONTENT_NAME], 0);
    process.memory.pid = INT32_MAX; /* nothing is read */
    make_ascii(name, "Cart.SELL");
    assert_true(is_still(&content));
}

static void what_cannot_be_read_is_not_the_same(void **state) {
    (void)state;
    struct tg_code_identity identity = identity_now();
    struct tg_code_content content = content_now();
    process.memory.pid = INT32_MAX; /* there is no such process */
    assert_false(tg_code_content_is_still(&content, &process, &identity));
    assert_false(tg_code_content_read(&content, &process, &identity));
}

/* Since 3.13 a process tells where its objects have what, and may tell anything. */
static void what_fits_nowhere_is_not_read(void **state) {
    (void)state;
    struct tg_code_identity identity = identity_now();
    struct tg_layout_unicode *unicode = &process.layout.unicode;
    struct tg_code_content content;
    unicode->length = 8;
    unicode->ascii_data = 1016;
    assert_false(tg_code_content_read(&content, &process, &identity));
    unicode->length = 64;
    unicode->ascii_data = 48;
    assert_false(tg_code_content_read(&content, &process, &identity));
    process.layout.unicode = tg_layout_find(13)->unicode;
    unicode->compact_data = unicode->ascii_data + 600;
    assert_false(tg_code_content_read(&content, &process, &identity));
    process.layout.unicode = tg_layout_find(13)->unicode;
    unicode->state = 1000;
    assert_false(tg_code_content_read(&content, &process, &identity));
    process.layout.unicode = tg_layout_find(13)->unicode;
    assert_true(tg_code_content_read(&content, &process, &identity));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_part_counts, set_up),
        cmocka_unit_test_setup(any_text_will_do, set_up),
        cmocka_unit_test_setup(a_version_says_it_all, set_up),
        cmocka_unit_test_setup(what_cannot_be_read_is_not_the_same, set_up),
        cmocka_unit_test_setup(what_fits_nowhere_is_not_read, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
