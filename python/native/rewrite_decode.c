/*
 * Reads a code object: its instructions and its exception table. Everything that can be out of bounds is checked
 * here.
 */
#include "rewrite_plan.h"

/* Far above any real function; keeps every sum of units and arguments within 32 bits. */
#define MAX_UNITS (1u << 24)

/* The shortest line of an exception table. */
#define MIN_REGION_BYTES 4

int tg_plan_init(struct tg_plan *plan, PyCodeObject *code, PyObject *bytes) {
    *plan = (struct tg_plan){
        .code = code,
        .bytes = (const uint8_t *)PyBytes_AS_STRING(bytes),
        .is_generator = (code->co_flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) != 0,
        .entry = TG_NONE,
        .probe_const = (uint32_t)PyTuple_GET_SIZE(code->co_consts),
    };
    size_t units = (size_t)PyBytes_GET_SIZE(bytes) / 2;
    if (units == 0 || units > MAX_UNITS || PyBytes_GET_SIZE(code->co_exceptiontable) > (Py_ssize_t)MAX_UNITS) {
        plan->refusal = "the code is empty or too long";
        return 0;
    }
    plan->unit_count = (uint32_t)units;
    size_t regions = (size_t)PyBytes_GET_SIZE(code->co_exceptiontable) / MIN_REGION_BYTES + 1;
    size_t trampolines = plan->is_generator ? units : 0;
    size_t instruction_bytes = (units + 1) * sizeof(struct tg_instruction);
    size_t region_bytes = regions * sizeof(struct tg_region);
    size_t trampoline_bytes = trampolines * sizeof(struct tg_trampoline);
    size_t index_bytes = (units + 1) * sizeof(int32_t);
    size_t work_bytes = (units + regions) * sizeof(int32_t);
    char *next = PyMem_Malloc(instruction_bytes + region_bytes + trampoline_bytes + index_bytes + work_bytes);
    if (next == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    plan->memory = next;
    plan->instructions = (struct tg_instruction *)next;
    plan->regions = (struct tg_region *)(next += instruction_bytes);
    plan->trampolines = (struct tg_trampoline *)(next += region_bytes);
    plan->index_at = (int32_t *)(next += trampoline_bytes);
    plan->work = (int32_t *)(next + index_bytes);
    return 0;
}

void tg_plan_release(struct tg_plan *plan) {
    PyMem_Free(plan->memory);
    plan->memory = NULL;
}

/* The unit that an argument refers to, TG_NONE when it is not a jump. */
static int64_t target_unit(const struct tg_instruction *at, uint32_t next_unit) {
    uint8_t flags = tg_opcodes[at->opcode].flags;
    if (flags & TG_OPCODE_FORWARD) {
        return (int64_t)next_unit + at->arg;
    }
    if (flags & TG_OPCODE_BACKWARD) {
        return (int64_t)next_unit - at->arg;
    }
    return TG_NONE;
}

/* Reads the instruction at `unit`. Returns the unit behind it, 0 when it is not understood. */
static uint32_t decode_instruction(struct tg_plan *plan, uint32_t unit) {
    const uint8_t *bytes = plan->bytes;
    struct tg_instruction *at = &plan->instructions[plan->instruction_count];
    *at = (struct tg_instruction){
        .unit = unit, .target = TG_NONE, .depth = TG_NONE, .region = TG_NONE, .trampoline = TG_NONE};
    plan->index_at[unit] = plan->instruction_count++;
    uint32_t last = unit;
    while (bytes[2 * last] == TG_OP_EXTENDED_ARG) {
        at->arg = at->arg << 8 | bytes[2 * last + 1];
        at->prefix_count++;
        last++;
        if (last == plan->unit_count || at->prefix_count > 3) {
            return 0;
        }
    }
    at->arg = at->arg << 8 | bytes[2 * last + 1];
    at->opcode = bytes[2 * last];
    struct tg_opcode opcode = tg_opcodes[at->opcode];
    uint32_t next = last + 1 + opcode.cache_units;
    if (!(opcode.flags & TG_OPCODE_KNOWN) || next > plan->unit_count) {
        return 0;
    }
    for (uint32_t inside = unit + 1; inside < next; inside++) {
        plan->index_at[inside] = TG_NONE;
    }
    int64_t target = target_unit(at, next);
    if (target >= (int64_t)plan->unit_count || target < TG_NONE) {
        return 0;
    }
    at->target = (int32_t)target; /* a unit until resolve_targets */
    return next;
}

static bool decode_instructions(struct tg_plan *plan) {
    for (uint32_t unit = 0; unit < plan->unit_count;) {
        unit = decode_instruction(plan, unit);
        if (unit == 0) {
            return tg_plan_refuse(plan, "an instruction is not known");
        }
    }
    plan->index_at[plan->unit_count] = plan->instruction_count;
    plan->instructions[plan->instruction_count] =
        (struct tg_instruction){.unit = plan->unit_count, .target = TG_NONE, .region = TG_NONE};
    return true;
}

static bool resolve_targets(struct tg_plan *plan) {
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        struct tg_instruction *at = &plan->instructions[i];
        if (at->target == TG_NONE) {
            if (tg_opcodes[at->opcode].flags & (TG_OPCODE_FORWARD | TG_OPCODE_BACKWARD)) {
                return tg_plan_refuse(plan, "a jump leaves the code");
            }
            continue;
        }
        at->target = plan->index_at[at->target];
        if (at->target == TG_NONE) {
            return tg_plan_refuse(plan, "a jump goes into the middle of an instruction");
        }
    }
    return true;
}

