/* The ring of events: what is written is read, the oldest goes first, and damage is not followed. */
#include "record/event_log.h"

#include "recording_fixture.h"

static struct tg_recording recording;

static int set_up(void **state) {
    return fixture_open(state, &recording);
}

static int tear_down(void **state) {
    tg_recording_close(&recording);
    return fixture_tear_down(state);
}

static struct tg_event_log read_log(void) {
    struct tg_view view = tg_view_of_recording(&recording);
    return tg_event_log_of(&view);
}

static void add(int64_t wall_ns, const char *text) {
    tg_event_log_add(&recording, TG_EVENT_RELOAD, wall_ns, text, strlen(text));
}

static void check(uint64_t serial, int64_t wall_ns, const char *text) {
    struct tg_event_log log = read_log();
    struct tg_event event;
    assert_true(tg_event_log_read(&log, serial, &event));
    assert_int_equal(event.serial, serial);
    assert_int_equal(event.wall_ns, wall_ns);
    assert_int_equal(event.kind, TG_EVENT_RELOAD);
    assert_int_equal(event.text_bytes, strlen(text));
    assert_memory_equal(event.text, text, strlen(text));
}

static void what_is_written_is_read(void **state) {
    (void)state;
    struct tg_event event;
    struct tg_event_log log = read_log();
    assert_int_equal(log.count, 0);
    assert_false(tg_event_log_read(&log, 1, &event));
    add(10, "shop: changed: f");
    add(20, "");
    assert_int_equal(read_log().count, 2);
    assert_int_equal(read_log().first, 1);
    check(1, 10, "shop: changed: f");
    check(2, 20, "");
    log = read_log();
    assert_false(tg_event_log_read(&log, 3, &event));
    assert_false(tg_event_log_read(&log, 0, &event));
}

static void the_oldest_go(void **state) {
    (void)state;
    char text[32];
    for (int i = 1; i <= TG_EVENTS + 3; i++) {
        snprintf(text, sizeof text, "event %d", i);
        add(i, text);
    }
    struct tg_event_log log = read_log();
    struct tg_event event;
    assert_int_equal(log.count, TG_EVENTS + 3);
    assert_int_equal(log.first, 4);
    assert_false(tg_event_log_read(&log, 3, &event));
    check(4, 4, "event 4");
    check(TG_EVENTS + 3, TG_EVENTS + 3, "event 67");
}

static void a_long_text_is_cut_at_a_character(void **state) {
    (void)state;
    char text[600];
    memset(text, 'a', sizeof text);
    text[487] = '\xC3'; /* a character that would be half in */
    text[488] = '\xA9';
    tg_event_log_add(&recording, TG_EVENT_RELOAD, 1, text, sizeof text);
    struct tg_event_log log = read_log();
    struct tg_event event;
    assert_true(tg_event_log_read(&log, 1, &event));
    assert_int_equal(event.text_bytes, 487);
}

static void damage_is_not_followed(void **state) {
    (void)state;
    add(1, "an event");
    struct tg_event_log log = read_log();
    struct tg_event event;
    struct tg_event_entry *entry = (struct tg_event_entry *)(uintptr_t)&log.entries[1];
    entry->text_bytes = 489;
    assert_false(tg_event_log_read(&log, 1, &event));
    entry->text_bytes = 3;
    entry->serial = 0; /* being written */
    assert_false(tg_event_log_read(&log, 1, &event));
    recording.header->events = UINT32_MAX - 1;
    assert_null(read_log().entries);
    assert_int_equal(read_log().count, 0);
}

/* Nobody counts up to there, and a reader that did would not end. */
static void a_count_that_cannot_be_is_none(void **state) {
    (void)state;
    add(1, "an event");
    recording.header->event_count = UINT64_MAX;
    assert_int_equal(read_log().count, 0);
    assert_null(read_log().entries);
}

int main(void) {
#define WITH_RECORDING(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_RECORDING(what_is_written_is_read),           WITH_RECORDING(the_oldest_go),
        WITH_RECORDING(a_long_text_is_cut_at_a_character), WITH_RECORDING(damage_is_not_followed),
        WITH_RECORDING(a_count_that_cannot_be_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
