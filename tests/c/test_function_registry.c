#include "record/function_registry.h"

#include "recording_fixture.h"

static struct tg_function_registry registry;
static struct tg_recording recording;

static int set_up(void **state) {
    tg_function_registry_init(&registry);
    return fixture_open(state, &recording);
}

static int tear_down(void **state) {
    tg_function_registry_release(&registry);
    tg_recording_close(&recording);
    return fixture_tear_down(state);
}

static uint32_t add(const char *name) {
    return tg_function_registry_add(
        &registry,
        &(struct tg_function_source){.name = name, .name_bytes = strlen(name), .file = "a.py", .file_bytes = 4});
}

static const struct tg_function_entry *entry_of(uint32_t id) {
    uint32_t chunk = recording.header->function_chunks[id / TG_FUNCTION_CHUNK];
    if (!chunk) {
        return NULL;
    }
    const tg_place *places = tg_recording_at(&recording, chunk);
    uint32_t place = places[id % TG_FUNCTION_CHUNK];
    return place ? tg_recording_at(&recording, place) : NULL;
}

static void assert_name(uint32_t id, const char *name) {
    const struct tg_function_entry *entry = entry_of(id);
    assert_non_null(entry);
    assert_int_equal(entry->name_bytes, strlen(name));
    assert_memory_equal(entry + 1, name, strlen(name));
}

static void names_get_ids_in_order(void **state) {
    (void)state;
    assert_int_equal(add("m::a"), 1);
    assert_int_equal(add("m::b"), 2);
    assert_int_equal(add("m::a"), 1);
    assert_int_equal(add(""), 3);
    assert_int_equal(registry.count, 4);
    assert_int_equal(tg_function_registry_find(&registry, "m::b", 4), 2);
    assert_int_equal(tg_function_registry_find(&registry, "m::b2", 4), 2);
    assert_int_equal(tg_function_registry_find(&registry, "m::", 3), TG_FUNCTION_OVERFLOW);
    assert_int_equal(add(TG_FUNCTION_OVERFLOW_NAME), TG_FUNCTION_OVERFLOW);
    assert_int_equal(registry.count, 4);
}

static void change(const char *name, uint64_t code_hash, uint32_t line, const struct tg_recording *where) {
    tg_function_registry_change(
        &registry, where,
        &(struct tg_function_source){.name = name, .name_bytes = strlen(name), .code_hash = code_hash, .line = line});
}

/* As a reload does: before the function is in a recording, and after. */
static void code_may_change(void **state) {
    (void)state;
    change("m::a", 7, 3, &recording); /* nobody knows it */
    assert_int_equal(add("m::a"), 1);
    change("m::a", 8, 4, NULL);
    tg_function_registry_publish(&registry, &recording);
    assert_int_equal(entry_of(1)->code_hash, 8);
    assert_int_equal(entry_of(1)->line, 4);
    add("m::b");
    change("m::b", 9, 5, &recording); /* known, but not yet in the recording */
    tg_function_registry_publish(&registry, &recording);
    change("m::a", 10, 6, &recording);
    assert_int_equal(entry_of(1)->code_hash, 10);
    assert_int_equal(entry_of(1)->line, 6);
    assert_int_equal(entry_of(2)->code_hash, 9);
    registry.published_count = 0; /* a forked child's recording has it as well */
    tg_function_registry_publish(&registry, &recording);
    assert_int_equal(entry_of(1)->code_hash, 10);
    assert_name(1, "m::a");
}

static void an_empty_registry_finds_nothing(void **state) {
    (void)state;
    assert_int_equal(tg_function_registry_find(&registry, "m::a", 4), TG_FUNCTION_OVERFLOW);
    tg_function_registry_release(&registry);
    tg_function_registry_release(NULL);
}

static void the_first_place_is_kept(void **state) {
    (void)state;
    struct tg_function_source source = {
        .name = "m::a", .name_bytes = 4, .file = "/x.py", .file_bytes = 5, .line = 7, .code_hash = 99};
    uint32_t id = tg_function_registry_add(&registry, &source);
    source.file = "/y.py";
    source.line = 8;
    assert_int_equal(tg_function_registry_add(&registry, &source), id);
    tg_function_registry_publish(&registry, &recording);
    const struct tg_function_entry *entry = entry_of(id);
    assert_int_equal(entry->line, 7);
    assert_int_equal(entry->code_hash, 99);
    assert_int_equal(entry->file_bytes, 5);
    assert_memory_equal((const char *)(entry + 1) + 4, "/x.py", 5);
}

