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

/* Whoever opens the file after us finds it unlinked or not at all: a recording is made under a name nobody has. */
static bool remove_if_dead(int directory_fd, const char *name, const uint8_t *run_uuid) {
    int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    bool dead = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
    struct tg_header header;
    if (dead && run_uuid && pread(fd, &header, sizeof header, 0) == (ssize_t)sizeof header) {
        dead = memcmp(header.run_uuid, run_uuid, sizeof header.run_uuid) != 0;
    }
    close(fd);
    return dead && unlinkat(directory_fd, name, 0) == 0;
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
        int64_t now_s = tg_clock_wall_ns() / 1000000000;
        qsort(listing.files, listing.count, sizeof *listing.files, by_age);
        for (size_t i = 0; i < listing.count; i++) {
            if (result.file_count <= files_max / 4 * 3 && result.bytes <= bytes_max / 4 * 3) {
                break;
            }
            bool fresh = now_s - listing.files[i].changed_s < TG_RETENTION_FRESH_S;
            bool unnamed = listing.files[i].name[0] == '.'; /* being made, or never finished */
            if ((!fresh || (result.bytes > bytes_max && !unnamed))
                && remove_if_dead(directory_fd, listing.files[i].name, run_uuid)) {
                result.removed_count++;
                result.file_count--;
                result.bytes -= listing.files[i].bytes;
            }
        }
    }
    free(listing.files);
    return result;
}
