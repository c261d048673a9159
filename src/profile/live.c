/* live: see live.h. */
#include "profile/live.h"

#include "record/catalog.h"
#include "record/reader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define APPEARING_NS INT64_C(100000000) /* that a recording may have needed to get its name */

void tg_live_init(struct tg_live *live, const struct tg_live_options *options) {
    *live = (struct tg_live){.options = *options};
}

void tg_live_release(struct tg_live *live) {
    if (!live) {
        return;
    }
    for (size_t i = 0; i < live->process_count; i++) {
        tg_live_process_free(live->processes[i]);
    }
    free(live->processes);
    tg_live_names_release(&live->names);
    struct tg_live_options options = live->options;
    tg_live_init(live, &options);
}

static bool is_chosen_pid(const struct tg_live_options *options, uint64_t pid) {
    for (size_t i = 0; i < options->pid_count; i++) {
        if (options->pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* With TACHOGRAPH_RUNTIME_DIR only what lies there is meant, unless something is asked for by name. */
static bool is_in_place(const struct tg_live *live, const struct tg_catalog_entry *entry) {
    return entry->chosen || live->options.pid_count || live->options.path_count;
}

/* Whether an ended process belongs to what is going on, or went on last. */
static bool is_of_interest(const struct tg_live *live, const struct tg_catalog *catalog,
                           const struct tg_catalog_entry *entry) {
    if (entry->started_wall_ns >= live->first_wall_ns) {
        return true; /* it began and ended between two refreshes */
    }
    const struct tg_catalog_entry *latest = NULL;
    bool any_lives = false;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct tg_catalog_entry *other = &catalog->entries[i];
        if (!is_in_place(live, other)) {
            continue;
        }
        if (other->alive && tg_catalog_is_of_run(entry, other->run_uuid)) {
            return true;
        }
        any_lives = any_lives || other->alive;
        latest = latest ? latest : other;
    }
    return !any_lives && latest && (entry == latest || tg_catalog_is_of_run(entry, latest->run_uuid));
}

/* Whether another with the same process id was started later. */
static bool is_outdated(const struct tg_catalog *catalog, const struct tg_catalog_entry *entry) {
    for (const struct tg_catalog_entry *later = catalog->entries; later < entry; later++) {
        if (later->pid == entry->pid) {
            return true;
        }
    }
    return false;
}

static bool is_wanted(const struct tg_live *live, const struct tg_catalog *catalog,
                      const struct tg_catalog_entry *entry) {
    const struct tg_live_options *options = &live->options;
    if (!is_in_place(live, entry) || (options->pid_count && !is_chosen_pid(options, entry->pid))) {
        return false;
    }
    if (entry->alive || options->with_ended) {
        return true;
    }
    if (options->pid_count) {
        return !is_outdated(catalog, entry);
    }
    return options->path_count || is_of_interest(live, catalog, entry);
}

static struct tg_live_process *find_process(const struct tg_live *live, const struct tg_catalog_entry *entry) {
    for (size_t i = 0; i < live->process_count; i++) {
        struct tg_live_process *process = live->processes[i];
        if (process->pid == entry->pid && process->started_wall_ns == entry->started_wall_ns
            && strcmp(process->path, entry->path) == 0) {
            return process;
        }
    }
    return NULL;
}

static enum tg_status add_process(struct tg_live *live, const struct tg_catalog_entry *entry, struct tg_error *err) {
    if (live->process_count == live->process_capacity) {
        size_t capacity = live->process_capacity ? live->process_capacity * 2 : 16;
        struct tg_live_process **processes = realloc(live->processes, capacity * sizeof *processes);
        if (!processes) {
            return tg_error_set(err, TG_ERROR_MEMORY, "not enough memory for another process");
        }
        live->processes = processes;
        live->process_capacity = capacity;
    }
    struct tg_live_process *process = NULL;
    enum tg_status status = tg_live_process_new(&process, entry, err);
    if (status == TG_OK) {
        process->number = ++live->next_number;
        process->is_seen = true;
        live->processes[live->process_count++] = process;
    }
    return status;
}

static enum tg_status take_catalog(struct tg_live *live, const struct tg_catalog *catalog, struct tg_error *err) {
    enum tg_status status = TG_OK;
    for (size_t i = catalog->count; i-- > 0 && status == TG_OK;) { /* the one started first comes first */
        const struct tg_catalog_entry *entry = &catalog->entries[i];
        struct tg_live_process *process = find_process(live, entry);
        if (process) {
            process->is_seen = true;
        } else if (is_wanted(live, catalog, entry)) {
            status = add_process(live, entry, err);
        }
    }
    return status;
}

static enum tg_status look_at_user(struct tg_live *live, struct tg_error *err) {
    struct tg_catalog catalog;
    enum tg_status status = tg_catalog_read(&catalog, 0, err);
    if (status == TG_OK) {
        status = take_catalog(live, &catalog, err);
        tg_catalog_release(&catalog);
    }
    return status;
}

static enum tg_status look_at_file(struct tg_live *live, const char *path, struct tg_error *err) {
    struct tg_reader reader;
    enum tg_status status = tg_reader_open(&reader, path, err);
    if (status != TG_OK) {
        return status;
    }
    char *copy = strdup(path);
    struct tg_catalog_entry entry = {
        .path = copy,
        .pid = reader.header->pid,
        .started_wall_ns = reader.header->started_wall_ns,
        .alive = reader.alive,
    };
    memcpy(entry.run_uuid, reader.header->run_uuid, sizeof entry.run_uuid);
    tg_reader_close(&reader);
    struct tg_catalog catalog = {.entries = &entry, .count = 1};
    status = copy ? take_catalog(live, &catalog, err) : tg_error_set(err, TG_ERROR_MEMORY, "not enough memory");
    free(copy);
    return status;
}

static enum tg_status look_at_path(struct tg_live *live, const char *path, struct tg_error *err) {
    struct stat info;
    struct tg_catalog catalog;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return look_at_file(live, path, err);
    }
    enum tg_status status = tg_catalog_read_directory(&catalog, path, err);
    if (status == TG_OK) {
        status = take_catalog(live, &catalog, err);
        tg_catalog_release(&catalog);
    }
    return status;
}

/* Finds what there is: new processes are added, all that are there are marked. */
static enum tg_status look(struct tg_live *live, struct tg_error *err) {
    if (live->options.path_count == 0) {
        return look_at_user(live, err);
    }
    enum tg_status status = TG_OK;
    for (size_t i = 0; i < live->options.path_count && status == TG_OK; i++) {
        status = look_at_path(live, live->options.paths[i], err);
        if (status != TG_OK && status != TG_ERROR_MEMORY && live->refresh_count > 0) {
            status = TG_OK; /* it is gone, as others may be */
        }
    }
    return status;
}

static void drop_unseen(struct tg_live *live) {
    size_t kept = 0;
    for (size_t i = 0; i < live->process_count; i++) {
        if (live->processes[i]->is_seen) {
            live->processes[kept++] = live->processes[i];
        } else {
            tg_live_process_free(live->processes[i]);
        }
    }
    live->process_count = kept;
}

/* Whether all that a new process has counted, it has counted since the last refresh. */
static bool has_begun_since(const struct tg_live *live, const struct tg_live_process *process) {
    return live->refresh_count > 0 && process->started_wall_ns >= live->refreshed_wall_ns - APPEARING_NS;
}

static enum tg_status read_all(struct tg_live *live, struct tg_error *err) {
    for (size_t i = 0; i < live->process_count; i++) {
        struct tg_live_process *process = live->processes[i];
        bool anew = process->is_new && !has_begun_since(live, process);
        struct tg_error reason = TG_ERROR_INIT;
        enum tg_status status = tg_live_process_read(process, &live->names, anew, &reason);
        if (status == TG_ERROR_MEMORY) {
            return tg_error_set(err, status, "%s", reason.message);
        }
        process->is_seen = status == TG_OK; /* else it is gone since it was listed, or ruined */
    }
    return TG_OK;
}

enum tg_status tg_live_refresh(struct tg_live *live, tg_ns now_monotonic_ns, tg_ns now_wall_ns, struct tg_error *err) {
    live->first_wall_ns = live->refresh_count ? live->first_wall_ns : now_wall_ns;
    for (size_t i = 0; i < live->process_count; i++) {
        live->processes[i]->is_seen = false;
    }
    enum tg_status status = look(live, err);
    if (status != TG_OK) {
        return status;
    }
    drop_unseen(live);
    status = read_all(live, err);
    if (status != TG_OK) {
        return status;
    }
    drop_unseen(live);
    live->interval_ns = live->refresh_count ? now_monotonic_ns - live->refreshed_monotonic_ns : 0;
    live->refreshed_monotonic_ns = now_monotonic_ns;
    live->refreshed_wall_ns = now_wall_ns;
    live->refresh_count++;
    return TG_OK;
}
