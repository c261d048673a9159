/*
 * What the tests of src/record share: a runtime directory of their own, a clock they set, and figures by function name.
 */
#ifndef TG_RECORDING_FIXTURE_H
#define TG_RECORDING_FIXTURE_H

#include "record/reader.h"
#include "record/snapshot.h"
#include "record/tracer.h"

#include "cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char fixture_directory[64];

/* cmocka setup: TACHOGRAPH_RUNTIME_DIR is a new, empty directory. */
static inline int fixture_set_up(void **state) {
    (void)state;
    snprintf(fixture_directory, sizeof fixture_directory, "/tmp/tg-test-XXXXXX");
    return mkdtemp(fixture_directory) && setenv("TACHOGRAPH_RUNTIME_DIR", fixture_directory, 1) == 0 ? 0 : -1;
}

static inline void fixture_remove(const char *path) {
    DIR *directory = opendir(path);
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        unlinkat(dirfd(directory), entry->d_name, 0);
    }
    if (directory) {
        closedir(directory);
    }
    rmdir(path);
}

static inline int fixture_tear_down(void **state) {
    (void)state;
    tg_tracer_close();
    fixture_remove(fixture_directory);
    return 0;
}

/* As fixture_set_up(), and a recording that nobody times into. */
static inline int fixture_open(void **state, struct tg_recording *recording) {
    const struct tg_recording_options options = {.service = NULL};
    return fixture_set_up(state) == 0 && tg_recording_open(recording, &options, NULL, NULL) == TG_OK ? 0 : -1;
}

/* The clock that tests set by hand. */
static _Atomic uint64_t fixture_now_ns;

static inline uint64_t fixture_read_clock(void) {
    return atomic_load(&fixture_now_ns);
}

static inline void fixture_at(uint64_t now_ns) {
    atomic_store(&fixture_now_ns, now_ns);
}

static inline void fixture_open_with(struct tg_tracer_options options) {
    struct tg_error note = TG_ERROR_INIT;
    struct tg_error err = TG_ERROR_INIT;
    if (!options.clock.kind) {
        tg_clock_init_injected(&options.clock, fixture_read_clock);
    }
    fixture_at(1000);
    if (tg_tracer_open(&options, &note, &err) != TG_OK) {
        fail_msg("tracer: %s; %s", err.message, note.message);
    }
}

/* cmocka setup: the above, and a tracer that reads the clock above. */
static inline int fixture_set_up_tracer(void **state) {
    if (fixture_set_up(state) != 0) {
        return -1;
    }
    fixture_open_with((struct tg_tracer_options){.stack_root = NULL});
    return 0;
}

static inline uint32_t fixture_function(const char *name) {
    return tg_tracer_function(&(struct tg_function_source){.name = name, .name_bytes = strlen(name)});
}

static inline struct tg_snapshot fixture_snapshot(bool by_thread) {
    struct tg_snapshot snapshot;
    const struct tg_recording *recording = tg_tracer_hold();
    assert_non_null(recording);
    struct tg_view view = tg_view_of_recording(recording);
    assert_int_equal(tg_snapshot_take(&snapshot, &view, by_thread, NULL), TG_OK);
    tg_tracer_let_go();
    return snapshot;
}

static inline const struct tg_snapshot_row *fixture_row(const struct tg_snapshot *snapshot, const char *name) {
    for (size_t i = 0; i < snapshot->row_count; i++) {
        const struct tg_snapshot_row *row = &snapshot->rows[i];
        if (row->name_bytes == strlen(name) && memcmp(row->name, name, row->name_bytes) == 0) {
            return row;
        }
    }
    return NULL;
}

/* A function's figures over all threads, without the histogram; all zero when it was not called. */
static inline struct tg_measures fixture_figures(const char *name) {
    struct tg_snapshot snapshot = fixture_snapshot(false);
    const struct tg_snapshot_row *row = fixture_row(&snapshot, name);
    struct tg_measures figures = {.call_count = 0};
    if (row) {
        figures = row->measures;
        figures.histogram = NULL;
    }
    assert_int_equal(snapshot.damaged_count, 0);
    tg_snapshot_release(&snapshot);
    return figures;
}

static inline void fixture_assert_times(const char *name, uint64_t calls, uint64_t total, uint64_t cumulative,
                                        uint64_t active, uint64_t self) {
    struct tg_measures is = fixture_figures(name);
    if (is.call_count != calls || is.total_ns != total || is.cumulative_ns != cumulative || is.active_ns != active
        || is.self_ns != self) {
        fail_msg("%s: calls %llu total %llu cumulative %llu active %llu self %llu, "
                 "not %llu %llu %llu %llu %llu",
                 name, (unsigned long long)is.call_count, (unsigned long long)is.total_ns,
                 (unsigned long long)is.cumulative_ns, (unsigned long long)is.active_ns, (unsigned long long)is.self_ns,
                 (unsigned long long)calls, (unsigned long long)total, (unsigned long long)cumulative,
                 (unsigned long long)active, (unsigned long long)self);
    }
}

/* One call of `function` that takes `ns` of the clock above. */
static inline void fixture_call(uint32_t function, uint64_t ns) {
    struct tg_call call;
    tg_tracer_enter(&call, function, 0);
    atomic_fetch_add(&fixture_now_ns, ns);
    tg_tracer_exit(&call, false);
}

/* The path of the one recording in the test's directory that is not `other` (may be NULL), or "". */
static inline void fixture_find_recording(char *path, size_t size, const char *other) {
    path[0] = '\0';
    DIR *directory = opendir(fixture_directory);
    assert_non_null(directory);
    const struct dirent *entry;
    char found[512];
    while ((entry = readdir(directory))) {
        snprintf(found, sizeof found, "%s/%s", fixture_directory, entry->d_name);
        if (entry->d_name[0] != '.' && (!other || strcmp(found, other) != 0)) {
            snprintf(path, size, "%s", found);
        }
    }
    closedir(directory);
}

/* Waits for a child and fails unless it exited with 0. */
static inline void fixture_expect_success(pid_t child) {
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("child: %s %d", WIFEXITED(status) ? "exit" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

#endif
