/*
 * Objects of a made-up interpreter in this process's memory, laid out as CPython 3.13 lays them out, so that what reads
 * them runs under sanitizers and without a Python.
 */
#ifndef TG_PYTHON_FIXTURE_H
#define TG_PYTHON_FIXTURE_H

#include "sample/python_process.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define FIXTURE_CODE_TYPE UINT64_C(0x1000)

static inline uint64_t place_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

static inline void put_word(void *object, uint32_t offset, uint64_t value) {
    memcpy((char *)object + offset, &value, sizeof value);
}

static inline void put_int(void *object, uint32_t offset, uint32_t value) {
    memcpy((char *)object + offset, &value, sizeof value);
}

static inline struct tg_python_process fixture_process(void) {
    return (struct tg_python_process){
        .pid = getpid(),
        .memory = {.pid = getpid(), .fd = -1},
        .layout = *tg_layout_find(13),
        .version = 0x030d00f0,
        .code_type = FIXTURE_CODE_TYPE,
    };
}

/* A str of `length` characters of `kind` bytes; `object` has room for it. */
static inline void make_text(void *object, unsigned kind, bool is_ascii, const void *characters, size_t length) {
    const struct tg_layout_unicode *unicode = &tg_layout_find(13)->unicode;
    uint32_t state = kind << unicode->kind_shift | unicode->compact_mask | (is_ascii ? unicode->ascii_mask : 0);
    put_word(object, unicode->length, length);
    put_int(object, unicode->state, state);
    memcpy((char *)object + (is_ascii ? unicode->ascii_data : unicode->compact_data), characters, length * kind);
}

static inline void make_ascii(void *object, const char *text) {
    make_text(object, 1, true, text, strlen(text));
}

static inline void make_bytes(void *object, const void *bytes, size_t count) {
    const struct tg_layout *layout = tg_layout_find(13);
    put_word(object, layout->bytes.count, count);
    memcpy((char *)object + layout->bytes.data, bytes, count);
}

/* A code object of ten units. */
static inline void make_code(void *object, const void *name, const void *file, const void *lines) {
    const struct tg_layout *layout = tg_layout_find(13);
    put_word(object, layout->object.type, FIXTURE_CODE_TYPE);
    put_word(object, layout->code.unit_count, 10);
    put_int(object, layout->code.first_line, 7);
    put_int(object, layout->code.frame_words, 12);
    put_int(object, layout->code.version, 99);
    put_int(object, layout->code.first_traceable, 1);
    put_word(object, layout->code.qualified_name, place_of(name));
    put_word(object, layout->code.file_name, place_of(file));
    put_word(object, layout->code.line_table, place_of(lines));
}

#endif
