#include "sample/elf.h"

#include "sample/process_maps.h"

#include "cmocka_all.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* A symbol of this program, which exports none. */
int exported_to_nobody(int value);
int exported_to_nobody(int value) {
    return value + 1;
}

static struct tg_memory own_memory(void) {
    return (struct tg_memory){.pid = getpid(), .fd = -1};
}

/* The file whose name begins so, or, by NULL, the program. */
static struct tg_loaded_file find_file(const char *name) {
    struct tg_process_maps maps;
    struct tg_loaded_file found = {.base = 0};
    assert_int_equal(tg_process_maps_read(&maps, getpid(), NULL), TG_OK);
    for (size_t i = 0; i < maps.count; i++) {
        if (name ? strncmp(maps.files[i].name, name, strlen(name)) == 0 : maps.files[i].is_executable) {
            found = maps.files[i];
        }
    }
    tg_process_maps_release(&maps);
    tg_process_maps_release(&maps);
    tg_process_maps_release(NULL);
    assert_true(found.base != 0);
    return found;
}

static uint64_t address_of(const char *name) {
    void *address = dlsym(RTLD_DEFAULT, name);
    assert_non_null(address);
    return (uint64_t)(uintptr_t)address;
}

static void finds_what_a_library_exports(void **state) {
    (void)state;
    struct tg_memory memory = own_memory();
    uint64_t libm = find_file("libm.so").base;
    struct tg_elf_symbol symbols[] = {{.name = "cbrt"}, {.name = "no_such_function"}, {.name = "expm1f"}};
    volatile double eight = 8; /* so that it is linked, and not reckoned by the compiler */
    assert_true(cbrt(eight) > 1.0);
    assert_int_equal(tg_elf_find_loaded(&memory, libm, symbols, 3), 2);
    assert_int_equal(symbols[0].address, address_of("cbrt"));
    assert_int_equal(symbols[2].address, address_of("expm1f"));
    assert_int_equal(symbols[1].address, 0);
    assert_true(symbols[0].bytes > 0);
    /* What is found is not looked for again. */
    struct tg_elf_symbol known = {.name = "no_such_function", .address = 5};
    assert_int_equal(tg_elf_find_loaded(&memory, libm, &known, 1), 1);
    assert_int_equal(known.address, 5);
}

static void finds_in_the_file_what_is_not_exported(void **state) {
    (void)state;
    struct tg_memory memory = own_memory();
    uint64_t base = find_file(NULL).base;
    struct tg_elf_symbol symbol = {.name = "exported_to_nobody"};
    assert_int_equal(exported_to_nobody(1), 2);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(tg_elf_find_in_file(fd, base, &symbol, 1), 1);
    assert_int_equal(symbol.address, (uint64_t)(uintptr_t)exported_to_nobody);
    close(fd);
    assert_false(tg_elf_is_loading(&memory, base));
}

static void finds_nothing_in_what_is_no_object(void **state) {
    (void)state;
    static uint64_t zeros[64];
    struct tg_memory memory = own_memory();
    struct tg_elf_symbol symbol = {.name = "cbrt"};
    assert_int_equal(tg_elf_find_loaded(&memory, (uint64_t)(uintptr_t)zeros, &symbol, 1), 0);
    assert_int_equal(tg_elf_find_loaded(&memory, 8, &symbol, 1), 0);
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    assert_int_equal(tg_elf_find_in_file(fd, 0, &symbol, 1), 0);
    close(fd);
    assert_int_equal(tg_elf_find_in_file(-1, 0, &symbol, 1), 0);
    assert_false(tg_elf_is_loading(&memory, 8));
}

static void finds_sections_by_name(void **state) {
    (void)state;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(tg_elf_has_section(fd, ".text"));
    assert_false(tg_elf_has_section(fd, ".tex"));
    assert_false(tg_elf_has_section(fd, ".PyRuntime"));
    close(fd);
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    assert_false(tg_elf_has_section(fd, ".text"));
    close(fd);
    assert_false(tg_elf_has_section(-1, ".text"));
}

static void tells_kinds_apart(void **state) {
    (void)state;
    Elf64_Ehdr header;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &header, sizeof header), sizeof header);
    close(fd);
    assert_int_equal(tg_elf_kind_of(&header, sizeof header), TG_ELF_NATIVE);
    assert_int_equal(tg_elf_kind_of(&header, sizeof header - 1), TG_ELF_NONE);
    header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(tg_elf_kind_of(&header, sizeof header), TG_ELF_FOREIGN);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_machine = EM_S390;
    assert_int_equal(tg_elf_kind_of(&header, sizeof header), TG_ELF_FOREIGN);
    header.e_ident[0] = '#';
    assert_int_equal(tg_elf_kind_of(&header, sizeof header), TG_ELF_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_a_library_exports),
        cmocka_unit_test(finds_in_the_file_what_is_not_exported),
        cmocka_unit_test(finds_nothing_in_what_is_no_object),
        cmocka_unit_test(finds_sections_by_name),
        cmocka_unit_test(tells_kinds_apart),
    };
    return cmocka_run_group_tests_name("elf", tests, NULL, NULL);
}
