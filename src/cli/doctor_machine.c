/* doctor_machine: clock, kernel and limits. See doctor.h. */
#include "cli/doctor.h"

#include "base/humanize.h"
#include "measure/clock.h"
#include "record/retention.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
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

/* A hexadecimal or decimal field of /proc/self/status. */
static bool read_status(const char *name, int base, uint64_t *value) {
    char line[256];
    FILE *file = fopen("/proc/self/status", "re");
    bool found = false;
    while (file && !found && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0) {
            *value = strtoull(line + strlen(name), NULL, base);
            found = true;
        }
    }
    if (file) {
        fclose(file);
    }
    return found;
}

static bool has_ptrace_capability(void) {
    uint64_t effective = 0;
    return read_status("CapEff:", 16, &effective) && (effective >> CAP_SYS_PTRACE & 1) != 0;
}

/* Whether the system call is let through at all: on this process itself nothing else can forbid it. */
static bool can_read_memory(void) {
    int here = 1;
    int there = 0;
    struct iovec to = {.iov_base = &there, .iov_len = sizeof there};
    struct iovec from = {.iov_base = &here, .iov_len = sizeof here};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof here && there == here;
}

/* What looking into other processes will need. */
static void ask_ptrace(struct tg_doctor *doctor) {
    char line[32];
    const char *scope = read_line("/proc/sys/kernel/yama/ptrace_scope", line, sizeof line);
    doctor->group = "processes";
    if (!can_read_memory()) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "docker run --cap-add=SYS_PTRACE, or a seccomp profile that allows it",
                      "process_vm_readv is forbidden (%s): stacks of programs cannot be sampled here",
                      strerrordesc_np(errno));
    } else if (scope && strcmp(scope, "0") != 0 && !has_ptrace_capability()) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "sudo, or sysctl kernel.yama.ptrace_scope=0",
                      "kernel.yama.ptrace_scope is %s: only programs that tachograph starts can be looked into", scope);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "%s can be looked into",
                      has_ptrace_capability() ? "all" : "those of this user");
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
    if (doctor->count == before) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "none that hinders%s%s", memory_bytes ? "; this container has " : "",
                      memory_bytes ? tg_humanize_bytes(memory_bytes).text : "");
    }
}

/* The signal that sampling will use: whoever starts a program hands its mask on. */
static void ask_signals(struct tg_doctor *doctor) {
    sigset_t blocked;
    if (sigprocmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, SIGURG)) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "start programs from a shell that does not block it",
                      "SIGURG is blocked here, and in the programs that are started here: samples may be missed");
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
    ask_ptrace(doctor);
    ask_signals(doctor);
    ask_terminal(doctor);
}
