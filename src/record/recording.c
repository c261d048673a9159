/* recording: see recording.h. */
#include "record/recording.h"

#include "record/retention.h"

#include "base/descriptor.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_BYTES       ((uint64_t)32 << 10)
#define GROWTH_BYTES      ((uint64_t)256 << 10)
#define RETRY_NS          INT64_C(1000000000)
#define INTERRUPTIONS_MAX 100

/* A file over the limit would be a signal (SIGXFSZ), which ends the program. */
static bool is_within_limit(uint64_t bytes) {
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY || bytes <= limit.rlim_cur;
}

/* Never asks again for bytes that are reserved already: where the file system cannot reserve, the C library writes to
 * the range instead, which must not happen to bytes in use. */
static enum tg_status reserve_file(int fd, uint64_t from, uint64_t to, struct tg_error *err) {
    int error = is_within_limit(to) ? EINTR : EFBIG;
    for (int i = 0; error == EINTR && i < INTERRUPTIONS_MAX; i++) {
        error = posix_fallocate(fd, (off_t)from, (off_t)(to - from));
    }
    if (error) {
        return tg_error_set_errno(err, error, "cannot reserve %" PRIu64 " bytes for the recording", to - from);
    }
    return TG_OK;
}

static enum tg_status lock_file(int fd, struct tg_error *err) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        return tg_error_set_errno(err, errno, "cannot lock the recording");
    }
    return TG_OK;
}

static enum tg_status map_shared(struct tg_recording *recording, int fd, struct tg_error *err) {
    int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    void *base = mmap(NULL, recording->capacity_bytes, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (base == MAP_FAILED) {
        return tg_error_set_errno(err, errno, "cannot map %" PRIu64 " bytes for the recording",
                                  recording->capacity_bytes);
    }
    if (madvise(base, recording->capacity_bytes, MADV_DONTFORK) != 0) {
        enum tg_status status = tg_error_set_errno(err, errno, "cannot keep the recording out of forked children");
        munmap(base, recording->capacity_bytes);
        return status;
    }
    recording->base = base;
    recording->header = base;
    return TG_OK;
}

static void copy_text(char *to, size_t size, const char *from) {
    size_t length = from ? tg_utf8_cut(from, strlen(from), size - 1) : 0;
    if (length) {
        memcpy(to, from, length);
    }
    to[length] = '\0';
}

/* A thread's processor time says nothing of when. */
static void write_tick_rate(struct tg_header *header, const struct tg_clock *clock) {
    if (clock->scale && clock->kind != TG_CLOCK_CPU) {
        header->started_ticks = tg_clock_ticks(clock);
        header->clock_scale = clock->scale;
    }
}

void tg_recording_describe(struct tg_recording *recording, const struct tg_recording_options *options) {
    struct tg_header *header = recording->header;
    copy_text(header->service, sizeof header->service, options->service);
    copy_text(header->service_version, sizeof header->service_version, options->service_version);
    copy_text(header->program, sizeof header->program, options->program);
    copy_text(header->store_url, sizeof header->store_url, options->store_url);
    header->interval_ns = options->interval_ns;
}

static void write_header(struct tg_recording *recording, const struct tg_recording_options *options,
                         const uint8_t uuid[16], uint64_t reserved_bytes) {
    struct tg_header *header = recording->header;
    header->version = TG_RECORDING_VERSION;
    header->header_bytes = TG_HEADER_BYTES;
    header->byte_order = TG_RECORDING_BYTE_ORDER;
    header->counters_bytes = sizeof(struct tg_counters);
    header->capacity_bytes = recording->capacity_bytes;
    memcpy(header->uuid, uuid, sizeof header->uuid);
    if (options->run_uuid) {
        memcpy(header->run_uuid, options->run_uuid, sizeof header->run_uuid);
    }
    header->pid = (uint64_t)getpid();
    header->parent_pid = (uint64_t)getppid();
    header->started_wall_ns = tg_clock_wall_ns();
    header->started_monotonic_ns = tg_clock_monotonic_ns();
    header->clock_kind = (uint32_t)options->clock.kind;
    write_tick_rate(header, &options->clock);
    header->python_version = options->python_version;
    if (gethostname(header->host, sizeof header->host - 1) != 0) {
        header->host[0] = '\0';
    }
    tg_recording_describe(recording, options);
    atomic_store_explicit(&header->reserved_bytes, reserved_bytes, memory_order_relaxed);
    atomic_store_explicit(&header->used_bytes, TG_HEADER_BYTES, memory_order_relaxed);
    header->magic = TG_RECORDING_MAGIC;
}

/* Where the file system is full, recordings of ended processes make room. */
static enum tg_status reserve_first(int fd, int directory_fd, const uint8_t *run_uuid, struct tg_error *err) {
    enum tg_status status = reserve_file(fd, 0, FIRST_BYTES, err);
    if (status != TG_OK && tg_retention_trim(directory_fd, 0, 0, run_uuid).removed_count > 0) {
        status = reserve_file(fd, 0, FIRST_BYTES, err);
    }
    return status;
}

/* The name appears only when the file is whole: made under a name no reader looks at, then renamed. */
static enum tg_status create_file(struct tg_recording *recording, const struct tg_recording_options *options,
                                  const char *directory, const uint8_t uuid[16], struct tg_error *err) {
    char name[64];
    char hidden[72];
    snprintf(name, sizeof name, "%ld-%02x%02x%02x%02x%02x%02x%02x%02x" TG_RECORDING_SUFFIX, (long)getpid(), uuid[0],
             uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7]);
    snprintf(hidden, sizeof hidden, ".%s", name);

