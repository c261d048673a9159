/*
 * Writes the exception table of a plan. Handlers find the token below what they expect, so depths go up by one, but
 * only where there is a token: not at the entry, not in a return. Suspended instructions are handled by their
 * trampolines. What is left is handled by the catch, if there is one and there is a token.
 *
 * A line of the table: begin, length, handler, depth * 2 + "push the position", big-endian in groups of six bits, bit
 * 6 says that more follow, bit 7 marks the first byte of the line. Lines are sorted.
 */
#include "rewrite_plan.h"

#define MAX_LINE_BYTES 20

/* Neighbouring units with the same handler are one line, which is written when another one begins. */
struct table {
    uint8_t *next;
    uint32_t begin, end; /* of the line not yet written; equal when there is none */
    uint32_t handler;
    uint32_t depth; /* with the low bit of the line */
};

static uint8_t *write_number(uint8_t *next, uint32_t number, uint8_t mark) {
    for (int shift = 24; shift > 0; shift -= 6) {
        if (number >> shift) {
            *next++ = (uint8_t)(64 | ((number >> shift) & 63) | mark);
            mark = 0;
        }
    }
    *next++ = (uint8_t)((number & 63) | mark);
    return next;
}

static void end_line(struct table *table) {
    if (table->begin == table->end) {
        return;
    }
    table->next = write_number(table->next, table->begin, 128);
    table->next = write_number(table->next, table->end - table->begin, 0);
    table->next = write_number(table->next, table->handler, 0);
    table->next = write_number(table->next, table->depth, 0);
    table->begin = table->end;
}

static void cover(struct table *table, uint32_t begin, uint32_t end, uint32_t handler, uint32_t depth) {
    if (begin == end) {
        return;
    }
    if (table->begin == table->end || table->end != begin || table->handler != handler || table->depth != depth) {
        end_line(table);
        table->begin = begin;
        table->handler = handler;
        table->depth = depth;
    }
    table->end = end;
}

/* Units that keep the handler they had, above a token or not. */
static void cover_region(struct table *table, const struct tg_plan *plan, int32_t index, bool has_token, uint32_t begin,
                         uint32_t end) {
    if (index == TG_NONE) {
        if (plan->catches && has_token) {
            cover(table, begin, end, plan->catch_begin, 1U << 1 | 1);
        }
        return;
    }
    if (plan->catches && !has_token) {
        return; /* the handler of whole coroutines would lead to the catch, without a token */
    }
    const struct tg_region *region = &plan->regions[index];
    uint32_t depth = (uint32_t)region->depth + has_token;
    cover(table, begin, end, plan->instructions[region->handler].label, depth << 1 | region->pushes_position);
}

static void cover_trampoline(struct table *table, const struct tg_plan *plan, int32_t index, uint32_t begin,
                             uint32_t end) {
    const struct tg_trampoline *trampoline = &plan->trampolines[index];
    cover(table, begin, end, trampoline->begin, (uint32_t)trampoline->depth << 1 | 1);
}

static void cover_instruction(struct table *table, const struct tg_plan *plan, const struct tg_instruction *at) {
    uint32_t end = at[1].begin;
    uint32_t after = at->own + tg_own_units(at);
    switch (at->hook) {
    case TG_HOOK_ENTER:
        cover_region(table, plan, at->region, false, at->begin, end);
        break;
    case TG_HOOK_RETURN:
        cover_region(table, plan, at->region, true, at->begin, at->own);
        cover_region(table, plan, at->region, false, at->own, end);
        break;
    case TG_HOOK_PAUSE:
    case TG_HOOK_PAUSE_SEND:
    case TG_HOOK_CONTINUE:
        cover_region(table, plan, at->region, true, at->begin, at->own);
        cover_trampoline(table, plan, at->trampoline, at->own, after);
        cover_region(table, plan, at->region, true, after, end);
        break;
    case TG_HOOK_ANCHOR:
        cover_region(table, plan, at->region, true, at->begin, after);
        cover_trampoline(table, plan, at->trampoline, after, end);
        break;
    default:
        cover_region(table, plan, at->region, true, at->begin, end);
        break;
    }
}

static void cover_trampolines(struct table *table, const struct tg_plan *plan) {
    for (int32_t i = 0; i < plan->trampoline_count; i++) {
        bool is_last = i + 1 == plan->trampoline_count;
        uint32_t end = is_last ? plan->catch_begin : plan->trampolines[i + 1].begin;
        cover_region(table, plan, plan->trampolines[i].region, true, plan->trampolines[i].begin, end);
    }
}

PyObject *tg_plan_make_regions(const struct tg_plan *plan) {
    if (plan->region_count == 0 && plan->trampoline_count == 0 && !plan->catches) {
        return PyBytes_FromStringAndSize(NULL, 0);
    }
    size_t lines = 2 * ((size_t)plan->region_count + (size_t)plan->cut_count) + (size_t)plan->trampoline_count + 1;
    lines += plan->catches ? lines + 1 : 0; /* between any two of them */
    uint8_t *memory = PyMem_Malloc(lines * MAX_LINE_BYTES);
    if (memory == NULL) {
        return PyErr_NoMemory();
    }
    struct table table = {.next = memory};
    for (int32_t i = 0; i < plan->instruction_count; i++) {
        if (i >= plan->entry || plan->instructions[i].region != TG_NONE) {
            cover_instruction(&table, plan, &plan->instructions[i]);
        }
    }
    cover_trampolines(&table, plan);
    end_line(&table);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)memory, table.next - memory);
    PyMem_Free(memory);
    return bytes;
}
