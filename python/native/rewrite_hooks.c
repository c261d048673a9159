/*
 * Where the token is pushed, paused, resumed and popped, and by which instructions.
 *
 * The places are chosen so that nobody can tell. A yield and its RESUME stay neighbours, because CPython looks at the
 * instruction behind a suspended one to see what a generator waits for. Hooks at a yield or a return belong to its
 * line, hooks at the entry and trampolines to none: then a debugger stops neither more nor less often.
 */
#include "rewrite_plan.h"

/*
 * How far back an equal trampoline is looked for. Neighbouring yields have the same handler; a far one merely costs
 * some bytes.
 */
#define TRAMPOLINE_SEARCH 8

/* The largest code whose returns are looked at one by one: finding a line takes time in proportion to the code. */
#define ONE_STEP_UNITS 4096

/* Token, position, exception, and copies of the last and the first. */
#define CATCH_DEPTH 5

/* Pausing or resuming the token from `depth` values above it. */
static int call_token(struct tg_step *steps, enum tg_opcode_number operation, int32_t depth) {
    steps[0] = (struct tg_step){TG_OP_COPY, (uint32_t)depth + 1};
    steps[1] = (struct tg_step){(uint16_t)operation, 0};
    steps[2] = (struct tg_step){TG_OP_POP_TOP, 0};
    return 3;
}

int tg_hook_landing(const struct tg_instruction *at, struct tg_step *steps) {
    return at->is_landing ? call_token(steps, TG_OP_UNARY_NEGATIVE, at->depth) : 0;
}

int tg_hook_before(const struct tg_instruction *at, struct tg_step *steps) {
    int count = 0;
    switch (at->hook) {
    case TG_HOOK_GUARD:
        steps[count++] = (struct tg_step){TG_OP_JUMP_FORWARD, 1};
        steps[count++] = (struct tg_step){TG_OP_NOP, 0};
        break;
    case TG_HOOK_RETURN:
        if (at->in_one_step) {
            steps[count++] = (struct tg_step){TG_OP_END_SEND, 0};
            break;
        }
        if (at->opcode == TG_OP_RETURN_VALUE) {
            steps[count++] = (struct tg_step){TG_OP_SWAP, 2};
        }
        steps[count++] = (struct tg_step){TG_OP_POP_TOP, 0};
        break;
    case TG_HOOK_PAUSE:
        count = call_token(steps, TG_OP_UNARY_INVERT, at->depth);
        break;
    case TG_HOOK_PAUSE_SEND:
        count = call_token(steps, TG_OP_UNARY_INVERT, at->depth);
        steps[count++] = (struct tg_step){TG_OP_JUMP_FORWARD, 1u + tg_opcodes[TG_OP_SEND].cache_units};
        steps[count++] = (struct tg_step){TG_OP_SEND, 0}; /* its argument is the emitter's */
        break;
    default:
        break;
    }
    return count;
}

int tg_hook_after(const struct tg_plan *plan, const struct tg_instruction *at, struct tg_step *steps) {
    switch (at->hook) {
    case TG_HOOK_ENTER:
        steps[0] = (struct tg_step){TG_OP_LOAD_CONST, plan->probe_const};
        steps[1] = (struct tg_step){TG_OP_UNARY_INVERT, 0};
        return 2;
    case TG_HOOK_CONTINUE:
        return call_token(steps, TG_OP_UNARY_NEGATIVE, at->depth);
    case TG_HOOK_ANCHOR:
        /* coverage.py takes a frame that is entered at an argument of 0 for a new call */
        steps[0] = (struct tg_step){TG_OP_NOP, 1};
        return 1;
    default:
        return 0;
    }
}

/*
 * The stack of a trampoline is that of the suspended instruction without the value that was yielded or sent, and with
 * the position and the exception on top. RERAISE leaves the position; a handler that counts on the value finds it in
 * its place (only CLEANUP_THROW does, and it does not look).
 */
int tg_hook_trampoline(const struct tg_trampoline *trampoline, struct tg_step *steps) {
    int count = call_token(steps, TG_OP_UNARY_NEGATIVE, trampoline->depth + 1);
    steps[count++] = (struct tg_step){TG_OP_RERAISE, 1};
    return count;
}

/* The stack is the token, the position and the exception. What the token says no to goes on as it came: RERAISE adds no
 * entry to the traceback, and puts the frame's line back. */
