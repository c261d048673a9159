/*
 * doctor_sampling: what samples of processes need, from outside and from inside. See doctor.h.
 *
 * What is forbidden to all is found out by trying it, on this process and on a child that does nothing; what depends on
 * the other process is told by the commands that look into it.
 */
#include "cli/command_line.h"
#include "cli/doctor.h"
#include "record/catalog.h"
#include "record/control.h"
#include "record/reader.h"
#include "sample/instant.h"
#include "sample/refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCOPE_FILE "/proc/sys/kernel/yama/ptrace_scope"
#define IN_CONTAINER                                                                                                   \
    "docker run --cap-add=SYS_PTRACE, or a seccomp profile that allows it (in Kubernetes: "                            \
    "securityContext.capabilities.add SYS_PTRACE)"

/* What Yama allows; 0 where there is none. */
static long ptrace_scope(void) {
    char text[16] = "0";
    FILE *file = fopen(SCOPE_FILE, "re");
    if (file) {
        (void)!fgets(text, sizeof text, file);
        fclose(file);
    }
    return strtol(text, NULL, 10);
}

/* Whether the system call is let through at all: on this process itself nothing else can forbid it. */
static bool can_read_memory(void) {
    int here = 1;
    int there = 0;
    struct iovec to = {.iov_base = &there, .iov_len = sizeof there};
    struct iovec from = {.iov_base = &here, .iov_len = sizeof here};
    return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)sizeof here && there == here;
}

/* The other way. */
static bool can_read_file(void) {
    int here = 1;
    int there = 0;
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    bool can = fd >= 0 && pread(fd, &there, sizeof there, (off_t)(uintptr_t)&here) == (ssize_t)sizeof there;
    if (fd >= 0) {
        close(fd);
    }
    return can && there == here;
}

/* Whether a child can be stopped, which is ours and does nothing; errno says why not. */
static bool can_stop(void) {
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    bool can = child > 0 && ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
    int errnum = errno;
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, NULL, __WALL) < 0 && errno == EINTR) {
        }
    }
    errno = errnum;
    return can;
}

static void ask_stops(struct tg_doctor *doctor) {
    if (ptrace_scope() < 3 && !can_stop()) {
        tg_doctor_add(
            doctor, TG_VERDICT_NOTE, IN_CONTAINER,
            "ptrace is forbidden (%s): from outside no thread can be stopped, so a stack that changes while it "
            "is read is lost, and counted",
            strerrordesc_np(errno));
    }
}

static void ask_interrupts(struct tg_doctor *doctor) {
    struct tg_instant instant = {0};
    if (tg_instant_begin(&instant)) {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL,
                      "from outside: the kernel runs our program, so threads are read in an interrupt, without a stop "
                      "(record and top: not with --no-bpf)");
    } else {
        const char *why = strerrordesc_np(instant.errnum);
        const char *remedy = instant.errnum == EPERM ? "sudo, or CAP_BPF and CAP_PERFMON, where that matters"
                                                     : "Linux from 5.10 on, where that matters";
        tg_doctor_add(
            doctor, TG_VERDICT_NOTE, remedy,
            "the kernel runs no program of this user's (BPF, %s): from outside, threads that call all the time "
            "are made to rest for each look, which costs them twice as much as an interrupt would",
            why ? why : "not supported");
    }
    tg_instant_end(&instant);
}

static void ask_scope(struct tg_doctor *doctor) {
    long scope = ptrace_scope();
    bool all = tg_refusal_may_trace_everything();
    if (scope >= 3) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE,
                      "sample from inside, with tachograph run --sample-hz or start(sample_hz=)",
                      SCOPE_FILE " is %ld: nobody can look into another process until the next restart", scope);
    } else if (scope > 0 && !all) {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, "sudo, or sudo sysctl kernel.yama.ptrace_scope=0",
                      SCOPE_FILE " is %ld: from outside only %s", scope,
                      scope == 1 ? "programs that tachograph record has started can be looked into"
                                 : "root can look into processes");
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "from outside: processes of %s can be looked into",
                      all ? "all users" : "this user");
    }
}

static void ask_outside(struct tg_doctor *doctor) {
    if (can_read_memory()) {
        ask_scope(doctor);
        ask_stops(doctor);
        ask_interrupts(doctor);
        return;
    }
    int errnum = errno;
    if (can_read_file()) {
        tg_doctor_add(
            doctor, TG_VERDICT_NOTE, IN_CONTAINER,
            "process_vm_readv is forbidden (%s): memory is read through /proc/PID/mem, which takes longer, so "
            "more samples are torn",
            strerrordesc_np(errnum));
        ask_stops(doctor);
        ask_interrupts(doctor);
    } else {
        tg_doctor_add(doctor, TG_VERDICT_NOTE, IN_CONTAINER,
                      "process_vm_readv is forbidden (%s), and so is /proc/PID/mem: nothing can be sampled here, from "
                      "outside or inside",
                      strerrordesc_np(errnum));
    }
}

/* The signal that sampling from inside uses: whoever starts a program hands its mask on. */
static void ask_signal(struct tg_doctor *doctor) {
    sigset_t blocked;
    if (sigprocmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, SIGURG)) {
        tg_doctor_add(
            doctor, TG_VERDICT_NOTE, "start programs from a shell that does not block it",
            "SIGURG is blocked here, and in the programs that are started here: from inside, stacks that change "
            "while they are read are lost, and counted");
    } else {
        tg_doctor_add(doctor, TG_VERDICT_OK, NULL, "from inside: SIGURG is not blocked here");
    }
}

/* What a process that samples itself says. */
static void ask_process(struct tg_doctor *doctor, const struct tg_catalog_entry *entry) {
    struct tg_header header;
    bool alive = false;
    if (!entry->alive || tg_reader_peek(entry->path, &header, &alive) != TG_OK || !alive) {
        return;
    }
    struct tg_sampler_status status = tg_control_status(&header);
    struct tg_hindrance_words words = tg_hindrance_words(status.hindrance);
    if (status.state != TG_SAMPLER_NONE && words.what[0]) {
        struct tg_strbuf program = TG_STRBUF_INIT;
        tg_command_line_append(&program, (pid_t)entry->pid);
        tg_doctor_add(doctor, TG_VERDICT_NOTE, words.remedy, "process %" PRIu64 "%s: %s", entry->pid,
                      tg_strbuf_text(&program), words.what);
        tg_strbuf_release(&program);
    }
}

static void ask_processes(struct tg_doctor *doctor) {
    struct tg_catalog catalog;
    if (tg_catalog_read(&catalog, 0, NULL) == TG_OK) { /* what is wrong with the directory is said of recordings */
        for (size_t i = 0; i < catalog.count; i++) {
            ask_process(doctor, &catalog.entries[i]);
        }
        tg_catalog_release(&catalog);
    }
}

void tg_doctor_ask_sampling(struct tg_doctor *doctor) {
    doctor->group = "sampling";
    ask_outside(doctor);
    ask_signal(doctor);
    ask_processes(doctor);
}
