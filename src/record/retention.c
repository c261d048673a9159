/* retention: see retention.h. */
#include "record/retention.h"

#include "record/recording.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NAME_SIZE 64
#define GONE      UINT64_MAX /* bytes of a file that has been removed */

struct kept {
    char name[NAME_SIZE];
    int64_t changed_s;
    uint64_t bytes;
};

struct listing {
    struct kept *files;
    size_t count;
    size_t capacity;
    uint64_t bytes;
};

static bool is_recording_name(const char *name) {
    size_t length = strlen(name);
    size_t suffix = sizeof TG_RECORDING_SUFFIX - 1;
    return length > suffix && length < NAME_SIZE && strcmp(name + length - suffix, TG_RECORDING_SUFFIX) == 0;
}

static bool add_file(struct listing *listing, const char *name, const struct stat *info) {
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 64;
        struct kept *files = realloc(listing->files, capacity * sizeof *files);
        if (!files) {
            return false;
        }
        listing->files = files;
        listing->capacity = capacity;
    }
    struct kept *file = &listing->files[listing->count++];
    *file = (struct kept){.changed_s = (int64_t)info->st_mtime, .bytes = (uint64_t)info->st_blocks * 512};
    memcpy(file->name, name, strlen(name) + 1);
    listing->bytes += file->bytes;
    return true;
}

static void list_files(struct listing *listing, int directory_fd) {
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    const struct dirent *entry;
    struct stat info;
    while ((entry = readdir(directory))) {
        if (is_recording_name(entry->d_name) && fstatat(directory_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(info.st_mode) && !add_file(listing, entry->d_name, &info)) {
            break;
        }
    }
    closedir(directory);
}

static int by_age(const void *a, const void *b) {
    int64_t left = ((const struct kept *)a)->changed_s;
    int64_t right = ((const struct kept *)b)->changed_s;
    return (left > right) - (left < right);
}

/* What the file's bytes say of who still wants it. */
struct claims {
    bool is_of_run;
    bool is_uncollected; /* what it has counted is not yet in its store */
};

static struct claims read_claims(int fd, const uint8_t *run_uuid) {
    struct tg_header header;
    if (pread(fd, &header, sizeof header, 0) != (ssize_t)sizeof header) {
        return (struct claims){.is_of_run = false};
    }
    return (struct claims){
        .is_of_run = run_uuid && memcmp(header.run_uuid, run_uuid, sizeof header.run_uuid) == 0,
        .is_uncollected = header.magic == TG_RECORDING_MAGIC && header.store_url[0] && !header.collected,
    };
}

/* Whoever opens the file after us finds it unlinked or not at all: a recording is made under a name nobody has. */
static bool remove_if_dead(int directory_fd, const char *name, const uint8_t *run_uuid, bool also_uncollected) {
    int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    bool dead = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
    struct claims claims = read_claims(fd, run_uuid);
    close(fd);
    return dead && !claims.is_of_run && (also_uncollected || !claims.is_uncollected)
           && unlinkat(directory_fd, name, 0) == 0;
}

bool tg_retention_remove(int directory_fd, const char *name, bool also_uncollected) {
    return remove_if_dead(directory_fd, name, NULL, also_uncollected);
}

struct trimming {
    int directory_fd;
    size_t files_max;
    uint64_t bytes_max;
    const uint8_t *run_uuid;
    int64_t now_s;
};

static bool is_enough(const struct trimming *trimming, const struct tg_retention *result) {
    return result->file_count <= trimming->files_max / 4 * 3 && result->bytes <= trimming->bytes_max / 4 * 3;
}

/* Whether the file's age, or the lack of space, lets it go. */
static bool may_go(const struct trimming *trimming, const struct tg_retention *result, const struct kept *file,
                   int64_t rest_s) {
    bool is_unnamed = file->name[0] == '.'; /* being made, or never finished */
    bool is_old = trimming->now_s - file->changed_s >= rest_s;
    return is_old || (result->bytes > trimming->bytes_max && !is_unnamed);
}

/* Removes the oldest until it is enough: at first only those that nobody waits for. */
static void remove_oldest(const struct trimming *trimming, struct listing *listing, struct tg_retention *result,
                          bool also_uncollected) {
    int64_t rest_s = also_uncollected ? TG_RETENTION_UNCOLLECTED_S : TG_RETENTION_FRESH_S;
    for (size_t i = 0; i < listing->count && !is_enough(trimming, result); i++) {
        struct kept *file = &listing->files[i];
        if (file->bytes != GONE && may_go(trimming, result, file, rest_s)
            && remove_if_dead(trimming->directory_fd, file->name, trimming->run_uuid, also_uncollected)) {
            result->removed_count++;
            result->file_count--;
            result->bytes -= file->bytes;
            file->bytes = GONE;
        }
    }
}

struct tg_retention tg_retention_trim(int directory_fd, size_t files_max, uint64_t bytes_max, const uint8_t *run_uuid) {
    struct listing listing = {.files = NULL};
    list_files(&listing, directory_fd);
    struct tg_retention result = {.file_count = listing.count, .bytes = listing.bytes};
    struct statvfs space;
    if (fstatvfs(directory_fd, &space) == 0 && space.f_blocks * space.f_frsize / 4 < bytes_max) {
        bytes_max = space.f_blocks * space.f_frsize / 4; /* a container's memory file system is small */
    }
    if (result.file_count > files_max || result.bytes > bytes_max) {
        struct trimming trimming = {.directory_fd = directory_fd,
                                    .files_max = files_max,
                                    .bytes_max = bytes_max,
                                    .run_uuid = run_uuid,
                                    .now_s = tg_clock_wall_ns() / 1000000000};
        qsort(listing.files, listing.count, sizeof *listing.files, by_age);
        remove_oldest(&trimming, &listing, &result, false);
        remove_oldest(&trimming, &listing, &result, true);
    }
    free(listing.files);
    return result;
}