    int directory_fd = -1;
    struct stat info;
    enum tg_status status = tg_runtime_open(directory, true, &directory_fd, err);
    if (status != TG_OK) {
        return status;
    }
    tg_retention_trim(directory_fd, TG_RETENTION_FILES, TG_RETENTION_BYTES, options->run_uuid);
    int fd = tg_descriptor_lift(openat(directory_fd, hidden, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd < 0) {
        status = tg_error_set_errno(err, errno, "cannot make a recording in \"%s\"", directory);
        goto done;
    }
    if ((status = lock_file(fd, err)) != TG_OK
        || (status = reserve_first(fd, directory_fd, options->run_uuid, err)) != TG_OK
        || (status = map_shared(recording, fd, err)) != TG_OK) {
        goto done;
    }
    write_header(recording, options, uuid, FIRST_BYTES);
    if (fstat(fd, &info) != 0 || renameat(directory_fd, hidden, directory_fd, name) != 0) {
        status = tg_error_set_errno(err, errno, "cannot name the recording in \"%s\"", directory);
        goto done;
    }
    recording->fd = fd;
    recording->device = info.st_dev;
    recording->inode = info.st_ino;
    snprintf(recording->path, sizeof recording->path, "%s/%s", directory, name);
done:
    if (status != TG_OK && recording->base) {
        munmap(recording->base, recording->capacity_bytes);
        recording->base = NULL;
        recording->header = NULL;
    }
    if (status != TG_OK && fd >= 0) {
        unlinkat(directory_fd, hidden, 0);
        close(fd);
    }
    close(directory_fd);
    return status;
}

static enum tg_status create_anywhere(struct tg_recording *recording, const struct tg_recording_options *options,
                                      const uint8_t uuid[16], struct tg_error *note) {
    struct tg_runtime_paths candidates;
    tg_runtime_candidates(&candidates);
    enum tg_status status = tg_error_set(note, TG_ERROR_NOT_FOUND,
                                         "no directory for recordings; set TACHOGRAPH_RUNTIME_DIR to an absolute path");
    for (size_t i = 0; status != TG_OK && i < candidates.writer_count; i++) {
        status = create_file(recording, options, candidates.paths[i], uuid, note);
    }
    if (status == TG_OK && note) {
        *note = (struct tg_error)TG_ERROR_INIT; /* that an earlier candidate failed is no news */
    }
    return status;
}

enum tg_status tg_recording_open(struct tg_recording *recording, const struct tg_recording_options *options,
                                 struct tg_error *note, struct tg_error *err) {
    *recording = (struct tg_recording){.fd = -1};
    recording->capacity_bytes = options->capacity_bytes ? options->capacity_bytes : TG_RECORDING_CAPACITY_BYTES;
    if (recording->capacity_bytes < FIRST_BYTES || recording->capacity_bytes > TG_RECORDING_CAPACITY_MAX_BYTES) {
        return tg_error_set(err, TG_ERROR_INVALID, "a recording cannot have %" PRIu64 " bytes; choose 32 KiB to 4 GiB",
                            recording->capacity_bytes);
    }
    uint8_t uuid[16] = {0};
    if (getrandom(uuid, sizeof uuid, GRND_NONBLOCK) != (ssize_t)sizeof uuid) {
        uint64_t now[2] = {(uint64_t)tg_clock_wall_ns(), (uint64_t)getpid() << 32 ^ (uint64_t)tg_clock_monotonic_ns()};
        memcpy(uuid, now, sizeof uuid);
    }
    if (create_anywhere(recording, options, uuid, note) == TG_OK) {
        return TG_OK;
    }
    enum tg_status status = map_shared(recording, -1, err);
    if (status == TG_OK) {
        write_header(recording, options, uuid, recording->capacity_bytes);
    }
    return status;
}

static bool fd_is_still_ours(const struct tg_recording *recording) {
    return tg_descriptor_is(recording->fd, recording->device, recording->inode);
}

void tg_recording_abandon(struct tg_recording *recording) {
    if (fd_is_still_ours(recording)) {
        close(recording->fd);
    }
    *recording = (struct tg_recording){.fd = -1};
}

void tg_recording_count_lost_child(const char *path) {
    int fd = path[0] ? open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    struct stat info;
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &info) == 0 && info.st_size >= TG_HEADER_BYTES) {
        struct tg_header *header = mmap(NULL, TG_HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (header != MAP_FAILED) {
            atomic_fetch_add_explicit(&header->lost_children, 1, memory_order_relaxed);
            munmap(header, TG_HEADER_BYTES);
        }
    }
    close(fd);
}

