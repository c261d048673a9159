#include "sample/instant.h"

#include "sample/instant_block.h"
#include "sample/instant_code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of <linux/bpf.h>, which may be older than the kernel. */
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

/* Where nothing at all can be read at so many tries, as under the kernel's lockdown, it is given up. */
#define FAILURES 16

/* The kernel's functions that read are for programs under the GPL; ours may be used under it. */
static const char LICENSE[] = "Dual MIT/GPL";

static int bpf(int command, void *arguments, size_t size) {
    return (int)syscall(SYS_bpf, command, arguments, size);
}

static uint64_t address_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

/* --- The program --- */

static int open_map(void) {
    struct map_create map = {
        .type = BPF_MAP_TYPE_ARRAY,
        .key_bytes = sizeof(uint32_t),
        .value_bytes = sizeof(struct tg_instant_block),
        .entry_count = 1,
        .flags = BPF_F_MMAPABLE,
    };
    return bpf(BPF_MAP_CREATE, &map, sizeof map);
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

static bool load(struct tg_instant *instant) {
    instant->map_fd = open_map();
    if (instant->map_fd < 0) {
        return false;
    }
    void *block = mmap(NULL, sizeof *instant->block, PROT_READ | PROT_WRITE, MAP_SHARED, instant->map_fd, 0);
    instant->program_fd = block != MAP_FAILED ? load_program(instant->map_fd) : -1;
    if (instant->program_fd >= 0) {
        instant->block = block;
        return true;
    }
    int errnum = errno;
    if (block != MAP_FAILED) {
        munmap(block, sizeof *instant->block);
    }
    close(instant->map_fd);
    errno = errnum;
    return false;
}

bool tg_instant_begin(struct tg_instant *instant) {
    if (!instant->has_begun && !instant->is_refused) {
        int errnum = errno;
        instant->has_begun = load(instant);
        instant->is_refused = !instant->has_begun;
        instant->errnum = instant->has_begun ? 0 : errno;
        errno = errnum;
    }
    return instant->has_begun && !instant->is_refused;
}

void tg_instant_refuse(struct tg_instant *instant) {
    instant->is_refused = true;
}

void tg_instant_end(struct tg_instant *instant) {
    if (instant->has_begun) {
        munmap(instant->block, sizeof *instant->block);
        close(instant->program_fd);
        close(instant->map_fd);
        *instant = (struct tg_instant){0};
    }
}

/* --- A request --- */

static bool name_process(struct tg_instant *instant, pid_t pid) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%ld/ns/pid", (long)pid);
    if (instant->pid == pid) {
        return true;
    }
    if (stat(path, &status) != 0) {
        return false;
    }
    instant->block->namespace_device = status.st_dev;
    instant->block->namespace_inode = status.st_ino;
    instant->pid = pid;
    return true;
}

bool tg_instant_ask(struct tg_instant *instant, const struct tg_instant_request *request) {
    struct tg_instant_block *block = instant->block;
    const struct tg_layout *layout = request->layout;
    instant->is_asked = true;
    instant->processor = request->processor;
    block->tid = (uint32_t)request->number;
    block->frame_bytes = layout->frame.locals;
    block->frame_previous = layout->frame.previous;
    block->frame_code = layout->frame.code;
    block->frame_instruction = layout->frame.instruction;
    block->code_bytes = layout->code.size;
    block->code_mask = ~(uint64_t)layout->tag_mask;
    block->current_at = request->current_at;
    block->cframe_at = request->cframe_at;
    block->cframe_current = layout->cframe.current_frame;
    block->cframe_previous = layout->cframe.previous;
    memset(block->stops, 0, sizeof block->stops);
    return request->number > 0 && name_process(instant, request->pid); /* 0 is a processor that idles */
}

void tg_instant_know(struct tg_instant *instant, const struct tg_instant_known *known, uint32_t count) {
    struct tg_instant_block *block = instant->block;
    for (uint32_t i = 0; i < count && i < TG_INSTANT_STOPS; i++) {
        block->stops[i] = (struct tg_instant_stop){known[i].address, known[i].instruction};
    }
}

