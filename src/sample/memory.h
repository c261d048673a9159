/*
 * memory: reads what another process, or this one, has at an address, and never faults: what is not mapped (any more)
 * is an answer like another. Through process_vm_readv() where the kernel lets us, else through /proc/PID/mem.
 *
 * What was read may have changed while it was read; it proves nothing and is bounded and checked by whoever asked.
 *
 * tg_memory_read() and tg_memory_read_batch() are async-signal-safe: no allocation, no lock, errno is kept. Any number
 * of threads may read through one struct tg_memory that nobody closes meanwhile.
 */
#ifndef TG_MEMORY_H
#define TG_MEMORY_H

#include "base/attributes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tg_memory {
    pid_t pid;
    int fd; /* of /proc/PID/mem where process_vm_readv() is refused, else -1 */
};

/* Opens the memory of a process; `address` is any that is readable in it, to learn which way works. TG_ERROR_NOT_FOUND:
 * there is no such process; TG_ERROR_PERMISSION, with what to do about it; TG_ERROR_IO: the address cannot be read. */
TG_NODISCARD enum tg_status tg_memory_open(struct tg_memory *memory, pid_t pid, uint64_t address, struct tg_error *err);
/* NULL and a second call are fine. */
void tg_memory_close(struct tg_memory *memory);

/* Reads `count` bytes: all of them, or false (what `bytes` holds then is undefined). */
bool tg_memory_read(const struct tg_memory *memory, uint64_t address, void *bytes, size_t count);

/* Reads `count` pieces, one after the other into `bytes`, in one system call for each 1024 of them. Returns the bytes
 * read: less than asked for when a piece could not be read, and then what came before it, perhaps to the page, is
 * valid. `pieces` is an array of tg_memory_piece(). */
size_t tg_memory_read_batch(const struct tg_memory *memory, const struct iovec *pieces, size_t count, void *bytes);

/* A word of the target's, as on all platforms that are supported. */
static inline bool tg_memory_read_word(const struct tg_memory *memory, uint64_t address, uint64_t *word) {
    return tg_memory_read(memory, address, word, sizeof *word);
}

/* A piece for tg_memory_read_batch(); the pointer is the other process's and is never followed here. */
static inline struct iovec tg_memory_piece(uint64_t address, size_t count) {
    return (struct iovec){.iov_base = (void *)(uintptr_t)address, .iov_len = count};
}

#endif
