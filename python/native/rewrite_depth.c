/*
 * Follows control through the code to find the depth of the stack at each instruction: hooks around a yield have to
 * know how far down the token lies. Where two paths disagree, or the stack would be popped below its bottom, the code
 * is not what a compiler writes.
 */
#include "rewrite_plan.h"

struct flow {
    struct tg_plan *plan;
    int32_t work_count;
};

/*
 * Control reaches instruction `index` with this depth: checks it, or notes it and that the way on from there has to
 * be followed.
 */
static bool reach(struct flow *flow, int32_t index, int64_t depth) {
    struct tg_instruction *at = &flow->plan->instructions[index];
    if (depth < 0 || depth > INT16_MAX || index == flow->plan->instruction_count) {
        return tg_plan_refuse(flow->plan, "the stack runs over or the code off its end");
    }
    if (at->depth == TG_NONE) {
        at->depth = (int32_t)depth;
        flow->plan->work[flow->work_count++] = index;
        return true;
    }
    return at->depth == depth || tg_plan_refuse(flow->plan, "two paths disagree about the depth of the stack");
}

/* The depth behind an instruction, when it jumps or when it does not. */
static int64_t depth_behind(const struct tg_instruction *at, bool jumps) {
    int effect = PyCompile_OpcodeStackEffectWithJump(at->opcode, (int)at->arg, jumps);
    return (int64_t)at->depth + effect;
}

static bool follow(struct flow *flow, int32_t index) {
    const struct tg_instruction *at = &flow->plan->instructions[index];
    uint8_t flags = tg_opcodes[at->opcode].flags;
    if (at->target != TG_NONE && !(flags & TG_OPCODE_REFERS) && !reach(flow, at->target, depth_behind(at, true))) {
        return false;
    }
    return (flags & TG_OPCODE_ENDS) || reach(flow, index + 1, depth_behind(at, false));
}

/*
 * The function begins with an empty stack behind its prologue (which makes cells and, in generators, returns the
 * generator).
 */
static bool find_entry(struct tg_plan *plan) {
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        const struct tg_instruction *at = &plan->instructions[i];
        if (at->opcode == TG_OP_RESUME) {
            plan->entry = i;
            return (at->arg & 3) == 0 || tg_plan_refuse(plan, "the code does not begin with RESUME 0");
        }
        if (at->target != TG_NONE || (tg_opcodes[at->opcode].flags & TG_OPCODE_ENDS) || at->region != TG_NONE) {
            break;
        }
    }
    return tg_plan_refuse(plan, "the code does not begin with RESUME 0");
}

/* What an instruction leaves on the stack when it raises must reach up to where its handler begins. */
static bool check_regions(struct tg_plan *plan) {
    for (int32_t r = 0; r < plan->region_count; r++) {
        const struct tg_region *region = &plan->regions[r];
        for (int32_t i = region->begin; i < region->end; i++) {
            int32_t depth = plan->instructions[i].depth;
            if (depth != TG_NONE && depth < region->depth) {
                return tg_plan_refuse(plan, "a handler expects more on the stack than there is");
            }
        }
    }
    return true;
}

bool tg_plan_measure_depths(struct tg_plan *plan) {
    struct flow flow = {.plan = plan};
    if (!find_entry(plan) || !reach(&flow, plan->entry, 0)) {
        return false;
    }
    for (int32_t r = 0; r < plan->region_count; r++) {
        const struct tg_region *region = &plan->regions[r];
        if (!reach(&flow, region->handler, (int64_t)region->depth + region->pushes_position + 1)) {
            return false;
        }
    }
    while (flow.work_count > 0) {
        if (!follow(&flow, plan->work[--flow.work_count])) {
            return false;
        }
    }
    return check_regions(plan);
}
