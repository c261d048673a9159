/* doctor_machine: clock, kernel and limits. See doctor.h. */
#include "cli/doctor.h"

#include "base/humanize.h"
#include "measure/clock.h"
#include "record/retention.h"
#include "watch/watch.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ENOUGH_FILES        64
#define ENOUGH_FILE_BYTES   (UINT64_C(64) << 20)  /* a recording and a spool may grow so large */
#define ENOUGH_MEMORY_BYTES (UINT64_C(256) << 20) /* recordings in memory count as the container's */

/* The first line of a file of the kernel's, or NULL. */
static const char *read_line(const char *path, char *line, size_t size) {
    FILE *file = fopen(path, "re");
    const char *read = file ? fgets(line, (int)size, file) : NULL;
    if (file) {
        fclose(file);
    }
    if (read) {
        line[strcspn(line, "\n")] = '\0';
    }
    return read;
}

void tg_doctor_ask_clock(struct tg_doctor *doctor) {
    struct tg_clock clock;
    doctor->group = "clock";
    const char *obstacle = tg_clock_tsc_obstacle();
    if (!obstacle && tg_clock_init(&clock, TG_CLOCK_TSC, NULL) == TG_OK && clock.scale) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "the processor's time-stamp counter, %.2f GHz",
                      4294967296.0 / (double)clock.scale);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_NOTE,
                      "on a machine of your own: clocksource=tsc for the kernel, where it is stable",
                      "clock_gettime, which costs about 30 ns more for each timed call: %s",
                      obstacle ? obstacle : "the counter cannot be calibrated");
    }
}

/* The tightest limit of memory for this process's group, of version 2 or 1; 0: none. */
static uint64_t memory_limit(void) {
    static const char *const files[] = {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
    char line[64];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *text = read_line(files[i], line, sizeof line);
        uint64_t bytes = text ? strtoull(text, NULL, 10) : 0;
        if (bytes > 0 && bytes < (UINT64_C(1) << 60)) { /* version 1 says nearly 2^63 for none */
            return bytes;
        }
    }
    return 0;
}

static void ask_limits(struct tg_doctor *doctor) {
    struct rlimit files = {.rlim_cur = RLIM_INFINITY};
    struct rlimit size = {.rlim_cur = RLIM_INFINITY};
    uint64_t memory_bytes = memory_limit();
    struct tg_error err = TG_ERROR_INIT;
    size_t before = doctor->count;
    doctor->group = "limits";
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_FSIZE, &size);
    if (files.rlim_cur < ENOUGH_FILES) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "ulimit -n 1024", "only %" PRIu64 " files may be open at once",
                      (uint64_t)files.rlim_cur);
    }
    if (size.rlim_cur < ENOUGH_FILE_BYTES) {
        tg_doctor_add(doctor, TG_VERDICT_PROBLEM, "ulimit -f unlimited",
                      "files may not be larger than %s: recordings and histories are",
                      tg_humanize_bytes(size.rlim_cur).text);
    }
    if (memory_bytes && memory_bytes < ENOUGH_MEMORY_BYTES) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "TACHOGRAPH_RUNTIME_DIR on a volume takes them out of it",
                      "this container may have %s of memory, and recordings in memory count towards it",
                      tg_humanize_bytes(memory_bytes).text);
    }
    if (tg_watch_check(&err) != TG_OK) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, NULL, "hot reload: %s", err.message);
    }
    if (doctor->count == before) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "none that hinders%s%s", memory_bytes ? "; this container has " : "",
                      memory_bytes ? tg_humanize_bytes(memory_bytes).text : "");
    }
}

/* Names and small charts are written as UTF-8, whatever the locale. */
static void ask_terminal(struct tg_doctor *doctor) {
    static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *locale = NULL;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0] && !locale; i++) {
        const char *value = getenv(variables[i]);
        locale = value && value[0] ? value : NULL;
    }
    if (isatty(STDOUT_FILENO) && locale && !strcasestr(locale, "utf-8") && !strcasestr(locale, "utf8")) {
        doctor->group = "terminal";
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "export LC_ALL=C.UTF-8, where the terminal knows it",
                      "the locale is %s: names and small charts are written as UTF-8, and may look odd", locale);
    }
}

void tg_doctor_ask_kernel(struct tg_doctor *doctor) {
    ask_limits(doctor);
    ask_terminal(doctor);
}
