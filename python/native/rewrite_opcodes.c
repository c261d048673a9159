/* The table of instructions, by number. */
#include "opcodes.h"

#define TG_OPCODE_ROW(name, number, caches, opcode_flags)                                                              \
    [number] = {.cache_units = (caches), .flags = TG_OPCODE_KNOWN | (opcode_flags)},

const struct tg_opcode tg_opcodes[256] = {TG_OPCODES(TG_OPCODE_ROW)};
