/* Whole code objects of each version, for the fuzzer to begin with; then with an interpreter that describes itself. */
#include "sample/layout.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMORY_ADDRESS UINT64_C(0x200000000000)

static uint8_t memory[4096];

static void put_word(size_t offset, uint64_t value) {
    memcpy(memory + offset, &value, sizeof value);
}

static void put_int(size_t offset, uint32_t value) {
    memcpy(memory + offset, &value, sizeof value);
}

static void put_text(const struct tg_layout_unicode *unicode, size_t offset, const char *text) {
    put_word(offset + unicode->length, strlen(text));
    put_int(offset + unicode->state, 1u << unicode->kind_shift | unicode->compact_mask | unicode->ascii_mask);
    memcpy(memory + offset + unicode->ascii_data, text, strlen(text));
}

static void put_code(const struct tg_layout *layout, size_t at) {
    static const uint8_t lines[] = {0xD8, 2, 2, 0xE8, 4, 0xF0, 2, 0, 1, 2, 0xF8, 0x80, 3};
    put_word(at + layout->object.type, MEMORY_ADDRESS);
    put_word(at + layout->code.unit_count, 9);
    put_int(at + layout->code.first_line, 3);
    put_int(at + layout->code.locals_count, 2);
    put_int(at + layout->code.stack_words, 2);
    if (layout->code.frame_words != TG_LAYOUT_NONE) {
        put_int(at + layout->code.frame_words, 12);
    }
    put_word(at + layout->code.qualified_name, MEMORY_ADDRESS + at + 512);
    put_word(at + layout->code.file_name, MEMORY_ADDRESS + at + 640);
    put_word(at + layout->code.line_table, MEMORY_ADDRESS + at + 768);
    put_text(&layout->unicode, at + 512, "Cart.sell");
    put_text(&layout->unicode, at + 640, "/srv/shop/cart.py");
    put_word(at + 768 + layout->bytes.count, sizeof lines);
    memcpy(memory + at + 768 + layout->bytes.data, lines, sizeof lines);
}

static void put_told(const struct tg_layout *layout) {
    memcpy(memory, "xdebugpy", 8);
    put_word(8, 0x030000f0u | (uint32_t)layout->minor << 16);
    for (size_t i = 0; i < layout->told_count; i++) {
        uint32_t value;
        memcpy(&value, (const char *)layout + layout->told[i].here, sizeof value);
        put_word(layout->told[i].there, value);
    }
}

static void write_seed(const char *name) {
    const char *directory = getenv("TACHOGRAPH_RUNTIME_DIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory ? directory : ".", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, memory, sizeof memory) != (ssize_t)sizeof memory || close(fd) != 0) {
        abort();
    }
}

int main(void) {
    for (unsigned minor = 11; minor <= 14; minor++) {
        const struct tg_layout *layout = tg_layout_find(minor);
        char name[32];
        memset(memory, 0, sizeof memory);
        put_code(layout, 0);
        snprintf(name, sizeof name, "code_3_%u", minor);
        write_seed(name);
        memset(memory, 0, sizeof memory);
        put_told(layout);
        put_code(layout, 1024);
        snprintf(name, sizeof name, "told_3_%u", minor);
        write_seed(name);
    }
    return 0;
}
