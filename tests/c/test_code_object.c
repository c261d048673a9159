#include "sample/code_object.h"

#include "cmocka_all.h"
#include "python_fixture.h"

static uint64_t code[32];

static bool parse(struct tg_code_header *header) {
    return tg_code_header_parse(header, tg_layout_find(13), FIXTURE_CODE_TYPE, 0x5000, code);
}

static int make(void **state) {
    (void)state;
    memset(code, 0, sizeof code);
    make_code(code, (void *)0x2000, (void *)0x3000, (void *)0x4000);
    return 0;
}

static void reads_a_header(void **state) {
    (void)state;
    struct tg_code_header header;
    assert_true(parse(&header));
    assert_int_equal(header.identity.address, 0x5000);
    assert_int_equal(header.identity.qualified_name, 0x2000);
    assert_int_equal(header.identity.file_name, 0x3000);
    assert_int_equal(header.identity.line_table, 0x4000);
    assert_int_equal(header.identity.first_line, 7);
    assert_int_equal(header.identity.version, 99);
    assert_int_equal(header.identity.unit_count, 10);
    assert_int_equal(header.frame_bytes, 12 * 8);
    assert_int_equal(header.first_traceable, 1);
}

/* 3.11 does not keep the size of a frame: it is the header's nine words, the variables and the stack. */
static void adds_up_the_frame(void **state) {
    (void)state;
    static uint64_t old[32];
    const struct tg_layout *layout = tg_layout_find(11);
    struct tg_code_header header;
    memset(old, 0, sizeof old);
    put_word(old, layout->object.type, FIXTURE_CODE_TYPE);
    put_word(old, layout->code.unit_count, 10);
    put_int(old, layout->code.locals_count, 3);
    put_int(old, layout->code.stack_words, 4);
    put_word(old, layout->code.qualified_name, 0x2000);
    put_word(old, layout->code.file_name, 0x3000);
    put_word(old, layout->code.line_table, 0x4000);
    assert_true(tg_code_header_parse(&header, layout, FIXTURE_CODE_TYPE, 0x5000, old));
    assert_int_equal(header.frame_bytes, (9 + 3 + 4) * 8);
    assert_int_equal(header.identity.version, 0);
}

static void refuses_what_is_none(void **state) {
    const struct tg_layout *layout = tg_layout_find(13);
    struct tg_code_header header;
    const struct {
        uint32_t offset;
        uint64_t value;
    } wrong[] = {
        {layout->object.type, FIXTURE_CODE_TYPE + 8},
        {layout->code.unit_count, 0},
        {layout->code.unit_count, UINT64_MAX},
        {layout->code.qualified_name, 0},
        {layout->code.file_name, 3},
        {layout->code.line_table, 0},
        {layout->code.locals_count, 0}, /* and the size of the frame, which is beside it */
        {layout->code.locals_count, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        make(state);
        put_word(code, wrong[i].offset, wrong[i].value);
        assert_false(parse(&header));
    }
    make(state);
    assert_false(tg_code_header_parse(&header, layout, FIXTURE_CODE_TYPE, 0x5004, code));
    assert_false(tg_code_header_parse(&header, layout, FIXTURE_CODE_TYPE, 0, code));
}

static void tells_code_objects_apart(void **state) {
    const struct tg_layout *layout = tg_layout_find(13);
    const uint32_t members[] = {layout->code.qualified_name, layout->code.file_name, layout->code.line_table,
                                layout->code.first_line,     layout->code.version,   layout->code.unit_count};
    struct tg_code_header one, other;
    assert_true(parse(&one));
    assert_true(parse(&other));
    assert_true(tg_code_identity_equal(&one.identity, &other.identity));
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        uint32_t value;
        make(state);
        memcpy(&value, (char *)code + members[i], sizeof value);
        put_int(code, members[i], value + 8);
        assert_true(parse(&other));
        assert_false(tg_code_identity_equal(&one.identity, &other.identity));
    }
    other = one;
    other.identity.address += 16;
    assert_false(tg_code_identity_equal(&one.identity, &other.identity));
}

static void places_instructions(void **state) {
    (void)state;
    const struct tg_layout *now = tg_layout_find(13), *before = tg_layout_find(12);
    struct tg_code_header header;
    int32_t unit = 77;
    assert_true(parse(&header));
    uint64_t first = header.identity.address + now->code.size;
    assert_true(tg_code_unit_of(&header.identity, now, first, &unit));
    assert_int_equal(unit, 0);
    assert_true(tg_code_unit_of(&header.identity, now, first + 18, &unit));
    assert_int_equal(unit, 9);
    assert_false(tg_code_unit_of(&header.identity, now, first + 20, &unit));
    assert_false(tg_code_unit_of(&header.identity, now, first + 1, &unit));
    assert_false(tg_code_unit_of(&header.identity, now, first - 2, &unit));
    assert_false(tg_code_unit_of(&header.identity, now, 0, &unit));
    first = header.identity.address + before->code.size;
    assert_true(tg_code_unit_of(&header.identity, before, first - 2, &unit));
    assert_int_equal(unit, -1);
    assert_false(tg_code_unit_of(&header.identity, before, first - 4, &unit));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_a_header, make),       cmocka_unit_test_setup(adds_up_the_frame, make),
        cmocka_unit_test_setup(refuses_what_is_none, make), cmocka_unit_test_setup(tells_code_objects_apart, make),
        cmocka_unit_test_setup(places_instructions, make),
    };
    return cmocka_run_group_tests_name("code_object", tests, NULL, NULL);
}