int tg_hook_catch(const struct tg_plan *plan, struct tg_step *steps) {
    if (!plan->catches) {
        return 0;
    }
    enum tg_opcode_number jump =
        TG_OP_POP_JUMP_IF_FALSE != TG_OPCODE_MISSING ? TG_OP_POP_JUMP_IF_FALSE : TG_OP_POP_JUMP_FORWARD_IF_FALSE;
    steps[0] = (struct tg_step){TG_OP_COPY, 1};
    steps[1] = (struct tg_step){TG_OP_COPY, 4};
    steps[2] = (struct tg_step){TG_OP_CONTAINS_OP, 0};
    steps[3] = (struct tg_step){(uint16_t)jump, 4}; /* over the next four, which have no caches */
    steps[4] = (struct tg_step){TG_OP_SWAP, 3};
    steps[5] = (struct tg_step){TG_OP_POP_TOP, 0};
    steps[6] = (struct tg_step){TG_OP_POP_TOP, 0};
    steps[7] = (struct tg_step){TG_OP_RETURN_VALUE, 0};
    steps[8] = (struct tg_step){TG_OP_RERAISE, 1};
    return 9;
}

/* Gives `at` a trampoline for exceptions that meet it suspended with `depth` values, `region` being their handler. */
static bool suspend(struct tg_plan *plan, struct tg_instruction *at, int32_t depth, int32_t region) {
    if (depth < 1) {
        return tg_plan_refuse(plan, "a yield without a value");
    }
    if (region != TG_NONE && plan->regions[region].depth >= depth) {
        const struct tg_instruction *handler = &plan->instructions[plan->regions[region].handler];
        if (plan->regions[region].depth > depth || handler->opcode != TG_OP_CLEANUP_THROW) {
            return tg_plan_refuse(plan, "a handler wants the value of a yield");
        }
    }
    plan->cut_count++;
    int32_t oldest = plan->trampoline_count > TRAMPOLINE_SEARCH ? plan->trampoline_count - TRAMPOLINE_SEARCH : 0;
    for (int32_t i = plan->trampoline_count; i-- > oldest;) {
        if (plan->trampolines[i].depth == depth && plan->trampolines[i].region == region) {
            at->trampoline = i;
            return true;
        }
    }
    at->trampoline = plan->trampoline_count++;
    plan->trampolines[at->trampoline] = (struct tg_trampoline){.depth = depth, .region = region};
    return true;
}

/* While `at` runs there is no token; its handler must not mind. */
static bool runs_without_token(struct tg_plan *plan, const struct tg_instruction *at) {
    plan->cut_count++;
    return at->region == TG_NONE || plan->regions[at->region].ignores_stack
           || tg_plan_refuse(plan, "a handler covers the entry or a return");
}

static int line_of(const struct tg_plan *plan, const struct tg_instruction *at) {
    return PyCode_Addr2Line(plan->code, (int)(2 * at->unit));
}

/* END_SEND pops what is below the value. CPython takes it that no line begins with that instruction, so it may only
 * stand where none does. */
static bool allows_one_step(const struct tg_plan *plan, const struct tg_instruction *at) {
    if (TG_OP_END_SEND == TG_OPCODE_MISSING || at->opcode != TG_OP_RETURN_VALUE || at->is_target
        || plan->unit_count > ONE_STEP_UNITS) {
        return false;
    }
    int line = line_of(plan, at);
    return line > 0 && line == line_of(plan, at - 1);
}

static bool hook_return(struct tg_plan *plan, struct tg_instruction *at) {
    at->hook = TG_HOOK_RETURN;
    at->in_one_step = allows_one_step(plan, at);
    if (at->depth != TG_NONE && at->depth != (at->opcode == TG_OP_RETURN_VALUE)) {
        return tg_plan_refuse(plan, "a return leaves values on the stack");
    }
    return runs_without_token(plan, at);
}

/*
 * Where TG_THROW_NEEDS_SEND, throw() ends a `yield from` by itself: it pops the subgenerator and goes back from the
 * YIELD_VALUE to the SEND, whose one-byte argument takes it behind the loop. If the subgenerator has returned, the
 * function goes on there; if it has raised, the exception seems to come from the instruction before. Both must resume
 * the token first, so the loop's last jump is followed by an anchor with a trampoline, and that by the landing.
 */