void tg_recording_close(struct tg_recording *recording) {
    if (!recording || !recording->base) {
        return;
    }
    munmap(recording->base, recording->capacity_bytes);
    tg_recording_abandon(recording);
}

static bool reopen(struct tg_recording *recording) {
    if (!recording->path[0]) {
        return false;
    }
    recording->fd = tg_descriptor_lift(open(recording->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (fd_is_still_ours(recording)) {
        return true;
    }
    if (recording->fd >= 0) {
        close(recording->fd);
        recording->fd = -1;
    }
    return false;
}

static bool grow(struct tg_recording *recording, uint64_t wanted_bytes) {
    struct tg_header *header = recording->header;
    uint64_t reserved = atomic_load_explicit(&header->reserved_bytes, memory_order_relaxed);
    if (wanted_bytes <= reserved) {
        return true;
    }
    tg_ns now_ns = tg_clock_monotonic_ns();
    if (wanted_bytes > recording->capacity_bytes || now_ns < recording->refused_until_ns) {
        return false;
    }
    uint64_t bytes = (wanted_bytes + GROWTH_BYTES - 1) / GROWTH_BYTES * GROWTH_BYTES;
    bytes = bytes > recording->capacity_bytes ? recording->capacity_bytes : bytes;
    if ((!fd_is_still_ours(recording) && !reopen(recording))
        || reserve_file(recording->fd, reserved, bytes, NULL) != TG_OK) {
        recording->refused_until_ns = now_ns + RETRY_NS;
        return false;
    }
    atomic_store_explicit(&header->reserved_bytes, bytes, memory_order_release);
    return true;
}

uint32_t tg_recording_reserve(struct tg_recording *recording, size_t bytes) {
    struct tg_header *header = recording->header;
    uint64_t used = atomic_load_explicit(&header->used_bytes, memory_order_relaxed);
    uint64_t end = used + (bytes + TG_UNIT_BYTES - 1) / TG_UNIT_BYTES * TG_UNIT_BYTES;
    if (!grow(recording, end)) {
        uint64_t refused = atomic_load_explicit(&header->refused_count, memory_order_relaxed);
        atomic_store_explicit(&header->refused_count, refused + 1, memory_order_relaxed);
        return TG_PLACE_NONE;
    }
    atomic_store_explicit(&header->used_bytes, end, memory_order_relaxed);
    return (uint32_t)(used / TG_UNIT_BYTES);
}
