/*
 * The instructions of the CPython that this is compiled for.
 *
 * A new CPython version is one file, printed by tools/generate_opcodes, and one line here.
 */
#ifndef TG_OPCODES_H
#define TG_OPCODES_H

#include <Python.h>
#include <stdint.h>

#if PY_VERSION_HEX >= 0x030f0000
#error "this CPython is newer than the rewriter: generate its table with tools/generate_opcodes"
#elif PY_VERSION_HEX >= 0x030e0000
#include "opcodes_3_14.h"
#elif PY_VERSION_HEX >= 0x030d0000
#include "opcodes_3_13.h"
#elif PY_VERSION_HEX >= 0x030c0000
#include "opcodes_3_12.h"
#elif PY_VERSION_HEX >= 0x030b0000
#include "opcodes_3_11.h"
#else
#error "CPython 3.11 is the oldest that is supported"
#endif

enum tg_opcode_flag {
    TG_OPCODE_KNOWN = 1,    /* may occur in the code of a function */
    TG_OPCODE_FORWARD = 2,  /* the argument counts units forward from the next instruction ... */
    TG_OPCODE_BACKWARD = 4, /* ... or backward */
    TG_OPCODE_REFERS = 8,   /* ... but control does not go there */
    TG_OPCODE_ENDS = 16,    /* the next instruction does not follow */
};

struct tg_opcode {
    uint8_t cache_units;
    uint8_t flags;
};

/* By number; zero where there is no such instruction. */
extern const struct tg_opcode tg_opcodes[256];

/* What is mentioned by name has a number on every version; where there is no such instruction, one past all others. */
#define TG_OPCODE_MISSING                             256
#define TG_OPCODE_NUMBER(name, number, caches, flags) TG_OP_##name = (number),
#define TG_OPCODE_ABSENT(name)                        TG_OP_##name = TG_OPCODE_MISSING,
enum tg_opcode_number { TG_OPCODES(TG_OPCODE_NUMBER) TG_MISSING_OPCODES(TG_OPCODE_ABSENT) };

#endif
