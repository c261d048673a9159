/*
 * own_memory: what of this process may be loaded like any other memory, because it is mapped for as long as Python
 * runs, whatever its threads do:
 *     data      the variables of the library, or program, that has the interpreter: its runtime, in which are the main
 *               interpreter, its lock, and the state of its first thread
 *     stack     of the process's first thread, as far down as it reached when it was looked at; it only grows
 * Anything else may be unmapped between two instructions of ours, and is read by the system (memory.h); but for the
 * chunks of a stack while they are held (arena_hook.h).
 *
 * Only on x86-64, where stores are seen in their order: elsewhere the header of a chunk that was just made may seem to
 * be what was there before.
 *
 * Constant once found; any number of threads may ask.
 */
#ifndef TG_OWN_MEMORY_H
#define TG_OWN_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* [begin, end). Zeros are none. */
struct tg_own_range {
    uint64_t begin;
    uint64_t end;
};

struct tg_own_memory {
    pid_t pid;
    struct tg_own_range data;
    struct tg_own_range stack;
};

static inline bool tg_own_range_has(const struct tg_own_range *range, uint64_t address, size_t bytes) {
    return address >= range->begin && address < range->end && bytes <= range->end - address;
}

static inline bool tg_own_memory_has(const struct tg_own_memory *own, uint64_t address, size_t bytes) {
    return tg_own_range_has(&own->data, address, bytes) || tg_own_range_has(&own->stack, address, bytes);
}

/* The variables of the library, or program, that has one at this address. False: none has, or nothing may be loaded. */
bool tg_own_data_find(struct tg_own_range *data, uint64_t variable);

/* `runtime`: the address of _PyRuntime. False: nothing may be loaded. */
bool tg_own_memory_find(struct tg_own_memory *own, uint64_t runtime);

/* Copies what is there and may be changed by others meanwhile: each aligned word is one that stood there. */
void tg_own_memory_copy(void *bytes, uint64_t address, size_t count);

/* One such word. */
uint64_t tg_own_memory_word(uint64_t address);

#endif
