#include "sample/instant_kernel.h"

#include "sample/instant_code.h"
#include "sample/task.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of <linux/bpf.h>. */
#define BPF_MAP_CREATE               0
#define BPF_PROG_LOAD                5
#define BPF_PROG_TEST_RUN            10
#define BPF_MAP_TYPE_ARRAY           2
#define BPF_F_MMAPABLE               (1U << 10)
#define BPF_PROG_TYPE_RAW_TRACEPOINT 17
#define BPF_F_TEST_RUN_ON_CPU        (1U << 0)
#define BPF_LOAD_WIDE                0x18 /* the operation of an instruction, in its first byte; */
#define BPF_PSEUDO_MAP_VALUE         2    /* its second operand, in the upper half of the next */
#define BPF_NAME_BYTES               16

/* Of <linux/capability.h>, which may be older than the last two. */
#define SYS_ADMIN 21
#define PERFMON   38
#define BPF       39

/* The status of a process under a filter of system calls. */
#define SECCOMP_FILTERED 2

/* Until Linux 5.11 what is shared counts as locked memory, for root, too. */
#define LOCKED_BYTES ((rlim_t)1 << 20)

/* The kernel's function that reads is for programs under the GPL; ours may be used under it. */
static const char LICENSE[] = "Dual MIT/GPL";

/* The arguments of each command, as far as they are needed; the kernel takes what is left out for 0. */
struct map_create {
    uint32_t type, key_bytes, value_bytes, entry_count, flags;
};
struct program_load {
    uint32_t type, instruction_count;
    uint64_t instructions, license;
    uint32_t log_level, log_bytes;
    uint64_t log;
    uint32_t kernel_version, flags;
    char name[BPF_NAME_BYTES];
};
struct test_run {
    uint32_t program_fd, result, in_bytes, out_bytes;
    uint64_t in, out;
    uint32_t repeat, duration, context_in_bytes, context_out_bytes;
    uint64_t context_in, context_out;
    uint32_t flags, processor, batch_bytes, unused;
};

static int bpf(int command, void *arguments, size_t size) {
    return (int)syscall(SYS_bpf, command, arguments, size);
}

static uint64_t address_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

/* --- Whether it may be asked --- */

static uint64_t own_status(const char *field, int base) {
    char value[32];
    return tg_task_status(getpid(), field, value, sizeof value) ? strtoull(value, NULL, base) : 0;
}

static bool has_right(void) {
    uint64_t capabilities = own_status("CapEff", 16);
    return capabilities >> SYS_ADMIN & 1 || (capabilities >> PERFMON & 1 && capabilities >> BPF & 1);
}

/* Whether who asks lives on: a filter of system calls may kill who makes one that it does not know. A child asks, of
 * whose end no signal tells. */
static bool survives(void) {
    if (own_status("Seccomp", 10) != SECCOMP_FILTERED) {
        return true;
    }
    struct map_create nothing = {0};
    int status = -1;
    pid_t child = (pid_t)syscall(SYS_clone, 0UL, 0UL, 0UL, 0UL, 0UL);
    if (child == 0) {
        bpf(BPF_MAP_CREATE, &nothing, sizeof nothing);
        syscall(SYS_exit_group, 0);
    }
    while (child > 0 && waitpid(child, &status, __WALL) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- The program --- */

static int create_map(void) {
    struct map_create map = {
        .type = BPF_MAP_TYPE_ARRAY,
        .key_bytes = sizeof(uint32_t),
        .value_bytes = sizeof(struct tg_instant_block),
        .entry_count = 1,
        .flags = BPF_F_MMAPABLE,
    };
    return bpf(BPF_MAP_CREATE, &map, sizeof map);
}

static int open_map(void) {
    int fd = create_map();
    struct rlimit limit, more;
    if (fd >= 0 || errno != EPERM || getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        return fd;
    }
    more = limit;
    more.rlim_cur = limit.rlim_cur > LOCKED_BYTES ? limit.rlim_cur : LOCKED_BYTES;
    more.rlim_max = limit.rlim_max > more.rlim_cur ? limit.rlim_max : more.rlim_cur;
    if (setrlimit(RLIMIT_MEMLOCK, &more) == 0) {
        fd = create_map();
        int errnum = errno;
        (void)setrlimit(RLIMIT_MEMLOCK, &limit);
        errno = errnum;
    }
    return fd;
}

/* Tells the instructions which map it is. */
static void name_map(uint64_t *code, int map_fd) {
    for (size_t i = 0; i < tg_instant_code_count; i++) {
        if ((code[i] & 0xFF) == BPF_LOAD_WIDE && (code[i] >> 12 & 0xF) == BPF_PSEUDO_MAP_VALUE) {
            code[i] |= (uint64_t)(uint32_t)map_fd << 32;
        }
    }
}

static int load_program(int map_fd) {
    uint64_t *code = malloc(tg_instant_code_count * sizeof *code);
    if (!code) {
        return -1;
    }
    memcpy(code, tg_instant_code, tg_instant_code_count * sizeof *code);
    name_map(code, map_fd);
    struct program_load program = {
        .type = BPF_PROG_TYPE_RAW_TRACEPOINT,
        .instruction_count = (uint32_t)tg_instant_code_count,
        .instructions = address_of(code),
        .license = address_of(LICENSE),
        .name = "tachograph",
    };
    int fd = bpf(BPF_PROG_LOAD, &program, sizeof program), errnum = errno;
    free(code);
    errno = errnum;
    return fd;
}

static int load(struct tg_instant_kernel *kernel) {
    int map_fd = open_map();
    if (map_fd < 0) {
        return errno;
    }
    void *block = mmap(NULL, sizeof *kernel->block, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    int program_fd = block != MAP_FAILED ? load_program(map_fd) : -1, errnum = errno;
    if (program_fd >= 0) {
        *kernel = (struct tg_instant_kernel){.block = block, .map_fd = map_fd, .program_fd = program_fd};
        return 0;
    }
    if (block != MAP_FAILED) {
        munmap(block, sizeof *kernel->block);
    }
    close(map_fd);
    return errnum;
}

int tg_instant_kernel_open(struct tg_instant_kernel *kernel) {
    int before = errno;
    int errnum = has_right() && survives() ? load(kernel) : EPERM;
    errno = before;
    return errnum;
}

void tg_instant_kernel_close(struct tg_instant_kernel *kernel) {
    if (kernel->block) {
        munmap(kernel->block, sizeof *kernel->block);
        close(kernel->program_fd);
        close(kernel->map_fd);
        kernel->block = NULL;
    }
}

int tg_instant_kernel_run(const struct tg_instant_kernel *kernel, int processor, uint32_t *result) {
    struct test_run test = {
        .program_fd = (uint32_t)kernel->program_fd,
        .flags = BPF_F_TEST_RUN_ON_CPU,
        .processor = (uint32_t)processor,
    };
    int before = errno, errnum = bpf(BPF_PROG_TEST_RUN, &test, sizeof test) == 0 ? 0 : errno;
    errno = before;
    *result = errnum ? TG_INSTANT_ELSEWHERE : test.result;
    return errnum == ENXIO ? 0 : errnum; /* no such processor, or it is switched off */
}
