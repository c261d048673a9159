/*
 * walk: the frames of one thread's stack, read while the thread may be changing them, with proof that they stood there
 * together; or else why not. A stack that was put together from two moments shows calls that never were.
 *
 * What is read of a thread, in one system call (tg_walker_read):
 *     1. its stack's chunks           and the frames that lie elsewhere: generators', and those on the C stack
 *     2. its current frame            where the walk begins
 *     3. the thread state             with 2., since 3.13 in it, the moment that the sample is of
 *     4. of a running thread, twice: the top of 1., and 2., again
 * and then, for frames not yet known from the thread's last sample, the headers of their code objects, with 4. once
 * more. Accepted is what all readings agree in and what passes five checks. A loop that calls is back where it was
 * within a fraction of a microsecond, so one more reading of each would often agree by chance: the caller always found
 * between two calls, the current frame always within one. To be believed, it would have to be found so at every
 * reading in turn. Of who has been calm for long 4. is read once; in the own process then without a system call where
 * what is read is sure to be there (own_memory.h, arena_hook.h).
 *
 * The checks:
 *     root         the outermost frame is the first one of the thread's first chunk: while a generator is left, the
 *                  chain ends too early for a moment
 *     top          of a running thread: the innermost frame ends where the stack does
 *     pc           up to 3.12, of a stopped thread: it is not about to enter the evaluation loop, where the C frame is
 *                  current before the Python frame is in it; where no pc is known, tg_walk_has_entered()
 *     order        each frame in a chunk begins where its caller's ends: one not linked yet has another's caller
 *     code         each frame's code is a code object, the same one before and after, and the instruction is inside it;
 *                  since 3.12 that may be seen to when the thread goes on again: tg_walk_prove_late()
 * Who is at rest cannot change: a thread that did not take the interpreter's lock meanwhile (which the caller sees by
 * the lock's switch number), or one that was stopped. It is read once.
 *
 * The addresses, sizes and links that are read are somebody else's bytes and may be anything; nothing is followed that
 * has not been bounded. After the first samples nothing is allocated. tg_walk() can be called in a signal handler on
 * its own thread's stack (TG_WALK_STOPPED), with a walker and a stack of its own whose frames were reserved before: it
 * takes no lock and keeps errno.
 *
 * Threads: each walker and stack belongs to one thread at a time. Addresses are the target's.
 */
#ifndef TG_WALK_H
#define TG_WALK_H

#include "base/attributes.h"
#include "base/error.h"
#include "measure/clock.h"
#include "sample/code_object.h"
#include "sample/known_code.h"
#include "sample/own_memory.h"
#include "sample/python_process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is larger is not sampled, and counted as TG_WALK_DEEP. */
#define TG_WALK_MAX_FRAMES 16384
#define TG_WALK_MAX_CHUNKS 48
#define TG_WALK_MAX_APART  256

/* What is known of a code object is believed for so long while its frames stay where they are. */
#define TG_WALK_BELIEVED_NS INT64_C(100000000)

enum tg_walk_mode {
    TG_WALK_RUNNING, /* may change the stack while it is read */
    TG_WALK_AT_REST, /* waits; if it did, the caller finds out */
    TG_WALK_STOPPED, /* held, or the caller itself */
};

enum tg_walk_result {
    TG_WALK_WHOLE,       /* proven */
    TG_WALK_UNPROVEN,    /* of tg_walk_follow(): so far so good, tg_walk_prove() has to read more */
    TG_WALK_UNREADABLE,  /* memory that is not there (any more) */
    TG_WALK_MOVED,       /* the current frame changed, or the stack grew beyond what was read */
    TG_WALK_TORN,        /* a frame changed */
    TG_WALK_OWNER,       /* a frame that cannot be one */
    TG_WALK_CODE,        /* a frame's code is no code object, or another than before */
    TG_WALK_INSTRUCTION, /* an instruction outside of the code */
    TG_WALK_ROOT,        /* a chain that does not end at the root */
    TG_WALK_TOP,         /* a chain that does not begin at the top */
    TG_WALK_PC,          /* about to enter the evaluation loop */
    TG_WALK_DEEP,        /* beyond our bounds */
    TG_WALK_UNNAMED,     /* the caller's: code whose name could not be read, or not be proven */
    TG_WALK_SWITCHED,    /* the caller's: threads took turns while they were read */
    TG_WALK_NOT_HELD,    /* the caller's: the thread did not stop in time */
    TG_WALK_REFUSED,     /* the caller's: it may not be stopped */
    TG_WALK_RESULTS,
};

/* A word or two for each, for people: "torn". */
const char *tg_walk_result_name(enum tg_walk_result result);

/* Whether a thread at rest was seen at an instruction where its stack is being changed: it is worth another look when
 * it has gone on. */
static inline bool tg_walk_is_passing(enum tg_walk_result result) {
    return result != TG_WALK_WHOLE && result != TG_WALK_DEEP && result != TG_WALK_NOT_HELD && result != TG_WALK_REFUSED;
}

