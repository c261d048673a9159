/* history_files: see history_files.h. */
#include "cli/history_files.h"

#include "base/strbuf.h"
#include "store/store_url.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ENDING ".db"

static enum tg_status no_memory(struct tg_error *err) {
    return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory to list the histories");
}

/* The directory of every service's default file, with its last slash. */
static enum tg_status find_directory(struct tg_strbuf *directory, struct tg_error *err) {
    struct tg_strbuf text = TG_STRBUF_INIT;
    struct tg_store_url url = {.path = NULL};
    enum tg_status status = tg_store_url_default(&text, "any", err);
    if (status == TG_OK) {
        status = tg_store_url_parse(&url, tg_strbuf_text(&text), err);
    }
    if (status == TG_OK) {
        const char *slash = strrchr(url.path, '/');
        tg_strbuf_append_bytes(directory, url.path, slash ? (size_t)(slash - url.path) + 1 : 0);
    }
    tg_store_url_release(&url);
    tg_strbuf_release(&text);
    return status;
}

static tg_ns written_ns(const struct stat *info) {
    return (tg_ns)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
}

/* What was written last may still be in SQLite's log. An empty one is there as soon as somebody reads. */
static tg_ns log_written_ns(const char *path) {
    struct tg_strbuf log = TG_STRBUF_INIT;
    struct stat info;
    tg_strbuf_printf(&log, "%s-wal", path);
    bool has_log = stat(tg_strbuf_text(&log), &info) == 0 && info.st_size > 0;
    tg_strbuf_release(&log);
    return has_log ? written_ns(&info) : 0;
}

static enum tg_status add(struct tg_history_files *files, const char *path, struct tg_error *err) {
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return TG_OK;
    }
    struct tg_history_file *items = realloc(files->items, (files->count + 1) * sizeof *items);
    if (!items) {
        return no_memory(err);
    }
    files->items = items;
    struct tg_history_file *file = &items[files->count];
    *file = (struct tg_history_file){.path = strdup(path), .written_wall_ns = written_ns(&info)};
    if (!file->path) {
        return no_memory(err);
    }
    tg_ns log_ns = log_written_ns(path);
    file->written_wall_ns = log_ns > file->written_wall_ns ? log_ns : file->written_wall_ns;
    files->count++;
    return TG_OK;
}

static bool is_history(const char *name) {
    size_t length = strlen(name);
    return name[0] != '.' && length > strlen(ENDING) && strcmp(name + length - strlen(ENDING), ENDING) == 0;
}

static int newest_first(const void *one, const void *other) {
    const struct tg_history_file *a = one;
    const struct tg_history_file *b = other;
    int order = (b->written_wall_ns > a->written_wall_ns) - (b->written_wall_ns < a->written_wall_ns);
    return order ? order : strcmp(a->path, b->path);
}

static enum tg_status read_directory(struct tg_history_files *files, const char *directory, struct tg_error *err) {
    struct tg_strbuf path = TG_STRBUF_INIT;
    enum tg_status status = TG_OK;
    DIR *opened = opendir(directory);
    if (!opened) {
        return errno == ENOENT ? TG_OK : tg_error_set_errno(err, errno, "cannot look for histories in '%s'", directory);
    }
    const struct dirent *entry = NULL;
    while (status == TG_OK && (entry = readdir(opened))) {
        if (is_history(entry->d_name)) {
            tg_strbuf_truncate(&path, 0);
            tg_strbuf_printf(&path, "%s%s", directory, entry->d_name);
            status = tg_strbuf_status(&path) == TG_OK ? add(files, tg_strbuf_text(&path), err) : no_memory(err);
        }
    }
    closedir(opened);
    tg_strbuf_release(&path);
    return status;
}

enum tg_status tg_history_files_list(struct tg_history_files *files, struct tg_error *err) {
    struct tg_strbuf directory = TG_STRBUF_INIT;
    *files = (struct tg_history_files){.items = NULL};
    enum tg_status status = find_directory(&directory, err);
    if (status == TG_OK) {
        status = read_directory(files, tg_strbuf_text(&directory), err);
    }
    tg_strbuf_release(&directory);
    if (status != TG_OK) {
        tg_history_files_release(files);
    } else if (files->count > 0) {
        qsort(files->items, files->count, sizeof *files->items, newest_first);
    }
    return status;
}

void tg_history_files_release(struct tg_history_files *files) {
    if (!files) {
        return;
    }
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i].path);
    }
    free(files->items);
    *files = (struct tg_history_files){.items = NULL};
}
