/* doctor_places: directories and the store. See doctor.h. */
#include "cli/doctor.h"

#include "base/humanize.h"
#include "base/trial.h"
#include "collect/leftovers.h"
#include "collect/spool.h"
#include "record/runtime.h"
#include "store/store.h"
#include "store/store_url.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CONTAINER_SHM_BYTES (UINT64_C(64) << 20) /* what containers get unless more is asked for */
#define LITTLE_BYTES        (UINT64_C(16) << 20)
#define STORE_CALL_NS       INT64_C(5000000000)

struct room {
    bool known;
    bool is_memory;
    uint64_t bytes;
    uint64_t free_bytes;
};

/* Of the file system that the path lies in, or will. */
static struct room room_of(const char *path) {
    struct statfs type;
    struct statvfs space;
    struct tg_strbuf existing = TG_STRBUF_INIT;
    tg_trial_append_existing(&existing, path);
    const char *at = tg_strbuf_text(&existing);
    struct room room = {.known = statfs(at, &type) == 0 && statvfs(at, &space) == 0};
    tg_strbuf_release(&existing);
    if (room.known) {
        room.is_memory = type.f_type == TMPFS_MAGIC || type.f_type == RAMFS_MAGIC;
        room.bytes = (uint64_t)space.f_blocks * space.f_frsize;
        room.free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    }
    return room;
}

/* The directory in which recordings will be made. */
static void judge_runtime(struct tg_doctor *doctor, const char *path) {
    struct room room = room_of(path);
    if (!room.known) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "in %s", path);
    } else if (room.free_bytes < LITTLE_BYTES) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM,
                      "tachograph clean, or a larger file system: TACHOGRAPH_RUNTIME_DIR names one",
                      "in %s only %s are free: calls may find no space to be counted", path,
                      tg_humanize_bytes(room.free_bytes).text);
    } else if (room.is_memory && room.bytes <= CONTAINER_SHM_BYTES) {
        tg_doctor_add(
            doctor, TG_VERDICT_NOTE, "docker run --shm-size=256m, or a volume named by TACHOGRAPH_RUNTIME_DIR",
            "%s is on a file system of %s, as containers have: a program with many threads or functions may fill it",
            path, tg_humanize_bytes(room.bytes).text);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "in %s, %s, %s free", path, room.is_memory ? "in memory" : "on disk",
                      tg_humanize_bytes(room.free_bytes).text);
    }
}

/* Whether a directory that is not there yet could be made. */
static bool can_be_made(const char *path) {
    struct tg_strbuf existing = TG_STRBUF_INIT;
    tg_trial_append_existing(&existing, path);
    bool can = tg_trial_directory(tg_strbuf_text(&existing)) == 0;
    tg_strbuf_release(&existing);
    return can;
}

/* "runtime directory "/srv/run/tachograph-1000" cannot be made: /srv/run: Permission denied" */
static void explain_unmade(const char *path, struct tg_error *why) {
    struct tg_strbuf existing = TG_STRBUF_INIT;
    tg_trial_append_existing(&existing, path);
    const char *directory = tg_strbuf_text(&existing);
    (void)tg_error_set(why, TG_ERROR_NOT_FOUND, "runtime directory \"%s\" cannot be made: %s: %s", path, directory,
                       strerrordesc_np(tg_trial_directory(directory)));
    tg_strbuf_release(&existing);
}

/* True: recordings will be made there. Else either said, or it is not there, and `why` it cannot be made. */
static bool try_runtime(struct tg_doctor *doctor, const char *path, struct tg_error *why) {
    int fd = -1;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_runtime_open(path, false, &fd, &err);
    if (fd >= 0) {
        close(fd);
    }
    if (status == TG_OK || (status == TG_ERROR_NOT_FOUND && can_be_made(path))) {
        judge_runtime(doctor, path);
        return true;
    }
    if (status == TG_ERROR_NOT_FOUND) {
        explain_unmade(path, why);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, NULL, "%s", err.message);
    }
    return false;
}

void tg_doctor_ask_recordings(struct tg_doctor *doctor) {
    struct tg_runtime_paths candidates;
    struct tg_error why = TG_ERROR_INIT;
    bool found = false;
    doctor->group = "recordings";
    tg_runtime_candidates(&candidates);
    enum tg_status status = candidates.writer_count ? TG_OK : tg_runtime_check_chosen(&why);
    for (size_t i = 0; i < candidates.writer_count && status == TG_OK && !found; i++) {
        found = try_runtime(doctor, candidates.paths[i], &why);
    }
    if (!found) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM,
                      "set TACHOGRAPH_RUNTIME_DIR to an absolute path of a directory of your own",
                      "%s%sthere is no directory for them: timings stay inside each process, and no history is kept",
                      why.message, why.message[0] ? "; so " : "");
    }
}

