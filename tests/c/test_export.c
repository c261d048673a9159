/* What is written is compared with files in tests/golden, which tests/python/test_export_readers.py reads as
 * the readers of the formats do. TACHOGRAPH_WRITE_GOLDEN=1 writes them anew. */
#include "export/export.h"
#include "export/export_group.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef GOLDEN
#error "the build says where the golden files are"
#endif

enum { MODULE, MAIN, ADD, PRICE, ODD, FUNCTION_COUNT };

static struct tg_frame frame(struct tg_profile *profile, int function, uint32_t line) {
    static const struct tg_symbol functions[FUNCTION_COUNT] = {
        [MODULE] = {"<module>", "/home/ann/shop.py", 1},
        [MAIN] = {"main", "/home/ann/shop.py", 70},
        [ADD] = {"Cart.add", "/usr/lib/python3.11/site-packages/shop/cart.py", 12},
        [PRICE] = {"price", "/usr/lib/python3.11/decimal.py", 5},
        [ODD] = {"</script>;\"caf\xC3\xA9\"\n\xFF", "", 0},
    };
    const struct tg_symbol *symbol = &functions[function];
    return (struct tg_frame){.symbol = tg_symbols_intern(&profile->symbols, symbol->name, strlen(symbol->name),
                                                         symbol->file, strlen(symbol->file), symbol->first_line),
                             .line = line};
}

static void add(struct tg_profile *profile, uint64_t process, uint64_t thread, const char *name, const int *stack,
                uint64_t samples) {
    struct tg_frame frames[8];
    size_t depth = 0;
    for (; stack[depth] >= 0; depth++) {
        frames[depth] = frame(profile, stack[depth], 100 + (uint32_t)depth);
    }
    struct tg_weight weight = {.sample_count = samples,
                               .wall_ns = samples * 10000000,
                               .cpu_ns = samples * 4000000,
                               .gil_ns = depth > 2 ? samples * 1000000 : 0};
    struct tg_profile_thread *entry = tg_profile_thread(profile, process, thread, name);
    assert_non_null(entry);
    tg_calltree_add(&entry->tree, frames, depth, &weight);
    profile->quality.taken_count += samples;
}

static void fill(struct tg_profile *profile, bool several_processes) {
    static const int adding[] = {MODULE, MAIN, ADD, -1};
    static const int pricing[] = {MODULE, MAIN, ADD, PRICE, -1};
    static const int recurring[] = {MODULE, MAIN, MAIN, PRICE, -1};
    static const int odd[] = {ODD, -1};
    static const int nothing[] = {-1};
    tg_profile_init(profile, (size_t)1 << 20U, true);
    add(profile, 4711, 4711, "MainThread", adding, 30);
    add(profile, 4711, 4711, "MainThread", pricing, 60);
    add(profile, 4711, 4711, "MainThread", recurring, 7);
    add(profile, 4711, 4712, "worker", odd, 2);
    add(profile, several_processes ? 4800 : 4711, 4713, "", nothing, 1);
    profile->threads[0]->tree.lost = (struct tg_weight){.sample_count = 1, .wall_ns = 5000, .cpu_ns = 5000};
    profile->duration_ns = 1000000000;
    profile->period_ns = 10000000;
    profile->quality.missed_count = 3;
}

static void read_file(const char *path, struct tg_strbuf *text) {
    char bytes[4096];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fail_msg("%s is not there: TACHOGRAPH_WRITE_GOLDEN=1 writes it", path);
    }
    for (size_t got = fread(bytes, 1, sizeof bytes, file); got > 0; got = fread(bytes, 1, sizeof bytes, file)) {
        tg_strbuf_append_bytes(text, bytes, got);
    }
    assert_int_equal(fclose(file), 0);
}

static void compare(const char *name, const struct tg_strbuf *text) {
    char path[4096];
    struct tg_strbuf golden = TG_STRBUF_INIT;
    snprintf(path, sizeof path, "%s/%s", GOLDEN, name);
    if (getenv("TACHOGRAPH_WRITE_GOLDEN")) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(tg_strbuf_text(text), 1, text->length, file), text->length);
        assert_int_equal(fclose(file), 0);
    }
    read_file(path, &golden);
    assert_string_equal(tg_strbuf_text(text), tg_strbuf_text(&golden));
    assert_int_equal(text->length, golden.length);
    tg_strbuf_release(&golden);
}

static void write_profile(const struct tg_export_format *format, struct tg_export_options options, bool several,
                          struct tg_strbuf *out) {
    struct tg_profile profile;
    struct tg_error err = TG_ERROR_INIT;
    options.title = "shop.py, 1.00 s";
    options.program = "tachograph test";
    fill(&profile, several);
    assert_int_equal(format->write(&profile, &options, out, &err), TG_OK);
    tg_profile_release(&profile);
}