static void many_names(void **state) {
    (void)state;
    char name[32];
    for (uint32_t i = 1; i < 10000; i++) {
        snprintf(name, sizeof name, "m::f%u", i);
        assert_int_equal(add(name), i);
    }
    for (uint32_t i = 1; i < 10000; i++) {
        snprintf(name, sizeof name, "m::f%u", i);
        assert_int_equal(tg_function_registry_find(&registry, name, strlen(name)), i);
        assert_int_equal(add(name), i);
    }
    tg_function_registry_publish(&registry, &recording);
    assert_name(0, TG_FUNCTION_OVERFLOW_NAME);
    assert_name(1, "m::f1");
    assert_name(5000, "m::f5000");
    assert_name(9999, "m::f9999");
    assert_int_equal(recording.header->function_count, 10000);
}

/* At a character, and equal beginnings are then one function. */
static void long_names_are_cut(void **state) {
    (void)state;
    static char name[TG_NAME_MAX_BYTES + 10];
    memset(name, 'n', sizeof name);
    static const char euro[3] = {'\xe2', '\x82', '\xac'}; /* across the limit */
    memcpy(name + TG_NAME_MAX_BYTES - 2, euro, sizeof euro);
    uint32_t id = tg_function_registry_add(
        &registry,
        &(struct tg_function_source){.name = name, .name_bytes = sizeof name, .file = name, .file_bytes = sizeof name});
    tg_function_registry_publish(&registry, &recording);
    assert_int_equal(entry_of(id)->name_bytes, TG_NAME_MAX_BYTES - 2);
    assert_int_equal(entry_of(id)->file_bytes, TG_NAME_MAX_BYTES - 2);
    assert_int_equal(tg_function_registry_add(
                         &registry, &(struct tg_function_source){.name = name, .name_bytes = TG_NAME_MAX_BYTES + 5}),
                     id);
}

static void each_is_published_once(void **state) {
    (void)state;
    add("m::a");
    tg_function_registry_publish(&registry, &recording);
    uint64_t used = recording.header->used_bytes;
    tg_function_registry_publish(&registry, &recording);
    assert_int_equal(recording.header->used_bytes, used);
    add("m::b");
    tg_function_registry_publish(&registry, &recording);
    assert_int_equal(recording.header->used_bytes, used + 64);
    assert_name(1, "m::a");
    assert_name(2, "m::b");
}

/* What finds no space now is written when there is some, and nothing is skipped. */
static void names_without_space_come_later(void **state) {
    (void)state;
    tg_recording_close(&recording);
    struct tg_recording_options options = {.capacity_bytes = 32 << 10};
    assert_int_equal(tg_recording_open(&recording, &options, NULL, NULL), TG_OK);
    char name[32];
    for (uint32_t i = 1; i < 2000; i++) {
        snprintf(name, sizeof name, "m::f%u", i);
        add(name);
    }
    tg_function_registry_publish(&registry, &recording);
    uint32_t published = registry.published_count;
    assert_in_range(published, 100, 600);
    assert_int_equal(recording.header->function_count, 2000);
    assert_non_null(entry_of(published - 1));
    assert_null(entry_of(published));
    assert_true(recording.header->refused_count > 0);
    tg_function_registry_publish(&registry, &recording);
    assert_int_equal(registry.published_count, published);

    tg_recording_close(&recording);
    assert_int_equal(tg_recording_open(&recording, &(struct tg_recording_options){.service = NULL}, NULL, NULL), TG_OK);
    registry.published_count = 0;
    tg_function_registry_publish(&registry, &recording);
    assert_name(1999, "m::f1999");
}

int main(void) {
#define WITH_RECORDING(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_RECORDING(names_get_ids_in_order),
        WITH_RECORDING(code_may_change),
        WITH_RECORDING(an_empty_registry_finds_nothing),
        WITH_RECORDING(the_first_place_is_kept),
        WITH_RECORDING(many_names),
        WITH_RECORDING(long_names_are_cut),
        WITH_RECORDING(each_is_published_once),
        WITH_RECORDING(names_without_space_come_later),
    };
    return cmocka_run_group_tests_name("function_registry", tests, NULL, NULL);
}