static void ask_spool(struct tg_doctor *doctor) {
    char path[TG_SPOOL_PATH_SIZE];
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_spool_find_directory(path, sizeof path, &err);
    if (status != TG_OK && !(status == TG_ERROR_NOT_FOUND && path[0] && can_be_made(path))) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "set TACHOGRAPH_SPOOL_DIR to a directory of your own", "%s",
                      err.message);
        return;
    }
    struct room room = room_of(path);
    if (room.known && room.free_bytes < LITTLE_BYTES) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "make space, or set TACHOGRAPH_SPOOL_DIR",
                      "in %s, where figures wait for their store, only %s are free", path,
                      tg_humanize_bytes(room.free_bytes).text);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "figures wait for their store in %s, %s free", path,
                      tg_humanize_bytes(room.free_bytes).text);
    }
}

static void ask_waiting(struct tg_doctor *doctor) {
    struct tg_leftovers leftovers;
    size_t waiting = 0;
    const char *store = "";
    if (tg_leftovers_find(&leftovers, NULL) != TG_OK) {
        return;
    }
    for (size_t i = 0; i < leftovers.count; i++) {
        if (leftovers.items[i].state == TG_LEFTOVER_WAITING) {
            waiting++;
            store = leftovers.items[i].store_url;
        }
    }
    if (waiting) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "tachograph collect stores them; tachograph clean shows all of them",
                      "%zu file%s of ended processes %s for a store, such as %s", waiting, waiting == 1 ? "" : "s",
                      waiting == 1 ? "waits" : "wait", store);
    }
    tg_leftovers_release(&leftovers);
}

/* A history in a file that is not there yet. */
static void judge_new_file(struct tg_doctor *doctor, const char *path) {
    struct tg_strbuf existing = TG_STRBUF_INIT;
    tg_trial_append_existing(&existing, path);
    const char *directory = tg_strbuf_text(&existing);
    int error = tg_trial_directory(directory);
    if (error) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "name another store, or make it writable",
                      "%s cannot be made: %s: %s", path, directory, strerrordesc_np(error));
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "%s is made by the first program that keeps one", path);
    }
    tg_strbuf_release(&existing);
}

static void judge_store(struct tg_doctor *doctor, const char *text) {
    static const struct tg_store_options reading = {.read_only = true, .timeout_ns = STORE_CALL_NS};
    struct tg_strbuf place = TG_STRBUF_INIT;
    struct tg_store_url url = {.path = NULL};
    struct tg_store *store = NULL;
    struct tg_store_status known;
    struct tg_error err = TG_ERROR_INIT;
    enum tg_status status = tg_store_url_parse(&url, text, &err);
    if (status == TG_OK && url.path && access(url.path, F_OK) != 0 && errno == ENOENT) {
        judge_new_file(doctor, url.path);
        tg_store_url_release(&url);
        return;
    }
    if (url.path && access(url.path, W_OK) != 0) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "name another store, or make it writable",
                      "%s cannot be written to: %s", url.path, strerrordesc_np(errno));
    }
    tg_store_url_release(&url);
    if (status == TG_OK) {
        status = tg_store_url_append_place(&place, text, &err);
    }
    if (status == TG_OK) {
        status = tg_store_open(&store, text, &reading, &err);
    }
    if (status == TG_OK) {
        status = tg_store_status(store, &known, &err);
    }
    if (status == TG_OK) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "%s, %s", tg_strbuf_text(&place), known.engine);
    } else {
        bool is_problem = status != TG_ERROR_NOT_FOUND;
        tg_doctor_add(doctor, is_problem ? TG_VERDICT_PROBLEM : TG_VERDICT_NOTE,
                      is_problem ? "mend that, or name another store; until then figures wait on disk" : NULL, "%s",
                      err.message);
    }
    tg_store_close(store);
    tg_strbuf_release(&place);
}

void tg_doctor_ask_history(struct tg_doctor *doctor) {
    const char *set = tg_settings_get(doctor->settings, TG_SETTING_STORE);
    const char *service = tg_settings_get(doctor->settings, TG_SETTING_SERVICE);
    const char *name = service ? service : doctor->settings->project.name;
    struct tg_strbuf usual = TG_STRBUF_INIT;
    struct tg_error err = TG_ERROR_INIT;
    doctor->group = "history";
    if (set && strcmp(set, TG_NO_STORE) == 0) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, NULL, "none is kept, because the store is set to '" TG_NO_STORE "'");
        return;
    }
    if (set) {
        judge_store(doctor, set);
    } else if (tg_store_url_default(&usual, name ? name : "SERVICE", &err) == TG_OK) {
        judge_store(doctor, tg_strbuf_text(&usual));
    } else {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "set HOME, or name a store with TACHOGRAPH_STORE", "%s", err.message);
    }
    tg_strbuf_release(&usual);
    ask_spool(doctor);
    ask_waiting(doctor);
}
