/*
 * instant_kernel: the kernel's side of an instant: has it let our program in (instant_program.bpf.c), and run it on a
 * processor. By what bpf(2) is told alone, so that no header has to be as new as the kernel.
 *
 * Threads: one at a time.
 */
#ifndef TG_INSTANT_KERNEL_H
#define TG_INSTANT_KERNEL_H

#include "sample/instant_block.h"

#include <stdbool.h>
#include <stdint.h>

struct tg_instant_kernel {
    struct tg_instant_block *block; /* shared with the program; NULL: it is not loaded */
    int map_fd;
    int program_fd;
};

/* Loads the program. 0, or errno: EPERM for who has no right to it, who is not even asked then. It takes some 15 ms. */
int tg_instant_kernel_open(struct tg_instant_kernel *kernel);
/* A second call is fine. */
void tg_instant_kernel_close(struct tg_instant_kernel *kernel);

/* Runs it in an interrupt of a processor, and waits for it. *result: enum tg_instant_result, ELSEWHERE where there is
 * no such processor, or not now. 0, or errno. */
int tg_instant_kernel_run(const struct tg_instant_kernel *kernel, int processor, uint32_t *result);

#endif
