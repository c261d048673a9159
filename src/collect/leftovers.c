/* leftovers: see leftovers.h. */
#include "collect/leftovers.h"

#include "collect/orphans.h"
#include "collect/spool.h"
#include "record/reader.h"
#include "record/retention.h"
#include "record/runtime.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HALF_SPOOL   TG_SPOOL_SUFFIX ".new"
#define BEING_MADE_S 600 /* a file so old is not being made any more */

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list what there is");
}

void tg_leftovers_release(struct tg_leftovers *leftovers) {
    if (!leftovers) {
        return;
    }
    for (size_t i = 0; i < leftovers->count; i++) {
        free(leftovers->items[i].name);
        free(leftovers->items[i].store_url);
    }
    for (size_t i = 0; i < leftovers->directory_count; i++) {
        free(leftovers->directories[i].path);
    }
    free(leftovers->items);
    free(leftovers->directories);
    *leftovers = (struct tg_leftovers){.items = NULL};
}

static bool ends_with(const char *name, const char *suffix) {
    size_t length = strlen(name);
    size_t wanted = strlen(suffix);
    return length > wanted && strcmp(name + length - wanted, suffix) == 0;
}

/* What the name says. False: it is not one of ours. */
static bool kind_of(const char *name, enum tg_leftover_kind *kind) {
    if (strcmp(name, TG_RUNTIME_SWITCH) == 0) {
        *kind = TG_LEFTOVER_SWITCH;
    } else if (ends_with(name, TG_RECORDING_SUFFIX)) {
        *kind = name[0] == '.' ? TG_LEFTOVER_UNFINISHED : TG_LEFTOVER_RECORDING;
    } else if (ends_with(name, HALF_SPOOL)) {
        *kind = TG_LEFTOVER_UNFINISHED;
    } else if (ends_with(name, TG_SPOOL_SUFFIX)) {
        *kind = TG_LEFTOVER_SPOOL;
    } else {
        return false;
    }
    return true;
}

static bool join(char *path, size_t size, const char *directory, const char *name) {
    int length = snprintf(path, size, "%s/%s", directory, name);
    return length > 0 && (size_t)length < size;
}

static enum tg_status keep_store(struct tg_leftover *item, const char *url, struct tg_error *err) {
    item->state = TG_LEFTOVER_WAITING;
    item->store_url = strdup(url);
    return item->store_url ? TG_OK : no_memory(err);
}

static enum tg_status judge_recording(struct tg_leftover *item, const char *path, struct tg_error *err) {
    struct tg_header header;
    bool alive;
    if (tg_reader_peek(path, &header, &alive) != TG_OK) {
        item->state = TG_LEFTOVER_KEPT;
        return TG_OK;
    }
    item->pid = header.pid;
    header.store_url[sizeof header.store_url - 1] = '\0';
    if (alive) {
        item->state = TG_LEFTOVER_USED;
    } else if (header.store_url[0] && !atomic_load_explicit(&header.collected, memory_order_relaxed)) {
        return keep_store(item, header.store_url, err);
    }
    return TG_OK;
}

static enum tg_status judge_spool(struct tg_leftover *item, const char *path, struct tg_error *err) {
    struct tg_spool spool;
    enum tg_status status = tg_spool_peek(&spool, path, NULL);
    if (status == TG_ERROR_BUSY) {
        item->state = TG_LEFTOVER_USED;
    } else if (status == TG_OK && spool.stored_seq != spool.last_seq) {
        item->batch_count = spool.last_seq - spool.stored_seq;
        return keep_store(item, spool.store_url, err);
    } else if (status != TG_OK || tg_orphans_need_spool(&spool)) {
        item->state = TG_LEFTOVER_KEPT;
    }
    return TG_OK;
}

static enum tg_status judge(struct tg_leftover *item, const char *path, struct tg_error *err) {
    item->state = TG_LEFTOVER_DONE;
    switch (item->kind) {
    case TG_LEFTOVER_RECORDING:
        return judge_recording(item, path, err);
    case TG_LEFTOVER_SPOOL:
        return judge_spool(item, path, err);
    case TG_LEFTOVER_UNFINISHED:
        item->state = time(NULL) - item->changed_s < BEING_MADE_S ? TG_LEFTOVER_USED : TG_LEFTOVER_DONE;
        return TG_OK;
    case TG_LEFTOVER_SWITCH:
        item->state = TG_LEFTOVER_KEPT;
        return TG_OK;
    }
    return TG_OK;
}

