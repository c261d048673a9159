/*
 * instant: memory of a thread of another process as it was in one instant. The processor that the thread runs on is
 * interrupted, and reads it in the interrupt: instant_program.bpf.c, which the kernel has checked and runs there
 * (BPF_PROG_TEST_RUN on a processor, Linux 5.10). Nobody is stopped, moved, signalled or woken; the thread loses what
 * an interrupt takes, and a microsecond or two.
 *
 * That takes CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN. Who does not have them, or a kernel that knows none of it, is
 * asked once; then all is TG_INSTANT_REFUSED.
 *
 * What may be asked for was not known before: the program also reads the headers of frames, from the current one
 * outwards, and of their code, until it comes to a frame that is known. They are found by their address. What is not
 * found was not read, and cannot be any more.
 *
 * Threads: each belongs to one thread at a time. Addresses are the target's.
 */
#ifndef TG_INSTANT_H
#define TG_INSTANT_H

#include "sample/instant_kernel.h"
#include "sample/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Zeros are one that has not begun. */
struct tg_instant {
    struct tg_instant_kernel kernel;
    bool has_begun;
    bool is_refused;
    int errnum;      /* of the last thing that the kernel was asked for; 0: it did it */
    pid_t pid;       /* who is named in the block; 0: nobody */
    int processor;   /* of the request */
    bool is_asked;   /* nothing was read since */
    uint32_t result; /* enum tg_instant_result */
    uint32_t found;  /* where the last piece was found */
};

/* Whether instants can be taken here; at the first call, tries, which takes some 15 ms. */
bool tg_instant_begin(struct tg_instant *instant);
/* None are to be taken: tg_instant_begin() will be false. Before the first call of it. */
void tg_instant_refuse(struct tg_instant *instant);
/* A second call is fine. */
void tg_instant_end(struct tg_instant *instant);

/* Who is to be read. */
struct tg_instant_request {
    const struct tg_layout *layout;
    pid_t pid;
    pid_t number;        /* the thread's, in the process's own PID namespace */
    int processor;       /* where it is thought to run */
    uint32_t current_at; /* where the address of its current frame will be, in the bytes that are read; */
    uint32_t cframe_at;  /* up to 3.12: where that of the C frame will be that has it; else UINT32_MAX */
};

/* The next tg_instant_read() is of a new instant. False: there is no such process, or that is no thread. */
bool tg_instant_ask(struct tg_instant *instant, const struct tg_instant_request *request);

/* A frame that is known, as are those outside of it, if it is at this instruction. */
struct tg_instant_known {
    uint64_t address;
    uint64_t instruction;
};

/* Tells that of the next instant; no more of them are taken than are of use. */
void tg_instant_know(struct tg_instant *instant, const struct tg_instant_known *known, uint32_t count);

/* Reads `count` pieces, one after the other into `bytes`. The first time, in the instant that is taken with it; after
 * that, of what was read then. The bytes read: less than asked for when a piece could not be read, or was not. */
size_t tg_instant_read(struct tg_instant *instant, const struct iovec *pieces, size_t count, void *bytes);

/* Whether the instant was one of the thread that was meant. */
bool tg_instant_is_taken(const struct tg_instant *instant);
/* Whether another thread ran on the processor, or none. */
bool tg_instant_was_elsewhere(const struct tg_instant *instant);

#endif
