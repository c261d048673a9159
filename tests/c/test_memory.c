#include "sample/memory.h"

#include "cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[] = "known bytes";

static uint64_t address_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

static struct tg_memory open_self(void) {
    struct tg_memory memory;
    assert_int_equal(tg_memory_open(&memory, getpid(), address_of(text), NULL), TG_OK);
    return memory;
}

/* The way that is taken where process_vm_readv() is refused. */
static struct tg_memory open_self_by_file(void) {
    struct tg_memory memory = {.pid = getpid(), .fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)};
    assert_true(memory.fd >= 0);
    return memory;
}

static void reads_whole_or_nothing(struct tg_memory memory) {
    char *pages = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char bytes[64] = "";
    assert_true(pages != MAP_FAILED);
    assert_int_equal(munmap(pages + 4096, 4096), 0);
    static const char last[4] = {'l', 'a', 's', 't'};
    memcpy(pages + 4096 - sizeof last, last, sizeof last);
    assert_true(tg_memory_read(&memory, address_of(text), bytes, sizeof text));
    assert_string_equal(bytes, text);
    assert_true(tg_memory_read(&memory, address_of(pages + 4096 - 4), bytes, 4));
    errno = 77;
    assert_false(tg_memory_read(&memory, address_of(pages + 4096 - 4), bytes, 5));
    assert_false(tg_memory_read(&memory, address_of(pages + 4096), bytes, 1));
    assert_false(tg_memory_read(&memory, 0, bytes, 1));
    assert_false(tg_memory_read(&memory, UINT64_MAX - 8, bytes, 8));
    assert_int_equal(errno, 77);
    munmap(pages, 4096);
    tg_memory_close(&memory);
    tg_memory_close(&memory);
    tg_memory_close(NULL);
}

static void reads_own_memory(void **state) {
    (void)state;
    reads_whole_or_nothing(open_self());
}

static void reads_own_memory_by_file(void **state) {
    (void)state;
    reads_whole_or_nothing(open_self_by_file());
}

/* More pieces than one call takes; a hole in the middle ends it there. */
static void reads_batches(struct tg_memory memory) {
    enum { COUNT = 2500, HOLE = 1500 };
    static uint32_t numbers[COUNT], copy[COUNT];
    static struct iovec pieces[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        numbers[i] = i * 7;
        pieces[i] = tg_memory_piece(address_of(&numbers[COUNT - 1 - i]), sizeof numbers[0]);
    }
    assert_int_equal(tg_memory_read_batch(&memory, pieces, COUNT, copy), sizeof copy);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(copy[i], (COUNT - 1 - i) * 7);
    }
    pieces[HOLE] = tg_memory_piece(8, sizeof numbers[0]);
    memset(copy, 0, sizeof copy);
    assert_int_equal(tg_memory_read_batch(&memory, pieces, COUNT, copy), HOLE * sizeof copy[0]);
    assert_int_equal(copy[HOLE - 1], (COUNT - HOLE) * 7);
    assert_int_equal(tg_memory_read_batch(&memory, pieces, 0, copy), 0);
    tg_memory_close(&memory);
}

static void reads_own_batches(void **state) {
    (void)state;
    reads_batches(open_self());
}

static void reads_own_batches_by_file(void **state) {
    (void)state;
    reads_batches(open_self_by_file());
}

static void reads_a_child_and_tells_its_end(void **state) {
    (void)state;
    struct tg_error err = TG_ERROR_INIT;
    struct tg_memory memory;
    char byte;
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(tg_memory_open(&memory, child, address_of(text), &err), TG_OK);
    assert_true(tg_memory_read(&memory, address_of(text), &byte, 1));
    assert_int_equal(byte, text[0]);
    assert_int_equal(tg_memory_open(&memory, child, 8, &err), TG_ERROR_IO);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(tg_memory_read(&memory, address_of(text), &byte, 1));
    assert_int_equal(tg_memory_open(&memory, child, address_of(text), &err), TG_ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "there is no process"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_own_memory),
        cmocka_unit_test(reads_own_memory_by_file),
        cmocka_unit_test(reads_own_batches),
        cmocka_unit_test(reads_own_batches_by_file),
        cmocka_unit_test(reads_a_child_and_tells_its_end),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
