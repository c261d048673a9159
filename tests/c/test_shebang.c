/* First lines of commands, as installers write them and as the kernel and env read them. */
#include "cli/shebang.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/tg-shebang-XXXXXX";

static bool parse(struct tg_shebang *shebang, const char *text, size_t length) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return tg_shebang_read(shebang, path);
}

/* `expected` is ended by NULL; none at all: it is refused. */
static void assert_words(const char *text, const char *const *expected) {
    struct tg_shebang shebang = {.word_count = 0};
    bool understood = parse(&shebang, text, strlen(text));
    if (understood != (expected[0] != NULL)) {
        fail_msg("%s: %s", text, understood ? "understood" : "refused");
    }
    size_t count = 0;
    for (; expected[count]; count++) {
        assert_true(understood && count < shebang.word_count);
        assert_string_equal(shebang.words[count], expected[count]);
    }
    assert_true(!understood || count == shebang.word_count);
}

#define ASSERT_WORDS(TEXT, ...) assert_words((TEXT), (const char *const[]){__VA_ARGS__, NULL})

static void the_kernels_way(void **state) {
    (void)state;
    ASSERT_WORDS("#!/path/python\nimport x\n", "/path/python");
    ASSERT_WORDS("#!/path/python", "/path/python");
    ASSERT_WORDS("#! \t/path/python \t\r\n", "/path/python");
    ASSERT_WORDS("#!/path/python -sP\n", "/path/python", "-sP");
    ASSERT_WORDS("#!/path/python  -X dev \n", "/path/python", "-X dev"); /* one argument, as the kernel gives it */
    ASSERT_WORDS("#!/bin/sh\necho\n", "/bin/sh");
}

static void by_way_of_env(void **state) {
    (void)state;
    ASSERT_WORDS("#!/usr/bin/env python3\n", "python3");
    ASSERT_WORDS("#! /usr/bin/env -S python -X dev\n", "python", "-X", "dev");
    ASSERT_WORDS("#!/usr/bin/env -Spython -u\n", "python", "-u");
    ASSERT_WORDS("#!/usr/bin/env --split-string=python -u\n", "python", "-u");
    ASSERT_WORDS("#!/usr/bin/env -S '/a b/python' \"-W ignore\" a\\ b\n", "/a b/python", "-W ignore", "a b");
    ASSERT_WORDS("#!/usr/bin/env -S ${HOME}/python\n", NULL);
    ASSERT_WORDS("#!/usr/bin/env -S 'python\n", NULL);
    ASSERT_WORDS("#!/usr/bin/env -S\n", NULL);
    ASSERT_WORDS("#!/usr/bin/env python3 -u\n", "python3 -u"); /* env looks for a program of that name */
}

static void by_way_of_the_shell(void **state) {
    (void)state;
    ASSERT_WORDS("#!/bin/sh\n'''exec' /long/python \"$0\" \"$@\"\n' '''\nimport x\n", "/long/python");
    ASSERT_WORDS("#!/bin/sh\n'''exec' \"/a path/python\" \"$0\" \"$@\"\n' '''\n", "/a path/python");
    ASSERT_WORDS("#!/bin/sh\n'''exec' '/it'\\''s/python' -sE -X dev \"$0\" \"$@\"\n' '''\n", "/it's/python", "-sE",
                 "-X", "dev");
    ASSERT_WORDS("#!/bin/sh\n'''exec' \"$(dirname \"$0\")/python\" \"$0\" \"$@\"\n' '''\n", NULL);
    ASSERT_WORDS("#!/bin/sh\n'''exec' /long/python\n' '''\n", NULL);
    ASSERT_WORDS("#!/bin/sh\n'''exec' \"$0\" \"$@\"\n' '''\n", NULL);
}

static void what_is_none(void **state) {
    (void)state;
    struct tg_shebang shebang;
    ASSERT_WORDS("", NULL);
    ASSERT_WORDS("#!", NULL);
    ASSERT_WORDS("#!\n", NULL);
    ASSERT_WORDS("#! \n", NULL);
    ASSERT_WORDS("#!/usr/bin/env\n", NULL);
    ASSERT_WORDS("import sys\n", NULL);
    assert_false(parse(&shebang, "\177ELF\0\0", 6));
    static char endless[2 * TG_SHEBANG_BYTES] = "#!/usr/bin/env -S";
    size_t start = strlen(endless);
    memset(endless + start, 'x', sizeof endless - start);
    assert_true(parse(&shebang, endless, sizeof endless));
    for (size_t i = 0; i <= TG_SHEBANG_WORDS; i++) {
        endless[start + 2 * i] = ' ';
    }
    assert_false(parse(&shebang, endless, sizeof endless)); /* more words than anyone means */
    unlink(path);
    assert_false(tg_shebang_read(&shebang, path));
}

static int set_up(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_way),
        cmocka_unit_test(by_way_of_env),
        cmocka_unit_test(by_way_of_the_shell),
        cmocka_unit_test(what_is_none),
    };
    return cmocka_run_group_tests_name("shebang", tests, set_up, NULL);
}
