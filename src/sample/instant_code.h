/*
 * instant_code: instant_program.bpf.c, compiled. Instructions of BPF; a load of the address of the block, or of a place
 * in it, is one of BPF_PSEUDO_MAP_VALUE that still lacks the map.
 */
#ifndef TG_INSTANT_CODE_H
#define TG_INSTANT_CODE_H

#include <stddef.h>
#include <stdint.h>

extern const uint64_t tg_instant_code[];
extern const size_t tg_instant_code_count;

#endif
