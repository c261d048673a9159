/* catalog: see catalog.h. */
#include "record/catalog.h"

#include "record/reader.h"
#include "record/recording.h"
#include "record/runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list the recordings");
}

static bool is_recording_name(const char *name) {
    size_t length = strlen(name);
    size_t suffix = strlen(TG_RECORDING_SUFFIX);
    return name[0] != '.' && length > suffix && strcmp(name + length - suffix, TG_RECORDING_SUFFIX) == 0;
}

/* Takes ownership of `path`, which is freed when it names no recording. */
static enum tg_status add_path(struct tg_catalog *catalog, char *path, struct tg_error *err) {
    struct tg_header header;
    bool alive = false;
    if (tg_reader_peek(path, &header, &alive) != TG_OK) {
        free(path);
        return TG_OK;
    }
    if (catalog->count == catalog->capacity) {
        size_t capacity = catalog->capacity ? catalog->capacity * 2 : 16;
        struct tg_catalog_entry *entries = realloc(catalog->entries, capacity * sizeof *entries);
        if (!entries) {
            free(path);
            return no_memory(err);
        }
        catalog->entries = entries;
        catalog->capacity = capacity;
    }
    struct tg_catalog_entry *entry = &catalog->entries[catalog->count++];
    *entry = (struct tg_catalog_entry){
        .path = path,
        .pid = header.pid,
        .started_wall_ns = header.started_wall_ns,
        .alive = alive,
    };
    memcpy(entry->run_uuid, header.run_uuid, sizeof entry->run_uuid);
    return TG_OK;
}

/* Whether the file was made before then. A file's time comes from a clock that lags behind by a tick. */
static bool is_older(int directory_fd, const char *name, int64_t since_wall_ns) {
    struct stat info;
    if (fstatat(directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return true; /* it is gone */
    }
    return (int64_t)info.st_mtim.tv_sec < since_wall_ns / 1000000000 - 1;
}

/* Adds what lies in an open directory; closes it. */
static enum tg_status add_directory(struct tg_catalog *catalog, DIR *directory, const char *path, int64_t since_wall_ns,
                                    struct tg_error *err) {
    enum tg_status status = TG_OK;
    const char *slash = path[0] && path[strlen(path) - 1] == '/' ? "" : "/";
    struct dirent *entry = NULL;
    while (status == TG_OK && (entry = readdir(directory))) {
        if (!is_recording_name(entry->d_name)
            || (since_wall_ns && is_older(dirfd(directory), entry->d_name, since_wall_ns))) {
            continue;
        }
        size_t size = strlen(path) + strlen(entry->d_name) + 2;
        char *file = malloc(size);
        if (!file) {
            status = no_memory(err);
            break;
        }
        snprintf(file, size, "%s%s%s", path, slash, entry->d_name);
        status = add_path(catalog, file, err);
    }
    closedir(directory);
    return status;
}

static int compare(const void *one, const void *other) {
    const struct tg_catalog_entry *a = one;
    const struct tg_catalog_entry *b = other;
    if (a->started_wall_ns != b->started_wall_ns) {
        return a->started_wall_ns > b->started_wall_ns ? -1 : 1;
    }
    return strcmp(a->path, b->path);
}

static enum tg_status finish(struct tg_catalog *catalog, enum tg_status status) {
    if (status != TG_OK) {
        tg_catalog_release(catalog);
    } else if (catalog->count) {
        qsort(catalog->entries, catalog->count, sizeof *catalog->entries, compare);
    }
    return status;
}

/* $TACHOGRAPH_RUNTIME_DIR may be one of the other candidates. */
static bool is_repeated(const struct tg_runtime_paths *candidates, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(candidates->paths[i], candidates->paths[index]) == 0) {
            return true;
        }
    }
    return false;
}

enum tg_status tg_catalog_read(struct tg_catalog *catalog, int64_t since_wall_ns, struct tg_error *err) {
    *catalog = (struct tg_catalog){.entries = NULL};
    struct tg_runtime_paths candidates;
    tg_runtime_candidates(&candidates);
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < candidates.count && status == TG_OK; i++) {
        int fd = -1;
        if (is_repeated(&candidates, i) || tg_runtime_open(candidates.paths[i], false, &fd, NULL) != TG_OK) {
            continue; /* not there, or not ours: no recording of this user lies in it */
        }
        DIR *directory = fdopendir(fd);
        if (!directory) {
            close(fd);
            return finish(catalog, no_memory(err));
        }
        size_t before = catalog->count;
        status = add_directory(catalog, directory, candidates.paths[i], since_wall_ns, err);
        for (size_t j = before; j < catalog->count; j++) {
            catalog->entries[j].chosen = !candidates.is_chosen || i < candidates.chosen_count;
        }
    }
    return finish(catalog, status);
}

enum tg_status tg_catalog_read_directory(struct tg_catalog *catalog, const char *path, struct tg_error *err) {
    *catalog = (struct tg_catalog){.entries = NULL};
    DIR *directory = opendir(path);
    if (!directory) {
        return tg_error_set_errno(err, errno, "cannot open directory \"%s\"", path);
    }
    return finish(catalog, add_directory(catalog, directory, path, 0, err));
}

void tg_catalog_release(struct tg_catalog *catalog) {
    if (!catalog) {
        return;
    }
    for (size_t i = 0; i < catalog->count; i++) {
        free(catalog->entries[i].path);
    }
    free(catalog->entries);
    *catalog = (struct tg_catalog){.entries = NULL};
}

bool tg_catalog_is_of_run(const struct tg_catalog_entry *entry, const uint8_t run_uuid[16]) {
    static const uint8_t none[16] = {0};
    return memcmp(run_uuid, none, sizeof none) != 0 && memcmp(entry->run_uuid, run_uuid, sizeof none) == 0;
}
