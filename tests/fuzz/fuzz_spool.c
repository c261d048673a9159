/* Hostile bytes as a spool: opened, walked through to its end, and appended to. */
#include "collect/spool.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static char path[64];

static void write_file(const uint8_t *bytes, size_t count) {
    if (!path[0]) {
        snprintf(path, sizeof path, "/dev/shm/tg-fuzz-spool-%ld", (long)getpid());
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, count) != (ssize_t)count) {
        abort();
    }
    close(fd);
}

static uint64_t walk(struct tg_spool *spool) {
    struct tg_spool_cursor cursor;
    uint64_t seq = 0;
    bool found = true;
    tg_spool_cursor_init(&cursor, spool, false);
    while (found) {
        struct tg_batch batch;
        if (tg_spool_next(spool, &cursor, &batch, &found, NULL) != TG_OK) {
            break;
        }
        seq = found ? batch.seq : seq;
    }
    tg_spool_cursor_release(&cursor);
    return seq;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    struct tg_spool spool;
    struct tg_error err;
    write_file(bytes, count);
    if (tg_spool_open_file(&spool, path, &err) == TG_OK) {
        struct tg_batch batch = {
            .process = {.service = {.data = "shop", .length = 4}}, .seq = spool.last_seq + 1, .interval_ns = 1};
        walk(&spool);
        if (spool.last_seq < UINT64_MAX && tg_spool_append(&spool, &batch, &err) != TG_OK) {
            abort();
        }
        tg_spool_close(&spool);
    }
    unlink(path);
    return 0;
}
