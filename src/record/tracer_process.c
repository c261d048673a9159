/*
 * tracer_process: the tracer's life: open, close, fork, and the functions it knows.
 *
 * Fork. The locks are taken before and given back after, so the child finds the private lists whole. The child lets
 * the parent's recording go at once and makes its own only at its first timed call: most children never make one,
 * because they go on to exec.
 */
#include "record/tracer_state.h"

#include <stdio.h>
#include <string.h>

static void before_fork(void) {
    pthread_mutex_lock(&tg_tracer.fold_lock);
    pthread_mutex_lock(&tg_tracer.lock);
}

static void after_fork_in_parent(void) {
    pthread_mutex_unlock(&tg_tracer.lock);
    pthread_mutex_unlock(&tg_tracer.fold_lock);
}

static void after_fork_in_child(void) {
    tg_this_thread = NULL;
    if (tg_tracer.open) {
        memcpy(tg_tracer.parent_path, tg_tracer.recording.path, sizeof tg_tracer.parent_path);
        tg_recording_abandon(&tg_tracer.recording);
        tg_tracer.open = false;
        tg_tracer.inherited = !tg_tracer.alone;
        tg_tracer.generation++;
        tg_tracer.ended = NULL;
        tg_tracer.spare_counters = TG_PLACE_NONE;
        tg_tracer.free_entries = 0;
        tg_tracer.threads = NULL; /* not freed: a child leaves the heap alone until it needs it */
    }
    after_fork_in_parent(); /* the locks belong to the thread that forked: here this one */
}

static enum tg_status prepare_process(struct tg_error *err) {
    if (tg_tracer.prepared) {
        return TG_OK;
    }
    int error = pthread_key_create(&tg_tracer.thread_key, tg_thread_end);
    if (!error) {
        error = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    }
    if (error) {
        return tg_error_set_errno(err, error, "cannot prepare for threads and forks");
    }
    tg_tracer.prepared = true;
    return TG_OK;
}

static const char *keep_text(char *to, size_t size, const char *from) {
    snprintf(to, size, "%s", from ? from : "");
    return to;
}

static void keep_options(const struct tg_recording_options *given) {
    struct tg_recording_options *options = &tg_tracer.options;
    *options = *given;
    options->service = keep_text(tg_tracer.service, sizeof tg_tracer.service, given->service);
    options->service_version =
        keep_text(tg_tracer.service_version, sizeof tg_tracer.service_version, given->service_version);
    options->program = keep_text(tg_tracer.program, sizeof tg_tracer.program, given->program);
    options->store_url = keep_text(tg_tracer.store_url, sizeof tg_tracer.store_url, given->store_url);
    if (given->run_uuid) {
        options->run_uuid = memcpy(tg_tracer.run_uuid, given->run_uuid, sizeof tg_tracer.run_uuid);
    }
}

static enum tg_status open_recording(struct tg_error *note, struct tg_error *err) {
    tg_tracer.options.clock = tg_tracer.clock;
    enum tg_status status = tg_recording_open(&tg_tracer.recording, &tg_tracer.options, note, err);
    if (status == TG_OK) {
        tg_tracer.registry.published_count = 0;
        tg_function_registry_publish(&tg_tracer.registry, &tg_tracer.recording);
        tg_switch_reset();
    }
    return status;
}

bool tg_tracer_reopen(void) {
    if (tg_tracer.inherited) {
        tg_tracer.inherited = false; /* not even memory: it will not be tried with every call */
        tg_tracer.open = open_recording(NULL, NULL) == TG_OK;
        if (!tg_tracer.recording.path[0]) { /* its figures are for itself alone */
            tg_recording_count_lost_child(tg_tracer.parent_path);
        }
    }
    return tg_tracer.open;
}

void tg_tracer_continue(void) {
    pthread_mutex_lock(&tg_tracer.lock);
    bool reopens = tg_tracer.inherited && tg_tracer_reopen();
    pthread_mutex_unlock(&tg_tracer.lock);
    if (reopens && tg_tracer.reopened) {
        tg_tracer.reopened();
    }
}

