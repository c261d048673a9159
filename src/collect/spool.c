/* spool: see spool.h. */
#include "collect/spool.h"

#include "base/descriptor.h"
#include "base/hash.h"
#include "record/format.h"
#include "record/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALIGNMENT 8U

/* The largest record that is believed to be one. */
#define RECORD_MAX UINT32_C(0x7fffffff)
#define HELD_MAX   8 /* spools of a thread: its own, an orphan's, and one that replaces another */

/* Descriptors with a lock, which a child inherits and would hold for as long as it lives. Written by the thread that
 * has them, read after a fork. */
static struct held {
    atomic_int fd; /* 0: free; the last one written, the first one cleared */
    dev_t device;
    ino_t inode;
} held[HELD_MAX];

/* Before the descriptor is locked. Where there is no place, a child keeps it. */
static void note_held(int fd) {
    struct stat info;
    for (size_t i = 0; i < HELD_MAX && fd > 0 && fstat(fd, &info) == 0; i++) {
        int free_place = 0;
        if (atomic_compare_exchange_strong(&held[i].fd, &free_place, -1)) {
            held[i].device = info.st_dev;
            held[i].inode = info.st_ino;
            atomic_store(&held[i].fd, fd);
            return;
        }
    }
}

static void forget_held(int fd) {
    for (size_t i = 0; i < HELD_MAX; i++) {
        int expected = fd;
        if (fd > 0 && atomic_compare_exchange_strong(&held[i].fd, &expected, 0)) {
            return;
        }
    }
}

void tg_spool_after_fork_in_child(void) {
    for (size_t i = 0; i < HELD_MAX; i++) {
        int fd = atomic_exchange(&held[i].fd, 0);
        if (fd > 0 && tg_descriptor_is(fd, held[i].device, held[i].inode)) {
            close(fd);
        }
    }
}

static enum tg_status failed(const struct tg_spool *spool, struct tg_error *err, const char *what) {
    return tg_error_set_errno(err, errno, "cannot %s the spool \"%s\"", what, spool->path);
}

static enum tg_status in_use(const struct tg_spool *spool, struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_BUSY, "the spool \"%s\" is in use by another process", spool->path);
}