/*
 * A big-endian number, six bits a byte; bit 6 says that more follow, bit 7 marks the first one of a line. Returns
 * false past the end.
 */
static bool read_number(const uint8_t **next, const uint8_t *end, bool is_first, uint32_t *number) {
    *number = 0;
    for (int count = 0; *next < end && count < 5; count++) {
        uint8_t byte = *(*next)++;
        if (((byte & 128) != 0) != (is_first && count == 0)) {
            return false;
        }
        *number = *number << 6 | (byte & 63);
        if (!(byte & 64)) {
            return true;
        }
    }
    return false;
}

/* The index of the instruction that begins at `unit`, the end included; TG_NONE when there is none. */
static int32_t index_of(const struct tg_plan *plan, uint32_t unit) {
    return unit <= plan->unit_count ? plan->index_at[unit] : TG_NONE;
}

/*
 * The handler that turns a StopIteration into a RuntimeError: it covers whole generators, their first and last
 * instruction included.
 */
static bool handler_ignores_stack(const struct tg_plan *plan, int32_t handler) {
    return handler + 1 < plan->instruction_count && plan->instructions[handler].opcode == TG_OP_CALL_INTRINSIC_1
           && plan->instructions[handler + 1].opcode == TG_OP_RERAISE && plan->instructions[handler + 1].arg <= 1;
}

static bool decode_region(struct tg_plan *plan, const uint8_t **next, const uint8_t *end) {
    uint32_t begin, length, handler, depth;
    if (!read_number(next, end, true, &begin) || !read_number(next, end, false, &length)
        || !read_number(next, end, false, &handler) || !read_number(next, end, false, &depth)) {
        return false;
    }
    struct tg_region *region = &plan->regions[plan->region_count];
    int32_t previous_end = plan->region_count ? region[-1].end : 0;
    *region = (struct tg_region){.begin = index_of(plan, begin),
                                 .end = index_of(plan, begin + length),
                                 .handler = index_of(plan, handler),
                                 .depth = (int32_t)(depth >> 1),
                                 .pushes_position = depth & 1};
    if (region->begin < previous_end || region->end <= region->begin || region->handler < 0
        || region->handler >= plan->instruction_count) {
        return false;
    }
    region->ignores_stack = handler_ignores_stack(plan, region->handler);
    for (int32_t i = region->begin; i < region->end; i++) {
        plan->instructions[i].region = plan->region_count;
    }
    plan->region_count++;
    return true;
}

static bool decode_regions(struct tg_plan *plan) {
    const uint8_t *next = (const uint8_t *)PyBytes_AS_STRING(plan->code->co_exceptiontable);
    const uint8_t *end = next + PyBytes_GET_SIZE(plan->code->co_exceptiontable);
    while (next < end) {
        if (!decode_region(plan, &next, end)) {
            return tg_plan_refuse(plan, "the exception table is not understood");
        }
    }
    return true;
}

bool tg_plan_decode(struct tg_plan *plan) {
    return plan->refusal == NULL && decode_instructions(plan) && resolve_targets(plan) && decode_regions(plan);
}
