#include "cli/options.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

struct settings {
    bool json;
    bool verbose;
    const char *output;
    const char *input;
    struct tg_text_list time;
    size_t limit;
    size_t rate;
    int sort;
    const char *module;
};

static const char *const sorts[] = {"total", "self", NULL};

static enum tg_status refuse_slash(const char *value, struct tg_error *err) {
    return strchr(value, '/') ? tg_error_set(err, TG_ERROR_INVALID, "'%s' has a slash", value) : TG_OK;
}

static const struct tg_option options[] = {
    {.name = "json", .kind = TG_OPTION_FLAG, .offset = offsetof(struct settings, json)},
    {.name = "verbose", .letter = 'v', .kind = TG_OPTION_FLAG, .offset = offsetof(struct settings, verbose)},
    {.name = "output",
     .letter = 'o',
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .offset = offsetof(struct settings, output)},
    {.name = "input",
     .kind = TG_OPTION_TEXT,
     .value = "FILE",
     .offset = offsetof(struct settings, input),
     .once = "one file"},
    {.name = "time",
     .kind = TG_OPTION_LIST,
     .value = "PATTERN",
     .offset = offsetof(struct settings, time),
     .check = refuse_slash},
    {.name = "limit",
     .letter = 'n',
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .offset = offsetof(struct settings, limit)},
    {.name = "rate",
     .kind = TG_OPTION_NUMBER,
     .value = "N",
     .help = "so often",
     .offset = offsetof(struct settings, rate),
     .most = 500},
    {.name = "sort",
     .kind = TG_OPTION_CHOICE,
     .value = "KEY",
     .offset = offsetof(struct settings, sort),
     .choices = sorts},
    {.letter = 'm', .kind = TG_OPTION_TEXT, .last = true, .value = "MOD", .offset = offsetof(struct settings, module)},
    {.name = NULL},
};

static const struct tg_command reader = {.name = "reader", .options = options};
static const struct tg_command runner = {.name = "runner", .options = options, .program = true};

#define WORDS_MAX 16

struct parsed {
    struct settings settings;
    char storage[WORDS_MAX][64];
    char *words[WORDS_MAX + 1];
    bool help;
    enum tg_status status;
    struct tg_error err;
};

/* Parses words that are separated by blanks. */
static void parse(struct parsed *parsed, const struct tg_command *command, const char *line) {
    *parsed = (struct parsed){.settings.sort = -1};
    size_t count = 0;
    while (*line) {
        size_t length = strcspn(line, " ");
        memcpy(parsed->storage[count], line, length);
        parsed->words[count] = parsed->storage[count];
        count++;
        line += length;
        line += strspn(line, " ");
    }
    parsed->status = tg_options_parse(command, parsed->words, &parsed->settings, &parsed->help, &parsed->err);
    tg_text_list_release(&parsed->settings.time);
}

static void assert_operands(const struct parsed *parsed, const char *expected) {
    char joined[256] = "";
    for (size_t i = 0; parsed->words[i]; i++) {
        size_t used = strlen(joined);
        snprintf(joined + used, sizeof joined - used, "%s%s", i ? " " : "", parsed->words[i]);
    }
    assert_string_equal(joined, expected);
}

static void takes_every_spelling(void **state) {
    (void)state;
    static const char *const lines[] = {
        "--output=x --limit=5 -v", "--output x --limit 5 -v", "-ox -n5 -v", "-o x -n 5 -v", "-vox -n=5", "-vn5 -ox"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct parsed parsed;
        parse(&parsed, &reader, lines[i]);
        assert_int_equal(parsed.status, TG_OK);
        assert_string_equal(parsed.settings.output, "x");
        assert_int_equal(parsed.settings.limit, 5);
        assert_true(parsed.settings.verbose);
        assert_false(parsed.settings.json);
        assert_int_equal(parsed.settings.sort, -1);
        assert_operands(&parsed, "");
    }
}

static void a_bare_number_is_no_operand(void **state) {
    (void)state;
    struct parsed parsed;
    parse(&parsed, &reader, "-5");
    assert_int_equal(parsed.status, TG_ERROR_INVALID);
    assert_non_null(strstr(parsed.err.message, "did you mean '-n 5'?"));
    parse(&parsed, &reader, "-2h -- -5"); /* a moment, and what stands behind the end of options */
    assert_int_equal(parsed.status, TG_OK);
    assert_operands(&parsed, "-2h -5");
}

static void options_may_follow_operands(void **state) {
    (void)state;
    struct parsed parsed;
    parse(&parsed, &reader, "a --json b - --sort self c");
    assert_int_equal(parsed.status, TG_OK);
    assert_true(parsed.settings.json);
    assert_int_equal(parsed.settings.sort, 1);
    assert_operands(&parsed, "a b - c");
}

