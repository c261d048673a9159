/* reader: see reader.h. */
#include "record/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

static enum tg_status map_file(struct tg_reader *reader, int fd, const char *path, struct tg_error *err) {
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return tg_error_set_errno(err, errno, "cannot look at \"%s\"", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is not a file; name a recording (*%s)", path,
                            TG_RECORDING_SUFFIX);
    }
    if (info.st_size < TG_HEADER_BYTES || info.st_size > (off_t)TG_RECORDING_CAPACITY_MAX_BYTES) {
        return tg_error_set(err, TG_ERROR_FORMAT, "\"%s\" is not a tachograph recording: its size is %lld bytes", path,
                            (long long)info.st_size);
    }
    void *mapping = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED) {
        return tg_error_set_errno(err, errno, "cannot map \"%s\"", path);
    }
    reader->mapping = mapping;
    reader->mapping_bytes = (size_t)info.st_size;
    return TG_OK;
}

/* A file that is being written may have grown since it was mapped: it is truncated only if it is too short now. */
static void set_view(struct tg_reader *reader, int fd) {
    uint64_t promised = atomic_load_explicit(&reader->header->reserved_bytes, memory_order_acquire);
    struct stat info;
    reader->truncated = fstat(fd, &info) != 0 || (uint64_t)info.st_size < promised;
    size_t bytes = promised < reader->mapping_bytes ? (size_t)promised : reader->mapping_bytes;
    reader->view = (struct tg_view){
        .base = reader->mapping,
        .bytes = bytes,
        .promised_bytes = reader->truncated ? promised : bytes,
    };
}

enum tg_status tg_reader_open(struct tg_reader *reader, const char *path, struct tg_error *err) {
    *reader = (struct tg_reader){.mapping = NULL};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return tg_error_set_errno(err, errno, "cannot open recording \"%s\"", path);
    }
    reader->alive = is_alive(fd);
    enum tg_status status = map_file(reader, fd, path, err);
    if (status == TG_OK) {
        reader->header = reader->mapping;
        status = check_header(reader->header, path, err);
    }
    if (status == TG_OK) {
        set_view(reader, fd);
    } else {
        tg_reader_close(reader);
    }
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