struct tg_raw_frame {
    uint64_t address;
    uint64_t previous;    /* the next one outwards, be it Python's or not */
    uint64_t code;        /* the address of the code object */
    uint64_t instruction; /* the instruction pointer as it was read */
    int32_t unit;         /* the code unit that it stands on; -1: has not begun */
    uint8_t owner;
    bool is_known;      /* set by the caller for frames of a whole stack: the code need not be read again for a while;
                           already set where it was not read again */
    uint32_t header_at; /* the walk's own: in the walker's bytes, or that it did not have to be read */
    struct tg_code_header header;
};

/* Whether no one wrote the code of this frame: the interpreter's own trampolines, which begin beyond their end. */
static inline bool tg_raw_frame_is_hidden(const struct tg_raw_frame *frame) {
    return frame->header.first_traceable >= (int64_t)frame->header.identity.unit_count;
}

/* A stretch of memory, and where its copies are in the walker's bytes. */
struct tg_walk_piece {
    uint64_t address;
    uint32_t size;
    uint32_t first;
    uint32_t again;  /* so many of its last bytes are read a second time */
    uint32_t second; /* those, in the first of the rounds */
};

/* What is known of one thread's stack, from one sample to the next. */
struct tg_stack {
    uint64_t thread; /* the address of its PyThreadState */
    uint64_t cframe; /* up to 3.12: where the current frame is told */
    bool is_learned; /* where its chunks are */
    bool is_fixed;   /* its frames were reserved: no walk allocates */
    uint32_t chunk_count;
    uint32_t apart_count;    /* frames outside of the chunks, in the order of the last chain ... */
    uint32_t apart_used;     /* ... which had so many */
    uint32_t ends_at;        /* its part of the walker's bytes */
    bool is_calm;            /* set by the caller: it has been read as it ran for so long that once again will do */
    uint32_t round_count;    /* of what is read again */
    uint32_t round_bytes;    /* from what was read again in one round to the same in the next */
    tg_ns checked_ns;        /* when all its code was read last */
    enum tg_walk_mode mode;  /* of the walk under way, as all that follows down to `top` */
    uint32_t then;           /* the first of `frames` that has not been passed */
    uint32_t standing_count; /* so many frames, the last ones found, stand as they stood; in the end, the outermost */
    uint32_t known_count;    /* of these, the outermost whose code is believed */
    uint32_t innermost;      /* of the frames in chunks; UINT32_MAX: there is none */
    uint64_t innermost_address; /* likewise, which stays when `fresh` becomes `frames`; 0 none */
    uint64_t outermost;         /* likewise, its address; 0 none */
    uint64_t top;               /* the first free word */
    uint64_t entered_from; /* up to 3.12: the frame from which C code called into Python last, as the frame called has
                                it; UINT64_MAX: there is none such */
    uint64_t caller;       /* up to 3.12: where the C frame before the current one had its frame, when last asked */
    uint32_t caller_copy;  /* UINT32_MAX: it is not in the batch */
    struct tg_walk_piece place;
    struct tg_walk_piece state;
    struct tg_walk_piece chunks[TG_WALK_MAX_CHUNKS]; /* the newest first; what is in use of each */
    uint64_t chunk_bytes[TG_WALK_MAX_CHUNKS];        /* all of each */
    struct tg_walk_piece apart[TG_WALK_MAX_APART];
    struct tg_raw_frame *frames; /* of the last whole walk, the innermost first */
    struct tg_raw_frame *fresh;  /* of the one under way */
    uint32_t frame_count;
    uint32_t fresh_count;
    uint32_t same_count; /* so many of the outermost frames are as they were in the whole walk before */
    uint64_t walk_count; /* whole ones, so far */
    uint32_t capacity;
};

struct tg_instant;

struct tg_walker {
    const struct tg_python_process *process; /* borrowed */
    tg_ns now_ns;                            /* of the sample under way; set by the caller */
    /* Whether the code at this address has been known for so long that it need not be read twice while its thread runs.
     * `identity`: as it was read; NULL: whatever is known there. May be NULL: never. */
    bool (*is_old)(void *context, uint64_t address, const struct tg_code_identity *identity);
    void *context;
    /* The calling thread's PyThreadState, as the interpreter knows it; async-signal-safe. NULL: nobody can be asked. */
    void *(*own_state)(void);
    struct tg_instant *instant;      /* where all is read from; NULL: from the process as it is. Borrowed */
    const struct tg_own_memory *own; /* borrowed; NULL: all of the process is read by the system */
    const struct tg_stack *calm;     /* one of the batch under way that may be read in place; NULL: none */
    uint64_t in_place_count;         /* batches read so */
    struct tg_known_code *known; /* for the calling thread's own stack; borrowed; NULL: its code is read each time */
    bool recalls;                /* the walk under way looks there first ... */
    uint64_t freed_count;        /* ... for what was read since so many code objects had been freed */
    bool is_direct; /* the walk under way is of the calling thread's own stack, which need not be read by the system */
    struct iovec *pieces;
    uint8_t *bytes;
    size_t piece_count;
    size_t byte_count;
    size_t batch_at;   /* where the batch begins in the bytes */
    size_t read_count; /* of the bytes, since tg_walker_read() */
};