static void two_dashes_end_the_options(void **state) {
    (void)state;
    struct parsed parsed;
    parse(&parsed, &reader, "a -- --json -- -x");
    assert_int_equal(parsed.status, TG_OK);
    assert_false(parsed.settings.json);
    assert_operands(&parsed, "a --json -- -x");
}

static void a_dash_and_a_digit_begin_an_operand(void **state) {
    (void)state;
    struct parsed parsed;
    parse(&parsed, &reader, "-2h..-1h --json -1d");
    assert_int_equal(parsed.status, TG_OK);
    assert_true(parsed.settings.json);
    assert_operands(&parsed, "-2h..-1h -1d");
}

static void program_keeps_its_own_options(void **state) {
    (void)state;
    struct parsed parsed;
    parse(&parsed, &runner, "--json app.py --verbose -- -n0 --nonsense");
    assert_int_equal(parsed.status, TG_OK);
    assert_true(parsed.settings.json);
    assert_false(parsed.settings.verbose);
    assert_operands(&parsed, "app.py --verbose -- -n0 --nonsense");
    parse(&parsed, &runner, "-v -m mod --json x");
    assert_string_equal(parsed.settings.module, "mod");
    assert_false(parsed.settings.json);
    assert_operands(&parsed, "--json x");
}

static void lists_keep_all_and_texts_the_last(void **state) {
    (void)state;
    struct settings settings = {.sort = 0};
    char words_text[][16] = {"--time", "a", "--time=b", "-o", "x", "-oy", "--time="};
    char *words[8] = {NULL};
    for (size_t i = 0; i < 7; i++) {
        words[i] = words_text[i];
    }
    bool help = true;
    assert_int_equal(tg_options_parse(&reader, words, &settings, &help, NULL), TG_OK);
    assert_false(help);
    assert_int_equal(settings.time.count, 3);
    assert_string_equal(settings.time.items[0], "a");
    assert_string_equal(settings.time.items[1], "b");
    assert_string_equal(settings.time.items[2], "");
    assert_string_equal(settings.output, "y");
    tg_text_list_release(&settings.time);
    tg_text_list_release(&settings.time);
    assert_null(settings.time.items);
}

static void help_stops_the_reading(void **state) {
    (void)state;
    struct parsed parsed;
    parse(&parsed, &reader, "a --help --nonsense");
    assert_int_equal(parsed.status, TG_OK);
    assert_true(parsed.help);
    parse(&parsed, &runner, "-vh -z");
    assert_int_equal(parsed.status, TG_OK);
    assert_true(parsed.help);
    parse(&parsed, &runner, "app.py --help");
    assert_false(parsed.help);
}

static void refuses_with_what_was_meant(void **state) {
    (void)state;
    static const struct {
        const char *line;
        const char *message;
    } wrong[] = {
        {"--jsno", "unknown option '--jsno'; did you mean '--json'?"},
        {"--verb", "unknown option '--verb'; did you mean '--verbose'?"},
        {"--outptu=x", "unknown option '--outptu'; did you mean '--output'?"},
        {"--zzzzzzzz", "unknown option '--zzzzzzzz'"},
        {"--=x", "unknown option '--'"},
        {"-z", "unknown option '-z'"},
        {"--json=1", "--json takes no value"},
        {"--help=1", "--help takes no value"},
        {"--output", "--output wants a value: --output FILE"},
        {"-vo", "-o wants a value: -o FILE"},
        {"-m", "-m wants a value: -m MOD"},
        {"--limit 0", "--limit wants a number from 1 on, not '0'"},
        {"-n -1", "--limit wants a number from 1 on, not '-1'"},
        {"--rate 501", "--rate wants a number from 1 to 500, not '501'"},
        {"--rate 1e9", "--rate wants a number from 1 to 500, not '1e9'"},
        {"-n 1x", "--limit wants a number from 1 on, not '1x'"},
        {"-n 99999999999999999999", "--limit wants a number from 1 on, not '99999999999999999999'"},
        {"--sort big", "--sort cannot be 'big': choose one of total, self"},
        {"--input x --input=y", "--input was given twice, 'x' and 'y': one file"},
        {"--time a/b", "--time: 'a/b' has a slash"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct parsed parsed;
        parse(&parsed, &reader, wrong[i].line);
        assert_int_equal(parsed.status, TG_ERROR_INVALID);
        assert_string_equal(parsed.err.message, wrong[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_spelling),
        cmocka_unit_test(a_bare_number_is_no_operand),
        cmocka_unit_test(options_may_follow_operands),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_dash_and_a_digit_begin_an_operand),
        cmocka_unit_test(program_keeps_its_own_options),
        cmocka_unit_test(lists_keep_all_and_texts_the_last),
        cmocka_unit_test(help_stops_the_reading),
        cmocka_unit_test(refuses_with_what_was_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
