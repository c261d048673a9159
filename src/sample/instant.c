#include "sample/instant.h"

#include "sample/instant_block.h"
#include "sample/task.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of this process, until it was on one processor from its question where it is to the answer. */
#define SELF_TESTS 16

static_assert(TG_INSTANT_ASKED + 2 * TG_INSTANT_FRAMES + 2 <= TG_INSTANT_PIECES, "and two of C frames");

static uint64_t address_of(const void *pointer) {
    return (uint64_t)(uintptr_t)pointer;
}

/* --- A request --- */

static bool name_process(struct tg_instant *instant, pid_t pid) {
    char path[64];
    struct stat status;
    if (instant->pid == pid) {
        return true;
    }
    snprintf(path, sizeof path, "/proc/%ld/ns/pid", (long)pid);
    pid_t number = tg_task_number(pid, pid);
    if (number == 0 || stat(path, &status) != 0) {
        return false;
    }
    instant->kernel.block->namespace_device = status.st_dev;
    instant->kernel.block->namespace_inode = status.st_ino;
    instant->kernel.block->pid = (uint32_t)number;
    instant->pid = pid;
    return true;
}

/* Whether the program takes the layout as it is: what is larger it would cut off. */
static bool is_suitable(const struct tg_layout *layout) {
    uint32_t between = layout->cframe.previous - layout->cframe.current_frame;
    bool has_cframe = layout->thread.cframe != TG_LAYOUT_NONE;
    return layout->frame.locals < TG_INSTANT_FRAME_BYTES && layout->code.size < TG_INSTANT_CODE_BYTES
           && (!has_cframe || between < TG_INSTANT_CFRAME_BYTES);
}

bool tg_instant_ask(struct tg_instant *instant, const struct tg_instant_request *request) {
    struct tg_instant_block *block = instant->kernel.block;
    const struct tg_layout *layout = request->layout;
    instant->is_asked = true;
    instant->result = TG_INSTANT_NONSENSE;
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
    memset(block->known, 0, sizeof block->known);
    bool is_thread = request->number > 0; /* 0 is a processor that idles */
    return is_thread && is_suitable(layout) && name_process(instant, request->pid);
}

void tg_instant_know(struct tg_instant *instant, const struct tg_instant_known *known, uint32_t count) {
    struct tg_instant_block *block = instant->kernel.block;
    for (uint32_t i = 0; i < count && i < TG_INSTANT_KNOWN; i++) {
        block->known[i] = (struct tg_instant_frame){known[i].address, known[i].instruction};
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

static size_t take(struct tg_instant *instant, const struct iovec *pieces, size_t count, void *bytes) {
    const struct tg_instant_block *block = instant->kernel.block;
    instant->is_asked = false;
    instant->found = 0;
    if (!write_pieces(instant->kernel.block, pieces, count)) {
        return 0;
    }
    instant->errnum = tg_instant_kernel_run(&instant->kernel, instant->processor, &instant->result);
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
    const struct tg_instant_block *block = instant->kernel.block;
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

/* --- Whether it works here --- */

/* Reads a word of this thread's own. 0, or errno. */
static int test(struct tg_instant *instant) {
    static const struct tg_layout none = {.thread.cframe = TG_LAYOUT_NONE};
    static const uint64_t word = UINT64_C(0x6870617267303174);
    uint64_t copy = 0;
    struct iovec piece = {.iov_base = (void *)(uintptr_t)&word, .iov_len = sizeof word};
    struct tg_instant_request request = {.layout = &none,
                                         .pid = getpid(),
                                         .number = tg_task_number(getpid(), (pid_t)syscall(SYS_gettid)),
                                         .current_at = UINT32_MAX,
                                         .cframe_at = UINT32_MAX};
    for (int i = 0; i < SELF_TESTS && copy == 0; i++) {
        request.processor = sched_getcpu();
        bool is_read = tg_instant_ask(instant, &request) && tg_instant_read(instant, &piece, 1, &copy) == sizeof copy;
        if (!is_read && instant->errnum) {
            return instant->errnum;
        }
    }
    return copy == word ? 0 : ENOTSUP;
}

bool tg_instant_begin(struct tg_instant *instant) {
    if (!instant->has_begun && !instant->is_refused) {
        instant->errnum = tg_instant_kernel_open(&instant->kernel);
        if (instant->errnum == 0) {
            instant->errnum = test(instant);
        }
        instant->has_begun = instant->errnum == 0;
        instant->is_refused = !instant->has_begun;
        if (instant->is_refused) {
            tg_instant_kernel_close(&instant->kernel);
        }
    }
    return instant->has_begun;
}

void tg_instant_refuse(struct tg_instant *instant) {
    instant->is_refused = true;
}

void tg_instant_end(struct tg_instant *instant) {
    if (instant->has_begun) {
        tg_instant_kernel_close(&instant->kernel);
        *instant = (struct tg_instant){0};
    }
}