/* Reserves the walker's memory, some megabytes of which only what is needed is ever touched. */
TG_NODISCARD enum tg_status tg_walker_init(struct tg_walker *walker, const struct tg_python_process *process,
                                           struct tg_error *err);
void tg_walker_release(struct tg_walker *walker);

void tg_stack_init(struct tg_stack *stack, uint64_t thread);
/* Makes space for so many frames now, so that no walk allocates: for signal handlers. */
TG_NODISCARD enum tg_status tg_stack_reserve(struct tg_stack *stack, uint32_t frame_count, struct tg_error *err);
void tg_stack_release(struct tg_stack *stack);

/* Whether the check of the pc applies. */
bool tg_walker_needs_pc(const struct tg_walker *walker);

/* Walks one stack. `pc`: of the stopped thread, 0 not known. Whole: stack->frames. */
enum tg_walk_result tg_walk(struct tg_walker *walker, struct tg_stack *stack, enum tg_walk_mode mode, uint64_t pc);

/* Whether the frame that the current C frame began with has been linked to its caller, which the C frame before has: up
 * to 3.12 it is not yet where the evaluation loop begins; what is current there may be a frame that has returned, too,
 * and lies above the top. For a thread at rest, after its stack was followed, where no pc is known. */
bool tg_walk_has_entered(struct tg_walker *walker, struct tg_stack *stack);

/* Walks the calling thread's own stack, for signal handlers: it is at rest while the handler runs. `lock`: the address
 * of the interpreter's lock. NOT_HELD: the stack is another thread's, or its thread does not have the lock.
 *
 * Where the interpreter says that the state is the calling thread's, that state, the chunks it names and its C frame
 * are there for as long as the handler runs, and are read in place, as are frames on the first thread's C stack. Other
 * frames elsewhere and code objects are not: a pointer to them may be in the midst of being exchanged, as where
 * greenlets switch. The system reads them, but for code that is known to be the same since it was read last
 * (known_code.h). */
enum tg_walk_result tg_walk_own(struct tg_walker *walker, struct tg_stack *stack, uint64_t lock, uint64_t pc);

/* The same as tg_walk() for many stacks in one system call: begin, plan each, read, then end each. Words of the
 * caller's own may be read along (tg_walker_add). */
void tg_walker_begin(struct tg_walker *walker);
/* Begins another one whose bytes lie behind those of the one before, which stay. */
void tg_walker_begin_more(struct tg_walker *walker);
/* Where the copy will be in walker->bytes; UINT32_MAX: there is no space left. */
uint32_t tg_walker_add(struct tg_walker *walker, uint64_t address, uint32_t size);
/* Learns where the chunks of a stack are that is not `is_learned`. False: they cannot be read, now. */
bool tg_stack_learn(const struct tg_walker *walker, struct tg_stack *stack);
/* Up to 3.12: finds the current frame where the thread state that has been read says that it is told; what is not there
 * stays as it was read. For a thread that rests. */
void tg_stack_follow_cframe(struct tg_walker *walker, struct tg_stack *stack);
/* Adds a stack. False: there is no space for it. */
bool tg_walk_plan(struct tg_walker *walker, struct tg_stack *stack, enum tg_walk_mode mode);
/* Adds what tg_walk_has_entered() will ask for, as far as it can be known. False: there is no space. */
bool tg_walk_plan_entry(struct tg_walker *walker, struct tg_stack *stack);
/* False: a piece of it was not there; what lies before it was read. */
bool tg_walker_read(struct tg_walker *walker);
/* WHOLE, UNPROVEN, or what is wrong. */
enum tg_walk_result tg_walk_follow(struct tg_walker *walker, struct tg_stack *stack);
/* What tg_walk_follow() left unproven: reads code that is not known, in a batch of its own, so after all of the batch
 * before were followed. */
enum tg_walk_result tg_walk_prove(struct tg_walker *walker, struct tg_stack *stack);
/* Whether all code that tg_walk_follow() left unproven can be proven late: it lies where code has been known to lie for
 * long, and has a version, without which what comes to lie there again could look like what lay there before. */
bool tg_walk_can_be_late(const struct tg_walker *walker, const struct tg_stack *stack);
/* So many outermost frames of the last whole walk need not have their code read if they stand as they stood. */
uint32_t tg_walk_count_believed(const struct tg_walker *walker, const struct tg_stack *stack);
/* As tg_walk_prove(), of a thread that was at rest when it was followed, and no longer is. Code that is what has been
 * known for long was that at rest, too: another one in its place would have left its version there. */
enum tg_walk_result tg_walk_prove_late(struct tg_walker *walker, struct tg_stack *stack);
/* Whether a running thread's stack is still as it was; for who has read something else that hangs on it. */
bool tg_walk_still(struct tg_walker *walker, struct tg_stack *stack);

#endif
