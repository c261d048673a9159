#include "store/stored_name.h"

#include "cmocka_all.h"

#include <string.h>

static struct tg_bytes bytes_of(const char *text) {
    return (struct tg_bytes){.data = text, .length = strlen(text)};
}

static void functions_of_main_are_named_by_their_file(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *file;
        const char *stored;
    } cases[] = {
        {"__main__::main", "/srv/backup.py", "backup.py::main"},
        {"__main__::main", "backup.py", "backup.py::main"},
        {"__main__::Shop.<locals>.f", "/srv/shop/__main__.py", "shop/__main__.py::Shop.<locals>.f"},
        {"__main__::main", "__main__.py", "__main__.py::main"},
        {"__main__::main", "/srv/app.pyz/__main__.py", "app.pyz/__main__.py::main"},
        {"__main__::main", "", "__main__::main"},
        {"__main__::main", "<string>", "__main__::main"},
        {"__main__::main", "/srv/", "__main__::main"},
        {"__main__::main", "/tmp/ipykernel_123/4567.py", "__main__::main"},
        {"__main__::", "/a/b", "b::"},
        {"shop.__main__::main", "/srv/shop/__main__.py", "shop.__main__::main"},
        {"__main__", "/srv/backup.py", "__main__"},
        {"__main__s::main", "/srv/backup.py", "__main__s::main"},
        {"", "/srv/backup.py", ""},
    };
    struct tg_strbuf buffer = TG_STRBUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tg_bytes stored;
        assert_int_equal(tg_stored_name(&stored, bytes_of(cases[i].name), bytes_of(cases[i].file), &buffer), TG_OK);
        assert_int_equal(stored.length, strlen(cases[i].stored));
        assert_memory_equal(stored.data, cases[i].stored, stored.length);
    }
    tg_strbuf_release(&buffer);
}

/* A length that no memory has room for; the bytes are not looked at. */
static void missing_memory_is_no_name(void **state) {
    (void)state;
    struct tg_strbuf buffer = TG_STRBUF_INIT;
    struct tg_bytes stored;
    struct tg_bytes name = {.data = "__main__::main", .length = SIZE_MAX - 64};
    assert_int_equal(tg_stored_name(&stored, name, bytes_of("/srv/backup.py"), &buffer), TG_ERROR_MEMORY);
    assert_int_equal(tg_stored_name(&stored, bytes_of("__main__::main"), bytes_of("/srv/backup.py"), &buffer), TG_OK);
    assert_int_equal(stored.length, strlen("backup.py::main"));
    tg_strbuf_release(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_of_main_are_named_by_their_file),
        cmocka_unit_test(missing_memory_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
