#include "sample/memory.h"

#include "sample/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* What one process_vm_readv() takes (IOV_MAX). */
#define PIECES_AT_ONCE 1024

enum tg_status tg_memory_open(struct tg_memory *memory, pid_t pid, uint64_t address, struct tg_error *err) {
    char byte, path[32];
    *memory = (struct tg_memory){.pid = pid, .fd = -1};
    struct iovec here = {&byte, 1}, there = tg_memory_piece(address, 1);
    if (process_vm_readv(pid, &here, 1, &there, 1, 0) == 1) {
        return TG_OK;
    }
    int errnum = errno;
    if (errnum != EPERM && errnum != ENOSYS) {
        return tg_refusal_explain(pid, errnum, err);
    }
    /* A filter of system calls may refuse the one and know nothing of the other. */
    snprintf(path, sizeof path, "/proc/%ld/mem", (long)pid);
    memory->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (memory->fd < 0 || pread(memory->fd, &byte, 1, (off_t)address) != 1) {
        tg_memory_close(memory);
        return tg_refusal_explain(pid, errnum, err);
    }
    return TG_OK;
}

void tg_memory_close(struct tg_memory *memory) {
    if (memory && memory->fd >= 0) {
        close(memory->fd);
        memory->fd = -1;
    }
}

/* Through the file: one piece after the other, up to the first that is not whole. */
static size_t read_file(int fd, const struct iovec *pieces, size_t count, char *bytes) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        ssize_t got = pread(fd, bytes + total, pieces[i].iov_len, (off_t)(uintptr_t)pieces[i].iov_base);
        total += got > 0 ? (size_t)got : 0;
        if (got < 0 || (size_t)got != pieces[i].iov_len) {
            break;
        }
    }
    return total;
}

static size_t sum_of(const struct iovec *pieces, size_t count) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += pieces[i].iov_len;
    }
    return sum;
}

size_t tg_memory_read_batch(const struct tg_memory *memory, const struct iovec *pieces, size_t count, void *bytes) {
    int saved_errno = errno;
    size_t total = 0;
    if (memory->fd >= 0) {
        total = read_file(memory->fd, pieces, count, bytes);
        count = 0;
    }
    while (count > 0) {
        size_t now = count < PIECES_AT_ONCE ? count : PIECES_AT_ONCE;
        struct iovec here = {(char *)bytes + total, sum_of(pieces, now)};
        ssize_t got = process_vm_readv(memory->pid, &here, 1, pieces, now, 0);
        total += got > 0 ? (size_t)got : 0;
        if (got < 0 || (size_t)got != here.iov_len) {
            break;
        }
        pieces += now;
        count -= now;
    }
    errno = saved_errno;
    return total;
}

bool tg_memory_read(const struct tg_memory *memory, uint64_t address, void *bytes, size_t count) {
    struct iovec piece = tg_memory_piece(address, count);
    return tg_memory_read_batch(memory, &piece, 1, bytes) == count;
}