/* All directories of the path, for the user alone. What fails shows when the last one is opened. */
static void make_directories(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

enum tg_status tg_spool_open_directory(const char *path, bool create, int *fd, struct tg_error *err) {
    return tg_runtime_open_other(path, "spool directory", "TACHOGRAPH_SPOOL_DIR", create, fd, err);
}

/* With `create`, makes it where it is missing. */
static enum tg_status try_directory(char *path, int length, size_t size, bool create, struct tg_error *err) {
    if (length <= 0 || (size_t)length >= size || path[0] != '/') {
        return tg_error_set(err, TG_ERROR_INVALID,
                            "the spool's directory \"%s\" is no absolute path of bearable length", path);
    }
    int fd = -1;
    if (create) {
        make_directories(path);
    }
    enum tg_status status = tg_spool_open_directory(path, create, &fd, err);
    if (status == TG_OK) {
        close(fd);
    }
    return status;
}

/* The one that the environment names. */
static enum tg_status try_own(char *path, size_t size, bool create, struct tg_error *err) {
    const char *chosen = getenv("TACHOGRAPH_SPOOL_DIR");
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    path[0] = '\0';
    if (chosen && chosen[0]) {
        return try_directory(path, snprintf(path, size, "%s", chosen), size, create, err);
    }
    if (state && state[0]) {
        return try_directory(path, snprintf(path, size, "%s/tachograph/spool", state), size, create, err);
    }
    if (home && home[0]) {
        return try_directory(path, snprintf(path, size, "%s/.local/state/tachograph/spool", home), size, create, err);
    }
    return tg_error_set(err, TG_ERROR_NOT_FOUND,
                        "no directory for batches that wait; set TACHOGRAPH_SPOOL_DIR to an absolute path");
}

enum tg_status tg_spool_find_directory(char *path, size_t size, struct tg_error *err) {
    return try_own(path, size, false, err);
}

enum tg_status tg_spool_directory(char *path, size_t size, const char *fallback, struct tg_error *err) {
    const char *chosen = getenv("TACHOGRAPH_SPOOL_DIR");
    enum tg_status status = try_own(path, size, true, err);
    if (status != TG_OK && fallback && fallback[0] && !(chosen && chosen[0])) {
        status = try_directory(path, snprintf(path, size, "%s", fallback), size, true, err);
    }
    return status;
}

static bool write_all(int fd, const void *bytes, size_t length, uint64_t at) {
    for (size_t done = 0; done < length;) {
        ssize_t written = pwrite(fd, (const char *)bytes + done, length - done, (off_t)(at + done));
        if (written < 0 && errno != EINTR) {
            return false;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* False with errno, which is 0 when the file ends before. */
static bool read_all(int fd, void *bytes, size_t length, uint64_t at) {
    for (size_t done = 0; done < length;) {
        ssize_t got = pread(fd, (char *)bytes + done, length - done, (off_t)(at + done));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            errno = got == 0 ? 0 : errno;
            return false;
        }
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static bool lock(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_SETLK, &whole) == 0;
}

static uint64_t padded(uint64_t length) {
    return (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static uint64_t checksum_of(const struct tg_spool_record *record, const void *bytes) {
    uint64_t hash = tg_hash_bytes(TG_HASH_INIT, &record->seq, sizeof record->seq);
    hash = tg_hash_bytes(hash, &record->kind, sizeof record->kind);
    hash = tg_hash_bytes(hash, &record->length, sizeof record->length);
    return tg_hash_bytes(hash, bytes, record->length);
}

/* The record at a place and its bytes; false: there is none that is whole. TG_ERROR_MEMORY, TG_ERROR_IO. */
static enum tg_status read_record(const struct tg_spool *spool, uint64_t at, struct tg_spool_record *record,
                                  struct tg_strbuf *bytes, bool *whole, struct tg_error *err) {
    char piece[16384];
    struct stat info;
    *whole = false;
    tg_strbuf_truncate(bytes, 0);
    if (fstat(spool->fd, &info) != 0) {
        return failed(spool, err, "look at");
    }
    uint64_t size = (uint64_t)info.st_size;
    if (at + sizeof *record > size) {
        return TG_OK;
    }
    if (!read_all(spool->fd, record, sizeof *record, at)) {
        return errno ? failed(spool, err, "read") : TG_OK;
    }
    at += sizeof *record;
    if (record->length > RECORD_MAX || record->length > size - at) {
        return TG_OK;
    }
    for (uint64_t done = 0; done < record->length;) {
        size_t length = record->length - done < sizeof piece ? (size_t)(record->length - done) : sizeof piece;
        if (!read_all(spool->fd, piece, length, at + done)) {
            return errno ? failed(spool, err, "read") : TG_OK;
        }
        tg_strbuf_append_bytes(bytes, piece, length);
        done += length;
    }
    if (tg_strbuf_status(bytes) != TG_OK) {
        return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to read the spool \"%s\"", spool->path);
    }
    *whole = checksum_of(record, tg_strbuf_text(bytes)) == record->checksum
             && (record->kind == TG_SPOOL_BATCH || record->kind == TG_SPOOL_SUM);
    return TG_OK;
}

/* Finds the last whole record. */
static enum tg_status find_end(struct tg_spool *spool, struct tg_error *err) {
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    uint64_t at = sizeof(struct tg_spool_header);
    enum tg_status status = TG_OK;
    spool->unstored_bytes = 0;
    for (;;) {
        struct tg_spool_record record;
        bool whole;
        status = read_record(spool, at, &record, &bytes, &whole, err);
        if (status != TG_OK || !whole || record.seq <= spool->last_seq) {
            break;
        }
        if (record.seq > spool->stored_seq && !spool->unstored_bytes) {
            spool->unstored_bytes = at;
        }
        spool->last_seq = record.seq;
        at += sizeof record + padded(record.length);
    }
    tg_strbuf_release(&bytes);
    spool->end_bytes = at;
    spool->unstored_bytes = spool->unstored_bytes ? spool->unstored_bytes : at;
    return status;
}

static enum tg_status cut_torn_end(const struct tg_spool *spool, struct tg_error *err) {
    struct stat info;
    bool cut = fstat(spool->fd, &info) != 0 || (uint64_t)info.st_size <= spool->end_bytes
               || ftruncate(spool->fd, (off_t)spool->end_bytes) == 0;
    return cut ? TG_OK : failed(spool, err, "cut the torn end of");
}

static enum tg_status check_header(struct tg_spool *spool, struct tg_error *err) {
    struct tg_spool_header header;
    if (!read_all(spool->fd, &header, sizeof header, 0)) {
        return errno ? failed(spool, err, "read")
                     : tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is no spool: it is too short", spool->path);
    }
    if (header.magic != TG_SPOOL_MAGIC || header.byte_order != TG_RECORDING_BYTE_ORDER) {
        return tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is no spool", spool->path);
    }
    if (header.version != TG_SPOOL_VERSION) {
        return tg_error_set(err, TG_ERROR_VERSION,
                            "the spool \"%s\" is of version %u, this program reads %d: use the one it was made with",
                            spool->path, header.version, TG_SPOOL_VERSION);
    }
    memcpy(spool->uuid, header.uuid, sizeof spool->uuid);
    memcpy(spool->store_url, header.store_url, sizeof spool->store_url);
    spool->store_url[sizeof spool->store_url - 1] = '\0';
    memcpy(spool->recording, header.recording, sizeof spool->recording);
    spool->recording[sizeof spool->recording - 1] = '\0';
    spool->stored_seq = header.stored_seq;
    return TG_OK;
}

static enum tg_status write_header(const struct tg_spool *spool, int fd, struct tg_error *err) {
    struct tg_spool_header header = {
        .magic = TG_SPOOL_MAGIC,
        .version = TG_SPOOL_VERSION,
        .byte_order = TG_RECORDING_BYTE_ORDER,
        .stored_seq = spool->stored_seq,
    };
    memcpy(header.uuid, spool->uuid, sizeof header.uuid);
    memcpy(header.store_url, spool->store_url, sizeof header.store_url);
    memcpy(header.recording, spool->recording, sizeof header.recording);
    return write_all(fd, &header, sizeof header, 0) ? TG_OK : failed(spool, err, "write");
}

/* Under the lock the file may have been removed or replaced by whoever had it before. */
static bool is_still_there(const struct tg_spool *spool) {
    struct stat named;
    struct stat opened;
    return stat(spool->path, &named) == 0 && fstat(spool->fd, &opened) == 0 && named.st_ino == opened.st_ino
           && named.st_dev == opened.st_dev;
}

/* The descriptor of the spool from now on, or -1. Keeps errno. */
static void take_descriptor(struct tg_spool *spool, int fd) {
    struct stat info;
    int error = errno;
    forget_held(fd);
    spool->fd = tg_descriptor_lift(fd);
    note_held(spool->fd);
    if (spool->fd >= 0 && fstat(spool->fd, &info) == 0) {
        spool->device = info.st_dev;
        spool->inode = info.st_ino;
    }
    errno = error;
}

static enum tg_status open_path(struct tg_spool *spool, int flags, struct tg_error *err) {
    take_descriptor(spool, open(spool->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, 0600));
    if (spool->fd < 0) {
        return failed(spool, err, "open");
    }
    return lock(spool->fd) && is_still_there(spool) ? TG_OK : in_use(spool, err);
}

static enum tg_status open_spool(struct tg_spool *spool, int flags, struct tg_error *err) {
    struct stat info;
    enum tg_status status = open_path(spool, flags, err);
    if (status == TG_OK && fstat(spool->fd, &info) != 0) {
        status = failed(spool, err, "look at");
    }
    if (status == TG_OK && flags && info.st_size < (off_t)sizeof(struct tg_spool_header)) {
        status = write_header(spool, spool->fd, err); /* new, or its maker was killed before it got further */
    }
    if (status == TG_OK) {
        status = check_header(spool, err);
    }
    if (status == TG_OK) {
        status = find_end(spool, err);
    }
    if (status == TG_OK) {
        status = cut_torn_end(spool, err);
    }
    if (status != TG_OK) {
        tg_spool_close(spool);
    }
    return status;
}

static void name_of(char *text, size_t size, const char *directory, const uint8_t uuid[16]) {
    int length = snprintf(text, size, "%s/", directory);
    for (int i = 0; i < 16 && length > 0 && (size_t)length < size; i++) {
        length += snprintf(text + length, size - (size_t)length, "%02x", uuid[i]);
    }
    if (length > 0 && (size_t)length < size) {
        snprintf(text + length, size - (size_t)length, "%s", TG_SPOOL_SUFFIX);
    }
}

enum tg_status tg_spool_open(struct tg_spool *spool, const char *directory, const uint8_t uuid[16],
                             const struct tg_spool_origin *origin, struct tg_error *err) {
    *spool = (struct tg_spool)TG_SPOOL_INIT;
    spool->bytes_max = TG_SPOOL_BYTES_MAX;
    memcpy(spool->uuid, uuid, sizeof spool->uuid);
    name_of(spool->path, sizeof spool->path, directory, uuid);
    if (origin) {
        snprintf(spool->store_url, sizeof spool->store_url, "%s", origin->store_url);
        snprintf(spool->recording, sizeof spool->recording, "%s", origin->recording);
    }
    enum tg_status status = open_spool(spool, origin ? O_CREAT : 0, err);
    if (status == TG_OK && memcmp(spool->uuid, uuid, sizeof spool->uuid) != 0) {
        tg_spool_close(spool);
        status = tg_error_set(err, TG_ERROR_FORMAT, "the spool \"%s\" is of another process", spool->path);
    }
    return status;
}

enum tg_status tg_spool_open_file(struct tg_spool *spool, const char *path, struct tg_error *err) {
    *spool = (struct tg_spool)TG_SPOOL_INIT;
    spool->bytes_max = TG_SPOOL_BYTES_MAX;
    snprintf(spool->path, sizeof spool->path, "%s", path);
    return open_spool(spool, 0, err);
}

static bool is_locked(int fd) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(fd, F_OFD_GETLK, &whole) != 0 || whole.l_type != F_UNLCK;
}

enum tg_status tg_spool_peek(struct tg_spool *spool, const char *path, struct tg_error *err) {
    *spool = (struct tg_spool)TG_SPOOL_INIT;
    snprintf(spool->path, sizeof spool->path, "%s", path);
    spool->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (spool->fd < 0) {
        return failed(spool, err, "open");
    }
    enum tg_status status = is_locked(spool->fd) ? in_use(spool, err) : check_header(spool, err);
    if (status == TG_OK) {
        status = find_end(spool, err);
    }
    tg_spool_close(spool);
    return status;
}

bool tg_spool_is_open(const struct tg_spool *spool) {
    return tg_descriptor_is(spool->fd, spool->device, spool->inode);
}

void tg_spool_close(struct tg_spool *spool) {
    forget_held(spool->fd);
    if (tg_spool_is_open(spool)) {
        close(spool->fd);
    }
    spool->fd = -1;
}

void tg_spool_remove(struct tg_spool *spool) {
    if (spool->fd >= 0 && is_still_there(spool)) {
        unlink(spool->path);
    }
    tg_spool_close(spool);
}

/* Writes a whole record, or leaves the file as it was. */
static enum tg_status write_record(const struct tg_spool *spool, int fd, uint64_t at, enum tg_spool_kind kind,
                                   const struct tg_batch *batch, uint64_t *end_bytes, struct tg_error *err) {
    struct tg_strbuf bytes = TG_STRBUF_INIT;
    struct tg_spool_record record = {.seq = batch->seq, .kind = kind};
    static const char zeros[ALIGNMENT];
    tg_strbuf_append_bytes(&bytes, &record, sizeof record);
    tg_batch_encode(batch, &bytes);
    enum tg_status status = tg_strbuf_status(&bytes);
    if (status != TG_OK || bytes.length - sizeof record > RECORD_MAX) {
        status =
            tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for a batch of %zu functions", batch->function_count);
        goto done;
    }
    record.length = (uint32_t)(bytes.length - sizeof record);
    record.checksum = checksum_of(&record, bytes.data + sizeof record);
    memcpy(bytes.data, &record, sizeof record);
    tg_strbuf_append_bytes(&bytes, zeros, padded(bytes.length) - bytes.length);
    status = tg_strbuf_status(&bytes);
    if (status == TG_OK && at + bytes.length > spool->bytes_max) {
        status = tg_error_set(err, TG_ERROR_FULL, "the spool \"%s\" is full: is its store there?", spool->path);
    } else if (status == TG_OK && !write_all(fd, bytes.data, bytes.length, at)) {
        status = failed(spool, err, "write to");
        if (ftruncate(fd, (off_t)at) != 0) {
            errno = 0; /* the next one overwrites it, and a reader sees that it is torn */
        }
    }
    *end_bytes = at + bytes.length;
done:
    tg_strbuf_release(&bytes);
    return status;
}

enum tg_status tg_spool_append(struct tg_spool *spool, const struct tg_batch *batch, struct tg_error *err) {
    assert(batch->seq == spool->last_seq + 1);
    uint64_t end_bytes;
    enum tg_status status = write_record(spool, spool->fd, spool->end_bytes, TG_SPOOL_BATCH, batch, &end_bytes, err);
    if (status == TG_OK) {
        spool->end_bytes = end_bytes;
        spool->last_seq = batch->seq;
    }
    return status;
}

void tg_spool_cursor_init(struct tg_spool_cursor *cursor, const struct tg_spool *spool, bool unstored_only) {
    *cursor = (struct tg_spool_cursor){
        .at_bytes = unstored_only ? spool->unstored_bytes : sizeof(struct tg_spool_header),
        .bytes = TG_STRBUF_INIT,
    };
}

void tg_spool_cursor_release(struct tg_spool_cursor *cursor) {
    tg_strbuf_release(&cursor->bytes);
    tg_batch_storage_release(&cursor->storage);
}

enum tg_status tg_spool_next(struct tg_spool *spool, struct tg_spool_cursor *cursor, struct tg_batch *batch,
                             bool *found, struct tg_error *err) {
    struct tg_spool_record record;
    *found = false;
    if (cursor->at_bytes >= spool->end_bytes) {
        return TG_OK;
    }
    bool whole;
    enum tg_status status = read_record(spool, cursor->at_bytes, &record, &cursor->bytes, &whole, err);
    if (status == TG_OK && !whole) {
        status = tg_error_set(err, TG_ERROR_FORMAT, "the spool \"%s\" has been changed by somebody else", spool->path);
    }
    if (status == TG_OK) {
        status = tg_batch_decode(batch, &cursor->storage, tg_strbuf_text(&cursor->bytes), record.length, err);
    }
    if (status == TG_OK) {
        cursor->kind = (enum tg_spool_kind)record.kind;
        cursor->at_bytes += sizeof record + padded(record.length);
        *found = true;
    }
    return status;
}

enum tg_status tg_spool_mark_stored(struct tg_spool *spool, uint64_t seq, uint64_t at_bytes, struct tg_error *err) {
    if (!write_all(spool->fd, &seq, sizeof seq, offsetof(struct tg_spool_header, stored_seq))) {
        return failed(spool, err, "write to");
    }
    spool->stored_seq = seq;
    spool->unstored_bytes = at_bytes;
    return TG_OK;
}

enum tg_status tg_spool_compact(struct tg_spool *spool, const struct tg_batch *sum, struct tg_error *err) {
    assert(sum->seq == spool->stored_seq && spool->stored_seq == spool->last_seq);
    char hidden[TG_SPOOL_PATH_SIZE + 8];
    snprintf(hidden, sizeof hidden, "%s.new", spool->path);
    uint64_t end_bytes = sizeof(struct tg_spool_header);
    int fd = open(hidden, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return failed(spool, err, "rewrite");
    }
    note_held(fd);
    enum tg_status status = write_header(spool, fd, err);
    if (status == TG_OK) {
        status = write_record(spool, fd, end_bytes, TG_SPOOL_SUM, sum, &end_bytes, err);
    }
    if (status == TG_OK && (!lock(fd) || rename(hidden, spool->path) != 0)) {
        status = failed(spool, err, "replace");
    }
    if (status != TG_OK) {
        unlink(hidden);
        forget_held(fd);
        close(fd);
        return status;
    }
    forget_held(spool->fd);
    close(spool->fd);
    take_descriptor(spool, fd);
    spool->end_bytes = spool->unstored_bytes = end_bytes;
    return TG_OK;
}

enum tg_status tg_spool_sync(struct tg_spool *spool, struct tg_error *err) {
    return fdatasync(spool->fd) == 0 ? TG_OK : failed(spool, err, "bring to the disk");
}