static void each_format_writes_its_golden_file(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const struct tg_export_format *format;
        struct tg_export_options options;
        bool several;
    } cases[] = {
        {"wall.folded", &tg_export_folded, {.measure = TG_EXPORT_WALL}, false},
        {"cpu_by_thread.folded", &tg_export_folded, {.measure = TG_EXPORT_CPU, .by_thread = true}, true},
        {"wall.speedscope.json", &tg_export_speedscope, {.measure = TG_EXPORT_WALL}, false},
        {"gil_by_thread.speedscope.json", &tg_export_speedscope, {.measure = TG_EXPORT_GIL, .by_thread = true}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_strbuf text = TG_STRBUF_INIT;
        write_profile(cases[i].format, cases[i].options, cases[i].several, &text);
        compare(cases[i].name, &text);
        tg_strbuf_release(&text);
    }
}

/* The page changes with its script; its data does not. */
static void the_page_holds_its_data_and_nothing_of_it_is_markup(void **state) {
    (void)state;
    static const char opening[] = "<script type=\"application/json\" id=\"profile\">";
    struct tg_strbuf page = TG_STRBUF_INIT;
    struct tg_strbuf data = TG_STRBUF_INIT;
    struct tg_export_options options = {.measure = TG_EXPORT_CPU, .by_thread = true};
    write_profile(&tg_export_flamegraph, options, true, &page);
    const char *begin = strstr(tg_strbuf_text(&page), opening);
    assert_non_null(begin);
    begin += sizeof opening - 1;
    const char *end = strstr(begin, "</script>");
    assert_non_null(end);
    tg_strbuf_append_bytes(&data, begin, (size_t)(end - begin));
    tg_strbuf_append(&data, "\n");
    assert_null(strchr(tg_strbuf_text(&data), '<'));
    compare("cpu_by_thread.flamegraph.json", &data);
    assert_null(strstr(tg_strbuf_text(&page), "{{s")); /* {{style}}, {{script}} */
    assert_null(strstr(tg_strbuf_text(&page), "{{profile}}"));
    assert_null(strstr(tg_strbuf_text(&page), "http:"));
    assert_null(strstr(tg_strbuf_text(&page), "https:"));
    assert_non_null(strstr(end, "measureNodes"));
    assert_string_equal(tg_strbuf_text(&page) + page.length - 8, "</html>\n");
    tg_strbuf_release(&data);
    tg_strbuf_release(&page);
}

static void an_empty_profile_is_written_too(void **state) {
    (void)state;
    struct tg_profile profile;
    struct tg_export_options options = {.title = "nothing", .program = "test"};
    tg_profile_init(&profile, (size_t)1 << 20U, false);
    for (size_t i = 0; tg_export_formats[i]; i++) {
        struct tg_strbuf text = TG_STRBUF_INIT;
        assert_int_equal(tg_export_formats[i]->write(&profile, &options, &text, NULL), TG_OK);
        assert_int_equal(text.length == 0, tg_export_formats[i] == &tg_export_folded);
        tg_strbuf_release(&text);
    }
    tg_profile_release(&profile);
}

static void formats_are_found_by_name_and_by_path(void **state) {
    (void)state;
    assert_ptr_equal(tg_export_find("folded"), &tg_export_folded);
    assert_null(tg_export_find("svg"));
    assert_ptr_equal(tg_export_of_path("a/b.folded"), &tg_export_folded);
    assert_ptr_equal(tg_export_of_path("b.speedscope.json"), &tg_export_speedscope);
    assert_ptr_equal(tg_export_of_path("page.html"), &tg_export_flamegraph);
    assert_null(tg_export_of_path(".html"));
    assert_null(tg_export_of_path("html"));
}

static void files_are_shown_without_their_environment(void **state) {
    (void)state;
    assert_string_equal(tg_export_short_file("/v/lib/python3.13/site-packages/flask/app.py"), "flask/app.py");
    assert_string_equal(tg_export_short_file("/usr/lib/python3/dist-packages/yaml/reader.py"), "yaml/reader.py");
    assert_string_equal(tg_export_short_file("/usr/lib/python3.11/json/decoder.py"), "json/decoder.py");
    assert_string_equal(tg_export_short_file("/home/ann/shop.py"), "/home/ann/shop.py");
    assert_string_equal(tg_export_short_file("/lib/python3."), "/lib/python3.");
    assert_string_equal(tg_export_short_file("<string>"), "<string>");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_format_writes_its_golden_file),
        cmocka_unit_test(the_page_holds_its_data_and_nothing_of_it_is_markup),
        cmocka_unit_test(an_empty_profile_is_written_too),
        cmocka_unit_test(formats_are_found_by_name_and_by_path),
        cmocka_unit_test(files_are_shown_without_their_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
