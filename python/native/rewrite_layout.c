/*
 * Gives every instruction its place in the new code. Jumps get longer; one that outgrows its argument gets another
 * EXTENDED_ARG, which may make others longer, until nothing grows any more.
 */
#include "rewrite_plan.h"

static uint32_t sum_units(const struct tg_step *steps, int count) {
    uint32_t units = 0;
    for (int i = 0; i < count; i++) {
        units += tg_step_units(&steps[i]);
    }
    return units;
}

static void place_all(struct tg_plan *plan) {
    struct tg_step steps[TG_MAX_STEPS];
    uint32_t unit = 0;
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        struct tg_instruction *at = &plan->instructions[i];
        at->begin = at->label = at->own = unit;
        unit += tg_own_units(at);
        if (at->is_landing) {
            uint32_t landing = sum_units(steps, tg_hook_landing(at, steps));
            at->label += landing;
            at->own += landing;
            unit += landing;
        }
        if (at->hook != TG_HOOK_NONE) {
            uint32_t before = sum_units(steps, tg_hook_before(at, steps));
            at->own += before;
            unit += before + sum_units(steps, tg_hook_after(plan, at, steps));
        }
    }
    struct tg_instruction *end = &plan->instructions[plan->instruction_count];
    end->begin = end->label = end->own = unit;
    for (int32_t i = 0; i < plan->trampoline_count; i++) {
        plan->trampolines[i].begin = unit;
        unit += sum_units(steps, tg_hook_trampoline(&plan->trampolines[i], steps));
    }
    plan->catch_begin = unit;
    plan->new_unit_count = unit + sum_units(steps, tg_hook_catch(plan, steps));
}

/* Gives a jump its new argument. Returns whether it has grown. */
static bool aim(const struct tg_plan *plan, struct tg_instruction *at) {
    uint32_t next = at->own + tg_own_units(at);
    uint32_t label = plan->instructions[at->target].label;
    at->arg = tg_opcodes[at->opcode].flags & TG_OPCODE_FORWARD ? label - next : next - label;
    if (tg_prefix_count(at->arg) <= at->prefix_count) {
        return false;
    }
    at->prefix_count = (uint8_t)tg_prefix_count(at->arg);
    return true;
}

/* The SEND for throw() has no room for a prefix. */
static bool check_landings(struct tg_plan *plan) {
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        const struct tg_instruction *at = &plan->instructions[i];
        if (at->hook == TG_HOOK_PAUSE_SEND && plan->instructions[at[-1].target].begin - at->own > 0xff) {
            return tg_plan_refuse(plan, "the end of a yield from is too far away");
        }
    }
    return true;
}

bool tg_plan_lay_out(struct tg_plan *plan) {
    int32_t *jumps = plan->work;
    int32_t jump_count = 0;
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        if (plan->instructions[i].target != TG_NONE) {
            jumps[jump_count++] = i;
        }
    }
    bool grew = true;
    while (grew) {
        grew = false;
        place_all(plan);
        for (int32_t i = 0; i < jump_count; i++) {
            grew |= aim(plan, &plan->instructions[jumps[i]]);
        }
    }
    return !TG_THROW_NEEDS_SEND || check_landings(plan);
}
