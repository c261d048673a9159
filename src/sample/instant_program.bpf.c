/*
 * instant_program: reads the memory of the thread that a processor runs, from an interrupt of that processor. This is
 * run by the kernel, which lets nothing in that could loop, fault, or write anywhere but into the block.
 *
 * It reads the pieces that it is asked for, then the headers of the frames from the current one outwards, as far as
 * they are not known, and of their code: what is not there is left out, and whoever looks for it does not find it.
 *
 * Compiled by tools/generate_instant into instant_code.c.
 */
#include "instant_block.h"

/* Of the kernel's bpf_helpers; their numbers are part of its interface. */
struct thread_numbers { /* bpf_pidns_info */
    tg_instant_u32 tid, pid;
};
static long (*const get_thread)(tg_instant_u64 device, tg_instant_u64 inode, struct thread_numbers *numbers,
                                tg_instant_u32 size) = (void *)120; /* bpf_get_ns_current_pid_tgid */
static long (*const read_user)(void *bytes, tg_instant_u32 size,
                               const void *address) = (void *)112; /* bpf_probe_read_user */

struct tg_instant_block block;

/* One of the pieces, whatever the number. The compiler is kept from knowing which: it would count addresses instead, of
 * which nobody sees that they are in the block. */
static inline struct tg_instant_piece *piece_at(tg_instant_u32 i) {
    __asm__ volatile("" : "+r"(i));
    return &block.pieces[i & (TG_INSTANT_PIECES - 1)];
}

/* Through a pointer of no type, whose alignment nobody can doubt. */
static inline tg_instant_u64 word_at(const void *place) {
    return *(const tg_instant_u64 *)place;
}

/* 1 unless it is 0. Without a branch: whoever checks the program follows both sides of each, in each round. */
static inline tg_instant_u64 is_not_zero(tg_instant_u64 word) {
    tg_instant_u64 minus = -word;
    __asm__ volatile("" : "+r"(minus)); /* the compiler would find out */
    return (word | minus) >> 63;
}

static inline int is_known(tg_instant_u64 frame, tg_instant_u64 instruction) {
    tg_instant_u64 is_none = 1;
    for (int i = 0; i < TG_INSTANT_KNOWN; i++) {
        is_none &= is_not_zero((block.known[i].address ^ frame) | (block.known[i].instruction ^ instruction));
    }
    return !is_none;
}

/* Reads what is asked for. */
static inline int read_asked(void) {
    tg_instant_u32 count = block.piece_count;
    if (count > TG_INSTANT_ASKED) {
        return TG_INSTANT_NONSENSE;
    }
    block.byte_count = 0;
    for (tg_instant_u32 i = 0; i < count; i++) {
        const struct tg_instant_piece *piece = piece_at(i);
        tg_instant_u32 size = piece->size, at = piece->at;
        if (size > TG_INSTANT_PIECE_BYTES || at >= TG_INSTANT_BYTES || at != block.byte_count) {
            return TG_INSTANT_NONSENSE;
        }
        if (read_user(&block.bytes[at], size, (const void *)piece->address)) {
            block.piece_count = i;
            return TG_INSTANT_UNREADABLE;
        }
        block.byte_count = at + size;
    }
    return TG_INSTANT_READ;
}

/* Reads one more piece, of fewer bytes than one may have; 0: it is not there, or there is no space. How many there are
 * lies in the block, so that whoever checks the program sees any count in each round, and not each one that there could
 * be. */
static inline const unsigned char *read_more(tg_instant_u64 address, tg_instant_u32 size) {
    __asm__ volatile("" ::: "memory");
    tg_instant_u32 count = block.piece_count, at = (block.byte_count + 7) & ~7U;
    if (count >= TG_INSTANT_PIECES || at >= TG_INSTANT_BYTES || read_user(&block.bytes[at], size, (void *)address)) {
        return 0;
    }
    struct tg_instant_piece *piece = piece_at(count);
    piece->address = address;
    piece->size = size;
    piece->at = at;
    block.piece_count = count + 1;
    block.byte_count = at + size;
    return &block.bytes[at];
}

/* Reads what two members of a C frame say, and the first of them in the one before. The current frame's address. */
static inline tg_instant_u64 read_cframes(tg_instant_u64 cframe) {
    tg_instant_u32 current = block.cframe_current,
                   between = (block.cframe_previous - current) & (TG_INSTANT_CFRAME_BYTES - 1);
    const unsigned char *copy = read_more(cframe + current, between + sizeof(tg_instant_u64));
    if (!copy) {
        return 0;
    }
    tg_instant_u64 frame = word_at(copy), before = word_at(copy + between);
    (void)read_more(before + current, sizeof(tg_instant_u64));
    return frame;
}

static inline tg_instant_u64 find_current(void) {
    tg_instant_u32 at = block.current_at, cframe_at = block.cframe_at;
    if (cframe_at < TG_INSTANT_BYTES) {
        return read_cframes(word_at(&block.bytes[cframe_at]));
    }
    return at < TG_INSTANT_BYTES ? word_at(&block.bytes[at]) : 0;
}

/* Reads the headers of frames and of their code. */
static inline void read_frames(tg_instant_u64 frame) {
    for (int i = 0; i < TG_INSTANT_FRAMES && frame; i++) {
        const unsigned char *copy = read_more(frame, block.frame_bytes & (TG_INSTANT_FRAME_BYTES - 1));
        if (!copy) {
            return;
        }
        tg_instant_u64 code = word_at(copy + (block.frame_code & (TG_INSTANT_FRAME_BYTES - 1)));
        tg_instant_u64 previous = word_at(copy + (block.frame_previous & (TG_INSTANT_FRAME_BYTES - 1)));
        if (is_known(frame, word_at(copy + (block.frame_instruction & (TG_INSTANT_FRAME_BYTES - 1))))) {
            return;
        }
        (void)read_more(code & block.code_mask, block.code_bytes & (TG_INSTANT_CODE_BYTES - 1));
        frame = previous;
    }
}

__attribute__((section("instant"))) int run(void *context) {
    struct thread_numbers numbers = {0};
    (void)context;
    if (get_thread(block.namespace_device, block.namespace_inode, &numbers, sizeof numbers) || numbers.tid != block.tid
        || numbers.pid != block.pid) {
        return TG_INSTANT_ELSEWHERE;
    }
    int result = read_asked();
    if (result == TG_INSTANT_READ) {
        read_frames(find_current());
    }
    return result;
}
