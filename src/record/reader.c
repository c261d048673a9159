/* reader: see reader.h. */
#include "record/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES 16384

static enum tg_status check_header(const struct tg_header *header, const char *path, struct tg_error *err) {
    bool is_reversed = header->magic == __builtin_bswap64(TG_RECORDING_MAGIC);
    if (header->magic != TG_RECORDING_MAGIC && !is_reversed) {
        return tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is not a tachograph recording", path);
    }
    if (is_reversed || header->byte_order != TG_RECORDING_BYTE_ORDER) {
        return tg_error_set(err, TG_ERROR_FORMAT,
                            "recording \"%s\" was written on a machine of another byte order; "
                            "read it there",
                            path);
    }
    if (header->version > TG_RECORDING_VERSION) {
        return tg_error_set(
            err, TG_ERROR_VERSION,
            "recording \"%s\" has format version %u, this program reads up to %d; use a newer tachograph", path,
            (unsigned)header->version, TG_RECORDING_VERSION);
    }
    if (header->version == 0 || header->header_bytes != TG_HEADER_BYTES
        || header->counters_bytes != sizeof(struct tg_counters)
        || atomic_load(&header->reserved_bytes) < TG_HEADER_BYTES) {
        return tg_error_set(err, TG_ERROR_FORMAT, "the header of recording \"%s\" is damaged", path);
    }
    return TG_OK;
}

static bool is_alive(int fd) {
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Opens the file and sees whether it can be a recording at all. */
static enum tg_status open_file(const char *path, int *fd, size_t *bytes, struct tg_error *err) {
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat info;
    if (*fd < 0) {
        return tg_error_set_errno(err, errno, "cannot open recording \"%s\"", path);
    }
    enum tg_status status = TG_OK;
    if (fstat(*fd, &info) != 0) {
        status = tg_error_set_errno(err, errno, "cannot look at \"%s\"", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is not a file; name a recording (*%s)", path,
                              TG_RECORDING_SUFFIX);
    } else if (info.st_size < TG_HEADER_BYTES || info.st_size > (off_t)TG_RECORDING_CAPACITY_MAX_BYTES) {
        status = tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is not a tachograph recording: its size is %lld bytes",
                              path, (long long)info.st_size);
    }
    if (status != TG_OK) {
        close(*fd);
        *fd = -1;
        return status;
    }
    *bytes = (size_t)info.st_size;
    return TG_OK;
}

static enum tg_status read_header(int fd, const char *path, struct tg_header *header, struct tg_error *err) {
    ssize_t got = pread(fd, header, sizeof *header, 0);
    if (got < 0) {
        return tg_error_set_errno(err, errno, "cannot read \"%s\"", path);
    }
    if ((size_t)got < sizeof *header) { /* it was longer a moment ago */
        return tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is not a tachograph recording: its size is %zd bytes", path,
                            got);
    }
    return check_header(header, path, err);
}

static bool is_zero(const unsigned char *bytes, size_t count) {
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

/* Reads what there is of the first `bytes` bytes into zeroed memory, and lets holes of the file cost none. */
static size_t copy_file(int fd, unsigned char *to, size_t bytes) {
    unsigned char part[COPY_BYTES];
    size_t copied = 0;
    while (copied < bytes) {
        size_t wanted = bytes - copied < sizeof part ? bytes - copied : sizeof part;
        ssize_t got = pread(fd, part, wanted, (off_t)copied);
        if (got <= 0) {
            break; /* what cannot be read is missing, as if it had been cut off */
        }
        if (!is_zero(part, (size_t)got)) {
            memcpy(to + copied, part, (size_t)got);
        }
        copied += (size_t)got;
    }
    return copied;
}

/* Makes reader->mapping of the file's first `bytes` bytes; reader->view.bytes is then how many there are. */
static enum tg_status map_or_copy(struct tg_reader *reader, int fd, const char *path, size_t bytes,
                                  struct tg_error *err) {
    void *mapping = reader->alive
                        ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0)
                        : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) {
        return tg_error_set_errno(err, errno, "cannot map \"%s\"", path);
    }
    reader->mapping = mapping;
    reader->mapping_bytes = bytes;
    reader->view.bytes = reader->alive ? bytes : copy_file(fd, mapping, bytes);
    reader->header = mapping;
    if (reader->view.bytes < TG_HEADER_BYTES) {
        return tg_error_set(err, TG_ERROR_IO, "\"%s\" was cut short while it was read", path);
    }
    return check_header(reader->header, path, err);
}

/* A file that is being written may have grown since it was mapped: it is truncated only if it is too short now. */
static void set_view(struct tg_reader *reader, int fd) {
    uint64_t promised = atomic_load_explicit(&reader->header->reserved_bytes, memory_order_acquire);
    size_t bytes = reader->view.bytes;
    struct stat info;
    reader->truncated = reader->alive ? fstat(fd, &info) != 0 || (uint64_t)info.st_size < promised : bytes < promised;
    bytes = promised < bytes ? (size_t)promised : bytes;
    reader->view = (struct tg_view){
        .base = reader->mapping,
        .bytes = bytes,
        .promised_bytes = reader->truncated ? promised : bytes,
    };
}

enum tg_status tg_reader_open(struct tg_reader *reader, const char *path, struct tg_error *err) {
    *reader = (struct tg_reader){.mapping = NULL};
    int fd = -1;
    size_t bytes = 0;
    struct tg_header header;
    enum tg_status status = open_file(path, &fd, &bytes, err);
    if (status != TG_OK) {
        return status;
    }
    reader->alive = is_alive(fd);
    status = read_header(fd, path, &header, err);
    if (status == TG_OK) {
        uint64_t promised = atomic_load(&header.reserved_bytes);
        bytes = !reader->alive && promised < bytes ? (size_t)promised : bytes;
        status = map_or_copy(reader, fd, path, bytes, err);
    }
    if (status == TG_OK) {
        set_view(reader, fd);
    } else {
        tg_reader_close(reader);
    }
    close(fd);
    return status;
}

enum tg_status tg_reader_peek(const char *path, struct tg_header *header, bool *alive) {
    int fd = -1;
    size_t bytes = 0;
    enum tg_status status = open_file(path, &fd, &bytes, NULL);
    if (status != TG_OK) {
        return status;
    }
    *alive = is_alive(fd);
    status = read_header(fd, path, header, NULL);
    close(fd);
    return status;
}

void tg_reader_close(struct tg_reader *reader) {
    if (reader && reader->mapping) {
        munmap(reader->mapping, reader->mapping_bytes);
        *reader = (struct tg_reader){.mapping = NULL};
    }
}

struct tg_view tg_view_of_recording(const struct tg_recording *recording) {
    uint64_t bytes = atomic_load_explicit(&recording->header->reserved_bytes, memory_order_acquire);
    return (struct tg_view){.base = recording->base, .bytes = (size_t)bytes, .promised_bytes = bytes};
}
