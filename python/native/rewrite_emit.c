/* Writes the code of a plan. */
#include "rewrite_plan.h"

/* EXTENDED_ARG prefixes, the instruction, its caches, which begin as zero. */
static uint8_t *write_instruction(uint8_t *next, unsigned opcode, uint32_t arg, int prefix_count) {
    for (int i = prefix_count; i > 0; i--) {
        *next++ = TG_OP_EXTENDED_ARG;
        *next++ = (uint8_t)(arg >> (8 * i));
    }
    *next++ = (uint8_t)opcode;
    *next++ = (uint8_t)arg;
    for (int i = tg_opcodes[opcode].cache_units; i > 0; i--) {
        *next++ = 0;
        *next++ = 0;
    }
    return next;
}

static uint8_t *write_steps(uint8_t *next, const struct tg_step *steps, int count) {
    for (int i = 0; i < count; i++) {
        next = write_instruction(next, steps[i].opcode, steps[i].arg, tg_prefix_count(steps[i].arg));
    }
    return next;
}

/* An instruction with hooks around it. */
static uint8_t *write_hooked(uint8_t *next, const struct tg_plan *plan, const struct tg_instruction *at) {
    struct tg_step steps[TG_MAX_STEPS];
    next = write_steps(next, steps, tg_hook_landing(at, steps));
    int count = tg_hook_before(at, steps);
    if (at->hook == TG_HOOK_PAUSE_SEND) {
        steps[count - 1].arg = plan->instructions[at[-1].target].begin - at->own;
    }
    next = write_steps(next, steps, count);
    next = write_instruction(next, at->opcode, at->arg, at->prefix_count);
    return write_steps(next, steps, tg_hook_after(plan, at, steps));
}

PyObject *tg_plan_make_code(const struct tg_plan *plan) {
    PyObject *code = PyBytes_FromStringAndSize(NULL, 2 * (Py_ssize_t)plan->new_unit_count);
    if (code == NULL) {
        return NULL;
    }
    uint8_t *next = (uint8_t *)PyBytes_AS_STRING(code);
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        const struct tg_instruction *at = &plan->instructions[i];
        if (at->hook == TG_HOOK_NONE && !at->is_landing) {
            next = write_instruction(next, at->opcode, at->arg, at->prefix_count);
        } else {
            next = write_hooked(next, plan, at);
        }
    }
    struct tg_step steps[TG_MAX_STEPS];
    for (int32_t i = 0; i < plan->trampoline_count; i++) {
        next = write_steps(next, steps, tg_hook_trampoline(&plan->trampolines[i], steps));
    }
    write_steps(next, steps, tg_hook_catch(plan, steps));
    return code;
}
