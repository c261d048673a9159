/*
 * instant_block: what a program in the kernel is asked to read of a thread, and what it has read. It lies in memory
 * that the kernel shares with us; included by both sides, so of numbers of fixed sizes alone.
 */
#ifndef TG_INSTANT_BLOCK_H
#define TG_INSTANT_BLOCK_H

/* Of <stdint.h>, which asks for the C library's headers of the machine that a program is for. */
typedef __UINT32_TYPE__ tg_instant_u32;
typedef __UINT64_TYPE__ tg_instant_u64;

/* So that whoever is interrupted is it for microseconds; who needs more is to be read in another way. The program goes
 * beyond none of them, whatever it is asked for. */
#define TG_INSTANT_PIECES       128
#define TG_INSTANT_PIECE_BYTES  16384
#define TG_INSTANT_BYTES        65536                  /* a power of two: pieces begin below, */
#define TG_INSTANT_TAIL_BYTES   TG_INSTANT_PIECE_BYTES /* and may end beyond it */
#define TG_INSTANT_FRAMES       48
#define TG_INSTANT_ASKED        30 /* of the pieces; the others are for frames and their code, and for two C frames */
#define TG_INSTANT_KNOWN        8
#define TG_INSTANT_FRAME_BYTES  256 /* headers of frames, and of code objects: powers of two */
#define TG_INSTANT_CODE_BYTES   512
#define TG_INSTANT_CFRAME_BYTES 64 /* between two members of a C frame: likewise */

enum tg_instant_result {
    TG_INSTANT_ELSEWHERE, /* another thread, or none, runs there */
    TG_INSTANT_READ,
    TG_INSTANT_UNREADABLE, /* a piece that was asked for was not there; those before it are read */
    TG_INSTANT_NONSENSE,   /* a request beyond the bounds */
};

struct tg_instant_piece {
    tg_instant_u64 address;
    tg_instant_u32 size;
    tg_instant_u32 at; /* its copy, in `bytes` */
};

/* A frame that is known, and so are those outside of it. */
struct tg_instant_frame {
    tg_instant_u64 address;
    tg_instant_u64 instruction;
};

struct tg_instant_block {
    /* The thread and its process: their numbers in a PID namespace, which is told by its file. */
    tg_instant_u64 namespace_device;
    tg_instant_u64 namespace_inode;
    tg_instant_u32 tid;
    tg_instant_u32 pid;

    /* Members of the interpreter's frames; sizes of headers. */
    tg_instant_u32 frame_bytes;
    tg_instant_u32 frame_previous;
    tg_instant_u32 frame_code;
    tg_instant_u32 frame_instruction;
    tg_instant_u32 code_bytes;
    tg_instant_u64 code_mask; /* of an address */

    /* Where in `bytes` it finds the address to begin with, when all that was asked for is read. */
    tg_instant_u32 current_at;      /* of the current frame; */
    tg_instant_u32 cframe_at;       /* up to 3.12, of the C frame that has it; else UINT32_MAX */
    tg_instant_u32 cframe_current;  /* there: the current frame's address, */
    tg_instant_u32 cframe_previous; /* and that of the C frame before, of which the same is read */

    tg_instant_u32 piece_count; /* that are asked for; then, that were read */
    tg_instant_u32 byte_count;
    struct tg_instant_frame known[TG_INSTANT_KNOWN];
    struct tg_instant_piece pieces[TG_INSTANT_PIECES];
    unsigned char bytes[TG_INSTANT_BYTES + TG_INSTANT_TAIL_BYTES];
};

#endif
