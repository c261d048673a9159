/*
 * The plan for one code object: what it consists of, and where everything goes. Internal to rewrite*.c.
 *
 * Words used here:
 *   unit         two bytes of code, what CPython counts jumps and positions in
 *   instruction  an opcode with its EXTENDED_ARG prefixes and its inline caches
 *   region       a line of the exception table: instructions and the handler of their exceptions
 *   depth        of the value stack before an instruction, as the compiler sees it: without the token below
 *
 * What an original instruction becomes, from `begin` on; every part but the third is empty most of the time:
 *
 *   landing     where throw() goes on after a `yield from` (see TG_THROW_NEEDS_SEND)
 *   before      hooks that precede it; jumps to the instruction come here, to `label`
 *   own         the instruction itself, at `own`
 *   after       hooks that follow it
 *
 * and behind the last one the trampolines: a trampoline is the handler of a suspended instruction. It tells the token
 * that the function runs again and raises the same exception once more, for the handler that the instruction had
 * originally. Behind them, where the probe catches, lies the catch: the handler of all that has no other one while
 * there is a token. It asks the token, and returns the exception or raises it once more.
 *
 * The steps are taken in the order of the functions below. Each returns false when it does not understand the code,
 * after it has set plan->refusal to a string literal; nothing has been changed then. What is read here may come from
 * any tool that makes code objects, so that bounds are checked once, in tg_plan_decode, and indices are trusted after
 * it.
 */
#ifndef TG_REWRITE_PLAN_H
#define TG_REWRITE_PLAN_H

#include "opcodes.h"

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#define TG_NONE (-1)

enum tg_hook {
    TG_HOOK_NONE,
    TG_HOOK_GUARD,      /* before RETURN_GENERATOR: keep debuggers from jumping to it */
    TG_HOOK_ENTER,      /* behind RESUME 0: push a token */
    TG_HOOK_RETURN,     /* before a return: pop it */
    TG_HOOK_PAUSE,      /* before a yield */
    TG_HOOK_PAUSE_SEND, /* the same, and a SEND that is only there to be found by throw() */
    TG_HOOK_CONTINUE,   /* behind the RESUME of a yield */
    TG_HOOK_ANCHOR,     /* behind the loop of a `yield from`: where throw() raises what the subgenerator has raised */
};

struct tg_instruction {
    uint32_t arg;
    uint32_t unit;      /* in the original code */
    int32_t target;     /* index of the instruction the argument refers to, or TG_NONE */
    int32_t depth;      /* TG_NONE when control never gets here */
    int32_t region;     /* index, or TG_NONE */
    int32_t trampoline; /* index, or TG_NONE: handles exceptions of this instruction, or of its anchor */
    uint32_t begin;     /* in the new code, as are the next two */
    uint32_t label;
    uint32_t own;
    uint16_t opcode;      /* enum tg_opcode_number */
    uint8_t prefix_count; /* of EXTENDED_ARG */
    uint8_t hook;         /* enum tg_hook */
    bool is_landing;
    bool is_target;   /* of a jump */
    bool in_one_step; /* a return whose token END_SEND pops */
};

struct tg_region {
    int32_t begin, end; /* indices of instructions, end exclusive */
    int32_t handler;
    int32_t depth;
    bool pushes_position; /* "lasti" */
    bool ignores_stack;   /* the handler looks at nothing but the exception, and raises */
};

struct tg_trampoline {
    int32_t depth; /* of the suspended instruction */
    int32_t region;
    uint32_t begin; /* in the new code */
};

struct tg_plan {
    /* the original, borrowed */
    PyCodeObject *code;
    const uint8_t *bytes;
    uint32_t unit_count;
    bool is_generator; /* or coroutine, or asynchronous generator */
    bool catches;

    const char *refusal;

    struct tg_instruction *instructions; /* one more than instruction_count: the end */
    int32_t instruction_count;
    struct tg_region *regions;
    int32_t region_count;
    struct tg_trampoline *trampolines;
    int32_t trampoline_count;
    int32_t *index_at; /* by unit: the instruction that begins there, or TG_NONE; unit_count is the end */
    int32_t *work;     /* scratch of one int per instruction and region */

    uint32_t catch_begin; /* in the new code */
    int32_t entry;        /* the RESUME that begins the function */
    uint32_t probe_const;
    int32_t cut_count; /* places where the exception table may need a line more than the original */
    int32_t stack_size;
    uint32_t new_unit_count;

    void *memory; /* all of the arrays */
};

/* A hook is a few instructions. */
struct tg_step {
    uint16_t opcode; /* enum tg_opcode_number, of an instruction that this version has */
    uint32_t arg;
};
#define TG_MAX_STEPS 9

/* Borrows `code` and `bytes` until released. Returns -1 with an exception. */
int tg_plan_init(struct tg_plan *plan, PyCodeObject *code, PyObject *bytes);
void tg_plan_release(struct tg_plan *plan);

/* Reads instructions and regions. */
bool tg_plan_decode(struct tg_plan *plan);

/* Finds the depth of the stack at each instruction, and that all paths agree on it. */
bool tg_plan_measure_depths(struct tg_plan *plan);

/* Decides where hooks and trampolines go. */
bool tg_plan_place_hooks(struct tg_plan *plan);

/* Gives everything its place in the new code, new arguments to jumps included. */
bool tg_plan_lay_out(struct tg_plan *plan);

/* The code; new reference. NULL with an exception, as for the two that follow. */
PyObject *tg_plan_make_code(const struct tg_plan *plan);

/*
 * The line table. Also NULL without an exception, with plan->refusal, because this is where the original's is read.
 */
PyObject *tg_plan_make_lines(struct tg_plan *plan);

/* The exception table. */
PyObject *tg_plan_make_regions(const struct tg_plan *plan);

/* The steps of each part; return how many. Steps are written to steps[0 .. TG_MAX_STEPS). */
int tg_hook_landing(const struct tg_instruction *at, struct tg_step *steps);
int tg_hook_before(const struct tg_instruction *at, struct tg_step *steps);
int tg_hook_after(const struct tg_plan *plan, const struct tg_instruction *at, struct tg_step *steps);
int tg_hook_trampoline(const struct tg_trampoline *trampoline, struct tg_step *steps);
int tg_hook_catch(const struct tg_plan *plan, struct tg_step *steps);

/* EXTENDED_ARG prefixes that an argument needs. */
static inline int tg_prefix_count(uint32_t arg) {
    return (arg > 0xff) + (arg > 0xffff) + (arg > 0xffffff);
}

/* Units of an instruction that has as many prefixes as its argument needs. */
static inline uint32_t tg_step_units(const struct tg_step *step) {
    return (uint32_t)tg_prefix_count(step->arg) + 1 + tg_opcodes[step->opcode].cache_units;
}

/* Units of an instruction of the code, without what is around it. */
static inline uint32_t tg_own_units(const struct tg_instruction *at) {
    return at->prefix_count + 1u + tg_opcodes[at->opcode].cache_units;
}

static inline bool tg_plan_refuse(struct tg_plan *plan, const char *reason) {
    plan->refusal = reason;
    return false;
}

#endif