/* A new last one, or NULL; releasing it is right from here on. */
static struct tg_leftover *add_item(struct tg_leftovers *leftovers) {
    if (leftovers->count == leftovers->capacity) {
        size_t capacity = leftovers->capacity ? leftovers->capacity * 2 : 32;
        struct tg_leftover *items = realloc(leftovers->items, capacity * sizeof *items);
        if (!items) {
            return NULL;
        }
        leftovers->items = items;
        leftovers->capacity = capacity;
    }
    struct tg_leftover *item = &leftovers->items[leftovers->count++];
    *item = (struct tg_leftover){.directory = leftovers->directory_count - 1};
    return item;
}

/* One entry of the directory opened last. */
static enum tg_status add_entry(struct tg_leftovers *leftovers, int directory_fd, const char *name,
                                struct tg_error *err) {
    struct tg_leftover_directory *directory = &leftovers->directories[leftovers->directory_count - 1];
    enum tg_leftover_kind kind;
    struct stat info;
    char path[TG_RUNTIME_PATH_SIZE + 256];
    bool is_ours = kind_of(name, &kind) && join(path, sizeof path, directory->path, name);
    if (fstatat(directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        return TG_OK; /* gone meanwhile */
    }
    if (!is_ours || (kind != TG_LEFTOVER_SWITCH && !S_ISREG(info.st_mode))) {
        directory->other_count++;
        return TG_OK;
    }
    struct tg_leftover *item = add_item(leftovers);
    if (!item || !(item->name = strdup(name))) {
        return no_memory(err);
    }
    item->kind = kind;
    item->bytes = (uint64_t)info.st_blocks * 512;
    item->changed_s = (int64_t)info.st_mtime;
    return judge(item, path, err);
}

static bool is_listed(const struct tg_leftovers *leftovers, const char *path) {
    for (size_t i = 0; i < leftovers->directory_count; i++) {
        if (strcmp(leftovers->directories[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static enum tg_status walk(struct tg_leftovers *leftovers, int fd, struct tg_error *err) {
    DIR *open_directory = fdopendir(fd);
    const struct dirent *entry;
    enum tg_status status = TG_OK;
    if (!open_directory) {
        close(fd);
        return no_memory(err);
    }
    while (status == TG_OK && (entry = readdir(open_directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            status = add_entry(leftovers, fd, entry->d_name, err);
        }
    }
    closedir(open_directory);
    return status;
}

/* One for recordings or for spools: whoever reads why it is left out learns what to set instead. */
static enum tg_status add_directory(struct tg_leftovers *leftovers, const char *path, bool is_for_spools,
                                    struct tg_error *err) {
    int fd = -1;
    struct tg_error reason = TG_ERROR_INIT;
    if (path[0] != '/' || is_listed(leftovers, path)) {
        return TG_OK;
    }
    enum tg_status opened =
        is_for_spools ? tg_spool_open_directory(path, false, &fd, &reason) : tg_runtime_open(path, false, &fd, &reason);
    if (opened == TG_ERROR_NOT_FOUND) {
        return TG_OK;
    }
    size_t size = (leftovers->directory_count + 1) * sizeof *leftovers->directories;
    struct tg_leftover_directory *directories = realloc(leftovers->directories, size);
    char *copy = directories ? strdup(path) : NULL;
    leftovers->directories = directories ? directories : leftovers->directories;
    if (!copy) {
        if (fd >= 0) {
            close(fd);
        }
        return no_memory(err);
    }
    leftovers->directories[leftovers->directory_count++] = (struct tg_leftover_directory){.path = copy, .err = reason};
    return opened == TG_OK ? walk(leftovers, fd, err) : TG_OK;
}

/* The directories of spools that recordings name. */
static enum tg_status add_named(struct tg_leftovers *leftovers, struct tg_error *err) {
    size_t count = leftovers->count;
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        const struct tg_leftover *item = &leftovers->items[i];
        struct tg_header header;
        bool alive;
        char path[TG_RUNTIME_PATH_SIZE + 256];
        if (item->kind == TG_LEFTOVER_RECORDING && item->state != TG_LEFTOVER_KEPT
            && join(path, sizeof path, leftovers->directories[item->directory].path, item->name)
            && tg_reader_peek(path, &header, &alive) == TG_OK) {
            header.spool[sizeof header.spool - 1] = '\0';
            status = add_directory(leftovers, header.spool, true, err);
        }
    }
    return status;
}

static int by_group(const void *one, const void *other) {
    const struct tg_leftover *a = one;
    const struct tg_leftover *b = other;
    if (a->directory != b->directory) {
        return a->directory < b->directory ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->state != b->state) {
        return a->state < b->state ? -1 : 1;
    }
    int order = strcmp(a->store_url ? a->store_url : "", b->store_url ? b->store_url : "");
    return order ? order : strcmp(a->name, b->name);
}

static bool has_recordings(const char *path) {
    DIR *directory = opendir(path);
    const struct dirent *entry = NULL;
    bool found = false;
    while (directory && !found && (entry = readdir(directory))) {
        found = ends_with(entry->d_name, TG_RECORDING_SUFFIX);
    }
    if (directory) {
        closedir(directory);
    }
    return found;
}

enum tg_status tg_leftovers_find(struct tg_leftovers *leftovers, struct tg_error *err) {
    struct tg_runtime_paths candidates;
    char spools[TG_SPOOL_PATH_SIZE];
    enum tg_status status = TG_OK;
    *leftovers = (struct tg_leftovers){.items = NULL};
    tg_runtime_candidates(&candidates);
    size_t count = candidates.is_chosen ? candidates.chosen_count : candidates.count;
    for (size_t i = 0; i < count && status == TG_OK; i++) {
        /* Of a chosen directory and the one of ours inside, the first is used, or will be: the other may be shared. */
        bool is_beside = i > 0 && i < candidates.chosen_count;
        int fd = -1;
        if (is_beside && tg_runtime_open(candidates.paths[i], false, &fd, NULL) != TG_OK
            && !has_recordings(candidates.paths[i])) {
            continue;
        }
        if (fd >= 0) {
            close(fd);
        }
        status = add_directory(leftovers, candidates.paths[i], false, err);
    }
    if (status == TG_OK && tg_spool_find_directory(spools, sizeof spools, NULL) != TG_ERROR_NOT_FOUND) {
        status = add_directory(leftovers, spools, true, err);
    }
    if (status == TG_OK) {
        status = add_named(leftovers, err);
    }
    if (status != TG_OK) {
        tg_leftovers_release(leftovers);
    } else if (leftovers->count) {
        qsort(leftovers->items, leftovers->count, sizeof *leftovers->items, by_group);
    }
    return status;
}

static bool remove_spool(const char *path, bool also_waiting) {
    struct tg_spool spool;
    if (tg_spool_open_file(&spool, path, NULL) != TG_OK) {
        return false;
    }
    bool may_go = also_waiting || (spool.stored_seq == spool.last_seq && !tg_orphans_need_spool(&spool));
    if (may_go) {
        tg_spool_remove(&spool);
    }
    tg_spool_close(&spool);
    return may_go && access(path, F_OK) != 0;
}

bool tg_leftover_remove(const struct tg_leftovers *leftovers, const struct tg_leftover *item, bool also_waiting) {
    const char *directory = leftovers->directories[item->directory].path;
    char path[TG_RUNTIME_PATH_SIZE + 256];
    int fd = -1;
    if ((item->state != TG_LEFTOVER_DONE && !(item->state == TG_LEFTOVER_WAITING && also_waiting))
        || !join(path, sizeof path, directory, item->name) || tg_runtime_open(directory, false, &fd, NULL) != TG_OK) {
        return false;
    }
    bool removed = item->kind == TG_LEFTOVER_SPOOL ? remove_spool(path, also_waiting)
                                                   : tg_retention_remove(fd, item->name, also_waiting);
    close(fd);
    return removed;
}
