/*
 * What the tests of the sampler's reading (test_sample_reading.py) call through ctypes: the process, its code objects
 * and line tables behind functions of plain arguments. The test compiles it together with the files of src/ it needs.
 */
#include "sample/code_cache.h"
#include "sample/thread_names.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* All that a test holds. */
struct reading {
    struct tg_python_process process;
    struct tg_budget budget;
    struct tg_symbols symbols;
    struct tg_code_cache cache;
    struct tg_thread_names names;
    tg_ns now_ns;
};

void reading_close(struct reading *reading) {
    tg_code_cache_release(&reading->cache);
    tg_symbols_release(&reading->symbols);
    tg_python_process_close(&reading->process);
    free(reading);
}

/* NULL: it failed with `status` and `message` (of TG_ERROR_MESSAGE_SIZE bytes). */
struct reading *reading_open(int pid, size_t limit_bytes, int *status, char *message) {
    struct tg_error err = TG_ERROR_INIT;
    struct reading *reading = calloc(1, sizeof *reading);
    *status = tg_python_process_open(&reading->process, pid, &err);
    memcpy(message, err.message, sizeof err.message);
    reading->budget = (struct tg_budget){.limit_bytes = 64 << 20};
    tg_symbols_init(&reading->symbols, &reading->budget);
    tg_code_cache_init(&reading->cache, &reading->process, &reading->symbols, limit_bytes);
    tg_thread_names_init(&reading->names, &reading->process);
    if (*status != TG_OK) {
        reading_close(reading);
        return NULL;
    }
    return reading;
}

unsigned reading_version(const struct reading *reading) {
    return reading->process.version;
}

/* A tick, `after_ns` after the last. */
void reading_begin(struct reading *reading, int64_t after_ns) {
    tg_code_cache_begin(&reading->cache, reading->now_ns += after_ns);
}

static bool read_header(const struct reading *reading, uint64_t address, struct tg_code_header *header) {
    unsigned char bytes[TG_LAYOUT_MAX_READ_BYTES];
    return tg_memory_read(&reading->process.memory, address, bytes, reading->process.layout.code.size)
           && tg_code_header_parse(header, &reading->process.layout, reading->process.code_type, address, bytes);
}

/* The code object at `address`: units, or 0; figures[] are its first line, bytes of a frame, whether it is young. */
unsigned reading_code(struct reading *reading, uint64_t address, const char **name, const char **file,
                      uint32_t figures[3], uint32_t *lines, unsigned line_count) {
    struct tg_code_header header;
    if (!read_header(reading, address, &header)) {
        return 0;
    }
    const struct tg_code *code = tg_code_cache_resolve(&reading->cache, &header.identity);
    if (!code) {
        return 0;
    }
    struct tg_symbol symbol = tg_symbols_get(&reading->symbols, code->symbol);
    *name = symbol.name;
    *file = symbol.file;
    figures[0] = symbol.first_line;
    figures[1] = header.frame_bytes;
    figures[2] = tg_code_is_young(&reading->cache, code);
    for (unsigned i = 0; i < header.identity.unit_count && i < line_count; i++) {
        lines[i] = tg_code_line(code, (int32_t)i);
    }
    return header.identity.unit_count;
}

/* Calls back for each thread with a name. */
size_t reading_names(struct reading *reading, void (*visit)(void *, uint64_t, const char *)) {
    return tg_thread_names_read(&reading->names, NULL, visit, NULL);
}

/* Read, replaced, refused, full. */
void reading_counts(const struct reading *reading, uint64_t counts[4]) {
    counts[0] = reading->cache.counts.read_count;
    counts[1] = reading->cache.counts.replaced_count;
    counts[2] = reading->cache.counts.refused_count;
    counts[3] = reading->cache.counts.full_count;
}

/* The leaf frame of the thread with this native id, by the layout alone: its code and unit. 0: not found. */
uint64_t reading_leaf(const struct reading *reading, uint64_t native_id, int32_t *unit) {
    const struct tg_layout *layout = &reading->process.layout;
    const struct tg_memory *memory = &reading->process.memory;
    uint64_t interpreter = 0, thread = 0, id = 0, frame = 0, code = 0, instruction = 0;
    unsigned char owner = 0;
    tg_memory_read_word(memory, reading->process.runtime + layout->runtime.interpreters_main, &interpreter);
    tg_memory_read_word(memory, interpreter + layout->interpreter.threads_head, &thread);
    while (thread && tg_memory_read_word(memory, thread + layout->thread.native_thread_id, &id) && id != native_id) {
        if (!tg_memory_read_word(memory, thread + layout->thread.next, &thread)) {
            return 0;
        }
    }
    bool is_direct = layout->thread.cframe == TG_LAYOUT_NONE;
    tg_memory_read_word(memory, thread + (is_direct ? layout->thread.current_frame : layout->thread.cframe), &frame);
    if (!is_direct) {
        tg_memory_read_word(memory, frame + layout->cframe.current_frame, &frame);
    }
    while (frame && tg_memory_read(memory, frame + layout->frame.owner, &owner, 1)
           && owner >= layout->owner_shim_first) {
        tg_memory_read_word(memory, frame + layout->frame.previous, &frame);
    }
    tg_memory_read_word(memory, frame + layout->frame.code, &code);
    tg_memory_read_word(memory, frame + layout->frame.instruction, &instruction);
    code &= ~(uint64_t)layout->tag_mask;
    struct tg_code_header header;
    return read_header(reading, code, &header) && tg_code_unit_of(&header.identity, layout, instruction, unit) ? code
                                                                                                               : 0;
}