/* Writes down what is asked for. False: it is too much. */
static bool write_pieces(struct tg_instant_block *block, const struct iovec *pieces, size_t count) {
    uint32_t at = 0;
    bool fits = count <= TG_INSTANT_ASKED;
    for (size_t i = 0; i < count && fits; i++) {
        fits = pieces[i].iov_len <= TG_INSTANT_PIECE_BYTES && at < TG_INSTANT_BYTES;
        block->pieces[i] = (struct tg_instant_piece){address_of(pieces[i].iov_base), (uint32_t)pieces[i].iov_len, at};
        at += (uint32_t)pieces[i].iov_len;
    }
    block->piece_count = (uint32_t)count;
    return fits;
}

static enum tg_instant_result run(const struct tg_instant *instant) {
    struct test_run test = {
        .program_fd = (uint32_t)instant->program_fd,
        .flags = BPF_F_TEST_RUN_ON_CPU,
        .processor = (uint32_t)instant->processor,
    };
    int errnum = errno;
    bool has_run = bpf(BPF_PROG_TEST_RUN, &test, sizeof test) == 0;
    bool is_offline = !has_run && errno == ENXIO; /* the processor: then nobody runs there */
    errno = errnum;
    return has_run ? (enum tg_instant_result)test.result : is_offline ? TG_INSTANT_ELSEWHERE : TG_INSTANT_NONSENSE;
}

/* Gives up what never works. */
static void note(struct tg_instant *instant) {
    instant->has_read = instant->has_read || instant->result == TG_INSTANT_READ;
    instant->failures += !instant->has_read && instant->result != TG_INSTANT_ELSEWHERE;
    instant->is_refused = instant->failures >= FAILURES;
}

static size_t take(struct tg_instant *instant, const struct iovec *pieces, size_t count, void *bytes) {
    const struct tg_instant_block *block = instant->block;
    instant->is_asked = false;
    instant->result = write_pieces(instant->block, pieces, count) ? run(instant) : TG_INSTANT_NONSENSE;
    instant->found = 0;
    note(instant);
    if (!tg_instant_is_taken(instant) || block->piece_count == 0) {
        return 0;
    }
    uint32_t read_count = block->piece_count < count ? block->piece_count : (uint32_t)count;
    const struct tg_instant_piece *last = &block->pieces[read_count - 1];
    memcpy(bytes, block->bytes, last->at + last->size);
    return last->at + last->size;
}

/* The copy of a piece; NULL: it was not read. Pieces are asked for in about the order in which they were read. */
static const uint8_t *find(struct tg_instant *instant, uint64_t address, size_t size) {
    const struct tg_instant_block *block = instant->block;
    uint32_t count = block->piece_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (instant->found + i) % count;
        if (block->pieces[at].address == address && block->pieces[at].size == size) {
            instant->found = at;
            return block->bytes + block->pieces[at].at;
        }
    }
    return NULL;
}

size_t tg_instant_read(struct tg_instant *instant, const struct iovec *pieces, size_t count, void *bytes) {
    if (instant->is_asked) {
        return take(instant, pieces, count, bytes);
    }
    size_t total = 0;
    const uint8_t *copy = bytes;
    for (size_t i = 0; i < count && copy && tg_instant_is_taken(instant); i++) {
        copy = find(instant, address_of(pieces[i].iov_base), pieces[i].iov_len);
        if (copy) {
            memcpy((uint8_t *)bytes + total, copy, pieces[i].iov_len);
            total += pieces[i].iov_len;
        }
    }
    return total;
}

bool tg_instant_is_taken(const struct tg_instant *instant) {
    return instant->result == TG_INSTANT_READ || instant->result == TG_INSTANT_UNREADABLE;
}

bool tg_instant_was_elsewhere(const struct tg_instant *instant) {
    return instant->result == TG_INSTANT_ELSEWHERE;
}