static bool hook_send(struct tg_plan *plan, struct tg_instruction *yield) {
    struct tg_instruction *landing = &plan->instructions[yield[-1].target];
    struct tg_instruction *anchor = landing - 1;
    if (landing <= yield || landing->depth == TG_NONE || anchor->hook != TG_HOOK_NONE || anchor->target == TG_NONE
        || !(tg_opcodes[anchor->opcode].flags & TG_OPCODE_ENDS)) {
        return tg_plan_refuse(plan, "a yield from is not followed by its end");
    }
    yield->hook = TG_HOOK_PAUSE_SEND;
    landing->is_landing = true;
    anchor->hook = TG_HOOK_ANCHOR;
    return suspend(plan, anchor, landing->depth, anchor->region);
}

static bool hook_yield(struct tg_plan *plan, int32_t index) {
    struct tg_instruction *yield = &plan->instructions[index];
    struct tg_instruction *resume = yield + 1; /* the end has opcode 0 */
    if (!plan->is_generator || resume->opcode != TG_OP_RESUME || (resume->arg & 3) == 0
        || resume->depth != yield->depth) {
        return tg_plan_refuse(plan, "a yield is not followed by its RESUME");
    }
    yield->hook = TG_HOOK_PAUSE;
    resume->hook = TG_HOOK_CONTINUE;
    if (!suspend(plan, yield, yield->depth, yield->region) || !suspend(plan, resume, resume->depth, resume->region)) {
        return false;
    }
    return !TG_THROW_NEEDS_SEND || yield[-1].opcode != TG_OP_SEND || hook_send(plan, yield);
}

static bool place_hook(struct tg_plan *plan, int32_t index) {
    struct tg_instruction *at = &plan->instructions[index];
    if (at->opcode == TG_OP_RETURN_VALUE || at->opcode == TG_OP_RETURN_CONST) {
        return hook_return(plan, at);
    }
    if (at->opcode == TG_OP_YIELD_VALUE && at->depth != TG_NONE) {
        return hook_yield(plan, index);
    }
    if (at->opcode == TG_OP_RESUME && at->depth != TG_NONE && at->hook != TG_HOOK_CONTINUE) {
        return tg_plan_refuse(plan, "a RESUME does not follow a yield");
    }
    if (at->target != TG_NONE && at->target <= plan->entry) {
        return tg_plan_refuse(plan, "a jump goes back to the entry");
    }
    return true;
}

/*
 * A debugger that assigns the line of the `def` to frame.f_lineno goes to where that line begins, if what is on the
 * stack fits: to RETURN_GENERATOR, which is entered with one value. In CPython's own generators there is none most of
 * the time, and the jump is refused. The token would fit, and the jump crash. So the line begins with a NOP that is
 * jumped over: nothing fits an instruction that control does not reach.
 */
static void place_guard(struct tg_plan *plan) {
    for (int32_t i = 0; i < plan->entry; i++) {
        if (plan->instructions[i].opcode == TG_OP_RETURN_GENERATOR) {
            plan->instructions[i].hook = TG_HOOK_GUARD;
        }
    }
}

static void mark_targets(struct tg_plan *plan) {
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        if (plan->instructions[i].target != TG_NONE) {
            plan->instructions[plan->instructions[i].target].is_target = true;
        }
    }
    for (int32_t i = 0; i < plan->region_count; i++) {
        plan->instructions[plan->regions[i].handler].is_target = true;
    }
}

bool tg_plan_place_hooks(struct tg_plan *plan) {
    struct tg_instruction *entry = &plan->instructions[plan->entry];
    entry->hook = TG_HOOK_ENTER;
    place_guard(plan);
    mark_targets(plan);
    if (!runs_without_token(plan, entry)) {
        return false;
    }
    for (int32_t i = plan->entry + 1; i < plan->instruction_count; i++) {
        if (!place_hook(plan, i)) {
            return false;
        }
    }
    int32_t depth = 1 + (plan->code->co_stacksize > 1 ? plan->code->co_stacksize : 1);
    depth = plan->catches && depth < CATCH_DEPTH ? CATCH_DEPTH : depth;
    for (int32_t i = 0; i < plan->trampoline_count; i++) {
        int32_t needed =
            plan->trampolines[i].depth + 3; /* token, what is left of the values, position, exception, copy */
        depth = needed > depth ? needed : depth;
    }
    plan->stack_size = depth;
    return true;
}
