/* live_source: see live_source.h. */
#include "serve/live_source.h"

#include "answer/live_json.h"
#include "measure/clock.h"

#include <stdio.h>
#include <string.h>

#define OLD_NS INT64_C(900000000) /* a page that asks every second sees something new each time */

void tg_live_source_init(struct tg_live_source *source) {
    const struct tg_live_options options = {.paths = NULL};
    pthread_mutex_init(&source->lock, NULL);
    tg_live_init(&source->live, &options);
}

void tg_live_source_release(struct tg_live_source *source) {
    tg_live_release(&source->live);
    pthread_mutex_destroy(&source->lock);
}

static enum tg_status refresh(struct tg_live *live, struct tg_error *err) {
    tg_ns now_ns = tg_clock_monotonic_ns();
    return live->refresh_count && now_ns - live->refreshed_monotonic_ns < OLD_NS
               ? TG_OK
               : tg_live_refresh(live, now_ns, tg_clock_wall_ns(), err);
}

enum tg_status tg_live_source_append_json(struct tg_live_source *source, struct tg_strbuf *out,
                                          const struct tg_live_query *query, size_t limit, struct tg_error *err) {
    struct tg_live_view view = {.rows = NULL};
    pthread_mutex_lock(&source->lock);
    enum tg_status status = refresh(&source->live, err);
    if (status == TG_OK) {
        status = tg_live_view_make(&view, &source->live, query, err);
    }
    if (status == TG_OK) {
        tg_live_json_append(out, &source->live, &view, query, limit, false);
    }
    tg_live_view_release(&view);
    pthread_mutex_unlock(&source->lock);
    return status;
}

static struct tg_live_process *find(const struct tg_live *live, const char *uuid) {
    for (size_t i = 0; i < live->process_count; i++) {
        char digits[2 * sizeof live->processes[i]->uuid + 1];
        for (size_t at = 0; at < sizeof live->processes[i]->uuid; at++) {
            snprintf(digits + 2 * at, 3, "%02x", live->processes[i]->uuid[at]);
        }
        if (live->processes[i]->alive && strcmp(digits, uuid) == 0) {
            return live->processes[i];
        }
    }
    return NULL;
}

enum tg_status tg_live_source_find(struct tg_live_source *source, const char *uuid, struct tg_strbuf *path,
                                   uint64_t *pid, struct tg_error *err) {
    pthread_mutex_lock(&source->lock);
    enum tg_status status = refresh(&source->live, err);
    if (status == TG_OK) {
        const struct tg_live_process *process = find(&source->live, uuid);
        if (process) {
            tg_strbuf_append(path, process->path);
            *pid = process->pid;
        } else {
            status = tg_error_set(err, TG_ERROR_NOT_FOUND,
                                  "no process of that uuid is recorded here: /api/v1/processes has those that are");
        }
    }
    pthread_mutex_unlock(&source->lock);
    return status;
}

void tg_live_source_note(struct tg_live_source *source, const char *uuid, const struct tg_sampler_status *sampler) {
    pthread_mutex_lock(&source->lock);
    struct tg_live_process *process = find(&source->live, uuid);
    if (process) {
        process->sampler = *sampler;
    }
    pthread_mutex_unlock(&source->lock);
}