enum tg_status tg_tracer_open(const struct tg_tracer_options *options, struct tg_error *note, struct tg_error *err) {
    if (tg_tracer.open || tg_tracer.inherited) {
        return tg_error_set(err, TG_ERROR_EXISTS, "this process has a recording already");
    }
    enum tg_status status = prepare_process(err);
    if (status == TG_OK) {
        keep_options(&options->recording);
        tg_tracer.clock = options->clock;
        tg_tracer.stack_root = options->stack_root;
        tg_tracer.alone = options->alone;
        tg_tracer.generation++;
        status = open_recording(note, err);
        tg_tracer.open = status == TG_OK;
    }
    return status;
}

void tg_tracer_describe(const struct tg_tracer_description *description) {
    pthread_mutex_lock(&tg_tracer.lock);
    struct tg_recording_options *options = &tg_tracer.options;
    if (description->service) {
        options->service = keep_text(tg_tracer.service, sizeof tg_tracer.service, description->service);
    }
    if (description->service_version) {
        options->service_version =
            keep_text(tg_tracer.service_version, sizeof tg_tracer.service_version, description->service_version);
    }
    if (description->store_url) {
        options->store_url = keep_text(tg_tracer.store_url, sizeof tg_tracer.store_url, description->store_url);
    }
    options->interval_ns = description->interval_ns;
    tg_tracer.reopened = description->reopened ? description->reopened : tg_tracer.reopened;
    if (tg_tracer.open) {
        tg_recording_describe(&tg_tracer.recording, options);
    }
    pthread_mutex_unlock(&tg_tracer.lock);
}

bool tg_tracer_is_open(void) {
    return tg_tracer.open || tg_tracer.inherited;
}

void tg_tracer_close(void) {
    if (!tg_tracer_is_open()) {
        return;
    }
    tg_this_thread = NULL;
    pthread_setspecific(tg_tracer.thread_key, NULL);
    while (tg_tracer.threads) {
        struct tg_thread *thread = tg_tracer.threads;
        tg_tracer.threads = thread->next;
        tg_thread_free(thread);
    }
    tg_recording_close(&tg_tracer.recording);
    tg_function_registry_release(&tg_tracer.registry);
    tg_tracer.open = false;
    tg_tracer.inherited = false;
    tg_tracer.generation++;
    tg_tracer.ended = NULL;
    tg_tracer.spare_counters = TG_PLACE_NONE;
    tg_tracer.free_entries = 0;
}

uint32_t tg_tracer_function(const struct tg_function_source *source) {
    pthread_mutex_lock(&tg_tracer.lock);
    uint32_t function = tg_function_registry_add(&tg_tracer.registry, source);
    if (tg_tracer.open) {
        tg_function_registry_publish(&tg_tracer.registry, &tg_tracer.recording);
        if (function == TG_FUNCTION_OVERFLOW) {
            TG_ADD(tg_tracer.recording.header->refused_functions, 1);
        }
    }
    pthread_mutex_unlock(&tg_tracer.lock);
    return function;
}

void tg_tracer_function_changed(const struct tg_function_source *source) {
    pthread_mutex_lock(&tg_tracer.lock);
    tg_function_registry_change(&tg_tracer.registry, tg_tracer.open ? &tg_tracer.recording : NULL, source);
    pthread_mutex_unlock(&tg_tracer.lock);
}

void tg_tracer_event(enum tg_event_kind kind, const char *text, size_t length) {
    pthread_mutex_lock(&tg_tracer.lock);
    if (tg_tracer.open) {
        tg_event_log_add(&tg_tracer.recording, kind, tg_clock_wall_ns(), text, length);
    }
    pthread_mutex_unlock(&tg_tracer.lock);
}

const struct tg_recording *tg_tracer_hold(void) {
    pthread_mutex_lock(&tg_tracer.fold_lock);
    pthread_mutex_lock(&tg_tracer.lock); /* a forked child's first call may be making it at this moment */
    bool open = tg_tracer.open;
    pthread_mutex_unlock(&tg_tracer.lock);
    return open ? &tg_tracer.recording : NULL;
}

void tg_tracer_let_go(void) {
    pthread_mutex_unlock(&tg_tracer.fold_lock);
}
