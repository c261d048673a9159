/*
 * What the fuzzers of recordings share: the input as a file, and nothing that waits.
 */
#ifndef TG_FUZZ_FILE_H
#define TG_FUZZ_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* In place of the C library's: what hostile bytes make the reader wait for never comes. */
int do_not_sleep(const struct timespec *duration, struct timespec *left) __asm__("nanosleep");
int do_not_sleep(const struct timespec *duration, struct timespec *left) {
    (void)duration;
    (void)left;
    return 0;
}

static int fuzz_fd = -1;
static char fuzz_path[64];

/* The file has these bytes and no others. */
static inline void fuzz_write_file(const uint8_t *bytes, size_t count) {
    if (fuzz_fd < 0) {
        fuzz_fd = memfd_create("recording", MFD_CLOEXEC);
        snprintf(fuzz_path, sizeof fuzz_path, "/proc/self/fd/%d", fuzz_fd);
    }
    if (ftruncate(fuzz_fd, 0) != 0 || pwrite(fuzz_fd, bytes, count, 0) != (ssize_t)count) {
        abort();
    }
}

#endif
