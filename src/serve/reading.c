/* reading: see reading.h. */
#include "serve/reading.h"

#include "base/hash.h"
#include "base/strbuf.h"
#include "store/store_url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum tg_status tg_reading_init(struct tg_reading *reading, const char *url, const char *place, tg_ns timeout_ns,
                               struct tg_error *err) {
    struct tg_store_url parsed = {.path = NULL};
    *reading = (struct tg_reading){.url = url, .place = place, .timeout_ns = timeout_ns};
    enum tg_status status = tg_store_url_parse(&parsed, url, err);
    if (status == TG_OK) {
        reading->path = parsed.path;
        parsed.path = NULL;
    }
    tg_store_url_release(&parsed);
    return status;
}

static void close_store(struct tg_reading *reading) {
    tg_store_close(reading->store);
    reading->store = NULL;
}

void tg_reading_release(struct tg_reading *reading) {
    if (reading) {
        close_store(reading);
        free(reading->path);
        reading->path = NULL;
    }
}

/* Whether the file is still the one that was opened, and there at all. */
static enum tg_status check_file(struct tg_reading *reading, struct tg_error *err) {
    struct stat file;
    if (!reading->path) {
        return TG_OK;
    }
    if (stat(reading->path, &file) != 0) {
        int reason = errno;
        close_store(reading);
        return tg_error_set_errno(err, reason, "cannot open the history \"%s\"", reading->place);
    }
    if (reading->store && (file.st_dev != reading->device || file.st_ino != reading->inode)) {
        close_store(reading);
    }
    reading->device = file.st_dev;
    reading->inode = file.st_ino;
    return TG_OK;
}

static uint64_t stamp_of(uint64_t hash, const char *path) {
    struct stat file = {.st_dev = 0};
    if (stat(path, &file) != 0) {
        return tg_hash_bytes(hash, "", 1);
    }
    hash = tg_hash_bytes(hash, &file.st_dev, sizeof file.st_dev);
    hash = tg_hash_bytes(hash, &file.st_ino, sizeof file.st_ino);
    hash = tg_hash_bytes(hash, &file.st_size, sizeof file.st_size);
    return tg_hash_bytes(hash, &file.st_mtim, sizeof file.st_mtim);
}

uint64_t tg_reading_stamp(const struct tg_reading *reading) {
    struct tg_strbuf log = TG_STRBUF_INIT; /* the write-ahead log: what is new is there first */
    if (!reading->path) {
        return 0;
    }
    tg_strbuf_printf(&log, "%s-wal", reading->path);
    uint64_t stamp = stamp_of(stamp_of(TG_HASH_INIT, reading->path), tg_strbuf_text(&log));
    tg_strbuf_release(&log);
    return stamp;
}

enum tg_status tg_reading_begin(struct tg_reading *reading, struct tg_error *err) {
    const struct tg_store_options options = {.read_only = true, .timeout_ns = reading->timeout_ns};
    enum tg_status status = check_file(reading, err);
    if (status == TG_OK && !reading->store) {
        status = tg_store_open(&reading->store, reading->url, &options, err);
    }
    return status;
}

void tg_reading_end(struct tg_reading *reading, enum tg_status status) {
    if (status != TG_OK && status != TG_ERROR_INVALID && status != TG_ERROR_NOT_FOUND) {
        close_store(reading);
    }
}
