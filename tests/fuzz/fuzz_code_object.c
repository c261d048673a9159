/* Hostile bytes as the memory of another process: a code object with all that it points at, and a layout. */
#include "sample/code_cache.h"
#include "sample/elf.h"
#include "sample/thread_names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#define MEMORY_BYTES 65536

/* Between pages that nobody may read, at an address that an input can name: pointers in it mostly lead into it. */
#define MEMORY_ADDRESS UINT64_C(0x200000000000)

static uint8_t *memory;

static void map_memory(void) {
    if (!memory) {
        memory = mmap((void *)(uintptr_t)MEMORY_ADDRESS, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (memory == MAP_FAILED) {
            abort();
        }
    }
}

static void read_code(const struct tg_python_process *process, const uint8_t *header, uint64_t address) {
    struct tg_code_header code;
    struct tg_budget budget = {.limit_bytes = 1 << 20};
    struct tg_symbols symbols;
    struct tg_code_cache cache;
    if (!tg_code_header_parse(&code, &process->layout, process->code_type, address, header)) {
        return;
    }
    tg_symbols_init(&symbols, &budget);
    tg_code_cache_init(&cache, process, &symbols, 1 << 20);
    tg_code_cache_begin(&cache, 1);
    const struct tg_code *found = tg_code_cache_resolve(&cache, &code.identity);
    if (found) {
        int32_t unit;
        uint64_t instruction = address + process->layout.code.size + header[0];
        if (tg_code_unit_of(&code.identity, &process->layout, instruction, &unit)) {
            (void)tg_code_line(found, unit);
        }
        if (tg_code_line(found, -1) > INT32_MAX || tg_symbols_count(&symbols) < 2) {
            abort();
        }
    }
    tg_code_cache_release(&cache);
    tg_symbols_release(&symbols);
    if (cache.budget.used_bytes) {
        abort();
    }
}

static void take_name(void *context, uint64_t ident, const char *name) {
    (void)ident;
    *(size_t *)context += strlen(name);
}

/* The memory as a runtime, whose words may lead to modules and threads. */
static void read_names(struct tg_python_process *process) {
    struct tg_thread_names names;
    size_t total = 0;
    process->runtime = MEMORY_ADDRESS;
    tg_thread_names_init(&names, process);
    size_t count = tg_thread_names_read(&names, NULL, take_name, &total);
    if (total > count * (TG_PYTHON_THREAD_NAME_BYTES - 1)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct tg_python_process process = {.pid = getpid(), .memory = {.pid = getpid(), .fd = -1}};
    struct tg_elf_symbol symbol = {.name = "_PyRuntime"};
    map_memory();
    memset(memory, 0, MEMORY_BYTES);
    memcpy(memory, bytes, count < MEMORY_BYTES ? count : MEMORY_BYTES);
    process.code_type = MEMORY_ADDRESS;
    for (unsigned minor = 11; minor <= 14; minor++) {
        process.layout = *tg_layout_find(minor);
        read_code(&process, memory, MEMORY_ADDRESS);
        read_names(&process);
        /* And by what the memory tells of itself. */
        uint32_t version = 0x030000f0u | minor << 16;
        if (tg_layout_init(&process.layout, version, memory, TG_LAYOUT_MAX_TOLD_BYTES, NULL) == TG_OK) {
            read_code(&process, memory + 1024, MEMORY_ADDRESS + 1024);
        }
    }
    tg_elf_find_loaded(&process.memory, MEMORY_ADDRESS, &symbol, 1);
    return 0;
}
